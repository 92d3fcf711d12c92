"""A list of orders in which not all is well: it gets past what cannot be read, and ends pages in time."""

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import PaymentStatus, Unavailable


async def whole_list(platform, pages_max=20):
    ids, token = [], ""
    for _ in range(pages_max):
        page = await platform.list_orders(changed_after=None, page_token=token, page_size=50)
        ids += [order.order_id for order in page.orders]
        token = page.next_page_token
        if not token:
            return ids
    pytest.fail("no end")


def of_order_2(field, value):
    def alter(order):
        if 2 in (order.get("id"), order.get("order_id")):
            order[field] = value

    return alter


async def test_an_order_without_a_payment_status_is_pending_and_ends_no_list(connect, shop, api):
    # X-Cart leaves null where a status of the shop's own was deleted.
    for update_date in (1, 2, 3):
        shop.create(update_date=update_date)
    field = "payment_status" if api == "rest" else "paymentStatus"
    with stand_before(shop.url, alter=of_order_2(field, None)) as proxy:
        platform = connect(url=proxy.url)
        order = await platform.read_order("2")
        assert (order.status, order.platform_status) == (PaymentStatus.PENDING, "")
        assert await whole_list(platform) == ["1", "2", "3"]


@pytest.mark.parametrize(("total", "text"), [(None, "no total EUR"), (1e30, "1E+30 EUR"), ("a lot", "a lot EUR")])
async def test_an_order_whose_total_says_nothing_is_listed_and_read_without_one(connect, shop, total, text):
    for update_date in (1, 2, 3):
        shop.create(update_date=update_date)
    with stand_before(shop.url, alter=of_order_2("total", total)) as proxy:
        platform = connect(url=proxy.url)
        assert await whole_list(platform) == ["1", "2", "3"]
        order = await platform.read_order("2")
    assert (order.total_minor, order.total_text) == (None, text)


@pytest.mark.parametrize("api", ["rest"])
async def test_an_order_for_which_the_shop_fails_each_time_is_listed_by_what_its_row_tells(platform, shop):
    for update_date in (1, 2, 3):
        shop.create(update_date=update_date)
    shop.fault("500", path="/api/orders/2/", count=0)
    before = await platform.list_orders(changed_after=None, page_token="", page_size=50)
    assert [order.order_id for order in before.orders] == ["1"]
    after = await platform.list_orders(changed_after=None, page_token=before.next_page_token, page_size=50)
    assert [(order.order_id, order.method_code) for order in after.orders] == [("2", ""), ("3", "PayWithAmazon")]
    assert after.next_page_token == ""


@pytest.mark.parametrize("api", ["rest"])
async def test_an_order_for_which_the_shop_fails_once_is_listed_whole_the_next_time(platform, shop):
    shop.create()
    shop.fault("500", path="/api/orders/1/")
    with pytest.raises(Unavailable):
        await whole_list(platform)
    page = await platform.list_orders(changed_after=None, page_token="", page_size=50)
    assert [(order.order_id, order.method_code) for order in page.orders] == [("1", "PayWithAmazon")]


async def test_a_page_of_a_slow_shop_ends_in_time_and_the_list_is_complete(connect, shop):
    for update_date in range(1, 13):
        shop.create(update_date=update_date)
    shop.fault("slow", delay_seconds=0.5, count=0)
    platform = connect(timeout_seconds=2)  # For one request there is time enough, for all of a page there is not.
    first = await platform.list_orders(changed_after=None, page_token="", page_size=50)
    assert 0 < len(first.orders) < 12
    shop.http.delete("control/faults")
    rest = await platform.list_orders(changed_after=None, page_token=first.next_page_token, page_size=50)
    ids = [order.order_id for order in (*first.orders, *rest.orders)]
    assert ids == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize("api", ["rest_legacy"])
async def test_an_order_whose_transaction_cannot_be_read_now_is_not_read_without_it(connect, shop):
    # Its ids are there; what the order's details hold may be of an attempt before.
    shop.create(storage="transaction_data", amazon={"order_reference": "S02-1234567-1234567"})
    with (
        stand_before(shop.url, fails_at="_path=payment-transaction") as proxy,
        pytest.raises(Unavailable, match="Connection refused"),
    ):
        await connect(url=proxy.url).read_order("1")


@pytest.mark.parametrize("api", ["rest_legacy"])
async def test_an_error_of_the_older_api_is_no_missing_order(connect, shop):
    # It answers 400 for whatever went wrong inside, its database included; an unknown order is null.
    shop.create(update_date=1)
    shop.create(update_date=2)
    with stand_before(shop.url, fails_at="_path=order%2F2") as proxy:
        platform = connect(url=proxy.url)
        with pytest.raises(Unavailable, match="Connection refused"):
            await platform.read_order("2")
        page = await platform.list_orders(changed_after=None, page_token="", page_size=50)
        assert [order.order_id for order in page.orders] == ["1"]
        assert page.next_page_token  # The other one is not passed over.


@pytest.mark.parametrize("api", ["rest"])
async def test_transactions_that_are_no_list_do_not_make_the_order_somebody_elses(connect, shop):
    shop.create()
    told = {"message": "The shop is closed for maintenance"}
    with stand_before(shop.url, transactions=told) as proxy, pytest.raises(Unavailable, match="unexpected"):
        await connect(url=proxy.url).read_order("1")
