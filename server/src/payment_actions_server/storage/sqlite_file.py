"""SQLite's file: how it is opened, brought up to date and written, and how its log is copied back into it."""

import asyncio
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Final

import structlog
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from payment_actions_server.storage.migrate import upgrade
from payment_actions_server.storage.sqlite_sql import Statement

log = structlog.get_logger(__name__)

BUSY_SECONDS_MAX: Final = 10.0
"""How long to wait for another process that writes to the same file."""
COPY_SECONDS: Final = 0.02
"""How long a turn of copying back shall take; who commits meanwhile waits for the disk as much longer."""
COPY_ROWS_MIN: Final = 500
COPY_ROWS_MAX: Final = 8000

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -16000",  # KiB
    "wal_autocheckpoint = 16000",  # Pages; `LogCopier` comes first.
)


def connect(path: str) -> sqlite3.Connection:
    """Open the file. Transactions are begun and ended by hand: the driver begins them too late to be IMMEDIATE."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS_MAX, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def migrate(path: str) -> None:
    """Bring the file's schema up to date; make the file if there is none.

    A second process waits for the first, and then finds it done; if that takes longer than `BUSY_SECONDS_MAX`, as it
    may in a large file, it fails.
    """
    raw = connect(path)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            upgrade(connection, begin="BEGIN IMMEDIATE")
    except DBAPIError as error:  # Told in the driver's words: SQLAlchemy's are a page.
        raise error.driver_exception from error
    finally:
        engine.dispose()
        raw.close()


def begin_patiently(connection: sqlite3.Connection) -> None:
    """Begin a transaction; wait for another process that writes."""
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS_MAX * 1000)}")
    try:
        connection.execute("BEGIN IMMEDIATE")
    finally:
        connection.execute("PRAGMA busy_timeout = 0")


def carry_out(connection: sqlite3.Connection, statements: Iterable[Statement]) -> float:
    """Write and commit; return how many seconds the commit took."""
    for statement in statements:
        statement.run(connection)
    started = perf_counter()
    connection.execute("COMMIT")
    return perf_counter() - started


class LogCopier:
    """Copies the log back into the file beside the commits, a little at a time.

    SQLite does so by itself in the commit that finds the log full, and all wait for it. In a small file that is short,
    for most changes meet on the same pages. In a large one each change has pages of its own, and it takes 100 ms. So a
    turn comes after as many rows as take about `COPY_SECONDS`, and leaves little to the commit that finds the log full.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connections: tuple[sqlite3.Connection, sqlite3.Connection] | None = None  # Few rows need none.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-copy")
        self._turn: asyncio.Future[float] | None = None
        self._rows = 0  # Written since the last turn began.
        self._rows_of_turn = 0
        self._enough = COPY_ROWS_MIN

    def written(self, rows: int) -> None:
        """Note that rows were committed; begin the next turn if it is time."""
        self._rows += rows
        if self._turn is not None:
            if not self._turn.done():
                return
            self._enough = _enough(self._enough, self._rows_of_turn, self._turn.result())
            self._turn = None
        if self._rows >= self._enough:
            self._rows_of_turn, self._rows = self._rows, 0
            try:
                self._turn = asyncio.get_running_loop().run_in_executor(self._thread, self._copy)
            except RuntimeError:  # No thread is to be had now; what was committed is no less so.
                log.exception("sqlite log not copied back", path=self._path)

    async def aclose(self) -> None:
        """End the turn, then close."""
        if self._turn is not None:
            await self._turn
        for connection in self._connections or ():
            connection.close()
        self._thread.shutdown()

    def _copy(self) -> float:
        started = perf_counter()
        try:
            if self._connections is None:
                self._connections = connect(self._path), connect(self._path)
            # In the first, commits come in between, and then SQLite does not ask the disk to keep what was copied:
            # all of that would be left to the commit that finds the log full.
            for _ in range(2):
                _copy_back(*self._connections)
        except Exception:  # Nothing is lost: it stands in the log, and is copied by the next turn or commit.
            log.exception("sqlite log not copied back", path=self._path)
        return perf_counter() - started


def _copy_back(copying: sqlite3.Connection, reading: sqlite3.Connection) -> None:
    """Copy what stands in the log by now, while commits go on.

    A commit that finds all of the log copied begins it anew. Until SQLite 3.51.3 a copy that begins at that very moment
    may not see it (https://sqlite.org/wal.html#walresetbug), and what is then written to the log is never copied. So
    somebody reads meanwhile: while a reader needs the log it is not begun anew; and where he does not, for all of it
    was copied before, his lock lets nothing be copied.
    """
    reading.execute("BEGIN")
    try:
        reading.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # Only now the reading begins.
        copying.execute("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        reading.execute("ROLLBACK")


def _enough(before: int, rows: int, seconds: float) -> int:
    """Return how many rows to wait for, where so many took so long; twice as many as before at the most."""
    wanted = int(rows * COPY_SECONDS / max(seconds, 0.001))
    return min(max(wanted, COPY_ROWS_MIN), 2 * before, COPY_ROWS_MAX)
