"""Decisions about retries, without a network or a clock."""

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from payment_actions_client import ConnectionFailed, OutcomeUnknown, PaymentActionsError, RetryPolicy, calls
from payment_actions_client.errors import DOMAIN
from payment_actions_client.retry import Attempts, Lifeline

Code = grpc.StatusCode
POLICY = RetryPolicy(attempts_max=3, pause_seconds_first=1, pause_seconds_max=4, patience_seconds=10)
CAPTURE = calls.capture("eu-shop", "4711", request_id="r-1")
READ = calls.get_payment("eu-shop", "4711")
RESOLVE = calls.resolve_operation("eu-shop", "01k0", happened=True, reason="seen")


class Failed(grpc.RpcError):
    """What gRPC raises."""

    def __init__(self, code, reason="", metadata=None, retry_after=None):
        self._code, self._reason = code, reason
        self._metadata, self._retry_after = metadata or {}, retry_after

    def code(self):
        return self._code

    def details(self):
        return "words"

    def trailing_metadata(self):
        if not self._reason:
            return ()
        details = [error_details_pb2.ErrorInfo(reason=self._reason, domain=DOMAIN, metadata=self._metadata)]
        if self._retry_after:
            delay = duration_pb2.Duration(seconds=self._retry_after)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        status = status_pb2.Status(code=self._code.value[0], message="words")
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return (("grpc-status-details-bin", status.SerializeToString()),)


LOST = Failed(Code.UNAVAILABLE)


class Clock:
    """Time that moves when told to."""

    now = 100.0

    def __call__(self):
        return self.now


def attempts(call, *, timeout=60.0, clock=None):
    return Attempts(call, POLICY, timeout, clock=clock or Clock(), chance=lambda: 0.0)


def outcome(call, *failures):
    """Return the pauses, then the class of what the caller gets; None when there is a next attempt."""
    tries = attempts(call)
    pauses = []
    try:
        pauses.extend(map(tries.failed, failures))
    except PaymentActionsError as error:
        return pauses, type(error)
    return pauses, None


@pytest.mark.parametrize(
    ("call", "failures", "pauses", "end"),
    [
        (READ, [LOST, LOST], [1, 2], None),
        (READ, [LOST, LOST, LOST], [1, 2], ConnectionFailed),
        (READ, [Failed(Code.CANCELLED)], [1], None),
        (READ, [Failed(Code.DEADLINE_EXCEEDED)], [], ConnectionFailed),
        (READ, [Failed(Code.INTERNAL)], [], PaymentActionsError),
        (CAPTURE, [LOST, LOST], [1, 2], None),
        (CAPTURE, [LOST, LOST, LOST], [1, 2], OutcomeUnknown),
        (CAPTURE, [Failed(Code.DEADLINE_EXCEEDED)], [], OutcomeUnknown),
        (CAPTURE, [Failed(Code.INTERNAL)], [], OutcomeUnknown),
        (CAPTURE, [Failed(Code.RESOURCE_EXHAUSTED)], [], OutcomeUnknown),
        (CAPTURE, [Failed(Code.UNIMPLEMENTED)], [], PaymentActionsError),
        (CAPTURE, [LOST, Failed(Code.UNIMPLEMENTED)], [1], OutcomeUnknown),
        (RESOLVE, [LOST], [], OutcomeUnknown),
    ],
)
def test_what_follows_on_each_failure(call, failures, pauses, end):
    assert outcome(call, *failures) == (pauses, end)


def test_could_not_be_reached_after_a_lost_attempt_proves_nothing():
    unreached = Failed(Code.UNAVAILABLE, "PLATFORM_UNAVAILABLE")
    assert outcome(CAPTURE, unreached, unreached, unreached)[1].reason == "PLATFORM_UNAVAILABLE"
    assert outcome(CAPTURE, LOST, unreached, unreached)[1] is OutcomeUnknown


