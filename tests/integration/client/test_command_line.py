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
    for part in ("CAPTURE of 129.90 USD: UNKNOWN", "by zoe", "not be written in 4 tries: 503.", "captured 5, then 3"):
        assert part in shown


def test_a_status_that_is_just_being_written_to_the_shop_is_not_told_as_a_failure(run, service, make):
    writing = pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_PENDING, platform_status="Authorized", attempts=1)
    writing.next_attempt_time.GetCurrentTime()
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment(store_update=writing)))
    shown = run("show", *ORDER).stdout
    assert 'says "Authorized", the new status is being written' in shown
    assert not re.search("tried|try|again", shown.split("Store")[1])


def test_command_that_asks_again_asks_for_the_very_same(run, service, make):
    """Without its amount it would move the whole."""
    refund = pb.AvailableAction(action=pb.ACTION_REFUND, amount=Money(currency_code="USD", units=32))
    refund.partial_amount_allowed = True
    payment = make.payment(status=pb.PAYMENT_STATUS_CAPTURED, available_actions=[refund], unavailable_actions=[])
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    service.script("RefundPayment", make.failure("PLATFORM_UNAVAILABLE", "The shop is away.", store="eu-shop"))
    result = run("--timeout", "1", "refund", *ORDER, "--yes", "--amount", "5.00 USD", "--note", "broken lamp")
    told = " ".join(re.sub("[│╭╮╰╯─]", " ", result.output).split())
    assert "payment-actions refund eu-shop 4711 --amount '5.00 USD' --note 'broken lamp' --request-id " in told


def test_answer_of_an_action_says_what_staff_must_know_of_the_shops_page(run, service, make):
    """The shop holds the status a moment after the money moved; until then its page is not known."""
    writing = pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_PENDING, platform_status="Authorized", attempts=1)
    warning = "X-Cart's own Refund button still returns the full amount; do not use it."
    written = pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_IN_SYNC, platform_status="Partially paid", notice=warning)
    captured = make.payment(status=pb.PAYMENT_STATUS_CAPTURED, store_update=writing)
    service.script("CapturePayment", lambda _: pb.CapturePaymentResponse(operation=make.operation(), payment=captured))
    payments = (make.payment(), captured, make.payment(status=pb.PAYMENT_STATUS_CAPTURED, store_update=written))
    service.script("GetPayment", *(pb.GetPaymentResponse(payment=each) for each in payments))
    result = run("capture", *ORDER, "--yes")
    assert result.exit_code == 0
    told = " ".join(re.sub("[│╭╮╰╯─]", " ", result.stdout).split())
    assert "still returns the full amount" in told


def test_a_shop_that_keeps_changing_the_status_back_is_told_with_what_it_did_and_how_to_begin_anew(run, service, make):
    why = "X-Cart changed the status back 3 times"
    disputed = pb.StoreUpdate(
        state=pb.STORE_UPDATE_STATE_DISPUTED, platform_status="Authorized", last_error=why, attempts=3
    )
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment(store_update=disputed)))
    service.script("ListPayments", pb.ListPaymentsResponse(payments=[make.payment(store_update=disputed)]))
    shown = run("show", *ORDER).stdout
    assert f"{why}. Begin anew: payment-actions refresh eu-shop 4711" in shown
    assert "up to date" not in shown
    assert f"store disputed: {why}" in run("list").stdout


def test_what_staff_must_know_of_the_shops_own_page_is_shown(run, service, make):
    notice = "X-Cart's own Refund button still returns the full amount; do not use it."
    update = pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_IN_SYNC, platform_status="Paid", notice=notice)
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment(store_update=update)))
    assert notice in run("show", *ORDER).stdout


@pytest.mark.parametrize(
    ("status", "left", "mark"),
    [
        (
            pb.PAYMENT_STATUS_AUTHORIZED,
            "Void is what is left to do: payment-actions void eu-shop 4711",
            "CANCELLED: void",
        ),
        (pb.PAYMENT_STATUS_VOIDED, "", ""),
    ],
)
def test_an_order_that_the_shop_closed_is_told_and_void_is_the_advice(run, service, make, status, left, mark):
    payment = make.cancelled(status=status)
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    service.script("ListPayments", pb.ListPaymentsResponse(payments=[payment]))
    shown, listed = run("show", *ORDER).stdout, run("list").stdout
    assert "its status there is Cancelled." in shown
    assert ("Void is what is left" in shown, left in shown) == (bool(left), True)
    assert mark in listed
    assert ("CANCELLED" in listed) == bool(mark)


def test_a_total_that_is_no_amount_is_not_told_as_nothing(run, service, make):
    nothing = Money(currency_code="XXX")
    told = "The order's total in the shop, 129.905, is no amount that its currency can express."
    payment = make.payment(
        order_state=pb.ORDER_STATE_TOTAL_INVALID, order_state_message=told, order_total=nothing,
        authorized_amount=nothing, captured_amount=nothing, refunded_amount=nothing, available_actions=[],
    )  # fmt: skip
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    service.script("ListPayments", pb.ListPaymentsResponse(payments=[payment]))
    shown, listed = run("show", *ORDER).stdout, run("list").stdout
    assert told in shown
    assert re.search(r"Order total +unknown", shown)
    assert "unknown" in listed
    assert "order TOTAL_INVALID" in listed


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


