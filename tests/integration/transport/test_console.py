"""The console's files over HTTP, and in the wheel. `make web` built them; they are the real ones."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from payment_actions_server.transport.console import BUILT, POLICY
from payment_actions_server.transport.http import HttpApplication
from payment_actions_server.transport.origins import Origins

ROOT = Path(__file__).parents[3]
SHOP = "https://shop.example"
PAGE = {"accept": "text/html,application/xhtml+xml"}


def client(engine, metrics, console=BUILT):
    app = HttpApplication(engine, metrics, lambda: True, Origins([SHOP]), console)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost:8080")


@pytest.fixture
async def web(engine, metrics):
    assert (BUILT / "index.html").is_file(), "`make web` builds it"
    async with client(engine, metrics) as web:
        yield web


@pytest.mark.parametrize("path", ["/", "/payments", "/payments/eu-shop/4711?tab=history", "/any/thing/else"])
async def test_every_address_of_the_console_is_its_page(web, path):
    page = await web.get(path, headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<payment-console>" in page.text
    assert page.headers["cache-control"] == "no-cache"


async def test_the_page_may_load_from_here_only_and_run_nothing_that_is_inline(web):
    page = await web.get("/", headers=PAGE)
    assert page.headers.get_list("content-security-policy") == [POLICY]
    assert "unsafe" not in POLICY
    assert "connect-src 'self'" in POLICY
    assert "frame-ancestors 'none'" in POLICY
    assert page.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=|https?://", page.text)


async def test_all_that_the_page_names_is_there_and_may_be_kept_for_ever(web):
    named = re.findall(r'(?:src|href)="([^"]+)"', (await web.get("/", headers=PAGE)).text)
    assert any(name.endswith(".js") for name in named)
    for name in named:
        assert re.fullmatch(r"/assets/[\w-]+-[A-Z0-9]{8}\.(js|css|svg)", name), name
        file = await web.get(name)
        assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/svg+xml"}


async def test_a_file_is_packed_for_who_takes_it_and_not_sent_twice(web):
    plain = await web.get("/payment-actions.js", headers={"accept-encoding": "identity"})
    packed = await web.get("/payment-actions.js", headers={"accept-encoding": "gzip, br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (BUILT / "payment-actions.js").read_bytes()
    again = await web.get("/payment-actions.js", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_element_is_for_pages_that_are_listed(web):
    ours = await web.get("/payment-actions.js")
    listed = await web.get("/payment-actions.js", headers={"origin": SHOP})
    stranger = await web.get("/payment-actions.js", headers={"origin": "https://evil.example"})
    assert listed.headers["access-control-allow-origin"] == SHOP
    assert listed.headers["cross-origin-resource-policy"] == "cross-origin"
    for answer in (ours, stranger):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "origin" in listed.headers["vary"]


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/..%2Findex.html", "/assets/%2e%2e/%2e%2e/config.py"])
async def test_nothing_else_is_served(web, path):
    assert (await web.get(path)).status_code == 404


async def test_a_program_that_asks_for_what_is_not_there_is_told_so(web):
    assert (await web.get("/healthy")).status_code == 404
    assert (await web.post("/", headers=PAGE)).status_code == 405


async def test_without_the_files_the_page_says_how_to_build_them(engine, metrics, tmp_path):
    async with client(engine, metrics, tmp_path) as web:
        page = await web.get("/", headers=PAGE)
        assert (page.status_code, "make web" in page.text, 'href="/healthz"' in page.text) == (200, True, True)
        assert (await web.get("/healthz")).status_code == 200
        assert (await web.get("/payment-actions.js")).status_code == 404


def wheel(source, tmp_path):
    """Build the server's wheel, without a network."""
    code = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    return subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=source, capture_output=True, text=True, check=False
    )


def test_the_wheel_brings_the_console(tmp_path):
    built = wheel(ROOT / "server", tmp_path)
    assert built.returncode == 0, built.stderr
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    files = {path.relative_to(BUILT.parents[0]).as_posix() for path in BUILT.rglob("*") if path.is_file()}
    assert {f"payment_actions_server/{name}" for name in files} <= names
    assert {"payment_actions_server/console/index.html", "payment_actions_server/console/payment-actions.js"} <= names


def copied(tmp_path):
    """Return a copy of what the wheel is built from, without the built files."""
    source = tmp_path / "tree/server"
    (source / "src/payment_actions_server").mkdir(parents=True)
    for name in ("pyproject.toml", "hatch_build.py"):
        (source / name).write_text((ROOT / "server" / name).read_text())
    (source / "src/payment_actions_server/__init__.py").touch()
    return source


def test_a_wheel_without_the_console_is_not_built(tmp_path):
    built = wheel(copied(tmp_path), tmp_path)
    assert built.returncode != 0
    assert "Run `make web`" in built.stderr


def test_a_wheel_takes_the_console_from_where_it_was_built(tmp_path):
    source = copied(tmp_path)
    for name in ("console/dist/index.html", "console/dist/assets/a-12345678.js", "dist/embed/payment-actions.js"):
        path = source.parent / "clients/web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    built = wheel(source, tmp_path)
    assert built.returncode == 0, built.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    place = "payment_actions_server/console"
    assert {f"{place}/index.html", f"{place}/assets/a-12345678.js", f"{place}/payment-actions.js"} <= set(names)
