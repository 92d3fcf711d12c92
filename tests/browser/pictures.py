"""The pictures of README and docs, taken of the running product: `make screenshots`."""

import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from rich.console import Console
from support.chromium import ARGUMENTS, executable

from payment_actions_client import Client
from payment_actions_server.demo.stage import DEMO_SHOPS, Stage
from payment_actions_server.demo.story import Story
from payment_actions_server.demo.telling import Teller

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1120, 760

Picture = Callable[[Page, Stage, str], None]


def order_page(page: Page, stage: Stage, order_id: str) -> None:
    """The section on a shop's order page."""
    page.goto(stage.order_page("eu-shop", order_id))
    expect(page.locator("payment-actions .chip").first).to_be_visible()


def question(page: Page, stage: Stage, order_id: str) -> None:
    """What is asked before money moves."""
    order_page(page, stage, order_id)
    page.locator("payment-actions .actions button").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def overview(page: Page, stage: Stage, _order_id: str) -> None:
    """The console's first page."""
    page.goto(stage.http_url)
    expect(page.get_by_text("Where payments stand")).to_be_visible()
    page.wait_for_timeout(1000)


def payments(page: Page, stage: Stage, _order_id: str) -> None:
    """The console's list."""
    page.goto(f"{stage.http_url}/payments")
    expect(page.get_by_role("row").nth(8)).to_be_visible()


def order(page: Page, stage: Stage, _order_id: str) -> None:
    """The console's page about an order."""
    page.goto(f"{stage.http_url}/payments/eu-shop/3")
    expect(page.locator("payment-actions .chip").first).to_be_visible()


def bulk(page: Page, stage: Stage, _order_id: str) -> None:
    """A bulk run that was tried."""
    page.goto(f"{stage.http_url}/payments?store=eu-shop")
    page.get_by_label("Select all that are loaded").check()
    page.get_by_role("button", name="Capture …").click()
    page.get_by_role("button", name="Try without doing").click()
    expect(page.get_by_text("would go ahead").first).to_be_visible()
    page.mouse.move(0, 0)


#: File -> what it shows, and whether in the dark.
PICTURES: dict[str, tuple[Picture, bool]] = {
    "order-page.png": (order_page, False),
    "order-page-question.png": (question, False),
    "console-overview.png": (overview, False),
    "console-payments.png": (payments, True),
    "console-order.png": (order, False),
    "console-bulk.png": (bulk, False),
}


def main() -> None:
    """Take all of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stage(Path(folder), shops=DEMO_SHOPS) as stage,
        Client(stage.target) as client,
    ):
        story = Story(stage, client, Teller(Console(quiet=True)))
        story.play()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
            for name, (picture, dark) in PICTURES.items():
                _take(browser, name, lambda page, p=picture: p(page, stage, story.left_to_capture), dark=dark)
            browser.close()


def _take(browser: Browser, name: str, show: Callable[[Page], None], *, dark: bool) -> None:
    options = {"width": WIDTH, "height": HEIGHT}
    with browser.new_context(
        viewport=options, locale="en-US", reduced_motion="reduce", color_scheme="dark" if dark else "light"
    ) as context:
        page = context.new_page()
        show(page)
        png = page.screenshot(animations="disabled")
    # A palette is enough for what is mostly plain colour, and a quarter of the size.
    image = Image.open(BytesIO(png)).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    IMAGES.mkdir(parents=True, exist_ok=True)
    image.save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
