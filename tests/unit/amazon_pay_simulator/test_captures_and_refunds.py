from __future__ import annotations

import pytest

from payment_actions_amazon_pay.simulator.states import Reason, State


def test_partial_capture_closes_the_authorization(shop):
    authorization = shop.authorize(shop.order())
    shop.capture(authorization, "1.00")
    assert shop.stands(authorization) == (State.CLOSED, Reason.MAX_CAPTURES_PROCESSED)
    assert shop.refused("Capture", **shop.capture_values(authorization)) == "InvalidAuthorizationStatus"


def test_capture_of_more_than_was_authorized_is_refused(shop):
    authorization = shop.authorize(shop.order())
    values = shop.capture_values(authorization, "100.01")
    assert shop.refused("Capture", **values) == "TransactionAmountExceeded"


@pytest.mark.parametrize(("days", "state"), [(7, State.COMPLETED), (7.001, State.PENDING)])
def test_live_capture_later_than_seven_days_is_pending(live_shop, days, state):
    authorization = live_shop.authorize(live_shop.order())
    live_shop.wait(days=days)
    assert live_shop.stands(live_shop.capture(authorization))[0] is state


def test_pending_capture_completes_and_counts_only_then(live_shop):
    authorization = live_shop.authorize(live_shop.order())
    live_shop.wait(days=8)
    capture = live_shop.capture(authorization)
    pending = live_shop.call("GetAuthorizationDetails", AmazonAuthorizationId=authorization)
    live_shop.wait(hours=1)
    completed = live_shop.call("GetAuthorizationDetails", AmazonAuthorizationId=authorization)
    assert pending["AuthorizationStatus"]["ReasonCode"] == "MaxCapturesProcessed"
    assert (pending["CapturedAmount"].amount, completed["CapturedAmount"].amount) == (0, 100)
    assert live_shop.stands(capture) == (State.COMPLETED, Reason.NONE)


def test_capture_declined_at_once_leaves_the_authorization_open(shop):
    authorization = shop.authorize(shop.order())
    shop.plan("Capture", State.DECLINED, Reason.PROCESSING_FAILURE)
    shop.capture(authorization)
    assert shop.stands(authorization) == (State.OPEN, Reason.NONE)
    assert shop.stands(shop.capture(authorization)) == (State.COMPLETED, Reason.NONE)


@pytest.mark.parametrize("state", [State.PENDING, State.DECLINED])
def test_only_a_completed_capture_is_refundable(shop, state):
    shop.plan("Capture", state, Reason.AMAZON_REJECTED if state is State.DECLINED else Reason.NONE)
    values = shop.refund_values(shop.captured())
    assert shop.refused("Refund", **values) == "CaptureNotRefundable"


def test_refund_is_pending_first_and_shows_on_the_capture_when_completed(shop):
    capture = shop.captured()
    refund = shop.refund(capture, "40.00")
    before = shop.call("GetCaptureDetails", AmazonCaptureId=capture)["RefundedAmount"]
    assert shop.stands(refund) == (State.PENDING, Reason.NONE)
    shop.wait(seconds=30)
    after = shop.call("GetCaptureDetails", AmazonCaptureId=capture)["RefundedAmount"]
    assert shop.stands(refund) == (State.COMPLETED, Reason.NONE)
    assert (before.amount, after.amount) == (0, 40)


def test_refunds_may_exceed_the_capture_by_the_tolerance_and_no_more(shop):
    capture = shop.captured("100.00")
    shop.refund(capture, "100.00")
    assert shop.refused("Refund", **shop.refund_values(capture, "15.01")) == "TransactionAmountExceeded"
    shop.refund(capture, "15.00")


def test_tolerance_is_at_most_75(shop):
    capture = shop.captured("1000.00")
    assert shop.refused("Refund", **shop.refund_values(capture, "1075.01")) == "TransactionAmountExceeded"
    shop.refund(capture, "1075.00")


def test_eleventh_refund_is_one_too_many_even_after_declines(shop):
    capture = shop.captured("100.00")
    for _ in range(10):
        shop.plan("Refund", State.DECLINED, Reason.AMAZON_REJECTED)
        shop.refund(capture, "1.00")
    assert shop.refused("Refund", **shop.refund_values(capture, "1.00")) == "TransactionCountExceeded"


def test_fully_refunded_capture_stays_completed_until_the_tolerance_is_used(shop):
    capture = shop.captured("100.00")
    shop.refund(capture, "100.00")
    shop.wait(minutes=1)
    assert shop.stands(capture) == (State.COMPLETED, Reason.NONE)
    shop.refund(capture, "15.00")
    shop.wait(minutes=1)
    assert shop.stands(capture) == (State.CLOSED, Reason.MAX_AMOUNT_REFUNDED)
    assert shop.refused("Refund", **shop.refund_values(capture, "1.00")) == "CaptureNotRefundable"


def test_tenth_refund_closes_the_capture_only_when_none_is_pending(shop):
    capture = shop.captured("100.00")
    refunds = [shop.refund(capture, "1.00") for _ in range(10)]
    shop.settle(refunds[0], State.COMPLETED)
    assert shop.stands(capture) == (State.COMPLETED, Reason.NONE)
    shop.wait(minutes=1)
    assert shop.stands(capture) == (State.CLOSED, Reason.MAX_REFUNDS_PROCESSED)


def test_declined_refund_gives_its_amount_back(shop):
    capture = shop.captured("100.00")
    shop.plan("Refund", State.DECLINED, Reason.AMAZON_REJECTED)
    shop.refund(capture, "115.00")
    shop.wait(minutes=1)
    shop.refund(capture, "115.00")


def test_refund_with_an_authorization_id_is_an_invalid_transaction(shop):
    authorization = shop.authorize(shop.order())
    assert shop.refused("Refund", **shop.refund_values(authorization)) == "InvalidTransactionId"
