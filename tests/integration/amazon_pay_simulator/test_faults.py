"""Every way in which a call can go wrong, and what it has done at Amazon's side meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import requests


@pytest.mark.parametrize(("kind", "executed"), [("lose_request", 0), ("lose_answer", 1)])
def test_dropped_connection_leaves_the_caller_without_an_answer(shop, control, kind, executed):
    authorization = shop.authorize()
    control("POST", "faults/calls", operation="Capture", kind=kind)
    with pytest.raises(requests.ConnectionError):
        shop.sdk.capture(authorization, "c", "100.00")
    assert len(control.effects("capture")) == executed


@pytest.mark.parametrize(
    ("kind", "code", "executed"),
    [
        ("error_500_before", "InternalServerError", 0),
        ("error_500_after", "InternalServerError", 1),
        ("error_503_throttled", "RequestThrottled", 0),
    ],
)
def test_error_answer_may_hide_an_effect(shop, control, error_code, kind, code, executed):
    authorization = shop.authorize()
    control("POST", "faults/calls", operation="Capture", kind=kind)
    assert error_code(shop.sdk.capture(authorization, "c", "100.00")) == code
    assert len(control.effects("capture")) == executed


@pytest.mark.parametrize("kind", ["lose_request", "lose_answer", "error_500_before", "error_500_after"])
def test_replay_after_any_failure_makes_exactly_one_effect(shop, control, details, kind):
    capture = shop.captured()
    control("POST", "faults/calls", operation="Refund", kind=kind, count=2)
    for _ in range(2):
        try:
            assert not shop.sdk.refund(capture, "r", "100.00").success
        except requests.ConnectionError:
            continue
    refund = details(shop.sdk.refund(capture, "r", "100.00"))
    (effect,) = control.effects("refund")
    assert effect["object"] == refund["AmazonRefundId"]


@pytest.mark.parametrize("executes", ["before", "after"])
def test_slow_call_is_executed_before_or_after_its_wait(shop, control, in_background, eventually, executes):
    authorization = shop.authorize()
    control("POST", "faults/calls", operation="Capture", kind="slow", seconds=0.5, executes=executes)
    begun = datetime.fromisoformat(control("GET", "state")["now"])
    caller = in_background(lambda: shop.sdk.capture(authorization, "c", "100.00"))
    eventually(lambda: control("GET", "faults")["faults"] == [])
    assert executes == "after" or len(control.effects("capture")) == 1
    caller.join(timeout=60)
    (effect,) = control.effects("capture")
    assert executes == "before" or datetime.fromisoformat(effect["time"]) - begun >= timedelta(seconds=0.5)


@pytest.mark.parametrize(("executes", "effects"), [("never", 0), ("before", 1), ("after", 1)])
def test_hanging_call_is_never_answered(shop, control, monkeypatch, eventually, executes, effects):
    authorization = shop.authorize()
    control("POST", "faults/calls", operation="Capture", kind="hang", executes=executes)
    post = requests.post
    monkeypatch.setattr(requests, "post", lambda **more: post(**more, timeout=(60, 0.3)))  # The SDK has no timeout.
    with pytest.raises(requests.Timeout):
        shop.sdk.capture(authorization, "c", "100.00")
    eventually(lambda: control("GET", "calls", operation="Capture")["calls"] != [])
    (call,) = control("GET", "calls", operation="Capture")["calls"]
    assert (call["status"], call["fault"], call["executed"]) == (0, "hang", effects == 1)
    assert len(control.effects("capture")) == effects


def test_fault_meets_only_its_operation_and_only_so_often(shop, control):
    control("POST", "faults/calls", operation="Refund", kind="error_500_before", count=2)
    capture = shop.captured()
    replies = [shop.sdk.refund(capture, "r", "1.00").success for _ in range(3)]
    assert replies == [False, False, True]


def test_disarmed_faults_do_nothing(shop, control):
    control("POST", "faults/calls", kind="error_500_before", count=5)
    control("DELETE", "faults")
    assert shop.sdk.get_service_status().success


def test_unsigned_call_does_not_use_up_a_fault(process, shop, control, http):
    control("POST", "faults/calls", kind="error_500_before")
    http.post(process.url + process.ready["sandbox_path"], data={"Action": "Capture"})
    assert len(control("GET", "faults")["faults"]) == 1


def test_other_calls_are_served_while_one_is_slow(start, open_shop, in_background, eventually):
    running = start("--no-throttling")  # Of its own: it ends while that call is still served.
    shop = open_shop(running)
    shop.control("POST", "faults/calls", kind="slow", seconds=600)
    caller = in_background(shop.sdk.get_service_status)
    eventually(lambda: shop.control("GET", "faults")["faults"] == [])
    assert shop.sdk.get_service_status().success
    assert caller.is_alive()
    assert running.stop() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "explode"},
        {"kind": "slow", "executes": "never"},
        {"kind": "hang", "executes": "perhaps"},
        {"kind": "lose_answer", "operation": "PrintMoney"},
        {"kind": "lose_answer", "count": 0},
        {"kind": "slow", "seconds": -1},
        {"kind": "lose_answer", "cuont": 2},
    ],
    ids=str,
)
def test_misspelt_fault_is_refused(control, fields):
    assert control.ask("POST", "faults/calls", **fields).status_code == 400
    assert control("GET", "faults") == {"faults": []}
