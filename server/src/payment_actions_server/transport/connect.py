"""The RPCs over HTTP: Connect, in JSON and binary, and gRPC-Web.

connectrpc speaks the protocols; what answers are the very handlers of the gRPC port, behind the same boundary.
"""

import asyncio
import json
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

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.transport.boundary import STATUS_KEY
from payment_actions_server.transport.errors import InvalidFields, Violation, to_status
from payment_actions_server.transport.grpc_server import REQUEST_BYTES_MAX
from payment_actions_server.transport.validation import ITEMS_MAX, RULES, SERVICE

PATH: Final = f"/{SERVICE.full_name}"
REQUEST_SECONDS_MAX: Final = 30.0
"""How long a request may take to come in. Its answer, and a watch, may take as long as they do."""

SMALL_BYTES_MAX: Final = 256 * 1024
"""What a request of one order, or of a list, may have. Reading JSON holds up everybody else: a second for some MiB."""

_LARGE: Final = "/RunActions"  #: The end of the path of the one call whose requests may be larger.

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]

# The two families of codes have the same names, but for one that is spelt differently.
CODES: Final[Mapping[grpc.StatusCode, Code]] = {
    code: Code.CANCELED if code is grpc.StatusCode.CANCELLED else Code[code.name]
    for code in grpc.StatusCode
    if code is not grpc.StatusCode.OK
}

_ACCEPT_PACKED: Final = frozenset({b"accept-encoding", b"connect-accept-encoding", b"grpc-accept-encoding"})


class ConnectApplication:
    """Serves the handlers of the gRPC port. An ASGI application."""

    def __init__(self, handlers: Handlers) -> None:
        self._small = _Application(handlers, SMALL_BYTES_MAX)
        self._large = _Application(handlers, REQUEST_BYTES_MAX)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one call. Packed requests are taken; packing an answer would hold up everybody else's."""
        headers = [(name, _readable(value)) for name, value in scope["headers"] if name not in _ACCEPT_PACKED]
        answer = self._large if scope["path"].endswith(_LARGE) else self._small
        await answer({**scope, "headers": headers}, _in_time(receive), send)


class _Application(ConnectASGIApplication[Handlers]):
    path = PATH

    def __init__(self, handlers: Handlers, bytes_max: int) -> None:
        super().__init__(service=handlers, endpoints=_endpoints, read_max_bytes=bytes_max, codecs=_CODECS)


class _Json:
    """protobuf's JSON, but that a run of far too many items is refused before each of them becomes a message."""

    def __init__(self) -> None:
        # Unknown fields are refused: a misspelt "amount" would mean the whole.
        self._codec: Any = google_protobuf_json_codec(ignore_unknown_fields=False)
        self.name, self.encode = self._codec.name, self._codec.encode

    def decode(self, data: bytes | bytearray, message_class: Any) -> Any:
        """Return the message.

        :raises ConnectError: too many items.
        :raises Exception: it is none; the library tells so.
        """
        if message_class is pb.RunActionsRequest and _items(data) > ITEMS_MAX:
            status = to_status(InvalidFields([Violation("items", RULES["items"].says)]))
            raise _error(grpc.StatusCode.INVALID_ARGUMENT, status.message, status)
        return self._codec.decode(data, message_class)


def _items(data: bytes | bytearray) -> int:
    """Return how many items a run has; 0 where there can only be few, or the codec has something to say about it."""
    if data.count(b"{") <= 2 * ITEMS_MAX:  # An item has one, and one for its amount.
        return 0
    try:
        items = json.loads(data)["items"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return 0
    return len(items) if isinstance(items, list) else 0


_CODECS: Final[tuple[Any, ...]] = (google_protobuf_binary_codec(), _Json())


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
        raise _error(code, message, status_pb2.Status.FromString(dict(metadata)[STATUS_KEY]))


def _error(code: grpc.StatusCode, message: str, status: status_pb2.Status) -> ConnectError:
    details = [ErrorDetail(AnyMessage(type_url=one.type_url, value=one.value)) for one in status.details]
    return ConnectError(CODES[code], message, details)


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
