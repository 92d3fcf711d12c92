"""How errors reach a caller."""

import asyncio
import math

import grpc
import pytest
from integration.transport.conftest import refusal
from structlog.testing import capture_logs

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain import errors

GET = pb.GetPaymentRequest(store="shop", order_id="4711")
CAPTURE = pb.CapturePaymentRequest(store="shop", order_id="4711", request_id="r1")


async def test_a_refusal_carries_its_reason_and_metadata(stub, engine):
    engine.errors["4711"] = errors.OrderNotFound("There is none.", store="shop", order_id="4711")
    refused = await refusal(stub.GetPayment(GET))
    assert refused[:3] == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND", {"store": "shop", "order_id": "4711"})


async def test_a_refused_amount_names_the_field(stub, engine):
    engine.errors["4711"] = errors.CurrencyMismatch("No.", currency_code="EUR", expected_currency_code="USD")
    refused = await refusal(stub.CapturePayment(CAPTURE))
    assert (refused.reason, refused.violations) == ("CURRENCY_MISMATCH", ["amount.currency_code"])


async def test_a_failed_precondition_says_which(stub, engine):
    engine.errors["4711"] = errors.ActionNotAvailable("No.", action="CAPTURE", available_actions="REFUND")
    refused = await refusal(stub.CapturePayment(CAPTURE))
    assert (refused.code, refused.violations) == (grpc.StatusCode.FAILED_PRECONDITION, ["ACTION_NOT_AVAILABLE"])


async def test_throttling_says_when_to_come_back(stub, engine):
    engine.errors["4711"] = errors.GatewayThrottled("Later.", retry_after_seconds=2.5)
    refused = await refusal(stub.CapturePayment(CAPTURE))
    assert (refused.code, refused.retry_seconds) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 2.5)


async def test_a_mistake_of_ours_tells_the_caller_only_where_to_look(stub, engine):
    engine.errors["4711"] = ValueError("password=hunter2")
    with capture_logs() as lines, pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetPayment(GET)
    incident = next(line for line in lines if line["event"] == "incident")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert incident["incident_id"] in caught.value.details()
    assert "hunter2" not in repr(caught.value.trailing_metadata()) + caught.value.details()
    assert incident["exc_info"] is engine.errors["4711"]


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e19])
async def test_an_error_that_no_status_can_tell_is_a_mistake_of_ours(stub, engine, seconds):
    engine.errors["4711"] = errors.GatewayThrottled("Later.", retry_after_seconds=seconds)
    with capture_logs() as lines, pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.CapturePayment(CAPTURE)
    incident = next(line for line in lines if line["event"] == "incident")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert incident["incident_id"] in caught.value.details()


async def test_a_cancellation_inside_the_engine_does_not_leave_the_caller_waiting(stub, engine):
    engine.errors["4711"] = asyncio.CancelledError()
    refused = await refusal(stub.GetPayment(GET, timeout=30))
    assert refused.code is grpc.StatusCode.INTERNAL


async def test_an_error_with_endless_text_still_arrives(stub, engine):
    engine.errors["4711"] = errors.StoreNotFound("ü" * 50_000, known_stores="shop," * 10_000)
    refused = await refusal(stub.GetPayment(GET))
    assert refused.reason == "STORE_NOT_FOUND"
    assert len(refused.metadata["known_stores"]) <= 256


async def test_an_invalid_request_never_reaches_the_engine(stub, engine):
    refused = await refusal(stub.GetPayment(pb.GetPaymentRequest(store="Shop!", order_id="")))
    assert (refused.code, refused.violations) == (grpc.StatusCode.INVALID_ARGUMENT, ["store", "order_id"])
    assert refused.metadata["field"] == "store"
    assert engine.asked == []


async def test_a_stream_is_refused_like_a_call(stub, engine):
    refused = await refusal(stub.WatchEvents(pb.WatchEventsRequest(after_sequence=-1)))
    assert (refused.reason, refused.violations) == ("INVALID_REQUEST", ["after_sequence"])


async def test_an_unknown_method_is_unimplemented(running):
    call = running.channel.unary_unary("/payment_actions.v1.PaymentActions/Nonsense")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("actor", ["schedule", "gateway", "x" * 129])
async def test_a_caller_cannot_pass_for_the_service_itself(stub, engine, actor):
    refused = await refusal(stub.CapturePayment(CAPTURE, metadata=[("payment-actions-actor", actor)]))
    assert refused.violations == ["payment-actions-actor"]
    assert engine.asked == []


async def test_every_call_is_one_line_and_one_count(stub, engine, metrics):
    engine.errors["4711"] = errors.OrderNotFound("There is none.")
    with capture_logs() as lines:
        await refusal(stub.GetPayment(GET, metadata=[("payment-actions-actor", "Ann")]))
    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "rpc",
        "log_level": "info",
        "method": "GetPayment",
        "code": "NOT_FOUND",
        "store": "shop",
        "order_id": "4711",
        "actor": "Ann",
        "message": "There is none.",
    }
    assert b'payment_actions_rpc_seconds_count{code="NOT_FOUND",method="GetPayment"} 1.0' in metrics.render({})
