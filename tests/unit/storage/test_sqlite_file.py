"""SQLite's log is copied back into the file beside the commits, in turns that are short on any file."""

import asyncio
import sqlite3
import time

import pytest
from support.records import seeing

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import sqlite_file
from payment_actions_server.storage.sqlite_file import COPY_ROWS_MAX, COPY_ROWS_MIN, COPY_SECONDS, LogCopier


@pytest.fixture
async def storage(opened, sqlite):
    return await opened(sqlite)


async def fill(storage, begin, end):
    keys = [PaymentKey("shop", str(number)) for number in range(begin, end)]
    await asyncio.gather(*(storage.change(key, seeing(key.order_id)) for key in keys))


async def until(condition):
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


async def test_what_was_committed_is_copied_back_without_a_commit_that_does_so(storage, sqlite):
    await fill(storage, 0, 1)
    before = sqlite.path.stat().st_size
    await fill(storage, 1, 400)  # A tenth of what SQLite itself would wait for.
    await until(lambda: sqlite.path.stat().st_size > before)


async def test_few_rows_are_not_worth_a_turn(storage):
    await fill(storage, 0, 100)
    assert storage._copier._turn is None
    assert storage._copier._connections is None


async def test_a_copy_that_fails_is_logged_and_loses_nothing(storage, monkeypatch, logged):
    def fail(path):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite_file, "connect", fail)
    await fill(storage, 0, 400)
    await until(lambda: any(entry["event"] == "sqlite log not copied back" for entry in logged))
    await fill(storage, 400, 800)
    assert (await storage.record(PaymentKey("shop", "799"))).payment is not None


async def test_a_copier_that_gets_no_thread_takes_nothing_of_a_commit(storage, monkeypatch, logged):
    def refuse(function):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(storage._copier._thread, "submit", refuse)
    await fill(storage, 0, 400)
    assert any(entry["event"] == "sqlite log not copied back" for entry in logged)
    assert not any(entry["event"] == "sqlite commit failed" for entry in logged)


# -- The log is not begun anew while it is copied: https://sqlite.org/wal.html#walresetbug -----------------------------


class Copying:
    """The connection that copies, with something done just before it does."""

    def __init__(self, connection, before):
        self._connection = connection
        self._before = before

    def execute(self, statement):
        self._before()
        self.copied = self._connection.execute(statement).fetchone()


@pytest.fixture
def connections(path):
    """Return three to one file that has a table: of who writes, copies and reads."""
    made = [sqlite_file.connect(str(path)) for _ in range(3)]
    made[0].execute("CREATE TABLE t (n INTEGER)")
    yield made
    for connection in made:
        connection.close()


def insert(connection):
    connection.execute("INSERT INTO t VALUES (1)")


def copy_all(connection):
    return connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def salt(path):
    """Return what the log's header has anew each time that it is begun anew."""
    return path.with_name(path.name + "-wal").read_bytes()[16:24]


def test_a_log_that_is_being_copied_is_not_begun_anew(path, connections):
    writing, copying, reading = connections
    insert(writing)  # Not copied yet: whoever reads now needs the log.
    before = salt(path)

    def copied_and_written_meanwhile():
        busy, length, copied = copy_all(copying)
        assert (busy, copied) == (0, length)
        insert(writing)
        assert salt(path) == before

    sqlite_file._copy_back(Copying(copying, copied_and_written_meanwhile), reading)
    sqlite_file._copy_back(copying, reading)
    insert(writing)  # All is copied, and nobody reads any more: now it is begun anew.
    assert salt(path) != before


def test_a_log_that_is_begun_anew_all_the_same_is_not_copied(path, connections):
    writing, copying, reading = connections
    insert(writing)
    copy_all(copying)
    before = salt(path)

    def begun_anew():
        insert(writing)
        assert salt(path) != before

    watched = Copying(copying, begun_anew)
    sqlite_file._copy_back(watched, reading)
    assert watched.copied[2] == 0
    busy, length, copied = copy_all(copying)
    assert (busy, copied) == (0, length)
    assert length > 0


@pytest.fixture
async def copier(path, monkeypatch):
    """Return a copier whose turns take no time but what ``seconds`` says of them."""
    made = LogCopier(str(path))
    made.seconds = COPY_SECONDS
    made.turns = 0

    def copy():
        made.turns += 1
        return made.seconds

    monkeypatch.setattr(made, "_copy", copy)
    yield made
    await made.aclose()


async def turns(copier, rows):
    """Return after how many rows each turn began, of so many written by tens."""
    begun, last = [], 0
    for written in range(10, rows + 1, 10):
        before = copier._turn
        copier.written(10)
        if copier._turn is not None and copier._turn is not before:
            begun.append(written - last)
            last = written
            await copier._turn
    return begun


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (COPY_SECONDS, [COPY_ROWS_MIN] * 4),
        (COPY_SECONDS / 2, [COPY_ROWS_MIN, 2 * COPY_ROWS_MIN, 4 * COPY_ROWS_MIN]),
        (COPY_SECONDS / 100, [COPY_ROWS_MIN, 2 * COPY_ROWS_MIN, 4 * COPY_ROWS_MIN, 8 * COPY_ROWS_MIN]),
        (COPY_SECONDS * 100, [COPY_ROWS_MIN] * 4),
    ],
)
async def test_turns_are_spaced_so_that_each_takes_as_long_as_it_shall(copier, seconds, expected):
    copier.seconds = seconds
    assert await turns(copier, sum(expected)) == expected


async def test_turns_come_closer_again_when_they_take_longer(copier):
    copier.seconds = 0.0
    assert (await turns(copier, 100_000))[-1] == COPY_ROWS_MAX
    copier.seconds = 4 * COPY_SECONDS
    found = await turns(copier, 50_000)
    assert found[1:3] == [COPY_ROWS_MAX / 4, COPY_ROWS_MAX / 16]
    assert set(found[2:]) == {COPY_ROWS_MIN}


async def test_one_turn_runs_at_a_time(copier):
    never = asyncio.get_running_loop().create_future()
    copier._turn = never
    for _ in range(10):
        copier.written(COPY_ROWS_MAX)
    assert copier._turn is never
    assert copier.turns == 0
    never.set_result(COPY_SECONDS)
    copier.written(1)
    await copier._turn
    assert copier.turns == 1
