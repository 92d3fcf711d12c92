"""What the command line's exit codes mean, and which one each end has."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import ConnectionFailed, OutcomeUnknown, PaymentActionsError


class ExitCode(IntEnum):
    """Public, for scripts; docs/cli.md explains each."""

    DONE = 0  #: It is so.
    UNEXPECTED = 1  #: A mistake, ours or of the machine.
    USAGE = 2  #: Asked wrongly, or not confirmed; nothing was done.
    REFUSED = 3  #: The service refused: not now, not this payment, not you; nothing was done.
    DECLINED = 4  #: The gateway declined; nothing moved.
    IN_FLIGHT = 5  #: Still in flight, or nobody knows yet: it may have happened.
    NOT_FOUND = 6  #: No such store, order or operation.
    UNAVAILABLE = 7  #: Service, gateway or platform out of reach or too busy; certain that nothing happened.
    CONFIGURATION = 8  #: The configuration or a plugin is wrong.
    PARTLY = 9  #: A run's lines came to different ends, all of them known.


_OF_REASON: Final[Mapping[str, ExitCode]] = {
    "STORE_NOT_FOUND": ExitCode.NOT_FOUND,
    "ORDER_NOT_FOUND": ExitCode.NOT_FOUND,
    "OPERATION_NOT_FOUND": ExitCode.NOT_FOUND,
    "INVALID_REQUEST": ExitCode.USAGE,
    "PARTIAL_AMOUNT_NOT_SUPPORTED": ExitCode.REFUSED,
    "AMOUNT_OUT_OF_RANGE": ExitCode.USAGE,
    "CURRENCY_MISMATCH": ExitCode.USAGE,
    "REQUEST_ID_REUSED": ExitCode.USAGE,
    "ACTION_NOT_AVAILABLE": ExitCode.REFUSED,
    "OPERATION_IN_FLIGHT": ExitCode.REFUSED,
    "NOT_OUR_PAYMENT_METHOD": ExitCode.REFUSED,
    "ORDER_CANCELLED": ExitCode.REFUSED,
    "ORDER_CHANGED": ExitCode.REFUSED,
    "ORDER_TOTAL_INVALID": ExitCode.REFUSED,
    "ETAG_MISMATCH": ExitCode.REFUSED,
    "UNAUTHENTICATED": ExitCode.REFUSED,
    "PERMISSION_DENIED": ExitCode.REFUSED,
    "GATEWAY_THROTTLED": ExitCode.UNAVAILABLE,
    "GATEWAY_UNAVAILABLE": ExitCode.UNAVAILABLE,
    "PLATFORM_UNAVAILABLE": ExitCode.UNAVAILABLE,
}

_OF_STATE: Final[Mapping[int, ExitCode]] = {
    pb.OPERATION_STATE_UNKNOWN: ExitCode.IN_FLIGHT,
    pb.OPERATION_STATE_PENDING: ExitCode.IN_FLIGHT,
    pb.OPERATION_STATE_NEEDS_REVIEW: ExitCode.IN_FLIGHT,
    pb.OPERATION_STATE_SUCCEEDED: ExitCode.DONE,
    pb.OPERATION_STATE_DECLINED: ExitCode.DECLINED,
    pb.OPERATION_STATE_FAILED: ExitCode.UNAVAILABLE,
    pb.OPERATION_STATE_ALREADY_DONE: ExitCode.DONE,
}


def exit_code_of(error: PaymentActionsError) -> ExitCode:
    """Return how a command ends that met ``error``."""
    if isinstance(error, OutcomeUnknown):
        return ExitCode.IN_FLIGHT
    if isinstance(error, ConnectionFailed):
        return ExitCode.UNAVAILABLE
    return _OF_REASON.get(error.reason, ExitCode.UNEXPECTED)


def exit_code_of_state(state: int) -> ExitCode:
    """Return how a command ends whose operation is in ``state``; one that this version does not know is not settled."""
    return _OF_STATE.get(state, ExitCode.IN_FLIGHT)
