"""Transactions that share a commit share nothing else."""

import asyncio
import sqlite3
import threading

import pytest
from sqlalchemy import text

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import StorageUnavailable, open_storage


def adding(payment, event):
    return lambda work: work.add_payment(payment, event)


def reading(order_id):
    return lambda work: work.payment(PaymentKey("shop", order_id))


def hold_write_lock(path):
    """Begin a transaction as another process would."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_body_that_fails_takes_nothing_of_the_others(storage, seen):
    async def fail(work):
        await work.add_payment(*seen("bad"))
        raise ValueError("no")

    results = await asyncio.gather(
        storage.transact(adding(*seen("1"))),
        storage.transact(fail),
        storage.transact(adding(*seen("2"))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert [await storage.read(reading(order_id)) is not None for order_id in ("1", "bad", "2")] == [True, False, True]


async def test_statement_that_fails_takes_nothing_of_the_others(storage, seen):
    results = await asyncio.gather(
        storage.transact(adding(*seen("1"))),
        storage.transact(adding(*seen("1"))),
        storage.transact(adding(*seen("2"))),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert await storage.read(reading("2")) is not None


async def test_many_transactions_share_a_commit(storage, seen, monkeypatch):
    commits = []
    monkeypatch.setattr(
        "payment_actions_server.storage.sqlite._end",
        lambda connection, how: (commits.append(how), connection.connection.driver_connection.execute(how)),
    )
    await asyncio.gather(*(storage.transact(adding(*seen(str(number)))) for number in range(100)))
    assert len(commits) <= 2


async def test_failed_commit_is_told_to_all_and_nothing_holds(storage, seen, monkeypatch):
    events = []
    storage.on_events = events.extend

    def fail(connection, how):
        if how == "COMMIT":
            raise sqlite3.OperationalError("disk I/O error")
        connection.connection.driver_connection.execute(how)

    with monkeypatch.context() as broken:
        broken.setattr("payment_actions_server.storage.sqlite._end", fail)
        results = await asyncio.gather(
            *(storage.transact(adding(*seen(str(number)))) for number in range(3)), return_exceptions=True
        )
    assert {type(result) for result in results} == {StorageUnavailable}
    assert events == []
    await storage.transact(adding(*seen("1")))
    assert [await storage.read(reading(order_id)) is not None for order_id in ("0", "1")] == [False, True]


async def test_database_that_cannot_even_be_rolled_back_does_not_silence_the_storage(storage, seen, monkeypatch):
    def fail(connection, how):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr("payment_actions_server.storage.sqlite._end", fail)
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await storage.transact(adding(*seen("1")))
    await asyncio.wait_for(_until_it_works(storage, seen), 10)


async def _until_it_works(storage, seen):
    while True:
        try:
            return await storage.transact(adding(*seen("2")))
        except StorageUnavailable:
            await asyncio.sleep(0)


async def test_body_that_waits_for_anything_else_is_a_mistake_of_its_own(storage, seen):
    async def dawdle(work):
        await work.add_payment(*seen("1"))
        await asyncio.sleep(0)

    results = await asyncio.gather(
        storage.transact(dawdle), storage.transact(adding(*seen("2"))), return_exceptions=True
    )
    assert isinstance(results[0], AssertionError)
    with pytest.raises(AssertionError):
        await storage.read(lambda work: asyncio.sleep(0))
    assert [await storage.read(reading(order_id)) is not None for order_id in ("1", "2")] == [False, True]


async def test_caller_who_hangs_up_before_its_turn_leaves_nothing(storage, seen):
    first = asyncio.create_task(storage.transact(adding(*seen("1"))))
    await asyncio.sleep(0)
    second = asyncio.create_task(storage.transact(adding(*seen("2"))))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await storage.transact(adding(*seen("3")))
    assert await storage.read(reading("3")) is not None


async def test_events_are_announced_once_durable_and_in_order(storage, seen, path):
    heard = []

    def hear(events):
        other = sqlite3.connect(path)
        durable = {row[0] for row in other.execute("SELECT sequence FROM events")}
        other.close()
        assert {event.sequence for event in events} <= durable
        heard.extend(event.sequence for event in events)

    storage.on_events = hear
    await asyncio.gather(*(storage.transact(adding(*seen(str(number)))) for number in range(20)))
    assert heard == list(range(1, 21))


async def test_listener_that_fails_stops_nothing(storage, seen):
    def fail(events):
        raise RuntimeError("deaf")

    storage.on_events = fail
    await storage.transact(adding(*seen("1")))
    await storage.transact(adding(*seen("2")))
    assert await storage.read(reading("2")) is not None


async def test_read_during_a_write_sees_what_is_committed(storage, seen):
    payment, event = seen("1")
    during = []

    async def write(work):
        await work.add_payment(payment, event)
        during.append(await work.payment(payment.key))
        during.append(await storage.read(reading("1")))

    await storage.transact(write)
    assert during == [payment, None]
    assert await storage.read(reading("1")) == payment


async def test_read_cannot_write(storage, seen):
    with pytest.raises(Exception, match="readonly"):
        await storage.read(adding(*seen("1")))
    await storage.transact(adding(*seen("1")))


async def test_another_process_that_writes_is_waited_for_off_the_loop(storage, seen, path):
    other = hold_write_lock(path)
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    write = asyncio.create_task(storage.transact(adding(*seen("1"))))
    longest, last = 0.0, asyncio.get_running_loop().time()
    while not write.done():
        await asyncio.sleep(0.005)
        longest, last = max(longest, asyncio.get_running_loop().time() - last), asyncio.get_running_loop().time()
    await write
    other.close()
    assert longest < 0.2, "the loop went on meanwhile"


async def test_another_process_that_does_not_end_makes_it_unavailable(storage, seen, path, monkeypatch):
    monkeypatch.setattr("payment_actions_server.storage.sqlite.BUSY_SECONDS_MAX", 0.1)
    other = hold_write_lock(path)
    with pytest.raises(StorageUnavailable, match="locked"):
        await storage.transact(adding(*seen("1")))
    other.execute("COMMIT")
    other.close()
    await storage.transact(adding(*seen("1")))


async def test_two_processes_write_to_one_file(storage, seen, path):
    other = open_storage(f"sqlite:///{path}")
    await other.start()
    await asyncio.gather(
        *(storage.transact(adding(*seen(f"a{number}"))) for number in range(20)),
        *(other.transact(adding(*seen(f"b{number}"))) for number in range(20)),
    )
    assert len(await storage.read(lambda work: work.events_after(0, frozenset(), 100))) == 40
    await other.aclose()


async def test_storage_that_is_closed_says_so(path, seen):
    storage = open_storage(f"sqlite:///{path}")
    await storage.start()
    last = asyncio.create_task(storage.transact(adding(*seen("1"))))
    await asyncio.sleep(0)
    await storage.aclose()
    await last  # What waits is committed first.
    with pytest.raises(StorageUnavailable):
        await storage.transact(adding(*seen("2")))
    with pytest.raises(StorageUnavailable):
        await storage.read(reading("1"))


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_what_is_answered_is_on_disk(storage, pragma, value):
    # Of the very connection that commits: a pragma holds for its connection only.
    assert storage._writer.execute(text(f"PRAGMA {pragma}")).scalar() == value


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "postgresql://somewhere/db", "payment-actions.db"])
def test_url_that_names_no_database_says_what_would(url):
    with pytest.raises(ValueError, match="sqlite:///path"):
        open_storage(url)
