"""The whole story on loopback: simulators, the service, orders placed by Amazon's own SDK, and the staff's work."""

import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from payment_actions_client import Client
from payment_actions_server.demo.stage import Stage
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
        console.print("Starting Amazon Pay and two X-Cart shops (simulated), and the service (real) ...")
        with Stage(Path(folder), fixed_ports=not once) as stage:
            _addresses(stage, console)
            failures, order_id = _tell(stage, console)
            if not once:
                _keep_serving(stage, console, order_id)
    return 1 if failures else 0


def _tell(stage: Stage, console: Console) -> tuple[list[str], str]:
    """Return the expectations that did not come true, and an order that is left to capture."""
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
    return teller.failures, story.left_to_capture


def _conclude(teller: Teller) -> None:
    for failure in teller.failures:
        teller.console.print(f"[red]{failure}[/red]")
    right = teller.checks - len(teller.failures)
    teller.console.print(f"\n{right} of {teller.checks} expectations came true.")


def _addresses(stage: Stage, console: Console, order_id: str = "") -> None:
    """Print where to look; at the beginning and at the end, for what stands between is long."""
    page = f"  A shop's order page: {stage.order_page('eu-shop', order_id)}\n" if order_id else ""
    console.print(
        f"\n  Console:             {stage.http_url}/\n{page}  A shop's orders:     {stage.order_page('eu-shop')}\n",
        highlight=False,
        soft_wrap=True,
    )


def _keep_serving(stage: Stage, console: Console, order_id: str) -> None:
    target = stage.target
    python = f"from payment_actions_client import Client; print(Client({target!r}).get_payment('eu-shop', '1'))"
    console.print(
        f"\nStill serving. Try it yourself, in another terminal:\n"
        f"  .venv/bin/payment-actions --server {target} list\n"
        f"  .venv/bin/payment-actions --server {target} show eu-shop 1\n"
        f"  .venv/bin/payment-actions --server {target} refund eu-shop 1\n"
        f'  .venv/bin/python -c "{python}"\n'
        f"Metrics and health: {stage.http_url}/metrics, {stage.http_url}/healthz\n"
        f"Amazon's and X-Cart's control interfaces: {stage.amazon.url}/control/state,"
        f" {stage.shops['eu-shop'].url}/control/orders\n"
        f"Logs: {stage.folder}\n"
        "Ctrl-C ends it.",
        highlight=False,
        soft_wrap=True,
    )
    _addresses(stage, console, order_id)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("Stopping ...")
