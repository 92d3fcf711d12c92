"""What became of the order in the shop, and what that bars. The shop is the master of orders, the gateway of money."""

from typing import Final, NamedTuple

from payment_actions_server.domain.errors import ErrorReason
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import OrderState

GONE: Final = frozenset({OrderState.CANCELLED, OrderState.DELETED})
"""The order is not to be delivered: giving its authorization up is the advice."""

_REASONS: Final = {
    OrderState.CANCELLED: ErrorReason.ORDER_CANCELLED,
    OrderState.DELETED: ErrorReason.ORDER_CANCELLED,
    OrderState.OTHER_METHOD: ErrorReason.ORDER_CHANGED,
    OrderState.OTHER_CURRENCY: ErrorReason.ORDER_CHANGED,
    OrderState.TOTAL_INVALID: ErrorReason.ORDER_TOTAL_INVALID,
}

_SENTENCES: Final = {
    OrderState.CANCELLED: "The shop closed the order; its status there is {detail}.",
    OrderState.DELETED: "The shop has no such order any more.",
    OrderState.OTHER_METHOD: "The order is to be paid by {detail} now, not by the authorized payment.",
    OrderState.OTHER_CURRENCY: "The order is in {detail} now, and its authorization in {currency}.",
    OrderState.TOTAL_INVALID: "The order's total in the shop, {detail}, is no amount that its currency can express.",
}

_ADVICE: Final = {
    OrderState.CANCELLED: "Void the payment. To capture it after all, set the order right in the shop first.",
    OrderState.DELETED: "Void the payment.",
    OrderState.OTHER_METHOD: "Void the payment, or set the order's payment method right in the shop.",
    OrderState.OTHER_CURRENCY: "Void this order and have the customer place it again.",
    OrderState.TOTAL_INVALID: "Correct the total in the shop, or void the payment.",
}


class Obstacle(NamedTuple):
    """Why the order, as it is in the shop now, cannot be captured."""

    reason: ErrorReason
    message: str


def order_message(payment: Payment) -> str:
    """Return what became of the order, in a sentence for staff; empty while the order is PLACED."""
    sentence = _SENTENCES.get(payment.order_state, "")
    return sentence.format(detail=payment.order_detail or "not told", currency=payment.currency_code)


def capturable_minor(payment: Payment) -> int:
    """Return how much may still be collected: the buyer never pays more than the order says now."""
    return max(min(payment.authorized_minor, payment.order_total_minor) - payment.captured_minor, 0)


def capture_obstacle(payment: Payment, *, partial: bool) -> Obstacle | None:
    """Return why an authorized payment cannot be captured because of its order; None when it can.

    :param partial: whether less than the authorized amount may be captured.
    """
    if payment.order_state is not OrderState.PLACED:
        message = f"{order_message(payment)} {_ADVICE[payment.order_state]}"
        return Obstacle(_REASONS[payment.order_state], message)
    total = format_amount(payment.order_total_minor, payment.currency_code)
    if not partial and payment.order_total_minor != payment.authorized_minor:
        authorized = format_amount(payment.authorized_minor, payment.currency_code)
        return Obstacle(
            ErrorReason.ORDER_CHANGED,
            f"The order's total is {total}, but {authorized} is authorized, and only the whole order amount can be"
            " captured. Void this order and have the customer place it again.",
        )
    if capturable_minor(payment) == 0:
        captured = format_amount(payment.captured_minor, payment.currency_code)
        return Obstacle(
            ErrorReason.ORDER_CHANGED,
            f"The order's total is {total} and {captured} is captured already. Void what is left.",
        )
    return None
