"""The rules of requests, one by one, and that the contract's comments say the same."""

import re
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.transport.errors import InvalidFields
from payment_actions_server.transport.validation import FREE, RULES, SERVICE, check, check_item

CONTRACT = (Path(__file__).parents[3] / "proto/payment_actions/v1/payment_actions.proto").read_text()
OPERATION_ID = "01k0m7v4x2q8r6t3y9z5b1c7d4"

VALID = (
    pb.GetPaymentRequest(store="s", order_id="1"),
    pb.ListPaymentsRequest(),
    pb.CapturePaymentRequest(store="s", order_id="1", request_id="r"),
    pb.VoidPaymentRequest(store="s", order_id="1", request_id="r"),
    pb.RefundPaymentRequest(store="s", order_id="1", request_id="r"),
    pb.RefreshPaymentRequest(store="s", order_id="1"),
    pb.GetOperationRequest(store="s", operation_id=OPERATION_ID),
    pb.ResolveOperationRequest(store="s", operation_id=OPERATION_ID, state=pb.OPERATION_STATE_SUCCEEDED, reason="seen"),
    pb.ListEventsRequest(store="s", order_id="1"),
    pb.GetOverviewRequest(),
    pb.WatchEventsRequest(),
    pb.RunActionsRequest(items=[pb.ActionItem()]),
)


def broken(request):
    """Return the fields that break a rule."""
    try:
        check(request)
    except InvalidFields as invalid:
        return [violation.field for violation in invalid.violations]
    return []


def changed(request, **fields):
    copy = type(request)()
    copy.CopyFrom(request)
    for name, value in fields.items():
        copy.ClearField(name)
        copy.MergeFrom(type(request)(**{name: value}))
    return copy


def test_the_service_comment_says_the_rules_that_are_enforced():
    listed = re.findall(r"// - ((?:`\w+`(?:, )?)+): (.*?)(?:;.*)?\.\n", CONTRACT)
    said = {name: text.replace("`", "") for names, text in listed for name in re.findall(r"\w+", names)}
    assert said == {name: RULES[name].says for name in said}
    assert set(said) == {"store", "order_id", "operation_id", "request_id", "note", "reason", "page_size"}


def test_every_field_of_every_request_has_a_rule_or_is_free():
    messages = [method.input_type for method in SERVICE.methods] + [pb.ActionItem.DESCRIPTOR]
    names = {field.name for message in messages for field in message.fields}
    assert names == RULES.keys() | FREE


def test_every_request_type_is_tried_here():
    assert {type(request).DESCRIPTOR.name for request in VALID} == {one.input_type.name for one in SERVICE.methods}


@pytest.mark.parametrize("request_", VALID, ids=lambda request: type(request).DESCRIPTOR.name)
def test_the_least_valid_request_passes(request_):
    assert broken(request_) == []


@pytest.mark.parametrize("request_", VALID, ids=lambda request: type(request).DESCRIPTOR.name)
def test_every_required_field_is_required(request_):
    empty = type(request_)()
    assert broken(empty) == [field.name for field, _ in request_.ListFields()]


@pytest.mark.parametrize(
    ("field", "value", "holds"),
    [
        ("store", "a", True),
        ("store", "0-shop", True),
        ("store", "s" * 64, True),
        ("store", "s" * 65, False),
        ("store", "-shop", False),
        ("store", "Shop", False),
        ("store", "shop\n", False),
        ("store", "s\u0661", False),  # An Arabic digit is none of 0-9.
        ("order_id", "Größe 12/β", True),
        ("order_id", "o" * 128, True),
        ("order_id", "o" * 129, False),
        ("order_id", "1\n", False),
        ("order_id", "1\x00", False),
        ("order_id", "1\x7f", False),
        ("order_id", "1\x85", False),
        ("request_id", "3F1c9a52-0.a_b:c", True),
        ("request_id", "r" * 64, True),
        ("request_id", "r" * 65, False),
        ("request_id", "r 1", False),
        ("request_id", "r\n", False),
        ("note", "n" * 1000, True),
        ("note", "n" * 1001, False),
        ("note", "a\x00b", False),  # PostgreSQL cannot hold it.
        ("note", "two\nlines\t", True),
    ],
)
def test_text_rules(field, value, holds):
    assert (broken(changed(VALID[2], **{field: value})) == []) is holds


