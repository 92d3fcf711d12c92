"""Adapters and a policy that quote their secret wherever they can: nobody outside the service ever reads it.

A real service process, and everything that leaves it: answers, errors, history, database, metrics, log.
"""

import base64
import json
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import grpc
import httpx
import pytest
from support.installation import CALL_SECONDS_MAX, Installation

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub

PLUGIN = Path(__file__).parents[2] / "support" / "quoting_plugin"
SECRET = "k3y/with&every+kind of\"sign'ü"
STORE = """
[stores.{name}]
payment_methods = ["In Memory Pay"]
capture_mode = "authorize_then_capture"
partial_capture = true
platform = {{ adapter = "quoting_shop", token = {{ env = "TOKEN" }} }}
gateway = {{ adapter = "quoting_pay", token = {{ env = "TOKEN" }}{more} }}
"""
FORMS = {
    "plain": SECRET,
    "in an address": quote(SECRET, safe=""),
    "in a form": quote_plus(SECRET),
    "in a header": base64.b64encode(f"merchant:{SECRET}:x".encode()).decode()[12:-8],
    "in JSON": json.dumps(SECRET)[1:-1],
    "in Python": repr(SECRET)[1:-1],
}
SCENARIOS = [
    "not-executed",
    "unavailable",
    "throttled",
    "conflict",
    "declined",
    "pending",
    "answer-lost",
    "lies-in-str",
    "snapshot-fails",
    "snapshot-says",
    "order-says",
    "store-fails",
    "store-unavailable",
    "store-says",
    "refused-by-policy",
    "limited-by-policy",
    "policy-fails",
    "no-order",
    "order-fails",
]


def forms_in(told):
    """Return in which forms the secret shows in bytes or text."""
    content = told if isinstance(told, bytes) else told.encode()
    escaped = content.replace(b"\\\\", b"\\").replace(b'\\"', b'"')  # As JSON has a text.
    return [form for form, text in FORMS.items() if text.encode() in content or text.encode() in escaped]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Return everything that a service with such adapters tells: where -> bytes or text."""
    folder = tmp_path_factory.mktemp("quoting")
    installation = Installation(folder, PLUGIN, TOKEN=SECRET)
    installation.configure(STORE.format(name="broken", more=", failure = true"))
    installation.configure(STORE.format(name="shop", more=""))
    told = {}
    with installation.serve() as ready, grpc.insecure_channel(f"127.0.0.1:{ready['grpc_port']}") as channel:
        stub = PaymentActionsStub(channel)
        told |= calls(stub)
        told |= over_http(f"http://127.0.0.1:{ready['http_port']}")
        time.sleep(3)  # For the writes to the shop, and the look that a notification makes.
        told |= record(stub)
    told["database"] = b"".join(path.read_bytes() for path in sorted(folder.glob("service.db*")))
    told["log"] = installation.log
    return told


def ask(method, request):
    """Return the bytes of an answer, or of an error with all its details."""
    try:
        return method(request, timeout=CALL_SECONDS_MAX).SerializeToString()
    except grpc.RpcError as error:
        values = [value for _, value in error.trailing_metadata()]
        details = b"".join(value if isinstance(value, bytes) else value.encode() for value in values)
        return error.details().encode() + details


def calls(stub):
    told = {"out of service": ask(stub.GetPayment, pb.GetPaymentRequest(store="broken", order_id="declined"))}
    for order_id in SCENARIOS:
        order = {"store": "shop", "order_id": order_id}
        capture = pb.CapturePaymentRequest(**order, request_id=f"r-{order_id}")
        told[f"{order_id}: first sight"] = ask(stub.GetPayment, pb.GetPaymentRequest(**order))
        told[f"{order_id}: capture"] = ask(stub.CapturePayment, capture)
        told[f"{order_id}: refresh"] = ask(stub.RefreshPayment, pb.RefreshPaymentRequest(**order))
    return told


def record(stub):
    told = {"list": ask(stub.ListPayments, pb.ListPaymentsRequest(store="shop"))}
    told["overview"] = ask(stub.GetOverview, pb.GetOverviewRequest())
    for order_id in SCENARIOS:
        told[f"{order_id}: at last"] = ask(stub.GetPayment, pb.GetPaymentRequest(store="shop", order_id=order_id))
        told[f"{order_id}: history"] = ask(stub.ListEvents, pb.ListEventsRequest(store="shop", order_id=order_id))
    return told


def over_http(url):
    with httpx.Client(timeout=CALL_SECONDS_MAX) as web:
        answers = {
            f"notification {body.decode()}": web.post(f"{url}/notifications/shop", content=body).text
            for body in (b"refuse", b"fail", b"message-1")
        }
        return answers | {"metrics": web.get(f"{url}/metrics").text}


def test_no_secret_leaves_the_service_in_any_form(told):
    assert {where: forms for where, content in told.items() if (forms := forms_in(content))} == {}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("not-executed: capture", "401: [secret]"),
        ("unavailable: capture", "no route: [secret]"),
        ("conflict: capture", "409: [secret]"),
        ("lies-in-str: capture", "odd: [secret]"),
        ("declined: history", "[secret]"),
        ("pending: at last", "[secret]"),
        ("snapshot-fails: first sight", "401: [secret]"),
        ("snapshot-says: history", "about [secret]"),
        ("store-fails: at last", "RuntimeError: PUT [secret]"),
        ("store-unavailable: history", "Unavailable: PUT [secret]"),
        ("store-says: at last", "Paid [secret]"),
        ("order-says: first sight", "[secret]"),
        ("refused-by-policy: first sight", "Not with [secret]"),
        ("refused-by-policy: capture", "Not with [secret]"),
        ("limited-by-policy: first sight", "Not with [secret]"),
        ("limited-by-policy: capture", "Not with [secret]"),
        ("log", "signed with [secret]"),
        ("database", "about [secret]"),
    ],
)
def test_what_stood_beside_the_secret_is_still_told(told, where, words):
    content = told[where] if isinstance(told[where], bytes) else told[where].encode()
    assert words.encode() in content


@pytest.mark.parametrize("more", [", problem = true", ", failure = true"])
def test_check_tells_no_secret_of_a_factory_that_quotes_one(tmp_path, more):
    installation = Installation(tmp_path, PLUGIN, TOKEN=SECRET)
    installation.configure(STORE.format(name="shop", more=more))
    for arguments in (["check"], ["check", "--json"]):
        code, told = installation.run(*arguments, str(installation.config))
        assert (code, forms_in(told)) == (8, [])
        assert "stores.shop" in told


@pytest.mark.parametrize("command", ["serve", "migrate", "check"])
def test_a_secret_that_is_no_database_is_not_told(tmp_path, command):
    installation = Installation(tmp_path, PLUGIN, TOKEN=SECRET)
    installation.config.write_text('[server]\ndatabase = { env = "TOKEN" }\n' + STORE.format(name="shop", more=""))
    option = [] if command == "check" else ["--config"]
    code, told = installation.run(command, *option, str(installation.config))
    assert (code, forms_in(told)) == (8, [])
    assert "server.database: '[secret]' is no kind of database" in told


def test_serve_tells_no_secret_of_settings_that_are_refused(tmp_path):
    installation = Installation(tmp_path, PLUGIN, TOKEN=SECRET)
    installation.configure(STORE.format(name="shop", more=", problem = true"))
    code, told = installation.run("serve", "--config", str(installation.config))
    assert (code, forms_in(told)) == (8, [])
    assert "[secret]" in told
