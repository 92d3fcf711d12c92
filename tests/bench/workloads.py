"""What is called, the same way at the service and at the echo: only the address differs."""

import json
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count, cycle
from typing import Any, NamedTuple

import grpc

from bench import echo
from bench.loader import STORE, Life, Population, order_id
from payment_actions.v1 import payment_actions_pb2 as pb

KEPT = 2_000  # Authorized orders that are looked at and never acted on.

_METHOD = "/payment_actions.v1.PaymentActions/"

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
        self.to_capture = map(order_id, authorized[KEPT:])
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
        answer = await service[0].unary_unary(_METHOD + self.method)(request)
        await teach(channels[0], self.method, answer)
        return self._call(channels, cycle([order_id(number) for number in range(100)]))

    def _call(self, channels: Channels, orders: Iterator[str]) -> Call:
        name, parse, request = _METHOD + self.method, self.response.FromString, self.request
        stubs = cycle([channel.unary_unary(name, None, parse) for channel in channels])
        succeeded = pb.OPERATION_STATE_SUCCEEDED

        async def call() -> None:
            await next(stubs)(request(next(orders)).SerializeToString())

        async def act() -> None:
            response = await next(stubs)(request(next(orders)).SerializeToString())
            assert response.operation.state == succeeded, response

        return act if self.acts else call


def unaries(orders: Orders) -> dict[str, Unary]:
    """Return the RPCs that are measured, by name."""
    ids = map(str, count(random.getrandbits(40)))
    return {
        "reads": Unary("GetPayment", lambda o: pb.GetPaymentRequest(store=STORE, order_id=o), pb.GetPaymentResponse, orders.any),
        "captures": Unary(
            "CapturePayment",
            lambda o: pb.CapturePaymentRequest(store=STORE, order_id=o, request_id=f"bench-{next(ids)}"),
            pb.CapturePaymentResponse,
            orders.to_capture,
            acts=True,
        ),
        "refunds": Unary(
            "RefundPayment",
            lambda o: pb.RefundPaymentRequest(store=STORE, order_id=o, request_id=f"bench-{next(ids)}"),
            pb.RefundPaymentResponse,
            orders.to_refund,
            acts=True,
        ),
        "refreshes": Unary(
            "RefreshPayment",
            lambda o: pb.RefreshPaymentRequest(store=STORE, order_id=o),
            pb.RefreshPaymentResponse,
            orders.kept,
        ),
    }


async def teach(channel: grpc.aio.Channel, method: str, answer: bytes, answers: int = 0) -> None:
    """Tell the echo what to answer; ``answers`` times, if the RPC is a stream."""
    told = {"method": _METHOD + method, "answer": answer.hex(), "count": answers}
    await channel.unary_unary(echo.LEARN)(json.dumps(told).encode())
