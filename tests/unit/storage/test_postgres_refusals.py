"""PostgreSQL refuses what one of a group wrote, and then is away: nobody of the group waits longer for that."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from support.databases import PostgresDatabase
from support.proxy import Address, Proxy
from support.records import KEY, intent, see, seeing

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import StorageUnavailable
from payment_actions_server.storage import postgres as engine


@pytest.fixture
async def behind_proxy(opened, postgres):
    url = urlsplit(postgres.url)
    proxy = Proxy(lambda: Address(url.hostname, url.port))
    await proxy.start(0)
    there = url._replace(netloc=f"{url.username}:{url.password or ''}@127.0.0.1:{proxy.port}")
    storage = await opened(PostgresDatabase(there.geturl()))
    yield storage, proxy
    await storage.aclose()
    await proxy.close()


async def test_outage_after_a_refusal_is_told_to_each_of_a_group_within_one_bound(behind_proxy, monkeypatch):
    storage, proxy = behind_proxy
    await see(storage)
    runs = []

    def refused(work):
        runs.append(work)
        if len(runs) == 2:  # It stands for itself now.
            proxy.refusing = True
            proxy.cut()
        work.add_operation(intent(note="a\0b"))

    monkeypatch.setattr(engine, "RETRY_SECONDS_MAX", 0.5)
    others = (storage.change(PaymentKey("shop", f"1{number}"), seeing(f"1{number}")) for number in range(15))
    began = time.monotonic()
    results = await asyncio.gather(storage.change(KEY, refused), *others, return_exceptions=True)
    assert {type(result) for result in results} == {StorageUnavailable}
    assert time.monotonic() - began < 4
