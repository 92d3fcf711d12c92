"""Fills a database with payments that look lived in, as fast as the database takes them.

Three orders live through the real service once; their rows are the pattern for all others. Only ids, times and hashes
differ from one to the next: the rows are those that the service would have written, and the hash chains verify. They
also come in the order of life, some thousand orders at a time: all are seen before the first is captured. Otherwise the
pages of SQLite's trees would be full to the brim, as those of no database that lives are.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import grpc
from bench.processes import service

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub
from payment_actions_server.domain.event import GENESIS
from payment_actions_server.engine.totals import Totals
from payment_actions_server.storage import open_storage
from payment_actions_server.storage.rows import EVENT, to_event

STORE = "shop"
#: And what the rows of one order are told apart by.
TABLES = {"payments": "order_id", "operations": "operation_id", "events": "sequence", "gateway_references": "value"}
FIRST_SIGHT = "first sight"
BATCH = 5_000

Row = dict[str, Any]
_FAR = 3 * 10**15  # Microseconds; later times are the end of an authorization, which all share.
_PREVIOUS_HASH, _TIME = "<previous hash>", "<time>"


class Life(StrEnum):
    """How far an order has come."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    REFUNDED = "refunded"


_EVENTS = {Life.AUTHORIZED: 1, Life.CAPTURED: 4, Life.REFUNDED: 7}
_PATTERN_NUMBERS = {Life.AUTHORIZED: 99_999_901, Life.CAPTURED: 99_999_902, Life.REFUNDED: 99_999_903}


def order_id(number: int) -> str:
    """Return the id of an order."""
    return f"o-{number:08}"


@dataclass(frozen=True)
class Population:
    """Which payments a database holds: numbers from 0, and what has become of each."""

    size: int
    life: Callable[[int], Life]

    def numbers(self, life: Life) -> list[int]:
        """Return the orders that have come so far."""
        return [number for number in range(self.size) if self.life(number) is life]

    @property
    def events(self) -> int:
        """Return how many events they have."""
        return sum(len(self.numbers(life)) * count for life, count in _EVENTS.items())


def fresh(authorized: int, captured: int) -> Population:
    """Return no more than what a measurement itself uses up."""
    return Population(authorized + captured, lambda number: Life.AUTHORIZED if number < authorized else Life.CAPTURED)


def grown(size: int) -> Population:
    """Return a database that has lived: 2 of 30 are authorized, 16 captured, 12 refunded; five events each."""
    lives = [Life.AUTHORIZED] * 2 + [Life.CAPTURED] * 16 + [Life.REFUNDED] * 12
    return Population(size, lambda number: lives[number % 30])


# -- The pattern ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    column: str
    make: Callable[["_Order"], Any]


@dataclass(slots=True)
class _Order:
    """What differs from one order to the next."""

    digits: str
    shift: int  # Microseconds.
    previous_hash: str = GENESIS
    hash: str = GENESIS


