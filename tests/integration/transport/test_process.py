"""`serve` as a process: what a parent reads, and how signals end it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import asyncpg
import grpc
import httpx
import pytest
from support.ports import free_port

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub
from payment_actions_server.storage.postgres import _MIGRATION_LOCK

SECRET = "shop-key-that-nobody-sees"
SERVE = "import sys; from payment_actions_server import app, config; app.serve(config.load_config(sys.argv[1]))"
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)); "


@contextmanager
def serving(tmp_path, level="info", code=SERVE, database="sqlite:///payment-actions.db", until="serving"):
    """Serve two real adapters in a process; yield it and the line by which it says that it is so far."""
    path = tmp_path / "pa.toml"
    path.write_text(f"""
        [server]
        grpc = "127.0.0.1:0"
        http = "127.0.0.1:0"
        database = "{database}"
        log_level = "{level}"
        [stores.eu-shop]
        payment_methods = ["Amazon Pay"]
        capture_mode = "authorize_then_capture"
        [stores.eu-shop.platform]
        adapter = "xcart"
        url = "http://127.0.0.1:9/"
        api_key = {{ env = "SHOP_KEY" }}
        [stores.eu-shop.gateway]
        adapter = "amazon_pay_v1"
        region = "eu"
        sandbox = true
        seller_id = "A1B2C3"
        access_key = {{ env = "SHOP_KEY" }}
        secret_key = {{ env = "SHOP_KEY" }}
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"SHOP_KEY": SECRET},
    )
    try:
        yield process, next(line for line in map(json.loads, process.stderr) if line["event"] == until)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(tmp_path, number):
    with serving(tmp_path) as (process, ready):
        assert httpx.get(f"http://127.0.0.1:{ready['http_port']}/healthz", timeout=30).status_code == 200
        process.send_signal(number)
        lines = process.communicate(timeout=60)[1].splitlines()
        assert process.returncode == 0
        assert json.loads(lines[-1])["event"] == "stopped"


def test_a_signal_ends_a_start_that_waits_for_a_database_that_is_away(tmp_path):
    database = f"postgresql://pa:pa@127.0.0.1:{free_port()}/pa"
    with serving(tmp_path, database=database, until="starting") as (process, _):
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=8)[1].splitlines()  # It would be given up after fifteen seconds.
        assert process.returncode == 0
        assert json.loads(lines[-1])["event"] == "stopped"


async def test_a_signal_ends_a_start_that_waits_for_another_replicas_change_of_the_schema(tmp_path, empty_postgres_url):
    other = await asyncpg.connect(empty_postgres_url, ssl=False)
    await other.execute(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})")
    with serving(tmp_path, database=empty_postgres_url, until="starting") as (process, _):
        async with asyncio.timeout(60):
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=30)[1].splitlines()
        assert process.returncode == 0
        assert json.loads(lines[-1])["event"] == "stopped"
    await other.close()


def test_the_line_that_says_ready_has_the_real_ports(tmp_path):
    with serving(tmp_path) as (_, ready):
        assert ready["grpc_port"] > 0
        assert ready["http_port"] > 0
        assert (ready["stores"], ready["unavailable_stores"]) == (["eu-shop"], [])


def test_no_line_shows_a_secret_though_the_shop_cannot_be_reached(tmp_path):
    with serving(tmp_path, "debug") as (process, ready):
        httpx.post(f"http://127.0.0.1:{ready['http_port']}/notifications/eu-shop", content=b"{}", timeout=30)
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[1]
    assert '"notification"' in told
    assert SECRET not in told


def test_more_silent_connections_than_it_may_open_files_hold_up_neither_port(tmp_path):
    with serving(tmp_path, code=FEW_FILES + SERVE) as (_, ready), ExitStack() as silent:
        for _ in range(300):
            silent.enter_context(socket.create_connection(("127.0.0.1", ready["http_port"]), timeout=30))
        assert httpx.get(f"http://127.0.0.1:{ready['http_port']}/healthz", timeout=30).status_code == 200
        with grpc.insecure_channel(f"127.0.0.1:{ready['grpc_port']}") as channel:
            assert PaymentActionsStub(channel).ListPayments(pb.ListPaymentsRequest(), timeout=30).payments == []
