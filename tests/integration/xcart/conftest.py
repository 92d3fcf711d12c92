"""The X-Cart simulator as a real process: one a test worker, emptied before every test."""

import json
import subprocess
import sys

import httpx
import pytest
from amazon_pay.client import AmazonPayClient
from pydantic import SecretStr

from payment_actions_xcart.platform import create


class Shop:
    """A simulated shop, seen from its control interface."""

    read_token = "test-read-token"
    write_token = "test-write-token"
    read_key = "test-read-key"
    write_key = "test-write-key"

    def __init__(self, process):
        self.process = process
        self.url = json.loads(process.stdout.readline())["url"]
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def _control(self, method, path, body=None):
        reply = self.http.request(method, f"control/{path}", json=body)
        assert reply.is_success, reply.text
        return reply.json()

    def create(self, **fields):
        return self._control("POST", "orders", fields)

    def update(self, order_id, **fields):
        return self._control("PATCH", f"orders/{order_id}", fields)

    def order(self, order_id):
        return self._control("GET", f"orders/{order_id}")

    def delete(self, order_id):
        return self._control("DELETE", f"orders/{order_id}")

    def clone(self, order_id):
        return self._control("POST", f"orders/{order_id}/clone")

    def statuses(self, kind):
        return self._control("GET", f"statuses/{kind}")

    def add_status(self, kind, **fields):
        return self._control("POST", f"statuses/{kind}", fields)

    def remove_status(self, kind, number):
        return self._control("DELETE", f"statuses/{kind}/{number}")

    def settings(self, **fields):
        return self._control("PUT", "settings", fields)

    def back_up(self):
        return self._control("POST", "backups")["id"]

    def restore(self, number):
        return self._control("POST", f"backups/{number}/restore")

    def check_out(self, order_id, order_reference, **fields):
        return self._control("POST", f"orders/{order_id}/checkout", {"order_reference": order_reference, **fields})

    def mails(self):
        return [mail["subject"] for mail in self._control("GET", "mails")]

    def notifications(self):
        return self._control("GET", "notifications")

    def page(self, order_id):
        return self.http.get(f"admin/orders/{order_id}").text

    def press(self, order_id, button):
        """Press a button of X-Cart's own module, and return the page that follows."""
        reply = self.http.post(f"admin/orders/{order_id}/amazon", data={"button": button}, follow_redirects=True)
        assert reply.is_success, reply.text
        return reply.text

    def writes(self):
        return self._control("GET", "writes")

    def requests(self):
        return self._control("GET", "requests")

    def fault(self, kind, **fields):
        return self._control("POST", "faults", {"kind": kind, **fields})

    def reset(self):
        self._control("POST", "reset")

    def rest(self, method, path, *, token=None, **options):
        headers = {"X-AUTH-TOKEN": self.write_token if token is None else token}
        return self.http.request(method, f"api/{path}", headers=headers, **options)

    def legacy(self, **fields):
        return self.http.post("admin.php?target=RESTAPI", data={"_key": self.write_key, "_method": "get", **fields})


class Amazon:
    """The simulated Amazon Pay, seen from its control interface, and the shop's checkout with Amazon's own SDK."""

    account = ("A1TESTSELLER", "test-access-key", "test-secret-key")

    def __init__(self, process):
        self.url = json.loads(process.stdout.readline())["url"]
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def control(self, method, path, **fields):
        options = {"params": fields} if method == "GET" else {"json": fields}
        reply = self.http.request(method, f"control/{path}", **options)
        assert reply.is_success, reply.text
        return reply.json()

    def order_reference(self, amount="129.90", currency="EUR"):
        """Return a confirmed order reference, as a buyer leaves it."""
        fields = {"amount": amount, "currency": currency, "region": "eu", "environment": "Sandbox"}
        reference = self.control("POST", "order-references", **fields)["id"]
        seller, access_key, secret_key = self.account
        client = AmazonPayClient(
            mws_access_key=access_key, mws_secret_key=secret_key, merchant_id=seller, region="eu",
            currency_code=currency, sandbox=True, handle_throttle=False,
        )  # fmt: skip
        client._mws_endpoint = f"{self.url}/OffAmazonPayments_Sandbox/2013-01-01"
        assert client.confirm_order_reference(reference).success
        return reference

    def calls(self, *actions):
        """Return the calls that the shop made, as (action, reference id, error code)."""
        every = self.control("GET", "calls")["calls"]
        shown = [(call["action"], call["reference_id"], call["error_code"]) for call in every]
        return [call for call in shown if not actions or call[0] in actions]

    def effects(self, kind):
        return [effect for effect in self.control("GET", "effects")["effects"] if effect["kind"] == kind]


@pytest.fixture(scope="session")
def _amazon():
    module, account = "payment_actions_amazon_pay.simulator.app", ":".join(Amazon.account)
    command = [sys.executable, "-m", module, "--port", "0", "--no-throttling", "--account", account]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        running = Amazon(process)
        yield running
        running.http.close()
        process.terminate()


@pytest.fixture
def amazon(_amazon, shop):
    """An empty Amazon Pay, which the shop's own module and its checkout know."""
    _amazon.control("POST", "reset")
    seller, access_key, secret_key = _amazon.account
    shop.settings(amazon_url=_amazon.url, amazon_seller_id=seller, amazon_access_key=access_key,
                  amazon_secret_key=secret_key, ipn_delay_seconds=0)  # fmt: skip
    return _amazon


@pytest.fixture
def checked_out(shop, amazon):
    """Place orders as X-Cart's checkout does with its later module."""

    def checked_out(*, total="129.90", synchronous=True, **fields):
        order = shop.create(**{"cart": True, "storage": "transaction_data", "total": total, **fields})
        return shop.check_out(order["id"], amazon.order_reference(total), synchronous=synchronous)

    return checked_out


@pytest.fixture(scope="session")
def _process():
    module = "payment_actions_xcart.simulator.app"
    secrets = {
        "--read-token": Shop.read_token,
        "--write-token": Shop.write_token,
        "--read-key": Shop.read_key,
        "--key": Shop.write_key,
    }
    options = [text for pair in secrets.items() for text in pair]
    with subprocess.Popen([sys.executable, "-m", module, *options], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="session")
def _running(_process):
    running = Shop(_process)
    yield running
    running.http.close()


@pytest.fixture
def shop(_running):
    """An empty shop."""
    _running.reset()
    return _running


@pytest.fixture(params=["rest", "rest_legacy"])
def api(request):
    """Each of X-Cart's APIs."""
    return request.param


@pytest.fixture
async def connect(shop, api):
    """Make adapters of the shop, with settings of one's own."""
    made = []

    def connect(*, key=None, **settings):
        secret = key or (shop.write_token if api == "rest" else shop.write_key)
        made.append(create({"url": shop.url, "api": api, "api_key": SecretStr(secret), **settings}))
        return made[-1]

    yield connect
    for platform in made:
        await platform.aclose()


@pytest.fixture
def platform(connect):
    """The adapter, over each API."""
    return connect()