class Pattern:
    """The rows of one life, to be made again for any order."""

    def __init__(self, number: int, rows: dict[str, list[Row]]) -> None:
        self._tokens = [f"{number:08}", *(row["operation_id"][:10] for row in rows["operations"])]
        self._seals = [self._seal(row) for row in rows["events"]]
        self.columns = {name: list(rows[name][0]) for name in TABLES if rows[name]}
        self._makers = {
            name: [[self._cell(column, value) for column, value in row.items()] for row in rows[name]]
            for name in TABLES
        }

    def rows(self, number: int, shift: int) -> dict[str, list[list[Any]]]:
        """Return the rows of one order, whose times are ``shift`` microseconds later than the pattern's."""
        order = _Order(f"{number:08}", shift)
        made: dict[str, list[list[Any]]] = {}
        events = []
        for cells, seal in zip(self._makers["events"], self._seals, strict=True):
            order.previous_hash = order.hash
            order.hash = seal(order)
            events.append([make(order) for make in cells])
        for name in TABLES:
            made[name] = (
                events if name == "events" else [[make(order) for make in cells] for cells in self._makers[name]]
            )
        return made

    def first_sight(self, number: int, shift: int) -> list[Any]:
        """Return an order's row of payments; its hash is none yet, but as long as it will be."""
        order = _Order(f"{number:08}", shift)
        return [make(order) for make in self._makers["payments"][0]]

    def _cell(self, column: str, value: Any) -> Callable[[_Order], Any]:
        if column in {"hash", "last_hash"}:
            return lambda order: order.hash
        if column == "previous_hash":
            return lambda order: order.previous_hash
        if (column == "time" or column.endswith("_time")) and value is not None and value < _FAR:
            return lambda order: value + order.shift
        if isinstance(value, str) and any(token in value for token in self._tokens):
            return self._text(value)
        return lambda order: value

    def _text(self, text: str) -> Callable[[_Order], str]:
        number, *operations = self._tokens
        for operation in operations:  # An operation's id begins with its time; the rest tells it from the next.
            text = text.replace(operation, f"00{number}")
        parts = text.split(number)
        return lambda order: order.digits.join(parts)

    def _seal(self, row: Row) -> Callable[[_Order], str]:
        event = to_event([*(row[column] for column in EVENT), 0])
        content = [
            event.store, event.order_id, event.number, event.type, _TIME, event.actor, event.operation_id,
            event.status_before, event.status_after, event.message, sorted(event.details.items()), _PREVIOUS_HASH,
        ]  # fmt: skip
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        real = text.replace(_TIME, event.time.isoformat(timespec="microseconds"))
        real = real.replace(_PREVIOUS_HASH, event.previous_hash)
        assert sha256(real.encode()).hexdigest() == event.sealed_hash(), "the domain seals events otherwise by now"
        begin, rest = text.split(_TIME)
        middle, end = rest.split(_PREVIOUS_HASH)
        make_begin, make_middle, time = self._text(begin), self._text(middle), event.time

        def seal(order: _Order) -> str:
            shifted = (time + timedelta(microseconds=order.shift)).isoformat(timespec="microseconds")
            text = f"{make_begin(order)}{shifted}{make_middle(order)}{order.previous_hash}{end}"
            return sha256(text.encode()).hexdigest()

        return seal


def patterns(folder: Path) -> dict[Life, Pattern]:
    """Let one order live each life through the real service, and return what that wrote."""
    path = folder / "pattern.db"
    path.unlink(missing_ok=True)
    server = service(folder, f"sqlite:///{path}", "pattern")
    try:
        with grpc.insecure_channel(server.grpc) as channel:
            _live(PaymentActionsStub(channel))
    finally:
        server.stop()
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = {
            life: Pattern(number, _rows(connection, order_id(number))) for life, number in _PATTERN_NUMBERS.items()
        }
    path.unlink()
    return found


def _live(stub: Any) -> None:
    for life, number in _PATTERN_NUMBERS.items():
        name = {"store": STORE, "order_id": order_id(number)}
        stub.GetPayment(pb.GetPaymentRequest(**name))
        if life is not Life.AUTHORIZED:
            stub.CapturePayment(pb.CapturePaymentRequest(**name, request_id=f"load-capture-{number:08}"))
            _wait_for_store_update(stub, name)
        if life is Life.REFUNDED:
            stub.RefundPayment(pb.RefundPaymentRequest(**name, request_id=f"load-refund-{number:08}"))
            _wait_for_store_update(stub, name)
        events = stub.ListEvents(pb.ListEventsRequest(**name)).events
        assert len(events) == _EVENTS[life], [event.type for event in events]


def _wait_for_store_update(stub: Any, name: dict[str, str]) -> None:
    watching = stub.WatchEvents(pb.WatchEventsRequest(after_sequence=0), timeout=20)
    wanted = stub.GetPayment(pb.GetPaymentRequest(**name)).payment.status
    for response in watching:
        event = response.event
        if (
            event.order_id == name["order_id"]
            and event.type == pb.EVENT_TYPE_STORE_UPDATED
            and event.status_after == wanted
        ):
            watching.cancel()
            return


