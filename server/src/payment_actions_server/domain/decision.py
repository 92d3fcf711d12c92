"""The one decision: which actions a payment offers now, with what amounts, and why not the others."""

from collections.abc import Callable
from typing import NamedTuple

from payment_actions_server.domain.errors import (
    ActionNotAvailable,
    AmountOutOfRange,
    CurrencyMismatch,
    ErrorReason,
    GatewayUnavailable,
    NotOurPaymentMethod,
    OperationInFlight,
    OrderCancelled,
    OrderChanged,
    OrderTotalInvalid,
    PartialAmountNotSupported,
    PaymentActionsError,
    PlatformUnavailable,
)
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.order import GONE, capturable_minor, capture_obstacle, order_message
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import Action, CaptureMode, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.transitions import offered

_ALL = tuple(Action)


class Terms(NamedTuple):
    """What a store's configuration and its gateway's capabilities, together, allow."""

    capture_mode: CaptureMode
    partial_capture: bool = False
    partial_refund: bool = False


class Offer(NamedTuple):
    """An action that may be called now. ``amount_minor`` is the whole amount it would move; 0 for REFRESH."""

    action: Action
    amount_minor: int
    currency_code: str
    partial: bool  #: Whether a smaller amount may be asked for.
    effect: str  #: What it will do, for people.
    limit_minor: int | None = None  #: The most that may be asked for, where a policy allows less than the whole.
    limit_reason: str = ""  #: Why no more than `limit_minor`, in the policy's words.
    limit_policy: str = ""  #: The plugin whose review set the limit.


class Refusal(NamedTuple):
    """An action that may not be called now, and why."""

    action: Action
    reason: ErrorReason
    message: str
    policy: str = ""  #: The plugin whose review refused it, if one did.
    amount_max: str = ""  #: The most that the policy lets a call ask for, where it lets less than was asked for.


class Objection(NamedTuple):
    """A policy's objection to moving an amount."""

    policy: str  #: The plugin.
    why: str  #: In a sentence for staff.
    limit_minor: int = 0  #: The most that the policy lets move; less than the amount. 0: it refuses the action.


Review = Callable[[Offer], Objection | None]
"""Asks the policies about moving an offer's amount; None: no policy objects."""


class Decision(NamedTuple):
    """Every action, once: offered or refused."""

    offers: tuple[Offer, ...]
    refusals: tuple[Refusal, ...]

    def offer(self, action: Action) -> Offer:
        """Return the offer of ``action``.

        :raises NotOurPaymentMethod, OperationInFlight, ActionNotAvailable: it is refused; the message says why
            and ``available_actions`` in the metadata says what may be called instead.
        """
        for offer in self.offers:
            if offer.action is action:
                return offer
        raise self.error(next(refusal for refusal in self.refusals if refusal.action is action))

    def with_refresh(self, payment: Payment) -> "Decision":
        """Return the decision with REFRESH offered, which begins a disputed write to the shop anew."""
        if not payment.ours or any(offer.action is Action.REFRESH for offer in self.offers):
            return self
        refusals = tuple(refusal for refusal in self.refusals if refusal.action is not Action.REFRESH)
        return Decision((*self.offers, refresh_of(payment)), refusals)

    def error(self, refusal: Refusal) -> PaymentActionsError:
        """Return a refusal as the caller's error, with the actions that may be called instead."""
        available = ",".join(offer.action for offer in self.offers)
        metadata = {"action": refusal.action.value, "available_actions": available}
        more = {"policy": refusal.policy, "amount_max": refusal.amount_max}
        return _ERRORS[refusal.reason](refusal.message, **metadata, **{key: told for key, told in more.items() if told})


_ERRORS: dict[ErrorReason, type[PaymentActionsError]] = {
    ErrorReason.NOT_OUR_PAYMENT_METHOD: NotOurPaymentMethod,
    ErrorReason.OPERATION_IN_FLIGHT: OperationInFlight,
    ErrorReason.ACTION_NOT_AVAILABLE: ActionNotAvailable,
    ErrorReason.GATEWAY_UNAVAILABLE: GatewayUnavailable,
    ErrorReason.PLATFORM_UNAVAILABLE: PlatformUnavailable,
    ErrorReason.ORDER_CANCELLED: OrderCancelled,
    ErrorReason.ORDER_CHANGED: OrderChanged,
    ErrorReason.ORDER_TOTAL_INVALID: OrderTotalInvalid,
}


def decide(payment: Payment, operation: Operation | None, terms: Terms, review: Review | None = None) -> Decision:
    """Return what may be done with ``payment`` now.

    :param operation: the one in flight, if any.
    :param review: asked about every money-moving offer; may refuse it.
    """
    offers: list[Offer] = []
    refusals: list[Refusal] = []
    for action in _ALL:
        answer = _reviewed(_judge(payment, operation, terms, action), review)
        if isinstance(answer, Offer):
            offers.append(answer)
        else:
            refusals.append(answer)
    return Decision(tuple(offers), tuple(refusals))


