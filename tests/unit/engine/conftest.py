"""Engine tests run on SQLite; those that tell most of what is durable run on PostgreSQL as well."""

import os

import pytest
from structlog.testing import capture_logs
from support.world import keep_worlds_in_postgres

CHOICE = "PAYMENT_ACTIONS_TEST_STORAGE"  #: "postgresql" or "sqlite": all tests run on that one only.
ON_BOTH = {
    "test_actions",
    "test_conflicts",
    "test_notifications",
    "test_recovery",
    "test_store_updates",
    "test_takeover",
}


def pytest_generate_tests(metafunc):
    module = metafunc.module.__name__.rpartition(".")[2]
    engines = ["sqlite", "postgresql"] if module in ON_BOTH else ["sqlite"]
    metafunc.parametrize("_database", [os.environ[CHOICE]] if CHOICE in os.environ else engines, indirect=True)


@pytest.fixture(autouse=True)
def _database(request, monkeypatch):
    """Choose where worlds are kept."""
    if request.param == "postgresql":
        keep_worlds_in_postgres(monkeypatch, request.getfixturevalue("emptied_postgres_url"))


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries
