"""PostgreSQL: what is lost or refused on the way is tried again, has its effect once, and is told when it lasts."""

import asyncio
import traceback
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import pytest
from support.databases import PostgresDatabase
from support.lossy_proxy import lossy_proxy
from support.postgres import Postgres
from support.records import KEY, NOW, begin, counting, history, intent, see

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import RuleBroken, StorageUnavailable, open_storage
from payment_actions_server.storage import postgres as engine

WAIT_SECONDS_MAX = 90
OTHER = PaymentKey("shop", "2")
OURS = "application_name = 'payment-actions' AND datname = current_database()"


@pytest.fixture
async def storage(opened, postgres):
    return await opened(postgres)


@pytest.fixture
def impatient(monkeypatch):
    """Give the database up soon, for the length of a block: what must succeed takes its time on a busy machine."""

    @contextmanager
    def impatient():
        with monkeypatch.context() as patched:
            patched.setattr(engine, "RETRY_SECONDS_MAX", 0.5)
            yield

    return impatient


@pytest.fixture
def patient(monkeypatch):
    """Wait for a server longer than it can take to start on a busy machine."""
    monkeypatch.setattr(engine, "RETRY_SECONDS_MAX", WAIT_SECONDS_MAX)


def with_password(url):
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:sesame@{parts.hostname}:{parts.port}").geturl()


def tried_again(logged):
    return [entry for entry in logged if entry["event"] == "database tried again"]


async def until_tried_again(logged):
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not tried_again(logged):
            await asyncio.sleep(0.01)


class Once:
    """A body that counts; how often it ran, and something done in its first run."""

    def __init__(self, first=lambda: None):
        self.runs = 0
        self._first = first

    def __call__(self, work):
        self.runs += 1
        if self.runs == 1:
            self._first()
        elif work.known().version == 2:
            return "found it done"
        return counting(work)


# -- connections ------------------------------------------------------------------------------------------------------


async def test_connection_cut_in_mid_change_is_made_again_and_the_change_is_done_once(
    storage, postgres, postgres_server, logged
):
    await see(storage)
    database = urlsplit(postgres.url).path[1:]
    terminate = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {OURS}"
    body = Once(lambda: postgres_server.execute(terminate, database))
    assert await storage.change(KEY, body) == 2
    assert body.runs == 2
    assert tried_again(logged)
    assert len(await history(storage)) == 2


