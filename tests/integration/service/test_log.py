"""The service's log as a real process writes it: lines come at once, and who stops reading them stops nothing else."""

import json
import os
import signal
import subprocess
from contextlib import contextmanager

import grpc
import pytest

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub
from payment_actions_server.demo.processes import installed

CALL_SECONDS_MAX = 60
CONFIG = """\
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
database = "sqlite:///{folder}/service.db"

[stores.shop]
payment_methods = ["Amazon Pay"]
capture_mode = "authorize_then_capture"
platform = {{ adapter = "xcart", url = "https://shop.example/", api_key = {{ env = "KEY" }} }}
[stores.shop.gateway]
adapter = "amazon_pay_v1"
region = "eu"
sandbox = true
seller_id = "A1"
access_key = {{ env = "KEY" }}
secret_key = {{ env = "KEY" }}
"""


@pytest.fixture
def running(tmp_path):
    """Return what starts the service; it yields the process, whose log is a pipe, and a stub."""
    config = tmp_path / "service.toml"
    config.write_text(CONFIG.format(folder=tmp_path))

    @contextmanager
    def run():
        command = [installed("payment-actions"), "serve", "--config", str(config)]
        environment = {**os.environ, "KEY": "s3cret-key"}
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
            try:
                lines = map(json.loads, iter(process.stderr.readline, b""))
                ready = next(line for line in lines if line["event"] == "serving")
                with grpc.insecure_channel(f"127.0.0.1:{ready['grpc_port']}") as channel:
                    yield process, PaymentActionsStub(channel)
            finally:
                process.kill()

    return run


def ask(stub):
    with pytest.raises(grpc.RpcError) as refused:
        stub.GetPayment(pb.GetPaymentRequest(store="other", order_id="1"), timeout=CALL_SECONDS_MAX)
    return refused.value.code()


def test_a_call_is_told_of_as_soon_as_it_is_answered(running):
    with running() as (process, stub):
        ask(stub)
        line = next(line for line in map(json.loads, iter(process.stderr.readline, b"")) if line["event"] == "rpc")
        assert (line["event"], line["code"]) == ("rpc", "NOT_FOUND")
        assert line["time"].endswith("Z")


def test_calls_are_answered_when_nobody_reads_the_log_any_more(running):
    with running() as (process, stub):
        process.stderr.close()
        assert [ask(stub) for _ in range(3)] == [grpc.StatusCode.NOT_FOUND] * 3


def test_the_last_line_before_an_end_at_once_is_not_lost(running):
    with running() as (process, stub):
        ask(stub)
        # Two of one kind would become one. It stands still meanwhile: or it might have ended by itself after the first.
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            os.kill(process.pid, number)
        events = [json.loads(line)["event"] for line in process.stderr]
        assert process.wait(CALL_SECONDS_MAX) > 128
        assert events[-1] == "stopped at once"
