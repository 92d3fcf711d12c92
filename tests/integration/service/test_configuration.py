"""`payment-actions check` as its user meets it: file, key and remedy of whatever is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = str(Path(sys.executable).parent / "payment-actions")
STORE = """
[stores.{name}]
payment_methods = ["PayWithAmazon"]
capture_mode = "authorize_then_capture"
platform = {{ adapter = "{platform}", url = "https://{name}.example/", api_key = {{ env = "KEY" }} }}
gateway = {{ adapter = "amazon_pay_v1", region = "eu", sandbox = true, {gateway} }}
"""
GATEWAY = 'seller_id = "A1", access_key = { env = "KEY" }, secret_key = { env = "KEY" }'


def store(name="eu-shop", platform="xcart", gateway=GATEWAY):
    return STORE.format(name=name, platform=platform, gateway=gateway)


@pytest.fixture
def check(tmp_path):
    """Check a configuration; return (exit code, lines, file)."""

    def run(text):
        file = tmp_path / "payment-actions.toml"
        file.write_text(text)
        environment = {**os.environ, "KEY": "s3cret-key", "OTHER": "s3cret-other", "COLUMNS": "1000"}
        done = subprocess.run(
            [COMMAND, "check", str(file)], check=False, capture_output=True, text=True, timeout=60, env=environment
        )
        told = done.stdout + done.stderr
        assert "s3cret" not in told
        return done.returncode, told

    return run


def test_a_good_configuration_is_in_order(check):
    assert check(store())[0] == 0


WRONG = {
    "missing key": (store(gateway=GATEWAY.replace('seller_id = "A1", ', "")), "gateway.seller_id", "Add seller_id"),
    "unknown key": (store(gateway=GATEWAY.replace("seller_id", "seler_id")), "gateway.seler_id", "Did you mean seller"),
    "unknown adapter": (store(platform="xkart"), "platform.adapter", "xcart"),
    "unset secret": (store(gateway=GATEWAY.replace("KEY", "NOT_SET", 1)), "gateway.access_key", "Set NOT_SET"),
    "unreadable secret": (
        store(gateway=GATEWAY.replace('{ env = "KEY" }', '{ file = "no-such-file" }', 1)),
        "gateway.access_key",
        "readable",
    ),
    "secret in the file": (
        store(gateway=GATEWAY.replace('{ env = "KEY" }', '"s3cret-key"', 1)),
        "gateway.access_key",
        "env",
    ),
    "two keys for one seller": (
        store("a") + store("b", gateway=GATEWAY.replace("KEY", "OTHER", 1)),
        "stores.b.gateway",
        "same credentials",
    ),
    "no TOML": ("[stores\n", "line 1", "not TOML"),
    "beyond loopback": ('[server]\ngrpc = "0.0.0.0:50051"\n' + store(), "server.grpc", "insecure_listen"),
    "lease too short": ("[server]\nlease_seconds = 5.0\n" + store(), "server.lease_seconds", "Give more than"),
    "no such folder": (
        '[server]\ndatabase = "sqlite:////no/such/folder/x.db"\n' + store(),
        "server.database",
        "create",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_is_named_with_file_key_and_remedy(check, what):
    text, key, remedy = WRONG[what]
    code, told = check(text)
    assert code == 8
    assert "payment-actions.toml" in told
    assert key in told
    assert remedy in told
