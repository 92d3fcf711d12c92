"""What an answer means: what it proves, and whether whoever asked need not ask again."""

from typing import Any, NamedTuple

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import (
    GatewayThrottled,
    GatewayUnavailable,
    OperationInFlight,
    PaymentActionsError,
    PlatformUnavailable,
)
from support.chaos.record import Told

_PASSING = (GatewayThrottled, GatewayUnavailable, PlatformUnavailable)


class Heard(NamedTuple):
    """An answer, or that there was none."""

    told: Told
    clear: bool  #: Whether asking again would bring nothing new.
    facts: dict[str, Any]  #: For the `Attempt`.
    operation: pb.Operation | None = None


def heard_of(operation: pb.Operation) -> Heard:
    """Return what an operation means that was the answer."""
    state = pb.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")
    return Heard(Told.OPERATION, True, {"operation_id": operation.operation_id, "state": state}, operation)


def heard_error(error: PaymentActionsError, *, patient: bool) -> Heard:
    """Return what an error means.

    :param patient: while another operation is in flight, ask again.
    """
    told = _told(error)
    mine = error.metadata.get("operation_id", "") if told is Told.NEVER_HAPPENED else ""
    facts = {"reason": error.reason or error.code.name, "message": error.message, "operation_id": mine}
    passing = isinstance(error, _PASSING) or (patient and isinstance(error, OperationInFlight))
    return Heard(told, told is Told.NEVER_HAPPENED or (told is Told.NOTHING_STARTED and not passing), facts)


def _told(error: PaymentActionsError) -> Told:
    if not error.reason:
        return Told.UNANSWERED
    if isinstance(error, _PASSING) and "operation_id" in error.metadata:
        return Told.NEVER_HAPPENED
    return Told.NOTHING_STARTED
