"""Faults on demand: what a shop on a bad day does to a request, injected in front of both APIs."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .rest import problem, unauthorized
from .shop import InvalidArgument

#: Kind of fault -> what it does.
KINDS: Final = {
    "down": "drops the connection before the shop sees the request",
    "500": "answers 500; the shop does nothing",
    "slow": "waits delay_seconds, then works as usual",
    "lose_answer": "executes the request, then drops the connection instead of answering",
    "401": "refuses the token (5.5: 401) or the key (5.0-5.4: 403)",
}

_DELAY_SECONDS_MAX = 60.0


@dataclass
class Fault:
    """One fault, for the requests that match it."""

    kind: str
    count: int = 1  # how many requests it still hits; 0: until it is removed
    method: str = ""  # only this HTTP method; "": any
    path: str = ""  # only paths that start so; "": any
    delay_seconds: float = 1.0  # slow only

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidArgument(f"kind is one of {', '.join(KINDS)}")
        if not 0 <= self.delay_seconds <= _DELAY_SECONDS_MAX:
            raise InvalidArgument(f"delay_seconds is 0 to {_DELAY_SECONDS_MAX:g}")

    def matches(self, scope: Mapping[str, Any]) -> bool:
        """Tell whether this fault hits the request."""
        return self.method in ("", scope["method"]) and scope["path"].startswith(self.path)

    def as_json(self) -> dict[str, Any]:
        """Return the fault as the control interface tells it."""
        return asdict(self)


class Faults:
    """ASGI middleware over both APIs; the control interface itself never fails."""

    def __init__(self, app: ASGIApp, pending: list[Fault]) -> None:
        self._app = app
        self._pending = pending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or do to it what the first fault that matches says."""
        if scope["type"] != "http" or not scope["path"].startswith(("/api", "/admin.php")):
            return await self._app(scope, receive, send)
        fault = self._take(scope)
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.kind == "down":
            return await _drop(scope)
        if fault.kind == "lose_answer":
            await self._app(scope, receive, _swallow)
            return await _drop(scope)
        if fault.kind == "slow":
            await asyncio.sleep(fault.delay_seconds)
            return await self._app(scope, receive, send)
        return await _refusal(fault.kind, scope)(scope, receive, send)

    def _take(self, scope: Scope) -> Fault | None:
        for fault in self._pending:
            if fault.matches(scope):
                if fault.count == 1:
                    self._pending.remove(fault)
                fault.count = max(fault.count - 1, 0)
                return fault
        return None


def _refusal(kind: str, scope: Scope) -> Response:
    legacy = scope["path"].startswith("/admin.php")
    if kind == "401":
        return Response(status_code=403) if legacy else unauthorized()
    return Response("<html>Internal error</html>", 500) if legacy else problem(500, "Internal Server Error")


async def _swallow(_message: Message) -> None:
    """Lose one piece of the answer."""


async def _drop(scope: Scope) -> None:
    scope["extensions"]["drop_connection"]()  # see app.py
    # Lets the server notice that the peer is gone before the application returns without an answer.
    await asyncio.sleep(0.01)
