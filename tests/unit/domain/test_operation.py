"""An operation answers its own request for ever, and is settled once."""

from datetime import timedelta

import pytest

from payment_actions_server.domain.errors import RequestIdReused
from payment_actions_server.domain.operation import REFERENCE_LENGTH_MAX, ActionRequest, Outcome, reference_of
from payment_actions_server.domain.status import IN_FLIGHT, Action, OperationState

REQUEST = ActionRequest("shop", "4711", Action.CAPTURE, "request-1")
STILL_OPEN = sorted(IN_FLIGHT)
SETTLED = sorted(set(OperationState) - IN_FLIGHT)


def test_reference_is_the_same_for_ever_and_fits_the_narrowest_gateway():
    assert reference_of("01k0m7v4x2q8r6t3y9z5b1c7d4") == "pa-01k0m7v4x2q8r6t3y9z5b1c7d4"
    assert len(reference_of("x" * 26)) <= REFERENCE_LENGTH_MAX


def test_reference_too_long_for_a_gateway_is_never_made():
    with pytest.raises(AssertionError):
        reference_of("x" * 30)


@pytest.mark.parametrize("state", OperationState)
def test_same_request_is_answered_with_the_operation_as_it_is(operation_of, state):
    operation = operation_of(Action.CAPTURE, state)
    assert operation.answer_to(REQUEST) is operation


@pytest.mark.parametrize(
    "same",
    [{"note": "again"}, {"actor": "bob"}, {"etag": '"7"'}, {"currency_code": "USD"}],
    ids=lambda same: next(iter(same)),
)
def test_what_does_not_change_the_intent_does_not_change_the_answer(operation_of, same):
    operation = operation_of(Action.CAPTURE)
    assert operation.answer_to(REQUEST._replace(**same)) is operation


@pytest.mark.parametrize(
    "other",
    [
        {"store": "other"},
        {"order_id": "4712"},
        {"action": Action.VOID},
        {"amount_minor": 12_990},
        {"amount_minor": 1_000},
        {"currency_code": "EUR"},
    ],
    ids=lambda other: "-".join(f"{key}-{value}" for key, value in other.items()),
)
def test_same_id_with_other_parameters_is_refused(operation_of, other):
    with pytest.raises(RequestIdReused, match="Nothing was done") as refused:
        operation_of(Action.CAPTURE).answer_to(REQUEST._replace(**other))
    assert refused.value.metadata == {
        "request_id": "request-1",
        "operation_id": "01k0m7v4x2q8r6t3y9z5b1c7d4",
        "action": "CAPTURE",
        "order_id": "4711",
    }


def test_amount_is_compared_as_the_caller_said_it(operation_of):
    operation = operation_of(Action.CAPTURE, requested_amount_minor=12_990)
    assert operation.answer_to(REQUEST._replace(amount_minor=12_990, currency_code="USD")) is operation
    with pytest.raises(RequestIdReused):
        operation.answer_to(REQUEST)


@pytest.mark.parametrize("to", SETTLED)
@pytest.mark.parametrize("state", STILL_OPEN)
def test_outcome_settles_an_operation_and_frees_its_lease(operation_of, now, state, to):
    later = now + timedelta(seconds=1)
    operation = operation_of(
        Action.CAPTURE, state, lease_id="me", lease_expire_time=later, next_check_time=later, gateway_id="C-1"
    )
    settled = operation.settled(Outcome(to, reason_code="why", message="so"), now=later, next_check_time=None)
    assert (settled.state, settled.reason_code, settled.message) == (to, "why", "so")
    assert (settled.lease_id, settled.lease_expire_time, settled.next_check_time) == ("", None, None)
    assert (settled.reference, settled.gateway_id) == (operation.reference, "C-1")
    assert settled.update_time == later


@pytest.mark.parametrize("to", STILL_OPEN)
def test_outcome_that_settles_nothing_says_when_it_is_looked_at_again(operation_of, now, to):
    operation = operation_of(Action.CAPTURE, OperationState.UNKNOWN)
    assert operation.settled(Outcome(to, "C-9"), now=now, next_check_time=now).next_check_time == now
    with pytest.raises(AssertionError):
        operation.settled(Outcome(to), now=now, next_check_time=None)


@pytest.mark.parametrize("to", OperationState)
@pytest.mark.parametrize("state", SETTLED)
def test_settled_operation_never_changes_again(operation_of, now, state, to):
    with pytest.raises(AssertionError, match="and final"):
        operation_of(Action.CAPTURE, state).settled(
            Outcome(to), now=now, next_check_time=now if to in IN_FLIGHT else None
        )


def test_settled_operation_is_never_looked_at_again(operation_of, now):
    with pytest.raises(AssertionError):
        operation_of(Action.CAPTURE, OperationState.UNKNOWN).settled(
            Outcome(OperationState.SUCCEEDED), now=now, next_check_time=now
        )
