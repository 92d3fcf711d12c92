"""The schema that the migrations make is the one that the code uses, from nothing and from every earlier one."""

import multiprocessing
import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from support.databases import PostgresDatabase, SqliteDatabase, migrate_together
from support.postgres import migrate as migrate_now
from support.schemas import HEAD, REVISIONS, upgrade, with_connection

from payment_actions_server.storage import StorageUnavailable, migrate
from payment_actions_server.storage.tables import metadata

PARTIAL = {
    "uq_operations_in_flight": ["state", "UNKNOWN", "PENDING", "NEEDS_REVIEW"],
    "ix_payments_due": ["next_refresh_time", "IS NOT NULL"],
    "ix_payments_anomaly": ["anomaly", "<> ''"],
    "ix_payments_expiring": ["status", "AUTHORIZED", "PARTIALLY_CAPTURED"],
    "ix_operations_due": ["next_check_time", "IS NOT NULL"],
    "ix_payments_store_update_due": ["store_update_next_attempt_time", "IS NOT NULL"],
    "ix_payments_unusual_order": ["store_update_reverts", "> 0", "order_state", "PLACED"],
}


def differences(connection):
    options = {"compare_type": True, "compare_server_default": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


async def indexes(database):
    """Return what each index is made by, without the name of its schema."""
    if isinstance(database, SqliteDatabase):
        rows = await database.run("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    else:
        rows = await database.run(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname !~ '^(pk_|alembic)'"
        )
    return {name: " ".join(sql.split()) for name, sql in rows}


async def versions(database):
    return await database.run("SELECT version_num FROM alembic_version")


@pytest.mark.parametrize("begin_with", ["nothing", *REVISIONS])
async def test_migrations_make_what_the_tables_say(blank, begin_with):
    if begin_with != "nothing":
        await upgrade(blank, begin_with)
        assert await with_connection(blank, differences)
    await migrate_now(blank.url)
    assert await with_connection(blank, differences) == []
    assert await versions(blank) == [(HEAD,)]


@pytest.mark.parametrize("begin_with", ["nothing", *REVISIONS])
async def test_migrations_make_the_same_indexes_conditions_and_all(blank, begin_with):
    # Alembic does not compare the conditions of partial indexes, on which exactly-once rests.
    if begin_with != "nothing":
        await upgrade(blank, begin_with)
    await migrate_now(blank.url)
    migrated = await indexes(blank)
    await with_connection(blank, metadata.drop_all)
    await with_connection(blank, metadata.create_all)
    assert migrated == await indexes(blank)
    for name, words in PARTIAL.items():
        condition = migrated[name].partition(" WHERE ")[2]
        assert all(word in condition for word in words), condition
    assert {name for name, sql in migrated.items() if re.search(r"\bWHERE\b", sql)} == PARTIAL.keys()
    assert "UNIQUE INDEX" in migrated["uq_operations_in_flight"]


@pytest.mark.parametrize("begin_with", ["nothing", *REVISIONS])
async def test_migrations_make_the_same_tables_without_rowid(path, begin_with):
    sqlite = SqliteDatabase(path)  # Nor does it compare these.
    if begin_with != "nothing":
        await upgrade(sqlite, begin_with)
    await migrate_now(sqlite.url)
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"
    assert await sqlite.run(query) == [("gateway_references",)]
    await with_connection(sqlite, metadata.drop_all)
    await with_connection(sqlite, metadata.create_all)
    assert await sqlite.run(query) == [("gateway_references",)]
    sqlite.close()


def test_every_revision_but_the_newest_is_migrated_from():
    revisions = [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
    assert [*REVISIONS, HEAD] == revisions[::-1]


async def test_starting_twice_migrates_once(blank):
    await migrate_now(blank.url)
    first = await indexes(blank), await blank.commits()
    await migrate_now(blank.url)
    assert await indexes(blank) == first[0]
    if isinstance(blank, SqliteDatabase):
        assert await blank.commits() == first[1]
    assert await versions(blank) == [(HEAD,)]


@pytest.mark.parametrize("begin_with", ["nothing", "0001"])
async def test_processes_that_start_at_once_migrate_once(blank, begin_with):
    if begin_with != "nothing":
        await upgrade(blank, begin_with)
    spawning = multiprocessing.get_context("spawn")
    ready = spawning.Event()
    processes = [spawning.Process(target=migrate_together, args=(blank.url, ready)) for _ in range(3)]
    for process in processes:
        process.start()
    ready.set()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert await versions(blank) == [(HEAD,)]
    if begin_with == "nothing" or isinstance(blank, PostgresDatabase):
        assert await blank.run("SELECT id, last_sequence FROM event_counter") == [(1, 0)]


async def test_migration_that_fails_leaves_nothing(blank, monkeypatch):
    def fail(settings, revision):
        settings.attributes["connection"].exec_driver_sql("CREATE TABLE half (a integer)")
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr("payment_actions_server.storage.migrate.command.upgrade", fail)
        with pytest.raises(RuntimeError):
            await migrate_now(blank.url)
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        await blank.run("SELECT * FROM half")
    await migrate_now(blank.url)
    assert await versions(blank) == [(HEAD,)]


async def test_schema_of_a_later_version_is_not_touched(blank):
    await migrate_now(blank.url)
    await blank.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnavailable, match="9999"):
        await migrate_now(blank.url)
    assert await versions(blank) == [("9999",)]
