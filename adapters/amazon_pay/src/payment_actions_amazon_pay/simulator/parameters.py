from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .money import Money, parse_money
from .objects import Authorization, Capture, Environment, OrderReference, PaymentObject, Refund
from .refusals import Code, Refusal
from .states import PERMITS, State
from .world import T, World

# What belongs to the sending of a call and not to what it asks for.
ENVELOPE: Final = frozenset(
    {
        "AWSAccessKeyId",
        "Action",
        "MWSAuthToken",
        "SellerId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
        "Version",
    }
)
# Amazon's pages differ on the alphabet; this is the one that all of them allow.
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FLAGS: Final = {"true": True, "false": False}
_ID_PARAMETERS: Final[dict[type[PaymentObject], tuple[str, Code]]] = {
    OrderReference: ("AmazonOrderReferenceId", Code.INVALID_ORDER_REFERENCE_ID),
    Authorization: ("AmazonAuthorizationId", Code.INVALID_TRANSACTION_ID),
    Capture: ("AmazonCaptureId", Code.INVALID_TRANSACTION_ID),
    Refund: ("AmazonRefundId", Code.INVALID_TRANSACTION_ID),
}


class Parameters:
    """The parameters of one authenticated call, read by name; every reader refuses what is malformed."""

    def __init__(self, values: Mapping[str, str], seller_id: str, environment: Environment) -> None:
        self._values = {name: value for name, value in values.items() if name not in ENVELOPE}
        self.seller_id = seller_id
        self.environment = environment

    @property
    def values(self) -> Mapping[str, str]:
        """Return what the call asks for, as it was written: two calls are identical if these are."""
        return self._values

    def required(self, name: str) -> str:
        """Return a parameter that must be there."""
        value = self._values.get(name, "")
        if not value:
            raise Refusal(Code.INVALID_PARAMETER_VALUE, f"The parameter {name} is required.")
        return value

    def text(self, name: str, limit: int) -> str:
        """Return an optional text of at most ``limit`` characters; left out, it is empty."""
        value = self._values.get(name, "")
        if len(value) > limit:
            message = f"The parameter {name} has {len(value)} characters; {limit} are allowed."
            raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
        return value

    def reference(self, name: str) -> str:
        """Return the caller's own id of a transaction."""
        value = self.required(name)
        if not _REFERENCE.fullmatch(value):
            message = f"{name} must have 1 to 32 characters, letters, digits, '-' or '_': {value!r}."
            raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
        return value

    def money(self, name: str) -> Money:
        """Return ``{name}.Amount`` in ``{name}.CurrencyCode``."""
        return parse_money(self.required(f"{name}.Amount"), self.required(f"{name}.CurrencyCode"))

    def flag(self, name: str) -> bool:
        """Return an optional true or false; left out, it is false."""
        value = self._values.get(name, "false")
        if value not in _FLAGS:
            raise Refusal(Code.INVALID_PARAMETER_VALUE, f"{name} must be true or false, not {value!r}.")
        return _FLAGS[value]

    def note(self, name: str) -> str:
        """Return an optional note of the seller's, at most 255 characters."""
        return self.text(name, 255)

    def soft_descriptor(self) -> str:
        """Return what the buyer's statement is to show after Amazon's name, at most 16 characters."""
        return self.text("SoftDescriptor", 16)

    def minutes(self, name: str, most: int) -> int:
        """Return an optional number of minutes, 0 to ``most``; left out, it is ``most``.

        UNCONFIRMED: one sibling page allows steps of 5 only; so do we.
        """
        value = self._values.get(name, str(most))
        if not value.isdecimal() or int(value) > most or int(value) % 5:
            message = f"{name} must be 0 to {most} minutes in steps of 5, not {value!r}."
            raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
        return int(value)

    def target(self, world: World, sort: type[T]) -> T:
        """Return the object that the call names, if it is the caller's and of this environment.

        :raises Refusal: InternalServerError for an id of the other environment, as in Amazon's retry table;
            InvalidOrderReferenceId or InvalidTransactionId for an id unknown, another seller's or sort's.
        """
        name, code = _ID_PARAMETERS[sort]
        object_id = self.required(name)
        if object_id[:1] in {other.id_letter for other in Environment if other is not self.environment}:
            message = f"{object_id} does not belong to this environment."
            raise Refusal(Code.INTERNAL_SERVER_ERROR, message)
        thing = world.find(object_id, sort)
        if thing is None or thing.seller_id != self.seller_id:
            raise Refusal(code, f"{name.removeprefix('Amazon')} {object_id} is invalid.")
        return thing


def require_permit(action: str, thing: PaymentObject) -> None:
    """Refuse ``action`` unless the state of ``thing`` allows it."""
    permit = PERMITS[action]
    assert thing.kind is permit.kind
    if thing.status.state in permit.states:
        return
    if permit.refusal is Code.ORDER_REFERENCE_NOT_MODIFIABLE:
        message = (
            f"OrderReference {thing.id} is not in draft state and cannot be modified with the request submitted by you."
        )
    else:
        allowed = " or ".join(sorted(State(state) for state in permit.states))
        message = f"{thing.id} is {thing.status.state}; {action} needs {allowed}."
    raise Refusal(permit.refusal, message)
