"""Between the domain's types and the contract's messages. Every table is made once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from payment_actions.v1 import error_reason_pb2
from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.decision import Offer, Refusal
from payment_actions_server.domain.errors import ErrorReason
from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.money import EXPONENTS, NO_CURRENCY
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.order import order_message
from payment_actions_server.domain.status import Action, CaptureMode, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.engine.view import DailyTotal, Overview, PaymentView, StoreState

E = TypeVar("E", bound=StrEnum)


def _numbers(words: type[E], contract: Any, prefix: str) -> dict[E, Any]:
    """Return the contract's number of each domain word; the two lists must name the same."""
    numbers = {word: contract.Value(f"{prefix}_{word.name}") for word in words}
    assert len(numbers) == len(contract.keys()) - 1, f"{prefix}: the contract and the domain differ"
    return numbers


STATUSES: Final = _numbers(PaymentStatus, pb.PaymentStatus, "PAYMENT_STATUS")
ACTIONS: Final = _numbers(Action, pb.Action, "ACTION")
CAPTURE_MODES: Final = _numbers(CaptureMode, pb.CaptureMode, "CAPTURE_MODE")
OPERATION_STATES: Final = _numbers(OperationState, pb.OperationState, "OPERATION_STATE")
STORE_UPDATE_STATES: Final = _numbers(StoreUpdateState, pb.StoreUpdateState, "STORE_UPDATE_STATE")
ORDER_STATES: Final = _numbers(OrderState, pb.OrderState, "ORDER_STATE")
EVENT_TYPES: Final = _numbers(EventType, pb.EventType, "EVENT_TYPE")
REASONS: Final = _numbers(ErrorReason, error_reason_pb2.ErrorReason, "ERROR_REASON")

STATUS_OF: Final[Mapping[int, PaymentStatus]] = {number: word for word, number in STATUSES.items()}
ACTION_OF: Final[Mapping[int, Action]] = {number: word for word, number in ACTIONS.items()}
OPERATION_STATE_OF: Final[Mapping[int, OperationState]] = {number: word for word, number in OPERATION_STATES.items()}

# Currency -> (minor units in a unit, nanos in a minor unit).
_SCALES: Final = {code: (10**exponent, 10 ** (9 - exponent)) for code, exponent in EXPONENTS.items()}
_SCALES[NO_CURRENCY] = (1, 10**9)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


Fields: TypeAlias = Any
"""What fills a message within a message: its fields, by their names.

A message would be made, then copied in, which takes twice as long; the stubs know nothing of it.
"""


def money(amount_minor: int, currency_code: str) -> Money:
    """Return minor units as the contract's money."""
    return Money(**_money(amount_minor, currency_code))


def _money(amount_minor: int, currency_code: str) -> Fields:
    minor_per_unit, nanos_per_minor = _SCALES[currency_code]
    units, rest = divmod(abs(amount_minor), minor_per_unit)
    sign = -1 if amount_minor < 0 else 1
    return {"currency_code": currency_code, "units": sign * units, "nanos": sign * rest * nanos_per_minor}


def minor_units(amount: Money) -> int:
    """Return valid money as minor units, exactly."""
    minor_per_unit, nanos_per_minor = _SCALES[amount.currency_code]
    assert amount.nanos % nanos_per_minor == 0, "validation lets nothing finer pass"
    # Exact: floor division is right for negative nanos too, as nothing is left over.
    return int(amount.units * minor_per_unit + amount.nanos // nanos_per_minor)


def timestamp(time: datetime | None) -> Timestamp | None:
    """Return an aware time as the contract's; None stays absent."""
    return None if time is None else Timestamp(**_timestamp(time))


def _timestamp(time: datetime | None) -> Fields:
    if time is None:
        return None
    since = time - _EPOCH  # Integers all the way; `datetime.timestamp` is a float.
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1000}


