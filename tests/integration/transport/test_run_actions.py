"""RunActions: many, each standing alone."""

import asyncio
import math
from collections import Counter

import grpc
from google.type.money_pb2 import Money
from integration.transport.conftest import refusal, told, until

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.errors import GatewayThrottled, GatewayUnavailable, OrderNotFound
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action
from payment_actions_server.transport import mapping


def item(order_id="4711", action=pb.ACTION_CAPTURE, request_id="r1", **more):
    return pb.ActionItem(store="shop", order_id=order_id, action=action, request_id=request_id, **more)


async def run(stub, *items, **more):
    return [response async for response in stub.RunActions(pb.RunActionsRequest(items=items, **more))]


async def test_each_item_is_answered_as_it_ends(stub, engine):
    engine.holds["slow"] = asyncio.Event()
    call = stub.RunActions(pb.RunActionsRequest(items=[item("slow"), item("quick")]))
    first = await call.read()
    engine.holds["slow"].set()
    second = await call.read()
    assert [(one.index, one.order_id, one.completed_count) for one in (first, second)] == [
        (1, "quick", 1),
        (0, "slow", 2),
    ]
    assert (first.total_count, first.operation.order_id, first.payment.order_id) == (2, "quick", "quick")
    assert await call.read() is grpc.aio.EOF


async def test_an_item_that_fails_stops_no_other(stub, engine):
    engine.errors = {"gone": OrderNotFound("None.", order_id="gone"), "bug": ValueError("secret")}
    responses = {one.order_id: one for one in await run(stub, item("gone"), item("bug"), item("fine"))}
    assert told(responses["gone"].error)[:2] == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    assert told(responses["bug"].error).code is grpc.StatusCode.INTERNAL
    assert "secret" not in responses["bug"].error.message
    assert responses["fine"].HasField("operation")
    assert not responses["gone"].HasField("payment")


async def test_a_cancellation_inside_the_engine_ends_only_its_item(stub, engine):
    engine.errors["4711"] = asyncio.CancelledError()
    responses = await asyncio.wait_for(run(stub, item(), item("fine")), 30)
    assert [one.HasField("error") for one in sorted(responses, key=lambda one: one.index)] == [True, False]


async def test_refresh_items_have_a_payment_and_no_operation(stub, engine):
    (response,) = await run(stub, item(action=pb.ACTION_REFRESH, request_id=""))
    assert response.HasField("payment")
    assert not response.HasField("operation")
    assert engine.asked == [("shop", "4711", "anonymous")]


async def test_validate_only_previews_and_starts_nothing(stub, engine):
    amount = Money(currency_code="USD", units=129, nanos=900_000_000)
    (response,) = await run(stub, item(request_id="", amount=amount), validate_only=True)
    assert response.preview.effect == "Collects it."
    assert response.HasField("payment")
    assert not response.HasField("operation")
    assert engine.asked == [(ActionRequest("shop", "4711", Action.CAPTURE, "", 12_990, "USD"),)]


async def test_an_item_acts_under_its_etag(stub, engine):
    await run(stub, item(etag='"3"'))
    await run(stub, item(request_id="", etag='"3"'), validate_only=True)
    assert [request.etag for (request,) in engine.asked] == ['"3"', '"3"']


async def test_ten_thousand_items_run_sixteen_at_a_time(stub, engine):
    responses = await run(stub, *(item(f"o{n}", request_id=f"r{n}") for n in range(10_000)))
    assert Counter(one.index for one in responses) == Counter(range(10_000))
    assert engine.running_max == 16


async def test_the_same_item_twice_is_two_answers(stub, engine):
    assert len(await run(stub, item(), item())) == 2


async def test_a_caller_who_goes_away_stops_new_items_from_starting(stub, engine):
    engine.holds["4711"] = asyncio.Event()
    call = stub.RunActions(pb.RunActionsRequest(items=[item()] * 100))
    await until(lambda: engine.running == 16)
    call.cancel()
    await until(lambda: engine.running == 0)
    await asyncio.sleep(0.05)
    assert len(engine.asked) == 16


async def test_a_caller_who_does_not_read_holds_the_items_back(stub, engine):
    stub.RunActions(pb.RunActionsRequest(items=[item(note="n" * 1000)] * 10_000))
    await until(lambda: len(engine.asked) > 16)
    before, asked = -1, 0
    while asked != before:  # What the connection's window holds; then nothing more is begun.
        await asyncio.sleep(1)
        before, asked = asked, len(engine.asked)
    assert asked < 10_000


async def test_one_bad_item_refuses_the_whole_before_anything_is_done(stub, engine):
    bad = [
        item(),
        item(action=pb.ACTION_UNSPECIFIED),
        item(request_id=""),
        item(action=pb.ACTION_VOID, amount=Money(currency_code="USD", units=1)),
        item(amount=Money(currency_code="XXX")),
        item(action=99),
    ]
    refused = await refusal(stub.RunActions(pb.RunActionsRequest(items=bad)))
    assert refused.reason == "INVALID_REQUEST"
    assert refused.violations == [
        "items[1].action",
        "items[2].request_id",
        "items[3].amount",
        "items[4].amount",
        "items[5].action",
    ]
    assert engine.asked == []


async def test_no_items_and_too_many_are_refused(stub, engine):
    for items in ([], [item()] * 10_001):
        refused = await refusal(stub.RunActions(pb.RunActionsRequest(items=items)))
        assert refused.violations == ["items"]


async def test_error_with_half_a_character_ends_only_its_item(stub, engine):
    engine.errors["4711"] = GatewayUnavailable("could not be asked (\ud83d). Nothing happened.", store="shop")
    responses = await asyncio.wait_for(run(stub, item(), item("fine")), 30)
    told = {response.order_id: response for response in responses}
    assert told["4711"].error.message == "could not be asked (\ufffd). Nothing happened."
    assert not told["fine"].HasField("error")


async def test_answer_that_no_message_holds_ends_only_its_item(stub, engine, monkeypatch):
    real = mapping.operation

    def odd(record):
        return real(record) | ({"message": "\ud83d"} if record.order_id == "bad" else {})

    monkeypatch.setattr(mapping, "operation", odd)
    responses = await asyncio.wait_for(run(stub, item("bad"), item("fine")), 30)
    assert {response.order_id: response.HasField("error") for response in responses} == {"bad": True, "fine": False}


async def test_error_that_no_status_can_tell_ends_only_its_item(stub, engine):
    engine.errors["4711"] = GatewayThrottled("Later.", retry_after_seconds=math.inf)
    responses = await asyncio.wait_for(run(stub, item(), item("fine")), 30)
    told = {response.order_id: response for response in responses}
    assert told["4711"].error.code == grpc.StatusCode.INTERNAL.value[0]
    assert not told["fine"].HasField("error")
