"""Going through orders by last change: complete, in order, once each, also while orders change."""

import random

import pytest

from payment_actions_server.plugins import AdapterError, Unavailable
from payment_actions_xcart.listing import ROWS, Key, key_of, position_of, search, start, token_of


class Shop:
    """Orders as (changed, created, id), in pages that come newest first; ties in no order that means anything."""

    def __init__(self, orders, seed=0):
        self.orders = dict(enumerate(orders, start=1))
        self.seed = seed
        self.pages = 0
        self.before_page = lambda: None

    async def page(self, number):
        self.before_page()
        self.pages += 1
        assert number >= 1
        rows = [{"id": i, "lastRenewDate": changed, "date": created} for i, (changed, created) in self.orders.items()]
        random.Random(self.seed).shuffle(rows)
        rows.sort(key=lambda row: (row["lastRenewDate"], row["date"]), reverse=True)
        return rows[(number - 1) * ROWS : number * ROWS]

    async def walk(self, after=None, size=50):
        position = after or start(None)
        seen = []
        for _ in range(1000):
            found = await search(self.page, after=position.key, size=size, guess=position.guess)
            assert len(found.rows) <= size
            seen += [key_of(row) for row in found.rows]
            if not found.next_page:
                return seen
            position = position_of(token_of(position._replace(key=seen[-1], guess=found.next_page)))
        pytest.fail("no end")


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 201, 337])
@pytest.mark.parametrize("size", [17, 50])
async def test_every_order_comes_once_and_the_oldest_change_first(count, size):
    shop = Shop([(random.Random(i).randrange(5000), i) for i in range(count)])
    seen = await shop.walk(size=size)
    assert seen == sorted(Key(changed, created, i) for i, (changed, created) in shop.orders.items())


@pytest.mark.parametrize("seed", range(4))
async def test_orders_of_one_second_are_not_lost_between_pages(seed):
    shop = Shop([(seconds // 60, 0) for seconds in range(350)], seed)
    seen = await shop.walk(size=13)
    assert len(seen) == len(set(seen)) == 350
    assert [key.changed for key in seen] == sorted(key.changed for key in seen)


async def test_what_changed_lately_is_found_on_the_first_page():
    shop = Shop([(seconds, 0) for seconds in range(1, 5001)])
    seen = await shop.walk(after=start(None)._replace(key=Key(4990, 10**18, 10**18)))
    assert [key.changed for key in seen] == list(range(4991, 5001))
    assert shop.pages == 1


async def test_finding_the_oldest_of_many_takes_few_requests():
    shop = Shop([(seconds, 0) for seconds in range(1, 8001)])
    found = await search(shop.page, after=Key(0, 0, 0), size=50, guess=1)
    assert key_of(found.rows[0]).changed == 1
    assert shop.pages < 20


@pytest.mark.parametrize("seed", range(8))
async def test_orders_that_change_meanwhile_hide_none_of_the_others(seed):
    chance = random.Random(seed)
    shop = Shop([(seconds, 0) for seconds in range(1, 401)])
    untouched = set(shop.orders)

    def change():
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            order_id = chance.choice(list(shop.orders))
            untouched.discard(order_id)
            shop.orders[order_id] = (10_000 + shop.pages, 0)

    shop.before_page = change
    seen = await shop.walk(size=20)
    assert untouched <= {key.order_id for key in seen}


async def test_a_list_without_an_end_is_given_up():
    async def page(number):
        return [{"id": i, "lastRenewDate": 1000, "date": 0} for i in range(1, ROWS + 1)]

    with pytest.raises(Unavailable):
        await search(page, after=Key(0, 0, 0), size=50, guess=1)


def test_a_token_of_somebody_else_is_refused():
    with pytest.raises(AdapterError):
        position_of("page-2")


def test_the_end_has_no_token():
    assert token_of(None) == ""
