"""What Amazon's states and reason codes mean to us: tables first, then the few rules that read them. Pure.

``Closed`` is success or failure: only the reason code tells. A word that is not in a table is never guessed
at.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple, TypeVar

from payment_actions_amazon_pay.objects import Authorization, Capture, OrderReference, Refund, Status
from payment_actions_server.plugins import GatewayResult, PaymentStatus, ResultState, StateConflict


class Undecidable(Exception):
    """What Amazon says does not tell where the payment stands.

    :param word: Amazon's state or reason code that we do not know; empty when the words are fine and do not
        fit.
    """

    def __init__(self, message: str, *, word: str = "") -> None:
        super().__init__(message)
        self.word = word


class Money(Enum):
    """Where one capture or refund stands."""

    UNDER_WAY = auto()
    MOVED = auto()
    REFUSED = auto()


class Standing(Enum):
    """What one authorization, with its captures, contributes to its payment."""

    WAITING = auto()  #: Its result is not known yet.
    OPEN = auto()  #: Reserved.
    COLLECTING = auto()  #: A capture is under way.
    COLLECTED = auto()  #: Money was captured.
    GIVEN_UP = auto()  #: Closed by the seller, the buyer's cancellation, or Amazon.
    RAN_OUT = auto()  #: Closed by time.
    REFUSED = auto()  #: Declined for good.
    REPEATABLE = auto()  #: Declined, but the order may be authorized again.
    SPENT = auto()  #: Closed by its capture; the capture tells the rest.


ANY: Final = "*"  #: In a table: whatever the reason code, for the state alone decides.

# (state, reason code) -> meaning. Pending and Open may carry the warning StopShipmentAtypicalAuth.
AUTHORIZATIONS: Final[Mapping[tuple[str, str], Standing]] = {
    ("Pending", ANY): Standing.WAITING,
    ("Open", ANY): Standing.OPEN,
    ("Declined", "InvalidPaymentMethod"): Standing.REPEATABLE,
    ("Declined", "TransactionTimedOut"): Standing.REPEATABLE,
    ("Declined", "ProcessingFailure"): Standing.REPEATABLE,
    ("Declined", "AmazonRejected"): Standing.REFUSED,
    ("Closed", "MaxCapturesProcessed"): Standing.SPENT,
    ("Closed", "ExpiredUnused"): Standing.RAN_OUT,
    ("Closed", "SellerClosed"): Standing.GIVEN_UP,
    ("Closed", "OrderReferenceCanceled"): Standing.GIVEN_UP,
    ("Closed", "AmazonClosed"): Standing.GIVEN_UP,
}

CAPTURES: Final[Mapping[tuple[str, str], Money]] = {
    ("Pending", ANY): Money.UNDER_WAY,
    ("Completed", ANY): Money.MOVED,
    ("Declined", ANY): Money.REFUSED,
    (
        "Closed",
        "MaxAmountRefunded",
    ): Money.MOVED,  # Closed to refunds; the money had been captured all the same.
    ("Closed", "MaxRefundsProcessed"): Money.MOVED,
    ("Closed", "AmazonClosed"): Money.MOVED,
}

REFUNDS: Final[Mapping[tuple[str, str], Money]] = {
    ("Pending", ANY): Money.UNDER_WAY,
    ("Completed", ANY): Money.MOVED,  # Also AmazonA-ZRefund and BuyerCanceled: Amazon returned it for us.
    ("Declined", ANY): Money.REFUSED,
}

# An order reference without any authorization; None: it must have one, so that the answer contradicts itself.
ORDERS_ALONE: Final[Mapping[tuple[str, str], PaymentStatus | None]] = {
    ("Draft", ANY): PaymentStatus.PENDING,
    ("Open", ANY): PaymentStatus.PENDING,
    ("Suspended", ANY): PaymentStatus.PENDING,
    ("Canceled", "Stale"): PaymentStatus.EXPIRED,
    ("Canceled", ANY): PaymentStatus.VOIDED,
    ("Closed", "Expired"): PaymentStatus.EXPIRED,
    ("Closed", "MaxAmountCharged"): None,
    ("Closed", "MaxAuthorizationsCaptured"): None,
    ("Closed", "MaxAuthorizationsProcessed"): None,
    ("Closed", ANY): PaymentStatus.VOIDED,  # Nothing was ever authorized and nothing can be any more.
}

# What a repeatable decline means, by the state of its order reference.
AFTER_REPEATABLE_DECLINE: Final[Mapping[str, PaymentStatus]] = {
    "Draft": PaymentStatus.PENDING,
    "Open": PaymentStatus.PENDING,
    "Suspended": PaymentStatus.PENDING,  # The buyer may still mend the payment method.
    "Canceled": PaymentStatus.DECLINED,
    "Closed": PaymentStatus.DECLINED,
}

RESULTS: Final[Mapping[Money, ResultState]] = {
    Money.UNDER_WAY: ResultState.PENDING,
    Money.MOVED: ResultState.SUCCEEDED,
    Money.REFUSED: ResultState.DECLINED,
}

VOIDED_BY: Final = frozenset({"SellerClosed", "OrderReferenceCanceled"})
"""The reasons that a void of ours, or of somebody else at our shop, leaves behind."""


class CaptureView(NamedTuple):
    """A capture with its refunds."""

    capture: Capture
    refunds: tuple[Refund, ...] = ()

    @property
    def money(self) -> Money:
        """Return where the capture stands."""
        return meaning(CAPTURES, "capture", self.capture.id, self.capture.status)


class AuthorizationView(NamedTuple):
    """An authorization with its captures; without one when all that is known is a capture."""

    authorization: Authorization | None
    captures: tuple[CaptureView, ...] = ()

    @property
    def standing(self) -> Standing:
        """Return what the two together mean. Captured money outweighs whatever closed the authorization."""
        declared = self._declared()
        if declared in {Standing.WAITING, Standing.REPEATABLE, Standing.REFUSED}:
            return declared  # Captures listed here are ghosts of an immediate capture: they never count.
        moneys = {view.money for view in self.captures}
        if Money.MOVED in moneys:
            return Standing.COLLECTED
        if Money.UNDER_WAY in moneys:
            return Standing.COLLECTING
        if declared is not Standing.SPENT:
            return declared
        if Money.REFUSED in moneys and self.authorization is not None:
            return Standing.REFUSED  # The refused capture has used the authorization up.
        raise Undecidable(f"{self.id} is said to be captured, and no capture is shown that tells")

    @property
    def id(self) -> str:
        """Return what to call it."""
        return self.authorization.id if self.authorization else self.captures[0].capture.id

    def _declared(self) -> Standing:
        if self.authorization is None:
            return Standing.SPENT
        return meaning(AUTHORIZATIONS, "authorization", self.authorization.id, self.authorization.status)


class Picture(NamedTuple):
    """All that was read of one payment."""

    order: OrderReference | None
    views: tuple[AuthorizationView, ...]


T = TypeVar("T", Standing, Money, "PaymentStatus | None")


def meaning(table: Mapping[tuple[str, str], T], kind: str, object_id: str, status: Status) -> T:
    """Return what a state and its reason code mean.

    :raises Undecidable: the table has no such words; names the one that is unknown.
    """
    for key in ((status.state, status.reason_code), (status.state, ANY)):
        if key in table:
            return table[key]
    known = any(state == status.state for state, _ in table)
    word = (status.reason_code or "no reason code") if known else status.state
    raise Undecidable(
        f"Amazon Pay says that {kind} {object_id} is {status.state} ({status.reason_code or 'no reason'});"
        f" {word} is not a word that this adapter knows there, so nothing was concluded.",
        word=word[:64],
    )


def capture_result(capture: Capture) -> GatewayResult:
    """Return what became of a capture.

    :raises Undecidable: it is in a state that we do not know.
    """
    return _result(meaning(CAPTURES, "capture", capture.id, capture.status), capture.id, capture.status)


def refund_result(refund: Refund) -> GatewayResult:
    """Return what became of a refund. Errors as for `capture_result`."""
    return _result(meaning(REFUNDS, "refund", refund.id, refund.status), refund.id, refund.status)


def _result(money: Money, object_id: str, status: Status) -> GatewayResult:
    return GatewayResult(
        state=RESULTS[money],
        gateway_id=object_id,
        reason_code=status.reason_code,
        message=status.description,
    )


def void_result(view: AuthorizationView, closure_reason: str = "") -> GatewayResult | None:
    """Return what became of a void, from the authorization as it is now; None when it shows no trace of one.

    :param closure_reason: what we had said when we closed it. Amazon tells it back as its description, which is then no
        word of Amazon's.
    :raises StateConflict: the authorization has ended, and not by a void.
    :raises Undecidable: as for `capture_result`.
    """
    standing = view.standing
    if standing in {Standing.OPEN, Standing.WAITING} or view.authorization is None:
        return None
    status = view.authorization.status
    if standing is Standing.GIVEN_UP and status.reason_code in VOIDED_BY:
        message = "" if status.description == closure_reason else status.description
        return GatewayResult(state=ResultState.SUCCEEDED, reason_code=status.reason_code, message=message)
    raise StateConflict(
        f"{view.id} is {status.state} ({status.reason_code or 'no reason code'}) and {standing.name.lower()}:"
        " it did not end by a void",
        reason_code=status.reason_code,
    )