def decide_one(
    payment: Payment,
    operation: Operation | None,
    terms: Terms,
    action: Action,
    review: Review | None = None,
    *,
    amount_minor: int | None = None,
    currency_code: str | None = None,
) -> Offer | Refusal:
    """Return the decision about a call of one action: what `decide` shows, held against the amount of the call.

    A part is accepted if it is within the limit that is shown, and the policies do not object to the part itself.

    :param amount_minor: of the call; None means the whole.
    :return: an offer of exactly that amount, or why it is refused.
    :raises CurrencyMismatch, AmountOutOfRange, PartialAmountNotSupported: see `resolve_amount`.
    """
    judged = _judge(payment, operation, terms, action)
    if isinstance(judged, Refusal):
        return judged
    amount = resolve_amount(judged, amount_minor, currency_code)
    shown = _reviewed(judged, review)
    if amount == judged.amount_minor or (isinstance(shown, Offer) and amount > _limit(shown)):
        return _within_limit(shown)
    part = judged._replace(amount_minor=amount, effect=_effect(payment, action, amount))
    return _within_limit(_reviewed(part, review))


def _reviewed(answer: Offer | Refusal, review: Review | None) -> Offer | Refusal:
    if review is None or isinstance(answer, Refusal) or answer.action is Action.REFRESH:
        return answer  # Looking is never refused: it moves nothing.
    objection = review(answer)
    if objection is None:
        return answer
    if answer.partial and 0 < objection.limit_minor < answer.amount_minor:
        limit, why, policy = objection.limit_minor, objection.why, objection.policy
        return answer._replace(limit_minor=limit, limit_reason=why, limit_policy=policy)
    return Refusal(answer.action, ErrorReason.ACTION_NOT_AVAILABLE, objection.why, objection.policy)


def _limit(offer: Offer) -> int:
    return offer.amount_minor if offer.limit_minor is None else offer.limit_minor


def _within_limit(answer: Offer | Refusal) -> Offer | Refusal:
    """Refuse an offer whose amount is above its limit."""
    if isinstance(answer, Refusal) or answer.limit_minor is None:
        return answer
    limit = format_amount(answer.limit_minor, answer.currency_code)
    words = answer.limit_reason.rstrip()
    stop = "" if words.endswith((".", "!", "?")) else "."
    why = f"{words}{stop} No more than {limit} can be asked for now; name an amount up to that."
    return Refusal(answer.action, ErrorReason.ACTION_NOT_AVAILABLE, why, answer.limit_policy, limit)


def _judge(payment: Payment, operation: Operation | None, terms: Terms, action: Action) -> Offer | Refusal:
    if not payment.ours:
        method = payment.method_name or payment.method_code or "another method"
        why = f"The order was paid by {method}, not through the gateway of this store."
        return Refusal(action, ErrorReason.NOT_OUR_PAYMENT_METHOD, why)
    if action is Action.REFRESH:
        return _judge_refresh(payment, operation, terms)
    if operation is not None:
        return Refusal(action, ErrorReason.OPERATION_IN_FLIGHT, _in_flight_message(operation))
    if payment.under_way is not None:
        what = payment.under_way.lower()
        why = f"A {what} that was not started here is under way at the gateway. Refresh to see its result."
        return Refusal(action, ErrorReason.OPERATION_IN_FLIGHT, why)
    if (unavailable := _obstacle(payment, terms, action)) is not None:
        return Refusal(action, ErrorReason.ACTION_NOT_AVAILABLE, unavailable)
    obstacle = capture_obstacle(payment, partial=terms.partial_capture) if action is Action.CAPTURE else None
    if obstacle is not None:
        return Refusal(action, obstacle.reason, obstacle.message)
    return _offer(payment, terms, action)


def _obstacle(payment: Payment, terms: Terms, action: Action) -> str | None:
    """Return why the payment, as it stands, does not offer ``action``, or None when it does."""
    if action not in offered(payment.status):
        return _status_message(payment, action)
    if payment.refund_unconfirmed:
        shown = format_amount(payment.refunded_minor, payment.currency_code)
        return f"All that is known to be collected, {shown}, is returned. Refresh to see whether that was all."
    if payment.status is PaymentStatus.AUTHORIZED and terms.capture_mode is CaptureMode.IMMEDIATE_CAPTURE:
        return "The store captures at once and the capture's result has not reached us. Refresh to see it."
    return None


