"""The whole story on loopback: simulators, the service, orders placed by Amazon's own SDK, and the staff's work."""

import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from payment_actions_client import Client
from payment_actions_server.demo.stage import DEMO_SHOPS, OLDER_SHOP, Stage
from payment_actions_server.demo.story import Story
from payment_actions_server.demo.telling import Teller


def main(*, once: bool) -> int:
    """Run the demo.

    :param once: end after the story, rather than keep serving until Ctrl-C.
    :return: the exit code: 0 only if everything came out as it must.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # Leave by the way that stops the children, too.
    with tempfile.TemporaryDirectory(prefix="payment-actions-demo-") as folder:
        console.print("Starting Amazon Pay and three X-Cart shops (simulated), and the service (real) ...")
        with Stage(Path(folder), shops=DEMO_SHOPS, fixed_ports=not once) as stage:
            _addresses(stage, console)
            failures, story = _tell(stage, console)
            if not once:
                _keep_serving(stage, console, story)
    return 1 if failures else 0


def _tell(stage: Stage, console: Console) -> tuple[list[str], Story]:
    """Return the expectations that did not come true, and the story, which knows the orders that are left."""
    teller = Teller(console)
    with Client(stage.target, actor="demo") as client:
        story = Story(stage, client, teller)
        story.play()
        payments = list(client.list_payments())
    words = {
        (store, str(order["id"])): order["payment_status"]
        for store, shop in stage.shops.items()
        for order in shop.get("orders")
    }
    teller.payments(payments, words)
    _conclude(teller)
    return teller.failures, story


def _conclude(teller: Teller) -> None:
    for failure in teller.failures:
        teller.console.print(f"[red]{failure}[/red]")
    right = teller.checks - len(teller.failures)
    teller.console.print(f"\n{right} of {teller.checks} expectations came true.")


def _addresses(stage: Stage, console: Console, story: Story | None = None) -> None:
    """Print where to look; at the beginning and at the end, for what stands between is long."""
    lines = [f"Console:              {stage.http_url}/"]
    if story is not None:
        lines += [
            f"A shop's order page:  {stage.order_page('eu-shop', story.left_to_capture)}",
            f"X-Cart's section too: {stage.order_page(OLDER_SHOP.store, story.left_to_both)}",
        ]
    lines += [
        f"A shop's orders:      {stage.order_page('eu-shop')}",
        f"X-Cart 5.4's orders:  {stage.order_page(OLDER_SHOP.store)}",
    ]
    console.print("\n" + "".join(f"  {line}\n" for line in lines), highlight=False, soft_wrap=True)


def _keep_serving(stage: Stage, console: Console, story: Story) -> None:
    target = stage.target
    python = f"from payment_actions_client import Client; print(Client({target!r}).get_payment('eu-shop', '1'))"
    console.print(
        f"\nStill serving. Try it yourself, in another terminal:\n"
        f"  .venv/bin/payment-actions --server {target} list\n"
        f"  .venv/bin/payment-actions --server {target} show eu-shop 1\n"
        f"  .venv/bin/payment-actions --server {target} refund eu-shop 1\n"
        f'  .venv/bin/python -c "{python}"\n'
        f"Order {story.left_to_both} of {OLDER_SHOP.store} shows X-Cart's own section and ours: press Capture in one of"
        " them, then reload the page and look at the other.\n"
        f"Metrics and health: {stage.http_url}/metrics, {stage.http_url}/healthz\n"
        f"Amazon's and X-Cart's control interfaces: {stage.amazon.url}/control/state,"
        f" {stage.shops['eu-shop'].url}/control/orders, {stage.shops[OLDER_SHOP.store].url}/control/orders\n"
        f"Logs: {stage.folder}\n"
        "Ctrl-C ends it.",
        highlight=False,
        soft_wrap=True,
    )
    _addresses(stage, console, story)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping ...")
