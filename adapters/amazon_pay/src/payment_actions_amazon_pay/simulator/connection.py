"""How the simulator hangs up: ASGI has no word for closing a connection without an answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION: Final = "payment_actions.transport"


class DroppableProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which also tells the application what its connection is."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent does
        """Hand the transport to every request on this connection."""
        super().connection_made(transport)
        application = self.app

        async def application_with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_EXTENSION] = transport
            try:
                await application(scope, receive, send)
            except asyncio.CancelledError:  # The process stops: what hangs gets no answer, not even an error.
                transport.abort()
                raise

        self.app = application_with_transport


async def drop_connection(request: Request) -> None:
    """Close the connection of a request; whatever is answered afterwards reaches nobody."""
    transport: asyncio.Transport = request.scope["extensions"][_EXTENSION]
    transport.abort()
    await caller_is_gone(request)


async def caller_is_gone(request: Request) -> None:
    """Wait until the caller has hung up; the request's body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
