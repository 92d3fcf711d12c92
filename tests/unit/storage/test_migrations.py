"""The schema that the migrations make is the one that the code uses, from nothing and from every earlier one."""

import multiprocessing
import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from support.databases import ENGINES, PostgresDatabase, SqliteDatabase, migrate_together
from support.postgres import migrate as migrate_now
from support.records import KEY, NOW, SECOND, all_events, begin, counting, history, in_sync, intent, see

from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import StorageUnavailable, migrate
from payment_actions_server.storage.tables import metadata

HEAD = ScriptDirectory.from_config(migrate.config()).get_current_head()
REVISIONS = ["0001", "0002", "0003", "0004"]  #: Every schema that was ever released, but the newest.
PARTIAL = {
    "uq_operations_in_flight": ["state", "UNKNOWN", "PENDING", "NEEDS_REVIEW"],
    "ix_payments_due": ["next_refresh_time", "IS NOT NULL"],
    "ix_payments_anomaly": ["anomaly", "<> ''"],
    "ix_payments_expiring": ["status", "AUTHORIZED", "PARTIALLY_CAPTURED"],
    "ix_operations_due": ["next_check_time", "IS NOT NULL"],
    "ix_payments_store_update_due": ["store_update_next_attempt_time", "IS NOT NULL"],
}


@pytest.fixture(params=ENGINES)
def blank(request, path):
    """Return a database without anything in it, of each kind."""
    if request.param == "postgresql":
        yield PostgresDatabase(request.getfixturevalue("empty_postgres_url"))
    else:
        database = SqliteDatabase(path)
        yield database
        database.close()


async def with_connection(database, work):
    """Run ``work`` over SQLAlchemy's connection, in autocommit."""
    if isinstance(database, SqliteDatabase):
        engine = create_engine(database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            return work(connection)
    url = database.url.replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        return await connection.run_sync(work)


async def upgrade(database, revision):
    """Bring a database's schema to a revision."""
    await with_connection(database, lambda connection: migrate.command.upgrade(migrate.config(connection), revision))


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


async def test_what_the_first_schema_kept_is_all_there_afterwards(blank, opened):
    """Rows are written by today's code and then the schema taken back: nothing of theirs is new since."""
    storage = await opened(blank)
    await see(storage, references=(GatewayReference("order", "P01"),), next_refresh_time=NOW)
    await begin(storage, intent(1))
    await storage.change(KEY, lambda work: [counting(work) for _ in range(3)])
    pending = in_sync(state=StoreUpdateState.PENDING, next_attempt_time=NOW, attempts=3)
    await storage.change(KEY, lambda work: work.put_store_update(pending))
    await see(storage, "2", status=PaymentStatus.AUTHORIZED, authorization_expire_time=NOW + SECOND)
    await begin(storage, intent(2, "2", state=OperationState.DECLINED, next_check_time=None))
    await storage.add_notification("shop", "m", NOW, "subject")
    await storage.put_discovered_until("shop", NOW)
    kept = await content(storage)
    await storage.aclose()
    await take_back_to_0001(blank)
    assert await versions(blank) == [("0001",)]

    again = await opened(blank)
    assert await content(again) == kept
    last = await again.last_sequence()
    await again.change(KEY, counting)
    assert await again.last_sequence() == last + 1
    await history(again)


async def content(storage):
    """Return all that can be read."""
    records = {}
    for order_id in ("1", "2"):
        for number in (1, 2):
            record = await storage.record(KEY._replace(order_id=order_id), operation_id=intent(number).operation_id)
            records[order_id, number] = record._replace(lock_version=0)
    return (
        records,
        await all_events(storage),
        await storage.orders_of_references("shop", ["P01", intent(2).reference]),
        await storage.due_payments("shop", NOW, 10),
        await storage.due_operations("shop", NOW + 9 * SECOND, 10),
        await storage.due_store_updates("shop", NOW, 10),
        await storage.knows_notification("shop", "m"),
        await storage.discovered_until("shop"),
        await storage.counts(NOW),
        await storage.last_sequence(),
    )


MOVED = "store_update_"  #: How columns begin that once had a table of their own.
NEW_COLUMNS = {"lock_version", "identifiers"}  #: Since the first schema.


async def take_back_to_0001(database):
    newer = {"event_counter", "daily_totals"}
    tables = [table for table in metadata.sorted_tables if table.name not in newer]
    rows = {}
    for table in tables:
        names = [column.name for column in table.c]
        columns = [name for name in names if name not in NEW_COLUMNS and MOVED not in name]
        listed = ", ".join(f'"{column}"' for column in columns)
        rows[table.name, listed] = await database.run(f"SELECT {listed} FROM {table.name}")
    moved = [column.name.removeprefix(MOVED) for column in metadata.tables["payments"].c if MOVED in column.name]
    listed = ", ".join(["store", "order_id", *moved])
    now = ", ".join(["store", "order_id", *(MOVED + column for column in moved)])
    rows["store_updates", listed] = await database.run(f"SELECT {now} FROM payments")
    await with_connection(database, metadata.drop_all)
    await database.run("DROP TABLE alembic_version")
    await upgrade(database, "0001")
    for (name, listed), found in rows.items():
        for row in found:
            places = ", ".join(f"${number + 1}" for number in range(len(row)))
            await database.run(f"INSERT INTO {name} ({listed}) VALUES ({places})", *row)


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
