"""The port itself: health, reflection, and an end that cuts nobody off."""

import asyncio
import socket

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from integration.transport.conftest import refusal, served, until
from integration.transport.fake_engine import EVENT

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.errors import OrderNotFound
from payment_actions_server.transport.grpc_server import GrpcServer
from payment_actions_server.transport.metrics import Metrics

# A grace that no stop may use up, and what a stop takes at most that need not wait for it, on a busy machine.
LONG, SOON = 150, 30
GET = pb.GetPaymentRequest(store="shop", order_id="4711")
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("service", ["", "payment_actions.v1.PaymentActions"])
async def test_health_is_serving(running, service):
    health = health_pb2_grpc.HealthStub(running.channel)
    assert (await health.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING


async def test_reflection_names_the_service(running):
    def services():
        with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
            return set(ProtoReflectionDescriptorDatabase(channel).get_services())

    assert "payment_actions.v1.PaymentActions" in await asyncio.to_thread(services)


async def test_stopping_lets_a_call_under_way_finish(engine):
    engine.holds["4711"] = asyncio.Event()
    async with served(engine) as running:
        call = running.stub.GetPayment(GET)
        await until(lambda: engine.running)
        stopping = asyncio.create_task(running.server.stop(LONG))
        await asyncio.sleep(0.1)
        engine.holds["4711"].set()
        assert (await call).payment.order_id == "4711"
        await asyncio.wait_for(stopping, SOON)


async def test_stopping_lets_a_call_under_way_be_refused_too(engine):
    engine.holds["4711"] = asyncio.Event()
    engine.errors["4711"] = OrderNotFound("None.")
    async with served(engine) as running:
        call = running.stub.GetPayment(GET)
        await until(lambda: engine.running)
        stopping = asyncio.create_task(running.server.stop(LONG))
        await asyncio.sleep(0.1)
        engine.holds["4711"].set()
        assert (await refusal(call)).reason == "ORDER_NOT_FOUND"
        await asyncio.wait_for(stopping, SOON)


async def test_stopping_cuts_off_what_outlasts_the_grace(engine):
    engine.holds["4711"] = asyncio.Event()
    async with served(engine) as running:
        call = running.stub.GetPayment(GET)
        await until(lambda: engine.running)
        await asyncio.wait_for(running.server.stop(0.1), SOON)
        with pytest.raises(grpc.aio.AioRpcError):
            await call


async def test_stopping_ends_watchers_at_once_and_says_so(engine):
    async with served(engine) as running:
        watch = running.stub.WatchEvents(pb.WatchEventsRequest())
        await watch.read()
        health = health_pb2_grpc.HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest())
        assert (await health.read()).status == SERVING
        await asyncio.wait_for(running.server.stop(LONG), SOON)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watch.read()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "resume" in caught.value.details()
        assert (await health.read()).status == NOT_SERVING
    assert engine.watching == 0


async def test_stopping_ends_watchers_who_do_not_read(engine):
    engine.events = [EVENT] * 100_000
    async with served(engine) as running:
        watch = running.stub.WatchEvents(pb.WatchEventsRequest())
        await watch.read()
        await asyncio.sleep(0.5)
        await asyncio.wait_for(running.server.stop(5), SOON)
    assert engine.watching == 0


async def test_a_watcher_who_goes_away_is_forgotten(stub, engine):
    call = stub.WatchEvents(pb.WatchEventsRequest())
    await call.read()
    assert engine.watching == 1
    call.cancel()
    await until(lambda: not engine.watching)


async def test_a_deadline_is_counted_as_one(running, engine, metrics):
    engine.holds["4711"] = asyncio.Event()
    with pytest.raises(grpc.aio.AioRpcError):
        await running.stub.GetPayment(GET, timeout=0.1)
    await until(lambda: b'code="DEADLINE_EXCEEDED"' in metrics.render({}))


async def test_a_taken_port_is_an_error_that_names_it(engine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=address):
            await GrpcServer(engine, Metrics()).start(address)


async def test_a_request_beyond_the_size_limit_is_refused(stub):
    request = pb.GetPaymentRequest(store="shop", order_id="x" * (17 * 1024 * 1024))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetPayment(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
