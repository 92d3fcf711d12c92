"""SQLite: the embedded default. One file, WAL, synchronous=FULL, and one fsync for all that commit together.

Changes form groups, over one writing connection, one group after the other. The bodies of a group run on the event
loop, without a pause between them; what they leave is then written and committed together: on the loop where rows are
few and commits have lately been quick, else in a thread, and those who arrive meanwhile form the next group. A body
that fails takes nothing of the others with it, for nothing is written before all have returned. Reads run on the loop,
over a connection of their own.
"""

import asyncio
import json
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Final, NamedTuple, TypeVar

import structlog

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage._interface import Body, RuleBroken, StorageUnavailable
from payment_actions_server.storage.gathering import gathered
from payment_actions_server.storage.queries import Queries
from payment_actions_server.storage.rows import Row
from payment_actions_server.storage.sqlite_file import LogCopier, begin_patiently, carry_out, connect, migrate
from payment_actions_server.storage.sqlite_sql import Refused, Statement, asking, numbered, record, writing
from payment_actions_server.storage.work import PaymentWork, Record

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_SIZE_MAX: Final = 256
RECENT_MAX: Final = 2048
QUICK_SECONDS_MAX: Final = 0.001
"""A commit that takes less holds the event loop up less than a thread would; one that takes more waits in a thread."""
FEW_ROWS_MAX: Final = 32
"""So many rows are written as quickly as they are handed to a thread."""


