import pytest

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.error_reason_pb2 import ErrorReason
from payment_actions_client import ConnectionFailed, OutcomeUnknown, PaymentActionsError
from payment_actions_server.cli.exit_codes import ExitCode, exit_code_of, exit_code_of_state


@pytest.mark.parametrize("name", ErrorReason.keys()[1:])
def test_every_reason_has_an_expected_end(name):
    error = PaymentActionsError("No.", reason=name.removeprefix("ERROR_REASON_"))
    assert exit_code_of(error) not in (ExitCode.DONE, ExitCode.UNEXPECTED)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ACTION_NOT_AVAILABLE", 3),
        ("PARTIAL_AMOUNT_NOT_SUPPORTED", 3),
        ("ETAG_MISMATCH", 3),
        ("ORDER_CANCELLED", 3),
        ("ORDER_CHANGED", 3),
        ("ORDER_TOTAL_INVALID", 3),
        ("INVALID_REQUEST", 2),
        ("ORDER_NOT_FOUND", 6),
        ("GATEWAY_THROTTLED", 7),
        ("PLATFORM_UNAVAILABLE", 7),
        ("FROM_THE_FUTURE", 1),
        ("", 1),
    ],
)
def test_what_a_refusal_ends_with(reason, code):
    assert exit_code_of(PaymentActionsError("No.", reason=reason)) == code


def test_no_answer_to_an_action_is_not_the_same_as_an_unreachable_service():
    assert exit_code_of(OutcomeUnknown("It may have happened.")) == 5
    assert exit_code_of(ConnectionFailed("No answer.")) == 7


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("UNKNOWN", 5),
        ("PENDING", 5),
        ("NEEDS_REVIEW", 5),
        ("SUCCEEDED", 0),
        ("ALREADY_DONE", 0),
        ("DECLINED", 4),
        ("FAILED", 7),
    ],
)
def test_what_an_operations_state_ends_with(state, code):
    assert exit_code_of_state(pb.OperationState.Value(f"OPERATION_STATE_{state}")) == code


def test_a_state_from_the_future_is_not_taken_for_done():
    assert exit_code_of_state(99) == ExitCode.IN_FLIGHT
