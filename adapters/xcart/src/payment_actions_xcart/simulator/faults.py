"""Faults on demand: what a shop on a bad day does to a request, injected in front of both APIs."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import InvalidArgument
from .legacy_request import Refused, merge_input, read_method
from .rest import problem, unauthorized
from .shop import Shop

#: Kind of fault -> what it does.
KINDS: Final = {
    "down": "drops the connection before the shop sees the request",
    "500": "answers 500; the shop does nothing",
    "slow": "waits delay_seconds, then works as usual",
    "lose_answer": "executes the request, then drops the connection instead of answering",
    "lose_write_answer": "the same, of the next request that writes a status; others are answered",
    "400": "answers 400, as for an exception inside; the shop does nothing",
    "401": "refuses the token (5.5: 401) or the key (5.0-5.4: 403)",
}

_DELAY_SECONDS_MAX = 60.0


@dataclass
class Fault:
    """One fault, for the requests that match it."""

    kind: str
    count: int = 1  # how many requests it still hits; 0: until it is removed
    method: str = ""  # only this HTTP method, or the older API's _method; "": any
    path: str = ""  # only paths, or _path of the older API, that start so; "": any
    delay_seconds: float = 1.0  # slow only

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument(f"kind is one of {', '.join(KINDS)}")
        if not isinstance(self.count, int) or self.count < 0:
            raise InvalidArgument("count is a number of requests; 0 is until removed")
        if not isinstance(self.delay_seconds, int | float) or not 0 <= self.delay_seconds <= _DELAY_SECONDS_MAX:
            raise InvalidArgument(f"delay_seconds is 0 to {_DELAY_SECONDS_MAX:g}")

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this fault hits a request."""
        return self.method in ("", method) and path.startswith(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return the fault as the control interface tells it."""
        return asdict(self)


class Faults:
    """ASGI middleware over both APIs; the control interface itself never fails."""

    def __init__(self, app: ASGIApp, pending: list[Fault], shop: Shop) -> None:
        self._app = app
        self._pending = pending
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or do to it what the first fault that matches says."""
        legacy = scope["path"].endswith(".php") if scope["type"] == "http" else False
        if scope["type"] != "http" or not (legacy or scope["path"].startswith("/api")) or not self._pending:
            return await self._app(scope, receive, send)
        names = [(scope["method"], scope["path"])]
        if legacy:
            request, receive = await _replayable(scope, receive)
            names.append(request)
        matching = (fault for fault in self._pending if any(fault.matches(*name) for name in names))
        fault = next(matching, None)
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.kind == "lose_write_answer":
            return await self._lose_write(fault, scope, receive, send)
        self._use(fault)
        if fault.kind == "down":
            return await _drop(scope)
        if fault.kind == "lose_answer":
            await self._app(scope, receive, _swallow)
            return await _drop(scope)
        if fault.kind == "slow":
            await asyncio.sleep(fault.delay_seconds)
            return await self._app(scope, receive, send)
        return await _refusal(fault.kind, scope)(scope, receive, send)

    async def _lose_write(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold the answer back until it is known whether the request wrote: only the shop can tell."""
        answer: list[Message] = []
        writes = len(self._shop.writes)

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        if len(self._shop.writes) > writes:
            self._use(fault)
            return await _drop(scope)
        for message in answer:
            await send(message)
        return None

    def _use(self, fault: Fault) -> None:
        if fault.count == 1:
            self._pending.remove(fault)
        fault.count = max(fault.count - 1, 0)


async def _replayable(scope: Scope, receive: Receive) -> tuple[tuple[str, str], Receive]:
    """Return method and path of a request to the older API, and a way to receive its body once more."""
    request = Request(scope, receive)
    body = await request.body()
    try:
        given = merge_input(list(request.query_params.multi_items()), body, request.headers.get("content-type", ""))
    except Refused:
        given = {}
    again: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return again.pop() if again else await receive()

    return (read_method(given, request.headers, request.method), str(given.get("_path", ""))), replay


def _refusal(kind: str, scope: Scope) -> Response:
    legacy = scope["path"].endswith(".php")
    if kind == "400":
        error = {"X-REST-Error": "An exception occurred while executing a query"}
        return Response("[]", 400, error) if legacy else problem(400, "Bad Request")
    if kind == "401":
        return Response(status_code=403) if legacy else unauthorized()
    return Response("<html>Internal error</html>", 500) if legacy else problem(500, "Internal Server Error")


async def _swallow(_message: Message) -> None:
    """Lose one piece of the answer."""


async def _drop(scope: Scope) -> None:
    scope["extensions"]["drop_connection"]()  # see app.py
    # Lets the server notice that the peer is gone before the application returns without an answer.
    await asyncio.sleep(0.01)
