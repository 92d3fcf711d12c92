"""A proxy before the simulated shop: it alters answers, fails as X-Cart does, and remembers what passed."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx


@dataclass
class Passed:
    """One request that passed, and the size of its answer."""

    fields: dict[str, str]  #: The query's and the form's.
    path: str
    rows: int  #: Of a list; 1 for anything else.
    size: int


@dataclass
class Proxy:
    """What the test asks of the proxy."""

    url: str = ""
    passed: list[Passed] = field(default_factory=list)

    def rows(self) -> int:
        """Return how many rows the shop has sent."""
        return sum(each.rows for each in self.passed)


def untouched(_order: dict[str, Any]) -> None:
    """Leave an order as the shop tells it."""


@contextmanager
def stand_before(
    shop_url: str,
    *,
    alter: Callable[[dict[str, Any]], None] = untouched,
    fails_at: str | None = None,
    status: int = 400,
    body: str = "[]",
    loses_at: str | None = None,
    transactions: Any = None,
) -> Iterator[Proxy]:
    """Stand before the shop at ``shop_url``.

    :param alter: changes each order that the shop tells.
    :param fails_at: a request whose path, query or body has this text is answered with ``status`` and ``body``.
    :param loses_at: the answer to the first request with this text is lost.
    :param transactions: is told instead of an order's transactions in 5.5.
    """
    proxy = Proxy()
    lost: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if fails_at is not None and fails_at in f"{self.path} {content.decode()}":
                self._answer(status, body.encode(), {"X-REST-Error": "SQLSTATE[HY000] [2002] Connection refused"})
                return
            reply = httpx.request(
                self.command, shop_url + self.path[1:], headers=dict(self.headers), content=content, timeout=60
            )
            if loses_at is not None and not lost and loses_at in f"{self.path} {content.decode()}":
                lost.append(content)
                self.close_connection = True
                return
            told = reply.json() if reply.content else None
            if transactions is not None and reply.request.url.path.endswith("/payment_transactions"):
                told = transactions
            for order in told if isinstance(told, list) else [told]:
                if isinstance(order, dict) and ("order_number" in order or "orderNumber" in order):
                    alter(order)
            self._note(content, told, len(reply.content))
            self._answer(reply.status_code, json.dumps(told).encode() if reply.content else b"", {})

        do_POST = do_PUT = do_GET  # noqa: N815 - the base class's names

        def _note(self, content: bytes, told: Any, size: int) -> None:
            path, _, query = self.path.partition("?")
            fields = {name: values[-1] for name, values in parse_qs(f"{query}&{content.decode()}").items()}
            proxy.passed.append(Passed(fields, path, len(told) if isinstance(told, list) else 1, size))

        def _answer(self, code: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy.url = f"http://127.0.0.1:{server.server_port}/"
        yield proxy
        server.shutdown()
