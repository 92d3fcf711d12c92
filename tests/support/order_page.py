"""What a test does with the shop's order page, and with any page: press, read, look at."""

import re
from pathlib import Path
from typing import Self

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"

_FINDINGS = (
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]))"
)


class OrderPage:
    """The section in a shop's order page, as one member of the staff has it open."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.section = page.locator("payment-actions")
        self.chip = self.section.locator("header .chip")
        self.summary = self.section.locator(".summary")
        self.panel = self.section.locator(".panel")
        self.history = self.section.locator(".history li")
        self.dialog = self.section.get_by_role("dialog")
        self.shop_says = page.locator("[data-status=payment_status]")

    def open(self) -> Self:
        """Load the page and wait until the section can be used."""
        self.page.goto(self.address)
        expect(self.section.get_by_role("heading", level=2)).to_be_visible()
        expect(self.section.locator("article")).to_have_attribute("aria-busy", "false")
        return self

    def button(self, name: str) -> Locator:
        """Return the button of an action; its amount may stand beside its name."""
        return self.section.locator(".actions").get_by_role("button", name=re.compile(f"^{re.escape(name)}( |$)"))

    def offers(self, *names: str) -> None:
        """Expect these buttons, in this order, and no other."""
        expected = [re.compile(rf"^\s*{re.escape(name)}( |\s*$)") for name in names]
        expect(self.section.locator(".actions > button")).to_have_text(expected)

    def press(self, name: str, note: str = "") -> None:
        """Press an action's button and say yes to what is asked."""
        self.button(name).click()
        if note:
            self.dialog.get_by_label("Note for the history").fill(note)
        self.agree()

    def agree(self) -> None:
        """Say yes."""
        self.dialog.locator("button[type=submit]").click()

    def refresh(self) -> None:
        """Press Refresh, unless the service has looked by itself meanwhile and so taken the button away."""
        self.section.evaluate("(section) => section.shadowRoot.querySelector('[data-action=REFRESH]')?.click()")

    def tells(self, text: str) -> None:
        """Expect a text in the history; Amazon's news may have pushed it among what is shown on request."""
        line = self.section.locator(".history").get_by_text(text)
        older = self.section.locator(".history").get_by_role("button")
        expect(line.or_(older).first).to_be_visible()
        older.evaluate_all("(buttons) => buttons.forEach((button) => button.click())")
        expect(line.first).to_be_visible()


def shoot(page: Page, name: str, *, full: bool = True) -> None:
    """Keep a picture of the page, to be looked at by people."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full, animations="disabled")


def findings(page: Page) -> list[list[object]]:
    """Return what axe finds, in the page and in what it embeds."""
    page.evaluate(AXE.read_text())
    found: list[list[object]] = page.evaluate(_FINDINGS)
    return found


class Held:
    """Requests of a context that are under way for as long as the test wants."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.requests: list[Route] = []
        self._released = False
        context.route(address, self._take)

    def release(self) -> None:
        """Let them go, and all that follow."""
        self._released = True
        for request in self.requests:
            request.continue_()

    def _take(self, request: Route) -> None:
        if self._released:
            request.continue_()
        else:
            self.requests.append(request)


class Watched:
    """Every page of a context: no breach of its policy, no error, nothing from elsewhere, no secret in an address."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.problems: list[str] = []
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self._said(message.text))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, text: str) -> None:
        # That a request failed is told there, too; tests that cut connections know.
        if "Security Policy" in text or "Uncaught" in text:
            self.problems.append(text)

    def _asked(self, url: str) -> None:
        local = url.startswith(("http://127.0.0.1:", "data:", "blob:"))
        if not local or re.search(r"[?&#](token|key|secret|access|auth)", url, re.IGNORECASE):
            self.problems.append(f"asked for {url}")

    def stored(self) -> list[str]:
        """Return the keys of what the pages have stored for ever."""
        return [key for page in self.context.pages for key in page.evaluate("Object.keys(localStorage)")]
