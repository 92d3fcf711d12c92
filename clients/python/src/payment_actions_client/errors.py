"""What a call can raise. ``str(error)`` is the service's own message: what was asked, what is so, what to do.

PaymentActionsError
├── StoreNotFound  OrderNotFound  OperationNotFound
├── InvalidRequest  PartialAmountNotSupported  AmountOutOfRange  CurrencyMismatch  RequestIdReused
├── ActionNotAvailable  OperationInFlight  NotOurPaymentMethod
├── OrderCancelled  OrderChanged  OrderTotalInvalid     (the shop changed the order; nothing was started)
├── EtagMismatch
├── Unauthenticated  PermissionDenied
├── GatewayThrottled  GatewayUnavailable  PlatformUnavailable     (certain that nothing happened)
├── ConnectionFailed     no answer to a call that moves nothing
└── OutcomeUnknown       no answer to an action: it may have happened

A refusal by the gateway is none of these but a result: an operation that is DECLINED.
"""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DOMAIN: Final = "payment-actions"
_STATUS_KEY: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class PaymentActionsError(Exception):
    """A call that was refused, or that no answer came to.

    Raised itself, not as a subclass, for a reason that this version does not know and for a mistake of the service's.

    :param reason: the contract's ``ErrorReason`` without its prefix; empty when the service gave none.
    :param code: the gRPC code.
    :param metadata: the variables of the message, for programs.
    :param retry_after: in how many seconds to come back, if the service says so.
    :param request_id: of an action: what to ask again with; the same id never acts twice.
    """

    reason: str = ""

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = type(self).reason if reason is None else reason
        self.code = code
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after
        self.request_id = request_id


class ConnectionFailed(PaymentActionsError):
    """No answer came, and nothing is lost by that: the call moves nothing. Ask again when the service is back."""


class OutcomeUnknown(PaymentActionsError):
    """No answer to an action came: it may have happened. Ask again with the same ``request_id``: it acts once."""


class StoreNotFound(PaymentActionsError):
    """No store of that id is configured."""

    reason = "STORE_NOT_FOUND"


class OrderNotFound(PaymentActionsError):
    """The store platform has no such order."""

    reason = "ORDER_NOT_FOUND"


class OperationNotFound(PaymentActionsError):
    """The store has no operation of that id."""

    reason = "OPERATION_NOT_FOUND"


class InvalidRequest(PaymentActionsError):
    """A field breaks its documented rule; ``field`` and ``rule`` are in the metadata."""

    reason = "INVALID_REQUEST"


class PartialAmountNotSupported(PaymentActionsError):
    """Another amount than the whole, where only the whole is allowed; the message says what to do instead."""

    reason = "PARTIAL_AMOUNT_NOT_SUPPORTED"


class AmountOutOfRange(PaymentActionsError):
    """Not above zero, or more than there is to capture or refund."""

    reason = "AMOUNT_OUT_OF_RANGE"


class CurrencyMismatch(PaymentActionsError):
    """The amount's currency is not the payment's."""

    reason = "CURRENCY_MISMATCH"


class RequestIdReused(PaymentActionsError):
    """The request id is known, with other parameters; nothing was done."""

    reason = "REQUEST_ID_REUSED"


class ActionNotAvailable(PaymentActionsError):
    """The payment does not offer the action now; ``available_actions`` in the metadata says what it offers."""

    reason = "ACTION_NOT_AVAILABLE"


class OperationInFlight(PaymentActionsError):
    """Another operation on the payment has no final result yet."""

    reason = "OPERATION_IN_FLIGHT"


class NotOurPaymentMethod(PaymentActionsError):
    """The order was not paid through the store's gateway."""

    reason = "NOT_OUR_PAYMENT_METHOD"


class OrderCancelled(PaymentActionsError):
    """The shop has cancelled or deleted the order; nothing was started. Void the payment."""

    reason = "ORDER_CANCELLED"


