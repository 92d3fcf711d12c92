"""What an answer of RunActions means for a line of a run, and what all of them mean together."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from google.type.money_pb2 import Money

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import PaymentActionsError, error_of_status
from payment_actions_client.errors import of_this_attempt
from payment_actions_server.cli import offers, words
from payment_actions_server.cli.exit_codes import ExitCode, exit_code_of, exit_code_of_state
from payment_actions_server.cli.result_file import Row, one_line

REFRESHED: Final = "REFRESHED"
REFUSED: Final = "REFUSED"
UNAVAILABLE: Final = "UNAVAILABLE"
_OPEN: Final = "OPEN"

_FINAL: Final = frozenset({"SUCCEEDED", "ALREADY_DONE", "DECLINED", "FAILED", REFRESHED, REFUSED})
_DONE: Final = frozenset({"SUCCEEDED", "ALREADY_DONE", REFRESHED})


def answered(row: Row, response: pb.RunActionsResponse, *, sent_before: bool = False) -> Row:
    """Return a line of the plan with what became of it.

    :param sent_before: as `refused` has it.
    """
    if response.HasField("error"):
        return refused(row, error_of_status(response.error), sent_before=sent_before)
    if not response.HasField("operation"):
        return row._replace(state=REFRESHED, reason="", message=words.status(response.payment.status))
    operation = response.operation
    return row._replace(
        state=words.state(operation.state),
        reason=operation.reason_code,
        message=one_line(operation.message),
        operation_id=operation.operation_id,
        operation_amount=words.money(operation.amount),
    )


def refused(row: Row, error: PaymentActionsError, *, sent_before: bool = False) -> Row:
    """Return a line of the plan with why it was not done.

    :param sent_before: an earlier run may have sent it; a refusal that is of this attempt alone does not end it then.
    """
    if sent_before and of_this_attempt(error):
        return row._replace(state=row.state or "UNKNOWN", reason=error.reason, message=one_line(error.message))
    operation_id = error.metadata.get("operation_id", "")
    code = exit_code_of(error)
    if not error.reason:
        state = "UNKNOWN"  # The service made a mistake or is stopping: that proves nothing.
    elif code is ExitCode.UNAVAILABLE:
        # With an operation it has FAILED for good; without one the same request may fare better later.
        state = "FAILED" if operation_id else UNAVAILABLE
    else:
        state = REFUSED
    return row._replace(state=state, reason=error.reason, message=one_line(error.message), operation_id=operation_id)


def previewed(row: Row, response: pb.RunActionsResponse, amount: Money | None) -> tuple[Row, bool]:
    """Return a line of a dry run, and whether it would go: with the etag that was shown, or with why it would not.

    :param amount: what the line asks for; None: the whole, which a policy may not allow.
    """
    if response.HasField("error"):
        return refused(row, error_of_status(response.error)), False
    if not offers.is_within_limit(response.preview, amount):
        return refused(row, offers.over_limit(response.preview, amount)), False
    return row._replace(etag=response.payment.etag), True


def refusals(rows: Iterable[Row]) -> dict[str, int]:
    """Return for each reason how many lines were refused with it."""
    return dict(Counter(row.reason for row in rows if row.state == REFUSED).most_common())


def ended(row: Row) -> bool:
    """Tell whether asking again could not change what became of the line."""
    return row.state in _FINAL


def done(row: Row) -> bool:
    """Tell whether what the line asks for is so."""
    return row.state in _DONE


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many lines have come to what; OPEN: no answer yet."""
    return dict(Counter(row.state or _OPEN for row in rows).most_common())


def exit_code(rows: Iterable[Row]) -> ExitCode:
    """Return how a run ends: as all its lines did; else as one of which nobody knows yet; else PARTLY."""
    codes = {_exit_code(row) for row in rows}
    if len(codes) == 1:
        return codes.pop()
    return ExitCode.IN_FLIGHT if ExitCode.IN_FLIGHT in codes else ExitCode.PARTLY


def _exit_code(row: Row) -> ExitCode:
    if row.state == REFRESHED:
        return ExitCode.DONE
    if row.state in (REFUSED, UNAVAILABLE):
        return exit_code_of(PaymentActionsError(row.message, reason=row.reason))
    known = {words.state(value): value for value in pb.OperationState.values()}
    return exit_code_of_state(known[row.state]) if row.state in known else ExitCode.IN_FLIGHT
