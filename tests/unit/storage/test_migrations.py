"""The schema that the migrations make is the one that the code uses."""

import asyncio
import multiprocessing
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from payment_actions_server.storage import open_storage
from payment_actions_server.storage.migrate import config, upgrade
from payment_actions_server.storage.sqlite import _engine
from payment_actions_server.storage.tables import metadata


def schema(path):
    """Return every statement that made the schema, and how often it was migrated."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    versions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    return rows, versions


def start_and_stop(path):
    async def run():
        storage = open_storage(f"sqlite:///{path}")
        await storage.start()
        await storage.aclose()

    asyncio.run(run())


def start_together(path, ready):
    ready.wait()
    start_and_stop(path)


def test_migrations_from_empty_make_what_the_tables_say(path):
    engine = _engine(str(path))
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_indexes_conditions_and_all(path, tmp_path):
    # Alembic does not compare the conditions of partial indexes, on which exactly-once rests.
    upgrade(_engine(str(path)))
    plain = _engine(str(tmp_path / "plain.db"))
    metadata.create_all(plain)
    assert _indexes(path) == _indexes(tmp_path / "plain.db")
    assert "WHERE state IN ('UNKNOWN', 'PENDING', 'NEEDS_REVIEW')" in _indexes(path)["uq_operations_in_flight"]


def _indexes(path):
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    found = {name: " ".join(sql.split()) for name, sql in rows}
    connection.close()
    return found


def test_starting_twice_migrates_once(path):
    start_and_stop(path)
    first = schema(path)
    start_and_stop(path)
    assert schema(path) == first
    assert first[1] == [(ScriptDirectory.from_config(config()).get_current_head(),)]


def test_processes_that_start_at_once_migrate_once(path):
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Event()
    processes = [spawning.Process(target=start_together, args=(path, ready)) for _ in range(3)]
    for process in processes:
        process.start()
    ready.set()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(schema(path)[1]) == 1


def test_migration_that_fails_leaves_nothing(path, monkeypatch):
    def fail(settings, revision):
        settings.attributes["connection"].exec_driver_sql("CREATE TABLE half (a)")
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr("payment_actions_server.storage.migrate.command.upgrade", fail)
        with pytest.raises(RuntimeError):
            upgrade(_engine(str(path)))
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    start_and_stop(path)


def test_folder_that_is_not_there_is_refused_for_it_may_be_mistyped(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        open_storage(f"sqlite:///{tmp_path / 'mistyped' / 'payments.db'}")
    assert list(tmp_path.iterdir()) == []
