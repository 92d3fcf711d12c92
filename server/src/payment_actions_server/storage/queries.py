"""The questions, in SQL that SQLite and PostgreSQL both understand, and what their answers mean.

The text is made once. Building each statement anew, as a query builder does, took longer than running it.
"""

import json
from abc import abstractmethod
from collections.abc import Collection
from datetime import datetime
from typing import Final

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage.lists import ListQueries
from payment_actions_server.storage.overview import DISPUTED, FAILING, REVIEW, TO_BE_TOLD
from payment_actions_server.storage.records import RECORD, RECORD_JOINS, columns, to_record
from payment_actions_server.storage.rows import (
    EVENT,
    OPERATION,
    to_event,
    to_microseconds,
    to_operation,
    to_time,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL
from payment_actions_server.storage.work import Record

ORDERS_OF_REFERENCE_MAX: Final = 100
STRAYS_MAX: Final = 1000

_EVENTS = f"SELECT {columns((*EVENT, 'sequence'))} FROM events"
_NOBODY_HOLDS = "(lease_expire_time IS NULL OR lease_expire_time <= $2)"
_NOBODY_TELLS = "(store_update_lease_expire_time IS NULL OR store_update_lease_expire_time <= $2)"

OPERATION_BY_ID: Final = f"SELECT {columns(OPERATION)} FROM operations WHERE store = $1 AND operation_id = $2"
OPERATION_BY_REQUEST: Final = f"SELECT {columns(OPERATION)} FROM operations WHERE store = $1 AND request_id = $2"
_LIST_EVENTS = f"{_EVENTS} WHERE store = $1 AND order_id = $2 AND number > $3 ORDER BY number LIMIT $4"
_EVENTS_AFTER = f"{_EVENTS} WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT $3"
_DUE_PAYMENTS = (
    "SELECT store, order_id FROM payments WHERE store = $1 AND next_refresh_time <= $2"
    " ORDER BY next_refresh_time LIMIT $3"
)
_DUE_OPERATIONS = (
    f"SELECT {columns(OPERATION)} FROM operations WHERE store = $1 AND next_check_time <= $2 AND {_NOBODY_HOLDS}"
    " ORDER BY next_check_time LIMIT $3"
)
_DUE_STORE_UPDATES = (
    "SELECT store, order_id FROM payments"
    f" WHERE store = $1 AND store_update_next_attempt_time <= $2 AND {_NOBODY_TELLS}"
    " ORDER BY store_update_next_attempt_time LIMIT $3"
)
_KNOWS_NOTIFICATION = "SELECT 1 FROM notifications WHERE store = $1 AND message_id = $2 AND identifiers = ''"
_ADD_NOTIFICATION = (
    "INSERT INTO notifications (store, message_id, receive_time, subject, identifiers) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT DO NOTHING"
)
_STRAYS = (
    "SELECT identifiers FROM notifications WHERE receive_time >= $2 AND store || '' = $1 AND identifiers <> ''"
    " ORDER BY receive_time DESC LIMIT $3"  # Not by the store: by the time.
)
_FORGET_NOTIFICATIONS = (
    "DELETE FROM notifications WHERE (store, message_id) IN"
    " (SELECT store, message_id FROM notifications WHERE receive_time < $1 ORDER BY receive_time LIMIT $2)"
)
_DISCOVERED_UNTIL = "SELECT changed_after FROM discoveries WHERE store = $1"
_PUT_DISCOVERED_UNTIL = (
    "INSERT INTO discoveries (store, changed_after) VALUES ($1, $2)"
    " ON CONFLICT (store) DO UPDATE SET changed_after = excluded.changed_after"
)

_COUNTS: Final = {
    "operations_in_flight": f"SELECT count(*) FROM operations WHERE {IN_FLIGHT_SQL}",
    "operations_overdue": f"SELECT count(*) FROM operations WHERE {IN_FLIGHT_SQL}"
    " AND (next_check_time IS NULL OR next_check_time < $1)",
    "operations_needing_review": f"SELECT count(*) FROM operations WHERE {REVIEW}",
    "store_updates_pending": f"SELECT count(*) FROM payments WHERE {TO_BE_TOLD}",
    "store_updates_failing": f"SELECT count(*) FROM payments WHERE {FAILING}",
    "anomalies": "SELECT count(*) FROM payments WHERE anomaly <> ''",
    "orders_disputed": f"SELECT count(*) FROM payments WHERE {DISPUTED}",
}
_COUNT_ALL = "SELECT " + ", ".join(f"({count})" for count in _COUNTS.values())


class Queries(ListQueries):
    """All reads of a `Storage` but `record`, and its writes that concern no payment."""

    @abstractmethod
    async def last_sequence(self) -> int:
        """Return the sequence up to which every event is here and none can come any more; 0 when there is none."""

    async def operation(self, store: str, operation_id: str) -> Operation | None:
        """Return an operation."""
        rows = await self._rows(OPERATION_BY_ID, store, operation_id)
        return to_operation(rows[0]) if rows else None

    async def list_events(self, key: PaymentKey, after_number: int, limit: int) -> list[Event]:
        """Return a payment's events after one, oldest first."""
        return [to_event(row) for row in await self._rows(_LIST_EVENTS, *key, after_number, limit)]

    async def events_after(self, sequence: int, stores: Collection[str], limit: int) -> tuple[list[Event], int]:
        """Return events of some stores (none named: all) after a sequence, in order, and the sequence to go on from."""
        last = await self.last_sequence()  # First: what comes between the two questions is for the next time.
        if last <= sequence:
            return [], sequence
        rows = await self._rows(_EVENTS_AFTER, sequence, last, limit)
        events = [to_event(row) for row in rows]
        position = events[-1].sequence if len(events) == limit else last
        return [event for event in events if not stores or event.store in stores], position

    async def orders_of_references(self, store: str, values: Collection[str]) -> list[str]:
        """Return the orders, at most a hundred, that any of the gateway's ids or our references belongs to."""
        if not values:
            return []
        sql = (
            f"SELECT DISTINCT order_id FROM gateway_references WHERE store = $1 AND value {self._any_of('$2')}"
            " ORDER BY order_id LIMIT $3"
        )
        return [row[0] for row in await self._rows(sql, store, self._strings(values), ORDERS_OF_REFERENCE_MAX)]

    async def due_payments(self, store: str, now: datetime, limit: int) -> list[PaymentKey]:
        """Return payments whose next look is due, the longest waiting first."""
        return [PaymentKey(*row) for row in await self._rows(_DUE_PAYMENTS, store, to_microseconds(now), limit)]

    async def due_operations(self, store: str, now: datetime, limit: int) -> list[Operation]:
        """Return operations whose next check is due and whose lease nobody holds, the longest waiting first."""
        return [to_operation(row) for row in await self._rows(_DUE_OPERATIONS, store, to_microseconds(now), limit)]

    async def due_store_updates(self, store: str, now: datetime, limit: int) -> list[PaymentKey]:
        """Return payments with a write to the store that is due and that nobody is doing, the longest waiting first."""
        return [PaymentKey(*row) for row in await self._rows(_DUE_STORE_UPDATES, store, to_microseconds(now), limit)]

    async def knows_notification(self, store: str, message_id: str) -> bool:
        """Tell whether a message id is remembered whose orders were known; one that found none may find it now."""
        return bool(await self._rows(_KNOWS_NOTIFICATION, store, message_id))

    async def add_notification(
        self, store: str, message_id: str, receive_time: datetime, subject: str, strays: Collection[str] = ()
    ) -> bool:
        """Remember a message id; tell whether it is new.

        :param strays: what it is about, if no order is known here that it could be: for `stray_identifiers`.
        """
        kept = json.dumps(sorted(strays)) if strays else ""
        arguments = store, message_id, to_microseconds(receive_time), subject, kept
        return await self._execute(_ADD_NOTIFICATION, *arguments) == 1

    async def stray_identifiers(self, store: str, since: datetime) -> set[str]:
        """Return what notifications were about that came since and found no order here."""
        rows = await self._rows(_STRAYS, store, to_microseconds(since), STRAYS_MAX)
        return {identifier for row in rows for identifier in json.loads(row[0])}

    async def forget_notifications(self, before: datetime, limit: int) -> int:
        """Drop message ids so old that no sender repeats them; return how many."""
        return await self._execute(_FORGET_NOTIFICATIONS, to_microseconds(before), limit)

    async def discovered_until(self, store: str) -> datetime | None:
        """Return how far the store's orders have been looked through."""
        rows = await self._rows(_DISCOVERED_UNTIL, store)
        return to_time(rows[0][0]) if rows else None

    async def put_discovered_until(self, store: str, changed_after: datetime) -> None:
        """Remember how far the store's orders have been looked through."""
        await self._execute(_PUT_DISCOVERED_UNTIL, store, to_microseconds(changed_after))

    async def known_orders(self, store: str, order_ids: Collection[str]) -> dict[str, Record]:
        """Return the records of those of the orders that are known here, by order id."""
        if not order_ids:
            return {}
        sql = f"SELECT {RECORD} FROM payments p {RECORD_JOINS} WHERE p.store = $1 AND p.order_id {self._any_of('$2')}"
        rows = await self._rows(sql, store, self._strings(order_ids))
        return {row[1]: to_record(row) for row in rows}

    async def counts(self, due_before: datetime) -> dict[str, int]:
        """Return the gauges that operators watch.

        :param due_before: an operation whose next check has been due since before this time is overdue.
        """
        rows = await self._rows(_COUNT_ALL, to_microseconds(due_before))
        return dict(zip(_COUNTS, rows[0], strict=True))
