"""The words for where a payment stands, what may be done with it, and what became of a request to do it."""

from enum import StrEnum


class PaymentStatus(StrEnum):
    """Where a payment stands: a settled fact, never a hope. What is under way is told by its operation."""

    PENDING = "PENDING"  #: Placed; the authorization's result is not known here yet.
    AUTHORIZED = "AUTHORIZED"  #: Amount reserved, nothing collected.
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"  #: Part of the amount collected; the rest can still be.
    CAPTURED = "CAPTURED"  #: Amount collected; nothing more can be.
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"  #: Part of what was collected is returned.
    REFUNDED = "REFUNDED"  #: All that was collected is returned.
    VOIDED = "VOIDED"  #: Authorization given up before capture.
    DECLINED = "DECLINED"  #: The gateway refused the authorization.
    EXPIRED = "EXPIRED"  #: The authorization ran out uncaptured.


class Action(StrEnum):
    """What staff may ask for."""

    CAPTURE = "CAPTURE"  #: Collect the authorized amount.
    VOID = "VOID"  #: Give the authorization up.
    REFUND = "REFUND"  #: Return captured money.
    REFRESH = "REFRESH"  #: Ask the gateway what is true.


class CaptureMode(StrEnum):
    """How a store collects: who presses Capture."""

    AUTHORIZE_THEN_CAPTURE = "authorize_then_capture"  #: The checkout authorizes, staff captures later.
    IMMEDIATE_CAPTURE = "immediate_capture"  #: The checkout does both; staff never captures.


class OrderCheck(StrEnum):
    """When the shop is asked again what became of an order."""

    BEFORE_MONEY = "before_money"  #: Before each capture and refund, besides the lists of changed orders.
    AS_LISTED = "as_listed"  #: Only as the lists of changed orders tell: some minutes may lie between.


class OrderState(StrEnum):
    """What became of the order in the store platform, as far as it bears on collecting money for it."""

    PLACED = "PLACED"  #: The order stands.
    CANCELLED = "CANCELLED"  #: The shop closed it without money: cancelled, declined, refunded by hand.
    DELETED = "DELETED"  #: The shop has it no more.
    OTHER_METHOD = "OTHER_METHOD"  #: It is to be paid by another method now.
    OTHER_CURRENCY = "OTHER_CURRENCY"  #: It is in another currency than its authorization.
    TOTAL_INVALID = "TOTAL_INVALID"  #: Its total is no amount that its currency can express.


class OperationState(StrEnum):
    """What is known of a requested run of an action."""

    UNKNOWN = "UNKNOWN"  #: The gateway has not answered (yet): it may have happened.
    PENDING = "PENDING"  #: The gateway accepted it; its result comes later.
    NEEDS_REVIEW = "NEEDS_REVIEW"  #: Cannot be found out by asking; an operator must settle it.
    SUCCEEDED = "SUCCEEDED"  #: It happened.
    DECLINED = "DECLINED"  #: The gateway refused: final, nothing moved.
    FAILED = "FAILED"  #: It never happened: certain.
    ALREADY_DONE = "ALREADY_DONE"  #: Somebody had done it before; the gateway's snapshot proves it.

    @property
    def in_flight(self) -> bool:
        """Tell whether it still bars other actions on the payment."""
        return self in IN_FLIGHT


IN_FLIGHT = frozenset({OperationState.UNKNOWN, OperationState.PENDING, OperationState.NEEDS_REVIEW})
