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


@dataclass
class Behaviour:
    """How the proxy differs from the shop behind it."""

    alter: Callable[[dict[str, Any]], None] = untouched  #: Changes each order that the shop tells.
    fails_at: str | None = None  #: A request whose path, query or body has this text fails.
    status: int = 400  #: What it is answered.
    body: str = "[]"
    loses_at: str | None = None  #: The answer to the first request with this text is lost.
    transactions: Any = None  #: Told instead of an order's transactions in 5.5.

    def fails(self, request: str) -> bool:
        """Tell whether a request is to fail."""
        return self.fails_at is not None and self.fails_at in request

    def loses(self, request: str) -> bool:
        """Tell whether the answer to a request is to be lost, which happens once."""
        if self.loses_at is None or self.loses_at not in request:
            return False
        self.loses_at = None
        return True

    def tell(self, path: str, told: Any) -> Any:
        """Return what is told instead of the shop's answer."""
        if self.transactions is not None and path.endswith("/payment_transactions"):
            return self.transactions
        for order in told if isinstance(told, list) else [told]:
            if isinstance(order, dict) and ("order_number" in order or "orderNumber" in order):
                self.alter(order)
        return told


@contextmanager
def stand_before(shop_url: str, **behaviour: Any) -> Iterator[Proxy]:
    """Stand before the shop at ``shop_url``, with the given `Behaviour`."""
    proxy = Proxy()
    wanted = Behaviour(**behaviour)
    shop = httpx.Client(base_url=shop_url, trust_env=False, verify=False, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = f"{self.path} {content.decode()}"
            if wanted.fails(request):
                headers = {"X-REST-Error": "SQLSTATE[HY000] [2002] Connection refused"}
                return self._answer(wanted.status, wanted.body.encode(), headers)
            reply = shop.request(self.command, self.path[1:], headers=dict(self.headers), content=content)
            if wanted.loses(request):
                self.close_connection = True
                return None
            told = wanted.tell(self.path.partition("?")[0], reply.json() if reply.content else None)
            self._note(content, told, len(reply.content))
            return self._answer(reply.status_code, json.dumps(told).encode() if reply.content else b"", {})

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

    with shop, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy.url = f"http://127.0.0.1:{server.server_port}/"
        yield proxy
        server.shutdown()
