"""Engine tests run on SQLite; those that tell most of what is durable run on PostgreSQL as well."""

import os

import pytest
from structlog.testing import capture_logs
from support.world import keep_worlds_in_postgres

from payment_actions_server.engine import totals

CHOICE = "PAYMENT_ACTIONS_TEST_STORAGE"  #: "postgresql" or "sqlite": all tests run on that one only.
ON_BOTH = {
    "test_actions",
    "test_conflicts",
    "test_notifications",
    "test_overview",
    "test_recovery",
    "test_store_updates",
    "test_takeover",
    "test_text",
}
OF_SQLITE = {
    "test_storage_that_fails_again_and_again_is_not_hammered": "it breaks SQLite's own way to commit",
    "runTest": "it compares two reads with nothing between them, and must run each time alike",
}


def pytest_generate_tests(metafunc):
    if CHOICE not in os.environ and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("_database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def _database(request, monkeypatch):
    """Choose where worlds are kept."""
    chosen = getattr(request, "param", os.environ.get(CHOICE, "sqlite"))
    if chosen == "postgresql":
        if request.node.name in OF_SQLITE:
            pytest.skip(OF_SQLITE[request.node.name])
        keep_worlds_in_postgres(monkeypatch, request.getfixturevalue("emptied_postgres_url"))


@pytest.fixture(autouse=True)
def _count_seldom(monkeypatch):
    """Count what moved once an hour: tests that live for weeks spent most of their time on looking for anything new."""
    monkeypatch.setattr(totals, "SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries
