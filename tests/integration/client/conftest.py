"""A real gRPC server in a thread, with a service that answers by script, and both clients behind one face."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1 import payment_actions_pb2_grpc
from payment_actions_client import AsyncClient, Client, Money, RetryPolicy

QUICK = RetryPolicy(pause_seconds_first=0.01, pause_seconds_max=0.2, patience_seconds=60)
STATUS_KEY = "grpc-status-details-bin"

CODES = {
    "STORE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "ORDER_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "OPERATION_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "INVALID_REQUEST": grpc.StatusCode.INVALID_ARGUMENT,
    "PARTIAL_AMOUNT_NOT_SUPPORTED": grpc.StatusCode.INVALID_ARGUMENT,
    "AMOUNT_OUT_OF_RANGE": grpc.StatusCode.INVALID_ARGUMENT,
    "CURRENCY_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED": grpc.StatusCode.INVALID_ARGUMENT,
    "ACTION_NOT_AVAILABLE": grpc.StatusCode.FAILED_PRECONDITION,
    "OPERATION_IN_FLIGHT": grpc.StatusCode.FAILED_PRECONDITION,
    "NOT_OUR_PAYMENT_METHOD": grpc.StatusCode.FAILED_PRECONDITION,
    "ORDER_CANCELLED": grpc.StatusCode.FAILED_PRECONDITION,
    "ORDER_CHANGED": grpc.StatusCode.FAILED_PRECONDITION,
    "ORDER_TOTAL_INVALID": grpc.StatusCode.FAILED_PRECONDITION,
    "ETAG_MISMATCH": grpc.StatusCode.ABORTED,
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
    "GATEWAY_THROTTLED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "GATEWAY_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "PLATFORM_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
}


class Failure(Exception):
    """What a call ends with. Without a reason: what a lost connection or a proxy says."""

    def __init__(
        self,
        reason: str = "",
        message: str = "gone",
        *,
        code: grpc.StatusCode | None = None,
        retry_after: int | None = None,
        **metadata: str,
    ) -> None:
        super().__init__(message)
        self.code = code or CODES.get(reason, grpc.StatusCode.UNAVAILABLE)
        self.reason, self.message, self.retry_after, self.metadata = reason, message, retry_after, metadata

    def status(self) -> status_pb2.Status:
        """Return it as the service writes it."""
        details: list[Any] = []
        if self.reason:
            details.append(
                error_details_pb2.ErrorInfo(reason=self.reason, domain="payment-actions", metadata=self.metadata)
            )
        if self.retry_after is not None:
            delay = duration_pb2.Duration(seconds=self.retry_after)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    async def end(self, context: Any) -> None:
        """End a call with it."""
        trailing = ((STATUS_KEY, self.status().SerializeToString()),) if self.reason else ()
        await context.abort(self.code, self.message, trailing)


def _unary(rpc: str) -> Any:
    async def answer(self: "Service", request: Any, context: Any) -> Any:
        answers = self.take_note(rpc, request, context)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer = answer(request) if callable(answer) else answer
        await asyncio.sleep(self.slowness_seconds.get(rpc, 0))
        if isinstance(answer, Failure):
            await answer.end(context)
        return answer

    return answer


class Service(payment_actions_pb2_grpc.PaymentActionsServicer):
    """Answers by script: each call takes the next answer, the last one stays."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []  # Every request that arrived, in order.
        self.actors: list[str | None] = []
        self.answers: dict[str, list[Any]] = defaultdict(list)
        self.events: list[pb.Event] = []
        self.break_after: list[int] = []  # For each connection of a stream: after how many messages it is lost.
        self.refusal: Failure | None = None  # What every stream ends with at once.
        self.items: dict[str, pb.RunActionsResponse] = {}  # By order: what RunActions says of its item.
        self.slowness_seconds: dict[str, float] = {}  # By RPC: how long its answer takes.

    def script(self, rpc: str, *answers: Any) -> None:
        """Say how the calls of an RPC are answered, one after the other."""
        self.answers[rpc] = list(answers)

    def requests(self, rpc: str) -> list[Any]:
        """Return what was asked of an RPC."""
        return [request for name, request in self.asked if name == rpc]

    def take_note(self, rpc: str, request: Any, context: Any) -> list[Any]:
        self.asked.append((rpc, request))
        self.actors.append(dict(context.invocation_metadata()).get("payment-actions-actor"))
        return self.answers[rpc]

    GetPayment = _unary("GetPayment")
    ListPayments = _unary("ListPayments")
    CapturePayment = _unary("CapturePayment")
    VoidPayment = _unary("VoidPayment")
    RefundPayment = _unary("RefundPayment")
    RefreshPayment = _unary("RefreshPayment")
    GetOperation = _unary("GetOperation")
    ResolveOperation = _unary("ResolveOperation")
    ListEvents = _unary("ListEvents")

    async def WatchEvents(self, request: Any, context: Any) -> AsyncIterator[pb.WatchEventsResponse]:  # noqa: N802
        self.take_note("WatchEvents", request, context)
        if self.refusal:
            await self.refusal.end(context)
        left = self.break_after.pop(0) if self.break_after else 10**6
        last = request.after_sequence if request.HasField("after_sequence") else 0
        while True:
            yield pb.WatchEventsResponse()  # A sign of life.
            for event in [event for event in self.events if event.sequence > last]:
                if not left:
                    await Failure().end(context)
                left, last = left - 1, event.sequence
                yield pb.WatchEventsResponse(event=event)
            await asyncio.sleep(0.02)

    async def RunActions(self, request: Any, context: Any) -> AsyncIterator[pb.RunActionsResponse]:  # noqa: N802
        self.take_note("RunActions", request, context)
        left = self.break_after.pop(0) if self.break_after else 10**6
        for index, item in reversed(list(enumerate(request.items))):
            if not left:
                await Failure().end(context)
            left -= 1
            answer = self.items.get(item.order_id, pb.RunActionsResponse())
            yield pb.RunActionsResponse(
                index=index,
                order_id=item.order_id,
                total_count=len(request.items),
                operation=answer.operation if answer.HasField("operation") else None,
                payment=answer.payment if answer.HasField("payment") else None,
                error=answer.error if answer.HasField("error") else None,
                preview=answer.preview if answer.HasField("preview") else None,
            )


