from __future__ import annotations

from payment_actions_amazon_pay.simulator.states import Reason, State


def test_identical_call_returns_the_first_calls_transaction(shop):
    order = shop.order()
    authorize = shop.authorize_values(order)
    authorization = shop.call("Authorize", **authorize)["AmazonAuthorizationId"]
    capture_values = shop.capture_values(authorization)
    capture = shop.call("Capture", **capture_values)["AmazonCaptureId"]
    refund_values = shop.refund_values(capture)
    refund = shop.call("Refund", **refund_values)["AmazonRefundId"]
    assert shop.call("Authorize", **authorize)["AmazonAuthorizationId"] == authorization
    assert shop.call("Capture", **capture_values)["AmazonCaptureId"] == capture
    assert shop.call("Refund", **refund_values)["AmazonRefundId"] == refund
    assert [effect.object_id for effect in shop.world.effects] == [authorization, capture, refund]


def test_replay_shows_the_present_state(shop):
    values = shop.refund_values(shop.captured())
    assert shop.call("Refund", **values)["RefundStatus"]["State"] == "Pending"
    shop.wait(seconds=30)
    assert shop.call("Refund", **values)["RefundStatus"]["State"] == "Completed"


def test_declined_result_is_replayed_too(shop):
    authorization = shop.authorize(shop.order())
    shop.plan("Capture", State.DECLINED, Reason.AMAZON_REJECTED)
    values = shop.capture_values(authorization)
    for _ in range(2):
        assert shop.call("Capture", **values)["CaptureStatus"]["ReasonCode"] == "AmazonRejected"


def test_refused_call_leaves_its_reference_id_free(shop):
    authorization = shop.authorize(shop.order())
    values = shop.capture_values(authorization, "100.01")
    assert shop.refused("Capture", **values) == "TransactionAmountExceeded"
    shop.call("Capture", **(values | {"CaptureAmount__Amount": "100.00"}))


def test_same_id_with_other_parameters_is_a_duplicate_request(shop):
    values = shop.refund_values(shop.captured(), "10.00")
    shop.call("Refund", **values)
    for change in ({"RefundAmount__Amount": "11.00"}, {"SellerRefundNote": "again"}, {"SoftDescriptor": "x"}):
        assert shop.refused("Refund", **(values | change)) == "DuplicateRequest"


def test_same_id_for_another_object_or_operation_is_a_duplicate_reference(shop):
    order = shop.order()
    authorize = shop.authorize_values(order, "10.00")
    authorization = shop.call("Authorize", **authorize)["AmazonAuthorizationId"]
    taken = authorize["AuthorizationReferenceId"]
    capture = shop.capture_values(authorization, "10.00", CaptureReferenceId=taken)
    other_order = authorize | {"AmazonOrderReferenceId": shop.order()}
    assert shop.refused("Capture", **capture) == "DuplicateReferenceId"
    assert shop.refused("Authorize", **other_order) == "DuplicateReferenceId"


def test_replay_is_answered_whatever_has_become_of_its_target(shop):
    order = shop.order()
    values = shop.authorize_values(order, "10.00")
    authorization = shop.call("Authorize", **values)["AmazonAuthorizationId"]
    shop.call("CancelOrderReference", AmazonOrderReferenceId=order)
    assert shop.call("Authorize", **values)["AmazonAuthorizationId"] == authorization
