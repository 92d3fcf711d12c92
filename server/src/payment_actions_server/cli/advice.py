"""The command that helps after a refusal. The service's message says what is so; this says what to type."""

import shlex
from collections.abc import Mapping
from typing import Final, NamedTuple

from payment_actions_client import PaymentActionsError
from payment_actions_client.errors import of_this_attempt

_LOOK: Final = frozenset({"ETAG_MISMATCH", "ORDER_CHANGED"})
_VOID: Final = frozenset({"ORDER_CANCELLED", "ORDER_CHANGED", "ORDER_TOTAL_INVALID"})
_UNREACHED: Final = frozenset({"GATEWAY_THROTTLED", "GATEWAY_UNAVAILABLE", "PLATFORM_UNAVAILABLE"})

_OF_MANY: Final[Mapping[str, str]] = {
    "ORDER_CANCELLED": "The shop closed these orders. Void them: list them in another file, with the action void.",
    "ORDER_CHANGED": "The shop changed these orders. Read each again with show, then capture or void it.",
    "ORDER_TOTAL_INVALID": "Nobody can say how much to collect. Correct the totals in the shop, or void these orders.",
    "ETAG_MISMATCH": "These payments changed since they were shown. Read each again with show, then decide anew.",
}


class Asked(NamedTuple):
    """An action that was asked for, with all that was typed for it."""

    action: str
    store: str
    order_id: str
    request_id: str  #: Empty: nothing was sent.
    amount: str = ""  #: Empty: the whole.
    etag: str = ""
    note: str = ""

    def command(self) -> str:
        """Return the command that asks for the very same again: another amount would be another request."""
        options = {
            "--amount": self.amount,
            "--etag": self.etag,
            "--note": self.note,
            "--request-id": self.request_id,
        }
        words = ["payment-actions", self.action.lower(), self.store, self.order_id]
        for option, value in options.items():
            words += [option, value] if value else []
        return shlex.join(words)


def after_refusal(error: PaymentActionsError, asked: Asked) -> list[str]:
    """Return what to type next, a line each; empty where the service's message is all there is to say."""
    order = f"{asked.store} {asked.order_id}"
    lines = []
    if error.reason in _LOOK:
        lines.append(f"Read it again: payment-actions show {order}")
    if error.reason in _VOID and "VOID" in error.metadata.get("available_actions", "").split(","):
        lines.append(f"Void it: payment-actions void {order}")
    if most := error.metadata.get("amount_max"):
        lines.append(f'Name the amount: payment-actions {asked.action.lower()} {order} --amount "{most}"')
    if error.reason in _UNREACHED and of_this_attempt(error):
        lines.append(f"Nothing was started. Ask again for the same, later: {asked.command()}")
    return lines


def after_run(reasons: Mapping[str, int]) -> list[str]:
    """Return what to do about the refused lines of a run, for each reason that has an advice."""
    return [f"{count} {reason}. {_OF_MANY[reason]}" for reason, count in reasons.items() if reason in _OF_MANY]
