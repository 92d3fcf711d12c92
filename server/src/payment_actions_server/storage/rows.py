"""Between rows and domain values: one function each way. A row's columns are in the order that is named here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from msgspec import json

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState

Row = Sequence[Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_PAYMENT_KEY: Final = ("store", "order_id")
PAYMENT: Final = Payment.__struct_fields__
PAYMENT_CHANGES: Final = tuple(name for name in PAYMENT if name not in (*_PAYMENT_KEY, "create_time"))
OPERATION: Final = Operation.__struct_fields__
OPERATION_CHANGES: Final = ("state", *OPERATION[OPERATION.index("update_time") :])  #: The rest stands for ever.
#: Of a payment's row.
STORE_UPDATE_COLUMNS: Final = tuple(
    f"store_update_{name}" for name in StoreUpdate.__struct_fields__ if name not in _PAYMENT_KEY
)
EVENT: Final = tuple(name for name in Event.__struct_fields__ if name != "sequence")


def to_microseconds(value: datetime) -> int:
    """Return a time as it is kept: microseconds since 1970."""
    assert value.tzinfo is not None, "a naive time has no meaning here"
    return (value - _EPOCH) // _MICROSECOND


def to_time(value: int) -> datetime:
    """Return the time of its microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


# Members by their values; an enumeration that is called takes five times as long.
_STATUSES: Final = {status.value: status for status in PaymentStatus}
_ACTIONS: Final = {action.value: action for action in Action}
_OPERATION_STATES: Final = {state.value: state for state in OperationState}
_ORDER_STATES: Final = {state.value: state for state in OrderState}
_STORE_UPDATE_STATES: Final = {state.value: state for state in StoreUpdateState}
_EVENT_TYPES: Final = {kind.value: kind for kind in EventType}

_encode: Final = json.Encoder().encode
_decode: Final = json.Decoder().decode


@lru_cache(2048)  # A payment is read and written several times in a row.
def _references(text: str) -> tuple[GatewayReference, ...]:
    return tuple(GatewayReference(*pair) for pair in _decode(text))


@lru_cache(2048)
def _references_text(references: tuple[GatewayReference, ...]) -> str:
    return _encode(references).decode()


def payment_row(payment: Payment) -> tuple[Any, ...]:
    """Return the columns `PAYMENT`."""
    expire_time, refresh_time = payment.authorization_expire_time, payment.next_refresh_time
    return (
        payment.store,
        payment.order_id,
        payment.order_number,
        payment.method_code,
        payment.method_name,
        payment.ours,
        payment.gateway,
        payment.status,
        payment.currency_code,
        payment.order_total_minor,
        payment.authorized_minor,
        payment.captured_minor,
        payment.refunded_minor,
        _references_text(payment.references),
        None if expire_time is None else to_microseconds(expire_time),
        payment.under_way,
        payment.reason_code,
        payment.reason_message,
        payment.anomaly,
        payment.version,
        payment.revision,
        payment.last_hash,
        to_microseconds(payment.create_time),
        to_microseconds(payment.update_time),
        None if refresh_time is None else to_microseconds(refresh_time),
        payment.refreshes,
        payment.order_state,
        payment.order_detail,
    )


def to_payment(row: Row) -> Payment:
    """Return the payment of the columns `PAYMENT`."""
    expire_time, under_way, refresh_time = row[14], row[15], row[24]
    return Payment(
        store=row[0],
        order_id=row[1],
        order_number=row[2],
        method_code=row[3],
        method_name=row[4],
        ours=bool(row[5]),
        gateway=row[6],
        status=_STATUSES[row[7]],
        currency_code=row[8],
        order_total_minor=row[9],
        authorized_minor=row[10],
        captured_minor=row[11],
        refunded_minor=row[12],
        references=_references(row[13]),
        authorization_expire_time=None if expire_time is None else to_time(expire_time),
        under_way=None if under_way is None else _ACTIONS[under_way],
        reason_code=row[16],
        reason_message=row[17],
        anomaly=row[18],
        version=row[19],
        revision=row[20],
        last_hash=row[21],
        create_time=to_time(row[22]),
        update_time=to_time(row[23]),
        next_refresh_time=None if refresh_time is None else to_time(refresh_time),
        refreshes=row[25],
        order_state=_ORDER_STATES[row[26]],
        order_detail=row[27],
    )


