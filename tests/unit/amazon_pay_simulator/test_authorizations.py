from __future__ import annotations

import pytest

from payment_actions_amazon_pay.simulator.states import Kind, Reason, State


def test_asynchronous_authorization_opens_after_half_a_minute(shop):
    authorization = shop.authorize(shop.order(), TransactionTimeout="1440")
    shop.wait(seconds=29)
    assert shop.stands(authorization) == (State.PENDING, Reason.NONE)
    shop.wait(seconds=1)
    assert shop.stands(authorization) == (State.OPEN, Reason.NONE)


def test_synchronous_authorization_is_decided_in_the_call(shop):
    assert shop.stands(shop.authorize(shop.order())) == (State.OPEN, Reason.NONE)


def test_held_authorization_times_out_while_its_order_stays_open(shop):
    shop.world.held.add(Kind.AUTHORIZATION)
    order = shop.order()
    authorization = shop.authorize(order, TransactionTimeout="10")
    shop.wait(minutes=10)
    assert shop.stands(authorization) == (State.DECLINED, Reason.TRANSACTION_TIMED_OUT)
    assert shop.stands(order) == (State.OPEN, Reason.NONE)


@pytest.mark.parametrize(("days", "state"), [(29.9, State.OPEN), (30, State.CLOSED)])
def test_live_authorization_expires_after_thirty_days(live_shop, days, state):
    authorization = live_shop.authorize(live_shop.order())
    live_shop.wait(days=days)
    assert live_shop.stands(authorization)[0] is state


def test_synchronous_capture_now_shows_nothing_captured_until_asked_again(shop):
    order = shop.order()
    details = shop.call("Authorize", **shop.authorize_values(order, CaptureNow="true"))
    later = shop.call("GetAuthorizationDetails", AmazonAuthorizationId=details["AmazonAuthorizationId"])
    assert details["AuthorizationStatus"]["ReasonCode"] == "MaxCapturesProcessed"
    assert details["CapturedAmount"].amount == 0
    assert later["CapturedAmount"].amount == 100
    assert later["IdList"] == details["IdList"]


def test_capture_now_capture_carries_the_authorization_reference(shop):
    values = shop.authorize_values(shop.order(), CaptureNow="true")
    (capture,) = shop.call("Authorize", **values)["IdList"]
    details = shop.call("GetCaptureDetails", AmazonCaptureId=capture)
    assert details["CaptureReferenceId"] == values["AuthorizationReferenceId"]
    assert capture[-6:] != shop.world.effects[0].object_id[-6:]


def test_asynchronous_capture_now_lists_its_capture_before_it_happens(shop):
    values = shop.authorize_values(shop.order(), CaptureNow="true", TransactionTimeout="60")
    details = shop.call("Authorize", **values)
    (capture,) = details["IdList"]
    assert shop.stands(capture) == (State.PENDING, Reason.NONE)
    shop.wait(seconds=30)
    assert shop.stands(capture) == (State.COMPLETED, Reason.NONE)
    authorization = details["AmazonAuthorizationId"]
    assert shop.stands(authorization) == (State.CLOSED, Reason.MAX_CAPTURES_PROCESSED)


def test_promised_capture_is_not_charged_yet(shop):
    order = shop.order("100.00")
    shop.authorize(order, "110.00", CaptureNow="true", TransactionTimeout="60")
    shop.capture(shop.authorize(order, "5.00"), "5.00")
    assert shop.stands(order) == (State.OPEN, Reason.NONE)
    shop.wait(seconds=30)
    assert shop.stands(order) == (State.CLOSED, Reason.MAX_AMOUNT_CHARGED)


def test_promised_capture_of_a_declined_authorization_fails(shop):
    shop.plan("Authorize", State.DECLINED, Reason.AMAZON_REJECTED)
    values = shop.authorize_values(shop.order(), CaptureNow="true", TransactionTimeout="60")
    (capture,) = shop.call("Authorize", **values)["IdList"]
    shop.wait(seconds=30)
    assert shop.stands(capture) == (State.DECLINED, Reason.PROCESSING_FAILURE)


