"""The commands that ask the service, against a real gRPC server with a scripted service."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Money
from payment_actions_server.cli import app

PROGRAM = str(Path(sys.executable).with_name("payment-actions"))
ORDER = ("eu-shop", "4711")


@pytest.fixture
def run(server, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))

    def run(*arguments):
        return CliRunner().invoke(app, ["--server", server.target, "--timeout", "30", *arguments])

    return run


# -- Looking --------------------------------------------------------------------------------------------------------


def test_show_tells_amounts_what_may_be_done_and_why_not_the_rest(run):
    result = run("show", *ORDER)
    assert result.exit_code == 0
    for part in (
        "00042 (4711) of eu-shop",
        "AUTHORIZED",
        "Amazon Pay through amazon_pay_v1",
        "129.90 USD",
        "Collects 129.90 USD from the buyer.",
        "REFUND is not possible yet.",
        'says "Authorized", up to date',
    ):
        assert part in result.stdout


def test_show_tells_what_is_in_flight_what_the_store_lacks_and_what_contradicts(run, service, make):
    payment = make.payment(
        operation_in_flight=make.operation(pb.OPERATION_STATE_UNKNOWN, actor="zoe"),
        store_update=pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_PENDING, last_error="503", attempts=4),
        anomaly="captured 5, then 3",
    )
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    shown = run("show", *ORDER).stdout
    for part in ("CAPTURE of 129.90 USD: UNKNOWN", "by zoe", "tried 4 times: 503", "captured 5, then 3"):
        assert part in shown


def test_what_is_piped_has_no_colour_and_cannot_steer_a_terminal(run, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment(anomaly="\x1b[2J[red]gone")))
    shown = run("show", *ORDER).stdout
    assert "\x1b" not in shown
    assert "[red]gone" in shown


def test_json_is_one_document_under_proto_jsons_names(run):
    document = json.loads(run("show", *ORDER, "--json").stdout)
    assert document["orderId"] == "4711"
    assert document["authorizedAmount"] == {"currencyCode": "USD", "units": "129", "nanos": 900000000}
    assert document["availableActions"][0]["action"] == "ACTION_CAPTURE"
    assert document["anomaly"] == ""


def test_list_passes_its_filters_on_and_says_when_there_are_more(run, service, make):
    payments = [make.payment(order_id=str(number)) for number in range(3)]
    service.script("ListPayments", pb.ListPaymentsResponse(payments=payments))
    result = run(
        *("list", "--store", "eu-shop", "--status", "pending", "--status", "AUTHORIZED", "--method", "Amazon Pay"),
        *("--needing-attention", "--expiring-before", "2026-07-01T12:00:00", "--limit", "2", "--json"),
    )
    (request,) = service.requests("ListPayments")
    assert list(request.statuses) == [pb.PAYMENT_STATUS_PENDING, pb.PAYMENT_STATUS_AUTHORIZED]
    assert (request.store, request.payment_method, request.needing_attention) == ("eu-shop", "Amazon Pay", True)
    assert request.authorization_expire_before.ToJsonString() == "2026-07-01T12:00:00Z"
    assert [payment["orderId"] for payment in json.loads(result.stdout)["payments"]] == ["0", "1"]
    assert "--limit" in result.stderr


def test_list_shows_what_needs_a_human(run, service, make):
    stuck = make.operation(pb.OPERATION_STATE_NEEDS_REVIEW)
    service.script("ListPayments", pb.ListPaymentsResponse(payments=[make.payment(operation_in_flight=stuck)]))
    assert "resolve 01k0m7v4x2q8r6t3y9z5b1c7d4" in run("list").stdout


def test_events_says_when_the_history_does_not_hold(run, service, make):
    event = make.event(1, type=pb.EVENT_TYPE_PAYMENT_SEEN, status_after=pb.PAYMENT_STATUS_PENDING, hash="0" * 64)
    service.script("ListEvents", pb.ListEventsResponse(events=[event]))
    result = run("events", *ORDER)
    assert result.exit_code == 1
    assert "PAYMENT_SEEN" in result.stdout
    assert "event 1 is missing or was changed" in result.stderr


def test_refresh_shows_what_changed(run, service, make):
    response = pb.RefreshPaymentResponse(payment=make.payment(), events=[make.event(4, message="Captured there.")])
    service.script("RefreshPayment", response, pb.RefreshPaymentResponse(payment=make.payment()))
    assert "Captured there." in run("refresh", *ORDER).stdout
    assert "Nothing changed." in run("refresh", *ORDER).stderr


@pytest.mark.parametrize(("reason", "code"), [("ORDER_NOT_FOUND", 6), ("PERMISSION_DENIED", 3), ("INVALID_REQUEST", 2)])
def test_a_refusal_is_a_message_and_an_exit_code(run, service, make, reason, code):
    service.script("GetPayment", make.failure(reason, "The service's own words."))
    result = run("show", *ORDER)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.strip() == "The service's own words."


def test_with_json_a_refusal_is_json_too_and_on_stderr(run, service, make):
    service.script("GetPayment", make.failure("ORDER_NOT_FOUND", "No order.", order_id="4711"))
    result = run("show", *ORDER, "--json")
    error = json.loads(result.stderr)["error"]
    assert (error["reason"], error["metadata"], result.stdout) == ("ORDER_NOT_FOUND", {"order_id": "4711"}, "")


def test_a_service_that_is_away_is_told_from_one_that_refuses(run, server):
    server.stop()
    assert run("show", *ORDER).exit_code == 7


# -- Acting ---------------------------------------------------------------------------------------------------------


def test_capture_shows_the_effect_and_the_request_id_before_the_outcome(run, service, make):
    service.script("CapturePayment", make.captured())
    result = run("capture", *ORDER, "--yes", "--note", "shipped", "--actor", "zoe")
    (request,) = service.requests("CapturePayment")
    assert result.exit_code == 0
    assert "Collects 129.90 USD from the buyer." in result.stderr
    assert f"Request id: {request.request_id}" in result.stderr
    assert "SUCCEEDED" in result.stdout
    assert (request.note, request.HasField("amount"), service.actors[-1]) == ("shipped", False, "zoe")


@pytest.mark.parametrize(
    ("rpc", "command", "options"),
    [
        ("VoidPayment", "void", ()),
        ("CapturePayment", "capture", ("--amount", "10.00 USD")),
        ("RefundPayment", "refund", ("--amount", "10.00 USD")),
    ],
)
def test_every_action_passes_on_what_was_typed(run, service, make, rpc, command, options):
    offer = pb.AvailableAction(action=pb.ACTION_REFUND, amount=Money(currency_code="USD", units=129))
    payment = make.payment(available_actions=[*make.payment().available_actions, offer])
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    response = getattr(pb, f"{rpc}Response")(operation=make.operation(), payment=make.payment())
    service.script(rpc, response)
    result = run(command, *ORDER, "--yes", "--request-id", "r-1", "--etag", '"3"', *options)
    (request,) = service.requests(rpc)
    assert (result.exit_code, request.request_id, request.etag) == (0, "r-1", '"3"')
    assert not options or request.amount == Money(currency_code="USD", units=10)


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        (pb.OPERATION_STATE_ALREADY_DONE, 0, ""),
        (pb.OPERATION_STATE_DECLINED, 4, ""),
        (pb.OPERATION_STATE_PENDING, 5, "nothing will be sent twice"),
        (pb.OPERATION_STATE_UNKNOWN, 5, "payment-actions show eu-shop 4711"),
        (pb.OPERATION_STATE_NEEDS_REVIEW, 5, "payment-actions resolve eu-shop 01k0m7v4x2q8r6t3y9z5b1c7d4"),
        (pb.OPERATION_STATE_FAILED, 7, ""),
    ],
)
def test_the_operations_state_decides_the_exit_code_and_what_is_advised(run, service, make, state, code, told):
    service.script("CapturePayment", make.captured(state))
    result = run("capture", *ORDER, "--yes")
    assert result.exit_code == code
    assert told in result.stderr


def test_an_action_that_is_not_offered_is_told_in_the_services_words_and_not_sent(run, service):
    result = run("refund", *ORDER, "--yes")
    assert (result.exit_code, service.requests("RefundPayment")) == (3, [])
    assert "REFUND is not possible yet." in result.stderr


def test_asking_again_is_sent_even_when_no_longer_offered_but_for_the_payment_as_it_is(run, service, make):
    service.script("RefundPayment", pb.RefundPaymentResponse(operation=make.operation(), payment=make.payment()))
    assert run("refund", *ORDER, "--yes", "--request-id", "r-1").exit_code == 0
    (request,) = service.requests("RefundPayment")
    assert (request.request_id, request.etag) == ("r-1", '"3"')


def test_a_lost_answer_says_that_it_may_have_happened_and_how_to_ask_again(run, service, make):
    service.script("CapturePayment", make.failure())
    result = run("capture", *ORDER, "--yes")
    assert result.exit_code == 5
    assert "may have happened" in result.stderr
    assert service.requests("CapturePayment")[0].request_id in result.stderr.split("may have happened")[1]


def test_wait_looks_until_the_operation_is_settled(run, service, make):
    service.script("CapturePayment", make.captured(pb.OPERATION_STATE_PENDING))
    pending, done = make.operation(pb.OPERATION_STATE_PENDING), make.operation()
    service.script("GetOperation", pb.GetOperationResponse(operation=pending), pb.GetOperationResponse(operation=done))
    result = run("capture", *ORDER, "--yes", "--wait", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["operation"]["state"] == "OPERATION_STATE_SUCCEEDED"
    assert len(service.requests("CapturePayment")) == 1


@pytest.mark.parametrize("reason", ["", "STORE_NOT_FOUND"])
def test_an_action_that_was_accepted_is_told_even_when_it_cannot_be_looked_at(run, service, make, reason):
    service.script("CapturePayment", make.captured(pb.OPERATION_STATE_PENDING))
    service.script("GetOperation", make.failure(reason, code=make.codes.get(reason, grpc.StatusCode.INTERNAL)))
    ended = run("capture", *ORDER, "--yes", "--wait", "--wait-seconds", "1")
    assert ended.exit_code == 5
    assert "Still in flight" in ended.stderr


def test_wait_has_an_end(run, service, make):
    service.script("CapturePayment", make.captured(pb.OPERATION_STATE_PENDING))
    service.script("GetOperation", pb.GetOperationResponse(operation=make.operation(pb.OPERATION_STATE_PENDING)))
    assert run("capture", *ORDER, "--yes", "--wait", "--wait-seconds", "0.7").exit_code == 5


def test_wait_does_not_wait_for_what_only_an_operator_can_settle(run, service, make):
    service.script("CapturePayment", make.captured(pb.OPERATION_STATE_NEEDS_REVIEW))
    assert run("capture", *ORDER, "--yes", "--wait").exit_code == 5
    assert service.requests("GetOperation") == []


@pytest.mark.parametrize(
    ("option", "state"),
    [("--happened", pb.OPERATION_STATE_SUCCEEDED), ("--never-happened", pb.OPERATION_STATE_FAILED)],
)
def test_resolve_sends_the_operators_word(run, service, make, option, state):
    service.script("GetOperation", pb.GetOperationResponse(operation=make.operation(pb.OPERATION_STATE_NEEDS_REVIEW)))
    response = pb.ResolveOperationResponse(operation=make.operation(state), payment=make.payment())
    service.script("ResolveOperation", response)
    result = run("resolve", "eu-shop", "01k0", option, "--reason", "seen there", "--yes")
    (request,) = service.requests("ResolveOperation")
    assert (result.exit_code, request.state, request.reason) == (0, state, "seen there")


# -- As a process of its own, with a terminal or without ------------------------------------------------------------


def start(server, *arguments, **options):
    environment = {name: value for name, value in os.environ.items() if name != "PAYMENT_ACTIONS_SERVER"}
    command = [PROGRAM, "--server", server.target, *arguments]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, text=True, env=environment, **pipes)


def wait_for(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come to that within a minute")


@pytest.mark.parametrize(("answer", "code", "sent"), [("y", 0, 1), ("n", 2, 0), ("\x04", 2, 0)])
def test_on_a_terminal_nothing_is_sent_before_somebody_agrees(server, service, make, answer, code, sent):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))
    service.script("CapturePayment", make.captured())
    ours, theirs = pty.openpty()
    process = start(server, "capture", *ORDER, stdin=theirs)
    wait_for(lambda: service.requests("GetPayment"))
    assert not service.requests("CapturePayment")
    os.write(ours, f"{answer}\n".encode())
    _, messages = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert (process.returncode, len(service.requests("CapturePayment"))) == (code, sent)
    assert all(request.etag == '"3"' for request in service.requests("CapturePayment"))
    assert sent or "Nothing was sent." in messages


def test_ctrl_c_while_waiting_says_that_the_operation_goes_on_and_how_to_look(server, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))
    service.script("CapturePayment", make.captured())
    service.slowness_seconds["CapturePayment"] = 30
    process = start(server, "capture", *ORDER, "--yes")
    wait_for(lambda: service.requests("CapturePayment"))
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 5
    request_id = service.requests("CapturePayment")[0].request_id
    assert "it goes on there" in messages
    assert f"payment-actions capture eu-shop 4711 --request-id {request_id}" in messages


def test_watch_writes_each_event_as_it_happens_and_ctrl_c_ends_it_well(server, service, make):
    service.events = [make.event(3)]
    process = start(server, "watch", "--after", "0", "--json", "--store", "eu-shop")
    assert json.loads(process.stdout.readline())["sequence"] == "3"
    service.events.append(make.event(5))
    assert json.loads(process.stdout.readline())["sequence"] == "5"
    service.events.append(make.event(6))
    assert json.loads(process.stdout.readline())["sequence"] == "6"
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 0
    # Interrupted between showing 6 and taking note of it, it rightly says 5: no event is skipped.
    assert re.search(r"--after [56]\b", messages)
