"""Every test that is given a folder, as all that open a world are, runs on SQLite and on PostgreSQL.

The others keep nothing anywhere: no database could make a difference to them. A test class, which cannot be given a
parameter, says in ``database`` where its worlds are kept.
"""

import pytest
from structlog.testing import capture_logs
from support.databases import ENGINES
from support.world import keep_worlds_in_postgres

from payment_actions_server.engine import totals


def pytest_generate_tests(metafunc):
    if "tmp_path" in metafunc.fixturenames:
        metafunc.parametrize("_database", ENGINES, indirect=True)


@pytest.fixture(autouse=True)
def _database(request, monkeypatch):
    """Choose where worlds are kept."""
    if getattr(request, "param", getattr(request.cls, "database", "")) == "postgresql":
        keep_worlds_in_postgres(monkeypatch, request.getfixturevalue("shared_postgres_url"))


@pytest.fixture(autouse=True)
def _count_seldom(monkeypatch):
    """Count what moved once an hour: tests that live for weeks spent most of their time on looking for anything new."""
    monkeypatch.setattr(totals, "SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries
