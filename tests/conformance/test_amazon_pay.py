"""Amazon Pay v1 against the conformance kit, with our simulator as the gateway."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay import payment_actions_gateways
from payment_actions_amazon_pay.settings import SANDBOX_PATH
from payment_actions_amazon_pay.signature import signed_form
from payment_actions_server.plugins import (
    Action,
    GatewayPayment,
    GatewayReference,
    PaymentGateway,
    format_amount,
    to_minor,
)
from payment_actions_server.plugins.conformance import Delivery, GatewayConformance, MoneyMoved

SELLER, ACCESS_KEY, SECRET_KEY = "A1KITSELLER", "kit-access-key", "kit-secret-key"
FOREIGN = "A2FOREIGNSELLER"
TOPIC = f"arn:aws:sns:us-east-1:291180941288:A3BXB0YN3XH17H{SELLER}"
FOREIGN_TOPIC = f"arn:aws:sns:us-east-1:291180941288:A3BXB0YN3XH17H{FOREIGN}"

OPERATIONS = {Action.CAPTURE: "Capture", Action.VOID: "CloseAuthorization", Action.REFUND: "Refund"}
EFFECTS = {"capture": Action.CAPTURE, "void": Action.VOID, "refund": Action.REFUND}
CONSOLE = {
    Action.CAPTURE: ("capture", "authorization"),
    Action.VOID: ("close-authorization", "authorization"),
    Action.REFUND: ("refund", "capture"),
}


class Line:
    """The network between adapter and simulator: a TCP relay that can be cut."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def connect(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        with contextlib.suppress(OSError):
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        self._open -= {writer, far_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class AmazonPayHarness:
    """Hands on the simulator: the checkout, Seller Central, Amazon's decisions, the network."""

    secrets = (ACCESS_KEY, SECRET_KEY)
    currency_codes = ("USD", "EUR", "GBP", "JPY")

    def __init__(self, url: str, gateway: PaymentGateway, line: Line) -> None:
        self.gateway = gateway
        self._url = url
        self._line = line
        self._http = httpx.Client(trust_env=False, verify=False, timeout=30)

    # -- Checkout -----------------------------------------------------------------------------------------

    async def authorized_payment(self, amount_minor: int, currency_code: str) -> GatewayPayment:
        amount = format_amount(amount_minor, currency_code).split()[0]
        order_id = self._control("order-references", amount=amount, currency=currency_code)["id"]
        self._call("ConfirmOrderReference", {"AmazonOrderReferenceId": order_id})
        self._call(
            "Authorize",
            {
                "AmazonOrderReferenceId": order_id,
                "AuthorizationReferenceId": uuid4().hex,
                "AuthorizationAmount.Amount": amount,
                "AuthorizationAmount.CurrencyCode": currency_code,
                "TransactionTimeout": "0",
            },
        )
        return GatewayPayment(
            store="kit",
            order_id=uuid4().hex,
            order_number="1001",
            currency_code=currency_code,
            order_total_minor=amount_minor,
            references=(GatewayReference("order_reference", order_id),),
        )

    # -- The other side -----------------------------------------------------------------------------------

    def effects(self, payment: GatewayPayment) -> Sequence[MoneyMoved]:
        listed = self._read("effects", order_reference=payment.reference("order_reference"))["effects"]
        return [
            MoneyMoved(EFFECTS[effect["kind"]], to_minor(effect["amount"], effect["currency"]))
            for effect in listed
            if effect["kind"] in EFFECTS
        ]

    async def settle(self) -> None:
        self._control("clock/advance", minutes=5)

    async def pend_next(self, action: Action) -> None:
        if action is Action.CAPTURE:  # A refund always is, a void never.
            self._control("plans", operation="Capture", state="Pending")

    async def decline_next(self, action: Action) -> bool:
        if action is Action.VOID:
            return False
        self._control("plans", operation=OPERATIONS[action], state="Declined", reason_code="AmazonRejected")
        return True

    async def lose_next_answer(self, action: Action) -> None:
        self._control("faults/calls", operation=OPERATIONS[action], kind="lose_answer")

    async def lose_next_request(self, action: Action) -> None:
        self._control("faults/calls", operation=OPERATIONS[action], kind="lose_request")

    async def throttle_next(self, action: Action) -> None:
        self._control("faults/calls", operation=OPERATIONS[action], kind="error_503_throttled")

    async def go_down(self) -> None:
        await self._line.cut()

    async def come_back(self) -> None:
        await self._line.connect()

    async def console(self, action: Action, payment: GatewayPayment) -> None:
        name, kind = CONSOLE[action]
        self._control(f"console/{name}", object=self._newest(payment, kind)["id"])
        self._control("clock/advance", minutes=5)

    # -- Notifications ------------------------------------------------------------------------------------

    async def notification_about(self, payment: GatewayPayment) -> Delivery:
        return _delivery(self._control("notification", object=self._last_changed(payment)["id"]))

    async def forged_notifications(self, payment: GatewayPayment) -> Mapping[str, Delivery]:
        changed = self._last_changed(payment)["id"]
        headers, body = await self.notification_about(payment)
        envelope = json.loads(body)
        foreign_host = envelope["SigningCertURL"].replace("amazonaws.com", "amazonaws.com.evil.example")
        return {
            "unsigned": _changed(headers, {**envelope, "Signature": ""}),
            "altered": _changed(headers, {**envelope, "Message": envelope["Message"].replace("S01", "S02")}),
            "foreign": _delivery(self._control("notification", object=changed, message={"SellerId": FOREIGN})),
            "seller": _delivery(self._control("notification", seller_id=FOREIGN, sample="PaymentCapture")),
            "environment": _delivery(
                self._control("notification", object=changed, message={"ReleaseEnvironment": "Live"})
            ),
            "host": _changed(headers, {**envelope, "SigningCertURL": foreign_host}),
            "topic": _changed(headers, {**envelope, "TopicArn": FOREIGN_TOPIC}),
            "version": _changed(headers, {**envelope, "SignatureVersion": "3"}),
        }

    # -- Small parts --------------------------------------------------------------------------------------

    def _objects(self, payment: GatewayPayment) -> list[dict[str, Any]]:
        listed = self._read("objects", order_reference=payment.reference("order_reference"))["objects"]
        return [thing for thing in listed if thing["kind"] != "order_reference"]

    def _newest(self, payment: GatewayPayment, kind: str) -> dict[str, Any]:
        return next(thing for thing in reversed(self._objects(payment)) if thing["kind"] == kind)

    def _last_changed(self, payment: GatewayPayment) -> dict[str, Any]:
        return max(self._objects(payment), key=lambda thing: (thing["update_time"], thing["creation_time"]))

    def _control(self, path: str, **fields: Any) -> Any:
        answer = self._http.post(f"{self._url}/control/{path}", json=fields)
        assert answer.status_code == 200, (path, fields, answer.text)
        return answer.json()

    def _read(self, path: str, **fields: str) -> Any:
        return self._http.get(f"{self._url}/control/{path}", params=fields).raise_for_status().json()

    def _call(self, action: str, parameters: Mapping[str, str]) -> None:
        url = self._url + SANDBOX_PATH
        common = {
            "Action": action,
            "AWSAccessKeyId": ACCESS_KEY,
            "SellerId": SELLER,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "Version": "2013-01-01",
        }
        self._http.post(
            url,
            content=signed_form(url, {**parameters, **common}, SECRET_KEY),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ).raise_for_status()


def _delivery(built: Mapping[str, Any]) -> Delivery:
    return Delivery(built["headers"], built["body"].encode())


def _changed(headers: Mapping[str, str], envelope: Mapping[str, str]) -> Delivery:
    return Delivery(headers, json.dumps(envelope).encode())


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    command = [sys.executable, "-m", "payment_actions_amazon_pay.simulator.app", "--port", "0"]
    accounts = ["--account", f"{SELLER}:{ACCESS_KEY}:{SECRET_KEY}", "--account", f"{FOREIGN}:foreign:foreign"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [*command, *accounts, "--no-throttling"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


class TestAmazonPayV1(GatewayConformance):
    """What the engine relies on, of Amazon Pay v1."""

    @pytest.fixture
    async def harness(self, simulator_url: str) -> AsyncIterator[AmazonPayHarness]:
        line = Line(int(simulator_url.rpartition(":")[2]))
        await line.connect()
        settings = {
            "region": "us",
            "sandbox": True,
            "seller_id": SELLER,
            "access_key": SecretStr(ACCESS_KEY),
            "secret_key": SecretStr(SECRET_KEY),
            "notification_topics": [TOPIC],
            "simulator": f"http://127.0.0.1:{line.port}",
            "throttling": False,
            "timeout_seconds": 30,
        }
        gateway = payment_actions_gateways()["amazon_pay_v1"](settings)
        harness = AmazonPayHarness(simulator_url, gateway, line)
        harness._control("reset")
        yield harness
        await gateway.aclose()
        await line.cut()
