"""What users of the client see, whatever the network does."""

import inspect
import pickle
from datetime import datetime

import pytest

import payment_actions_client
from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.error_reason_pb2 import ErrorReason
from payment_actions_client import (
    AsyncClient,
    Client,
    PaymentActionsError,
    action_item,
    calls,
    new_request_id,
    to_money,
)
from payment_actions_client.errors import OutcomeUnknown

CALLS = {
    name: function
    for name, function in inspect.getmembers(calls, inspect.isfunction)
    if function.__module__ == calls.__name__ and not name.startswith("_")
}


@pytest.mark.parametrize("facade", [Client, AsyncClient])
@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_a_method_of_both_clients_as_it_was_declared(facade, name):
    method = getattr(facade, name)
    declared = inspect.signature(CALLS[name]).parameters.values()
    assert list(inspect.signature(method).parameters.values())[1:] == list(declared)
    assert method.__doc__ == CALLS[name].__doc__


def test_every_rpc_of_the_contract_has_a_call():
    rpcs = {method.name for method in pb.DESCRIPTOR.services_by_name["PaymentActions"].methods}
    payment = ("eu-shop", "4711")
    made = [
        calls.get_payment(*payment), calls.list_payments().next, calls.capture(*payment), calls.void(*payment),
        calls.refund(*payment), calls.refresh(*payment), calls.get_operation("eu-shop", "01k0"),
        calls.resolve_operation("eu-shop", "01k0", happened=False, reason="never seen"),
        calls.list_events(*payment).next, calls.get_overview(), calls.watch_events(), calls.run_actions([]),
    ]  # fmt: skip
    assert {call.rpc for call in made} == rpcs
    assert len(made) == len(CALLS)


def test_every_reason_of_the_contract_has_an_error():
    reasons = {error.reason for error in PaymentActionsError.__subclasses__()} - {""}
    assert reasons == {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()[1:]}


def test_everything_exported_exists_and_is_sorted():
    names = payment_actions_client.__all__
    assert all(hasattr(payment_actions_client, name) for name in names)
    assert names == sorted(names)


def test_an_error_survives_being_sent_to_another_process():
    error = pickle.loads(pickle.dumps(OutcomeUnknown("It may have happened.", request_id="r-1")))
    assert (str(error), error.request_id) == ("It may have happened.", "r-1")


@pytest.mark.parametrize("actor", ["Jürgen", " zoe", "zoe\n", "z" * 129])
def test_an_actor_that_cannot_be_sent_is_refused_at_once(actor):
    with pytest.raises(ValueError, match="ASCII"):
        Client(actor=actor)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(ValueError, match="timeout"):
        AsyncClient(timeout=timeout)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="aware"):
        calls.list_payments(authorization_expire_before=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake


def test_an_empty_request_id_is_sent_as_it_is_not_replaced():
    assert calls.capture("eu-shop", "4711", request_id="").request_id == ""


def test_a_currency_beside_money_must_agree_with_it():
    with pytest.raises(ValueError, match="EUR"):
        calls.refund("eu-shop", "4711", to_money("10 EUR"), "USD")


def test_an_item_of_a_run_is_named_when_it_is_made():
    first, second = (action_item("eu-shop", "4711", pb.ACTION_CAPTURE, amount="10 EUR") for _ in range(2))
    assert first.request_id
    assert first.request_id != second.request_id
    assert first.amount.units == 10


def test_a_request_id_is_one_that_the_contract_allows():
    assert 1 <= len(new_request_id()) <= 64
    assert set(new_request_id()) <= set("0123456789abcdef-")