async def test_connections_cut_while_idle_are_noticed_by_nobody(storage, postgres):
    await see(storage)
    await storage.counts(NOW)
    for _ in range(3):
        cut = await postgres.run(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {OURS}")
        assert len(cut) >= 3
        results = await asyncio.gather(
            storage.change(KEY, counting),
            storage.record(KEY),
            storage.counts(NOW),
            storage.add_notification("s", "m", NOW, ""),
        )
        assert results[0] > 1
    assert len(await history(storage)) == 4


async def test_replica_older_than_the_schema_reads_on_and_changes_nothing(opened, postgres_server):
    database = PostgresDatabase(postgres_server.url(postgres_server.create_database()))  # Others keep their tables.
    storage = await opened(database)
    await see(storage)
    await database.run("ALTER TABLE payments ADD COLUMN of_a_later_version text NOT NULL DEFAULT ''")
    with pytest.raises(StorageUnavailable):
        await storage.change(KEY, counting)
    assert (await storage.record(KEY)).payment.version == len(await history(storage)) == 1


@pytest.fixture
async def behind_proxy(opened, postgres):
    async with lossy_proxy(postgres.url) as proxy:
        yield await opened(PostgresDatabase(proxy.url)), proxy


@pytest.mark.parametrize(("lost", "answer"), [("request", 2), ("answer", "found it done")])
async def test_change_whose_commit_was_not_heard_of_is_run_again_and_finds_its_own_work(behind_proxy, lost, answer):
    storage, proxy = behind_proxy
    await see(storage)
    body = Once(lambda: proxy.lose(lost, b"ORDER_CHANGED"))
    assert await storage.change(KEY, body) == answer
    assert proxy.lost == [lost]
    assert body.runs == 2
    assert len(await history(storage)) == 2


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_whole_group_whose_commit_was_not_heard_of_has_its_effect_once(behind_proxy, lost):
    storage, proxy = behind_proxy
    keys = [PaymentKey("shop", str(number)) for number in range(10)]
    for key in keys:
        await see(storage, key.order_id)
    proxy.lose(lost, b"ORDER_CHANGED")
    bodies = [Once() for _ in keys]
    await asyncio.gather(*(storage.change(key, body) for key, body in zip(keys, bodies, strict=True)))
    assert proxy.lost == [lost]
    assert [body.runs for body in bodies] == [2] * 10
    assert [len(await history(storage, key)) for key in keys] == [2] * 10


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_operation_whose_commit_was_not_heard_of_is_started_once(behind_proxy, lost):
    storage, proxy = behind_proxy
    await see(storage)
    proxy.lose(lost, intent().reference.encode())

    def start(work):
        if work.asked is None:
            work.add_operation(intent())
        return work.asked

    assert await storage.change(KEY, start, request_id="request-1") == (intent() if lost == "answer" else None)
    assert (await storage.record(KEY)).operation == intent()


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_reads_and_small_writes_are_repeated(behind_proxy, lost):
    storage, proxy = behind_proxy
    await see(storage, "marked")
    key = PaymentKey("shop", "marked")
    for call in (
        lambda: storage.record(key),
        lambda: storage.list_events(key, 0, 10),
        lambda: storage.known_orders("shop", ["marked"]),
        lambda: storage.put_discovered_until("marked", NOW),
    ):
        proxy.lose(lost, b"marked")
        first = await call()
        assert await call() == first
    assert proxy.lost == [lost] * 4


@pytest.mark.parametrize(("lost", "new"), [("request", True), ("answer", False)])
async def test_notification_whose_commit_was_not_heard_of_is_remembered_once_and_taken_for_a_repeat(
    behind_proxy, postgres, lost, new
):
    """It is noted of its payments by then that they are to be looked at: the schedule looks in its stead."""
    storage, proxy = behind_proxy
    await see(storage)
    proxy.lose(lost, b"marked")
    assert await storage.add_notification("shop", "marked", NOW, "subject", ["P01"]) is new
    assert proxy.lost == [lost]
    kept = await postgres.run("SELECT message_id, subject, identifiers FROM notifications")
    assert kept == [("marked", "subject", '["P01"]')]
    assert not await storage.add_notification("shop", "marked", NOW, "subject")


# -- the server -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_server():
    """Return a server that a test may stop."""
    with Postgres(fsync=False) as running:
        yield running


@pytest.fixture
async def there(own_server, opened):
    """Return a storage on the server that may be stopped; it is up again afterwards."""
    storage = await opened(PostgresDatabase(with_password(own_server.url(own_server.create_migrated_database()))))
    await see(storage)
    yield storage
    if not own_server.running:
        own_server.start()


@pytest.mark.parametrize("end", ["fast", "immediate", "kill"])
@pytest.mark.usefixtures("patient")
async def test_server_that_comes_back_is_waited_for(there, own_server, logged, end):
    before = await there.record(KEY)
    if end == "kill":
        own_server.kill()
    else:
        own_server.stop(end)
    change = asyncio.create_task(there.change(KEY, counting))
    reads = [asyncio.create_task(call) for call in (there.record(KEY), there.counts(NOW), there.last_sequence())]
    await until_tried_again(logged)
    own_server.start()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        number = await change
        record, *_ = await asyncio.gather(*reads)
    assert number == 2
    assert record in (before, await there.record(KEY))
    assert len(await history(there)) == 2


async def test_server_that_stays_away_is_told_within_a_bound_and_used_again_afterwards(
    there, own_server, impatient, logged, capfd
):
    own_server.stop("immediate")
    calls = (
        there.change(KEY, counting),
        there.record(KEY),
        there.counts(NOW),
        there.events_after(0, (), 1),
        there.add_notification("shop", "m", NOW, ""),
    )
    with impatient():
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(error) for error in errors] == [StorageUnavailable] * len(calls)
    assert all(f"127.0.0.1:{own_server.port}" in str(error) for error in errors)
    never = open_storage(with_password(own_server.url("payments")))
    with impatient(), pytest.raises(StorageUnavailable) as error:
        await never.start()
    await never.aclose()
    said = [*map(str, logged), *("".join(traceback.format_exception(each)) for each in (*errors, error.value))]
    assert not any("sesame" in each for each in (*said, *capfd.readouterr()))

    own_server.start()
    assert await there.change(KEY, counting) == 2
    assert await there.add_notification("shop", "m", NOW, "")


