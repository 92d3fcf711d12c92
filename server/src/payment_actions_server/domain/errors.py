"""The errors a caller can meet. Each carries the reason that the public interface promises.

PaymentActionsError
├── StoreNotFound  OrderNotFound  OperationNotFound
├── InvalidRequest  PartialAmountNotSupported  AmountOutOfRange  CurrencyMismatch  RequestIdReused
├── ActionNotAvailable  OperationInFlight  NotOurPaymentMethod
├── OrderCancelled  OrderChanged  OrderTotalInvalid
├── EtagMismatch
├── Unauthenticated  PermissionDenied
└── GatewayThrottled  GatewayUnavailable  PlatformUnavailable     (certain that nothing happened)
"""

from enum import StrEnum
from typing import ClassVar

from payment_actions_server.domain.text import keepable


class ErrorReason(StrEnum):
    """Why a call was refused; public, stable, one for each value of the contract's `ErrorReason`."""

    STORE_NOT_FOUND = "STORE_NOT_FOUND"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
    INVALID_REQUEST = "INVALID_REQUEST"
    PARTIAL_AMOUNT_NOT_SUPPORTED = "PARTIAL_AMOUNT_NOT_SUPPORTED"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    ACTION_NOT_AVAILABLE = "ACTION_NOT_AVAILABLE"
    OPERATION_IN_FLIGHT = "OPERATION_IN_FLIGHT"
    NOT_OUR_PAYMENT_METHOD = "NOT_OUR_PAYMENT_METHOD"
    ETAG_MISMATCH = "ETAG_MISMATCH"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    GATEWAY_THROTTLED = "GATEWAY_THROTTLED"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    PLATFORM_UNAVAILABLE = "PLATFORM_UNAVAILABLE"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_CHANGED = "ORDER_CHANGED"
    ORDER_TOTAL_INVALID = "ORDER_TOTAL_INVALID"


class PaymentActionsError(Exception):
    """A call refused or impossible: what was asked, what is so, what to do.

    :param message: for people; every variable in it is in ``metadata`` too.
    :param metadata: for programs; no secrets.
    """

    reason: ClassVar[ErrorReason]

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = keepable(message)  # It may say what an adapter said.
        self.metadata = {key: keepable(value) for key, value in metadata.items()}


class StoreNotFound(PaymentActionsError):
    """No store of that id is configured."""

    reason = ErrorReason.STORE_NOT_FOUND


class OrderNotFound(PaymentActionsError):
    """The store platform has no such order."""

    reason = ErrorReason.ORDER_NOT_FOUND


class OperationNotFound(PaymentActionsError):
    """The store has no operation of that id."""

    reason = ErrorReason.OPERATION_NOT_FOUND


class InvalidRequest(PaymentActionsError):
    """A field breaks its documented rule; ``field`` and ``rule`` are in the metadata."""

    reason = ErrorReason.INVALID_REQUEST


class PartialAmountNotSupported(PaymentActionsError):
    """Another amount than the whole, where only the whole is allowed."""

    reason = ErrorReason.PARTIAL_AMOUNT_NOT_SUPPORTED


class AmountOutOfRange(PaymentActionsError):
    """Not above zero, or more than there is to capture or refund."""

    reason = ErrorReason.AMOUNT_OUT_OF_RANGE


class CurrencyMismatch(PaymentActionsError):
    """The amount's currency is not the payment's."""

    reason = ErrorReason.CURRENCY_MISMATCH


class RequestIdReused(PaymentActionsError):
    """The request id is known, with other parameters; nothing was done."""

    reason = ErrorReason.REQUEST_ID_REUSED


class ActionNotAvailable(PaymentActionsError):
    """The payment does not offer the action now."""

    reason = ErrorReason.ACTION_NOT_AVAILABLE


class OperationInFlight(PaymentActionsError):
    """Another operation on the payment has no final result yet."""

    reason = ErrorReason.OPERATION_IN_FLIGHT


class NotOurPaymentMethod(PaymentActionsError):
    """The order was not paid through the store's gateway."""

    reason = ErrorReason.NOT_OUR_PAYMENT_METHOD


class OrderCancelled(PaymentActionsError):
    """The shop has cancelled or deleted the order: no money is collected for it. VOID gives its authorization up."""

    reason = ErrorReason.ORDER_CANCELLED


class OrderChanged(PaymentActionsError):
    """The shop has changed the order's total, payment method or currency since it was authorized or last shown."""

    reason = ErrorReason.ORDER_CHANGED


class OrderTotalInvalid(PaymentActionsError):
    """The order's total is no amount that its currency can express: nobody can say how much to collect."""

    reason = ErrorReason.ORDER_TOTAL_INVALID


class EtagMismatch(PaymentActionsError):
    """The payment changed since the caller read it; read it again and decide anew."""

    reason = ErrorReason.ETAG_MISMATCH


class Unauthenticated(PaymentActionsError):
    """The caller did not say who it is."""

    reason = ErrorReason.UNAUTHENTICATED


class PermissionDenied(PaymentActionsError):
    """The caller is known and may not do this."""

    reason = ErrorReason.PERMISSION_DENIED


class GatewayThrottled(PaymentActionsError):
    """The gateway's quota is used up; nothing happened. ``retry_after_seconds`` says when to come back."""

    reason = ErrorReason.GATEWAY_THROTTLED

    def __init__(self, message: str, *, retry_after_seconds: float, **metadata: str) -> None:
        super().__init__(message, retry_after_seconds=f"{retry_after_seconds:g}", **metadata)
        self.retry_after_seconds = retry_after_seconds


class GatewayUnavailable(PaymentActionsError):
    """The gateway could not be reached; certain that nothing happened."""

    reason = ErrorReason.GATEWAY_UNAVAILABLE


class PlatformUnavailable(PaymentActionsError):
    """The store platform could not be reached; certain that nothing happened."""

    reason = ErrorReason.PLATFORM_UNAVAILABLE
