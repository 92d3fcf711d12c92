"""SQLite: whatever the file or its library cannot do is said in words, and to nobody but those whom it concerns."""

import asyncio
import sqlite3

import pytest
from support.records import KEY, NOW, intent, see, seeing

from payment_actions_server import app
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import RuleBroken, StorageUnavailable, open_storage, sqlite_file

PAGE_BYTES = 4096


@pytest.fixture
async def storage(opened, sqlite):
    return await opened(sqlite)


@pytest.fixture
async def damaged(storage, sqlite):
    """Return a storage whose file was overwritten beneath it, all but its first page."""
    for number in range(100):
        await storage.change(PaymentKey("shop", str(number)), seeing(str(number)))
    await sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)")
    with sqlite.path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * (size - PAGE_BYTES))
    storage._reader.execute("PRAGMA shrink_memory")  # Nothing of it is remembered.
    return storage


@pytest.mark.parametrize(
    "read",
    [
        lambda storage: storage.record(KEY),
        lambda storage: storage.record(KEY, request_id="request-1"),
        lambda storage: storage.operation("shop", intent().operation_id),
        lambda storage: storage.list_events(KEY, 0, 10),
        lambda storage: storage.counts(NOW),
    ],
)
async def test_read_of_a_damaged_file_is_unavailable_and_says_why(damaged, sqlite, read):
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match=f"{sqlite.path}: .*malformed"):
            await read(damaged)


@pytest.fixture
def held(path, monkeypatch):
    """Hold the file's write lock for longer than a start waits, as another process that changes the tables may."""
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS_MAX", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@pytest.fixture
def no_database(path):
    path.write_bytes(b"x" * PAGE_BYTES)


@pytest.fixture
def folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("hindrance", "says"),
    [("held", "database is locked"), ("no_database", "file is not a database"), ("folder", "unable to open")],
)
async def test_start_that_cannot_be_made_says_why_in_a_line(path, request, hindrance, says):
    request.getfixturevalue(hindrance)
    storage = open_storage(f"sqlite:///{path}")
    with pytest.raises(StorageUnavailable, match=says) as error:
        await storage.start()
    assert "\n" not in str(error.value)
    await storage.aclose()


async def test_key_that_cannot_be_looked_up_is_refused_and_harms_nobody_beside_it(storage):
    refused, _ = await asyncio.gather(
        storage.change(PaymentKey("shop", "\ud800"), lambda work: None),
        see(storage),
        return_exceptions=True,
    )
    assert isinstance(refused, RuleBroken)
    assert (await storage.record(KEY)).payment is not None


@pytest.fixture
def old_library(monkeypatch):
    """Have the library be the last one that could never write an outcome."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))


@pytest.mark.usefixtures("old_library")
def test_library_that_could_never_write_an_outcome_is_refused_before_anything_is_begun(path):
    with pytest.raises(ValueError, match=r"at least 3\.35 is needed"):
        open_storage(f"sqlite:///{path}")
    assert not path.exists()


@pytest.mark.usefixtures("old_library")
def test_check_tells_of_a_library_that_is_too_old(tmp_path):
    file = tmp_path / "payment-actions.toml"
    file.write_text(f'[server]\ndatabase = "sqlite:///{tmp_path}/payments.db"\n')
    (problem,) = (problem for problem in app.check(file) if problem.key == "server.database")
    assert "at least 3.35 is needed" in problem.problem
