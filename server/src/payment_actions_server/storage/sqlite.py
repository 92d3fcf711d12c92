"""SQLite: the embedded default. One file, WAL, synchronous=FULL, and one fsync for all that commit together.

All transactions of the process run on its event loop, over one writing connection, one after the other and without a
pause within (each statement takes microseconds). Only the commit waits for the disk, and that in a thread; those who
arrive meanwhile form the next group and share its commit. A transaction writes only when its body has returned, so
that one which fails takes nothing of the others with it.
"""

import asyncio
import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.storage._interface import Body, RuleBroken, StorageUnavailable
from payment_actions_server.storage.migrate import upgrade
from payment_actions_server.storage.queries import RECORD_JOINS, Queries, columns, record_columns, to_record
from payment_actions_server.storage.rows import (
    EVENT,
    OPERATION,
    OPERATION_CHANGES,
    PAYMENT,
    STORE_UPDATE,
    Row,
    event_row,
    operation_row,
    payment_row,
    store_update_row,
    to_microseconds,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL
from payment_actions_server.storage.work import PaymentWork, Record

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_SIZE_MAX: Final = 256
BUSY_SECONDS_MAX: Final = 10.0
"""How long to wait for another process that writes to the same file."""
_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "busy_timeout = 10000",
    "cache_size = -16000",  # KiB
)


class SqliteStorage(Queries):
    """A `Storage` in one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._waiting: deque[_Wanted] = deque()
        self._arrived = asyncio.Event()
        self._group_task: asyncio.Task[None] | None = None
        self._closing = False
        self.on_events: Callable[[list[Event]], None] = _nobody

    async def start(self) -> None:
        """Open the file and bring its schema up to date."""
        await asyncio.get_running_loop().run_in_executor(self._thread, migrate, self._path)
        self._writer = connect(self._path)
        self._writer.execute("PRAGMA busy_timeout = 0")  # It waits for other processes in a thread; see _begin.
        self._reader = connect(self._path)
        self._reader.execute("PRAGMA query_only = ON")
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

    async def change(self, key: PaymentKey, body: Body[T], *, request_id: str = "", operation_id: str = "") -> T:
        """Change a payment with the next group."""

        def run(connection: sqlite3.Connection) -> _Answer:
            work = PaymentWork(key, _record(connection, key, request_id, operation_id))
            value = body(work)
            if work.changed:
                _write(connection, work)
            return _Answer(value, work.events)

        value: T = await self._next_group(run)
        return value

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment."""
        return _record(self._open_reader(), key, request_id, operation_id)

    async def last_sequence(self) -> int:
        """Return the last sequence: commits come in the order of their sequences."""
        rows = await self._rows("SELECT coalesce(max(sequence), 0) FROM events")
        return int(rows[0][0])

    async def _rows(self, sql: str, *arguments: Any) -> Sequence[Row]:
        return self._open_reader().execute(_numbered(sql), arguments).fetchall()

    async def _execute(self, sql: str, *arguments: Any) -> int:
        def run(connection: sqlite3.Connection) -> _Answer:
            return _Answer(connection.execute(_numbered(sql), arguments).rowcount, [])

        touched: int = await self._next_group(run)
        return touched

    def _any_of(self, placeholder: str) -> str:
        return f"IN (SELECT value FROM json_each({placeholder}))"

    def _strings(self, values: Iterable[str]) -> str:
        return json.dumps(list(values))

    def _open_reader(self) -> sqlite3.Connection:
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        return self._reader

    # -- groups -----------------------------------------------------------------------------------------------------

    async def _next_group(self, run: "_Run") -> Any:
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wanted(run, future))
        self._arrived.set()
        return await future

    async def _commit_groups(self) -> None:
        while not (self._closing and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                arrived = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_SIZE_MAX))]
                await self._commit_group([wanted for wanted in arrived if not wanted.future.cancelled()])

    async def _commit_group(self, group: list["_Wanted"]) -> None:
        if not group:
            return
        try:
            await self._begin()
            answers = [_answer(self._writer, wanted.run) for wanted in group]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.execute, "COMMIT")
        except _Refused as refused:
            self._roll_back()
            await self._after_refusal(group, refused)
            return
        except Exception as error:
            log.exception("sqlite commit failed", path=self._path)
            self._roll_back()
            for wanted in group:
                _settle(wanted.future, _Answer(error=StorageUnavailable(f"{self._path}: {error}")))
            return
        for wanted, answer in zip(group, answers, strict=True):
            _settle(wanted.future, answer)
        self._announce([event for answer in answers for event in answer.events])

    async def _after_refusal(self, group: list["_Wanted"], refused: "_Refused") -> None:
        """The database refused what one of a group wrote: let each stand for itself."""
        if len(group) == 1:
            _settle(group[0].future, _Answer(error=RuleBroken(str(refused))))
            return
        for wanted in group:
            await self._commit_group([wanted])

    def _announce(self, events: list[Event]) -> None:
        if not events:
            return
        try:
            self.on_events(events)
        except Exception:  # It must not; but it is not worth all the transactions that would wait for ever.
            log.exception("listener failed", path=self._path)

    async def _begin(self) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # Another process is writing: wait for it, but not on the loop.
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, _begin_patiently, self._writer)

    def _roll_back(self) -> None:
        if not self._writer.in_transaction:
            return
        try:
            self._writer.execute("ROLLBACK")
        except sqlite3.Error:  # The next group finds out whether the database is of any use again.
            log.exception("sqlite rollback failed", path=self._path)


