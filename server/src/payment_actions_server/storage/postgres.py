"""PostgreSQL: one database for any number of replicas.

Changes are optimistic. Those that arrive while others are under way form a group; a group takes two round trips,
however many it holds: one query reads all its payments, the bodies run, and one statement writes what they left and
commits it. That statement touches only payments which nobody changed meanwhile (``lock_version`` tells); the others run
again. So no lock is ever held while a replica thinks: one that is paused in mid-change holds up nobody.

Whoever appends events holds the one row of ``event_counter`` until its commit: sequences become visible in their order,
and no reader can skip one that commits late. Since that statement is the whole transaction, the wait is that for the
disk, and whole groups share it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from time import monotonic
from typing import Any, Final, NamedTuple, TypeVar

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage._interface import Body, RuleBroken, StorageUnavailable
from payment_actions_server.storage.gathering import gathered
from payment_actions_server.storage.migrate import upgrade
from payment_actions_server.storage.postgres_address import each_host, name_of
from payment_actions_server.storage.postgres_sql import (
    CONFIRM,
    LAST_SEQUENCE,
    LOAD,
    WRITE,
    to_record_asked,
    write_arguments,
)
from payment_actions_server.storage.queries import Queries
from payment_actions_server.storage.rows import Row
from payment_actions_server.storage.work import PaymentWork, Record

T = TypeVar("T")
Connection = Any  # asyncpg.Connection; its type is generic in what we do not use.
log = structlog.get_logger(__name__)

GROUP_SIZE_MAX: Final = 256
WRITERS: Final = 2
"""How many groups of changes may be under way at once."""
CONNECT_SECONDS_MAX: Final = 5.0
CALL_SECONDS_MAX: Final = 10.0
RETRY_SECONDS_MAX: Final = 15.0
"""How long an unreachable or quarrelling database is tried before the caller is told."""
RETRY_SECONDS: Final = 0.05
RETRY_SECONDS_LONGEST: Final = 1.0
REFUSALS_MAX: Final = 3
"""How often what the database refused is tried again: it may have been another replica's doing, a moment too early."""
HEAR_SECONDS: Final = 0.25
"""How often other replicas' events are looked for."""

PLAN_SECONDS_MAX: Final = 10
"""How long a plan is kept: one that was made while the tables were empty is bad when they are not."""

