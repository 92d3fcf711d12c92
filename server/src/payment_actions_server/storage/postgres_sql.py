"""The two statements of PostgreSQL's changes: one reads what a group is about, one writes what became of it."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final

from payment_actions_server.domain.status import IN_FLIGHT
from payment_actions_server.storage.records import RECORD, RECORD_JOINS, RECORD_LENGTH, columns, to_record
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
from payment_actions_server.storage.tables import payments
from payment_actions_server.storage.work import PaymentWork, Record

LAST_SEQUENCE: Final = "SELECT last_sequence FROM event_counter WHERE id = 1"

# Changes nothing; but its commit waits for the disk and the synchronous standbys, and so for all that was visible
# before it: that stands earlier in the log.
CONFIRM: Final = "UPDATE event_counter SET last_sequence = last_sequence WHERE id = 1"

_STORE_AT: Final = OPERATION.index("store")
LOAD: Final = f"""
    SELECT {RECORD}, {columns(OPERATION, "a")}, {columns(OPERATION, "b")}
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
        WITH ORDINALITY AS k (store, order_id, request_id, operation_id, place)
    LEFT JOIN payments p ON p.store = k.store AND p.order_id = k.order_id {RECORD_JOINS}
    LEFT JOIN operations a ON a.store = k.store AND a.request_id = k.request_id
    LEFT JOIN operations b ON b.operation_id = k.operation_id
    ORDER BY k.place"""


def to_record_asked(row: Row, store: str) -> Record:
    """Return the record of a row of `LOAD`."""
    record, asked_at = to_record(row[:RECORD_LENGTH]), RECORD_LENGTH
    by_request, by_operation = row[asked_at : asked_at + len(OPERATION)], row[asked_at + len(OPERATION) :]
    asked = by_request if by_request[0] is not None else by_operation
    if asked[0] is None or asked[_STORE_AT] != store:
        return record
    return record._replace(asked=to_operation(asked))


# A row of the table has its columns in the order in which migrations added them.
_ROW: Final = (*PAYMENT, "lock_version", *STORE_UPDATE_COLUMNS)
_in_table_order: Final = itemgetter(*(_ROW.index(name) for name in payments.columns.keys()))  # noqa: SIM118


def _assignments(names: Iterable[str], source: str) -> str:
    return ", ".join(f'"{name}" = {source}."{name}"' for name in names)


_HELD: Final = "(w.store, w.order_id) IN (SELECT store, order_id FROM held)"
# Written as no index has it (``state || ''``): by their ids operations are found quicker.
_IN_FLIGHT: Final = ", ".join(f"'{state}'" for state in sorted(IN_FLIGHT))

# One statement, and so one transaction: all of what the bodies left of payments that nobody else changed, or nothing.
# A parameter is an array of a table's rows, all its columns in their order. Foreign keys are checked at its end.
# ``counted`` asks for all of ``held`` and ``begun``: the counter is the last thing that is locked. Otherwise payments
# without events could be locked after it, and two replicas wait for one another.
# ``refused`` makes it fail, by a cast that cannot succeed, where an operation to be saved is in flight no more.
WRITE: Final = f"""
    WITH changed AS (
        UPDATE payments p
        SET {_assignments((*PAYMENT_CHANGES, *STORE_UPDATE_COLUMNS), "w")}, lock_version = p.lock_version + 1
        FROM unnest($1::payments[]) w
        WHERE p.store = w.store AND p.order_id = w.order_id AND p.lock_version = w.lock_version
        RETURNING p.store, p.order_id
    ), added AS (
        INSERT INTO payments SELECT w.* FROM unnest($2::payments[]) w ON CONFLICT DO NOTHING RETURNING store, order_id
    ), held AS (
        SELECT store, order_id FROM changed UNION ALL SELECT store, order_id FROM added
    ), begun AS (
        INSERT INTO operations SELECT w.* FROM unnest($3::operations[]) w
        WHERE {_HELD}
        RETURNING operation_id
    ), settled AS (
        UPDATE operations o SET {_assignments(OPERATION_CHANGES, "w")}
        FROM unnest($4::operations[]) w
        WHERE o.operation_id = w.operation_id AND o.state || '' IN ({_IN_FLIGHT}) AND {_HELD}
        RETURNING o.operation_id
    ), found AS (
        INSERT INTO gateway_references SELECT w.* FROM unnest($5::gateway_references[]) w
        WHERE {_HELD}
        ON CONFLICT DO NOTHING
    ), happened AS (
        SELECT w.*, row_number() OVER (ORDER BY w.sequence) AS place FROM unnest($6::events[]) w
        WHERE {_HELD}
    ), counted AS (
        UPDATE event_counter SET last_sequence = last_sequence + (SELECT count(*) FROM happened)
        WHERE id = 1 AND EXISTS (SELECT FROM happened)
        AND (SELECT count(*) FROM held) + (SELECT count(*) FROM begun) > 0
        RETURNING last_sequence
    ), appended AS (
        INSERT INTO events (sequence, {columns(EVENT)})
        SELECT c.last_sequence - (SELECT count(*) FROM happened) + w.place, {columns(EVENT, "w")}
        FROM happened w CROSS JOIN counted c
    ), refused AS (
        SELECT CAST(w.operation_id || ' was final already' AS integer) AS no
        FROM unnest($4::operations[]) w
        WHERE w.operation_id NOT IN (SELECT operation_id FROM settled) AND {_HELD}
    )
    SELECT h.store, h.order_id, (SELECT last_sequence FROM counted), (SELECT max(no) FROM refused) FROM held h"""


def write_arguments(works: list[PaymentWork]) -> list[list[tuple[Any, ...]]]:
    """Return the parameters of `WRITE`."""
    changed: list[tuple[Any, ...]] = []
    added: list[tuple[Any, ...]] = []
    for work in works:
        row = (*payment_row(work.known()), work.found.lock_version, *store_update_row(work.known_store_update()))
        (added if work.found.payment is None else changed).append(_in_table_order(row))
    events = [event for work in works for event in work.events]
    return [
        changed,
        added,
        [tuple(operation_row(work.added_operation)) for work in works if work.added_operation],
        [tuple(operation_row(work.saved_operation)) for work in works if work.saved_operation],
        [(work.key.store, value, work.key.order_id) for work in works for value in work.new_references],
        [(place, *event_row(event)) for place, event in enumerate(events)],
    ]