@pytest.mark.parametrize(
    ("operation_id", "holds"), [(OPERATION_ID, True), ("0" * 25, False), ("0" * 27, False), ("A" * 26, False)]
)
def test_operation_ids(operation_id, holds):
    assert (broken(pb.GetOperationRequest(store="s", operation_id=operation_id)) == []) is holds


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"page_size": 1000}, []),
        ({"page_size": 1001}, ["page_size"]),
        ({"page_size": -1}, ["page_size"]),
        ({"store": "Shop"}, ["store"]),
        ({"payment_method": "m" * 128}, []),
        ({"payment_method": "m" * 129}, ["payment_method"]),
        ({"payment_method": "m\x00"}, ["payment_method"]),
        ({"statuses": [1, 9]}, []),
        ({"statuses": [1, 0]}, ["statuses"]),
        ({"statuses": [10]}, ["statuses"]),
        ({"statuses": [1] * 100}, []),
        ({"statuses": [1] * 101}, ["statuses"]),
        ({"authorization_expire_before": Timestamp()}, []),
        ({"authorization_expire_before": Timestamp(nanos=-1)}, ["authorization_expire_before"]),
        ({"authorization_expire_before": Timestamp(seconds=2**40)}, ["authorization_expire_before"]),
    ],
)
def test_list_payments_rules(fields, wrong):
    assert broken(pb.ListPaymentsRequest(**fields)) == wrong


@pytest.mark.parametrize(
    ("currency_code", "units", "nanos", "holds"),
    [
        ("USD", 129, 900_000_000, True),
        ("USD", 129, 990_000_000, True),
        ("USD", 129, 999_000_000, False),
        ("USD", 0, 1, False),
        ("JPY", 129, 0, True),
        ("JPY", 129, 10_000_000, False),
        ("KWD", 1, 1_000_000, True),
        ("KWD", 1, 100_000, False),
        ("USD", -1, -500_000_000, True),  # Valid money; that it is not above zero is for the engine to say.
        ("USD", 1, -500_000_000, False),
        ("USD", -1, 500_000_000, False),
        ("USD", 0, 1_000_000_000, False),
        ("USD", 0, -1_000_000_000, False),
        ("USD", 2**63 - 1, 0, True),
        ("usd", 1, 0, False),
        ("XXX", 1, 0, False),
        ("", 1, 0, False),
        ("", 0, 0, False),
    ],
)
def test_amounts(currency_code, units, nanos, holds):
    amount = Money(currency_code=currency_code, units=units, nanos=nanos)
    assert (broken(changed(VALID[2], amount=amount)) == []) is holds
    assert (broken(changed(VALID[4], amount=amount)) == []) is holds


@pytest.mark.parametrize("state", [number for number in pb.OperationState.values() if number not in (4, 6)] + [99])
def test_an_operation_is_resolved_only_to_succeeded_or_failed(state):
    assert broken(changed(VALID[7], state=state)) == ["state"]


def test_a_reason_is_neither_empty_nor_endless():
    assert broken(changed(VALID[7], reason="r" * 1001)) == ["reason"]
    assert broken(changed(VALID[7], reason="r\x00")) == ["reason"]
    with pytest.raises(InvalidFields, match="1 to 1000 characters"):
        check(changed(VALID[7], reason=""))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"after_sequence": -1}, ["after_sequence"]),
        ({"stores": ["A"]}, ["stores"]),
        ({"stores": ["a"] * 1000}, []),
        ({"stores": ["a"] * 1001}, ["stores"]),
    ],
)
def test_watch_rules(fields, wrong):
    assert broken(pb.WatchEventsRequest(**fields)) == wrong


@pytest.mark.parametrize(
    ("fields", "validate_only", "wrong"),
    [
        ({"action": pb.ACTION_CAPTURE, "request_id": "r"}, False, []),
        ({"action": pb.ACTION_CAPTURE}, False, ["request_id"]),
        ({"action": pb.ACTION_CAPTURE}, True, []),
        ({"action": pb.ACTION_REFRESH}, False, []),
        ({"request_id": "r"}, False, ["action"]),
        ({"action": 99, "request_id": "r"}, False, ["action"]),
        ({"action": pb.ACTION_VOID, "request_id": "r", "amount": Money(currency_code="USD")}, False, ["amount"]),
        ({"action": pb.ACTION_REFUND, "request_id": "r", "amount": Money(currency_code="USD")}, False, []),
        ({"action": pb.ACTION_REFUND, "request_id": "r", "amount": Money()}, False, ["amount"]),
    ],
)
def test_item_rules(fields, validate_only, wrong):
    violations = check_item(pb.ActionItem(store="s", order_id="1", **fields), 3, validate_only=validate_only)
    assert [field for field, _ in violations] == [f"items[3].{name}" for name in wrong]


def test_the_error_says_field_and_rule():
    with pytest.raises(InvalidFields, match=r"store must be 1 to 64 characters of a-z 0-9 -.*1 more field"):
        check(pb.GetPaymentRequest(store="Shop"))