class Server:
    """A service on a port of loopback; may be stopped and come back on the same port."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = 0
        self.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(None), self._loop).result(60)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _start(self) -> None:
        self._server = grpc.aio.server()
        payment_actions_pb2_grpc.add_PaymentActionsServicer_to_server(self._service, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()


class SyncFace:
    """`Client`, for tests that ask the same of both."""

    def __init__(self, target: str, **options: Any) -> None:
        self._client = Client(target, **options)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(self._client, name)(*args, **kwargs)

    def take(self, count: int | None, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Return the first ``count`` items of a method that yields; None: all."""
        items = getattr(self._client, name)(*args, **kwargs)
        return list(islice(items, count))

    def close(self) -> None:
        self._client.close()


class AsyncFace:
    """`AsyncClient`, for tests that ask the same of both."""

    def __init__(self, target: str, **options: Any) -> None:
        self._client = AsyncClient(target, **options)
        self._runner = asyncio.Runner()

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        async def ask() -> Any:
            return await getattr(self._client, name)(*args, **kwargs)

        return self._runner.run(ask())

    def take(self, count: int | None, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        async def first() -> list[Any]:
            found: list[Any] = []
            items = getattr(self._client, name)(*args, **kwargs)
            async for item in items:
                found.append(item)
                if len(found) == count:
                    break
            await items.aclose()
            return found

        return self._runner.run(first())

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def server(service: Service) -> Iterator[Server]:
    server = Server(service)
    yield server
    server.close()


@pytest.fixture(params=[SyncFace, AsyncFace], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest, server: Server) -> Iterator[Callable[..., Any]]:
    """Make a client, sync or async, of the server."""
    made: list[Any] = []

    def connect(**options: Any) -> Any:
        made.append(request.param(server.target, **({"retry": QUICK, "timeout": 30} | options)))
        return made[-1]

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    return connect(actor="zoe")


@pytest.fixture
def make() -> SimpleNamespace:
    """Messages as the service sends them."""
    return SimpleNamespace(
        failure=Failure,
        codes=CODES,
        payment=payment,
        cancelled=cancelled,
        operation=operation,
        captured=captured,
        event=event,
    )


def payment(**fields: Any) -> pb.Payment:
    amount = Money(currency_code="USD", units=129, nanos=900_000_000)
    return pb.Payment(
        **{
            "store": "eu-shop",
            "order_id": "4711",
            "order_number": "00042",
            "payment_method": pb.PaymentMethod(code="amz", display_name="Amazon Pay"),
            "gateway": "amazon_pay_v1",
            "status": pb.PAYMENT_STATUS_AUTHORIZED,
            "order_total": amount,
            "authorized_amount": amount,
            "captured_amount": Money(currency_code="USD"),
            "refunded_amount": Money(currency_code="USD"),
            "available_actions": [
                pb.AvailableAction(
                    action=pb.ACTION_CAPTURE, amount=amount, effect="Collects 129.90 USD from the buyer."
                ),
                pb.AvailableAction(action=pb.ACTION_VOID, amount=amount, effect="Gives up the authorization."),
            ],
            "unavailable_actions": [
                pb.UnavailableAction(action=pb.ACTION_REFUND, reason=9, message="REFUND is not possible yet."),
                pb.UnavailableAction(action=pb.ACTION_REFRESH, reason=9, message="Nothing is open."),
            ],
            "store_update": pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_IN_SYNC, platform_status="Authorized"),
            "etag": '"3"',
            **fields,
        }
    )


