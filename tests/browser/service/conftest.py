"""The real service, Amazon's simulator and the shop's as processes; what happened is counted at the gateway."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from support.order_page import OrderPage, Watched
from support.settling import Shopfront

from payment_actions_client import Client
from payment_actions_server.demo.checkout import Checkout, PlacedOrder
from payment_actions_server.demo.stage import DEMO_SHOPS, Stage

REVIEWING = Path(__file__).parents[2] / "support" / "reviewing_plugin"
KNOWN_KEYS = {"payment-actions-console"}


class ShopStage(Stage):
    """A stage whose service comes back at the same address, and whose policy refuses large refunds."""

    def environment(self) -> dict[str, str]:
        paths = os.pathsep.join(filter(None, [str(REVIEWING), os.environ.get("PYTHONPATH")]))
        return super().environment() | {"PYTHONPATH": paths}

    def start_service(self) -> None:
        super().start_service()
        ready, text = self.service.ready, self.config.read_text()
        for name in ("grpc", "http"):
            text = re.sub(rf'(?m)^{name} = ".*"', f'{name} = "127.0.0.1:{ready[f"{name}_port"]}"', text)
        self.config.write_text(text)


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopStage]:
    folder = tmp_path_factory.mktemp("stage")
    with ShopStage(folder, shops=DEMO_SHOPS, service_settings="lease_seconds = 10") as running:
        yield running


@pytest.fixture
def front(shops: ShopStage) -> Iterator[Shopfront]:
    shops.amazon.send("DELETE", "faults")
    shops.amazon.send("POST", "release")
    with Client(shops.target, actor="test") as client:
        yield Shopfront(shops, client, Checkout(shops, "eu-shop"))


@pytest.fixture
def sign_in(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Open a browser of somebody's own; when the test ends, nothing that it watched for may have happened."""
    with ExitStack() as stack:
        watched: list[Watched] = []

        def sign_in(**options: Any) -> BrowserContext:
            defaults = {"viewport": {"width": 1100, "height": 900}, "reduced_motion": "reduce", "locale": "en-US"}
            context = stack.enter_context(chromium.new_context(**{**defaults, "timezone_id": "UTC", **options}))
            context.set_default_timeout(30_000)
            watched.append(Watched(context))
            return context

        yield sign_in
        assert [problem for one in watched for problem in one.problems] == []
        assert {key for one in watched for key in one.stored()} <= KNOWN_KEYS


@pytest.fixture
def visit(front: Shopfront, sign_in: Callable[..., BrowserContext]) -> Callable[..., OrderPage]:
    """Open the shop's page about an order, in a browser of somebody's own unless one is given."""

    def visit(
        order: PlacedOrder, admin: str = "anna@shop.example", query: str = "",
        context: BrowserContext | None = None, **options: Any,
    ) -> OrderPage:  # fmt: skip
        page = (context or sign_in(**options)).new_page()
        address = f"{front.stage.order_page(order.store, order.order_id)}?admin={admin}{query}"
        return OrderPage(page, address).open()

    return visit
