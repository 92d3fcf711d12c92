"""What is called, the same way at the service and at the echo: only the address differs."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count, cycle
from typing import Any, NamedTuple

import grpc
from bench import echo
from bench.load import OutOfOrders
from bench.loader import STORE, Life, Population, order_id

from payment_actions.v1 import payment_actions_pb2 as pb

KEPT = 2_000  # Authorized orders that are looked at and never acted on.
BUSY = 503  # Too many at once: the sender is to come again, and does so sooner than any gateway.
AGAIN_SECONDS = 0.25
METHOD = "/payment_actions.v1.PaymentActions/"

Channels = Sequence[grpc.aio.Channel]
Call = Callable[[], Awaitable[object]]


class Orders:
    """Deals out a population's orders, in an order that has nothing to do with the database's."""

    def __init__(self, population: Population) -> None:
        shuffle = random.Random(7).shuffle
        authorized, captured = population.numbers(Life.AUTHORIZED), population.numbers(Life.CAPTURED)
        everything = list(range(population.size))
        for numbers in (authorized, captured, everything):
            shuffle(numbers)
        self.any = map(order_id, cycle(everything))
        self.kept = map(order_id, cycle(authorized[:KEPT]))
        self.to_capture = map(order_id, authorized[KEPT:])  # Each once.
        self.to_refund = map(order_id, captured)


class Unary(NamedTuple):
    """An RPC with one answer, and what to ask it."""

    method: str
    request: Callable[[str], Any]
    response: type[Any]
    orders: Iterator[str]
    acts: bool = False

    def at(self, channels: Channels) -> Call:
        """Return what calls the service once, on the next of the channels, for the next order."""
        return self._call(channels, self.orders)

    async def at_echo(self, channels: Channels, service: Channels) -> Call:
        """Return the like for the echo, which answers with what the service really says."""
        request = self.request(next(self.orders)).SerializeToString()
        answer = await service[0].unary_unary(METHOD + self.method)(request)
        await teach(channels[0], self.method, answer)
        return self._call(channels, cycle([order_id(number) for number in range(100)]))

    def _call(self, channels: Channels, orders: Iterator[str]) -> Call:
        name, parse, request = METHOD + self.method, self.response.FromString, self.request
        stubs = cycle([channel.unary_unary(name, None, parse) for channel in channels])
        succeeded = pb.OPERATION_STATE_SUCCEEDED

        async def call() -> None:
            await next(stubs)(request(next(orders)).SerializeToString())

        async def act() -> None:
            order = next(orders, None)
            if order is None:
                raise OutOfOrders
            response = await next(stubs)(request(order).SerializeToString())
            assert response.operation.state == succeeded, response

        return act if self.acts else call


def unaries(orders: Orders) -> dict[str, Unary]:
    """Return the RPCs that are measured, by name."""
    ids = _request_ids()

    def named(order: str) -> dict[str, str]:
        return {"store": STORE, "order_id": order}

    def acting(order: str) -> dict[str, str]:
        return {"store": STORE, "order_id": order, "request_id": next(ids)}

    return {
        "reads": Unary("GetPayment", lambda o: pb.GetPaymentRequest(**named(o)), pb.GetPaymentResponse, orders.any),
        "captures": Unary(
            "CapturePayment",
            lambda o: pb.CapturePaymentRequest(**acting(o)),
            pb.CapturePaymentResponse,
            orders.to_capture,
            acts=True,
        ),
        "refunds": Unary(
            "RefundPayment",
            lambda o: pb.RefundPaymentRequest(**acting(o)),
            pb.RefundPaymentResponse,
            orders.to_refund,
            acts=True,
        ),
        "refreshes": Unary(
            "RefreshPayment",
            lambda o: pb.RefreshPaymentRequest(**named(o)),
            pb.RefreshPaymentResponse,
            orders.kept,
        ),
    }


def captures_of(orders: Iterator[str], number: int) -> pb.RunActionsRequest:
    """Return a request to capture many orders."""
    ids = _request_ids()
    items = (
        pb.ActionItem(store=STORE, order_id=next(orders), action=pb.ACTION_CAPTURE, request_id=next(ids))
        for _ in range(number)
    )
    return pb.RunActionsRequest(items=items)


def _request_ids() -> Iterator[str]:
    return map("bench-{}".format, count(random.getrandbits(40)))


async def teach(channel: grpc.aio.Channel, method: str, answer: bytes, answers: int = 0) -> None:
    """Tell the echo what to answer; ``answers`` times, if the RPC is a stream."""
    told = {"method": METHOD + method, "answer": answer.hex(), "count": answers}
    await channel.unary_unary(echo.LEARN)(json.dumps(told).encode())


# -- Notifications --------------------------------------------------------------------------------------------------


class HttpConnection(asyncio.Protocol):
    """One connection that is kept, one request at a time; as little work as can be, for all clients share two cores."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) >= length:
            self._received = b""
            self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError())

    async def post(self, path: str, body: bytes) -> int:
        """Return the status of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        return await self._answer


class Notifier:
    """Sends notifications about kept orders, over connections that are made as they are needed."""

    def __init__(self, ports: Sequence[int], orders: Iterator[str]) -> None:
        self._ports = cycle(ports)
        self._orders = orders
        self._idle: list[HttpConnection] = []
        self._ids = _request_ids()
        self.taken = 0

    async def call(self) -> None:
        """Send one."""
        while self._idle and self._idle[-1].transport.is_closing():  # The server ends what was idle for seconds.
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await self._connect()
        body = f"{next(self._ids)} {next(self._orders)}".encode()
        while (status := await connection.post(f"/notifications/{STORE}", body)) == BUSY:
            await asyncio.sleep(AGAIN_SECONDS)
        assert status == 200, status
        self.taken += 1
        self._idle.append(connection)

    def close(self) -> None:
        """Give up all connections."""
        for connection in self._idle:
            connection.transport.close()

    async def _connect(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(HttpConnection, "127.0.0.1", next(self._ports))
        return connection
