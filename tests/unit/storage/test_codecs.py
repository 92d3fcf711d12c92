"""Every value comes back as it went in: through rows alone, and through each kind of database."""

from datetime import UTC, datetime
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from support.records import in_sync

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.storage.rows import (
    event_row,
    operation_row,
    payment_row,
    store_update_row,
    to_event,
    to_operation,
    to_payment,
    to_store_update,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**31 - 1)
TIMES = st.datetimes(timezones=st.just(UTC))
REFERENCES = st.lists(st.builds(GatewayReference, TEXTS, TEXTS), max_size=3).map(tuple)
BY_TYPE = {
    str: TEXTS,
    int: INTEGERS,
    bool: st.booleans(),
    datetime: TIMES,
    datetime | None: st.none() | TIMES,
    int | None: st.none() | INTEGERS,
    tuple[GatewayReference, ...]: REFERENCES,
    Action: st.sampled_from(Action),
    Action | None: st.none() | st.sampled_from(Action),
    PaymentStatus: st.sampled_from(PaymentStatus),
    PaymentStatus | None: st.none() | st.sampled_from(PaymentStatus),
    OperationState: st.sampled_from(OperationState),
    OrderState: st.sampled_from(OrderState),
    StoreUpdateState: st.sampled_from(StoreUpdateState),
    EventType: st.sampled_from(EventType),
}
COUNTERS = {"refreshes", "attempts", "checks", "reverts"}


def any_of(kind, **fixed):
    """Return values of a struct, every field of any value that its type allows."""
    free = {
        field.name: COUNTS if field.name in COUNTERS else BY_TYPE[field.type]
        for field in fields(kind)
        if field.name not in fixed
    }
    return st.builds(kind, **free, **fixed)


EVENTS = any_of(Event, details=st.dictionaries(TEXTS, TEXTS, max_size=3))


@given(any_of(Payment))
def test_payment_is_the_same_after_its_row(payment):
    assert to_payment(payment_row(payment)) == payment


@given(any_of(Operation))
def test_operation_is_the_same_after_its_row(operation):
    assert to_operation(operation_row(operation)) == operation


@given(any_of(StoreUpdate))
def test_store_update_is_the_same_after_its_row(update):
    assert to_store_update(update.store, update.order_id, store_update_row(update)) == update


@given(EVENTS)
def test_event_is_the_same_after_its_row(event):
    assert to_event([*event_row(event), event.sequence]) == event


NUMBERS = count(1)  # Each example has an order of its own: all are in one database.


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_of(Payment), EVENTS, any_of(Operation), any_of(StoreUpdate))
async def test_all_of_a_payment_is_the_same_after_the_database(storage, payment, event, operation, update):
    number = next(NUMBERS)
    key = PaymentKey("shop", f"{number}{payment.order_id}")
    whose = {"store": key.store, "order_id": key.order_id}
    payment = replace(payment, **whose, version=1)
    event = replace(event, **whose, number=1)
    update = replace(update, **whose)
    operation = replace(operation, **whose, operation_id=f"{number:026}", request_id=f"{number}", reference=f"{number}")

    def body(work):
        work.add_payment(payment, event, in_sync(key))
        work.add_operation(operation)
        work.put_store_update(update)

    await storage.change(key, body)
    record = await storage.record(key, operation_id=operation.operation_id)
    assert (record.payment, record.store_update, record.asked) == (payment, update, operation)
    assert record.operation == (operation if operation.state.in_flight else None)
    (kept,) = await storage.list_events(key, 0, 10)
    assert replace(kept, sequence=0) == replace(event, sequence=0)
    for reference in payment.references:
        assert key.order_id in await storage.orders_of_references(key.store, [reference.value])
