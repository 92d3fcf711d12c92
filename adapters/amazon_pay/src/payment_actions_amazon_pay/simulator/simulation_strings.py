"""Amazon's sandbox simulation strings: a JSON object in a seller's note that decides the call's outcome."""

from __future__ import annotations

import json
from typing import Any, Final

from .objects import Environment, Outcome
from .refusals import Code, Refusal
from .states import Reason, State

# Which outcome each call may ask for, and the further keys it may give with it. ExpirationTimeInMins and the
# Closed outcomes are UNCONFIRMED in their exact spelling.
OUTCOMES: Final[dict[tuple[str, State, Reason], frozenset[str]]] = {
    ("Authorize", State.DECLINED, Reason.INVALID_PAYMENT_METHOD): frozenset(
        {"PaymentMethodUpdateTimeInMins", "SoftDecline"}
    ),
    ("Authorize", State.DECLINED, Reason.AMAZON_REJECTED): frozenset(),
    ("Authorize", State.DECLINED, Reason.TRANSACTION_TIMED_OUT): frozenset(),
    ("Authorize", State.CLOSED, Reason.AMAZON_CLOSED): frozenset(),
    ("Authorize", State.CLOSED, Reason.EXPIRED_UNUSED): frozenset({"ExpirationTimeInMins"}),
    ("Capture", State.PENDING, Reason.NONE): frozenset(),
    ("Capture", State.DECLINED, Reason.AMAZON_REJECTED): frozenset(),
    ("Capture", State.CLOSED, Reason.AMAZON_CLOSED): frozenset(),
    ("Refund", State.DECLINED, Reason.AMAZON_REJECTED): frozenset(),
}
CONSTRAINTS: Final = frozenset({"PaymentMethodNotAllowed"})
_MINUTE_KEYS: Final = ("PaymentMethodUpdateTimeInMins", "ExpirationTimeInMins")
_MINUTES_MAX: Final = 240
_SOFT_DECLINE: Final = {"true": True, "false": False}


def outcome_of(action: str, note: str, environment: Environment, *, capture_now: bool = False) -> Outcome | None:
    """Return the outcome that ``note`` asks for; None for an ordinary note, and always in live.

    :raises Refusal: InvalidSandboxSimulationSpecified for a combination that Amazon does not list.
    """
    wanted = _simulation(note, environment)
    if wanted is None:
        return None
    try:
        state = State(wanted.pop("State", ""))
        reason = Reason(wanted.pop("ReasonCode", Reason.NONE))
    except ValueError:
        raise _illegal(note) from None
    allowed = OUTCOMES.get((action, state, reason))
    # An authorization that is captured with it cannot run out unused.
    contradiction = capture_now and reason is Reason.EXPIRED_UNUSED
    if allowed is None or not allowed.issuperset(wanted) or contradiction:
        raise _illegal(note)
    return Outcome(state, reason, soft_decline=_soft_decline(wanted, note), minutes=_minutes(wanted, note))


def constraint_of(note: str, environment: Environment) -> str:
    """Return the constraint that a SetOrderReferenceDetails note asks for, or an empty text."""
    wanted = _simulation(note, environment)
    if wanted is None:
        return ""
    constraint = wanted.get("Constraint")
    if set(wanted) != {"Constraint"} or constraint not in CONSTRAINTS:
        raise _illegal(note)
    return str(constraint)


def _simulation(note: str, environment: Environment) -> dict[str, Any] | None:
    if environment is not Environment.SANDBOX:
        return None
    try:
        read = json.loads(note)
    except ValueError:
        return None
    if not isinstance(read, dict) or "SandboxSimulation" not in read:
        return None
    if not isinstance(read["SandboxSimulation"], dict):
        raise _illegal(note)
    return dict(read["SandboxSimulation"])


def _soft_decline(wanted: dict[str, Any], note: str) -> bool:
    value = str(wanted.get("SoftDecline", "false")).lower()
    if value not in _SOFT_DECLINE:
        raise _illegal(note)
    return _SOFT_DECLINE[value]


def _minutes(wanted: dict[str, Any], note: str) -> int | None:
    for key in _MINUTE_KEYS:
        if key in wanted:
            text = str(wanted[key])
            if not text.isdecimal() or not 1 <= int(text) <= _MINUTES_MAX:
                raise _illegal(note)
            return int(text)
    return None


def _illegal(note: str) -> Refusal:
    message = f"The sandbox simulation {note} is not valid for this operation."
    return Refusal(Code.INVALID_SANDBOX_SIMULATION, message)
