"""Yardstick B: how many durable commits a second the database gives to a bare loop of its driver."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import asyncpg
from bench.load import Window

_ROW = "x" * 500  # About what one transaction of the service writes.


def sqlite(folder: Path, seconds: float, pause: float) -> Window:
    """Insert one row and commit, again and again, with WAL and synchronous=FULL, beside the measured database.

    :param pause: what is waited after each commit, in seconds; not part of any latency.
    """
    path = folder / "commits.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
        timed = _Timed(seconds)
        while timed.more():
            with timed:
                connection.execute("INSERT INTO rows (text) VALUES (?)", (_ROW,))
            if pause:
                time.sleep(pause)
    path.unlink()
    return timed.window()


async def postgres(url: str, seconds: float, pause: float) -> Window:
    """Insert one row, which commits it, again and again, on the measured server; with a pause after each, as above."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS bench_commits (number bigserial PRIMARY KEY, text text)")
        insert = await connection.prepare("INSERT INTO bench_commits (text) VALUES ($1)")
        timed = _Timed(seconds)
        while timed.more():
            with timed:
                await insert.fetch(_ROW)
            if pause:
                await asyncio.sleep(pause)
        await connection.execute("DROP TABLE bench_commits")
    finally:
        await connection.close()
    return timed.window()


class _Timed:
    """Takes the time of each commit."""

    def __init__(self, seconds: float) -> None:
        self._began, self._own = time.perf_counter(), time.process_time()
        self._end = self._began + seconds
        self._latencies: list[float] = []

    def more(self) -> bool:
        return time.perf_counter() < self._end

    def __enter__(self) -> None:
        self._commit_began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._latencies.append(time.perf_counter() - self._commit_began)

    def window(self) -> Window:
        return Window(time.perf_counter() - self._began, self._latencies, 0.0, time.process_time() - self._own)
