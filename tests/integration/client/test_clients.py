"""What both clients do, over a real connection. Every test runs for `Client` and for `AsyncClient`."""

import threading
import time
from decimal import Decimal

import grpc
import pytest

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.error_reason_pb2 import ErrorReason
from payment_actions_client import (
    ConnectionFailed,
    GatewayThrottled,
    GatewayUnavailable,
    Money,
    OutcomeUnknown,
    PaymentActionsError,
    RetryPolicy,
    StoreNotFound,
    action_item,
    succeeded,
)

HASTY = RetryPolicy(pause_seconds_first=0.01, pause_seconds_max=0.05, patience_seconds=0.3)


def test_a_payment_comes_as_the_generated_message(client, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))
    payment = client.call("get_payment", "eu-shop", "4711")
    assert isinstance(payment, pb.Payment)
    assert (payment.store, payment.order_id) == ("eu-shop", "4711")


def test_the_actor_goes_with_every_call(client, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))
    client.call("get_payment", "eu-shop", "4711")
    service.events = [make.event(1)]
    client.take(1, "watch_events")
    assert service.actors == ["zoe", "zoe"]


def test_without_an_actor_none_is_sent(connect, service, make):
    service.script("GetPayment", pb.GetPaymentResponse(payment=make.payment()))
    connect().call("get_payment", "eu-shop", "4711")
    assert service.actors == [None]


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ((), None),
        ((Decimal("10.5"), "EUR"), (10, 500_000_000, "EUR")),
        (("10.50", "EUR"), (10, 500_000_000, "EUR")),
        (("10.50 EUR",), (10, 500_000_000, "EUR")),
        ((Money(units=7, currency_code="JPY"),), (7, 0, "JPY")),
    ],
)
def test_an_amount_is_sent_exactly_and_left_out_when_it_is_the_whole(client, service, make, arguments, sent):
    service.script("CapturePayment", make.captured())
    client.call("capture", "eu-shop", "4711", *arguments)
    (request,) = service.requests("CapturePayment")
    amount = request.amount
    assert ((amount.units, amount.nanos, amount.currency_code) if request.HasField("amount") else None) == sent


def test_every_action_sends_its_request_id_etag_and_note(client, service, make):
    for rpc, method in (("CapturePayment", "capture"), ("VoidPayment", "void"), ("RefundPayment", "refund")):
        service.script(rpc, getattr(pb, f"{rpc}Response")())
        client.call(method, "eu-shop", "4711", request_id="r-1", etag='"3"', note="shipped")
        (request,) = service.requests(rpc)
        assert (request.request_id, request.etag, request.note) == ("r-1", '"3"', "shipped")


def test_a_retry_keeps_the_request_id(client, service, make):
    service.script("CapturePayment", make.failure(), make.failure(), make.captured())
    response = client.call("capture", "eu-shop", "4711")
    first, *repeats = service.requests("CapturePayment")
    assert first.request_id
    assert repeats == [first, first]
    assert response.operation.request_id == first.request_id
    assert succeeded(response.operation)


def test_two_calls_have_two_request_ids(client, service, make):
    service.script("CapturePayment", make.captured())
    for _ in range(2):
        client.call("capture", "eu-shop", "4711")
    assert len({request.request_id for request in service.requests("CapturePayment")}) == 2


def test_a_decline_is_a_result(client, service, make):
    service.script("CapturePayment", make.captured(pb.OPERATION_STATE_DECLINED, reason_code="AmazonRejected"))
    operation = client.call("capture", "eu-shop", "4711").operation
    assert (operation.state, operation.reason_code) == (pb.OPERATION_STATE_DECLINED, "AmazonRejected")


@pytest.mark.parametrize(
    ("reason", "kind"), [("GATEWAY_THROTTLED", GatewayThrottled), ("GATEWAY_UNAVAILABLE", GatewayUnavailable)]
)
def test_a_failed_operation_is_not_tried_again(client, service, make, reason, kind):
    service.script("CapturePayment", make.failure(reason, "Busy.", retry_after=2, operation_id="01k0"))
    with pytest.raises(kind) as caught:
        client.call("capture", "eu-shop", "4711")
    assert len(service.requests("CapturePayment")) == 1
    assert (caught.value.retry_after, caught.value.metadata["operation_id"]) == (2.0, "01k0")


