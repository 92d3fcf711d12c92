"""What adapters answer is made sound before anybody reads it."""

from dataclasses import fields, is_dataclass, replace
from datetime import timedelta

import pytest

from payment_actions_server.plugins import (
    ActionCapability,
    GatewayReference,
    GatewayResult,
    PaymentStatus,
    ResultState,
    Snapshot,
    StatusApplied,
)
from payment_actions_server.plugins.answers import _FIELDS, Unsound, sound
from payment_actions_server.plugins.fakes import full_capabilities


@pytest.mark.parametrize("shape", _FIELDS)
def test_every_field_of_every_answer_is_looked_at(shape):
    names = [field.name for field in fields(shape)] if is_dataclass(shape) else shape._fields
    assert list(_FIELDS[shape]) == list(names)


def test_sound_answer_is_taken_as_it_is():
    result = GatewayResult(state=ResultState.DECLINED, gateway_id="C1", reason_code="No", message="Größe")
    assert sound(GatewayResult, result) == result
    assert sound(StatusApplied, StatusApplied("Paid", written=True)) == StatusApplied("Paid", written=True)
    assert sound(type(full_capabilities()), full_capabilities()) == full_capabilities()


def test_characters_that_no_database_takes_are_replaced_wherever_they_are():
    references = (GatewayReference("capture", "C\0"), GatewayReference("order", "P"))
    snapshot = Snapshot(status=PaymentStatus.PENDING, currency_code="EUR", references=references, message="cut \ud83d")
    taken = sound(Snapshot, snapshot)
    assert taken.references == (GatewayReference("capture", "C\ufffd"), GatewayReference("order", "P"))
    assert taken.message == "cut \ufffd"


def test_error_names_the_field_and_its_type_and_never_shows_the_value():
    with pytest.raises(Unsound, match=r"^GatewayResult.state cannot be read; it is of type str$"):
        sound(GatewayResult, GatewayResult(state="hunter2"))
    with pytest.raises(Unsound, match=r"^str is no Snapshot$"):
        sound(Snapshot, "hunter2")


@pytest.mark.parametrize(
    "wrong",
    [
        {"call_seconds_max": None},
        {"call_seconds_max": "20"},
        {"call_seconds_max": True},
        {"call_seconds_max": 0},
        {"call_seconds_max": float("inf")},
        {"call_seconds_max": float("nan")},
        pytest.param({"call_seconds_max": 10**400}, id="no float"),
        {"account": None},
        {"credentials_fingerprint": ""},
        {"capture": None},
        {"void": (timedelta.max, True, False)},
        {"refund": ActionCapability(3600, lookup=True)},
        {"refund": ActionCapability(timedelta(hours=1), lookup="no")},
        {"refund": ActionCapability(timedelta(hours=1), lookup=True, partial=1)},
    ],
    ids=str,
)
def test_capabilities_are_not_guessed(wrong):
    capabilities = full_capabilities()
    with pytest.raises(Unsound):
        sound(type(capabilities), replace(capabilities, **wrong))
