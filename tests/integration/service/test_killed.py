"""Kill -9 at the three places where it hurts: afterwards exactly one effect, and the shop holds the right status.

Over each kind of database.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.databases import ENGINES
from support.settling import Shopfront, StageOver, until

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client, OutcomeUnknown, RetryPolicy
from payment_actions_server.demo.checkout import Checkout

PLUGIN = Path(__file__).parents[2] / "support" / "pausing_plugin"


class PausableStage(StageOver):
    """A stage whose gateway is a third party's plugin that can be stopped just before Amazon is called."""

    gateway_adapter = "pausing_amazon_pay"

    @property
    def pause(self) -> Path:
        return self.folder / "pause"

    def environment(self):
        paths = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))
        return super().environment() | {"PYTHONPATH": paths, "PAUSE_FILE": str(self.pause)}


@pytest.fixture(params=ENGINES)
def database(request):
    return request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""


@pytest.fixture
def stage(tmp_path, database):
    with PausableStage(tmp_path, database, service_settings="lease_seconds = 10") as running:
        yield running


@contextmanager
def capturing(stage, order):
    """Capture in the background, by a client that gives up soon; the caller kills the service meanwhile."""

    def capture():
        with Client(stage.target, retry=RetryPolicy(attempts_max=1)) as client:
            try:
                return client.capture(order.store, order.order_id, request_id="the-one")
            except OutcomeUnknown as unknown:
                return unknown

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(capture)


def assert_one_capture(stage, order):
    """Whatever happened: one effect, one reference, the same answer to the same request, and a shop that knows."""
    with Client(stage.target) as client:
        front = Shopfront(stage, client, Checkout(stage, "eu-shop"))
        front.at_rest(order, "CAPTURED")
        again = client.capture(order.store, order.order_id, request_id="the-one").operation
        assert front.effects(order) == ["capture"]
        assert front.xcart_status(order) == "P"
        effects = stage.amazon.get("effects", order_reference=order.order_reference)["effects"]
        assert [effect["reference_id"] for effect in effects if effect["kind"] == "capture"] == [again.reference]
        started = [event for event in client.list_events(order.store, order.order_id) if event.type == 2]
        assert len(started) == 1


def test_killed_between_intent_and_gateway_call_it_captures_once(stage):
    order = Checkout(stage, "eu-shop").order()
    stage.pause.touch()
    with capturing(stage, order):
        until(stage.pause.with_suffix(".reached").exists, "the capture to be about to be sent")
        stage.service.kill()
    assert not stage.amazon.get("calls", operation="Capture")["calls"]
    stage.pause.unlink()
    stage.start_service()
    assert_one_capture(stage, order)


def test_killed_between_gateway_call_and_outcome_it_captures_once(stage):
    order = Checkout(stage, "eu-shop").order()
    stage.amazon.send("POST", "faults/calls", operation="Capture", kind="slow", executes="before", seconds=30, count=1)
    with capturing(stage, order):
        front = Shopfront(stage, None, None)
        until(lambda: front.effects(order), "Amazon to have captured")
        stage.service.kill()
    stage.start_service()
    assert_one_capture(stage, order)


def test_killed_between_outcome_and_store_update_the_shop_still_hears_of_it(stage):
    order = Checkout(stage, "eu-shop").order()
    xcart = stage.shops["eu-shop"]
    with Client(stage.target) as client:
        client.get_payment(order.store, order.order_id)
        xcart.send("POST", "faults", kind="down", method="PUT", count=0)  # It can be read, and takes no status.
        operation_id = client.capture(order.store, order.order_id, request_id="the-one").operation.operation_id
        until(
            lambda: client.get_operation(order.store, operation_id).state == pb.OPERATION_STATE_SUCCEEDED,
            "the outcome to be known",
        )
    stage.service.kill()
    assert xcart.get(f"orders/{order.order_id}")["payment_status"] == "A"
    xcart.send("DELETE", "faults")
    stage.start_service()
    assert_one_capture(stage, order)
