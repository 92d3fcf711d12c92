"""What SQLite is told of a group: for each table one statement or a few, each with many rows.

The driver takes and gives back the interpreter lock around every statement, and the statements run in a thread: a
statement for each row would have it wait for its turn hundreds of times.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from payment_actions_server.domain.store_update import StoreUpdate
from payment_actions_server.storage.queries import OPERATION_BY_ID, OPERATION_BY_REQUEST
from payment_actions_server.storage.records import RECORD, RECORD_JOINS, columns, to_record
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


_ADD_PAYMENTS = _Insert("payments", PAYMENT)
_SAVE_PAYMENTS = _Insert(
    "payments",
    PAYMENT,
    f"ON CONFLICT (store, order_id) DO UPDATE SET {_taken_over(PAYMENT_CHANGES)} WHERE version < excluded.version",
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
_PUT_STORE_UPDATES = _Insert(
    "store_updates", STORE_UPDATE, f"ON CONFLICT (store, order_id) DO UPDATE SET {_taken_over(STORE_UPDATE[2:])}"
)
_ADD_REFERENCES = _Insert("gateway_references", ("store", "order_id", "value"), "ON CONFLICT DO NOTHING")
_ADD_EVENTS = _Insert("events", (*EVENT, "sequence"))
# Of its own, for it is frequent: SQLite touches the indexes of the columns that a statement names.
_RESCHEDULE = "UPDATE payments SET next_refresh_time = ?3, refreshes = ?4 WHERE store = ?1 AND order_id = ?2"


def writing(works: Sequence[PaymentWork]) -> list[Statement]:
    """Return the statements that write what the bodies left, of each payment once."""
    added: list[Row] = []
    saved: list[Row] = []
    rescheduled: list[Statement] = []
    for work in works:
        payment, found = work.known(), work.found.payment
        if found is None:
            added.append(payment_row(payment))
        elif work.events:
            saved.append(payment_row(payment))
        elif payment is not found and payment != found:
            due = payment.next_refresh_time
            at = None if due is None else to_microseconds(due)
            rescheduled.append(Statement(_RESCHEDULE, (*work.key, at, payment.refreshes), 1, "a payment is gone"))
    return [
        *_ADD_PAYMENTS.of(added),
        *_SAVE_PAYMENTS.of(saved),
        *rescheduled,
        *_SAVE_OPERATIONS.of([operation_row(work.saved_operation) for work in works if work.saved_operation]),
        *_ADD_OPERATIONS.of([operation_row(work.added_operation) for work in works if work.added_operation]),
        *_PUT_STORE_UPDATES.of([store_update_row(update) for work in works if (update := _to_put(work))]),
        *_ADD_REFERENCES.of([(*work.key, value) for work in works for value in work.new_references]),
        *_ADD_EVENTS.of([(*event_row(event), event.sequence) for work in works for event in work.events]),
    ]


def _to_put(work: PaymentWork) -> StoreUpdate | None:
    update, found = work.store_update, work.found.store_update
    return update if update is not found and update != found else None


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