_MIGRATION_LOCK: Final = 0x7061796D656E7473  # "payments"
_SETTINGS: Final = {"application_name": "payment-actions", "jit": "off", "statement_timeout": "10000"}
# Found by their keys, always: a plan made while the tables were empty must not read them from end to end for ever.
_BY_KEY: Final = _SETTINGS | {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# A commit that is not on disk is none, whatever the server's default; and that may change while we are connected, so
# that what is already right is said too. A stricter value stays.
_DURABLE: Final = """SELECT set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END,
    false)"""

# Nothing of the statement holds, or it is not known whether it does: both are safe to repeat.
_TRANSIENT: Final = (
    asyncpg.TransactionRollbackError,  # 40001 serialization failure, 40P01 deadlock
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, cancelled
    asyncpg.InsufficientResourcesError,  # too many connections
    asyncpg.ReadOnlySQLTransactionError,  # it is no primary any more: connect anew
    asyncpg.InterfaceError,  # the connection was closed
    asyncpg.InternalClientError,  # such as: no primary there
    OSError,
    TimeoutError,
)

# Of these it is known: nothing holds.
_UNDONE: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

# By one of the database's rules, or as a value that it cannot hold.
_REFUSED: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class PostgresStorage(Queries):
    """A `Storage` in a PostgreSQL database.

    :param url: ``postgresql://user:password@host:port/database``, with libpq's parameters; of several hosts
        (``host:port,host:port``), the primary is used.
    """

    def __init__(self, url: str) -> None:
        self._name = name_of(url)  # For messages: without the password.
        self._url = url
        self._changing = [_Line(url, _BY_KEY) for _ in range(WRITERS)]
        self._busy: set[PaymentKey] = set()  # In a group that is under way.
        self._reading = _Line(url, _BY_KEY)
        self._asking = _Line(url, _SETTINGS)
        self._listing = _Line(url, _SETTINGS)
        self._hearing = _Line(url, _SETTINGS)
        self._changes: deque[_Change] = deque()
        self._reads: deque[_Read] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._hearing_task: asyncio.Task[None] | None = None
        self._arrived = asyncio.Event()
        self._read_wanted = asyncio.Event()
        self._closing = False
        self.on_events: Callable[[list[Event]], None] = _nobody

    async def start(self) -> None:
        """Connect and bring the schema up to date."""
        await self._retried(self._migrate)
        self._tasks = [
            *(asyncio.create_task(self._change_groups(line), name="postgres-changes") for line in self._changing),
            asyncio.create_task(self._read_groups(), name="postgres-reads"),
        ]
        self._hearing_task = asyncio.create_task(self._hear_others(), name="postgres-events")

    async def _migrate(self) -> None:
        # SQLAlchemy asks the server for nothing but what Alembic needs; the service's own statements go to the driver.
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: _connect(self._url),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
        )
        # A second replica waits for the lock, and then must see what the first one did meanwhile.
        begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"
        try:
            async with engine.connect() as connection:
                await connection.run_sync(lambda sync: upgrade(sync, begin=begin))
        except DBAPIError as error:  # What the driver said tells whether to try again.
            raise error.driver_exception from error
        finally:
            await engine.dispose()

    async def aclose(self) -> None:
        """Commit what waits, then close."""
        self._closing = True
        self._arrived.set()
        self._read_wanted.set()
        if self._hearing_task is not None:
            self._hearing_task.cancel()
            await asyncio.gather(*self._tasks, self._hearing_task, return_exceptions=True)
        for line in (*self._changing, self._reading, self._asking, self._listing, self._hearing):
            await line.aclose()

    async def change(self, key: PaymentKey, body: Body[T], *, request_id: str = "", operation_id: str = "") -> T:
        """Change a payment with the next group."""
        self._expect_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._changes.append(_Change(key, request_id, operation_id, body, future))
        self._arrived.set()
        return await future

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment; who asks while others wait for an answer shares the next query."""
        self._expect_open()
        future: asyncio.Future[Record] = asyncio.get_running_loop().create_future()
        self._reads.append(_Read(key, request_id, operation_id, future))
        self._read_wanted.set()
        return await future

    async def last_sequence(self) -> int:
        """Return the last sequence: who gave it held the counter until the commit, and so did all before."""
        rows = await self._rows(LAST_SEQUENCE)
        return int(rows[0][0])

    async def _rows(self, sql: str, *arguments: Any) -> Sequence[Row]:
        self._expect_open()
        rows: Sequence[Row] = await self._retried(lambda: self._asking.fetch(sql, *arguments))
        return rows

    async def _listed(self, sql: str, *arguments: Any) -> Sequence[Row]:
        # On a connection of its own: watches, notifications and what is due wait for nobody's list.
        self._expect_open()
        rows: Sequence[Row] = await self._retried(lambda: self._listing.fetch(sql, *arguments))
        return rows

    async def _execute(self, sql: str, *arguments: Any) -> int:
        self._expect_open()
        tries = count()

        async def write() -> str:
            again = next(tries) > 0
            done: str = await self._asking.use(lambda connection: connection.execute(sql, *arguments))
            if again:  # It may have found its own work, which no standby has yet.
                await self._asking.fetch(CONFIRM)
            return done

        done = await self._retried(write)
        return int(done.rpartition(" ")[2])

    def _any_of(self, placeholder: str) -> str:
        return f"= ANY({placeholder})"

    def _strings(self, values: Iterable[str]) -> list[str]:
        return [str(value) for value in values]

    def _expect_open(self) -> None:
        if self._closing:
            raise StorageUnavailable("the storage is closed")

    async def _retried(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what can be repeated without harm until the database does it.

        :raises StorageUnavailable: it could not, for too long.
        """
        deadline, wait = monotonic() + RETRY_SECONDS_MAX, RETRY_SECONDS
        while True:
            try:
                return await work()
            except _TRANSIENT as error:
                if monotonic() + wait > deadline or self._closing:
                    raise StorageUnavailable(f"{self._name}: {type(error).__name__}") from error
                log.warning("database tried again", database=self._name, error=f"{type(error).__name__}: {error}")
            except asyncpg.PostgresError as error:
                raise StorageUnavailable(f"{self._name}: {error}") from error
            await asyncio.sleep(wait)
            wait = min(wait * 2, RETRY_SECONDS_LONGEST)

    # -- reads ------------------------------------------------------------------------------------------------------

    async def _read_groups(self) -> None:
        while not (self._closing and not self._reads):
            await self._read_wanted.wait()
            self._read_wanted.clear()
            while self._reads:
                group = [self._reads.popleft() for _ in range(min(len(self._reads), GROUP_SIZE_MAX))]
                try:
                    records = await self._retried(partial(_load, self._reading, group))
                except Exception as error:  # noqa: BLE001 - it is the askers'
                    _settle_all(group, error)
                    continue
                for read, record in zip(group, records, strict=True):
                    _settle(read.future, record)

    # -- changes ----------------------------------------------------------------------------------------------------

    async def _change_groups(self, line: "_Line") -> None:
        """Take groups and carry them through, as one of a few that do: one thinks while another waits for the disk."""
        while not (self._closing and not self._changes):
            await self._arrived.wait()
            await gathered(self._changes)
            group = self._next_group()
            if not group:
                self._arrived.clear()
                continue
            keys = [change.key for change in group]
            self._busy.update(keys)
            await self._change_group(group, line, _Trial())
            self._busy.difference_update(keys)
            self._arrived.set()

    def _next_group(self) -> list["_Change"]:
        """Take what waits, but only one change of each payment: the next one is to see what this one leaves."""
        group: dict[PaymentKey, _Change] = {}
        later: list[_Change] = []
        while self._changes and len(group) < GROUP_SIZE_MAX:
            change = self._changes.popleft()
            if change.future.cancelled():
                continue
            if change.key in self._busy or group.setdefault(change.key, change) is not change:
                later.append(change)
        self._changes.extendleft(reversed(later))
        return sorted(group.values(), key=lambda change: change.key)  # Locked in one order by all replicas.

    async def _change_group(self, group: list["_Change"], line: "_Line", trial: "_Trial") -> None:
        wait = RETRY_SECONDS
        while group:
            if monotonic() > trial.deadline:
                _settle_all(group, StorageUnavailable(f"{self._name}: {trial.problem}"))
                return
            try:
                lost = await self._try_group(group, line, trial)
            except _REFUSED as refusal:
                await self._after_refusal(group, line, trial, refusal)
                return
            except _TRANSIENT as error:
                log.warning("database tried again", database=self._name, error=f"{type(error).__name__}: {error}")
                lost, trial.problem = group, type(error).__name__
                trial.doubtful = trial.doubtful or not isinstance(error, _UNDONE)
                await asyncio.sleep(wait)
                wait = min(wait * 2, RETRY_SECONDS_LONGEST)
            except Exception as error:
                log.exception("change failed", database=self._name)
                _settle_all(group, StorageUnavailable(f"{self._name}: {error}"))
                return
            else:
                trial.problem = "others changed the same payment again and again"
            group = [change for change in lost if not change.future.done()]

    async def _after_refusal(self, group: list["_Change"], line: "_Line", trial: "_Trial", refusal: Exception) -> None:
        """The database refused what one of a group wrote: let each stand for itself, and see what others did."""
        trial.problem = str(refusal)
        if len(group) > 1:
            for change in group:
                await self._change_group([change], line, trial)
            return
        (change,) = group
        if change.refusals >= REFUSALS_MAX:
            _settle_all(group, RuleBroken(str(refusal)))
            return
        await self._change_group([change._replace(refusals=change.refusals + 1)], line, trial)

    async def _try_group(self, group: list["_Change"], line: "_Line", trial: "_Trial") -> list["_Change"]:
        """Load, run, write; return those whose payment somebody else changed meanwhile."""
        records = await _load(line, group)
        if trial.doubtful:
            # What was read may be the work of an earlier try that no standby has yet; and a body that finds its work
            # done is answered without a commit of its own.
            await line.fetch(CONFIRM)
        written: list[tuple[_Change, PaymentWork, Any]] = []
        for change, record in zip(group, records, strict=True):
            work = PaymentWork(change.key, record)
            try:
                value = change.body(work)
            except Exception as error:  # noqa: BLE001 - the body's own; nothing of it is written
                _settle_all([change], error)
                continue
            if work.changed:
                written.append((change, work, value))
            else:
                _settle(change.future, value)
        if not written:
            return []
        alive = await line.fetch(WRITE, *write_arguments([work for _, work, _ in written]))
        held = {PaymentKey(row[0], row[1]) for row in alive}
        events = [event for _, work, _ in written if work.key in held for event in work.events]
        numbers = iter(range(alive[0][2] - len(events) + 1, alive[0][2] + 1)) if events else iter(())
        for change, work, value in written:
            if work.key in held:
                work.number_events(numbers)
                _settle(change.future, value)
        self._announce([event for _, work, _ in written if work.key in held for event in work.events])
        return [change for change, work, _ in written if work.key not in held]

    def _announce(self, events: list[Event]) -> None:
        try:
            self.on_events(events)
        except Exception:  # It must not; but it is not worth all the changes that would wait for ever.
            log.exception("listener failed", database=self._name)

    async def _hear_others(self) -> None:
        """Say so when the counter moved: other replicas do not tell us."""
        heard = -1
        while True:
            try:
                last = (await self._hearing.fetch(LAST_SEQUENCE))[0][0]
            except (*_TRANSIENT, asyncpg.PostgresError):
                await asyncio.sleep(RETRY_SECONDS_LONGEST)
                continue
            except Exception:  # Whatever it was: watchers of other replicas' events must not go deaf for it.
                log.exception("events of others not heard", database=self._name)
                await asyncio.sleep(RETRY_SECONDS_LONGEST)
                continue
            if last != heard:
                heard = last
                self._announce([])
            await asyncio.sleep(HEAR_SECONDS)


