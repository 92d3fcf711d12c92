"""What SQLite is told of a group: for each table one statement or a few, each with many rows.

The driver takes and gives back the interpreter lock around every statement, and the statements run in a thread: a
statement for each row would have it wait for its turn hundreds of times.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.store_update import StoreUpdate
from payment_actions_server.storage.queries import OPERATION_BY_ID, OPERATION_BY_REQUEST
from payment_actions_server.storage.records import RECORD, RECORD_JOINS, columns, to_record
from payment_actions_server.storage.rows import (
    EVENT,
    OPERATION,
    OPERATION_CHANGES,
    PAYMENT,
    PAYMENT_CHANGES,
    STORE_UPDATE_COLUMNS,
    Row,
    event_row,
    operation_row,
    payment_row,
    store_update_row,
    to_operation,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL
from payment_actions_server.storage.work import PaymentWork, Record

SQLITE_MIN: Final = (3, 35)
"""Before, ``ON CONFLICT DO UPDATE`` had to name its index: an intent could be written, and its outcome never."""
ROWS_MAX: Final = 32
"""How many rows one statement holds; there is one of 1, 2, 4 ... rows, so that the driver keeps them all prepared."""


class Refused(Exception):
    """A write that the database's own rules, or its types, do not let pass."""


class Statement(NamedTuple):
    """One statement to run, and what it means if it does not touch each of its rows."""

    sql: str
    arguments: Sequence[Any]
    rows: int
    refusal: str  #: Empty: it may leave rows as they are.

    def run(self, connection: sqlite3.Connection) -> int:
        """Run it; return how many rows it touched.

        :raises Refused: see ``refusal``; or a value that the driver cannot pass on.
        """
        try:
            touched = connection.execute(self.sql, self.arguments).rowcount
        except (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError) as error:
            raise Refused(str(error)) from error
        if self.refusal and touched != self.rows:
            raise Refused(self.refusal)
        return touched


class _Insert:
    """An insertion of any number of rows into a table, with what follows their values."""

    def __init__(self, table: str, names: Sequence[str], tail: str = "", *, refusal: str = "") -> None:
        places = f"({', '.join('?' * len(names))})"
        self._texts = {
            rows: f"INSERT INTO {table} ({columns(names)}) VALUES {', '.join([places] * rows)} {tail}"
            for rows in (2**power for power in range(ROWS_MAX.bit_length()))
        }
        self._refusal = refusal

    def of(self, rows: Sequence[Row]) -> Iterator[Statement]:
        """Return the statements that insert ``rows``."""
        at = 0
        while at < len(rows):
            size = min(1 << (len(rows) - at).bit_length() - 1, ROWS_MAX)
            values = tuple(chain.from_iterable(rows[at : at + size]))
            yield Statement(self._texts[size], values, size, self._refusal)
            at += size


def _taken_over(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}" = excluded."{name}"' for name in names)


def numbered(sql: str) -> str:
    """Return a statement of `queries` as SQLite has it."""
    return sql.replace("$", "?")


_PAYMENT_ROW: Final = (*PAYMENT, *STORE_UPDATE_COLUMNS)
# What the payments' indexes are made of; the last is the store update's.
_INDEXED: Final = (
    "status",
    "update_time",
    "currency_code",
    "authorized_minor",
    "captured_minor",
    "authorization_expire_time",
    "next_refresh_time",
    "anomaly",
    "order_state",
    "store_update_next_attempt_time",
    "store_update_reverts",
)
_UNINDEXED: Final = tuple(name for name in (*PAYMENT_CHANGES, *STORE_UPDATE_COLUMNS) if name not in _INDEXED)
_indexed_of_payment: Final = attrgetter(*_INDEXED[:-2])

_ADD_PAYMENTS = _Insert("payments", _PAYMENT_ROW)