class SqliteStorage(Queries):
    """A `Storage` in one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._waiting: deque[_Wanted] = deque()
        self._arrived = asyncio.Event()
        self._group_task: asyncio.Task[None] | None = None
        self._closing = False
        self._recent = _Recent()
        self._commit_seconds = 2 * QUICK_SECONDS_MAX  # Lately, on average.
        self.on_events: Callable[[list[Event]], None] = _nobody

    async def start(self) -> None:
        """Open the file and bring its schema up to date."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, migrate, self._path)
            self._writer = connect(self._path)
            self._writer.execute("PRAGMA busy_timeout = 0")  # It waits for other processes in a thread; see _begin.
            self._reader = connect(self._path)
            self._reader.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        self._copier = LogCopier(self._path)
        self._group_task = asyncio.create_task(self._commit_groups(), name="sqlite-groups")

    async def aclose(self) -> None:
        """Commit what waits, then close."""
        self._closing = True
        self._arrived.set()
        if self._group_task is not None:
            await self._group_task
            await self._copier.aclose()
            self._writer.close()
            self._reader.close()
        self._thread.shutdown()

    async def change(self, key: PaymentKey, body: Body[T], *, request_id: str = "", operation_id: str = "") -> T:
        """Change a payment with the next group."""
        value: T = await self._next_group(_Change(key, body, request_id, operation_id, _future()))
        return value

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment."""
        reader = self._open_reader()
        try:
            if not (request_id or operation_id):
                return record(reader, *key)
            reader.execute("BEGIN")
            try:
                return asking(reader, key.store, record(reader, *key), request_id, operation_id)
            finally:
                if reader.in_transaction:  # Some errors end it.
                    reader.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    async def last_sequence(self) -> int:
        """Return the last sequence: commits come in the order of their sequences."""
        rows = await self._rows("SELECT coalesce(max(sequence), 0) FROM events")
        return int(rows[0][0])

    async def _rows(self, sql: str, *arguments: Any) -> Sequence[Row]:
        reader = self._open_reader()
        try:
            return reader.execute(numbered(sql), arguments).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    async def _execute(self, sql: str, *arguments: Any) -> int:
        touched: int = await self._next_group(_Execution(Statement(numbered(sql), arguments, 1, ""), _future()))
        return touched

    def _any_of(self, placeholder: str) -> str:
        return f"IN (SELECT value FROM json_each({placeholder}))"

    def _strings(self, values: Iterable[str]) -> str:
        return json.dumps(list(values))

    def _open_reader(self) -> sqlite3.Connection:
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        return self._reader

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        return StorageUnavailable(f"{self._path}: {error}")

    # -- groups -----------------------------------------------------------------------------------------------------

    async def _next_group(self, wanted: "_Wanted") -> Any:
        if self._closing:
            raise StorageUnavailable("the storage is closed")
        self._waiting.append(wanted)
        self._arrived.set()
        return await wanted.future

    async def _commit_groups(self) -> None:
        while not (self._closing and not self._waiting):
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await gathered(self._waiting)
                await self._commit_group(self._take_group())

    def _take_group(self) -> list["_Wanted"]:
        """Take what waits, but only one change of each payment: the next one is to see what this one leaves."""
        group: list[_Wanted] = []
        later: list[_Wanted] = []
        keys: set[PaymentKey] = set()
        while self._waiting and len(group) < GROUP_SIZE_MAX:
            wanted = self._waiting.popleft()
            if wanted.future.cancelled():
                continue
            if isinstance(wanted, _Change):
                if wanted.key in keys:
                    later.append(wanted)
                    continue
                keys.add(wanted.key)
            group.append(wanted)
        self._waiting.extendleft(reversed(later))
        return group

    async def _commit_group(self, group: list["_Wanted"]) -> None:
        if not group:
            return
        try:
            await self._begin()
            self._recent.trust(self._writer.execute("PRAGMA data_version").fetchone()[0])
            done = self._run(group)
            await self._commit(done)
        except Refused as refused:
            self._roll_back()
            await self._after_refusal(group, refused)
            return
        except Exception as error:
            log.exception("sqlite commit failed", path=self._path)
            self._roll_back()
            for wanted in group:
                _settle(wanted.future, error=self._unavailable(error))
            return
        for wanted, value in done.values:
            _settle(wanted.future, value)
        self._announce(done.events)
        self._copier.written(done.rows)

    def _run(self, group: list["_Wanted"]) -> "_Done":
        """Run all bodies; return what is to be written of them and told of them."""
        done, works = _Done([], [], []), []
        for wanted in group:
            if isinstance(wanted, _Execution):
                done.values.append((wanted, wanted.statement.run(self._writer)))
                continue
            try:
                work = PaymentWork(wanted.key, self._found(wanted))
                value = wanted.body(work)
            except sqlite3.Error:
                raise  # It is everyone's.
            except Exception as error:  # noqa: BLE001 - its own; nothing of it is written, and the others' work stands
                _settle(wanted.future, error=error)
                continue
            done.values.append((wanted, value))
            if work.changed:
                works.append(work)
        self._number_events(works)
        for work in works:
            self._recent.put(work.key, Record(work.payment, work.operation, work.store_update))
            done.events.extend(work.events)
        done.statements.extend(writing(works))
        return done

    def _found(self, change: "_Change") -> Record:
        try:
            known = self._recent.get(change.key) or record(self._writer, *change.key)
            return asking(self._writer, change.key.store, known, change.request_id, change.operation_id)
        except (OverflowError, UnicodeEncodeError) as error:  # The driver cannot ask for it.
            raise RuleBroken(str(error)) from error

    def _number_events(self, works: list[PaymentWork]) -> None:
        """Give the events their sequences, as AUTOINCREMENT would: nobody else writes meanwhile."""
        sequence = self._recent.last_sequence
        if sequence is None:
            row = self._writer.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
            sequence = row[0] if row else 0
        numbers = count(sequence + 1)
        for work in works:
            work.number_events(numbers)
            sequence += len(work.events)
        self._recent.last_sequence = sequence

    async def _commit(self, done: "_Done") -> None:
        """Write and commit; in a thread, unless handing over and back would take longer than it does."""
        if done.rows <= FEW_ROWS_MAX and self._commit_seconds < QUICK_SECONDS_MAX:
            seconds = carry_out(self._writer, done.statements)
        else:
            loop = asyncio.get_running_loop()
            seconds = await loop.run_in_executor(self._thread, carry_out, self._writer, done.statements)
        self._commit_seconds += (seconds - self._commit_seconds) / 8

    async def _after_refusal(self, group: list["_Wanted"], refused: Exception) -> None:
        """The database refused what one of a group wrote: let each stand for itself."""
        if len(group) == 1:
            _settle(group[0].future, error=RuleBroken(str(refused)))
            return
        for wanted in group:
            if not wanted.future.done():
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
            await loop.run_in_executor(self._thread, begin_patiently, self._writer)

    def _roll_back(self) -> None:
        self._recent.clear()  # What it holds of this group will never be so.
        if not self._writer.in_transaction:
            return
        try:
            self._writer.execute("ROLLBACK")
        except sqlite3.Error:  # The next group finds out whether the database is of any use again.
            log.exception("sqlite rollback failed", path=self._path)


class _Recent:
    """What this process wrote last, so that a payment's next change need not read it back from the database."""

    def __init__(self) -> None:
        self._records: OrderedDict[PaymentKey, Record] = OrderedDict()
        self._data_version = 0
        self.last_sequence: int | None = None  #: None: to be looked up.

    def trust(self, data_version: int) -> None:
        """Forget all if somebody else has written: the number changes by other connections' commits only."""
        if data_version != self._data_version:
            self.clear()
            self._data_version = data_version

    def get(self, key: PaymentKey) -> Record | None:
        return self._records.get(key)

    def put(self, key: PaymentKey, record: Record) -> None:
        self._records[key] = record
        self._records.move_to_end(key)
        if len(self._records) > RECENT_MAX:
            self._records.popitem(last=False)

    def clear(self) -> None:
        self._records.clear()
        self.last_sequence = None


class _Change(NamedTuple):
    key: PaymentKey
    body: Body[Any]
    request_id: str
    operation_id: str
    future: "asyncio.Future[Any]"


class _Execution(NamedTuple):
    statement: Statement
    future: "asyncio.Future[Any]"


_Wanted = _Change | _Execution


class _Done(NamedTuple):
    """What a group came to, to be told once it is on disk."""

    statements: list[Statement]
    values: list[tuple[_Wanted, Any]]
    events: list[Event]

    @property
    def rows(self) -> int:
        """How many rows the statements write."""
        return sum(statement.rows for statement in self.statements)


def _future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


def _settle(future: "asyncio.Future[Any]", value: Any = None, *, error: Exception | None = None) -> None:
    if future.done():
        return  # The caller went away meanwhile; what it asked for holds all the same.
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)


def _nobody(events: list[Event]) -> None:
    """Nobody listens yet."""
