"""What a stream makes of its connections, without a network."""

import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import calls, error_of_status
from payment_actions_client.errors import DOMAIN
from payment_actions_server.cli import run_answers
from payment_actions_server.cli.result_file import Row

ITEMS = [pb.ActionItem(store="eu-shop", order_id="4711", action=pb.ACTION_CAPTURE, request_id="r-1")]
ROW = Row(1, "eu-shop", "4711", "CAPTURE", "", "", "r-1")


def refusal(reason, **metadata):
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))
    return pb.RunActionsResponse(index=0, error=status_pb2.Status(code=5, message="No.", details=[packed]))


def answered(response, connections, *, validate_only=False):
    """Return what the caller gets of a response that came over the last of so many connections."""
    run = calls.run_actions(ITEMS, validate_only=validate_only)
    for _ in range(connections):
        assert list(run.request.items) == ITEMS
    (item,) = run.take(response)
    return item


@pytest.mark.parametrize("reason", ["STORE_NOT_FOUND", "PERMISSION_DENIED", "GATEWAY_UNAVAILABLE", "FROM_THE_FUTURE"])
def test_a_refusal_on_the_doorstep_after_a_lost_connection_leaves_an_item_unknown(reason):
    item = answered(refusal(reason), 2)
    error = error_of_status(item.error)
    assert (error.reason, "No. " in error.message, "may have happened" in error.message) == ("", True, True)
    assert run_answers.answered(ROW, item).state == "UNKNOWN"


@pytest.mark.parametrize(
    "response",
    [refusal("ACTION_NOT_AVAILABLE"), refusal("ORDER_CANCELLED"), refusal("GATEWAY_UNAVAILABLE", operation_id="01k0")],
    ids=["of what was asked", "of its order", "with its operation"],
)
def test_a_refusal_of_what_was_asked_is_definite_after_a_lost_connection_too(response):
    assert error_of_status(answered(response, 2).error).reason == error_of_status(response.error).reason != ""


def test_a_refusal_over_the_first_connection_is_what_the_service_says():
    item = answered(refusal("STORE_NOT_FOUND"), 1)
    assert error_of_status(item.error).reason == "STORE_NOT_FOUND"
    assert run_answers.answered(ROW, item).state == "REFUSED"


@pytest.mark.parametrize("reason", ["ORDER_CANCELLED", "ORDER_CHANGED", "ORDER_TOTAL_INVALID"])
def test_an_item_whose_order_the_shop_changed_is_refused_for_good(reason):
    row = run_answers.answered(ROW, answered(refusal(reason), 1))
    assert (row.state, row.reason, run_answers.ended(row)) == ("REFUSED", reason, True)


def test_an_item_whose_shop_could_not_be_asked_is_asked_again_under_its_request_id():
    row = run_answers.answered(ROW, answered(refusal("PLATFORM_UNAVAILABLE"), 1))
    assert (row.state, row.request_id, run_answers.ended(row)) == ("UNAVAILABLE", "r-1", False)


def test_what_would_move_nothing_is_refused_after_a_lost_connection_as_before():
    item = answered(refusal("STORE_NOT_FOUND"), 2, validate_only=True)
    assert error_of_status(item.error).reason == "STORE_NOT_FOUND"