@pytest.mark.parametrize("reason", ["GATEWAY_UNAVAILABLE", "GATEWAY_THROTTLED", "PLATFORM_UNAVAILABLE"])
def test_a_doorstep_refusal_without_an_operation_is_tried_again(client, service, make, reason):
    service.script("CapturePayment", make.failure(reason), make.captured())
    client.call("capture", "eu-shop", "4711")
    first, second = service.requests("CapturePayment")
    assert first == second


@pytest.mark.parametrize("reason", ErrorReason.keys()[1:])
def test_every_reason_is_an_error_of_its_own_with_the_services_words(client, service, make, reason):
    name = reason.removeprefix("ERROR_REASON_")
    service.script("CapturePayment", make.failure(name, f"All about {name}.", operation_id="01k0"))
    with pytest.raises(PaymentActionsError) as caught:
        client.call("capture", "eu-shop", "4711", request_id="r-1")
    error = caught.value
    assert type(error).__name__.upper() == name.replace("_", "")
    assert (str(error), error.reason, error.code) == (f"All about {name}.", name, make.codes[name])
    assert (error.metadata, error.request_id) == ({"operation_id": "01k0"}, "r-1")


def test_a_reason_from_the_future_keeps_its_name_and_code(client, service, make):
    service.script("GetPayment", make.failure("NOT_ON_SUNDAYS", "Closed.", code=grpc.StatusCode.FAILED_PRECONDITION))
    with pytest.raises(PaymentActionsError, match="Closed") as caught:
        client.call("get_payment", "eu-shop", "4711")
    assert (caught.value.reason, caught.value.code) == ("NOT_ON_SUNDAYS", grpc.StatusCode.FAILED_PRECONDITION)


def test_an_action_without_an_answer_may_have_happened_and_says_how_to_ask_again(client, service, make):
    service.script("CapturePayment", make.failure())
    with pytest.raises(OutcomeUnknown, match="may have happened") as caught:
        client.call("capture", "eu-shop", "4711")
    request_ids = {request.request_id for request in service.requests("CapturePayment")}
    assert request_ids == {caught.value.request_id}
    assert caught.value.request_id in str(caught.value)
    assert len(service.requests("CapturePayment")) == 6


def test_an_action_that_timed_out_may_have_happened_and_is_not_sent_again(connect, service, make):
    service.script("CapturePayment", make.captured())
    service.slowness_seconds["CapturePayment"] = 60
    with pytest.raises(OutcomeUnknown, match=r"0\.3 seconds") as caught:
        connect(timeout=0.3).call("capture", "eu-shop", "4711", request_id="r-1")
    assert (caught.value.request_id, caught.value.code) == ("r-1", grpc.StatusCode.DEADLINE_EXCEEDED)
    assert len(service.requests("CapturePayment")) <= 1  # None: it was given up on its way, on a busy machine.


def test_a_mistake_of_the_services_leaves_an_actions_outcome_unknown(client, service, make):
    service.script("CapturePayment", make.failure(code=grpc.StatusCode.INTERNAL))
    with pytest.raises(OutcomeUnknown):
        client.call("capture", "eu-shop", "4711")
    assert len(service.requests("CapturePayment")) == 1


def test_a_read_without_an_answer_is_only_a_lost_connection(client, server):
    server.stop()
    with pytest.raises(ConnectionFailed, match="6 times"):
        client.call("get_payment", "eu-shop", "4711")


def test_a_call_outlives_a_restart(connect, server, service, make):
    service.script("CapturePayment", make.captured())
    client = connect(retry=RetryPolicy())
    client.call("capture", "eu-shop", "4711")
    server.stop()
    restart = threading.Timer(0.2, server.start)
    restart.start()
    assert succeeded(client.call("capture", "eu-shop", "4711").operation)
    restart.join()


