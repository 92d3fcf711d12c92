"""One table: which gRPC code each reason has, and what else its error carries."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from payment_actions_server.domain.errors import ErrorReason, GatewayThrottled, InvalidRequest, PaymentActionsError

DOMAIN: Final = "payment-actions"

CODES: Final[Mapping[ErrorReason, grpc.StatusCode]] = {
    ErrorReason.STORE_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.ORDER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.OPERATION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.INVALID_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.PARTIAL_AMOUNT_NOT_SUPPORTED: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.AMOUNT_OUT_OF_RANGE: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.CURRENCY_MISMATCH: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.REQUEST_ID_REUSED: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.ACTION_NOT_AVAILABLE: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.OPERATION_IN_FLIGHT: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.NOT_OUR_PAYMENT_METHOD: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.ETAG_MISMATCH: grpc.StatusCode.ABORTED,
    ErrorReason.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorReason.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorReason.GATEWAY_THROTTLED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.GATEWAY_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorReason.PLATFORM_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorReason.ORDER_CANCELLED: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.ORDER_CHANGED: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.ORDER_TOTAL_INVALID: grpc.StatusCode.FAILED_PRECONDITION,
}

# Which field of the request an INVALID_ARGUMENT of the engine is about; one found here names its own fields.
_FIELDS: Final[Mapping[ErrorReason, str]] = {
    ErrorReason.INVALID_REQUEST: "",
    ErrorReason.PARTIAL_AMOUNT_NOT_SUPPORTED: "amount",
    ErrorReason.AMOUNT_OUT_OF_RANGE: "amount",
    ErrorReason.CURRENCY_MISMATCH: "amount.currency_code",
    ErrorReason.REQUEST_ID_REUSED: "request_id",
}

# A status travels in HTTP/2 headers, which a client need not accept beyond 8 KiB: text that others wrote is cut short.
MESSAGE_BYTES_MAX: Final = 1024
METADATA_BYTES_MAX: Final = 256
VIOLATIONS_MAX: Final = 8
"""How many broken rules one error names."""


class Violation(NamedTuple):
    """A field, by its path in the request, and the rule it breaks."""

    field: str
    rule: str


class InvalidFields(InvalidRequest):
    """One or more fields break their rules; nothing was done."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        first = self.violations[0]
        more = f" ({len(self.violations) - 1} more fields are wrong too)" if len(self.violations) > 1 else ""
        super().__init__(f"{first.field} must be {first.rule}{more}.", field=first.field, rule=first.rule)


def to_status(error: PaymentActionsError) -> status_pb2.Status:
    """Return ``error`` as the public interface promises it."""
    message = _cut(error.message, MESSAGE_BYTES_MAX)
    metadata = {key: _cut(value, METADATA_BYTES_MAX) for key, value in error.metadata.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.reason.value, domain=DOMAIN, metadata=metadata)]
    code = CODES[error.reason]
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        details.append(_bad_request(error, message))
    elif code is grpc.StatusCode.FAILED_PRECONDITION:
        details.append(_precondition_failure(error, message))
    elif isinstance(error, GatewayThrottled):
        details.append(_retry_info(error.retry_after_seconds))
    return _status(code, message, details)


def internal(incident_id: str) -> status_pb2.Status:
    """Return what a caller hears of our own mistake: nothing but the id under which the log tells all."""
    message = (
        f"The service made a mistake (incident {incident_id}); its log says more under that id."
        " Read the payment again before you decide what to do."
    )
    return _status(grpc.StatusCode.INTERNAL, message, [error_details_pb2.RequestInfo(request_id=incident_id)])


def stopping() -> status_pb2.Status:
    """Return how a stream that would never end by itself is ended when the service stops."""
    message = "The service is stopping. Connect again and resume after the last sequence that you have seen."
    return _status(grpc.StatusCode.UNAVAILABLE, message, [])


def storage_unavailable() -> status_pb2.Status:
    """Return what a caller hears when the database is out of reach: as with a lost connection, nothing is known."""
    message = "The service cannot reach its database just now. Ask again, an action with the same request_id."
    return _status(grpc.StatusCode.UNAVAILABLE, message, [])


def _status(code: grpc.StatusCode, message: str, details: Iterable[Message]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _bad_request(error: PaymentActionsError, message: str) -> error_details_pb2.BadRequest:
    if isinstance(error, InvalidFields):
        violations = [(one.field, f"must be {one.rule}") for one in error.violations[:VIOLATIONS_MAX]]
    else:
        violations = [(_FIELDS[error.reason] or error.metadata.get("field", ""), message)]
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=description, reason=error.reason.value)
            for field, description in violations
        ]
    )


def _precondition_failure(error: PaymentActionsError, message: str) -> error_details_pb2.PreconditionFailure:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=error.reason.value, subject=error.metadata.get("action", ""), description=message
    )
    return error_details_pb2.PreconditionFailure(violations=[violation])


def _retry_info(retry_after_seconds: float) -> error_details_pb2.RetryInfo:
    seconds, fraction = divmod(max(retry_after_seconds, 0.0), 1)
    delay = duration_pb2.Duration(seconds=int(seconds), nanos=int(fraction * 1_000_000_000))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def _cut(text: str, bytes_max: int) -> str:
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    return encoded[: bytes_max - 3].decode(errors="ignore") + "…"


CODE_NAMES: Final[Mapping[int, str]] = {number: name for name, number in code_pb2.Code.items()}
"""A `google.rpc.Status`'s code -> its name, as logs and metrics say it."""

GRPC_CODES: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}
"""A `google.rpc.Status`'s code -> what grpc wants to be given."""
