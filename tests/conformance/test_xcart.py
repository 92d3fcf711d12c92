"""The X-Cart adapter against the kit: over both of X-Cart's APIs, with a real simulator process behind it."""

import json
import subprocess
import sys

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_server.plugins import PaymentStatus, to_decimal
from payment_actions_server.plugins.conformance import PlatformConformance
from payment_actions_xcart.platform import create

CODES = {PaymentStatus.PENDING: "Q", PaymentStatus.AUTHORIZED: "A"}
NAMES = {
    "Q": "Awaiting payment", "A": "Authorized", "PP": "Partially paid", "P": "Paid",
    "D": "Declined", "C": "Cancelled", "R": "Refunded",
}  # fmt: skip
AMAZON = {"order_reference": "S02-1", "authorization": "S02-1-A1", "authorization_status": "Open"}
SECRET = "kit-secret-5f1d"


class XCartHarness:
    """The adapter, and the simulator's control interface."""

    currency_codes = ("EUR", "USD", "GBP", "JPY", "KWD")
    secrets = (SECRET,)

    def __init__(self, url, api, storage):
        self._storage = storage
        self._http = httpx.Client(base_url=url, trust_env=False, verify=False, timeout=30)
        self.platform = create({"url": url, "api": api, "api_key": SecretStr(SECRET)})

    async def _control(self, method, path, body=None):
        reply = self._http.request(method, f"control/{path}", json=body)
        assert reply.is_success, reply.text
        return reply.json()

    async def order(self, status, total_minor, currency_code):
        total = f"{to_decimal(total_minor, currency_code):f}"
        fields = {"payment_status": CODES[status], "total": total, "currency": currency_code}
        fields |= {"storage": self._storage, "amazon": AMAZON if self._storage == "transaction_data" else {}}
        return str((await self._control("POST", "orders", fields))["id"])

    async def platform_status(self, order_id):
        return NAMES[(await self._control("GET", f"orders/{order_id}"))["payment_status"]]

    def writes(self, order_id):
        order = self._http.get(f"control/orders/{order_id}").json()
        return len(order["writes"]) + len(order["transaction_writes"])

    async def move_on(self, order_id):
        # "Completed" is two facts in X-Cart 5: the payment stays Paid, the goods are Delivered.
        await self._control("PATCH", f"orders/{order_id}", {"shipping_status": "D"})

    async def lose_next_answer(self):
        await self._control("POST", "faults", {"kind": "lose_write_answer"})

    async def go_down(self):
        await self._control("POST", "faults", {"kind": "down", "count": 0})

    async def come_back(self):
        await self._control("DELETE", "faults")

    async def aclose(self):
        self._http.close()
        await self.platform.aclose()


@pytest.fixture(scope="session")
def simulator_url():
    command = [
        sys.executable,
        "-m",
        "payment_actions_xcart.simulator.app",
        "--write-token",
        SECRET,
        "--key",
        SECRET,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


class TestXCart(PlatformConformance):
    @pytest.fixture(
        params=[("rest", "order_details"), ("rest_legacy", "order_details"), ("rest_legacy", "transaction_data")],
        ids=["rest", "rest_legacy", "rest_legacy-later_module"],
    )
    async def harness(self, simulator_url, request):
        harness = XCartHarness(simulator_url, *request.param)
        await harness._control("POST", "reset")
        yield harness
        await harness.aclose()
