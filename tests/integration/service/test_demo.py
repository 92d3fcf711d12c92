"""The demo as users run it: one process that starts all others and checks its own story."""

import re
import subprocess

import pytest

from payment_actions_server.demo.processes import installed

DEMO_SECONDS_MAX = 240

pytestmark = pytest.mark.timeout(300)


def test_the_demo_plays_to_its_end_and_all_expectations_come_true():
    command = [installed("payment-actions"), "demo", "--once"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEMO_SECONDS_MAX)
    counted = re.search(r"(\d+) of (\d+) expectations came true", run.stdout)
    assert counted, run.stdout + run.stderr
    assert (run.returncode, counted[1]) == (0, counted[2]), run.stdout
    for told in (
        r"its own section: .*Captured amount 129\.90 EUR; buttons: Refund",
        r"its own Capture: Payment was captured; status P",
        r"answer +OrderCancelled",
        r"The store held 'Paid' and now holds 'Authorized'.*written again",
    ):
        assert re.search(told, run.stdout), told