@pytest.mark.usefixtures("patient")
async def test_replica_that_starts_before_its_server_waits_for_it(own_server, opened, logged):
    database = PostgresDatabase(own_server.url(own_server.create_database()))
    own_server.stop()
    starting = asyncio.create_task(opened(database))
    await until_tried_again(logged)
    own_server.start()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        storage = await starting
    await see(storage)


@pytest.mark.usefixtures("patient")
async def test_database_that_does_not_exist_is_told_at_once_and_without_the_password(own_server, logged, capfd):
    storage = open_storage(with_password(own_server.url("nowhere")))
    with pytest.raises(StorageUnavailable, match='database "nowhere" does not exist') as error:
        await asyncio.wait_for(storage.start(), engine.RETRY_SECONDS_MAX / 2)
    await storage.aclose()
    said = [*map(str, logged), "".join(traceback.format_exception(error.value)), *capfd.readouterr()]
    assert not any("sesame" in each for each in said)


@pytest.mark.parametrize("lost", ["request", "answer"])
@pytest.mark.parametrize("where", [b"pg_advisory_xact_lock", b"CREATE TABLE payments", b"COMMIT"])
async def test_migration_that_loses_its_connection_is_begun_again(empty_postgres_url, opened, lost, where):
    async with lossy_proxy(empty_postgres_url) as proxy:
        proxy.lose(lost, where)
        storage = await opened(PostgresDatabase(proxy.url))
        assert proxy.lost == [lost]
        await see(storage)
        assert await storage.last_sequence() == 1
        await storage.aclose()


async def test_closing_waits_for_a_server_that_is_away_no_longer_than_a_change_does(there, own_server, impatient):
    own_server.stop("immediate")
    with impatient():
        change = asyncio.create_task(there.change(KEY, counting))
        await asyncio.sleep(0)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await there.aclose()
            with pytest.raises(StorageUnavailable):
                await change


# -- locks ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def holding(database, order_id):
    """Hold a payment's row as another program would, until the end of the block."""
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await hold(connection, order_id)
        yield connection
        await transaction.commit()


async def hold(connection, order_id):
    await connection.execute("UPDATE payments SET refreshes = refreshes WHERE order_id = $1", order_id)


async def until_somebody_waits(database):
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not (await database.run(f"SELECT 1 FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'")):
            await asyncio.sleep(0.005)


async def test_deadlock_is_tried_again_and_each_change_is_done_once(storage, postgres, logged):
    await see(storage, "1")
    await see(storage, "2")
    bodies = [Once(), Once()]
    async with holding(postgres, "2") as other:
        both = asyncio.gather(storage.change(KEY, bodies[0]), storage.change(OTHER, bodies[1]))
        await until_somebody_waits(postgres)
        await hold(other, "1")  # Now each waits for the other; who waited first is told so.
    assert await both == [2, 2]
    assert [entry for entry in tried_again(logged) if "DeadlockDetected" in entry["error"]]
    assert [body.runs for body in bodies] == [2, 2]


