"""Yardstick B: how many durable commits a second the database gives to a bare loop of its driver."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import asyncpg
from bench.load import Window

_ROW = "x" * 500  # About what one transaction of the service writes.


def sqlite(folder: Path, seconds: float) -> Window:
    """Insert one row and commit, again and again, with WAL and synchronous=FULL, beside the measured database."""
    path = folder / "commits.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
        times, own = [time.perf_counter()], time.process_time()
        while times[-1] < times[0] + seconds:
            connection.execute("INSERT INTO rows (text) VALUES (?)", (_ROW,))
            times.append(time.perf_counter())
    path.unlink()
    return _window(times, own)


async def postgres(url: str, seconds: float) -> Window:
    """Insert one row, which commits it, again and again, on the measured server."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS bench_commits (number bigserial PRIMARY KEY, text text)")
        insert = await connection.prepare("INSERT INTO bench_commits (text) VALUES ($1)")
        times, own = [time.perf_counter()], time.process_time()
        while times[-1] < times[0] + seconds:
            await insert.fetch(_ROW)
            times.append(time.perf_counter())
        await connection.execute("DROP TABLE bench_commits")
    finally:
        await connection.close()
    return _window(times, own)


def _window(times: list[float], own: float) -> Window:
    latencies = [after - before for before, after in zip(times, times[1:], strict=False)]
    return Window(times[-1] - times[0], latencies, 0.0, time.process_time() - own)
