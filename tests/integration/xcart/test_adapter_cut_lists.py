"""Lists of X-Cart 5.0-5.4: they are cut and sorted by the shop, so that a list costs what changed."""

import random
from datetime import UTC, datetime

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import Unavailable

pytestmark = pytest.mark.parametrize("api", ["rest_legacy"])

ORDERS = 330


def fill(shop, count=ORDERS, seed=1):
    """Place orders, several of them changed within one second."""
    chance = random.Random(seed)
    times = {number: (1_000 + chance.randrange(count // 2), chance.randrange(3)) for number in range(1, count + 1)}
    for changed, created in times.values():
        shop.create(update_date=changed, create_date=created)
    return sorted(times, key=lambda number: (*times[number], number)), times


async def walk(platform, changed_after=None, page_size=50, between=lambda page: None):
    ids, token = [], ""
    for _ in range(100):
        page = await platform.list_orders(changed_after=changed_after, page_token=token, page_size=page_size)
        ids += [int(order.order_id) for order in page.orders]
        token = page.next_page_token
        if not token:
            return ids
        between(page)
    pytest.fail("no end")


def lists(proxy):
    """Return the lists of orders that passed the proxy."""
    return [each for each in proxy.passed if each.fields["_path"] == "order" and each.fields["_method"] == "get"]


async def test_a_list_of_what_changed_costs_one_page_whatever_the_shop_holds(connect, shop):
    ordered, times = fill(shop)
    after = datetime.fromtimestamp(times[ordered[-3]][0], UTC)
    expected = [number for number in ordered if times[number][0] >= after.timestamp()]
    with stand_before(shop.url) as proxy:
        assert await walk(connect(url=proxy.url), after) == expected
    assert [each.rows for each in lists(proxy)] == [100]


@pytest.mark.parametrize("version", ["5.4", "5.1"])
@pytest.mark.parametrize("page_size", [17, 50])
async def test_every_order_is_listed_once_and_the_oldest_change_first(connect, shop, version, page_size):
    shop.settings(legacy_version=version)
    ordered, _ = fill(shop, 230)
    assert await walk(connect(), page_size=page_size) == ordered


async def test_a_page_in_the_middle_of_a_long_list_is_found_at_once(connect, shop):
    ordered, _ = fill(shop)
    with stand_before(shop.url) as proxy:
        platform = connect(url=proxy.url)
        first = await platform.list_orders(changed_after=None, page_token="", page_size=50)
        before = len(lists(proxy))
        second = await platform.list_orders(changed_after=None, page_token=first.next_page_token, page_size=50)
    listed = [int(order.order_id) for order in (*first.orders, *second.orders)]
    assert listed == ordered[: len(listed)]
    assert second.orders
    assert len(lists(proxy)) - before <= 4
    assert all(each.rows <= 100 for each in lists(proxy))


async def test_orders_that_change_between_pages_hide_none_of_the_others(connect, shop):
    ordered, _ = fill(shop, 230)
    chance = random.Random(3)
    touched = set()

    def change(_page):
        for _ in range(3):
            number = chance.choice(ordered)
            touched.add(number)
            shop.update(number, total="5.00")  # Its last change is now, so it moves to the front.

    listed = await walk(connect(), page_size=40, between=change)
    assert set(ordered) - touched <= set(listed)


@pytest.mark.parametrize("count", [60, 100, 130])
async def test_a_shop_that_cannot_cut_lists_is_listed_whole(connect, shop, count):
    shop.settings(legacy_version="5.1")
    ordered, _ = fill(shop, count)
    with stand_before(shop.url) as proxy:
        assert await walk(connect(url=proxy.url)) == ordered
    assert {each.rows for each in lists(proxy)} == {count}


async def test_a_shop_that_cannot_sort_by_several_columns_is_listed_whole(connect, shop):
    ordered, _ = fill(shop, 30)
    with stand_before(shop.url, fails_at="_cnd%5BorderBy%5D") as proxy:
        assert await walk(connect(url=proxy.url)) == ordered


async def test_a_shop_that_fails_for_lists_is_unavailable(connect, shop):
    fill(shop, 2)
    with stand_before(shop.url, fails_at="_path=order") as one, pytest.raises(Unavailable, match="Connection refused"):
        await walk(connect(url=one.url))


async def test_a_list_that_is_null_is_no_end_of_the_orders(connect, shop):
    fill(shop, 2)
    with (
        stand_before(shop.url, fails_at="_path=order", status=200, body="null") as proxy,
        pytest.raises(Unavailable, match="unexpected"),
    ):
        await walk(connect(url=proxy.url))


async def test_no_answer_is_logged(connect, shop, caplog):
    caplog.set_level("DEBUG")
    shop.create(email="buyer@shop.example")
    platform = connect()
    await walk(platform)
    await platform.read_order("1")
    assert "password" not in caplog.text
    assert "buyer@" not in caplog.text


async def test_one_error_inside_the_shop_does_not_have_it_load_every_order(platform, shop):
    fill(shop)
    await walk(platform)
    shop.fault("400", path="order")
    before = len(shop.requests())
    with pytest.raises(Unavailable):
        await platform.list_orders(changed_after=None, page_token="", page_size=50)
    assert len(shop.requests()) - before <= 2
