"""X-Cart 5.5 fails for an order whose status has no code, and for each list page with it: the others are listed."""

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import OrderMissing, Unavailable

pytestmark = pytest.mark.parametrize("api", ["rest"])


async def walk(platform, pages_max=40):
    """Return the ids of every order, as a reader that follows the page tokens sees them."""
    ids, token = [], ""
    for _ in range(pages_max):
        page = await platform.list_orders(changed_after=None, page_token=token, page_size=50)
        ids += [int(order.order_id) for order in page.orders]
        token = page.next_page_token
        if not token:
            return ids
    pytest.fail("no end")


def without_code(shop):
    return {"id": shop.add_status("payment", code=None, name="Reconciled")["id"]}


@pytest.mark.parametrize("broken", [[2], [1], [3], [1, 2], [2, 3]])
async def test_an_order_that_x_cart_cannot_tell_keeps_no_other_from_the_list(platform, shop, caplog, broken):
    status = without_code(shop)
    for number in (1, 2, 3):
        shop.create(update_date=number, payment_status=status if number in broken else "A")
    assert await walk(platform) == [number for number in (1, 2, 3) if number not in broken]
    assert [number for number in (1, 2, 3) if f"order {number} is left out" in caplog.text] == broken


async def test_an_order_that_cannot_be_told_is_named_once_and_not_with_each_list(platform, shop, caplog):
    status = without_code(shop)
    for number in (1, 2, 3):
        shop.create(update_date=number, payment_status=status if number == 2 else "A")
    for _ in range(3):
        await walk(platform)
    assert caplog.text.count("is left out of a list") == 1


async def test_no_order_is_skipped_among_many_that_cannot_be_told(platform, shop):
    status = without_code(shop)
    broken = {7, 100, 101, 180, 181, 182, 250}
    for number in range(1, 251):
        shop.create(update_date=number // 3, create_date=number, payment_status=status if number in broken else "A")
    assert await walk(platform) == [number for number in range(1, 251) if number not in broken]


async def test_a_page_with_an_order_that_cannot_be_told_costs_few_requests(connect, shop):
    status = without_code(shop)
    for number in range(1, 101):
        shop.create(update_date=number, payment_status=status if number == 40 else "A")
    with stand_before(shop.url) as proxy:
        page = await connect(url=proxy.url).list_orders(changed_after=None, page_token="", page_size=1)
    assert [order.order_id for order in page.orders] == ["1"]
    # The page is looked at twice, once with the page after it: each time 15 requests are more than usual.
    assert len([each for each in proxy.passed if each.path == "/api/orders"]) == 3 + 2 * 15


async def test_a_shop_that_fails_for_every_list_is_not_asked_for_smaller_pages(connect, shop):
    shop.create()
    shop.fault("500", count=0)
    before = len(shop.requests())
    with pytest.raises(Unavailable):
        await connect().list_orders(changed_after=None, page_token="", page_size=50)
    assert len(shop.requests()) - before <= 2


async def test_a_shop_of_which_no_order_can_be_told_is_unavailable_in_words(platform, shop):
    status = without_code(shop)
    for number in (1, 2):
        shop.create(update_date=number, payment_status=status)
    with pytest.raises(Unavailable, match="has no code"):
        await walk(platform)


async def test_an_order_that_cannot_be_told_says_what_helps(platform, shop):
    shop.create(payment_status=without_code(shop))
    with pytest.raises(Unavailable, match=r"order 1; .* has no code; give that status a code"):
        await platform.read_order("1")


async def test_an_order_that_was_deleted_while_it_was_read_is_missing_and_not_without_transactions(connect, shop):
    # X-Cart answers an empty list, and no error, below an order that is gone.
    shop.create(update_date=1)
    shop.create(update_date=2)

    def delete(order):
        if order["id"] == 1 and shop.http.get("control/orders/1").is_success:
            shop.delete(1)

    with stand_before(shop.url, alter=delete) as proxy:
        platform = connect(url=proxy.url)
        assert await walk(platform) == [2]
        with pytest.raises(OrderMissing):
            await platform.read_order("1")


async def test_an_order_without_transactions_is_read(connect, shop):
    shop.create()
    with stand_before(shop.url, transactions=[]) as proxy:
        order = await connect(url=proxy.url).read_order("1")
    assert (order.order_id, order.method_code) == ("1", "")