@pytest.mark.parametrize(
    ("reason", "advised"),
    [
        ("ORDER_CANCELLED", ["payment-actions void eu-shop 4711"]),
        ("ORDER_CHANGED", ["payment-actions show eu-shop 4711", "payment-actions void eu-shop 4711"]),
        ("ORDER_TOTAL_INVALID", ["payment-actions void eu-shop 4711"]),
        ("ETAG_MISMATCH", ["payment-actions show eu-shop 4711"]),
        ("ACTION_NOT_AVAILABLE", []),
    ],
)
def test_an_order_that_the_shop_changed_is_refused_with_what_to_type_next(run, service, make, reason, advised):
    service.script("CapturePayment", make.failure(reason, "Not now.", available_actions="VOID,REFRESH"))
    result = run("capture", *ORDER, "--yes")
    assert (result.exit_code, len(service.requests("CapturePayment"))) == (3, 1)
    told = result.stderr.split("Not now.")[1]
    assert [line.split(": ")[1] for line in told.strip().splitlines()] == advised


def test_a_capture_that_the_service_already_refuses_is_not_sent_and_void_is_the_advice(run, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.cancelled()))
    result = run("capture", *ORDER, "--yes")
    assert (result.exit_code, service.requests("CapturePayment")) == (3, [])
    assert "The shop closed the order" in result.stderr
    assert "payment-actions void eu-shop 4711" in result.stderr


def test_a_shop_that_cannot_be_asked_is_told_with_the_request_id_to_ask_again_with(run, service, make):
    service.script("CapturePayment", make.failure("PLATFORM_UNAVAILABLE", "The shop is away.", store="eu-shop"))
    result = run("capture", *ORDER, "--yes")
    (request_id,) = {request.request_id for request in service.requests("CapturePayment")}
    assert result.exit_code == 7
    assert f"payment-actions capture eu-shop 4711 --request-id {request_id}" in result.stderr.split("is away.")[1]


@pytest.mark.parametrize("reason", ["PLATFORM_UNAVAILABLE", "STORE_NOT_FOUND"])
def test_a_refusal_of_one_attempt_says_nothing_of_what_was_asked_before_under_the_id(run, service, make, reason):
    service.script("CapturePayment", make.failure(reason, "Away."))
    result = run("capture", *ORDER, "--yes", "--request-id", "r-1", "--timeout", "0.3")
    assert result.exit_code == 5
    assert "Away. That says nothing of what was asked before under r-1: it may have happened." in result.stderr


@pytest.fixture
def limited(service, make):
    """Script a payment of which a policy lets at most 20.00 USD be returned."""
    whole, most = Money(currency_code="USD", units=129, nanos=900_000_000), Money(currency_code="USD", units=20)
    offer = pb.AvailableAction(
        action=pb.ACTION_REFUND, amount=whole, partial_amount_allowed=True, effect="Returns 129.90 USD to the buyer.",
        amount_max=most, amount_max_reason="Support refunds at most 20.00 USD; ask finance for more.",
    )  # fmt: skip
    payment = make.payment(available_actions=[offer], unavailable_actions=[])
    service.script("GetPayment", pb.GetPaymentResponse(payment=payment))
    service.script("RefundPayment", pb.RefundPaymentResponse(operation=make.operation(), payment=payment))
    return offer


@pytest.mark.parametrize("amount", [(), ("--amount", "20.01 USD")])
def test_no_more_is_asked_for_than_a_policy_allows_nor_the_whole(run, service, limited, amount):
    result = run("refund", *ORDER, "--yes", *amount)
    assert (result.exit_code, service.requests("RefundPayment")) == (3, [])
    assert "At most 20.00 USD: Support refunds at most 20.00 USD; ask finance for more." in result.stderr
    assert 'payment-actions refund eu-shop 4711 --amount "20.00 USD"' in result.stderr


def test_a_limit_that_a_policy_sets_only_now_is_told_with_the_amount_to_name(run, service, make):
    service.script(
        "CapturePayment", make.failure("ACTION_NOT_AVAILABLE", "No more.", policy="till", amount_max="9.99 USD")
    )
    result = run("capture", *ORDER, "--yes")
    assert result.exit_code == 3
    assert 'payment-actions capture eu-shop 4711 --amount "9.99 USD"' in result.stderr.split("No more.")[1]


@pytest.mark.parametrize("amount", ["20.00 USD", "5 USD", "500 EUR"])
def test_what_a_policy_allows_is_sent_and_another_currency_is_the_services_to_refuse(run, service, limited, amount):
    assert run("refund", *ORDER, "--yes", "--amount", amount).exit_code == 0
    assert len(service.requests("RefundPayment")) == 1


def test_show_tells_the_most_that_a_policy_allows_and_why(run, limited):
    assert "At most 20.00 USD: Support refunds at most 20.00 USD; ask finance for more." in run("show", *ORDER).stdout


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


@pytest.mark.parametrize(("typed", "sent"), [("", 20), ("7.00 USD", 7)])
def test_on_a_terminal_the_most_that_a_policy_allows_is_suggested(server, service, limited, typed, sent):
    ours, theirs = pty.openpty()
    process = start(server, "refund", *ORDER, stdin=theirs)
    os.write(ours, f"{typed}\ny\n".encode())
    _, messages = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    (request,) = service.requests("RefundPayment")
    assert (process.returncode, request.amount) == (0, Money(currency_code="USD", units=sent))
    assert "Support refunds at most 20.00 USD" in messages
    assert f"REFUND of {sent}.00 USD out of 129.90 USD" in messages


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
