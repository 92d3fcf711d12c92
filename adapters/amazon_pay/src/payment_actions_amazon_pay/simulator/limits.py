"""How much, and how often: sums over an order's transactions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from .money import Money, ceiling
from .objects import Authorization, Capture, OrderReference, Refund
from .refusals import Code, Refusal
from .states import Kind, State
from .world import World

# A newer EU page says 25; the JP and older pages say 10, the stricter figure.
AUTHORIZATIONS_MAX: Final = 10
REFUNDS_MAX: Final = 10


def captures_of(world: World, authorization: Authorization) -> list[Capture]:
    """Return every capture of an authorization, also those that were declined."""
    return [world.get(capture_id, Capture) for capture_id in authorization.capture_ids]


def refunds_of(world: World, capture: Capture) -> list[Refund]:
    """Return every refund of a capture, also those that were declined."""
    return [world.get(refund_id, Refund) for refund_id in capture.refund_ids]


def authorizations_of(world: World, order: OrderReference) -> list[Authorization]:
    """Return every authorization of an order reference, also those that were declined."""
    return [world.get(authorization_id, Authorization) for authorization_id in order.authorization_ids]


def captured(world: World, authorization: Authorization) -> Money:
    """Return what an authorization shows as CapturedAmount: what has moved, so nothing while Pending."""
    moved = (State.COMPLETED, State.CLOSED)
    return _total(authorization.amount.currency, captures_of(world, authorization), moved)


def refunded(world: World, capture: Capture) -> Money:
    """Return what a capture shows as RefundedAmount: nothing of it while a refund is Pending."""
    return _total(capture.amount.currency, refunds_of(world, capture), (State.COMPLETED,))


def charged(world: World, order: OrderReference) -> Decimal:
    """Return what an order reference was charged, or will be once a Pending capture completes."""
    return sum((_charged(world, each) for each in authorizations_of(world, order)), Decimal(0))


def captured_count(world: World, order: OrderReference) -> int:
    """Return how many authorizations of an order reference were captured."""
    return sum(_charged(world, each) > 0 for each in authorizations_of(world, order))


def check_authorization(world: World, order: OrderReference, amount: Money) -> None:
    """Refuse one authorization too many, or too much; declined and uncaptured closed ones do not count."""
    assert order.total is not None  # An order reference is only confirmed with its total set.
    _check_currency(amount, order.total)
    committed = [_committed(world, each) for each in authorizations_of(world, order)]
    if sum(one > 0 for one in committed) >= AUTHORIZATIONS_MAX:
        message = f"{order.id} already has {AUTHORIZATIONS_MAX} successful authorizations."
        raise Refusal(Code.TRANSACTION_COUNT_EXCEEDED, message)
    if sum(committed, amount.amount) > ceiling(order.total):
        message = f"{amount.amount} {amount.currency} is more than {order.id} still allows to authorize."
        raise Refusal(Code.TRANSACTION_AMOUNT_EXCEEDED, message)


def check_capture(authorization: Authorization, amount: Money) -> None:
    """Refuse a capture of more than was authorized."""
    _check_currency(amount, authorization.amount)
    if amount.amount > authorization.amount.amount:
        message = f"{amount.amount} is more than {authorization.id} holds: {authorization.amount.amount}."
        raise Refusal(Code.TRANSACTION_AMOUNT_EXCEEDED, message)


def check_refund(world: World, capture: Capture, amount: Money) -> None:
    """Refuse one refund too many, or too much. Pending ones count in both; declined ones as submitted."""
    _check_currency(amount, capture.amount)
    refunds = refunds_of(world, capture)
    if len(refunds) >= REFUNDS_MAX:
        message = f"{REFUNDS_MAX} refunds were already submitted for {capture.id}."
        raise Refusal(Code.TRANSACTION_COUNT_EXCEEDED, message)
    asked = _total(amount.currency, refunds, (State.PENDING, State.COMPLETED)).amount + amount.amount
    if asked > ceiling(capture.amount):
        message = f"{amount.amount} {amount.currency} is more than {capture.id} still allows to refund."
        raise Refusal(Code.TRANSACTION_AMOUNT_EXCEEDED, message)


def _charged(world: World, authorization: Authorization) -> Decimal:
    # The capture that a Pending CaptureNow authorization lists has not happened and may never.
    if authorization.status.state is State.PENDING:
        return Decimal(0)
    live = [each.amount.amount for each in captures_of(world, authorization) if _live(each)]
    return sum(live, Decimal(0))


def _committed(world: World, authorization: Authorization) -> Decimal:
    if authorization.status.state in {State.PENDING, State.OPEN}:
        return authorization.amount.amount
    return _charged(world, authorization)


def _live(capture: Capture) -> bool:
    assert capture.kind is Kind.CAPTURE
    return capture.status.state is not State.DECLINED


def _total(currency: str, things: Iterable[Capture | Refund], states: tuple[State, ...]) -> Money:
    amounts = (each.amount.amount for each in things if each.status.state in states)
    return Money(sum(amounts, Decimal(0)), currency)


def _check_currency(amount: Money, expected: Money) -> None:
    if amount.currency != expected.currency:
        message = f"The currency is {expected.currency}, not {amount.currency}."
        raise Refusal(Code.CURRENCY_MISMATCH, message)