@pytest.mark.parametrize(
    "refused",
    [
        Failed(Code.NOT_FOUND, "STORE_NOT_FOUND"),
        Failed(Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
        Failed(Code.PERMISSION_DENIED, "PERMISSION_DENIED"),
        Failed(Code.FAILED_PRECONDITION, "NEWER_THAN_THIS_CLIENT"),
    ],
    ids=lambda refused: refused._reason,
)
def test_a_refusal_on_the_doorstep_after_a_lost_attempt_proves_nothing(refused):
    assert outcome(CAPTURE, refused)[1] is not OutcomeUnknown
    assert outcome(CAPTURE, LOST, refused)[1] is OutcomeUnknown
    assert outcome(READ, LOST, refused) == ([1], outcome(READ, refused)[1])
    lifeline = Lifeline(calls.run_actions([]), POLICY, clock=Clock(), chance=lambda: 0.0)
    lifeline.lost(LOST)
    with pytest.raises(OutcomeUnknown, match="same request ids"):
        lifeline.lost(refused)


def test_a_refusal_of_what_was_asked_is_definite_after_a_lost_attempt_too():
    stale = Failed(Code.ABORTED, "ETAG_MISMATCH")
    assert outcome(CAPTURE, LOST, stale)[1].reason == "ETAG_MISMATCH"


@pytest.mark.parametrize("reason", ["ORDER_CANCELLED", "ORDER_CHANGED", "ORDER_TOTAL_INVALID"])
def test_an_order_that_the_shop_changed_is_never_asked_for_again_and_nothing_of_it_was_started(reason):
    refused = Failed(Code.FAILED_PRECONDITION, reason)
    for failures in ([refused], [LOST, refused]):
        pauses, end = outcome(CAPTURE, *failures)
        assert (len(pauses), end.reason) == (len(failures) - 1, reason)


def test_a_shop_that_cannot_be_asked_before_a_capture_is_asked_again_under_the_same_request_id():
    unasked = Failed(Code.UNAVAILABLE, "PLATFORM_UNAVAILABLE", {"store": "eu-shop"})
    tries = attempts(CAPTURE)
    assert tries.failed(unasked) == 1
    assert tries.failed(unasked) == 2
    with pytest.raises(PaymentActionsError) as caught:
        tries.failed(unasked)
    assert (caught.value.reason, caught.value.request_id) == ("PLATFORM_UNAVAILABLE", "r-1")


def test_the_services_own_pause_is_respected():
    throttled = Failed(Code.RESOURCE_EXHAUSTED, "GATEWAY_THROTTLED", retry_after=7)
    assert attempts(READ).failed(throttled) == 7


def test_no_attempt_is_made_that_the_deadline_would_cut_off():
    throttled = Failed(Code.RESOURCE_EXHAUSTED, "GATEWAY_THROTTLED", retry_after=7)
    with pytest.raises(PaymentActionsError, match="words") as caught:
        attempts(READ, timeout=5).failed(throttled)
    assert caught.value.retry_after == 7


def test_all_attempts_share_one_deadline():
    clock = Clock()
    tries = attempts(READ, timeout=10, clock=clock)
    clock.now += 4
    assert tries.seconds_left == 6
    clock.now += 20
    assert tries.seconds_left == 0


def test_a_calls_own_timeout_comes_before_the_clients():
    assert attempts(calls.get_payment("eu-shop", "4711", timeout=3)).seconds_left == 3


def test_pauses_double_up_to_the_longest_and_are_cut_at_random():
    assert [POLICY.pause_seconds(failures, 0.0) for failures in (1, 2, 3, 4, 1000)] == [1, 2, 4, 4, 4]
    assert POLICY.pause_seconds(1, 1.0) == 0.5


def test_a_stream_gives_up_only_when_it_was_away_for_its_patience():
    clock = Clock()
    lifeline = Lifeline(calls.watch_events(after_sequence=6), POLICY, clock=clock, chance=lambda: 0.0)
    assert lifeline.lost(LOST) == 1
    clock.now += 8
    lifeline.alive()
    assert lifeline.lost(LOST) == 1
    clock.now += 9
    with pytest.raises(ConnectionFailed, match="after_sequence=6"):
        lifeline.lost(LOST)


@pytest.mark.parametrize("end", [None, Failed(Code.DEADLINE_EXCEEDED), LOST])
def test_a_stream_that_ended_without_a_reason_is_taken_up_again(end):
    assert Lifeline(calls.watch_events(), POLICY, clock=Clock(), chance=lambda: 0.0).lost(end) == 1


def test_a_mistake_of_the_services_ends_a_run_with_its_outcome_unknown():
    lifeline = Lifeline(calls.run_actions([]), POLICY, clock=Clock())
    with pytest.raises(OutcomeUnknown, match="same request ids"):
        lifeline.lost(Failed(Code.INTERNAL))
