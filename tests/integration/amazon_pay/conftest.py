"""A simulator process of our own per worker, started afresh for every test, and a checkout that talks to it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay.objects import parse_xml
from payment_actions_amazon_pay.settings import SANDBOX_PATH
from payment_actions_amazon_pay.signature import signed_form
from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import (
    Action,
    GatewayPayment,
    GatewayReference,
    GatewayRequest,
)

SELLER, ACCESS_KEY, SECRET_KEY = "A1TESTSELLER", "test-access-key", "test-secret-key"
OTHER_SELLER = "A2OTHERSELLER"
TOPIC = f"arn:aws:sns:us-east-1:291180941288:A3BXB0YN3XH17H{SELLER}"


@dataclass
class Simulator:
    """A running simulator: its control interface, and signed calls as a checkout makes them."""

    url: str
    client: httpx.AsyncClient

    async def control(self, method: str, path: str, **fields: Any) -> Any:
        query = {"params": fields} if method == "GET" else {"json": fields}
        answer = await self.client.request(method, f"{self.url}/control/{path}", **query)
        assert answer.status_code == 200, (path, fields, answer.text)
        return answer.json()

    async def post(self, path: str, **fields: Any) -> Any:
        return await self.control("POST", path, **fields)

    async def call(self, action: str, **parameters: str) -> Element:
        url = self.url + SANDBOX_PATH
        common = {
            "Action": action,
            "AWSAccessKeyId": ACCESS_KEY,
            "SellerId": SELLER,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Version": "2013-01-01",
        }
        named = {name.replace("__", "."): value for name, value in parameters.items()}
        body = signed_form(url, {**named, **common}, SECRET_KEY)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.client.post(url, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return parse_xml(answer.content)

    async def order(self, amount: str = "129.90", currency: str = "USD") -> str:
        """Be the buyer and the checkout: an order reference, confirmed."""
        draft = await self.post("order-references", amount=amount, currency=currency)
        await self.call("ConfirmOrderReference", AmazonOrderReferenceId=draft["id"])
        return str(draft["id"])

    async def authorize(self, order_id: str, amount: str = "129.90", currency: str = "USD", **more: str) -> str:
        root = await self.call(
            "Authorize",
            AmazonOrderReferenceId=order_id,
            AuthorizationAmount__Amount=amount,
            AuthorizationAmount__CurrencyCode=currency,
            **{"AuthorizationReferenceId": f"auth-{uuid4().hex[:20]}", "TransactionTimeout": "0", **more},
        )
        return root.findtext("AuthorizeResult/AuthorizationDetails/AmazonAuthorizationId") or ""

    async def authorized(self, amount: str = "129.90", currency: str = "USD") -> GatewayPayment:
        order_id = await self.order(amount, currency)
        await self.authorize(order_id, amount, currency)
        return payment(order_reference=order_id)

    async def fault(self, operation: str, kind: str, **more: Any) -> None:
        await self.post("faults/calls", operation=operation, kind=kind, **more)

    async def effects(self) -> list[tuple[str, str]]:
        listed = (await self.control("GET", "effects"))["effects"]
        return [(effect["kind"], effect["reference_id"]) for effect in listed if effect["kind"] != "authorize"]

    async def calls(self, operation: str = "") -> list[Mapping[str, Any]]:
        return list((await self.control("GET", "calls", operation=operation))["calls"])

    async def notification(self, **fields: Any) -> tuple[dict[str, str], bytes]:
        """Have the simulator's SNS sign a message that this test delivers itself."""
        built = await self.post("notification", **fields)
        return built["headers"], built["body"].encode()

    async def finish_all(self) -> None:
        """Let a minute pass: in the sandbox Amazon decides within 30 seconds."""
        await self.post("clock/advance", minutes=1)


def payment(**references: str | tuple[str, ...]) -> GatewayPayment:
    """Return a payment of 129.90 USD as the engine knows it."""
    known = [
        GatewayReference(role, value)
        for role, values in references.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
    return GatewayPayment(
        store="shop",
        order_id="42",
        order_number="A-42",
        currency_code="USD",
        order_total_minor=12990,
        references=tuple(known),
    )


def request_for(action: Action, about: GatewayPayment, amount_minor: int = 12990, **more: str) -> GatewayRequest:
    """Return a request under a reference of its own."""
    return GatewayRequest(
        action=action,
        payment=about,
        reference=f"pa-{uuid4().hex[:26]}",
        amount_minor=amount_minor,
        currency_code=about.currency_code,
        **more,
    )


async def look(gateway: AmazonPayV1, about: GatewayPayment) -> GatewayPayment:
    """Return the payment as the engine knows it once it has looked."""
    snapshot = await gateway.snapshot(about)
    assert snapshot.problem() is None
    return replace(about, references=tuple(dict.fromkeys(about.references + snapshot.references)))


@pytest.fixture
def make_payment() -> Callable[..., GatewayPayment]:
    return payment


@pytest.fixture
def ask() -> Callable[..., GatewayRequest]:
    return request_for


@pytest.fixture
def known() -> Callable[..., Awaitable[GatewayPayment]]:
    return look


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    command = [sys.executable, "-m", "payment_actions_amazon_pay.simulator.app", "--port", "0"]
    accounts = [
        "--account",
        f"{SELLER}:{ACCESS_KEY}:{SECRET_KEY}",
        "--account",
        f"{OTHER_SELLER}:other-access-key:other-secret-key",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*command, *accounts, "--no-throttling"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


@pytest.fixture
async def simulator(simulator_url: str) -> AsyncIterator[Simulator]:
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=30) as client:
        running = Simulator(simulator_url, client)
        await running.post("reset")
        yield running


@pytest.fixture
def settings(simulator_url: str) -> dict[str, Any]:
    return {
        "region": "us",
        "sandbox": True,
        "seller_id": SELLER,
        "access_key": SecretStr(ACCESS_KEY),
        "secret_key": SecretStr(SECRET_KEY),
        "notification_topics": [TOPIC],
        "simulator": simulator_url,
        "throttling": False,
        "timeout_seconds": 30.0,
    }


@pytest.fixture
async def gateway(settings: dict[str, Any]) -> AsyncIterator[AmazonPayV1]:
    opened = AmazonPayV1.from_settings(settings)
    yield opened
    await opened.aclose()
