"""A simulator process per test worker, Amazon's own SDK as its client, and an endpoint for its notifications."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from amazon_pay.client import AmazonPayClient

SELLER, ACCESS_KEY, SECRET_KEY = "A1DEMOSELLER", "demo-access-key", "demo-secret-key-for-development-only"
OTHER = "A2OTHERSELLER"


class Process:
    """A running simulator and what its ready line says."""

    def __init__(self, *arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "payment_actions_amazon_pay.simulator.app",
            "--port",
            "0",
            *arguments,
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        self.ready: dict[str, str] = json.loads(self._process.stdout.readline())
        self.url = self.ready["url"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self._process.send_signal(number)
        with self._process:
            return self._process.wait(timeout=60)


class Control:
    """The control interface; an answer that is no success fails the test."""

    def __init__(self, url: str, client: httpx.Client) -> None:
        self._url = url
        self._client = client

    def __call__(self, method: str, path: str, **fields: Any) -> Any:
        answer = self.ask(method, path, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, method: str, path: str, **fields: Any) -> httpx.Response:
        """Call and return whatever comes."""
        sent = {"params": fields} if method == "GET" else {"json": fields}
        return self._client.request(method, f"{self._url}/control/{path}", **sent)

    def effects(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self("GET", "effects")["effects"] if each["kind"] == kind]

    def state(self, object_id: str) -> str:
        return self("GET", f"objects/{object_id}")["state"]


class Shop:
    """Amazon's SDK, pointed at the simulator and unmodified otherwise."""

    def __init__(self, process: Process, control: Control, environment: str) -> None:
        live = environment == "Live"
        self.control = control
        self._environment = environment
        self._numbers = itertools.count(1)
        self.sdk = AmazonPayClient(
            mws_access_key=ACCESS_KEY,
            mws_secret_key=SECRET_KEY,
            merchant_id=SELLER,
            region="na",
            currency_code="USD",
            sandbox=not live,
            handle_throttle=False,
        )
        self.sdk._mws_endpoint = process.url + process.ready["live_path" if live else "sandbox_path"]

    def order(self, amount: str = "100.00") -> str:
        """Be the buyer at the checkout, and the shop that confirms the order."""
        fields = {"amount": amount, "environment": self._environment}
        order = self.control("POST", "order-references", **fields)["id"]
        assert self.sdk.confirm_order_reference(order).success
        return order

    def authorization(self, order: str, amount: str = "100.00", **more: Any) -> dict[str, Any]:
        reference = f"a-{next(self._numbers)}"
        more = {"transaction_timeout": 0, **more}
        return details(self.sdk.authorize(order, reference, amount, **more))

    def authorize(self, amount: str = "100.00", **more: Any) -> str:
        return self.authorization(self.order(amount), amount, **more)["AmazonAuthorizationId"]

    def captured(self, amount: str = "100.00") -> str:
        reply = self.sdk.capture(self.authorize(amount), f"c-{next(self._numbers)}", amount)
        return details(reply)["AmazonCaptureId"]

    def refunding(self, amount: str = "100.00") -> str:
        reply = self.sdk.refund(self.captured(amount), f"r-{next(self._numbers)}", amount)
        return details(reply)["AmazonRefundId"]


class Background(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._call()
        except Exception as error:
            self.error = error


class Endpoint:
    """Where notifications arrive; it answers as told, 200 in the end."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        received, answers = self.received, self.answers

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((dict(self.headers), body))
                self.send_response(answers.pop(0) if answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ipn"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    def types(self) -> list[str]:
        return [json.loads(each["Message"])["NotificationType"] for each in self.envelopes]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def details(reply: Any) -> dict[str, Any]:
    """Return the details that an SDK reply holds."""
    assert reply.success, reply.to_xml()
    (root,) = reply.to_dict().values()
    (result,) = (value for name, value in root.items() if name.endswith("Result"))
    (found,) = result.values()
    return found


def error_code(reply: Any) -> str:
    """Return the code of an SDK error reply."""
    assert not reply.success
    return reply.to_dict()["ErrorResponse"]["Error"]["Code"]


@pytest.fixture(name="details")
def details_fixture() -> Callable[[Any], dict[str, Any]]:
    return details


@pytest.fixture(name="error_code")
def error_code_fixture() -> Callable[[Any], str]:
    return error_code


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start a simulator process of the test's own."""
    return Process


@pytest.fixture(scope="session")
def process() -> Iterator[Process]:
    running = Process("--no-throttling", "--account", f"{SELLER}:{ACCESS_KEY}:{SECRET_KEY}", *_other_account())
    yield running
    assert running.stop() == 0


def _other_account() -> list[str]:
    return ["--account", f"{OTHER}:other-access-key:other-secret-key"]


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """A plain client, one for all tests: making it takes longer than most of them."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def control(process: Process, http: httpx.Client) -> Control:
    interface = Control(process.url, http)
    interface("POST", "reset")
    return interface


@pytest.fixture
def open_shop(http: httpx.Client) -> Callable[..., Shop]:
    """Open a shop at any simulator process."""

    def open_at(process: Process, environment: str = "Sandbox") -> Shop:
        return Shop(process, Control(process.url, http), environment)

    return open_at


@pytest.fixture
def shop(process: Process, control: Control, open_shop: Callable[..., Shop]) -> Shop:
    return open_shop(process)


@pytest.fixture
def live_shop(process: Process, control: Control, open_shop: Callable[..., Shop]) -> Shop:
    return open_shop(process, "Live")


@pytest.fixture
def in_background() -> Callable[[Callable[[], Any]], Background]:
    """Make a call that may take long, or break off, while the test goes on."""

    def make(call: Callable[[], Any]) -> Background:
        thread = Background(call)
        thread.start()
        return thread

    return make


@pytest.fixture
def endpoint(control: Control) -> Iterator[Endpoint]:
    listening = Endpoint()
    control("PUT", "notifications", url=listening.url, retry_seconds=0.05, attempts_max=3)
    yield listening
    listening.close()


@pytest.fixture
def settled(control: Control) -> Callable[[], None]:
    """Wait until every notification has been delivered or given up."""

    def wait() -> None:
        assert control("POST", "notifications/wait", seconds=30) == {"waiting": 0}

    return wait


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait for something that another process does."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, "It never came to be."
            time.sleep(0.02)

    return wait
