"""The element's one file, as a shop's page loads it: over HTTP, under a strict policy, in Connect's own framing.

The bundle leaves out of protobuf and of the contract's description what no page needs; what it needs must be there.
"""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from google.rpc import error_details_pb2
from google.type import money_pb2
from playwright.sync_api import BrowserContext, expect

from payment_actions.v1 import payment_actions_pb2 as pb

EMBED = Path(__file__).parents[2] / "clients" / "web" / "dist" / "embed"

PAGE = b"""<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Commande</title>
<script type="module" src="/payment-actions.js"></script></head>
<body><payment-actions store="eu-shop" order="4711" actor="Zoe"></payment-actions></body></html>"""

POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


class Shop(http.server.BaseHTTPRequestHandler):
    """A shop's page and, under the same name, as much of the service as answers it: two calls and a refusal."""

    protocol_version = "HTTP/1.1"
    called: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        script = (EMBED / "payment-actions.js").read_bytes()
        known = {"/": (PAGE, "text/html"), "/payment-actions.js": (script, "text/javascript")}
        body, content_type = known.get(self.path, (b"", "image/x-icon"))
        self._answer(200, content_type, body)

    def do_POST(self) -> None:
        method = self.path.rsplit("/", 1)[1]
        self.rfile.read(int(self.headers["content-length"]))
        self.called.append((method, self.headers["payment-actions-actor"]))
        if method == "GetPayment":
            self._answer(200, "application/proto", pb.GetPaymentResponse(payment=_payment()).SerializeToString())
        elif method == "ListEvents":
            self._answer(200, "application/proto", pb.ListEventsResponse().SerializeToString())
        else:
            self._answer(503, "application/json", _away())

    def _answer(self, code: int, content_type: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def _payment() -> pb.Payment:
    amount = money_pb2.Money(currency_code="EUR", units=1250)
    return pb.Payment(
        store="eu-shop",
        order_id="4711",
        payment_method=pb.PaymentMethod(display_name="Amazon Pay"),
        status=pb.PAYMENT_STATUS_AUTHORIZED,
        authorized_amount=amount,
        available_actions=[pb.AvailableAction(action=pb.ACTION_CAPTURE, amount=amount, effect="Collects 1250.00 EUR.")],
        etag='"1"',
    )


def _away() -> bytes:
    info = error_details_pb2.ErrorInfo(reason="GATEWAY_UNAVAILABLE", domain="payment-actions")
    value = base64.b64encode(info.SerializeToString()).decode().rstrip("=")
    details = [{"type": "google.rpc.ErrorInfo", "value": value}]
    return json.dumps({"code": "unavailable", "message": "Amazon is away.", "details": details}).encode()


@pytest.fixture
def shop() -> Iterator[str]:
    Shop.called.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_one_script_and_one_tag_are_all_that_a_page_needs(context: BrowserContext, shop: str) -> None:
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(shop)
    element = page.locator("payment-actions")
    expect(element.get_by_role("heading", level=2)).to_have_text("Actions disponibles pour Amazon Pay")
    element.get_by_role("button", name="Encaisser").click()
    element.get_by_role("dialog").get_by_role("button", name="Encaisser").click()
    expect(element.locator(".panel .what").last).to_contain_text("Amazon Pay est injoignable.")
    expect(element.get_by_text("Amazon is away.")).to_be_visible()
    assert ("CapturePayment", "Zoe") in Shop.called
    assert [method for method, _ in Shop.called].count("CapturePayment") == 1
    assert problems == []


def test_the_bundle_is_within_its_size() -> None:
    size = json.loads((EMBED / "size.json").read_text(encoding="utf-8"))
    assert 0 < size["gzip_bytes"] <= 60_000
