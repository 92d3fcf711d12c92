"""Pages of strangers, shown by a browser of this very machine, move no money."""

import base64

import httpx
import pytest
from google.rpc import error_details_pb2
from integration.transport.test_connect import GET, PATH, unpacked

from payment_actions_server.transport.authentication import actor_of
from payment_actions_server.transport.connect import _Context
from payment_actions_server.transport.http import HttpApplication
from payment_actions_server.transport.origins import Origins

SHOP = "https://shop.example"
CAPTURE = GET | {"requestId": "r1"}


@pytest.fixture
async def web(engine, metrics):
    app = HttpApplication(engine, metrics, lambda: True, Origins([SHOP], "pay.internal"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080") as client:
        yield client


async def capture(web, **headers):
    return await web.post(f"{PATH}/CapturePayment", json=CAPTURE, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},  # Another program's page on this machine.
        {"origin": "http://localhost:8080"},  # Another name is another origin.
        {"origin": "https://shop.example.evil.example"},
        {"origin": "https://shop.example:8443"},
        {"origin": "http://shop.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_page_that_is_not_listed_may_not_call(web, engine, headers):
    answer = await capture(web, **headers)
    error = answer.json()
    assert (answer.status_code, error["code"]) == (403, "permission_denied")
    assert "server.http_origins" in error["message"]
    assert "access-control-allow-origin" not in answer.headers
    assert engine.asked == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.evil"])
async def test_a_name_that_was_made_to_lead_here_is_refused(web, engine, host):
    answer = await capture(web, host=host, origin=f"http://{host}")
    assert answer.status_code == 403
    assert engine.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:8080", "origin": "http://localhost:8080"},
        {"host": "[::1]:8080", "origin": "http://[::1]:8080", "sec-fetch-site": "same-origin"},
        {"host": "192.0.2.7"},
        {"host": "payments.localhost:8080"},
        {"host": "pay.internal:8080"},
        {"host": "shop.example", "origin": "https://shop.example"},
        {"origin": SHOP, "sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
async def test_our_own_pages_listed_ones_and_programs_may_call(web, engine, headers):
    assert (await capture(web, **headers)).status_code == 200
    assert len(engine.asked) == 1


async def test_a_listed_page_is_told_that_it_may_read_the_answer(web):
    answer = await capture(web, origin=SHOP)
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "grpc-status-details-bin" in answer.headers["access-control-expose-headers"]
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_listed_page_that_asks_first_is_told_yes_and_nothing_is_done(web, engine):
    asked = {"origin": SHOP, "access-control-request-method": "POST", "access-control-request-private-network": "true"}
    answer = await web.options(f"{PATH}/CapturePayment", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "payment-actions-actor" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert engine.asked == []


async def test_another_page_that_asks_first_is_told_no(web):
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = await web.options(f"{PATH}/CapturePayment", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_the_refusal_has_its_reason(web):
    answer = await capture(web, origin="https://evil.example")
    details = [(one["type"], base64.b64decode(one["value"] + "===")) for one in answer.json()["details"]]
    info: error_details_pb2.ErrorInfo = unpacked(details)["google.rpc.ErrorInfo"]
    assert (info.reason, dict(info.metadata)) == ("PERMISSION_DENIED", {"origin": "https://evil.example"})


@pytest.mark.parametrize(
    ("address", "actor"),
    [
        ("127.0.0.1:5000", "Ann"),
        ("::1:5000", "Ann"),
        ("::ffff:127.0.0.1:5000", "Ann"),
        ("192.0.2.7:5000", "anonymous"),
        ("2001:db8::1:5000", "anonymous"),
        (None, "anonymous"),
    ],
)
def test_a_callers_name_is_believed_from_loopback_only(address, actor):
    class Call:
        client_address = address
        request_headers = httpx.Headers({"payment-actions-actor": "Ann"})

    Call.request_headers.allitems = Call.request_headers.items
    assert actor_of(_Context(Call())) == actor