def operation_row(operation: Operation) -> tuple[Any, ...]:
    """Return the columns `OPERATION`."""
    lease_time, check_time = operation.lease_expire_time, operation.next_check_time
    return (
        operation.operation_id,
        operation.store,
        operation.order_id,
        operation.action,
        operation.amount_minor,
        operation.currency_code,
        operation.requested_amount_minor,
        operation.request_id,
        operation.reference,
        operation.state,
        operation.actor,
        operation.note,
        operation.base_minor,
        to_microseconds(operation.create_time),
        to_microseconds(operation.update_time),
        operation.gateway_id,
        operation.reason_code,
        operation.message,
        operation.attempts,
        operation.checks,
        operation.lease_id,
        None if lease_time is None else to_microseconds(lease_time),
        None if check_time is None else to_microseconds(check_time),
    )


def to_operation(row: Row) -> Operation:
    """Return the operation of the columns `OPERATION`."""
    lease_time, check_time = row[21], row[22]
    return Operation(
        operation_id=row[0],
        store=row[1],
        order_id=row[2],
        action=_ACTIONS[row[3]],
        amount_minor=row[4],
        currency_code=row[5],
        requested_amount_minor=row[6],
        request_id=row[7],
        reference=row[8],
        state=_OPERATION_STATES[row[9]],
        actor=row[10],
        note=row[11],
        base_minor=row[12],
        create_time=to_time(row[13]),
        update_time=to_time(row[14]),
        gateway_id=row[15],
        reason_code=row[16],
        message=row[17],
        attempts=row[18],
        checks=row[19],
        lease_id=row[20],
        lease_expire_time=None if lease_time is None else to_time(lease_time),
        next_check_time=None if check_time is None else to_time(check_time),
    )


def store_update_row(update: StoreUpdate) -> tuple[Any, ...]:
    """Return the columns `STORE_UPDATE_COLUMNS`."""
    lease_time, attempt_time = update.lease_expire_time, update.next_attempt_time
    return (
        update.state,
        update.generation,
        update.platform_status,
        update.last_error,
        update.attempts,
        None if lease_time is None else to_microseconds(lease_time),
        None if attempt_time is None else to_microseconds(attempt_time),
        update.notice,
        update.reverts,
    )


def to_store_update(store: str, order_id: str, row: Row) -> StoreUpdate:
    """Return the store update of the columns `STORE_UPDATE_COLUMNS`."""
    lease_time, attempt_time = row[5], row[6]
    return StoreUpdate(
        store=store,
        order_id=order_id,
        state=_STORE_UPDATE_STATES[row[0]],
        generation=row[1],
        platform_status=row[2],
        last_error=row[3],
        attempts=row[4],
        lease_expire_time=None if lease_time is None else to_time(lease_time),
        next_attempt_time=None if attempt_time is None else to_time(attempt_time),
        notice=row[7],
        reverts=row[8],
    )


def event_row(event: Event) -> tuple[Any, ...]:
    """Return the columns `EVENT`: all but the sequence, which the database gives."""
    return (
        event.store,
        event.order_id,
        event.number,
        event.type,
        to_microseconds(event.time),
        event.actor,
        event.operation_id,
        event.status_before,
        event.status_after,
        event.message,
        _encode(event.details).decode(),
        event.previous_hash,
        event.hash,
    )


def to_event(row: Row) -> Event:
    """Return the event of the columns `EVENT`, and its sequence."""
    status_before = row[7]
    return Event(
        store=row[0],
        order_id=row[1],
        number=row[2],
        type=_EVENT_TYPES[row[3]],
        time=to_time(row[4]),
        actor=row[5],
        operation_id=row[6],
        status_before=None if status_before is None else _STATUSES[status_before],
        status_after=_STATUSES[row[8]],
        message=row[9],
        details=_decode(row[10]),
        previous_hash=row[11],
        hash=row[12],
        sequence=row[13],
    )
