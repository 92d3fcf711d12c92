"""Payments, operations and store updates for tests of the storage, and the shortest ways to write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from payment_actions_server.domain.event import Event, EventType, chain_break
from payment_actions_server.domain.operation import Operation, reference_of
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.storage import PaymentWork, Storage

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
STORE = "shop"
KEY = PaymentKey(STORE, "1")


def payment(order_id: str = "1", **changes: Any) -> tuple[Payment, Event]:
    """Return a payment as it is at first sight, and its event."""
    fields = {
        "store": STORE,
        "order_id": order_id,
        "order_number": f"#{order_id}",
        "method_code": "amazon",
        "method_name": "Amazon Pay",
        "ours": True,
        "gateway": "fake",
        "status": PaymentStatus.AUTHORIZED,
        "currency_code": "USD",
        "order_total_minor": 12_990,
        "authorized_minor": 12_990,
        "create_time": NOW,
        "update_time": NOW,
    } | changes
    return Payment(**fields).recorded(EventType.PAYMENT_SEEN, now=fields["update_time"], actor="test", before=None)


def changed(found: Payment, **details: str) -> tuple[Payment, Event]:
    """Return a payment one version on, and its event."""
    return found.recorded(EventType.ORDER_CHANGED, now=NOW, actor="test", before=found.status, details=details)


def intent(number: int = 1, order_id: str = "1", **changes: Any) -> Operation:
    """Return an operation that was just begun."""
    operation_id = f"{number:026}"
    fields = {
        "operation_id": operation_id,
        "store": STORE,
        "order_id": order_id,
        "action": Action.CAPTURE,
        "amount_minor": 12_990,
        "currency_code": "USD",
        "requested_amount_minor": None,
        "request_id": f"request-{number}",
        "reference": reference_of(operation_id),
        "state": OperationState.UNKNOWN,
        "actor": "ann",
        "note": "",
        "base_minor": 0,
        "create_time": NOW,
        "update_time": NOW,
        "next_check_time": NOW + SECOND,
    }
    return Operation(**fields | changes)


def in_sync(key: PaymentKey = KEY, **changes: Any) -> StoreUpdate:
    """Return a store update with nothing to do."""
    return StoreUpdate(**{"store": key.store, "order_id": key.order_id, "state": StoreUpdateState.IN_SYNC} | changes)


def seeing(order_id: str = "1", **changes: Any) -> Any:
    """Return a body that adds a payment at first sight; it finds it added when it runs again."""
    first, event = payment(order_id, **changes)

    def body(work: PaymentWork) -> None:
        if work.payment is None:
            work.add_payment(first, event, in_sync(first.key))

    return body


async def see(storage: Storage, order_id: str = "1", **changes: Any) -> Payment:
    """Add a payment at first sight; return it as it is kept."""
    key = PaymentKey(changes.get("store", STORE), order_id)
    await storage.change(key, seeing(order_id, **changes))
    found = (await storage.record(key)).payment
    assert found is not None
    return found


async def begin(storage: Storage, operation: Operation) -> None:
    """Add an operation to its payment, final ones too."""
    key = PaymentKey(operation.store, operation.order_id)
    await storage.change(key, lambda work: work.add_operation(operation))


def counting(work: PaymentWork) -> int:
    """Append one event, whatever was there before; return its number."""
    later, event = changed(work.known())
    work.save_payment(later, event)
    return event.number


async def history(storage: Storage, key: PaymentKey = KEY) -> list[Event]:
    """Return a payment's whole history, having checked its chain."""
    events = await storage.list_events(key, 0, 100_000)
    assert chain_break(events) is None
    return events


async def all_events(storage: Storage, page: int = 100) -> list[Event]:
    """Return every event that a reader gets who begins at the start."""
    found: list[Event] = []
    position = -1
    while (last := await storage.events_after(max(position, 0), (), page))[1] != position:
        position = last[1]
        found += last[0]
    return found
