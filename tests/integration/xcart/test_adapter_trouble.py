"""The adapter on a shop's bad day: which failure is which, and never a word of the key."""

import logging
import time

import pytest
from pydantic import SecretStr

from payment_actions_server.plugins import SettingsError, StatusUpdate, Unavailable
from payment_actions_xcart.platform import create

CAPTURED = StatusUpdate(
    order_id="1", status="CAPTURED", currency_code="EUR",
    authorized_minor=12990, captured_minor=12990, refunded_minor=0,
)  # fmt: skip


async def every_call(platform):
    """Return what each call raises."""
    caught = []
    calls = [
        lambda: platform.read_order("1"),
        lambda: platform.apply_status(CAPTURED),
        lambda: platform.list_orders(changed_after=None, page_token="", page_size=5),
    ]
    for call in calls:
        with pytest.raises(Unavailable) as error:
            await call()
        caught.append(error.value)
    return caught


@pytest.mark.parametrize("kind", ["down", "500", "lose_answer"])
async def test_a_shop_in_trouble_is_unavailable_and_nothing_is_written(platform, shop, kind):
    shop.create()
    shop.fault(kind, count=0)
    errors = await every_call(platform)
    assert not any(isinstance(error, SettingsError) for error in errors)
    assert shop.writes() == []


async def test_a_shop_that_cannot_be_reached_is_unavailable(connect):
    await every_call(connect(url="http://127.0.0.1:1/"))


async def test_a_slow_shop_is_given_up_in_time(connect, shop):
    shop.create()
    shop.fault("slow", delay_seconds=60, count=1)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"within 0\.2 seconds"):
        await connect(timeout_seconds=0.2).apply_status(CAPTURED)
    assert time.monotonic() - started < 30


async def test_a_refused_key_names_its_setting(connect, shop):
    shop.create()
    errors = await every_call(connect(key="wrong"))
    assert [error.key for error in errors] == ["api_key"] * 3
    assert not any("wrong" in str(error) + repr(error) for error in errors)


@pytest.mark.parametrize("mistyped", ["{} ", " {}"])
async def test_a_key_with_a_space_too_many_is_not_shown(connect, shop, mistyped):
    # The HTTP library refuses such a header in words that quote it.
    key = mistyped.format(shop.write_token)
    with pytest.raises(SettingsError) as caught:
        await connect(key=key).read_order("1")
    assert caught.value.key == "api_key"
    assert shop.write_token not in f"{caught.value!r} {caught.value.__context__!r}"


async def test_an_address_without_the_api_names_its_setting(connect, shop):
    shop.create()
    with pytest.raises(SettingsError) as caught:
        await connect(url=f"{shop.url}elsewhere/").read_order("1")
    assert caught.value.key == "url"


async def test_a_path_before_the_api_is_kept(connect, shop):
    shop.create()
    with pytest.raises(SettingsError):
        await connect(url=f"{shop.url}store").read_order("1")
    assert shop.requests()[-1]["path"].startswith("/store/")


async def test_the_key_shows_nowhere(connect, shop, caplog, api):
    caplog.set_level(logging.DEBUG)
    key = shop.write_token if api == "rest" else shop.write_key
    platform = connect()
    shop.create()
    await platform.read_order("1")
    await platform.apply_status(CAPTURED)
    shop.fault("500", count=0)
    errors = await every_call(platform)
    seen = [caplog.text, repr(platform), repr(vars(platform)), str(shop.requests())]
    seen += [f"{error!r} {error.__cause__!r} {error.__context__!r}" for error in errors]
    assert not [text for text in seen if key in text]


async def test_the_older_api_takes_its_key_in_the_body(shop):
    platform = create({"url": shop.url, "api": "rest_legacy", "api_key": SecretStr(shop.write_key)})
    shop.create()
    await platform.apply_status(CAPTURED)
    await platform.aclose()
    assert {(line["method"], line["query"]) for line in shop.requests()} == {("POST", "target=RESTAPI")}
    assert shop.writes()[0]["who"] == "write key"


async def test_aclose_closes_the_connections(connect, shop):
    platform = connect()
    shop.create()
    await platform.read_order("1")
    await platform.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await platform.read_order("1")
