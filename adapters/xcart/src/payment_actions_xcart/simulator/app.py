"""The simulator's process: ``payment-actions-xcart-simulator``."""

import argparse
import asyncio
import json
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .admin import ADMIN, Admin, Section
from .control import Control
from .errors import InvalidArgument
from .faults import Fault, Faults
from .ipn import Ipn
from .legacy import Keys, LegacyApi
from .rest import RestApi, Tokens
from .settings import CAPTURE_MODES, LEGACY_VERSIONS, ShopSettings
from .shop import Shop

# For development only: anybody can read them here.
READ_TOKEN = "xcart-read-token"  # noqa: S105
WRITE_TOKEN = "xcart-write-token"  # noqa: S105
READ_KEY = "xcart-read-key"
WRITE_KEY = "xcart-write-key"


def create_app(
    tokens: Tokens, keys: Keys, section: Section | None = None, settings: ShopSettings | None = None
) -> ASGIApp:
    """Return the whole simulator as one ASGI application: an empty shop behind both APIs and its admin pages."""
    shop, faults, embedded = Shop(settings), list[Fault](), section or Section()
    routes = [
        *RestApi(shop, tokens).routes(),
        *Control(shop, faults, embedded).routes(),
        *Admin(shop, embedded).routes(),
        *Ipn(shop).routes(),
        *LegacyApi(shop, keys).routes(),
    ]
    return _RequestLog(Faults(Starlette(routes=routes), faults, shop), shop)


class _RequestLog:
    """Keep what the shop's access log would show, so that a test can look for a key in it."""

    def __init__(self, app: ASGIApp, shop: Shop) -> None:
        self._app = app
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/control", ADMIN)):
            return await self._app(scope, receive, send)
        line = {"method": scope["method"], "path": scope["path"], "query": scope["query_string"].decode()}
        entry: dict[str, Any] = line | {"status": None}  # stays None where no answer was sent
        self._shop.requests.append(entry)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        return await self._app(scope, receive, noting)


class _DroppingProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, with a way for the application to hang up without an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})["drop_connection"] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets
        host, port = sockets[0].getsockname()[:2]
        sys.stdout.write(json.dumps({"url": f"http://{host}:{port}/"}) + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the simulator until SIGTERM or SIGINT, and leave with 0."""
    options = _parser().parse_args(arguments)
    # Uvicorn raises the signal again once it has shut down in good order; then this handler ends the process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    section = Section()
    settings = ShopSettings(**{each.name: getattr(options, each.name) for each in fields(ShopSettings)})
    try:
        section.set(options.section_script, options.section_tag)
        settings.check()
    except InvalidArgument as error:
        _parser().error(str(error))
    listener = _listen(options.host, options.port)
    app = create_app(
        Tokens(read=options.read_token, write=options.write_token),
        Keys(read=options.read_key, write=options.key),
        section,
        settings,
    )
    config = uvicorn.Config(
        app, http=_DroppingProtocol, log_level="warning", access_log=False, lifespan="off",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    asyncio.run(_Server(config).serve(sockets=[listener]))


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # Named, not 0: asyncio sets TCP_NODELAY only on sockets that say they are TCP, and without it every
    # answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(128)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="payment-actions-xcart-simulator",
        description="A simulated X-Cart 5 shop: the REST APIs of 5.5 and of 5.0-5.4, and a control interface."
        ' Prints one JSON line, {"url": ...}, when ready. The default tokens are for development only.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--read-token", default=READ_TOKEN, help="5.5: the read-only token")
    parser.add_argument("--write-token", default=WRITE_TOKEN, help="5.5: the read/write token")
    parser.add_argument("--read-key", default=READ_KEY, help="5.0-5.4: the module's read key")
    parser.add_argument("--key", default=WRITE_KEY, help="5.0-5.4: the module's (write) key")
    parser.add_argument("--admin-self", default="admin.php", help="5.0-5.4: the admin script's name")
    parser.add_argument(
        "--legacy-version", default="5.4", choices=LEGACY_VERSIONS, help="5.0-5.4: 5.1 ignores the conditions of a list"
    )
    amazon = parser.add_argument_group("X-Cart's own Amazon module")
    amazon.add_argument("--amazon-url", default="", help="where Amazon Pay (MWS) is; empty: its buttons reach nothing")
    amazon.add_argument("--amazon-seller-id", default="", help="the seller")
    amazon.add_argument("--amazon-access-key", default="", help="the seller's access key")
    amazon.add_argument("--amazon-secret-key", default="", help="the seller's secret key")
    amazon.add_argument("--region-currency", default="EUR", help="the currency in which the module charges")
    amazon.add_argument("--capture-mode", default="A", choices=CAPTURE_MODES, help="C captures at the checkout")
    amazon.add_argument("--ipn-delay-seconds", type=float, default=5.0, help="how long an IPN waits in the shop")
    parser.add_argument("--section-script", default="", help="address of a module that the order page loads")
    parser.add_argument(
        "--section-tag", default="", help="what it is to show there; {order_id}, {order_number}, {admin}"
    )
    return parser


if __name__ == "__main__":
    main()