@lru_cache(256)
def _saving_payments(indexed: tuple[str, ...], events: int) -> _Insert:
    """Return the change of payments by so many events each, in these of the columns that have an index.

    SQLite writes the indexes of the columns that a statement names, whether their values differ or not: and of a
    capture's three changes two leave most of them as they are.
    """
    return _Insert(
        "payments",
        _PAYMENT_ROW,
        f"ON CONFLICT (store, order_id) DO UPDATE SET {_taken_over((*_UNINDEXED, *indexed))}"
        f" WHERE version = excluded.version - {events}",
        refusal="a payment changed under its lock",
    )


_ADD_OPERATIONS = _Insert("operations", OPERATION)
_SAVE_OPERATIONS = _Insert(
    "operations",
    OPERATION,
    # Without a target: whichever unique index finds it first, it is the operation itself.
    f"ON CONFLICT DO UPDATE SET {_taken_over(OPERATION_CHANGES)}"
    f" WHERE operations.operation_id = excluded.operation_id AND operations.{IN_FLIGHT_SQL}",
    refusal="an operation was final already",
)
_ADD_REFERENCES = _Insert("gateway_references", ("store", "order_id", "value"), "ON CONFLICT DO NOTHING")
_ADD_EVENTS = _Insert("events", (*EVENT, "sequence"))


def writing(works: Sequence[PaymentWork]) -> list[Statement]:
    """Return the statements that write what the bodies left, of each payment once."""
    added: list[Row] = []
    saved: dict[tuple[tuple[str, ...], int], list[Row]] = {}
    for work in works:
        if not work.payment_changed:
            continue
        rows = added
        if work.found.payment is not None:
            rows = saved.setdefault((_indexed_changes(work), len(work.events)), [])
        rows.append((*payment_row(work.known()), *store_update_row(work.known_store_update())))
    return [
        *_ADD_PAYMENTS.of(added),
        *chain.from_iterable(_saving_payments(*how).of(rows) for how, rows in saved.items()),
        *_SAVE_OPERATIONS.of([operation_row(work.saved_operation) for work in works if work.saved_operation]),
        *_ADD_OPERATIONS.of([operation_row(work.added_operation) for work in works if work.added_operation]),
        *_ADD_REFERENCES.of([(*work.key, value) for work in works for value in work.new_references]),
        *_ADD_EVENTS.of([(*event_row(event), event.sequence) for work in works for event in work.events]),
    ]


def _indexed_changes(work: PaymentWork) -> tuple[str, ...]:
    """Return which columns that have an index differ from what was found."""
    before, after = _indexed(work.found.payment, work.found.store_update), _indexed(work.payment, work.store_update)
    return tuple(name for name, then, now in zip(_INDEXED, before, after, strict=True) if then != now)


def _indexed(payment: Payment | None, update: StoreUpdate | None) -> tuple[Any, ...]:
    assert payment is not None, "only what is known is changed"
    assert update is not None, "every payment that was seen has one"
    return (*_indexed_of_payment(payment), update.next_attempt_time, update.reverts)


# -- reading ----------------------------------------------------------------------------------------------------------

_RECORD = f"SELECT {RECORD} FROM payments p {RECORD_JOINS} WHERE p.store = ?1 AND p.order_id = ?2"
_BY_REQUEST = numbered(OPERATION_BY_REQUEST)
_BY_OPERATION = numbered(OPERATION_BY_ID)


def record(connection: sqlite3.Connection, store: str, order_id: str) -> Record:
    """Return what is known of a payment."""
    row = connection.execute(_RECORD, (store, order_id)).fetchone()
    return to_record(row) if row else Record()


def asking(connection: sqlite3.Connection, store: str, known: Record, request_id: str, operation_id: str) -> Record:
    """Return the record with the operation that is asked for besides."""
    in_flight = known.operation
    if in_flight is not None and operation_id == in_flight.operation_id:
        return known._replace(asked=in_flight)
    if request_id:
        row = connection.execute(_BY_REQUEST, (store, request_id)).fetchone()
    elif operation_id:
        row = connection.execute(_BY_OPERATION, (store, operation_id)).fetchone()
    else:
        return known
    return known._replace(asked=to_operation(row)) if row else known