class _Read(NamedTuple):
    key: PaymentKey
    request_id: str
    operation_id: str
    future: "asyncio.Future[Record]"


class _Change(NamedTuple):
    key: PaymentKey
    request_id: str
    operation_id: str
    body: Body[Any]
    future: "asyncio.Future[Any]"
    refusals: int = 0


class _Trial:
    """How long a group is tried, together and each alone, and what is known of the tries so far."""

    def __init__(self) -> None:
        self.deadline = monotonic() + RETRY_SECONDS_MAX
        self.doubtful = False  #: A try may have been committed without our hearing of it.
        self.problem = ""


def _settle(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():  # Else the caller went away meanwhile; what it asked for holds all the same.
        future.set_result(value)


def _settle_all(waiting: Iterable[_Read | _Change], error: Exception) -> None:
    for each in waiting:
        if not each.future.done():
            each.future.set_exception(error)


class _Line:
    """One connection, made when it is needed and again when it was lost. Whoever comes meanwhile waits."""

    def __init__(self, url: str, settings: dict[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Return all rows of a statement, which is a transaction of its own."""
        rows: Sequence[Row] = await self.use(lambda connection: connection.fetch(sql, *arguments))
        return rows

    async def use(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a statement on the connection."""
        async with self._turn:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await self._made()
            try:
                return await work(connection)
            except (asyncpg.InterfaceError, asyncpg.ReadOnlySQLTransactionError, OSError, TimeoutError):
                connection.terminate()
                raise

    async def _made(self) -> Connection:
        connection = await _connect(
            self._url,
            command_timeout=CALL_SECONDS_MAX,
            server_settings=self._settings,
            statement_cache_size=256,
            max_cached_statement_lifetime=PLAN_SECONDS_MAX,
        )
        await connection.execute(_DURABLE)
        return connection

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()


async def _connect(url: str, **settings: Any) -> Connection:
    """Connect to the primary.

    A name may still lead to the old primary after a failover. There reads would be answered, with what was so once, for
    as long as the connection lasts. Several hosts are tried one after the other, for each has its own time to answer.
    """
    connect = partial(asyncpg.connect, timeout=CONNECT_SECONDS_MAX, target_session_attrs="primary", **settings)
    *others, last = each_host(url)
    for host in others:
        with suppress(*_TRANSIENT):
            return await connect(host)
    return await connect(last)


async def _load(line: _Line, group: Sequence[_Read | _Change]) -> list[Record]:
    rows = await line.fetch(
        LOAD,
        [each.key.store for each in group],
        [each.key.order_id for each in group],
        [each.request_id or None for each in group],
        [each.operation_id or None for each in group],
    )
    return [to_record_asked(row, each.key.store) for row, each in zip(rows, group, strict=True)]


def _nobody(events: list[Event]) -> None:
    """Nobody listens yet."""
