"""A payment's record in SQL: its columns, the joins that they need, and how a row of them is read."""

from collections.abc import Iterable
from typing import Final

from payment_actions_server.storage.rows import (
    OPERATION,
    PAYMENT,
    STORE_UPDATE_COLUMNS,
    Row,
    to_operation,
    to_payment,
    to_store_update,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL
from payment_actions_server.storage.work import Record


def columns(names: Iterable[str], alias: str = "") -> str:
    """Return a list of columns; quoted, for ``references`` is a word of SQL."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def in_flight(alias: str) -> str:
    """Return the condition that an operation is in flight, as the partial index has it."""
    return f"{alias}.{IN_FLIGHT_SQL}"


RECORD: Final = ", ".join(
    (columns(PAYMENT, "p"), "p.lock_version", columns(STORE_UPDATE_COLUMNS, "p"), columns(OPERATION, "o"))
)
"""The columns that `to_record` reads."""

RECORD_JOINS: Final = f"""
    LEFT JOIN operations o ON o.store = p.store AND o.order_id = p.order_id AND {in_flight("o")}"""
"""What `RECORD` needs besides ``payments p``."""

_UPDATE_AT: Final = len(PAYMENT) + 1
_OPERATION_AT: Final = _UPDATE_AT + len(STORE_UPDATE_COLUMNS)
RECORD_LENGTH: Final = _OPERATION_AT + len(OPERATION)


def to_record(row: Row) -> Record:
    """Return the record of the columns `RECORD`."""
    if row[0] is None:
        return Record()
    return Record(
        to_payment(row),
        to_operation(row[_OPERATION_AT:RECORD_LENGTH]) if row[_OPERATION_AT] is not None else None,
        to_store_update(row[0], row[1], row[_UPDATE_AT:_OPERATION_AT]),
        lock_version=row[len(PAYMENT)],
    )
