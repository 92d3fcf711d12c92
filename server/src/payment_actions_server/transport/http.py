"""The HTTP port: the API for browsers, notifications of the gateways, health, metrics, and the console."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payment_actions_server.domain.errors import PaymentActionsError, StoreNotFound
from payment_actions_server.engine import Engine, StorageUnavailable
from payment_actions_server.plugins import NotExecuted, NotificationRefused
from payment_actions_server.transport.boundary import Boundary
from payment_actions_server.transport.connect import PATH, ConnectApplication
from payment_actions_server.transport.connections import Connection, connections_max
from payment_actions_server.transport.console import BUILT, Console
from payment_actions_server.transport.metrics import CONTENT_TYPE, Metrics
from payment_actions_server.transport.origins import Origins, guarded
from payment_actions_server.transport.servicer import Servicer
from payment_actions_server.transport.validation import RULES

BODY_BYTES_MAX: Final = 256 * 1024
"""What a notification may have; Amazon's own limit for a message is the same."""

BODY_SECONDS_MAX: Final = 10.0
NOTIFICATIONS_MAX: Final = 64
"""Notifications of one store under way at once; one more is sent away, and its sender comes again.

Each store has its own so many: a shop that hangs, which takes their time, has no other shop's sent away.
"""

HEALTH_SECONDS_MAX: Final = 2.0
WHY_CHARACTERS_MAX: Final = 300

# A refused notification is the sender's mistake, of one kind or another; everything not listed is "not trusted".
REFUSED_CODES: Final[Mapping[str, int]] = {"format": 400, "version": 400, "size": 413}

Ready = Callable[[], bool]
"""Whether the service is neither starting nor stopping."""

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class _Answer(NamedTuple):
    code: int
    outcome: str
    kind: str = ""
    why: str = ""  #: For the log only; bounded, for a stranger may have written part of it.