def _judge_refresh(payment: Payment, operation: Operation | None, terms: Terms) -> Offer | Refusal:
    waiting = payment.status is PaymentStatus.PENDING or (
        payment.status is PaymentStatus.AUTHORIZED and terms.capture_mode is CaptureMode.IMMEDIATE_CAPTURE
    )
    if operation or payment.under_way or payment.refund_unconfirmed or waiting:
        return refresh_of(payment)
    why = f"No result is awaited: the payment is {payment.status}."
    return Refusal(Action.REFRESH, ErrorReason.ACTION_NOT_AVAILABLE, why)


def refresh_of(payment: Payment) -> Offer:
    """Return what a REFRESH does: it may be called in every status, offered or not."""
    effect = "Asks the gateway what is true and updates the order; moves no money."
    return Offer(Action.REFRESH, 0, payment.currency_code, partial=False, effect=effect)


def _offer(payment: Payment, terms: Terms, action: Action) -> Offer:
    if action is Action.CAPTURE:
        amount, partial = capturable_minor(payment), terms.partial_capture
    elif action is Action.VOID:
        amount, partial = payment.authorized_minor - payment.captured_minor, False
    else:
        amount, partial = payment.captured_minor - payment.refunded_minor, terms.partial_refund
    return Offer(action, amount, payment.currency_code, partial, _effect(payment, action, amount))


def _effect(payment: Payment, action: Action, amount_minor: int) -> str:
    shown = format_amount(amount_minor, payment.currency_code)
    if action is Action.CAPTURE:
        return f"Collects {shown} from the buyer."
    if action is Action.VOID:
        advice = f" This is the advice: {order_message(payment)}" if payment.order_state in GONE else ""
        return f"Gives up the authorization of {shown}; nothing is collected.{advice}"
    return f"Returns {shown} to the buyer{_beyond_the_order(payment, amount_minor)}."


def _beyond_the_order(payment: Payment, amount_minor: int) -> str:
    """Say so when a refund returns more than the order costs: the order was changed, or paid together with others."""
    if amount_minor <= payment.order_total_minor or payment.order_state is OrderState.TOTAL_INVALID:
        return ""
    return f", more than the order's total of {format_amount(payment.order_total_minor, payment.currency_code)}"


def resolve_amount(offer: Offer, amount_minor: int | None, currency_code: str | None) -> int:
    """Return the minor units to move: the whole offer when the caller names none.

    :raises CurrencyMismatch: another currency than the payment's.
    :raises AmountOutOfRange: not above zero, or above the offer.
    :raises PartialAmountNotSupported: another amount than the whole, where only the whole is allowed.
    """
    if currency_code is not None and currency_code != offer.currency_code:
        raise CurrencyMismatch(
            f"The amount is in {currency_code}, the payment in {offer.currency_code}. Name the amount in"
            f" {offer.currency_code} or leave it out to mean the whole.",
            currency_code=currency_code,
            expected_currency_code=offer.currency_code,
        )
    if amount_minor is None or amount_minor == offer.amount_minor:
        return offer.amount_minor
    asked = format_amount(amount_minor, offer.currency_code)
    whole = format_amount(offer.amount_minor, offer.currency_code)
    metadata = {"amount": asked, "whole_amount": whole, "action": offer.action.value}
    if amount_minor <= 0:
        raise AmountOutOfRange(f"{asked} is not above zero. Leave the amount out to mean {whole}.", **metadata)
    if not offer.partial:
        undo = "refund" if offer.action is Action.REFUND else "void"
        raise PartialAmountNotSupported(
            f"{offer.action} of {asked} was asked, but only the whole amount of {whole} can be moved."
            f" For any other amount, {undo} this order and have the customer place it again.",
            **metadata,
        )
    if amount_minor > offer.amount_minor:
        raise AmountOutOfRange(f"{asked} is more than the {whole} that is left for {offer.action}.", **metadata)
    return amount_minor


def _in_flight_message(operation: Operation) -> str:
    what = f"{operation.action} of {format_amount(operation.amount_minor, operation.currency_code)}"
    waits = {
        OperationState.UNKNOWN: "is under way and the gateway has not answered yet",
        OperationState.PENDING: "was accepted by the gateway and its result is awaited",
        OperationState.NEEDS_REVIEW: "could not be found out by asking the gateway; it waits for an operator's word",
    }[operation.state]
    return f"{what} {waits} (operation {operation.operation_id}). Nothing else can start until it has ended."


def _status_message(payment: Payment, action: Action) -> str:
    because = f" ({payment.reason_code})" if payment.reason_code else ""
    anomaly = f" The record contradicts the gateway: {payment.anomaly}." if payment.anomaly else ""
    return f"{action} is not possible while the payment is {payment.status}{because}.{anomaly}"
