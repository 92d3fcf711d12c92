"""Every test that asks for a `storage` or a `database` runs on each kind of database."""

import pytest
from structlog.testing import capture_logs
from support.databases import ENGINES, PostgresDatabase, SqliteDatabase, new_sqlite_file

from payment_actions_server.storage import open_storage


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def path(tmp_path):
    return tmp_path / "payment-actions.db"


@pytest.fixture
def sqlite(path):
    """Return a new SQLite database."""
    new_sqlite_file(path)
    database = SqliteDatabase(path)
    yield database
    database.close()


@pytest.fixture
def postgres(emptied_postgres_url):
    """Return an empty PostgreSQL database."""
    return PostgresDatabase(emptied_postgres_url)


@pytest.fixture(params=ENGINES)
def database(request):
    """Return a new database, of each kind."""
    return request.getfixturevalue({"sqlite": "sqlite", "postgresql": "postgres"}[request.param])


@pytest.fixture(params=ENGINES)
def blank(request, path):
    """Return a database without anything in it, of each kind."""
    if request.param == "postgresql":
        yield PostgresDatabase(request.getfixturevalue("empty_postgres_url"))
    else:
        database = SqliteDatabase(path)
        yield database
        database.close()


@pytest.fixture
async def opened():
    """Return what opens a storage over a database, as a process of its own would have; all are closed in the end."""
    storages = []

    async def open_one(database):
        storage = open_storage(database.url)
        storages.append(storage)
        await storage.start()
        return storage

    yield open_one
    for storage in storages:
        await storage.aclose()


@pytest.fixture
async def storage(opened, database):
    """Return an open storage on the real loop, over each kind of database."""
    return await opened(database)
