"""For all tests: logging as it was, however a test set it up; and a PostgreSQL for those that ask for one."""

import logging
import os

# Before grpc is loaded: a process that starts others must not have it meddle with their files in between.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import pytest
import structlog
from support.databases import empty
from support.postgres import remove_copies, server_for_tests


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="session")
def postgres_server():
    """Return a PostgreSQL, started when first asked for; one for all tests of this process."""
    server = server_for_tests()
    yield server
    server.close()
    remove_copies()


@pytest.fixture
def empty_postgres_url(postgres_server):
    """Return the URL of a new, empty database."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_server):
    """Return the URL of a new database that has the schema."""
    name = postgres_server.create_migrated_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server):
    """Return the URL of a database that has the schema, for tests that empty it themselves."""
    name = postgres_server.create_migrated_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def emptied_postgres_url(shared_postgres_url):
    """Return the URL of a database that has the schema and no rows: quicker than a new one, for tests that are many."""
    empty(shared_postgres_url)
    return shared_postgres_url