class _Answer(NamedTuple):
    value: Any = None
    events: Sequence[Event] = ()
    error: Exception | None = None


_Run = Callable[[sqlite3.Connection], _Answer]


class _Wanted(NamedTuple):
    run: _Run
    future: "asyncio.Future[Any]"


class _Refused(Exception):
    """The database keeps one of its own rules."""


def _answer(connection: sqlite3.Connection, run: _Run) -> _Answer:
    try:
        return run(connection)
    except sqlite3.IntegrityError as error:
        raise _Refused(str(error)) from error
    except (sqlite3.Error, _Refused):
        raise
    except Exception as error:  # noqa: BLE001 - the body's own; nothing of it was written, and the others' work stands
        return _Answer(error=error)


def _settle(future: "asyncio.Future[Any]", answer: _Answer) -> None:
    if future.done():
        return  # The caller went away meanwhile; what it asked for holds all the same.
    if answer.error is None:
        future.set_result(answer.value)
    else:
        future.set_exception(answer.error)


# -- SQL --------------------------------------------------------------------------------------------------------------


def _numbered(sql: str) -> str:
    return sql.replace("$", "?")


def _places(names: Sequence[str], start: int = 1) -> str:
    return ", ".join(f"?{number}" for number in range(start, start + len(names)))


def _insert(table: str, names: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({columns(names)}) VALUES ({_places(names)})"


def _assignments(names: Sequence[str], of: Sequence[str]) -> str:
    return ", ".join(f'"{name}" = ?{of.index(name) + 1}' for name in names)


_K = "FROM (SELECT ?1 AS store, ?2 AS order_id) k"
_RECORD = f"SELECT {record_columns()} {_K} {RECORD_JOINS}"
_RECORD_WITH = f"SELECT {record_columns('a')} {_K} {RECORD_JOINS} LEFT JOIN operations a ON a.store = k.store AND"
_RECORD_BY_REQUEST = f"{_RECORD_WITH} a.request_id = ?3"
_RECORD_BY_OPERATION = f"{_RECORD_WITH} a.operation_id = ?3"

_KEY: Final = ("store", "order_id")
_ADD_PAYMENT = _insert("payments", PAYMENT)
_SAVE_PAYMENT = (
    f"UPDATE payments SET {_assignments([name for name in PAYMENT if name not in (*_KEY, 'create_time')], PAYMENT)}"
    f" WHERE store = ?1 AND order_id = ?2 AND version = ?{len(PAYMENT) + 1}"
)
# Of its own, for it is frequent: SQLite touches the indexes of the columns that a statement names.
_RESCHEDULE = "UPDATE payments SET next_refresh_time = ?3, refreshes = ?4 WHERE store = ?1 AND order_id = ?2"
_ADD_OPERATION = _insert("operations", OPERATION)
_SAVE_OPERATION = (
    f"UPDATE operations SET {_assignments(OPERATION_CHANGES, OPERATION)} WHERE operation_id = ?1 AND {IN_FLIGHT_SQL}"
)
_PUT_STORE_UPDATE = (
    f"{_insert('store_updates', STORE_UPDATE)} ON CONFLICT (store, order_id) DO UPDATE SET"
    f" {_assignments(STORE_UPDATE[2:], STORE_UPDATE)}"
)
_ADD_EVENT = _insert("events", EVENT)
_ADD_REFERENCE = "INSERT OR IGNORE INTO gateway_references (store, order_id, value) VALUES (?1, ?2, ?3)"


def _record(connection: sqlite3.Connection, key: PaymentKey, request_id: str, operation_id: str) -> Record:
    if request_id:
        rows = connection.execute(_RECORD_BY_REQUEST, (*key, request_id))
    elif operation_id:
        rows = connection.execute(_RECORD_BY_OPERATION, (*key, operation_id))
    else:
        rows = connection.execute(_RECORD, key)
    return to_record(rows.fetchone())


def _write(connection: sqlite3.Connection, work: PaymentWork) -> None:
    """Write what a body left, and give its events their sequences."""
    _write_payment(connection, work.found.payment, work)
    if work.saved_operation is not None:
        touched = connection.execute(_SAVE_OPERATION, operation_row(work.saved_operation)).rowcount
        if touched != 1:
            raise _Refused(f"operation {work.saved_operation.operation_id} was final already")
    if work.added_operation is not None:
        connection.execute(_ADD_OPERATION, operation_row(work.added_operation))
    if work.store_update is not None and work.store_update != work.found.store_update:
        connection.execute(_PUT_STORE_UPDATE, store_update_row(work.store_update))
    for value in work.new_references:
        connection.execute(_ADD_REFERENCE, (*work.key, value))
    work.number_events(lambda event: connection.execute(_ADD_EVENT, event_row(event)).lastrowid)


def _write_payment(connection: sqlite3.Connection, found: Payment | None, work: PaymentWork) -> None:
    payment = work.known()
    if found is None:
        connection.execute(_ADD_PAYMENT, payment_row(payment))
    elif work.events:
        touched = connection.execute(_SAVE_PAYMENT, (*payment_row(payment), found.version)).rowcount
        if touched != 1:
            raise _Refused(f"{work.key} changed under its lock")
    elif payment != found:
        due = payment.next_refresh_time
        at = None if due is None else to_microseconds(due)
        connection.execute(_RESCHEDULE, (*work.key, at, payment.refreshes))


# -- the file ---------------------------------------------------------------------------------------------------------


def connect(path: str) -> sqlite3.Connection:
    """Open the file. Transactions are begun and ended by hand: the driver begins them too late to be IMMEDIATE."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS_MAX, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def migrate(path: str) -> None:
    """Bring the file's schema up to date; make the file if there is none."""
    raw = connect(path)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            upgrade(connection, begin="BEGIN IMMEDIATE")  # A second process waits here, and then finds it done.
    finally:
        engine.dispose()
        raw.close()


def _begin_patiently(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS_MAX * 1000)}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute("PRAGMA busy_timeout = 0")


def _nobody(events: list[Event]) -> None:
    """Nobody listens yet."""
