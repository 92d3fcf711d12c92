"""What each of Amazon's error codes proves. The code decides, never the HTTP number: documents differ on it.

The question is always the same: can the call have moved something, now or in a lost attempt before it? A code
that is not in the table proves nothing.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class Proof(Enum):
    """What a refusal lets us conclude."""

    NOTHING_HAPPENED = auto()  #: The request itself was refused: certain.
    LOOK_AGAIN = auto()  #: The payment is not where we believed; perhaps our own lost attempt moved it.
    THROTTLED = auto()  #: Too many requests: this one was not looked at.
    UNCLEAR = auto()  #: It may have been executed.


_NOTHING_HAPPENED: Final = (
    # Who we are, and how we ask.
    "AccessDenied",
    "InvalidAccessKeyId",
    "InvalidAccountStatus",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedAccess",
    # What we ask for.
    "BillingAgreementConstraintsExist",
    "ConstraintsExist",
    "CurrencyMismatch",
    "CurrencyUnsupported",
    "InvalidAddress",
    "InvalidAddressConsentToken",
    "InvalidOrderReferenceId",
    "InvalidParameterValue",
    "InvalidSandboxSimulationSpecified",
    "InvalidTransactionId",
    "PaymentMethodNotUpdated",
)

_LOOK_AGAIN: Final = (
    # The object is in another state than the call needs: also what a repeat meets whose first attempt was
    # lost.
    "BillingAgreementNotModifiable",
    "CaptureNotRefundable",
    "InvalidAuthorizationStatus",
    "InvalidCancelAttempt",
    "InvalidCaptureStatus",
    "InvalidCloseAttempt",
    "InvalidOrderReferenceStatus",
    "OrderReferenceNotModifiable",
    # A limit is reached, perhaps by that first attempt.
    "OrderReferenceCountExceeded",
    "PeriodicAmountExceeded",
    "TransactionAmountExceeded",
    "TransactionCountExceeded",
    # The reference is known, with other parameters or for something else.
    "DuplicateReferenceId",
    "DuplicateRequest",
)

CODES: Final[Mapping[str, Proof]] = (
    dict.fromkeys(_NOTHING_HAPPENED, Proof.NOTHING_HAPPENED)
    | dict.fromkeys(_LOOK_AGAIN, Proof.LOOK_AGAIN)
    | {
        "QuotaExceeded": Proof.THROTTLED,
        "RequestThrottled": Proof.THROTTLED,
        "InternalError": Proof.UNCLEAR,
        "InternalServerError": Proof.UNCLEAR,  # Also what a sandbox id meets on the live path.
        "ServiceUnavailable": Proof.UNCLEAR,
    }
)


def proof_of(code: str) -> Proof:
    """Return what a refusal with ``code`` proves; a code we do not know proves nothing."""
    return CODES.get(code, Proof.UNCLEAR)
