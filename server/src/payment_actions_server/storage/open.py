"""Which storage engine a database URL means."""

from pathlib import Path

from payment_actions_server.storage._interface import Storage
from payment_actions_server.storage.sqlite import SqliteStorage

_SQLITE = "sqlite:///"


def open_storage(url: str) -> Storage:
    """Return the storage that ``url`` names; nothing is opened before its ``start``.

    :param url: ``sqlite:///relative/path.db`` or ``sqlite:////absolute/path.db``.
    :raises ValueError: no such kind of database, or no such folder.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        path = url.removeprefix(_SQLITE)
        if not Path(path).parent.is_dir():
            # Not made here: a mistyped path would begin an empty history, and forget every request id.
            raise ValueError(f"the folder of {path} does not exist; create it, or correct the path")
        return SqliteStorage(path)
    raise ValueError(f"{url!r} names no database that this version can use; use sqlite:///path/to/file.db")
