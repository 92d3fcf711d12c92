"""A shop under test: place an order, act on it, and wait until everything has come to rest."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client
from payment_actions_server.demo.checkout import Checkout, PlacedOrder
from payment_actions_server.demo.stage import Stage
from payment_actions_server.demo.telling import status

WAIT_SECONDS_MAX = 150  # The schedule's second look at an unsettled payment comes up to 72 s after the first.


class StageOver(Stage):
    """A stage whose service keeps its record in a database of the test's; none named: in a file, as the demo does."""

    def __init__(self, folder: Path, database: str, *, service_settings: str = "") -> None:
        super().__init__(folder, service_settings=service_settings)
        self._database = database

    def _configuration(self) -> str:
        written = super()._configuration()
        return re.sub(r"(?m)^database = .*$", f'database = "{self._database}"', written) if self._database else written


class PatientStage(StageOver):
    """A stage whose service waits for Amazon's answers however busy the machine is: none of them is in doubt."""

    gateway_seconds_max = 15.0


@dataclass
class Shopfront:
    """What a test of the running service holds in its hands."""

    stage: Stage
    client: Client
    checkout: Checkout
    store: str = "eu-shop"

    def order(self, *args, **options) -> PlacedOrder:
        """Place an order, authorized unless told otherwise."""
        return self.checkout.order(*args, **options)

    def payment(self, order: PlacedOrder) -> pb.Payment:
        """Return the payment as callers see it."""
        return self.client.get_payment(self.store, order.order_id)

    def status(self, order: PlacedOrder) -> str:
        """Return the payment's status without its prefix."""
        return status(self.payment(order))

    def xcart_status(self, order: PlacedOrder) -> str:
        """Return what the shop holds."""
        return self.stage.shops[self.store].get(f"orders/{order.order_id}")["payment_status"]

    def xcart_writes(self, order: PlacedOrder) -> list[dict]:
        """Return every status write that the shop saw."""
        return self.stage.shops[self.store].get(f"orders/{order.order_id}")["writes"]

    def effects(self, order: PlacedOrder) -> list[str]:
        """Return what really happened to the order's money after its authorization, in order."""
        listed = self.stage.amazon.get("effects", order_reference=order.order_reference)["effects"]
        return [effect["kind"] for effect in listed if effect["kind"] != "authorize"]

    def settle(self, order: PlacedOrder, kind: str) -> None:
        """Let Amazon decide now about what it holds as Pending."""
        objects = self.stage.amazon.get("objects", kind=kind, order_reference=order.order_reference)["objects"]
        for pending in (each for each in objects if each["state"] == "Pending"):
            self.stage.amazon.send("POST", "settle", object=pending["id"])

    def at_rest(self, order: PlacedOrder, wanted_status: str, *, client: Client | None = None) -> pb.Payment:
        """Wait until the payment has the status, nothing is in flight and the store holds it; return it."""
        reader = client or self.client

        def look() -> pb.Payment | None:
            payment = reader.get_payment(self.store, order.order_id)
            rests = not payment.HasField("operation_in_flight")
            synced = payment.store_update.state == pb.STORE_UPDATE_STATE_IN_SYNC
            return payment if rests and synced and status(payment) == wanted_status else None

        return until(look, f"order {order.order_id} to be {wanted_status} and at rest")


def until(look, what: str, seconds_max: float = WAIT_SECONDS_MAX):
    """Return what ``look`` finds, once it finds something."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds_max} s for {what}")