class HttpApplication:
    """What the HTTP port answers. An ASGI application."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        ready: Ready,
        origins: Origins | None = None,
        console: Path = BUILT,
    ) -> None:
        origins = origins or Origins()
        self._boundary = Boundary(metrics)
        rpcs = ConnectApplication(Servicer(engine, self._boundary).handlers())
        self._engine = engine
        self._metrics = metrics
        self._ready = ready
        self._log = structlog.get_logger().bind()
        self._under_way: Counter[str] = Counter()  # By store; strangers' names are one.
        pages = Console(origins, console)
        routes = [
            Mount(PATH, guarded(rpcs, origins)),
            Route("/healthz", self._healthz),
            Route("/metrics", self._render_metrics),
            Route("/notifications/{store}", self._notification, methods=["POST"]),
            *pages.routes(),
        ]
        self._app: ASGIApp = _with_headers(Starlette(routes=routes, exception_handlers={404: pages.elsewhere}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._app(scope, receive, send)

    def drain(self) -> None:
        """End the streams that have no end of their own; everything else may finish."""
        self._boundary.drain()

    async def _healthz(self, _request: Request) -> Response:
        storage = await self._storage_answers()
        ready = self._ready()
        body = {"status": "ok" if ready and storage else "unavailable", "ready": ready, "storage": storage}
        return JSONResponse(body, 200 if ready and storage else 503)

    async def _storage_answers(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_SECONDS_MAX):
                await self._engine.counts()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is no
            self._log.warning("storage does not answer", exc_info=error)
            return False
        return True

    async def _render_metrics(self, _request: Request) -> Response:
        counts: Mapping[str, int] = {}
        try:
            async with asyncio.timeout(HEALTH_SECONDS_MAX):
                counts = await self._engine.counts()
        except Exception as error:  # noqa: BLE001 - what is counted in memory is worth the more when storage is down
            self._log.warning("storage does not answer", exc_info=error)
        return Response(self._metrics.render(counts), media_type=CONTENT_TYPE)

    async def _notification(self, request: Request) -> Response:
        store = request.path_params["store"]
        answer = await self._admit(store, request)
        self._metrics.notification(store, answer.outcome)
        known = RULES["store"].holds(store)
        self._log.info(
            "notification",
            store=store if known else "",
            kind=answer.kind,
            outcome=answer.outcome,
            code=answer.code,
            **({"why": answer.why} if answer.why else {}),
        )
        return PlainTextResponse(f"{answer.outcome}\n", answer.code)

    async def _admit(self, store: str, request: Request) -> _Answer:
        if not RULES["store"].holds(store):
            return _Answer(404, "store_not_found")
        whose = self._metrics.known(store)
        if self._under_way[whose] >= NOTIFICATIONS_MAX:
            return _Answer(503, "busy")
        self._under_way[whose] += 1
        try:
            return await self._take(store, request)
        finally:
            self._under_way[whose] -= 1

    async def _take(self, store: str, request: Request) -> _Answer:
        try:
            body = await _bounded_body(request)
        except TimeoutError:
            return _Answer(408, "too_slow")
        except ClientDisconnect:
            return _Answer(400, "disconnected")
        if body is None:
            return _Answer(413, "refused", "size")
        return await self._pass_on(store, dict(request.headers), body)

    async def _pass_on(self, store: str, headers: Mapping[str, str], body: bytes) -> _Answer:
        try:
            notification = await self._engine.take_notification(store, headers, body)
        except NotificationRefused as refused:
            why = str(refused)[:WHY_CHARACTERS_MAX]
            return _Answer(REFUSED_CODES.get(refused.kind, 403), "refused", refused.kind, why)
        except StoreNotFound:
            return _Answer(404, "store_not_found")
        except (NotExecuted, PaymentActionsError) as error:
            self._log.warning("notification not taken", store=store, error=str(error))
            return _Answer(503, "unavailable")
        except StorageUnavailable as error:
            self._log.error("storage unavailable", method="notification", store=store, error=str(error))
            return _Answer(503, "unavailable")
        except Exception as error:  # noqa: BLE001 - our boundary: the sender comes again, the log says why
            self._log.error("incident", store=store, method="notification", exc_info=error)
            return _Answer(503, "error")
        return _Answer(200, "taken", notification.kind.value.lower())


async def _bounded_body(request: Request) -> bytes | None:
    """Return the body; None when it is too long, of which no more than the limit was ever held."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > BODY_BYTES_MAX:
        return None
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS_MAX):
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                return None
    return bytes(body)


def _with_headers(app: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                said = {name for name, _ in headers}
                message["headers"] = headers + [each for each in _HEADERS if each[0] not in said]
            await send(message)

        await app(scope, receive, send_with_headers)

    return answer


class HttpServer:
    """One HTTP port, in the loop that starts it. Start it once, stop it once."""

    def __init__(self, app: HttpApplication) -> None:
        self._app = app
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen and serve.

        :param port: 0 takes a free one.
        :return: the port.
        :raises OSError: the address is taken, or is none of this machine's.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # TCP by name: asyncio sets TCP_NODELAY only where it sees that, and without it an answer can wait 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError as error:
            listener.close()
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        config = uvicorn.Config(
            self._app,
            http=Connection,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=connections_max() + 1,  # uvicorn answers 503 from there on, the one that asks included.
        )
        self._server = _QuietServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:  # Bounded: it starts, or the task ends with what hindered it.
            if self._serving.done():
                self._serving.result()
                raise OSError(f"cannot listen on {host}:{port}")
            await asyncio.sleep(0.005)
        return int(listener.getsockname()[1])

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing new, let the requests under way finish, cut off those that have not after ``grace_seconds``.

        A server that was never started is stopped already.
        """
        if self._server is None or self._serving is None:
            return
        self._app.drain()
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_seconds))
        self._server.should_exit = True
        await self._serving


class _QuietServer(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: they are the service's business, not the HTTP port's."""
        yield
