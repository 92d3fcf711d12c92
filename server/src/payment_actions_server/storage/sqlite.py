"""SQLite: the embedded default. One file, WAL, synchronous=FULL, and one fsync for all that commit together.

All transactions of the process run on its event loop, over one writing connection, one after the other and without a
pause within (each statement takes microseconds). Only the commit waits for the disk, and that in a thread; those who
arrive meanwhile form the next group and share its commit. Each has a savepoint of its own, so that one that fails
takes nothing of the others with it.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection, Engine, Executable, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from payment_actions_server.domain.event import Event
from payment_actions_server.storage._interface import Body, StorageUnavailable
from payment_actions_server.storage.migrate import upgrade
from payment_actions_server.storage.rows import Row
from payment_actions_server.storage.unit_of_work import UnitOfWork

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_SIZE_MAX: Final = 256
BUSY_SECONDS_MAX: Final = 10.0
"""How long to wait for another process that writes to the same file."""


class SqliteSession:
    """Runs statements at once, on the calling thread: awaiting it never suspends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return all rows."""
        return [row._asdict() for row in self._connection.execute(statement, parameters).all()]

    async def run(self, statement: Executable, parameters: Any = None) -> int:
        """Run a write and return how many rows it touched."""
        return self._connection.execute(statement, parameters).rowcount

    async def insert_if_new(self, statement: Any, parameters: Mapping[str, Any]) -> bool:
        """Run an insert; tell whether the row was new."""
        return self._connection.execute(statement.prefix_with("OR IGNORE"), parameters).rowcount == 1


class SqliteStorage:
    """A `Storage` in one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._engine = _engine(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._waiting: deque[tuple[Body[Any], asyncio.Future[Any]]] = deque()
        self._arrived = asyncio.Event()
        self._group_task: asyncio.Task[None] | None = None
        self._closing = False
        self.on_events: Callable[[list[Event]], None] = _nobody

    async def start(self) -> None:
        """Open the file and bring its schema up to date."""
        await asyncio.get_running_loop().run_in_executor(self._thread, upgrade, self._engine)
        self._writer = self._engine.connect()
        self._writer.exec_driver_sql("PRAGMA busy_timeout = 0")  # It waits for other processes in a thread; see _begin.
        self._reader = self._engine.connect()
        self._reader.exec_driver_sql("PRAGMA query_only = ON")
        self._group_task = asyncio.create_task(self._commit_groups(), name="sqlite-groups")

    async def aclose(self) -> None:
        """Commit what waits, then close."""
        self._closing = True
        self._arrived.set()
        if self._group_task is not None:
            await self._group_task
            self._writer.close()
            self._reader.close()
        self._thread.shutdown()
        self._engine.dispose()

    async def transact(self, body: Body[T]) -> T:
        """Run a transaction with the next group."""
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((body, future))
        self._arrived.set()
        return await future

    async def read(self, body: Body[T]) -> T:
        """Run a read-only transaction at once."""
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        self._reader.exec_driver_sql("BEGIN")
        try:
            return _run_to_end(body(UnitOfWork(SqliteSession(self._reader))))
        finally:
            self._reader.exec_driver_sql("ROLLBACK")

    async def _commit_groups(self) -> None:
        while not (self._closing and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                arrived = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_SIZE_MAX))]
                group = [(body, future) for body, future in arrived if not future.cancelled()]
                if group:
                    await self._commit_group(group)

    async def _commit_group(self, group: list[tuple[Body[Any], asyncio.Future[Any]]]) -> None:
        try:
            await self._begin()
            answers = [self._run_one(body) for body, _ in group]
            await asyncio.get_running_loop().run_in_executor(self._thread, _end, self._writer, "COMMIT")
        except Exception as error:
            log.exception("sqlite commit failed", path=self._path)
            self._roll_back()
            for _, future in group:
                _settle(future, None, StorageUnavailable(f"{self._path}: {error}"))
            return
        for (_, future), answer in zip(group, answers, strict=True):
            _settle(future, answer.value, answer.error)
        self._announce([event for answer in answers for event in answer.events])

    def _announce(self, events: list[Event]) -> None:
        if not events:
            return
        try:
            self.on_events(events)
        except Exception:  # It must not; but it is not worth all the transactions that would wait for ever.
            log.exception("listener failed", path=self._path)

    async def _begin(self) -> None:
        try:
            self._writer.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError:  # Another process is writing: wait for it, but not on the loop.
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, _begin_patiently, self._writer)

    def _run_one(self, body: Body[Any]) -> "_Answer":
        work = UnitOfWork(SqliteSession(self._writer))
        self._writer.exec_driver_sql("SAVEPOINT one")
        try:
            value = _run_to_end(body(work))
        except Exception as error:  # noqa: BLE001 - handed to the one who asked; the others' work stands
            self._writer.exec_driver_sql("ROLLBACK TO one")
            self._writer.exec_driver_sql("RELEASE one")
            return _Answer(None, [], error)
        self._writer.exec_driver_sql("RELEASE one")
        return _Answer(value, work.appended, None)

    def _roll_back(self) -> None:
        if not _raw(self._writer).in_transaction:
            return
        try:
            _end(self._writer, "ROLLBACK")
        except sqlite3.Error:  # The next group finds out whether the database is of any use again.
            log.exception("sqlite rollback failed", path=self._path)


class _Answer(NamedTuple):
    value: Any
    events: list[Event]
    error: Exception | None


def _run_to_end(work: Awaitable[T]) -> T:
    """Return the result of a coroutine that never waits.

    A transaction that waited for anything else would keep all others from the database meanwhile.
    """
    assert isinstance(work, Coroutine)
    try:
        work.send(None)
    except StopIteration as finished:
        value: T = finished.value
        return value
    work.close()
    raise AssertionError("a transaction awaited something other than its own unit of work")


def _settle(future: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if future.done():
        return  # The caller went away meanwhile; what it asked for holds all the same.
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


def _end(connection: Connection, how: str) -> None:
    _raw(connection).execute(how)


def _begin_patiently(connection: Connection) -> None:
    raw = _raw(connection)
    raw.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS_MAX * 1000)}")
    try:
        raw.execute("BEGIN IMMEDIATE")
    finally:
        raw.execute("PRAGMA busy_timeout = 0")


def _engine(path: str) -> Engine:
    # Transactions are begun and ended by hand: the driver's own way begins them too late to be IMMEDIATE.
    options = {"check_same_thread": False, "isolation_level": None, "timeout": BUSY_SECONDS_MAX}
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args=options, isolation_level="AUTOCOMMIT")
    sqlalchemy_event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: sqlite3.Connection, record: object) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}")


def _nobody(events: list[Event]) -> None:
    """Nobody listens yet."""
