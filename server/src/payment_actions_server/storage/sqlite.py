"""SQLite: the embedded default. One file, WAL, synchronous=FULL, and one fsync for all that commit together.

All transactions of the process run on its event loop, over one writing connection, one after the other and without a
pause within (each statement takes microseconds). Only the commit waits for the disk, and that in a thread; those who
arrive meanwhile form the next group and share its commit. A transaction writes only when its body has returned, so
that one which fails takes nothing of the others with it.
"""

import asyncio
import json
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.storage._interface import Body, RuleBroken, StorageUnavailable
from payment_actions_server.storage.migrate import upgrade
from payment_actions_server.storage.queries import (
    OPERATION_BY_ID,
    OPERATION_BY_REQUEST,
    RECORD,
    RECORD_JOINS,
    Queries,
    columns,
    to_record,
)
from payment_actions_server.storage.rows import (
    EVENT,
    OPERATION,
    OPERATION_CHANGES,
    PAYMENT,
    PAYMENT_CHANGES,
    STORE_UPDATE,
    Row,
    event_row,
    operation_row,
    payment_row,
    store_update_row,
    to_microseconds,
    to_operation,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL
from payment_actions_server.storage.work import PaymentWork, Record

T = TypeVar("T")
log = structlog.get_logger(__name__)

GROUP_SIZE_MAX: Final = 256
RECENT_MAX: Final = 2048
QUICK_SECONDS_MAX: Final = 0.001
"""A commit that takes less holds the event loop up less than a thread would; one that takes more waits in a thread."""
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
        self._recent = _Recent()
        self._commit_seconds = 2 * QUICK_SECONDS_MAX  # Lately, on average.
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
            known = self._recent.get(key) or _record(connection, key)
            work = PaymentWork(key, _asking(connection, key.store, known, request_id, operation_id))
            value = body(work)
            if work.changed:
                try:
                    _write(connection, work)
                except (OverflowError, UnicodeEncodeError) as error:  # A value that the driver cannot pass on.
                    raise _Refused(str(error)) from error
                self._recent.put(key, Record(work.payment, work.operation, work.store_update))
            return _Answer(value, work.events)

        value: T = await self._next_group(run)
        return value

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment."""
        reader = self._open_reader()
        if not (request_id or operation_id):
            return _record(reader, key)
        reader.execute("BEGIN")
        try:
            return _asking(reader, key.store, _record(reader, key), request_id, operation_id)
        finally:
            reader.execute("ROLLBACK")

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
            self._recent.trust(self._writer.execute("PRAGMA data_version").fetchone()[0])
            answers = [_answer(self._writer, wanted.run) for wanted in group]
            await self._commit()
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

    async def _commit(self) -> None:
        """Commit; in a thread, unless this disk is so quick that handing over and back would take longer."""
        started = perf_counter()
        if self._commit_seconds < QUICK_SECONDS_MAX:
            self._writer.execute("COMMIT")
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.execute, "COMMIT")
        self._commit_seconds += (perf_counter() - started - self._commit_seconds) / 8

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

    def trust(self, data_version: int) -> None:
        """Forget all if somebody else has written: the number changes by other connections' commits only."""
        if data_version != self._data_version:
            self._records.clear()
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


def _insert(table: str, names: Sequence[str]) -> str:
    places = ", ".join(f"?{number}" for number in range(1, len(names) + 1))
    return f"INSERT INTO {table} ({columns(names)}) VALUES ({places})"


def _assignments(names: Sequence[str], of: Sequence[str]) -> str:
    return ", ".join(f'"{name}" = ?{of.index(name) + 1}' for name in names)


_RECORD = f"SELECT {RECORD} FROM payments p {RECORD_JOINS} WHERE p.store = ?1 AND p.order_id = ?2"
_BY_REQUEST = _numbered(OPERATION_BY_REQUEST)
_BY_OPERATION = _numbered(OPERATION_BY_ID)

_ADD_PAYMENT = _insert("payments", PAYMENT)
_SAVE_PAYMENT = (
    f"UPDATE payments SET {_assignments(PAYMENT_CHANGES, PAYMENT)}"
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


def _record(connection: sqlite3.Connection, key: PaymentKey) -> Record:
    row = connection.execute(_RECORD, key).fetchone()
    return to_record(row) if row else Record()


def _asking(connection: sqlite3.Connection, store: str, record: Record, request_id: str, operation_id: str) -> Record:
    """Return the record with the operation that is asked for besides."""
    in_flight = record.operation
    if in_flight is not None and operation_id == in_flight.operation_id:
        return record._replace(asked=in_flight)
    if request_id:
        row = connection.execute(_BY_REQUEST, (store, request_id)).fetchone()
    elif operation_id:
        row = connection.execute(_BY_OPERATION, (store, operation_id)).fetchone()
    else:
        return record
    return record._replace(asked=to_operation(row)) if row else record


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
