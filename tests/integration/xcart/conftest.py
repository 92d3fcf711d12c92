"""The X-Cart simulator as a real process: one a test worker, emptied before every test."""

import json
import subprocess
import sys

import httpx
import pytest
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
