from __future__ import annotations

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """Amazon's error codes, as they stand in an ``ErrorResponse``."""

    CAPTURE_NOT_REFUNDABLE = "CaptureNotRefundable"
    CONSTRAINTS_EXIST = "ConstraintsExist"
    CURRENCY_MISMATCH = "CurrencyMismatch"
    CURRENCY_UNSUPPORTED = "CurrencyUnsupported"
    DUPLICATE_REFERENCE_ID = "DuplicateReferenceId"
    DUPLICATE_REQUEST = "DuplicateRequest"
    INTERNAL_SERVER_ERROR = "InternalServerError"
    INVALID_ACCESS_KEY_ID = "InvalidAccessKeyId"
    INVALID_ADDRESS_CONSENT_TOKEN = "InvalidAddressConsentToken"  # noqa: S105 - a code, not a secret
    INVALID_AUTHORIZATION_STATUS = "InvalidAuthorizationStatus"
    INVALID_CANCEL_ATTEMPT = "InvalidCancelAttempt"
    INVALID_ORDER_REFERENCE_ID = "InvalidOrderReferenceId"
    INVALID_ORDER_REFERENCE_STATUS = "InvalidOrderReferenceStatus"
    INVALID_PARAMETER_VALUE = "InvalidParameterValue"
    INVALID_SANDBOX_SIMULATION = "InvalidSandboxSimulationSpecified"
    INVALID_TRANSACTION_ID = "InvalidTransactionId"
    MISSING_AUTHENTICATION_TOKEN = "MissingAuthenticationToken"  # noqa: S105 - a code, not a secret
    ORDER_REFERENCE_NOT_MODIFIABLE = "OrderReferenceNotModifiable"
    REQUEST_EXPIRED = "RequestExpired"
    REQUEST_THROTTLED = "RequestThrottled"
    SIGNATURE_DOES_NOT_MATCH = "SignatureDoesNotMatch"
    TRANSACTION_AMOUNT_EXCEEDED = "TransactionAmountExceeded"
    TRANSACTION_COUNT_EXCEEDED = "TransactionCountExceeded"
    UNAUTHORIZED_ACCESS = "UnauthorizedAccess"


# The HTTP number of each code. UNCONFIRMED ones carry the value that the reference expects; callers are told
# to branch on the code, never on the number.
HTTP_STATUS: Final = {
    Code.CAPTURE_NOT_REFUNDABLE: 405,
    Code.CONSTRAINTS_EXIST: 400,  # The EU page; another page says 404.
    Code.CURRENCY_MISMATCH: 400,
    Code.CURRENCY_UNSUPPORTED: 400,
    Code.DUPLICATE_REFERENCE_ID: 400,
    Code.DUPLICATE_REQUEST: 400,
    Code.INTERNAL_SERVER_ERROR: 500,
    Code.INVALID_ACCESS_KEY_ID: 403,  # UNCONFIRMED
    Code.INVALID_ADDRESS_CONSENT_TOKEN: 404,
    Code.INVALID_AUTHORIZATION_STATUS: 405,
    Code.INVALID_CANCEL_ATTEMPT: 405,  # UNCONFIRMED
    Code.INVALID_ORDER_REFERENCE_ID: 404,  # UNCONFIRMED
    Code.INVALID_ORDER_REFERENCE_STATUS: 405,  # UNCONFIRMED
    Code.INVALID_PARAMETER_VALUE: 400,  # UNCONFIRMED
    Code.INVALID_SANDBOX_SIMULATION: 400,  # UNCONFIRMED
    Code.INVALID_TRANSACTION_ID: 404,  # UNCONFIRMED
    Code.MISSING_AUTHENTICATION_TOKEN: 400,  # UNCONFIRMED
    Code.ORDER_REFERENCE_NOT_MODIFIABLE: 405,  # UNCONFIRMED
    Code.REQUEST_EXPIRED: 400,  # UNCONFIRMED
    Code.REQUEST_THROTTLED: 503,
    Code.SIGNATURE_DOES_NOT_MATCH: 403,
    Code.TRANSACTION_AMOUNT_EXCEEDED: 405,  # UNCONFIRMED
    Code.TRANSACTION_COUNT_EXCEEDED: 405,  # UNCONFIRMED
    Code.UNAUTHORIZED_ACCESS: 401,  # UNCONFIRMED
}


class Refusal(Exception):
    """Amazon refuses the call: nothing was executed."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def http_status(self) -> int:
        """Return the HTTP number that goes with the code."""
        return HTTP_STATUS[self.code]
