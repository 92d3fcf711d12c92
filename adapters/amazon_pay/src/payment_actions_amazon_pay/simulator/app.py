"""The process: command line, server, and the line that says it is ready."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import api
from .connection import DroppableProtocol
from .control.routes import routes as control_routes
from .signature import Account
from .simulator import Simulator

DEMO_ACCOUNT: Final = Account(
    seller_id="A1DEMOSELLER",
    access_key="demo-access-key",
    secret_key="demo-secret-key-for-development-only",  # noqa: S106 - published, and worth nothing
)
_STOP_SECONDS_MAX: Final = 2


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling, which ends the process by the signal it was stopped with."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``_serve``."""
        yield


def main() -> None:
    """Run the simulator until it is told to stop."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    with socket.create_server((arguments.host, arguments.port)) as listener:
        # asyncio leaves this out for a listener it did not make, and every second answer then takes 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.run(_serve(arguments, listener))


def create_app(simulator: Simulator, *, ready_line: str, control_from_anywhere: bool) -> Starlette:
    """Wire the application; ``ready_line`` is printed once it accepts calls."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        timekeeper = asyncio.create_task(simulator.keep_time())
        sys.stdout.write(ready_line + "\n")
        sys.stdout.flush()
        yield
        timekeeper.cancel()
        simulator.courier.drop_all()

    certificate = Route(simulator.signer.certificate_path, _serve_certificate)
    controls = control_routes(from_anywhere=control_from_anywhere)
    app = Starlette(routes=[*api.routes(), *controls, certificate], lifespan=lifespan)
    app.state.simulator = simulator
    return app


async def _serve(arguments: argparse.Namespace, listener: socket.socket) -> None:
    accounts: list[Account] = arguments.account or [DEMO_ACCOUNT]
    async with httpx.AsyncClient(trust_env=False) as client:
        urls = dict(arguments.notify)
        simulator = Simulator(accounts, client, urls=urls, throttling=not arguments.no_throttling)
        app = create_app(
            simulator,
            ready_line=_ready_line(listener, accounts),
            control_from_anywhere=arguments.control_from_anywhere,
        )
        config = uvicorn.Config(
            app,
            http=DroppableProtocol,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # Who calls the control interface is told by the connection alone.
            timeout_graceful_shutdown=_STOP_SECONDS_MAX,
        )
        server = _Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, setattr, server, "should_exit", True)
        await server.serve(sockets=[listener])


async def _serve_certificate(request: Request) -> Response:
    simulator: Simulator = request.app.state.simulator
    return Response(simulator.signer.certificate_pem, media_type="application/x-pem-file")


def _ready_line(listener: socket.socket, accounts: list[Account]) -> str:
    host, port = listener.getsockname()[:2]
    return json.dumps(
        {
            "url": f"http://{host}:{port}",
            "seller_id": accounts[0].seller_id,
            "access_key": accounts[0].access_key,
            "sandbox_path": "/OffAmazonPayments_Sandbox/2013-01-01",
            "live_path": "/OffAmazonPayments/2013-01-01",
        }
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="payment-actions-amazon-pay-simulator",
        description="A simulator of Amazon Pay v1. All state is in memory and ends with the process.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8900, help="0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--account",
        action="append",
        type=_account,
        metavar="SELLER:ACCESS:SECRET",
        help="a seller and its key pair; may be repeated (default: a demo seller, see the documentation)",
    )
    parser.add_argument(
        "--notify",
        action="append",
        type=_notification_url,
        default=[],
        metavar="SELLER=URL",
        help="where a seller's notifications go; may be repeated",
    )
    parser.add_argument("--no-throttling", action="store_true", help="start with Amazon's request quotas off")
    parser.add_argument(
        "--control-from-anywhere",
        action="store_true",
        help="serve the control interface to other machines too; it has no authentication",
    )
    return parser


def _account(text: str) -> Account:
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise argparse.ArgumentTypeError("an account is SELLER:ACCESS:SECRET")
    return Account(*parts)


def _notification_url(text: str) -> tuple[str, str]:
    seller_id, _, url = text.partition("=")
    if not seller_id or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError("a notification URL is SELLER=http://...")
    return seller_id, url


if __name__ == "__main__":
    main()
