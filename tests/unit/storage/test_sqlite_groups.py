"""SQLite: transactions that share a commit share nothing else, and wait for other processes without holding up ours."""

import asyncio
import sqlite3
import threading
import time

import pytest
from support.records import KEY, NOW, all_events, counting, history, see, seeing

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import RuleBroken, StorageUnavailable


class Watched:
    """The connection that commits, with something done instead of a statement or before it."""

    def __init__(self, connection):
        self._connection = connection
        self.statements = []
        self.instead = {}

    def execute(self, statement, *arguments):
        self.statements.append(statement)
        if statement in self.instead:
            return self.instead[statement]()
        return self._connection.execute(statement, *arguments)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.fixture
async def storage(opened, sqlite):
    return await opened(sqlite)


@pytest.fixture
def writer(storage):
    storage._writer = Watched(storage._writer)
    return storage._writer


def fail():
    raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def other_program(sqlite):
    """Return a connection that holds the file's write lock, as another process would."""
    other = sqlite3.connect(sqlite.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


async def known(storage, order_id):
    return (await storage.record(PaymentKey("shop", order_id))).payment is not None


def add(storage, order_id):
    return storage.change(PaymentKey("shop", order_id), seeing(order_id))


async def test_many_transactions_share_a_commit(storage, writer):
    await asyncio.gather(*(add(storage, str(number)) for number in range(100)))
    assert writer.statements.count("COMMIT") <= 2


async def test_small_group_waits_for_those_who_are_on_their_way_to_it(storage, writer, monkeypatch):
    monkeypatch.setattr("payment_actions_server.storage.gathering.GATHER_SECONDS_MAX", 60)

    async def come(number):
        for _ in range(number):
            time.sleep(0.0003)  # noqa: ASYNC251 - the loop is busy, as when it hears a caller out
            await asyncio.sleep(0)
        await add(storage, str(number))

    await asyncio.gather(*(come(number) for number in range(5)))
    assert writer.statements.count("COMMIT") == 1


async def test_group_of_many_is_written_off_the_event_loop(storage, writer):
    threads = []
    writer.instead["COMMIT"] = lambda: (
        threads.append(threading.current_thread()) or writer._connection.execute("COMMIT")
    )
    storage._commit_seconds = 0.0  # As on a quick disk.
    await add(storage, "alone")
    await asyncio.gather(*(add(storage, str(number)) for number in range(20)))
    assert [thread is threading.main_thread() for thread in threads] == [True, False]


async def test_changes_of_one_payment_that_arrive_together_follow_one_another(storage, writer):
    def reschedule(work):
        work.reschedule(NOW, work.known().refreshes + 1)

    await add(storage, "1")
    await asyncio.gather(*(storage.change(PaymentKey("shop", "1"), reschedule) for _ in range(5)))
    assert (await storage.record(PaymentKey("shop", "1"))).payment.refreshes == 5


async def test_write_that_the_driver_cannot_pass_on_takes_nothing_of_the_others_in_its_group(storage):
    refused, _ = await asyncio.gather(
        storage.add_notification("shop", "half a character: \ud800", NOW, ""), add(storage, "1"), return_exceptions=True
    )
    assert isinstance(refused, RuleBroken)
    assert await known(storage, "1")


async def test_failed_commit_is_told_to_all_and_nothing_holds(storage, writer):
    heard = []
    storage.on_events = heard.extend
    writer.instead["COMMIT"] = fail
    results = await asyncio.gather(*(add(storage, str(number)) for number in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {StorageUnavailable}
    assert heard == []
    writer.instead.clear()
    await add(storage, "1")
    assert [await known(storage, order_id) for order_id in ("0", "1")] == [False, True]


async def test_file_that_cannot_even_be_rolled_back_does_not_silence_the_storage(storage, writer):
    writer.instead = {"COMMIT": fail, "ROLLBACK": fail}
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await add(storage, "1")
    writer.instead.clear()

    async def until_it_works():
        while True:
            try:
                return await add(storage, "2")
            except StorageUnavailable:
                await asyncio.sleep(0)

    await asyncio.wait_for(until_it_works(), 60)
    assert await known(storage, "2")


async def test_nobody_reads_what_is_not_committed(storage, writer):
    during = []
    loop, reached, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def commit():
        loop.call_soon_threadsafe(reached.set)
        assert go_on.wait(60)
        return writer._connection.execute("COMMIT")

    writer.instead["COMMIT"] = commit
    change = asyncio.create_task(add(storage, "1"))
    await asyncio.wait_for(reached.wait(), 60)
    during.append((await known(storage, "1"), await storage.last_sequence()))
    go_on.set()
    await change
    assert during == [(False, 0)]
    assert await known(storage, "1")


async def test_caller_who_hangs_up_before_its_turn_leaves_nothing(storage):
    first = asyncio.create_task(add(storage, "1"))
    await asyncio.sleep(0)
    second = asyncio.create_task(add(storage, "2"))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await add(storage, "3")
    assert [await known(storage, order_id) for order_id in ("1", "2", "3")] == [True, False, True]


async def test_events_are_announced_once_durable(storage, sqlite):
    heard = []

    def hear(events):
        other = sqlite3.connect(sqlite.path)
        durable = {row[0] for row in other.execute("SELECT sequence FROM events")}
        other.close()
        assert {event.sequence for event in events} <= durable
        heard.extend(event.sequence for event in events)

    storage.on_events = hear
    await asyncio.gather(*(add(storage, str(number)) for number in range(20)))
    assert heard == list(range(1, 21))


async def test_another_process_that_writes_is_waited_for_off_the_loop(storage, other_program):
    write = asyncio.create_task(add(storage, "1"))
    for _ in range(60):  # The loop goes on meanwhile; a write that held it up would end as locked, and release it then.
        await asyncio.sleep(0.005)
        assert not write.done()
    other_program.execute("COMMIT")
    await write
    assert await known(storage, "1")


async def test_another_process_that_does_not_end_makes_it_unavailable(storage, other_program, monkeypatch):
    monkeypatch.setattr("payment_actions_server.storage.sqlite_file.BUSY_SECONDS_MAX", 0.1)
    with pytest.raises(StorageUnavailable, match="locked"):
        await add(storage, "1")
    other_program.execute("COMMIT")
    await add(storage, "1")


async def test_two_processes_write_to_one_file(storage, opened, sqlite):
    other = await opened(sqlite)
    await see(storage, "1")
    await asyncio.gather(
        *(add(storage, f"a{number}") for number in range(20)),
        *(add(other, f"b{number}") for number in range(20)),
        *(each.change(KEY, counting) for each in (storage, other) for _ in range(20)),
    )
    assert len(await all_events(storage)) == 81
    assert len(await history(other)) == 41


async def test_notification_of_two_processes_is_new_once(storage, opened, sqlite):
    other = await opened(sqlite)
    results = await asyncio.gather(
        *(each.add_notification("shop", "m", NOW, "") for each in (storage, other) for _ in range(3))
    )
    assert results.count(True) == 1


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
async def test_what_is_answered_is_on_disk(storage, pragma, value):
    # Of the very connection that commits: a pragma holds for its connection only.
    assert storage._writer.execute(f"PRAGMA {pragma}").fetchone() == (value,)