def test_promised_capture_of_a_closed_authorization_fails(shop):
    authorization = shop.authorize(shop.order(), CaptureNow="true", TransactionTimeout="60")
    shop.call("CloseAuthorization", AmazonAuthorizationId=authorization)
    (capture,) = shop.thing(authorization).capture_ids
    assert shop.stands(capture) == (State.DECLINED, Reason.PROCESSING_FAILURE)


def test_declined_synchronous_capture_now_lists_no_capture(shop):
    shop.plan("Authorize", State.DECLINED, Reason.PROCESSING_FAILURE)
    details = shop.call("Authorize", **shop.authorize_values(shop.order(), CaptureNow="true"))
    assert details["AuthorizationStatus"]["State"] == "Declined"
    assert details["IdList"] == []


@pytest.mark.parametrize(
    ("reason", "order_state"),
    [
        (Reason.INVALID_PAYMENT_METHOD, State.SUSPENDED),
        (Reason.AMAZON_REJECTED, State.CLOSED),
        (Reason.PROCESSING_FAILURE, State.OPEN),
        (Reason.TRANSACTION_TIMED_OUT, State.OPEN),
    ],
)
def test_decline_decides_about_the_order(shop, reason, order_state):
    order = shop.order()
    shop.plan("Authorize", State.DECLINED, reason)
    shop.authorize(order)
    assert shop.stands(order)[0] is order_state


def test_second_close_is_refused_for_it_has_no_reference_id(shop):
    authorization = shop.authorize(shop.order())
    shop.call("CloseAuthorization", AmazonAuthorizationId=authorization)
    refusal = shop.refused("CloseAuthorization", AmazonAuthorizationId=authorization)
    assert refusal == "InvalidAuthorizationStatus"
    assert [effect.kind for effect in shop.world.effects] == ["authorize", "void"]


def test_total_may_be_exceeded_by_fifteen_percent_and_no_more(shop):
    order = shop.order("100.00")
    shop.authorize(order, "100.00")
    assert shop.refused("Authorize", **shop.authorize_values(order, "15.01")) == "TransactionAmountExceeded"
    shop.authorize(order, "15.00")


def test_what_was_voided_or_declined_can_be_authorized_again(shop):
    order = shop.order("100.00")
    shop.call("CloseAuthorization", AmazonAuthorizationId=shop.authorize(order, "115.00"))
    shop.plan("Authorize", State.DECLINED, Reason.PROCESSING_FAILURE)
    shop.authorize(order, "115.00")
    shop.authorize(order, "115.00")


def test_refunded_money_cannot_be_captured_again(shop):
    order = shop.order("100.00")
    shop.refund(shop.capture(shop.authorize(order, "100.00"), "100.00"))
    shop.wait(minutes=1)
    assert shop.refused("Authorize", **shop.authorize_values(order, "100.00")) == "TransactionAmountExceeded"


def test_eleventh_successful_authorization_is_one_too_many(shop):
    order = shop.order("100.00")
    for _ in range(10):
        shop.authorize(order, "1.00")
    assert shop.refused("Authorize", **shop.authorize_values(order, "1.00")) == "TransactionCountExceeded"


@pytest.mark.parametrize(
    "wrong",
    [
        {"TransactionTimeout": "7"},
        {"TransactionTimeout": "1445"},
        {"CaptureNow": "yes"},
        {"SoftDescriptor": "shop"},
        {"SellerAuthorizationNote": "x" * 256},
        {"AuthorizationAmount__Amount": "0"},
        {"AuthorizationAmount__Amount": "1.001"},
        {"AuthorizationReferenceId": "x" * 33},
        {"AuthorizationReferenceId": "a/b"},
        {"AuthorizationReferenceId": ""},
    ],
    ids=str,
)
def test_malformed_parameter_is_refused(shop, wrong):
    values = shop.authorize_values(shop.order()) | wrong
    assert shop.refused("Authorize", **values) == "InvalidParameterValue"


def test_other_currency_than_the_orders_is_refused(shop):
    values = shop.authorize_values(shop.order(), AuthorizationAmount__CurrencyCode="EUR")
    assert shop.refused("Authorize", **values) == "CurrencyMismatch"
    values["AuthorizationAmount__CurrencyCode"] = "XTS"
    assert shop.refused("Authorize", **values) == "CurrencyUnsupported"
