"""`check_online`: what is wrong with the settings is said before the first order, and nothing is written."""

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import SettingsError, Unavailable

legacy = pytest.mark.parametrize("api", ["rest_legacy"])


async def keys(platform):
    return [finding.key for finding in await platform.check_online()]


async def test_settings_that_fit_the_shop_are_in_order(platform, shop):
    shop.create()
    assert await platform.check_online() == []
    assert shop.writes() == []
    assert shop.order(1)["transaction_writes"] == []


async def test_an_empty_shop_is_in_order(platform, shop):
    assert await platform.check_online() == []


async def test_a_refused_key_is_named(connect, shop):
    (finding,) = await connect(key="wrong").check_online()
    assert isinstance(finding, SettingsError)
    assert finding.key == "api_key"
    assert "wrong" not in str(finding)


async def test_a_key_that_may_only_read_is_named_without_a_write(connect, shop, api):
    shop.create()
    (finding,) = await connect(key=shop.read_token if api == "rest" else shop.read_key).check_online()
    assert finding.key == "api_key"
    assert "may only read" in finding.problem
    assert shop.writes() == []


async def test_the_other_generations_api_is_named(connect, shop, api):
    # The simulator has both: a shop has one of them.
    hidden = "/api/orders" if api == "rest" else "/admin.php"
    with stand_before(shop.url, fails_at=hidden, status=404, body="<html>") as proxy:
        (finding,) = await connect(url=proxy.url).check_online()
    assert finding.key == "api"
    assert finding.remedy == ('Set api = "rest_legacy"' if api == "rest" else 'Set api = "rest"')


@legacy
async def test_an_admin_script_that_the_shop_renamed_is_named(connect, shop):
    shop.settings(admin_self="back-office.php")
    with stand_before(shop.url, fails_at="/api/orders", status=404, body="") as proxy:
        (finding,) = await connect(url=proxy.url).check_online()
        assert (finding.key, "admin.php" in finding.problem) == ("admin_script", True)
        assert await connect(url=proxy.url, admin_script="back-office.php").check_online() == []


@legacy
async def test_every_status_that_the_shop_lacks_is_named_with_what_it_has(connect, shop):
    shop.remove_status("payment", 7)
    found = await connect(statuses={"VOIDED": "VO", "EXPIRED": "id:4", "DECLINED": "id:9"}).check_online()
    assert [finding.key for finding in found] == [
        "statuses.REFUNDED", "statuses.VOIDED", "statuses.DECLINED", "statuses.EXPIRED",
    ]  # fmt: skip
    assert "it has Q, A, PP, P, D, C" in found[0].problem
    assert "name it by its code" in found[3].problem


@legacy
async def test_a_shop_without_partially_paid_is_in_order_for_a_part_refunded(platform, shop):
    shop.remove_status("payment", 3)
    assert await keys(platform) == ["statuses.PARTIALLY_CAPTURED"]


@legacy
async def test_statuses_that_the_shop_does_not_show_are_no_finding(connect, shop):
    with stand_before(shop.url, fails_at="_path=order-status-payment", status=404, body="") as proxy:
        assert await connect(url=proxy.url, statuses={"VOIDED": "VO"}).check_online() == []


async def test_a_checkout_that_captures_at_once_is_told(platform, shop):
    shop.create(update_date=1, storage="transaction_data")
    shop.create(update_date=2, storage="transaction_data", payment_status="P", transaction_type="sale")
    shop.create(update_date=3, payment_method_code="PhoneOrdering", payment_status="Q")
    (finding,) = await platform.check_online()
    assert finding.key == "capture_mode"
    assert 'capture_mode = "immediate_capture"' in finding.remedy
    assert "00002" in finding.problem


async def test_an_old_order_that_changed_last_says_nothing_of_todays_checkout(platform, shop):
    """Staff refund an order of the time when the module still captured at checkout."""
    old = {"create_date": 1, "payment_status": "P", "transaction_type": "sale"}
    shop.create(storage="transaction_data", update_date=9, **old)
    shop.create(storage="transaction_data", update_date=8, create_date=7)
    assert await platform.check_online() == []


async def test_a_checkout_that_captures_since_today_is_told_although_an_older_order_changed_last(platform, shop):
    shop.create(storage="transaction_data", update_date=9, create_date=1)
    sale = {"payment_status": "P", "transaction_type": "sale"}
    shop.create(storage="transaction_data", update_date=8, create_date=7, **sale)
    assert await keys(platform) == ["capture_mode"]


async def test_a_shop_that_fails_for_each_of_its_orders_is_unavailable(connect, shop, api):
    shop.create()
    at = "/api/orders/1" if api == "rest" else "_path=order%2F1"
    with stand_before(shop.url, fails_at=at, status=500) as proxy, pytest.raises(Unavailable):
        await connect(url=proxy.url).check_online()


async def test_a_shop_that_is_down_is_unavailable(platform, shop):
    shop.fault("down", count=0)
    with pytest.raises(Unavailable) as caught:
        await platform.check_online()
    assert not isinstance(caught.value, SettingsError)