def _rows(connection: sqlite3.Connection, order: str) -> dict[str, list[Row]]:
    found = {}
    for table, place in TABLES.items():
        rows = connection.execute(f"SELECT * FROM {table} WHERE order_id = ? ORDER BY {place}", (order,)).fetchall()
        found[table] = [{key: value for key, value in dict(row).items() if key != "sequence"} for row in rows]
    return found


# -- Filling --------------------------------------------------------------------------------------------------------


def batches(made: dict[Life, Pattern], population: Population) -> Iterator[dict[str, list[list[Any]]]]:
    """Return the rows of all payments, some thousands of payments at a time, table by table.

    First the payments as they were at first sight; the events in the order of their numbers.
    """
    event_number = columns(made)["events"].index("number")
    for begin in range(0, population.size, BATCH):
        batch: dict[str, list[list[Any]]] = {name: [] for name in (FIRST_SIGHT, *TABLES)}
        for number in range(begin, min(begin + BATCH, population.size)):
            # A second apart, the last one a minute before the pattern: as an order book fills.
            shift = (number - population.size - 60) * 1_000_000
            batch[FIRST_SIGHT].append(made[Life.AUTHORIZED].first_sight(number, shift))
            for name, rows in made[population.life(number)].rows(number, shift).items():
                batch[name] += rows
        batch["events"].sort(key=itemgetter(event_number))
        yield batch


def columns(made: dict[Life, Pattern]) -> dict[str, list[str]]:
    """Return each table's columns, in the order of the rows."""
    return made[Life.REFUNDED].columns


async def fill(url: str, made: dict[Life, Pattern], population: Population) -> None:
    """Bring the schema of a new database up to date, and fill it."""
    storage = open_storage(url)
    await storage.start()
    await storage.aclose()
    if url.startswith("sqlite"):
        _fill_sqlite(url.removeprefix("sqlite:///"), made, population)
    else:
        await _fill_postgres(url, made, population)
    await _count(url)


async def _count(url: str) -> None:
    """Add up what moved, as the service does in the background: it would have kept up with these events."""
    storage = open_storage(url)
    await storage.start()
    totals = Totals(SimpleNamespace(storage=storage))  # type: ignore[arg-type]  # All of a context that it needs.
    while await totals._count_some():
        pass
    await storage.aclose()


def _fill_sqlite(path: str, made: dict[Life, Pattern], population: Population) -> None:
    statements = {
        # "references" is a word of SQL, too.
        name: 'INSERT INTO {} ("{}") VALUES ({})'.format(name, '", "'.join(names), ", ".join("?" * len(names)))
        for name, names in columns(made).items()
    }
    statements[FIRST_SIGHT] = statements["payments"]
    now = ", ".join(f'"{name}" = excluded."{name}"' for name in columns(made)["payments"])
    statements["payments"] += f" ON CONFLICT (store, order_id) DO UPDATE SET {now}"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        for batch in batches(made, population):
            connection.execute("BEGIN")
            for name, rows in batch.items():
                connection.executemany(statements[name], rows)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _fill_postgres(url: str, made: dict[Life, Pattern], population: Population) -> None:
    names = columns(made)
    ours, sequence = names["payments"].index("ours"), 0
    connection = await asyncpg.connect(url)
    try:
        for batch in batches(made, population):
            del batch[FIRST_SIGHT]  # Of an earlier version of a row PostgreSQL would keep nothing but empty space.
            for row in batch["payments"]:
                row[ours] = bool(row[ours])
            for row in batch["events"]:
                sequence += 1
                row.append(sequence)
            for name, rows in batch.items():
                more = ["sequence"] if name == "events" else []
                await connection.copy_records_to_table(name, records=rows, columns=[*names[name], *more])
        await connection.execute("UPDATE event_counter SET last_sequence = $1", sequence)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
