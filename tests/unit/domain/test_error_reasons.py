"""The reasons that errors carry are those of the contract, one for one."""

import pytest

from payment_actions.v1 import error_reason_pb2
from payment_actions_server.domain import errors
from payment_actions_server.domain.errors import ErrorReason, GatewayThrottled, PaymentActionsError

PREFIX = "ERROR_REASON_"
CONTRACT = {name.removeprefix(PREFIX) for name in error_reason_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, PaymentActionsError) and value is not PaymentActionsError
]


def test_reasons_are_those_of_the_contract():
    assert {str(reason) for reason in ErrorReason} == CONTRACT


@pytest.mark.parametrize("reason", ErrorReason)
def test_reason_is_called_what_it_says(reason):
    assert reason.name == reason.value


def test_every_reason_has_one_error_and_every_error_one_reason():
    assert sorted(error.reason for error in CLASSES) == sorted(ErrorReason)


@pytest.mark.parametrize("error", CLASSES)
def test_error_is_called_as_its_reason(error):
    words = "".join(word.capitalize() for word in error.reason.split("_"))
    assert error.__name__ == words


@pytest.mark.parametrize("error", CLASSES)
def test_error_stands_in_the_tree_at_the_top_of_its_module(error):
    assert error.__name__ in errors.__doc__


def test_error_keeps_message_and_variables():
    error = errors.OrderNotFound("There is no order 1.", store="shop", order_id="1")
    assert (str(error), error.message) == ("There is no order 1.",) * 2
    assert error.metadata == {"store": "shop", "order_id": "1"}


@pytest.mark.parametrize(("seconds", "told"), [(2.0, "2"), (0.25, "0.25"), (90, "90")])
def test_throttled_says_when_to_come_back_to_people_and_programs(seconds, told):
    error = GatewayThrottled("Come back later.", retry_after_seconds=seconds, store="shop")
    assert error.retry_after_seconds == seconds
    assert error.metadata == {"retry_after_seconds": told, "store": "shop"}
