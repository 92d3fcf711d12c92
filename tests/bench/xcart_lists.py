"""What discovery costs a large X-Cart shop: ``python -m bench.xcart_lists --orders 200000``, from ``tests``.

A simulated shop of X-Cart 5.4 cuts and sorts its lists. One of 5.1 does not, and sends every order that it has: so
the adapter read every shop of 5.0-5.4 before.
"""

import argparse
import asyncio
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from payment_actions_xcart.platform import create
from payment_actions_xcart.simulator.legacy import Keys, LegacyApi
from payment_actions_xcart.simulator.settings import ShopSettings
from payment_actions_xcart.simulator.shop import PAYMENT, SHIPPING, Order, Shop
from payment_actions_xcart.simulator.transactions import Transaction

KEY = "bench-key"
FIRST_SECOND = 1_700_000_000


class Counter:
    """Counts the requests to an application, and the bytes of its answers."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.requests = 0
        self.size = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on one request."""
        self.requests += scope["type"] == "http"

        async def counted(message: Message) -> None:
            self.size += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, counted)

    def take(self) -> tuple[int, int]:
        """Return what was counted since the last call."""
        taken = self.requests, self.size
        self.requests = self.size = 0
        return taken


def filled(orders: int, version: str) -> Shop:
    """Return a shop of so many orders, one changed each second."""
    shop = Shop(ShopSettings(legacy_version=version))
    paid, new = shop.statuses[PAYMENT].by_code("A"), shop.statuses[SHIPPING].by_code("N")
    for number in range(1, orders + 1):
        second = FIRST_SECOND + number
        transaction = Transaction(
            id=number, public_id=f"{number:06d}-BNCH", type="auth", status="S", value=Decimal("129.90"),
            currency="EUR", date=second,
        )  # fmt: skip
        shop.orders[number] = Order(
            id=number, number=f"{number:05d}", total=Decimal("129.90"), currency="EUR", method_code="PayWithAmazon",
            method_name="Amazon Pay", payment_status=paid, shipping_status=new, email="buyer@example.com",
            storage="transaction_data", amazon_module="later", transaction=transaction, date=second, renewed=second,
        )  # fmt: skip
    return shop


async def measure(orders: int, changed: int, version: str) -> str:
    """Return a line of the table: what one list of the ``changed`` last orders costs."""
    counter = Counter(Starlette(routes=LegacyApi(filled(orders, version), Keys(KEY, "read")).routes()))
    server = uvicorn.Server(uvicorn.Config(counter, log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        settings = {"url": url, "api": "rest_legacy", "api_key": SecretStr(KEY), "timeout_seconds": 60}
        platform = create(settings)
        after = datetime.fromtimestamp(FIRST_SECOND + orders - changed + 1, UTC)
        started = time.perf_counter()
        page = await platform.list_orders(changed_after=after, page_token="", page_size=50)
        seconds = time.perf_counter() - started
        requests, size = counter.take()
        await platform.aclose()
        server.should_exit = True
        await serving
    assert len(page.orders) == changed
    return f"| {version} | {changed} | {requests} | {size:,} | {seconds:.2f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.xcart_lists", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    chosen = parser.parse_args(arguments)
    print(f"{chosen.orders:,} orders in the shop; one list of those that changed")
    print("| X-Cart | changed | requests | bytes | seconds |\n| --- | --- | --- | --- | --- |")
    for version in ("5.1", "5.4"):
        for changed in (0, 3, 20):
            print(asyncio.run(measure(chosen.orders, changed, version)))


if __name__ == "__main__":
    main()
