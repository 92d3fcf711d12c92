"""The page about the simulator leaves nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from payment_actions_amazon_pay.simulator.app import DEMO_ACCOUNT, _parser
from payment_actions_amazon_pay.simulator.control.routes import CALLS
from payment_actions_amazon_pay.simulator.faults import CALL_FAULTS, NotificationFaultKind
from payment_actions_amazon_pay.simulator.operations import OPERATIONS

PAGE = (Path(__file__).parents[3] / "docs" / "amazon-pay-simulator.md").read_text()


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_control_call_is_documented_with_every_field(call):
    named = f"`{call.method} {call.path}`"
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `") and named in line)
    assert [field for field in call.fields.split() if f"`{field}`" not in row] == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_has_a_curl_example(operation):
    assert f"amazon_pay {operation}" in PAGE


@pytest.mark.parametrize("kind", [*CALL_FAULTS, *NotificationFaultKind])
def test_fault_is_documented(kind):
    assert f"`{kind}`" in PAGE


def test_options_and_demo_account_are_documented():
    options = [option for action in _parser()._actions for option in action.option_strings]
    assert [option for option in options if option not in {"-h", "--help"} and option not in PAGE] == []
    assert all(word in PAGE for word in (DEMO_ACCOUNT.seller_id, DEMO_ACCOUNT.access_key, DEMO_ACCOUNT.secret_key))