def cancelled(status: int = pb.PAYMENT_STATUS_AUTHORIZED) -> pb.Payment:
    """Return a payment whose order the shop has cancelled."""
    told = "The shop closed the order; its status there is Cancelled."
    open_ = status == pb.PAYMENT_STATUS_AUTHORIZED
    void = pb.AvailableAction(action=pb.ACTION_VOID, effect="Gives up the authorization.")
    capture = pb.UnavailableAction(action=pb.ACTION_CAPTURE, reason=18, message=f"{told} Void the payment.")
    return payment(
        status=status,
        available_actions=[void] if open_ else [],
        unavailable_actions=[capture] if open_ else [],
        order_state=pb.ORDER_STATE_CANCELLED,
        order_state_message=told,
    )


def operation(state: int = pb.OPERATION_STATE_SUCCEEDED, **fields: Any) -> pb.Operation:
    return pb.Operation(
        **{
            "operation_id": "01k0m7v4x2q8r6t3y9z5b1c7d4",
            "store": "eu-shop",
            "order_id": "4711",
            "action": pb.ACTION_CAPTURE,
            "amount": Money(currency_code="USD", units=129, nanos=900_000_000),
            "state": state,
            "reference": "pa-01k0m7v4x2q8r6t3y9z5b1c7d4",
            **fields,
        }
    )


def captured(state: int = pb.OPERATION_STATE_SUCCEEDED, **fields: Any) -> Callable[[Any], pb.CapturePaymentResponse]:
    """Answer a capture with its operation, under the request id that was sent."""

    def answer(request: Any) -> pb.CapturePaymentResponse:
        return pb.CapturePaymentResponse(
            operation=operation(state, request_id=request.request_id, **fields),
            payment=payment(status=pb.PAYMENT_STATUS_CAPTURED),
        )

    return answer


def event(sequence: int, **fields: Any) -> pb.Event:
    line = {"sequence": sequence, "store": "eu-shop", "order_id": "4711", "number": sequence, "message": "Seen."}
    return pb.Event(**line | fields)