def moment(time: Timestamp) -> datetime:
    """Return a valid contract time as an aware one; what is finer than a microsecond is cut off."""
    return _EPOCH + timedelta(seconds=time.seconds, microseconds=time.nanos // 1000)


def payment(view: PaymentView) -> Fields:
    """Return one reading of a payment, for a `pb.Payment`."""
    record = view.payment
    currency = record.currency_code
    method: Fields = {"code": record.method_code, "display_name": record.method_name}
    references: list[Fields] = [{"role": role, "value": value} for role, value in record.references]
    return {
        "store": record.store,
        "order_id": record.order_id,
        "order_number": record.order_number,
        "payment_method": method,
        "gateway": record.gateway if record.ours else "",
        "capture_mode": CAPTURE_MODES[view.capture_mode] if view.capture_mode else pb.CAPTURE_MODE_UNSPECIFIED,
        "status": STATUSES[record.status],
        "order_total": _money(record.order_total_minor, currency),
        "authorized_amount": _money(record.authorized_minor, currency),
        "captured_amount": _money(record.captured_minor, currency),
        "refunded_amount": _money(record.refunded_minor, currency),
        "operation_in_flight": operation(view.operation) if view.operation else None,
        "available_actions": [available(offer) for offer in view.decision.offers],
        "unavailable_actions": [_unavailable(refusal) for refusal in view.decision.refusals],
        "gateway_references": references,
        "authorization_expire_time": _timestamp(record.authorization_expire_time),
        "store_update": _store_update(view.store_update),
        "reason_code": record.reason_code,
        "anomaly": record.anomaly,
        "next_refresh_time": _timestamp(record.next_refresh_time),
        "create_time": _timestamp(record.create_time),
        "update_time": _timestamp(record.update_time),
        "etag": record.etag,
        "order_state": ORDER_STATES[record.order_state],
        "order_state_message": order_message(record),
    }


def available(offer: Offer) -> Fields:
    """Return an action that may be called, for a `pb.AvailableAction`."""
    moves = offer.action is not Action.REFRESH
    return {
        "action": ACTIONS[offer.action],
        "amount": _money(offer.amount_minor, offer.currency_code) if moves else None,
        "partial_amount_allowed": offer.partial,
        "effect": offer.effect,
        "amount_max": None if offer.limit_minor is None else _money(offer.limit_minor, offer.currency_code),
        "amount_max_reason": offer.limit_reason,
    }


def _unavailable(refusal: Refusal) -> Fields:
    return {
        "action": ACTIONS[refusal.action],
        "reason": REASONS[refusal.reason],
        "message": refusal.message,
        "policy": refusal.policy,
    }


def _store_update(update: StoreUpdate) -> Fields:
    return {
        "state": STORE_UPDATE_STATES[update.state],
        "platform_status": update.platform_status,
        "last_error": update.last_error,
        "attempts": update.attempts,
        "next_attempt_time": _timestamp(update.next_attempt_time),
        "notice": update.notice,
    }


def operation(record: Operation) -> Fields:
    """Return an operation as it is now, for a `pb.Operation`."""
    return {
        "operation_id": record.operation_id,
        "store": record.store,
        "order_id": record.order_id,
        "action": ACTIONS[record.action],
        "amount": _money(record.amount_minor, record.currency_code),
        "state": OPERATION_STATES[record.state],
        "request_id": record.request_id,
        "reference": record.reference,
        "gateway_id": record.gateway_id,
        "reason_code": record.reason_code,
        "message": record.message,
        "actor": record.actor,
        "note": record.note,
        "attempts": record.attempts,
        "next_check_time": _timestamp(record.next_check_time),
        "create_time": _timestamp(record.create_time),
        "update_time": _timestamp(record.update_time),
    }


def event(line: Event) -> Fields:
    """Return one line of a payment's history, for a `pb.Event`."""
    return {
        "sequence": line.sequence,
        "store": line.store,
        "order_id": line.order_id,
        "number": line.number,
        "type": EVENT_TYPES[line.type],
        "time": _timestamp(line.time),
        "actor": line.actor,
        "operation_id": line.operation_id,
        "status_before": STATUSES[line.status_before] if line.status_before else pb.PAYMENT_STATUS_UNSPECIFIED,
        "status_after": STATUSES[line.status_after],
        "message": line.message,
        "details": dict(line.details),
        "hash": line.hash,
        "previous_hash": line.previous_hash,
    }


def overview(view: Overview) -> pb.GetOverviewResponse:
    """Return what a front end's first page shows."""
    return pb.GetOverviewResponse(
        stores=[_store(state) for state in view.stores],
        daily_totals=[_daily_totals(total) for total in view.daily_totals],
        expiring_authorizations=[_expiring(one) for one in view.expiring],
        status_counts=[
            pb.StatusCount(status=STATUSES[status], payment_count=count) for status, count in view.status_counts.items()
        ],
        needing_attention_count=view.waiting.needing_attention,
        operation_in_flight_count=view.waiting.operations_in_flight,
        store_update_waiting_count=view.waiting.store_updates,
        refresh_overdue_count=view.waiting.refreshes_overdue,
        last_sequence=view.last_sequence,
        totals_sequence=view.totals_sequence,
    )


def _store(state: StoreState) -> pb.StoreOverview:
    return pb.StoreOverview(
        store=state.store,
        capture_mode=CAPTURE_MODES[state.capture_mode] if state.capture_mode else pb.CAPTURE_MODE_UNSPECIFIED,
        in_service=not state.out_of_service,
        out_of_service_message=state.out_of_service,
    )


def _daily_totals(total: DailyTotal) -> pb.DailyTotals:
    return pb.DailyTotals(
        date=total.day.isoformat(),
        authorized_amount=money(total.authorized_minor, total.currency_code),
        captured_amount=money(total.captured_minor, total.currency_code),
        refunded_amount=money(total.refunded_minor, total.currency_code),
    )


def _expiring(one: Any) -> pb.ExpiringAuthorizations:
    return pb.ExpiringAuthorizations(
        date=one.day.date().isoformat(), payment_count=one.payments, amount=money(one.open_minor, one.currency_code)
    )
