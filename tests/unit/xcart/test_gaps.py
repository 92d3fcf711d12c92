"""Reading past orders that X-Cart cannot tell: bounded, and every other order in its place."""

import pytest

from payment_actions_server.plugins import Unavailable
from payment_actions_xcart.errors import ShopFailed
from payment_actions_xcart.gaps import GapReader, is_gap
from payment_actions_xcart.listing import ROWS, key_of


class List:
    """Orders, newest first; some of them make every page fail on which they are."""

    def __init__(self, count, broken, *, smaller=True):
        self.ids = list(range(count, 0, -1))
        self.broken = set(broken)
        self.smaller = smaller
        self.requests = 0
        self.asked = []
        self.reader = GapReader(self.fetch, self.fails, self.check_alive)

    async def fetch(self, number, size):
        self.requests += 1
        if size < ROWS and not self.smaller:
            return [self.row(order_id) for order_id in range(1, ROWS + 1)]
        ids = self.ids[(number - 1) * size : number * size]
        if self.broken & set(ids):
            raise ShopFailed("HTTP 500")
        return [self.row(order_id) for order_id in ids]

    def row(self, order_id):
        return {"id": order_id, "lastRenewDate": order_id, "date": 1}

    async def fails(self, order_id):
        self.asked.append(order_id)
        return order_id in self.broken

    async def check_alive(self):
        pass


@pytest.mark.parametrize("broken", [{100}, {1}, {57}, {1, 2, 3, 99}, set(range(2, 101))])
async def test_every_other_row_is_in_its_place(broken):
    orders = List(100, broken)
    rows = await orders.reader.page(1)
    assert len(rows) == 100
    assert [row["id"] for row in rows if not is_gap(row)] == [number for number in orders.ids if number not in broken]
    groups = [key_of(row).group for row in rows]
    assert groups == sorted(groups, reverse=True)
    assert orders.requests <= 128


async def test_a_page_that_is_not_full_stays_so():
    assert len(await List(7, {3}).reader.page(1)) == 7
    assert len(await List(107, {3}).reader.page(2)) == 7


async def test_missing_orders_are_looked_for_nearby_and_only_a_few_times(caplog):
    orders = List(100, {40})
    orders.ids = [number * 10 for number in orders.ids]
    orders.broken = {400}
    for _ in range(3):
        await orders.reader.page(1)
    assert len(orders.asked) <= 3 * 20
    assert caplog.text.count("left out") == 1


async def test_a_page_of_nothing_but_such_orders_is_unavailable():
    orders = List(100, range(1, 101))
    with pytest.raises(Unavailable, match="has no code"):
        await orders.reader.page(1)
    assert orders.requests <= 128


async def test_a_shop_that_gives_no_smaller_pages_is_not_misread():
    with pytest.raises(Unavailable, match="no smaller one"):
        await List(200, {150}, smaller=False).reader.page(1)