class OrderChanged(PaymentActionsError):
    """The shop has changed the order's total, payment method or currency; nothing was started.

    Read the payment again: it shows the order as it is now, and what may be done.
    """

    reason = "ORDER_CHANGED"


class OrderTotalInvalid(PaymentActionsError):
    """The order's total is no amount that its currency can express; nothing was started.

    Correct the total in the shop, or void the payment.
    """

    reason = "ORDER_TOTAL_INVALID"


class EtagMismatch(PaymentActionsError):
    """The payment changed since its etag was read; read it again and decide anew."""

    reason = "ETAG_MISMATCH"


class Unauthenticated(PaymentActionsError):
    """The caller did not say who it is."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(PaymentActionsError):
    """The caller is known and may not do this."""

    reason = "PERMISSION_DENIED"


class GatewayThrottled(PaymentActionsError):
    """The gateway's quota is used up; nothing happened. ``retry_after`` says when to come back.

    With ``operation_id`` in the metadata that operation is FAILED: a new attempt takes a new request id.
    """

    reason = "GATEWAY_THROTTLED"


class GatewayUnavailable(PaymentActionsError):
    """The gateway could not be reached; nothing happened.

    With ``operation_id`` in the metadata that operation is FAILED: a new attempt takes a new request id.
    """

    reason = "GATEWAY_UNAVAILABLE"


class PlatformUnavailable(PaymentActionsError):
    """The store platform could not be asked, before a capture or a refund too; nothing was started.

    Ask again with the same request id when the store platform is back: there is no operation under it yet.
    """

    reason = "PLATFORM_UNAVAILABLE"


_BY_REASON: Final = {error.reason: error for error in PaymentActionsError.__subclasses__() if error.reason}


def error_of_status(status: status_pb2.Status, *, request_id: str = "") -> PaymentActionsError:
    """Return the error that a ``google.rpc.Status`` tells of, such as the ``error`` of a RunActionsResponse."""
    info, retry_after = error_details_pb2.ErrorInfo(), None
    for detail in status.details:
        if detail.TypeName() == error_details_pb2.ErrorInfo.DESCRIPTOR.full_name:
            info.MergeFromString(detail.value)
        elif detail.TypeName() == error_details_pb2.RetryInfo.DESCRIPTOR.full_name:
            retry = error_details_pb2.RetryInfo.FromString(detail.value)
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    reason = info.reason if info.domain == DOMAIN else ""
    return _BY_REASON.get(reason, PaymentActionsError)(
        status.message,
        reason=reason,
        code=_CODES.get(status.code, grpc.StatusCode.UNKNOWN),
        metadata=info.metadata,
        retry_after=retry_after,
        request_id=request_id,
    )


def error_of_rpc(error: grpc.RpcError, *, request_id: str = "") -> PaymentActionsError:
    """Return what gRPC's own error tells: the service's words where it had any, else gRPC's."""
    metadata: Any = error.trailing_metadata()  # Pairs, whatever the two stacks' types call them.
    for key, value in metadata or ():
        if key == _STATUS_KEY:
            try:
                return error_of_status(status_pb2.Status.FromString(value), request_id=request_id)
            except DecodeError:  # Something between us and the service wrote it; gRPC's own words remain.
                break
    return PaymentActionsError(error.details() or error.code().name, code=error.code(), request_id=request_id)


def of_this_attempt(error: PaymentActionsError) -> bool:
    """Tell whether a refusal speaks of one attempt alone: of an earlier one that had no answer it proves nothing.

    The service says it before it looks for what the request id has begun, or has not come to look. What a reason that
    is newer than this client lets conclude, nobody here knows.
    """
    if isinstance(error, GatewayThrottled | GatewayUnavailable | PlatformUnavailable):
        # With an operation id, it is that operation which FAILED.
        return "operation_id" not in error.metadata
    return isinstance(error, StoreNotFound | Unauthenticated | PermissionDenied) or type(error) is PaymentActionsError
