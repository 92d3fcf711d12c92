"""Which storage engine a database URL means."""

from payment_actions_server.storage._interface import Storage
from payment_actions_server.storage.sqlite import SqliteStorage

_SQLITE = "sqlite:///"


def open_storage(url: str) -> Storage:
    """Return the storage that ``url`` names; nothing is opened before its ``start``.

    :param url: ``sqlite:///relative/path.db`` or ``sqlite:////absolute/path.db``.
    :raises ValueError: no such kind of database, with those that there are.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SqliteStorage(url.removeprefix(_SQLITE))
    raise ValueError(f"{url!r} names no database that this version can use; use sqlite:///path/to/file.db")
