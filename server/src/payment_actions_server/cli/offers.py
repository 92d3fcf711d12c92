"""The most that a policy allows of an action that is offered."""

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Money, PaymentActionsError, to_decimal
from payment_actions_server.cli import words


def limit(offer: pb.AvailableAction) -> str:
    """Return how much may be asked for, and why no more; empty where the whole may be moved."""
    if not offer.HasField("amount_max"):
        return ""
    why = f": {offer.amount_max_reason}" if offer.amount_max_reason else "."
    return f"At most {words.money(offer.amount_max)}{why}"


def is_within_limit(offer: pb.AvailableAction, amount: Money | None) -> bool:
    """Tell whether the policy allows the amount. Another currency is the service's to refuse."""
    if not offer.HasField("amount_max"):
        return True
    if amount is None:
        return False
    of_currency = amount.currency_code == offer.amount_max.currency_code
    return not of_currency or to_decimal(amount) <= to_decimal(offer.amount_max)


def over_limit(offer: pb.AvailableAction, amount: Money | None) -> PaymentActionsError:
    """Return the refusal of a call that names no amount, or more than the policy allows."""
    action, most = words.action(offer.action), words.money(offer.amount_max)
    unnamed = "A policy allows less than the whole, so that an amount must be named. "
    message = (unnamed if amount is None else f"A policy does not allow {words.money(amount)}. ") + limit(offer)
    return PaymentActionsError(message, reason="ACTION_NOT_AVAILABLE", metadata={"action": action, "amount_max": most})
