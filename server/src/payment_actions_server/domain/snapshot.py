"""What the gateway says is true now of a payment: the authority over money."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from payment_actions_server.domain.money import AMOUNT_MINOR_MAX, format_amount
from payment_actions_server.domain.status import Action, PaymentStatus


class GatewayReference(NamedTuple):
    """One of the gateway's own ids: ``("capture", "S01-...-C000001")``."""

    role: str  #: order_reference, authorization, capture, refund ... as the gateway adapter names them.
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A gateway's present truth about one payment. Amounts count minor units of ``currency_code``.

    ``captured_minor`` and ``refunded_minor`` count what is final, never what is under way.
    """

    status: PaymentStatus
    currency_code: str
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    references: tuple[GatewayReference, ...] = ()
    authorization_expire_time: datetime | None = None
    under_way: Action | None = None
    """A capture, void or refund that the gateway has accepted and not finished, whoever asked for it."""
    reason_code: str = ""  #: The gateway's word for why, e.g. of a decline.
    message: str = ""

    def problem(self) -> str | None:
        """Return what makes this snapshot impossible in itself, or None."""
        authorized, captured, refunded = self.authorized_minor, self.captured_minor, self.refunded_minor
        if not 0 <= refunded <= captured <= authorized <= AMOUNT_MINOR_MAX:
            return "the gateway reports " + ", ".join(
                f"{format_amount(amount, self.currency_code)} {word}"
                for amount, word in (
                    (authorized, "authorized"),
                    (captured, "captured"),
                    (refunded, "refunded"),
                )
            )
        fits = {
            PaymentStatus.PENDING: captured == 0,
            PaymentStatus.AUTHORIZED: captured == 0 < authorized,
            PaymentStatus.PARTIALLY_CAPTURED: 0 < captured < authorized and refunded == 0,
            PaymentStatus.CAPTURED: captured > 0 and refunded == 0,
            PaymentStatus.PARTIALLY_REFUNDED: 0 < refunded < captured,
            PaymentStatus.REFUNDED: 0 < refunded == captured,
            PaymentStatus.VOIDED: captured == 0,
            PaymentStatus.DECLINED: captured == 0,
            PaymentStatus.EXPIRED: captured == 0,
        }
        if not fits[self.status]:
            return f"the gateway reports {self.status} with {captured} captured and {refunded} refunded minor units"
        return None
