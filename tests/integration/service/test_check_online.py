"""`payment-actions check --online` as its user meets it, with the adapters of a package made for the test."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).parent / "payment-actions")
PLUGIN = """
import asyncio
import time
from datetime import UTC, datetime

from payment_actions_server.plugins import SettingsError, Throttled, Unavailable, hookimpl
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform


class Platform(InMemoryPlatform):
{platform}

    async def aclose(self):
        await super().aclose()
        print("platform closed")


class Gateway(InMemoryGateway):
{gateway}


@hookimpl
def payment_actions_store_platforms():
    def create(settings):
        platform = Platform(lambda: datetime.now(UTC))
        platform.settings = settings
        return platform

    return {{"planted_shop": create}}


@hookimpl
def payment_actions_gateways():
    return {{"planted_gateway": lambda settings: Gateway(lambda: datetime.now(UTC))}}
"""
STORE = """
[stores.{name}]
payment_methods = ["PayWithAmazon"]
capture_mode = "{mode}"
platform = {{ adapter = "planted_shop", api_key = {{ env = "KEY" }} }}
gateway = {{ adapter = "planted_gateway" }}
"""
KEY = "s3cret-key-of-the-shop"
NO_CHECK = "    pass"
WELL = """
    async def check_online(self):
        return []
"""


@pytest.fixture
def check(tmp_path):
    """Check a configuration with planted adapters; return (exit code, data, messages)."""

    def check(platform=NO_CHECK, gateway=NO_CHECK, *, options=("--online",), stores=("eu-shop",), more="",
              capture_mode="authorize_then_capture"):  # fmt: skip
        source = PLUGIN.format(platform=platform, gateway=gateway)
        (tmp_path / "planted_adapters.py").write_text(textwrap.dedent(source))
        info = tmp_path / "planted-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[payment_actions]\nplanted = planted_adapters\n")
        file = tmp_path / "payment-actions.toml"
        database = f'[server]\ndatabase = "sqlite:///{tmp_path / "payments.db"}"\n'
        file.write_text(database + "".join(STORE.format(name=name, mode=capture_mode) for name in stores) + more)
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "KEY": KEY, "COLUMNS": "1000"}
        done = subprocess.run(
            [COMMAND, "check", str(file), *options],
            check=False, capture_output=True, text=True, timeout=120, env=environment,
        )  # fmt: skip
        assert KEY not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    return check


WRONG = """
    async def check_online(self):
        first = SettingsError("statuses.VOIDED", "the shop has no status VO", remedy="Name one of A, P, D, C, R")
        return [SettingsError("url", "it answers as another shop.", remedy="Correct url", more=(first,))]
"""


def test_what_the_other_side_says_is_told_as_any_problem_of_the_configuration(check):
    code, out, messages = check(WRONG)
    assert (code, out) == (8, "platform closed\nplatform closed\n")
    lines = messages.splitlines()
    assert [line.split("payment-actions.toml: ")[1] for line in lines] == [
        "stores.eu-shop.platform.url: it answers as another shop. Correct url",
        "stores.eu-shop.platform.statuses.VOIDED: the shop has no status VO. Name one of A, P, D, C, R",
    ]


def test_without_the_option_no_other_side_is_asked(check):
    assert check(WRONG, options=())[0] == 0


@pytest.mark.parametrize(("platform", "gateway"), [(NO_CHECK, NO_CHECK), (WELL, WELL), (WELL, NO_CHECK)])
def test_adapters_that_find_nothing_or_cannot_check_are_in_order(check, platform, gateway):
    code, _, messages = check(platform, gateway)
    assert code == 0
    assert "is in order" in messages


def test_the_gateway_is_asked_as_well_and_programs_get_json(check):
    code, out, _ = check(WELL, WRONG, options=("--online", "--json"))
    assert code == 8
    problems = json.loads(out[out.index("{") :])["problems"]
    assert problems[0].keys() == {"file", "key", "problem", "remedy"}
    assert [problem["key"] for problem in problems] == [
        "stores.eu-shop.gateway.url",
        "stores.eu-shop.gateway.statuses.VOIDED",
    ]


CAPTURED_AT_ONCE = """
    async def check_online(self):
        return [SettingsError("capture_mode", "the shop captures at checkout", remedy="Set immediate_capture")]
"""


@pytest.mark.parametrize(("mode", "code"), [("authorize_then_capture", 8), ("immediate_capture", 0)])
def test_a_shop_that_captures_at_checkout_is_told_unless_the_store_says_so(check, mode, code):
    found, _, messages = check(CAPTURED_AT_ONCE, capture_mode=mode)
    assert found == code
    assert ("stores.eu-shop.capture_mode: the shop captures at checkout" in messages) is (code == 8)


BROKEN = {
    "an exit": ("raise SystemExit(3)", "check failed with SystemExit: 3"),
    "unreachable": ('raise Unavailable("no connection to https://shop.example.")', "could not be asked: no connection"),
    "throttled": ('raise Throttled("the quota is used up", retry_after_seconds=5)', "could not be asked: the quota"),
    "a mistake": ('raise TypeError("of type " + type(self).__name__)', "check failed with TypeError: of type"),
    "an answer that is none": ("return [7]", "check answered with something else than settings errors"),
    "no answer": ("return None", "check answered with something else than settings errors"),
    "raised": ('raise SettingsError("url", "it answers as another shop")', "platform.url: it answers as another shop"),
    "a secret": ('raise Unavailable("key " + self.settings["api_key"].get_secret_value())', "key [secret]"),
    "a secret in a mistake": ('raise TypeError(self.settings["api_key"].get_secret_value())', "TypeError: [secret]"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_side_that_cannot_be_asked_or_breaks_is_told_with_its_store_and_takes_no_other_with_it(check, what):
    body, told = BROKEN[what]
    platform = f"""
    async def check_online(self):
        {body}
"""
    code, _, messages = check(platform, WRONG, stores=("a", "b"))
    assert code == 8
    for store in ("a", "b"):
        assert f"stores.{store}.gateway.url" in messages
        assert any(f"stores.{store}.platform" in line and told in line for line in messages.splitlines())
    assert ".." not in messages.replace("...", "")


def test_a_side_that_never_answers_is_given_up_and_all_are_asked_at_the_same_time(check):
    silent = """
    async def check_online(self):
        await asyncio.sleep(3600)
"""
    code, _, messages = check(silent, silent, options=("--online", "--timeout", "1"), stores=("a", "b", "c"))
    assert code == 8
    assert messages.count("could not be asked: no answer within 1 s") == 6


def test_a_store_that_cannot_be_opened_is_told_and_the_others_are_asked(check):
    other = STORE.format(name="us-shop", mode="authorize_then_capture").replace("planted_gateway", "nobodys")
    code, _, messages = check(WRONG, more=other)
    assert code == 8
    assert "stores.us-shop.gateway.adapter" in messages
    assert "stores.us-shop.platform.url" not in messages
    assert "stores.eu-shop.platform.url" in messages
