"""The service as a real process, with both simulators as processes, and Amazon's own SDK at the checkout."""

import pytest
from support.settling import PatientStage, Shopfront

from payment_actions_client import Client
from payment_actions_server.demo.checkout import Checkout


@pytest.fixture(scope="module")
def database():
    """Return the URL of the database that a module's stage is over; none: a file of its own."""
    return ""


@pytest.fixture(scope="module")
def stage(tmp_path_factory, database):
    with PatientStage(tmp_path_factory.mktemp("stage"), database) as running:
        yield running


@pytest.fixture
def shopfront(stage):
    stage.amazon.send("DELETE", "faults")
    for shop in stage.shops.values():
        shop.send("DELETE", "faults")
    with Client(stage.target, actor="test") as client:
        yield Shopfront(stage, client, Checkout(stage, "eu-shop"))
