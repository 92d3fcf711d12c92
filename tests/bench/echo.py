"""Yardstick A: a bare grpc.aio server that answers with bytes of the right size, and the same over HTTP.

Run as a process of its own. It is told once what to answer to each method (``/bench/Learn``) and then does nothing but
that: no parsing, no work. Its options are the service's own.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import grpc
import uvicorn
import uvloop

from payment_actions_server.transport import grpc_server

LEARN = "/bench/Learn"


class Echo(grpc.GenericRpcHandler):
    """Answers by method name."""

    def __init__(self) -> None:
        self._handlers: dict[str, Any] = {LEARN: grpc.unary_unary_rpc_method_handler(self._learn)}

    def service(self, call: Any) -> Any:
        return self._handlers.get(call.method)

    async def _learn(self, request: bytes, context: Any) -> bytes:
        """Take ``{"method": ..., "answer": hex, "count": answers in a stream, 0: unary}``."""
        told = json.loads(request)
        answer, count = bytes.fromhex(told["answer"]), told["count"]

        async def unary(request: bytes, context: Any) -> bytes:
            return answer

        async def stream(request: bytes, context: Any) -> None:
            for _ in range(count):
                await context.write(answer)

        make = grpc.unary_stream_rpc_method_handler if count else grpc.unary_unary_rpc_method_handler
        self._handlers[told["method"]] = make(stream if count else unary)
        return b""


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, answer a word: as much as the service says to a notification."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"taken\n"})


async def main() -> None:
    """Serve until killed; the ready line has both ports."""
    server = grpc.aio.server(options=grpc_server._OPTIONS, maximum_concurrent_rpcs=grpc_server.RPCS_MAX)
    server.add_generic_rpc_handlers((Echo(),))
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(http, log_config=None, access_log=False, lifespan="off", ws="none")
    sys.stderr.write(
        json.dumps({"event": "serving", "grpc_port": grpc_port, "http_port": listener.getsockname()[1]}) + "\n"
    )
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=None if "--asyncio" in sys.argv else uvloop.new_event_loop) as runner:
        runner.run(main())
