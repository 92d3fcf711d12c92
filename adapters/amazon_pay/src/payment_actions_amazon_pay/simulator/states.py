"""What may become of each object, and which call each state allows: the whole state machine, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from .refusals import Code


class Kind(StrEnum):
    """The four objects of a payment."""

    ORDER_REFERENCE = "order_reference"
    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    REFUND = "refund"


class State(StrEnum):
    """Amazon's state names; which kind has which is told by ``MOVES``."""

    DRAFT = "Draft"
    OPEN = "Open"
    SUSPENDED = "Suspended"
    CANCELED = "Canceled"
    CLOSED = "Closed"
    PENDING = "Pending"
    DECLINED = "Declined"
    COMPLETED = "Completed"


class Reason(StrEnum):
    """Amazon's reason codes, and NONE where a status carries no reason."""

    NONE = ""
    AMAZON_A_TO_Z_REFUND = "AmazonA-ZRefund"
    AMAZON_CANCELED = "AmazonCanceled"
    AMAZON_CLOSED = "AmazonClosed"
    AMAZON_REJECTED = "AmazonRejected"
    BUYER_CANCELED = "BuyerCanceled"
    EXPIRED = "Expired"
    EXPIRED_UNUSED = "ExpiredUnused"
    INVALID_PAYMENT_METHOD = "InvalidPaymentMethod"
    MAX_AMOUNT_CHARGED = "MaxAmountCharged"
    MAX_AMOUNT_REFUNDED = "MaxAmountRefunded"
    MAX_AUTHORIZATIONS_CAPTURED = "MaxAuthorizationsCaptured"
    MAX_CAPTURES_PROCESSED = "MaxCapturesProcessed"
    MAX_REFUNDS_PROCESSED = "MaxRefundsProcessed"
    ORDER_REFERENCE_CANCELED = "OrderReferenceCanceled"
    PROCESSING_FAILURE = "ProcessingFailure"
    SELLER_CANCELED = "SellerCanceled"
    SELLER_CLOSED = "SellerClosed"
    STALE = "Stale"
    STOP_SHIPMENT = "StopShipmentAtypicalAuth"
    TRANSACTION_TIMED_OUT = "TransactionTimedOut"


class Move(NamedTuple):
    """One step an object can take, and the reasons it may give; ``source`` None is its creation."""

    kind: Kind
    source: State | None
    target: State
    reasons: frozenset[Reason]


def _reasons(*reasons: Reason) -> frozenset[Reason]:
    return frozenset(reasons)


_NO_REASON: Final = _reasons(Reason.NONE)
_WARNED: Final = _reasons(Reason.NONE, Reason.STOP_SHIPMENT)
_ORDER_CANCELED: Final = _reasons(Reason.SELLER_CANCELED, Reason.AMAZON_CANCELED)
_ORDER_CLOSED: Final = _reasons(
    Reason.EXPIRED,
    Reason.MAX_AMOUNT_CHARGED,
    Reason.MAX_AUTHORIZATIONS_CAPTURED,
    Reason.AMAZON_CLOSED,
    Reason.SELLER_CLOSED,
)
_AUTHORIZATION_DECLINED: Final = _reasons(
    Reason.INVALID_PAYMENT_METHOD,
    Reason.AMAZON_REJECTED,
    Reason.PROCESSING_FAILURE,
    Reason.TRANSACTION_TIMED_OUT,
)
_AUTHORIZATION_CLOSED: Final = _reasons(
    Reason.MAX_CAPTURES_PROCESSED,
    Reason.SELLER_CLOSED,
    Reason.ORDER_REFERENCE_CANCELED,
    Reason.AMAZON_CLOSED,
)
_MONEY_DECLINED: Final = _reasons(Reason.AMAZON_REJECTED, Reason.PROCESSING_FAILURE)
_CAPTURE_CLOSED: Final = _reasons(Reason.MAX_AMOUNT_REFUNDED, Reason.MAX_REFUNDS_PROCESSED, Reason.AMAZON_CLOSED)
_REFUND_COMPLETED: Final = _reasons(Reason.NONE, Reason.AMAZON_A_TO_Z_REFUND, Reason.BUYER_CANCELED)