async def test_serialization_failures_are_tried_again(opened, postgres_url, logged):
    database = PostgresDatabase(postgres_url)
    name = urlsplit(postgres_url).path[1:]
    await database.run(f"""ALTER DATABASE "{name}" SET default_transaction_isolation = 'serializable'""")
    replicas = [await opened(database) for _ in range(3)]
    await asyncio.gather(*(see(replicas[0], order_id) for order_id in ("1", "2")))
    keys = [KEY, OTHER]
    await asyncio.gather(*(each.change(key, counting) for each in replicas for key in keys for _ in range(10)))
    assert [len(await history(replicas[0], key)) for key in keys] == [31, 31]
    async with holding(database, "1"):  # It commits while ours waits for the row: that cannot be serialized.
        change = asyncio.create_task(replicas[0].change(KEY, counting))
        await until_somebody_waits(database)
    await change
    assert len(await history(replicas[0], KEY)) == 32
    assert [entry for entry in tried_again(logged) if "Serialization" in entry["error"]]


async def test_row_that_is_held_for_too_long_makes_the_change_unavailable_and_no_other(
    opened, postgres, monkeypatch, impatient
):
    monkeypatch.setattr("payment_actions_server.storage.postgres._BY_KEY", {"statement_timeout": "1000"})
    storage = await opened(postgres)
    await see(storage, "1")
    await see(storage, "2")
    async with holding(postgres, "1"):
        with impatient(), pytest.raises(StorageUnavailable):
            await storage.change(KEY, counting)
        assert await storage.change(OTHER, counting) == 2
    assert await storage.change(KEY, counting) == 2


async def test_list_that_takes_long_holds_up_no_watch_no_notification_and_nothing_that_is_due(
    storage, postgres, logged
):
    await see(storage)
    async with postgres.connection() as other:
        await other.execute("SELECT pg_advisory_lock(7)")
        long_list = asyncio.create_task(storage._listed("SELECT pg_advisory_lock(7)"))
        await until_somebody_waits(postgres)
        await storage.counts(NOW)  # Whoever asks whether the service is well asks this.
        assert await storage.add_notification("shop", "m", NOW, "")
        assert await storage.due_operations("shop", NOW, 10) == []
        assert len((await storage.events_after(0, (), 10))[0]) == 1
        assert not long_list.done()
        assert tried_again(logged) == []  # None of them had to wait for the list to be given up.
    await long_list


# -- what PostgreSQL is asked to promise, and what it cannot hold -----------------------------------------------------


@pytest.mark.parametrize(("default", "kept"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
async def test_what_is_answered_is_on_disk_whatever_the_servers_default(opened, postgres_url, default, kept):
    database = PostgresDatabase(postgres_url)
    name = urlsplit(postgres_url).path[1:]
    await database.run(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
    storage = await opened(database)
    await see(storage)
    await storage.add_notification("shop", "m", NOW, "")
    for line in (*storage._changing, storage._asking):
        assert [tuple(row) for row in await line.fetch("SHOW synchronous_commit")] == [(kept,)]


async def test_a_default_that_changes_while_we_are_connected_is_not_taken_over(storage):
    """Only a value that the session itself set outlives a reload of the server's configuration."""
    for line in (*storage._changing, storage._asking):
        found = await line.fetch("SELECT setting, source FROM pg_settings WHERE name = 'synchronous_commit'")
        assert [tuple(row) for row in found] == [("on", "session")]


@pytest.mark.parametrize("value", ["a\0b", "\0"])
async def test_text_with_a_nul_is_refused_and_takes_nothing_of_those_beside_it(storage, value):
    await see(storage, "1")
    await see(storage, "2")
    results = await asyncio.gather(
        storage.change(KEY, lambda work: work.add_operation(intent(1, note=value))),
        storage.change(OTHER, counting),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [RuleBroken, int]
    await begin(storage, intent(1))
