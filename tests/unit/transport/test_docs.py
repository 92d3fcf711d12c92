"""What a user reads names everything that there is."""

import re
from pathlib import Path

import pytest

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.errors import ErrorReason
from payment_actions_server.domain.status import OperationState, OrderState
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.transport.errors import CODES
from payment_actions_server.transport.metrics import Metrics
from payment_actions_server.transport.validation import SERVICE

DOCS = Path(__file__).parents[3] / "docs"
API = (DOCS / "api.md").read_text()
OPERATIONS = (DOCS / "operations.md").read_text()


@pytest.mark.parametrize("method", [method.name for method in SERVICE.methods])
def test_every_call_is_documented_and_has_an_example(method):
    assert f"| `{method}` |" in API
    assert re.search(rf'{method} +\{{"|/{method}', API)


@pytest.mark.parametrize("reason", list(ErrorReason))
def test_every_reason_is_documented_with_its_code(reason):
    assert f"| `{reason}` | {CODES[reason].name} |" in API


@pytest.mark.parametrize("state", list(OperationState))
def test_every_state_of_an_operation_is_documented(state):
    assert f"| `{state}` |" in API


@pytest.mark.parametrize("state", list(OrderState))
def test_every_state_of_an_order_is_documented(state):
    assert f"| `{state}` |" in API


@pytest.mark.parametrize("state", list(StoreUpdateState))
def test_every_state_of_a_store_update_is_documented(state):
    assert f"`{state}`" in API


def test_every_metric_is_documented_and_no_other():
    metrics = Metrics()
    metrics.dropped_events(lambda: 0)
    names = {one.name + ("_total" if one.type == "counter" else "") for one in metrics.registry.collect()}
    assert names == set(re.findall(r"^\| `(payment_actions_\w+)` \|", OPERATIONS, re.MULTILINE))


def test_the_examples_name_fields_that_exist():
    messages = [method.input_type for method in SERVICE.methods] + [pb.ActionItem.DESCRIPTOR]
    known = {field.json_name for message in messages for field in message.fields}
    known |= {"currencyCode", "units", "nanos"}
    examples = "".join(line for line in API.splitlines() if line.startswith("    "))
    assert set(re.findall(r'"(\w+)": ', examples)) <= known
