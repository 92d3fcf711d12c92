"""Yardstick B: how many durable commits a second the database gives to a bare loop of its driver."""

import sqlite3
import time
from pathlib import Path

from bench.load import Window

_ROW = "x" * 500  # About what one transaction of the service writes of its own.


def sqlite(folder: Path, seconds: float) -> Window:
    """Insert one row and commit, again and again, with WAL and synchronous=FULL, beside the measured database."""
    path = folder / "commits.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
    latencies: list[float] = []
    own, started = time.process_time(), time.perf_counter()
    now = started
    while now < started + seconds:
        connection.execute("INSERT INTO rows (text) VALUES (?)", (_ROW,))
        before, now = now, time.perf_counter()
        latencies.append(now - before)
    connection.close()
    path.unlink()
    return Window(now - started, latencies, 0.0, time.process_time() - own)
