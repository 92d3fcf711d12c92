"""Which storage engine a database URL means."""

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

from payment_actions_server.storage._interface import Storage
from payment_actions_server.storage.postgres_address import name_of
from payment_actions_server.storage.sqlite import SqliteStorage
from payment_actions_server.storage.sqlite_sql import SQLITE_MIN

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def open_storage(url: str) -> Storage:
    """Return the storage that ``url`` names; nothing is opened before its ``start``.

    :param url: ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or
        ``postgresql://user:password@host:port/database``, which may name several hosts.
    :raises ValueError: no such kind of database, no such folder, or a SQLite that is too old. The message shows no
        password.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        if sqlite3.sqlite_version_info < SQLITE_MIN:
            raise ValueError(
                f"this Python's SQLite is {sqlite3.sqlite_version}, and at least {'.'.join(map(str, SQLITE_MIN))} is"
                " needed; use a Python with a later one, or PostgreSQL"
            )
        path = url.removeprefix(_SQLITE)
        if not Path(path).parent.is_dir():
            # Not made here: a mistyped path would begin an empty history, and forget every request id.
            raise ValueError(f"the folder of {path} does not exist; create it, or correct the path")
        return SqliteStorage(path)
    if url.startswith(_POSTGRES):
        _expect_sound(url)
        # Imported here: who keeps to SQLite starts faster without.
        from payment_actions_server.storage.postgres import PostgresStorage  # noqa: PLC0415

        return PostgresStorage(url)
    kind = url.partition(":")[0] if ":" in url else url
    raise ValueError(
        f"{kind!r} is no kind of database that this version can use;"
        " use sqlite:///path/to/file.db or postgresql://user:password@host:port/database"
    )


def _expect_sound(url: str) -> None:
    try:
        name_of(url)
    except ValueError:
        raise ValueError(
            "the PostgreSQL address cannot be read; is a character in the password not %-encoded?"
        ) from None
    if not urlsplit(url).path.strip("/"):
        raise ValueError("the PostgreSQL address names no database; end it with /database")
