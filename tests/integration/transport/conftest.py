import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from integration.transport.fake_engine import FakeEngine

from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub
from payment_actions_server.transport.grpc_server import GrpcServer
from payment_actions_server.transport.http import HttpApplication
from payment_actions_server.transport.metrics import Metrics


class Running(NamedTuple):
    """A served fake engine, and a caller's end of the wire."""

    server: GrpcServer
    port: int
    channel: grpc.aio.Channel
    stub: Any


@asynccontextmanager
async def served(engine: Any, metrics: Metrics | None = None) -> AsyncIterator[Running]:
    server = GrpcServer(engine, metrics or Metrics())
    port = await server.start("127.0.0.1:0")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Running(server, port, channel, PaymentActionsStub(channel))
    await server.stop(1)


async def half_a_request(url: str, path: str) -> bytes:
    """Post the beginning of a body and no end; return all that is answered until the connection is closed."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
    writer.write(head.encode())
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(["shop"])


@pytest.fixture
async def running(engine, metrics) -> AsyncIterator[Running]:
    async with served(engine, metrics) as running:
        yield running


@pytest.fixture
def stub(running) -> Any:
    return running.stub


@pytest.fixture
async def web(engine, metrics) -> AsyncIterator[httpx.AsyncClient]:
    app = HttpApplication(engine, metrics, lambda: True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


class Refusal(NamedTuple):
    """What a caller learns of an error."""

    code: grpc.StatusCode
    reason: str
    metadata: dict[str, str]
    violations: list[str]  #: Fields, or types of failed preconditions.
    retry_seconds: float


def told(error: grpc.aio.AioRpcError | status_pb2.Status) -> Refusal:
    """Unpack a rich error, from the wire or from a message."""
    if isinstance(error, status_pb2.Status):
        status = error
    else:
        status = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        assert (status.code, status.message) == (error.code().value[0], error.details())
    info, bad, failed, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.PreconditionFailure(),
        error_details_pb2.RetryInfo(),
    )
    for detail in status.details:
        assert any(detail.Unpack(kind) for kind in (info, bad, failed, retry, error_details_pb2.RequestInfo()))
    violations = [one.field for one in bad.field_violations] + [one.type for one in failed.violations]
    code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
    return Refusal(code, info.reason, dict(info.metadata), violations, retry.retry_delay.ToTimedelta().total_seconds())


async def refusal(call: Any) -> Refusal:
    """Await a call that must fail; return what the caller learns."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (_all(call) if hasattr(call, "__aiter__") else call)
    return told(caught.value)


async def _all(stream: Any) -> list[Any]:
    return [response async for response in stream]


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens soon."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never happened")
