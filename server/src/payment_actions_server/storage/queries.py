"""The questions, in SQL that SQLite and PostgreSQL both understand, and what their answers mean.

The text is made once. Building each statement anew, as a query builder does, took longer than running it.
"""

import json
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Final

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.storage.overview import FAILING, REVIEW, OverviewQueries
from payment_actions_server.storage.rows import (
    EVENT,
    OPERATION,
    PAYMENT,
    STORE_UPDATE,
    Row,
    to_event,
    to_microseconds,
    to_operation,
    to_payment,
    to_store_update,
    to_time,
)
from payment_actions_server.storage.tables import IN_FLIGHT_SQL, OPEN_AUTHORIZATION_SQL
from payment_actions_server.storage.work import PaymentFilter, Record

ORDERS_OF_REFERENCE_MAX: Final = 100
STRAYS_MAX: Final = 1000
SEARCHED_MAX: Final = 1000
"""How many orders a search looks at, by name and by reference each."""

_NAME: Final = "#"


def columns(names: Iterable[str], alias: str = "") -> str:
    """Return a list of columns; quoted, for ``references`` is a word of SQL."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def in_flight(alias: str) -> str:
    """Return the condition that an operation is in flight, as the partial index has it."""
    return f"{alias}.{IN_FLIGHT_SQL}"


RECORD: Final = f"{columns(PAYMENT, 'p')}, p.lock_version, {columns(OPERATION, 'o')}, {columns(STORE_UPDATE, 'u')}"
"""The columns that `to_record` reads."""

RECORD_JOINS: Final = f"""
    LEFT JOIN operations o ON o.store = p.store AND o.order_id = p.order_id AND {in_flight("o")}
    LEFT JOIN store_updates u ON u.store = p.store AND u.order_id = p.order_id"""
"""What `RECORD` needs besides ``payments p``."""

_OPERATION_AT: Final = len(PAYMENT) + 1
_UPDATE_AT: Final = _OPERATION_AT + len(OPERATION)
RECORD_LENGTH: Final = _UPDATE_AT + len(STORE_UPDATE)


def to_record(row: Row) -> Record:
    """Return the record of the columns `RECORD`."""
    return Record(
        to_payment(row[: len(PAYMENT)]) if row[0] is not None else None,
        to_operation(row[_OPERATION_AT:_UPDATE_AT]) if row[_OPERATION_AT] is not None else None,
        to_store_update(row[_UPDATE_AT:RECORD_LENGTH]) if row[_UPDATE_AT] is not None else None,
        lock_version=row[len(PAYMENT)] or 0,
    )


def names_of(order_id: str, order_number: str) -> tuple[str, ...]:
    """Return the references under which an order is found by the beginning of its id or number."""
    return tuple(dict.fromkeys((_NAME + order_id, _NAME + order_number)))


_EVENTS = f"SELECT {columns((*EVENT, 'sequence'))} FROM events"
_NOBODY_HOLDS = "(lease_expire_time IS NULL OR lease_expire_time <= $2)"

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
    f"SELECT store, order_id FROM store_updates WHERE store = $1 AND next_attempt_time <= $2 AND {_NOBODY_HOLDS}"
    " ORDER BY next_attempt_time LIMIT $3"
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
    "operations_needing_review": f"SELECT count(*) FROM operations WHERE {REVIEW}",
    "store_updates_pending": "SELECT count(*) FROM store_updates WHERE next_attempt_time IS NOT NULL",
    "store_updates_failing": f"SELECT count(*) FROM store_updates WHERE {FAILING}",
    "anomalies": "SELECT count(*) FROM payments WHERE anomaly <> ''",
}
_COUNT_ALL = "SELECT " + ", ".join(f"({count})" for count in _COUNTS.values())

# Three small sets, each in an index of its own, however many payments there are.
_ATTENTION = f"""(p.store, p.order_id) IN (
    SELECT store, order_id FROM payments WHERE anomaly <> ''
    UNION SELECT store, order_id FROM operations WHERE {REVIEW}
    UNION SELECT store, order_id FROM store_updates WHERE {FAILING})"""

_UPDATE_FAILED = """(p.store, p.order_id) IN (
    SELECT store, order_id FROM store_updates WHERE next_attempt_time IS NOT NULL AND last_error <> '')"""

_AFTER_ALL: Final = "\U0010ffff"  # Sorts behind every character.


def _stores(wanted: PaymentFilter) -> tuple[str, ...]:
    return wanted.stores if wanted.store is None else (wanted.store,)


class Queries(OverviewQueries):
    """All reads of a `Storage` but `record`, and its writes that concern no payment."""

    @abstractmethod
    async def last_sequence(self) -> int:
        """Return the sequence up to which every event is here and none can come any more; 0 when there is none."""

    async def operation(self, store: str, operation_id: str) -> Operation | None:
        """Return an operation."""
        rows = await self._rows(OPERATION_BY_ID, store, operation_id)
        return to_operation(rows[0]) if rows else None

    async def list_records(self, wanted: PaymentFilter) -> list[Record]:
        """Return payments, the last changed first."""
        conditions, arguments = self._conditions(wanted)
        searched = self._searched(wanted, arguments) if wanted.order_search else ""
        sql = f"""SELECT {RECORD} FROM {searched} payments p {RECORD_JOINS}
            WHERE {" AND ".join(conditions) or "TRUE"}
            ORDER BY p.update_time DESC, p.store DESC, p.order_id DESC LIMIT ${len(arguments) + 1}"""
        return [to_record(row) for row in await self._rows(sql, *arguments, wanted.limit)]

    def _conditions(self, wanted: PaymentFilter) -> tuple[list[str], list[Any]]:
        conditions: list[str] = []
        arguments: list[Any] = []

        def argument(value: Any) -> str:
            arguments.append(value)
            return f"${len(arguments)}"

        if wanted.store is not None:
            conditions.append(f"p.store = {argument(wanted.store)}")
        if wanted.statuses:
            conditions.append(f"p.status {self._any_of(argument(self._strings(sorted(wanted.statuses))))}")
        if wanted.payment_method:
            method = argument(wanted.payment_method)
            conditions.append(f"(p.method_code = {method} OR p.method_name = {method})")
        conditions += self._waiting_for_something(wanted, argument)
        if wanted.order_search:
            conditions.append("p.store = s.store AND p.order_id = s.order_id")
        if wanted.before is not None:
            update_time, store, order_id = wanted.before
            position = f"{argument(to_microseconds(update_time))}, {argument(store)}, {argument(order_id)}"
            conditions.append(f"(p.update_time, p.store, p.order_id) < ({position})")
        return conditions, arguments

    def _waiting_for_something(self, wanted: PaymentFilter, argument: Callable[[Any], str]) -> Iterable[str]:
        if wanted.needing_attention:
            yield _ATTENTION
        if wanted.authorization_expire_before is not None:
            before = argument(to_microseconds(wanted.authorization_expire_before))
            yield f"p.{OPEN_AUTHORIZATION_SQL} AND p.authorization_expire_time < {before}"
        if wanted.store_update_failing:
            yield _UPDATE_FAILED
        if wanted.refresh_due_before is not None:
            of_stores = self._any_of(argument(self._strings(_stores(wanted))))
            due_before = argument(to_microseconds(wanted.refresh_due_before))
            yield f"p.store {of_stores} AND p.next_refresh_time < {due_before}"

    def _searched(self, wanted: PaymentFilter, arguments: list[Any]) -> str:
        """Return the orders that a search finds, to begin a join with. It is CROSS so that SQLite begins there too."""
        arguments += (self._strings(_stores(wanted)), wanted.order_search, _NAME + wanted.order_search)
        stores, text, name = (f"${len(arguments) - back}" for back in (2, 1, 0))
        found = " UNION ".join(
            f"""SELECT store, order_id FROM (SELECT store, order_id FROM gateway_references
                WHERE store {self._any_of(stores)} AND value >= {beginning} AND value < {beginning} || '{_AFTER_ALL}'
                ORDER BY store, value, order_id LIMIT {SEARCHED_MAX}) {alias}"""
            for alias, beginning in (("n", name), ("r", text))
        )
        return f"({found}) s CROSS JOIN"

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

    async def known_orders(self, store: str, order_ids: Collection[str]) -> dict[str, PaymentStatus]:
        """Return the status of those of the orders that are known here."""
        if not order_ids:
            return {}
        sql = f"SELECT order_id, status FROM payments WHERE store = $1 AND order_id {self._any_of('$2')}"
        return {row[0]: PaymentStatus(row[1]) for row in await self._rows(sql, store, self._strings(order_ids))}

    async def counts(self) -> dict[str, int]:
        """Return the gauges that operators watch."""
        rows = await self._rows(_COUNT_ALL)
        return dict(zip(_COUNTS, rows[0], strict=True))
