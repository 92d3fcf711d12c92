"""A real Chromium, Debian's, driven by Playwright; and the stage of clients/web, with a payment in every state."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from support.chromium import ARGUMENTS, ChromiumMissing, executable

expect.set_options(timeout=30_000)  # On two cores that others share, a page takes its time.

ROOT = Path(__file__).parents[2]
WEB = ROOT / "clients" / "web"


# Of a module, not of the session: while Playwright runs, its thread has an event loop, and no asynchronous test can run
# there.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        path = executable()
    except ChromiumMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport={"width": 800, "height": 900}, reduced_motion="reduce") as context:
        context.set_default_timeout(30_000)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that fails its test when anything on it did: an exception, a breach of its policy, a request elsewhere."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: None if _local(request.url) else problems.append(f"asked for {request.url}"))
    yield page
    assert problems == []


def _local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="session")
def stage() -> Iterator[str]:
    """The address of the stage, which `make web` builds."""
    folder = WEB / "dist" / "stage"
    assert (folder / "stage.js").exists(), "`make web` builds the stage"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
