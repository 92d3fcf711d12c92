"""PostgreSQL with standbys: what none of them has is not acknowledged, and after a failover the primary is found."""

import asyncio
from contextlib import ExitStack, asynccontextmanager, closing
from urllib.parse import urlsplit

import pytest
from support.databases import PostgresDatabase
from support.postgres import Postgres
from support.proxy import Address, Proxy
from support.records import KEY, NOW, counting, history, intent, see

from payment_actions_server.storage import postgres as engine

WAIT_SECONDS_MAX = 90
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
ENDED = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr(engine, "RETRY_SECONDS_MAX", WAIT_SECONDS_MAX)


# -- what no standby has ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def primary():
    """Return a server whose commits can be told to wait for a standby, which there is not."""
    with Postgres(fsync=False) as running:
        yield running


@pytest.fixture
def database(primary):
    return PostgresDatabase(primary.url(primary.create_migrated_database()))


@pytest.fixture
async def storage(opened, database):
    storage = await opened(database)
    await see(storage)
    return storage


@pytest.fixture
def cut_off(primary, database):
    """Return a block during which commits wait for a standby."""

    async def wait_for(standbys):
        primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'")
        primary.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while await database.run("SHOW synchronous_standby_names") != [(standbys,)]:
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def cut_off():
        await wait_for("nobody")
        await asyncio.sleep(0.5)  # Until those who are connected have heard of it, too.
        try:
            yield
        finally:
            await wait_for("")

    return cut_off


async def until_it_waits(database):
    """Return which processes of the server wait for a standby."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not (found := await database.run(WAITING)):
            await asyncio.sleep(0.01)
    return found


async def end_backends(database, primary):
    await database.run(ENDED)


async def restart(database, primary):
    await asyncio.to_thread(primary.stop)
    primary.start()


def start(work):
    if work.asked is not None:
        return "found it begun"
    work.add_operation(intent())
    return "begun"


@pytest.mark.parametrize("lose_the_answer", [end_backends, restart])
async def test_intent_that_no_standby_has_is_not_acknowledged_though_it_is_found(
    storage, database, primary, cut_off, lose_the_answer
):
    async with cut_off():
        change = asyncio.create_task(storage.change(KEY, start, request_id="request-1"))
        await until_it_waits(database)
        await lose_the_answer(database, primary)
        await until_it_waits(database)  # The next try, which finds it.
        assert (await storage.record(KEY)).operation == intent()
        await asyncio.sleep(0.5)
        assert not change.done()
    assert await change == "found it begun"


async def test_intent_whose_wait_for_a_standby_was_given_up_is_not_acknowledged(
    storage, database, cut_off, monkeypatch
):
    monkeypatch.setattr(engine, "CALL_SECONDS_MAX", 1.0)
    for line in storage._changing:
        await line.aclose()
    async with cut_off():
        change = asyncio.create_task(storage.change(KEY, start, request_id="request-1"))
        first = await until_it_waits(database)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while await until_it_waits(database) == first:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        assert not change.done()
    assert await change == "found it begun"


async def test_notification_that_no_standby_has_is_not_acknowledged_though_it_is_found(storage, database, cut_off):
    async with cut_off():
        adding = asyncio.create_task(storage.add_notification("shop", "m", NOW, ""))
        await until_it_waits(database)
        await database.run(ENDED)
        await until_it_waits(database)
        assert await storage.knows_notification("shop", "m")
        await asyncio.sleep(0.5)
        assert not adding.done()
    assert not await adding  # Which run wrote it is not known; it is noted.


async def test_ordinary_change_takes_one_commit(storage, database):
    before = await database.commits()
    await storage.change(KEY, counting)
    assert await database.commits() == before + 1


# -- after a failover -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def leading_to(ports):
    """Return the port of a name that leads to the last of these ports; to none while there is none."""
    proxy = Proxy(lambda: Address("127.0.0.1", ports[-1] if ports else 1))
    await proxy.start(0)
    yield proxy.port
    await proxy.close()


def at(hosts, url):
    netloc = "tests@" + ",".join(f"127.0.0.1:{port}" for port in hosts)
    return PostgresDatabase(urlsplit(url)._replace(netloc=netloc).geturl())


@pytest.fixture
def old():
    """Return the server that is the primary first."""
    with Postgres(fsync=False) as running:
        yield running


@pytest.fixture
def fail_over(old):
    """Return what makes another server the primary, and returns it."""
    with ExitStack() as running:
        yield lambda: running.enter_context(closing(old.fail_over()))


async def test_reads_follow_the_primary_though_its_name_led_to_a_standby_for_a_while(opened, old, fail_over):
    ports = [old.port]
    async with leading_to(ports) as name:
        storage = await opened(at([name], old.url(old.create_migrated_database())))
        await see(storage)
        new = fail_over()
        early = asyncio.create_task(storage.record(KEY)), asyncio.create_task(storage.last_sequence())
        await asyncio.sleep(1)  # They come back to the old one.
        ports.append(new.port)
        assert await storage.change(KEY, counting) == 2
        await asyncio.gather(*early)
        assert (await storage.record(KEY)).payment.version == 2
        assert len(await history(storage)) == 2
        await storage.aclose()


async def test_primary_is_found_among_several_hosts_before_and_after_a_failover(opened, old, fail_over, monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_SECONDS_MAX", 1.0)
    silent = await asyncio.start_server(lambda reader, writer: asyncio.sleep(WAIT_SECONDS_MAX), "127.0.0.1", 0)
    ports = []
    async with leading_to(ports) as other:
        hosts = silent.sockets[0].getsockname()[1], other, old.port
        storage = await opened(at(hosts, old.url(old.create_migrated_database())))
        await see(storage)
        ports.append(fail_over().port)
        assert await storage.change(KEY, counting) == 2
        assert (await storage.record(KEY)).payment.version == 2
        await storage.aclose()
    silent.close()
