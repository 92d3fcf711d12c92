"""PostgreSQL is asked as seldom as can be: what counts there is how often one waits for the network."""

import asyncio

import pytest
from support.databases import PostgresDatabase
from support.lossy_proxy import lossy_proxy
from support.records import KEY, NOW, begin, counting, intent, see

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import postgres as engine

KEYS = [PaymentKey("shop", str(number)) for number in range(10)]


@pytest.fixture
async def counted(opened, postgres, monkeypatch):
    """Return a storage, and what counts its round trips. Only what the test does makes any: every statement is known
    to the server, and stays so."""
    monkeypatch.setattr(engine, "WRITERS", 1)
    monkeypatch.setattr(engine, "HEAR_SECONDS", 3600)
    monkeypatch.setattr(engine, "PLAN_SECONDS_MAX", 0)  # For ever, says the driver.
    async with lossy_proxy(postgres.url) as proxy:
        storage = await opened(PostgresDatabase(proxy.url))
        for key in KEYS:
            await see(storage, key.order_id)
        assert await storage.last_sequence() == len(KEYS)
        async with asyncio.timeout(30):
            while storage._hearing._connection is None:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # What it asks first has been answered.
        yield storage, proxy


async def round_trips(proxy, call):
    before = proxy.round_trips
    await call
    return proxy.round_trips - before


async def test_lone_change_is_one_to_read_and_one_to_write(counted):
    storage, proxy = counted
    assert await round_trips(proxy, storage.change(KEY, counting)) == 2
    assert await round_trips(proxy, begin(storage, intent())) == 2


async def test_group_of_changes_takes_no_more_than_a_lone_one(counted):
    storage, proxy = counted
    assert await round_trips(proxy, asyncio.gather(*(storage.change(key, counting) for key in KEYS))) == 2


async def test_change_that_changes_nothing_is_one(counted):
    storage, proxy = counted
    assert await round_trips(proxy, storage.change(KEY, lambda work: None)) == 1


async def test_all_who_read_payments_at_once_share_one(counted):
    storage, proxy = counted
    assert await round_trips(proxy, asyncio.gather(*(storage.record(key) for key in KEYS))) == 1


async def test_write_beside_the_payments_is_one(counted):
    storage, proxy = counted
    await storage.put_discovered_until("shop", NOW)  # The first of its kind.
    assert await round_trips(proxy, storage.put_discovered_until("shop", NOW)) == 1
