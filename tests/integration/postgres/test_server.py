"""The PostgreSQL that the tests bring along: what it holds survives its crashes, and it never outlives a test run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
from support.postgres import ANOTHER_SERVER, Postgres, PostgresServer, server_for_tests
from support.settling import until

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server():
    with Postgres() as running:
        yield running


async def rows(url):
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return [row["n"] for row in await connection.fetch("SELECT n FROM kept ORDER BY n")]
    finally:
        await connection.close()


@pytest.mark.parametrize("end", ["fast", "immediate", "kill"])
async def test_what_was_committed_survives_a_restart(server, end):
    name = server.create_database()
    server.execute("CREATE TABLE kept (n int)", name)
    server.execute("INSERT INTO kept VALUES (1)", name)
    server.restart(end)
    assert await rows(server.url(name)) == [1]
    server.drop_database(name)


async def test_a_database_is_copied_from_a_template(server):
    template = server.create_database()
    server.execute("CREATE TABLE kept (n int)", template)
    name = server.create_database(template=template)
    assert await rows(server.url(name)) == []


async def test_dropping_a_database_cuts_its_connections(server):
    name = server.create_database()
    connection = await asyncpg.connect(server.url(name), ssl=False)
    server.drop_database(name)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetch("SELECT 1")


def test_it_is_durable_unless_told_otherwise(server):
    server.execute("DO $$ BEGIN ASSERT current_setting('fsync') = 'on'; END $$")


STARTS_ONE = """
import sys, time
from support.postgres import Postgres
server = Postgres(fsync=False)
server.start()
print(server._child.pid, server._folder, flush=True)
time.sleep(60)
"""


def test_it_dies_with_the_process_that_started_it_even_after_kill_9():
    command = [sys.executable, "-c", STARTS_ONE]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as parent:
        pid, folder = parent.stdout.readline().split()
        server = psutil.Process(int(pid))
        parent.send_signal(signal.SIGKILL)
    until(lambda: not server.is_running(), "PostgreSQL to end")
    subprocess.run(["rm", "-rf", folder], check=True)


def test_the_environment_can_name_another_server(server, monkeypatch):
    monkeypatch.setenv(ANOTHER_SERVER, server.url("postgres"))
    other = server_for_tests()
    assert type(other) is PostgresServer
    name = other.create_database()
    assert other.url(name) == server.url(name)
    other.drop_database(name)
