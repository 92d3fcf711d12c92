"""Each kind of database that the service can use, new and with the schema; and a way to it beside the storage."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from payment_actions_server.storage.tables import metadata
from support.postgres import execute, migrate, run_in_own_loop

Rows = list[tuple[Any, ...]]
ENGINES = ("sqlite", "postgresql")


class Database(Protocol):
    """A database of one test."""

    url: str

    async def run(self, statement: str, *arguments: Any) -> Rows:
        """Run a statement beside the storage, as another program would, and commit. ``$1``: the first argument."""
        ...

    async def commits(self) -> int:
        """Return a number that grows with each commit that changed something."""
        ...


class SqliteDatabase:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self._other = sqlite3.connect(path, isolation_level=None)
        self._other.execute("PRAGMA foreign_keys = ON")

    async def run(self, statement: str, *arguments: Any) -> Rows:
        return self._other.execute(statement.replace("$", "?"), arguments).fetchall()

    async def commits(self) -> int:
        return int(self._other.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._other.close()


class PostgresDatabase:
    """One on a server that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def run(self, statement: str, *arguments: Any) -> Rows:
        async with self.connection() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *arguments)]

    async def commits(self) -> int:
        return int((await self.run("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))[0][0])

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Connect as another program would."""
        connection = await asyncpg.connect(self.url, ssl=False, timeout=10, command_timeout=30)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)


def empty(url: str) -> None:
    """Delete all that is in a PostgreSQL database, once whoever still commits there has done so."""
    tables = ", ".join(table.name for table in metadata.tables.values())
    deletions = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
    run_in_own_loop(
        execute(
            url,
            f"BEGIN; LOCK TABLE {tables}; {deletions};"
            " INSERT INTO event_counter (id, last_sequence) VALUES (1, 0); COMMIT",
        )
    )


_EMPTY: dict[str, bytes] = {}


def new_sqlite_file(path: Path) -> None:
    """Make a file that has the schema: the first of a run is migrated, the others are copies of it."""
    if "file" not in _EMPTY:
        run_in_own_loop(migrate(f"sqlite:///{path}"))
        _EMPTY["file"] = path.read_bytes()
    path.write_bytes(_EMPTY["file"])


def migrate_together(url: str, ready: Any) -> None:
    """Migrate once ``ready`` is set: what each of several processes runs."""
    ready.wait()
    run_in_own_loop(migrate(url))