def test_the_word_on_an_operation_is_sent_once(client, service, make):
    service.script("ResolveOperation", make.failure())
    with pytest.raises(OutcomeUnknown, match="Look before"):
        client.call("resolve_operation", "eu-shop", "01k0", happened=True, reason="seen in Seller Central")
    (request,) = service.requests("ResolveOperation")
    assert (request.state, request.reason) == (pb.OPERATION_STATE_SUCCEEDED, "seen in Seller Central")


def test_a_list_goes_on_over_pages(client, service, make):
    pages = {"": (["1", "2"], "t1"), "t1": ([], "t2"), "t2": (["3"], "")}

    def page(request):
        order_ids, token = pages[request.page_token]
        return pb.ListPaymentsResponse(
            payments=[make.payment(order_id=one) for one in order_ids], next_page_token=token
        )

    service.script("ListPayments", page)
    payments = client.take(None, "list_payments", "eu-shop", statuses=[pb.PAYMENT_STATUS_PENDING], page_size=2)
    assert [payment.order_id for payment in payments] == ["1", "2", "3"]
    assert {tuple(request.statuses) for request in service.requests("ListPayments")} == {(pb.PAYMENT_STATUS_PENDING,)}


def test_a_page_that_is_not_needed_is_not_fetched(client, service, make):
    service.script("ListEvents", pb.ListEventsResponse(events=[make.event(1), make.event(2)], next_page_token="more"))
    assert len(client.take(2, "list_events", "eu-shop", "4711")) == 2
    assert len(service.requests("ListEvents")) == 1


def test_a_watch_skips_signs_of_life_and_resumes_after_the_last_event(client, service, make):
    service.events = [make.event(number) for number in (3, 5, 6, 9)]
    service.break_after = [1, 2]
    events = client.take(4, "watch_events", ["eu-shop"], after_sequence=0)
    assert [event.sequence for event in events] == [3, 5, 6, 9]
    assert [request.after_sequence for request in service.requests("WatchEvents")] == [0, 3, 6]


def test_a_watch_outlives_a_restart_without_skipping_or_repeating(client, server, service, make):
    service.events = [make.event(number) for number in (1, 2, 3)]

    def restart():
        time.sleep(0.3)
        server.stop()
        service.events += [make.event(number) for number in (4, 5)]
        time.sleep(0.3)
        server.start()

    restarting = threading.Thread(target=restart)
    restarting.start()
    events = client.take(5, "watch_events", after_sequence=0)
    restarting.join()
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]


def test_a_watch_gives_up_after_its_patience_and_says_where_to_go_on(connect, server, service, make):
    service.events = [make.event(7)]
    client = connect(retry=HASTY)
    server.stop()
    with pytest.raises(ConnectionFailed, match="after_sequence=6"):
        client.take(1, "watch_events", after_sequence=6)


def test_a_refused_watch_is_not_tried_again(client, service, make):
    service.refusal = make.failure("STORE_NOT_FOUND", "No store eu-shopp.")
    with pytest.raises(StoreNotFound, match="eu-shopp"):
        client.take(1, "watch_events", ["eu-shopp"])
    assert len(service.requests("WatchEvents")) == 1


def test_a_run_that_breaks_off_says_how_far_it_came(connect, service):
    items = [action_item("eu-shop", str(number), pb.ACTION_CAPTURE) for number in range(3)]
    service.break_after = [1, *[0] * 1000]
    with pytest.raises(OutcomeUnknown, match="1 of 3 items have ended"):
        connect(retry=HASTY).take(None, "run_actions", items)


def test_a_run_goes_on_with_the_items_that_have_not_ended(client, service):
    items = [action_item("eu-shop", str(number), pb.ACTION_CAPTURE) for number in range(5)]
    service.break_after = [2, 1]
    lines = client.take(None, "run_actions", items)
    assert sorted((line.index, line.order_id) for line in lines) == [(n, str(n)) for n in range(5)]
    assert [(line.completed_count, line.total_count) for line in lines] == [(n, 5) for n in range(1, 6)]
    first, second, third = service.requests("RunActions")
    assert [len(request.items) for request in (first, second, third)] == [5, 3, 2]
    assert list(second.items) == items[:3]
