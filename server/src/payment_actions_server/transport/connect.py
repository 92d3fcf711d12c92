"""The RPCs over HTTP: Connect, in JSON and binary, and gRPC-Web.

connectrpc speaks the protocols; what answers are the very handlers of the gRPC port, behind the same boundary.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

import grpc
from connectrpc.code import Code
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError, ErrorDetail
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from protobuf.wkt import Any as AnyMessage
from starlette.types import Message, Receive

from payment_actions_server.transport.boundary import STATUS_KEY
from payment_actions_server.transport.grpc_server import REQUEST_BYTES_MAX
from payment_actions_server.transport.validation import SERVICE

PATH: Final = f"/{SERVICE.full_name}"
REQUEST_SECONDS_MAX: Final = 30.0
"""How long a request may take to come in. Its answer, and a watch, may take as long as they do."""

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]

# The two families of codes have the same names, but for one that is spelt differently.
CODES: Final[Mapping[grpc.StatusCode, Code]] = {
    code: Code.CANCELED if code is grpc.StatusCode.CANCELLED else Code[code.name]
    for code in grpc.StatusCode
    if code is not grpc.StatusCode.OK
}

_ACCEPT_PACKED: Final = frozenset({b"accept-encoding", b"connect-accept-encoding", b"grpc-accept-encoding"})

# Unknown fields are refused: a misspelt "amount" would mean the whole.
_CODECS: Final = (google_protobuf_binary_codec(), google_protobuf_json_codec(ignore_unknown_fields=False))


class ConnectApplication(ConnectASGIApplication[Handlers]):
    """Serves the handlers of the gRPC port. An ASGI application."""

    path = PATH

    def __init__(self, handlers: Handlers) -> None:
        super().__init__(
            service=handlers,
            endpoints=_endpoints,
            read_max_bytes=REQUEST_BYTES_MAX,
            codecs=_CODECS,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call. Packed requests are taken; packing an answer would hold up everybody else's."""
        headers = [(name, _readable(value)) for name, value in scope["headers"] if name not in _ACCEPT_PACKED]
        await super().__call__({**scope, "headers": headers}, _in_time(receive), send)


def _in_time(receive: Receive) -> Receive:
    """Bound the time until the whole request is here: nobody holds a connection, and memory, by sending no end."""
    deadline: float | None = asyncio.get_running_loop().time() + REQUEST_SECONDS_MAX

    async def receive_in_time() -> Message:
        nonlocal deadline
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise ConnectError(
                Code.DEADLINE_EXCEEDED,
                f"The request did not come in whole within {REQUEST_SECONDS_MAX:g} seconds. Nothing was started.",
            ) from None
        if not message.get("more_body", False):
            deadline = None
        return message

    return receive_in_time


def _readable(value: bytes) -> bytes:
    """Return a header's value in UTF-8: the library reads all of them so, a cookie of somebody else's included."""
    return value if value.isascii() else value.decode(errors="replace").encode()


def _endpoints(handlers: Handlers) -> dict[str, Any]:
    return {f"{PATH}/{method.name}": _endpoint(method, handlers[method.name]) for method in SERVICE.methods}


def _endpoint(method: Any, handler: "grpc.RpcMethodHandler[Any, Any]") -> Any:
    info: MethodInfo[Any, Any] = MethodInfo(
        name=method.name,
        service_name=SERVICE.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.SERVER_STREAM if method.server_streaming else StreamType.UNARY,
    )
    if method.server_streaming:
        stream: Any = handler.unary_stream
        return Endpoint.server_stream(info, lambda request, context: _responses(stream, request, context))
    unary: Any = handler.unary_unary
    return Endpoint.unary(info, lambda request, context: unary(request, _Context(context)))


class _Context:
    """What the boundary asks of a call's context, as `grpc.aio.ServicerContext` has it."""

    def __init__(self, context: RequestContext[Any, Any]) -> None:
        self._context = context

    def invocation_metadata(self) -> Iterable[tuple[str, str]]:
        """Return the request's headers."""
        return tuple(self._context.request_headers.allitems())

    def peer(self) -> str:
        """Return who calls, as grpc writes it."""
        host, _, port = (self._context.client_address or "").rpartition(":")
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def time_remaining(self) -> float | None:
        """Return how many seconds are left until the caller's deadline; None when it has none."""
        milliseconds = self._context.timeout_ms
        return None if milliseconds is None else max(milliseconds / 1000, 0)

    async def abort(self, code: grpc.StatusCode, message: str, metadata: Iterable[tuple[str, bytes]]) -> NoReturn:
        """End the call with a status.

        :raises ConnectError: always.
        """
        status = status_pb2.Status.FromString(dict(metadata)[STATUS_KEY])
        details = [ErrorDetail(AnyMessage(type_url=one.type_url, value=one.value)) for one in status.details]
        raise ConnectError(CODES[code], message, details)


class _StreamContext(_Context):
    """The context of a call with many responses, which are handed over one by one."""

    def __init__(self, context: RequestContext[Any, Any]) -> None:
        super().__init__(context)
        self.written: asyncio.Queue[Any] = asyncio.Queue()
        self._wanted = asyncio.Semaphore(0)

    async def write(self, response: Any) -> None:
        """Hand a response over; return when the next one is wanted, so that nothing piles up."""
        self.written.put_nowait(response)
        await self._wanted.acquire()

    def want_next(self) -> None:
        """Let the handler go on."""
        self._wanted.release()


_END: Final = object()


async def _responses(
    handler: Callable[[Any, Any], Awaitable[None]], request: Any, context: RequestContext[Any, Any]
) -> AsyncGenerator[Any, None]:
    """Yield what the handler writes. It runs in a task of its own, for it ends by cancellation of its task."""
    call = _StreamContext(context)

    async def run() -> None:
        try:
            await handler(request, call)
        finally:
            call.written.put_nowait(_END)

    task = asyncio.create_task(run(), name="connect stream")
    try:
        while (response := await call.written.get()) is not _END:
            yield response
            call.want_next()
        await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