# Every step there is. What a synchronous call decides at once passes through Pending unseen, within the call.
MOVES: Final = (
    Move(Kind.ORDER_REFERENCE, None, State.DRAFT, _NO_REASON),
    Move(Kind.ORDER_REFERENCE, State.DRAFT, State.OPEN, _NO_REASON),
    Move(Kind.ORDER_REFERENCE, State.DRAFT, State.CANCELED, _reasons(Reason.STALE, Reason.AMAZON_CANCELED)),
    Move(Kind.ORDER_REFERENCE, State.OPEN, State.SUSPENDED, _reasons(Reason.INVALID_PAYMENT_METHOD)),
    Move(Kind.ORDER_REFERENCE, State.OPEN, State.CANCELED, _ORDER_CANCELED),
    Move(Kind.ORDER_REFERENCE, State.OPEN, State.CLOSED, _ORDER_CLOSED),
    Move(Kind.ORDER_REFERENCE, State.SUSPENDED, State.OPEN, _NO_REASON),
    Move(Kind.ORDER_REFERENCE, State.SUSPENDED, State.CANCELED, _ORDER_CANCELED),
    Move(Kind.ORDER_REFERENCE, State.SUSPENDED, State.CLOSED, _ORDER_CLOSED),
    Move(Kind.AUTHORIZATION, None, State.PENDING, _WARNED),
    Move(Kind.AUTHORIZATION, State.PENDING, State.OPEN, _WARNED),
    Move(Kind.AUTHORIZATION, State.PENDING, State.DECLINED, _AUTHORIZATION_DECLINED),
    Move(Kind.AUTHORIZATION, State.PENDING, State.CLOSED, _AUTHORIZATION_CLOSED),
    Move(Kind.AUTHORIZATION, State.OPEN, State.CLOSED, _AUTHORIZATION_CLOSED | {Reason.EXPIRED_UNUSED}),
    Move(Kind.CAPTURE, None, State.PENDING, _WARNED),
    Move(Kind.CAPTURE, State.PENDING, State.COMPLETED, _WARNED),
    Move(Kind.CAPTURE, State.PENDING, State.DECLINED, _MONEY_DECLINED),
    Move(Kind.CAPTURE, State.COMPLETED, State.CLOSED, _CAPTURE_CLOSED),
    Move(Kind.REFUND, None, State.PENDING, _NO_REASON),
    Move(Kind.REFUND, State.PENDING, State.COMPLETED, _REFUND_COMPLETED),
    Move(Kind.REFUND, State.PENDING, State.DECLINED, _MONEY_DECLINED),
)
_REASONS: Final = {(move.kind, move.source, move.target): move.reasons for move in MOVES}


class Permit(NamedTuple):
    """The states in which a call is allowed on its object, and the code that refuses it in any other."""

    kind: Kind
    states: frozenset[State]
    refusal: Code


PERMITS: Final = {
    # UNCONFIRMED for Confirm on an Open order reference: refused, so that a lost reply is not papered over.
    "SetOrderReferenceDetails": Permit(
        Kind.ORDER_REFERENCE, frozenset({State.DRAFT}), Code.ORDER_REFERENCE_NOT_MODIFIABLE
    ),
    "ConfirmOrderReference": Permit(
        Kind.ORDER_REFERENCE, frozenset({State.DRAFT}), Code.ORDER_REFERENCE_NOT_MODIFIABLE
    ),
    "Authorize": Permit(Kind.ORDER_REFERENCE, frozenset({State.OPEN}), Code.INVALID_ORDER_REFERENCE_STATUS),
    "CancelOrderReference": Permit(
        Kind.ORDER_REFERENCE, frozenset({State.OPEN, State.SUSPENDED}), Code.INVALID_ORDER_REFERENCE_STATUS
    ),
    "CloseOrderReference": Permit(
        Kind.ORDER_REFERENCE, frozenset({State.OPEN, State.SUSPENDED}), Code.INVALID_ORDER_REFERENCE_STATUS
    ),
    "Capture": Permit(Kind.AUTHORIZATION, frozenset({State.OPEN}), Code.INVALID_AUTHORIZATION_STATUS),
    "CloseAuthorization": Permit(
        Kind.AUTHORIZATION, frozenset({State.PENDING, State.OPEN}), Code.INVALID_AUTHORIZATION_STATUS
    ),
    "Refund": Permit(Kind.CAPTURE, frozenset({State.COMPLETED}), Code.CAPTURE_NOT_REFUNDABLE),
}


def legal(kind: Kind, source: State | None, target: State, reason: Reason) -> bool:
    """Tell whether an object of ``kind`` may go from ``source`` to ``target`` and give ``reason`` for it."""
    return reason in _REASONS.get((kind, source, target), frozenset())
