"""The unit of work: all that a transaction can read and write, for every database alike."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import (
    ColumnElement,
    Executable,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import IN_FLIGHT, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.storage.rows import (
    Row,
    event_row,
    operation_row,
    payment_row,
    store_update_row,
    to_event,
    to_operation,
    to_payment,
    to_store_update,
)
from payment_actions_server.storage.tables import (
    discoveries,
    events,
    gateway_references,
    notifications,
    operations,
    payments,
    store_updates,
)

ATTENTION_AFTER_ATTEMPTS = 3
"""A store update that failed this often wants a human's eye."""


class Session(Protocol):
    """How a database runs a statement within the transaction."""

    async def rows(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Return all rows."""
        ...

    async def run(self, statement: Executable, parameters: Any = None) -> int:
        """Run a write and return how many rows it touched."""
        ...

    async def insert_if_new(self, statement: Any, parameters: Mapping[str, Any]) -> bool:
        """Run an insert; tell whether the row was new (by its primary key)."""
        ...


class PaymentFilter(NamedTuple):
    """Which payments to list; ``before`` is the (update_time, store, order_id) after which the page begins."""

    store: str | None
    statuses: frozenset[PaymentStatus]
    payment_method: str
    needing_attention: bool
    authorization_expire_before: datetime | None
    before: tuple[datetime, str, str] | None
    limit: int


class UnitOfWork:
    """One transaction. What it appended is in ``appended``, for those who are told of events after the commit."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.appended: list[Event] = []

    async def _one(self, statement: Executable) -> Row | None:
        rows = await self._session.rows(statement)
        return rows[0] if rows else None

    # -- payments and their history ---------------------------------------------------------------------------------

    async def payment(self, key: PaymentKey) -> Payment | None:
        """Return the payment, as this transaction sees it."""
        row = await self._one(select(payments).where(_is(payments, key)))
        return to_payment(row) if row else None

    async def lock_payment(self, key: PaymentKey) -> Payment | None:
        """Return the payment and keep others from changing it, or anything of it, until this transaction ends."""
        row = await self._one(select(payments).where(_is(payments, key)).with_for_update())
        return to_payment(row) if row else None

    async def add_payment(self, payment: Payment, event: Event) -> None:
        """Add a payment at first sight, with its first event."""
        await self._session.run(insert(payments), payment_row(payment))
        await self._append(event)
        await self._index_references(payment)

    async def save_payment(self, payment: Payment, event: Event) -> None:
        """Save a changed payment with the event that says why."""
        assert payment.version == event.number
        condition = and_(_is(payments, payment.key), payments.c.version == payment.version - 1)
        touched = await self._session.run(update(payments).where(condition).values(payment_row(payment)))
        assert touched == 1, f"{payment.key} changed under its lock"
        await self._append(event)
        await self._index_references(payment)

    async def reschedule(self, payment: Payment, next_refresh_time: datetime | None, refreshes: int) -> None:
        """Say when the schedule looks at a payment next; no event, for nothing about the payment changed."""
        values = {"next_refresh_time": next_refresh_time, "refreshes": refreshes}
        await self._session.run(update(payments).where(_is(payments, payment.key)).values(values))

    async def _append(self, event: Event) -> None:
        rows = await self._session.rows(insert(events).returning(events.c.sequence), event_row(event))
        self.appended.append(replace(event, sequence=rows[0]["sequence"]))

    async def _index_references(self, payment: Payment) -> None:
        for reference in payment.references:
            await self.index_reference(payment.key, reference.value)

    async def index_reference(self, key: PaymentKey, value: str) -> None:
        """Make the payment findable by one of the gateway's ids, or one of our references."""
        row = {"store": key.store, "value": value, "order_id": key.order_id}
        await self._session.insert_if_new(insert(gateway_references), row)

    async def orders_of_reference(self, store: str, value: str) -> list[str]:
        """Return the ids of the orders that a gateway id or reference belongs to."""
        table = gateway_references
        rows = await self._session.rows(
            select(table.c.order_id).where(table.c.store == store, table.c.value == value).limit(100)
        )
        return [row["order_id"] for row in rows]

    async def list_payments(self, wanted: PaymentFilter) -> list[Payment]:
        """Return payments, the last changed first."""
        statement = select(payments).where(*_conditions(wanted)).limit(wanted.limit)
        order = (payments.c.update_time.desc(), payments.c.store.desc(), payments.c.order_id.desc())
        return [to_payment(row) for row in await self._session.rows(statement.order_by(*order))]

    async def list_events(self, key: PaymentKey, after_number: int, limit: int) -> list[Event]:
        """Return a payment's events after one, oldest first."""
        statement = (
            select(events)
            .where(_is(events, key), events.c.number > after_number)
            .order_by(events.c.number)
            .limit(limit)
        )
        return [to_event(row) for row in await self._session.rows(statement)]

    async def events_after(self, sequence: int, stores: frozenset[str], limit: int) -> list[Event]:
        """Return events of some stores (none named: all) after a sequence, in order."""
        statement = select(events).where(events.c.sequence > sequence).order_by(events.c.sequence).limit(limit)
        if stores:
            statement = statement.where(events.c.store.in_(sorted(stores)))
        return [to_event(row) for row in await self._session.rows(statement)]

    async def last_sequence(self) -> int:
        """Return the sequence up to which every event is here and none can come any more; 0 when there is none.

        Readers resume from it. It is the last one where commits come in the order of their sequences, as in SQLite.
        """
        row = await self._one(select(func.coalesce(func.max(events.c.sequence), 0).label("last")))
        assert row is not None
        return int(row["last"])

    async def due_payments(self, stores: Collection[str], now: datetime, limit: int) -> list[Payment]:
        """Return payments whose next look is due, the longest waiting first, locked."""
        statement = (
            select(payments)
            .where(payments.c.next_refresh_time <= now, payments.c.store.in_(sorted(stores)))
            .order_by(payments.c.next_refresh_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [to_payment(row) for row in await self._session.rows(statement)]

    # -- operations -------------------------------------------------------------------------------------------------

    async def operation(self, store: str, operation_id: str) -> Operation | None:
        """Return an operation."""
        table = operations
        row = await self._one(select(table).where(table.c.operation_id == operation_id, table.c.store == store))
        return to_operation(row) if row else None

    async def operation_by_request_id(self, store: str, request_id: str) -> Operation | None:
        """Return the operation that a request id names."""
        table = operations
        row = await self._one(select(table).where(table.c.store == store, table.c.request_id == request_id))
        return to_operation(row) if row else None

    async def operation_in_flight(self, key: PaymentKey) -> Operation | None:
        """Return the payment's one operation without a final state."""
        # Written as the partial index is, so that it is found there.
        in_flight = operations.c.state.in_(sorted(IN_FLIGHT))
        row = await self._one(select(operations).where(_is(operations, key), in_flight))
        return to_operation(row) if row else None

    async def operations_in_flight(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Operation]:
        """Return the operations in flight of many payments."""
        if not keys:
            return {}
        table = operations
        statement = select(table).where(
            tuple_(table.c.store, table.c.order_id).in_([tuple(key) for key in keys]),
            table.c.state.in_(sorted(IN_FLIGHT)),
        )
        found = [to_operation(row) for row in await self._session.rows(statement)]
        return {PaymentKey(operation.store, operation.order_id): operation for operation in found}

    async def add_operation(self, operation: Operation) -> None:
        """Add an intent. The database refuses a second one in flight on the payment."""
        await self._session.run(insert(operations), operation_row(operation))
        await self.index_reference(PaymentKey(operation.store, operation.order_id), operation.reference)

    async def save_operation(self, operation: Operation) -> None:
        """Save an operation's new state. A settled one never changes again."""
        condition = and_(operations.c.operation_id == operation.operation_id, operations.c.state.in_(sorted(IN_FLIGHT)))
        touched = await self._session.run(update(operations).where(condition).values(operation_row(operation)))
        assert touched == 1, f"{operation.operation_id} was final already"

    async def due_operations(self, stores: Collection[str], now: datetime, limit: int) -> list[Operation]:
        """Return operations whose next check is due and whose lease nobody holds, oldest first, locked."""
        table = operations
        statement = (
            select(table)
            .where(
                table.c.next_check_time <= now,
                table.c.store.in_(sorted(stores)),
                or_(table.c.lease_expire_time.is_(None), table.c.lease_expire_time <= now),
            )
            .order_by(table.c.next_check_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [to_operation(row) for row in await self._session.rows(statement)]

    # -- store updates ----------------------------------------------------------------------------------------------

    async def store_update(self, key: PaymentKey) -> StoreUpdate | None:
        """Return the payment's store update."""
        row = await self._one(select(store_updates).where(_is(store_updates, key)))
        return to_store_update(row) if row else None

    async def store_updates(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, StoreUpdate]:
        """Return the store updates of many payments."""
        if not keys:
            return {}
        table = store_updates
        statement = select(table).where(tuple_(table.c.store, table.c.order_id).in_([tuple(key) for key in keys]))
        found = [to_store_update(row) for row in await self._session.rows(statement)]
        return {PaymentKey(update.store, update.order_id): update for update in found}

    async def put_store_update(self, store_update: StoreUpdate) -> None:
        """Add or save a payment's store update."""
        row = store_update_row(store_update)
        if not await self._session.insert_if_new(insert(store_updates), row):
            key = PaymentKey(store_update.store, store_update.order_id)
            await self._session.run(update(store_updates).where(_is(store_updates, key)).values(row))

    async def due_store_updates(self, stores: Collection[str], now: datetime, limit: int) -> list[StoreUpdate]:
        """Return writes that are due and that nobody is doing, the longest waiting first, locked."""
        table = store_updates
        statement = (
            select(table)
            .where(
                table.c.next_attempt_time <= now,
                table.c.store.in_(sorted(stores)),
                or_(table.c.lease_expire_time.is_(None), table.c.lease_expire_time <= now),
            )
            .order_by(table.c.next_attempt_time)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [to_store_update(row) for row in await self._session.rows(statement)]

    # -- notifications and discovery --------------------------------------------------------------------------------

    async def add_notification(self, store: str, message_id: str, receive_time: datetime, subject: str) -> bool:
        """Remember a message id; tell whether it is new."""
        row = {"store": store, "message_id": message_id, "receive_time": receive_time, "subject": subject}
        return await self._session.insert_if_new(insert(notifications), row)

    async def forget_notifications(self, before: datetime) -> int:
        """Drop message ids so old that no sender repeats them; return how many."""
        return await self._session.run(delete(notifications).where(notifications.c.receive_time < before))

    async def discovered_until(self, store: str) -> datetime | None:
        """Return how far the store's orders have been looked through."""
        row = await self._one(select(discoveries.c.changed_after).where(discoveries.c.store == store))
        return row["changed_after"] if row else None

    async def put_discovered_until(self, store: str, changed_after: datetime) -> None:
        """Remember how far the store's orders have been looked through."""
        row = {"store": store, "changed_after": changed_after}
        if not await self._session.insert_if_new(insert(discoveries), row):
            await self._session.run(update(discoveries).where(discoveries.c.store == store).values(row))

    async def known_orders(self, store: str, order_ids: Iterable[str]) -> dict[str, PaymentStatus]:
        """Return the status of those of the orders that are known here."""
        statement = select(payments.c.order_id, payments.c.status).where(
            payments.c.store == store, payments.c.order_id.in_(sorted(order_ids))
        )
        return {row["order_id"]: PaymentStatus(row["status"]) for row in await self._session.rows(statement)}

    async def counts(self) -> dict[str, int]:
        """Return the gauges that operators watch."""
        review = operations.c.state == OperationState.NEEDS_REVIEW
        wanted = {
            "operations_in_flight": select(func.count()).where(operations.c.state.in_(sorted(IN_FLIGHT))),
            "operations_needing_review": select(func.count()).where(operations.c.next_check_time.isnot(None), review),
            "store_updates_pending": select(func.count()).where(store_updates.c.next_attempt_time.isnot(None)),
            "anomalies": select(func.count()).where(payments.c.anomaly != ""),
        }
        row = await self._one(select(*(query.scalar_subquery().label(name) for name, query in wanted.items())))
        assert row is not None
        return {name: int(row[name]) for name in wanted}


def _is(table: Any, key: PaymentKey) -> ColumnElement[bool]:
    return and_(table.c.store == key.store, table.c.order_id == key.order_id)


def _conditions(wanted: PaymentFilter) -> list[ColumnElement[bool]]:
    table = payments.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.store is not None:
        conditions.append(table.store == wanted.store)
    if wanted.statuses:
        conditions.append(table.status.in_(sorted(wanted.statuses)))
    if wanted.payment_method:
        conditions.append(or_(table.method_code == wanted.payment_method, table.method_name == wanted.payment_method))
    if wanted.needing_attention:
        conditions.append(_needs_attention())
    if wanted.authorization_expire_before is not None:
        conditions.append(table.status.in_([PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED]))
        conditions.append(table.authorization_expire_time < wanted.authorization_expire_before)
    if wanted.before is not None:
        conditions.append(tuple_(table.update_time, table.store, table.order_id) < wanted.before)
    return conditions


def _needs_attention() -> ColumnElement[bool]:
    def same(table: Any) -> ColumnElement[bool]:
        return and_(table.c.store == payments.c.store, table.c.order_id == payments.c.order_id)

    return or_(
        payments.c.anomaly != "",
        exists().where(same(operations), operations.c.state == OperationState.NEEDS_REVIEW),
        exists().where(
            same(store_updates),
            store_updates.c.state == StoreUpdateState.PENDING,
            store_updates.c.attempts >= ATTENTION_AFTER_ATTEMPTS,
        ),
    )
