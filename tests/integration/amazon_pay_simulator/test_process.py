from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
import requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_tells_its_url_and_stops_gracefully(start, http, number):
    running = start()
    assert running.ready["seller_id"] == "A1DEMOSELLER"
    state = http.get(f"{running.url}/control/state").json()
    assert (state["sellers"], state["throttling"]) == (["A1DEMOSELLER"], True)
    assert running.stop(number) == 0


def test_process_stops_while_a_call_hangs_and_never_answers_it(start, open_shop, in_background, eventually):
    running = start()
    shop = open_shop(running)
    shop.control("POST", "faults/calls", kind="hang", executes="never")
    caller = in_background(shop.sdk.get_service_status)
    eventually(lambda: shop.control("GET", "faults")["faults"] == [])
    started = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - started < 30
    caller.join(timeout=60)
    assert isinstance(caller.error, requests.ConnectionError)


@pytest.mark.parametrize("arguments", [["--account", "A1:key"], ["--notify", "A1=ftp://x"]])
def test_mistaken_option_is_refused(arguments):
    command = [sys.executable, "-m", "payment_actions_amazon_pay.simulator.app", *arguments]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert (finished.returncode, "usage:" in finished.stderr) == (2, True)
