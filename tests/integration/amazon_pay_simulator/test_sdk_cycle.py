"""Amazon's own SDK runs a payment from checkout to refund."""

from __future__ import annotations

import pytest


def test_sdk_runs_the_whole_cycle(shop, control, details):
    order = control("POST", "order-references")["id"]
    sdk = shop.sdk
    shown = details(sdk.set_order_reference_details(order, "100.00", seller_order_id="42", seller_note="~ é+*"))
    assert shown["OrderTotal"] == {"Amount": "100.00", "CurrencyCode": "USD"}
    assert sdk.confirm_order_reference(order).success
    authorization = shop.authorization(order)["AmazonAuthorizationId"]
    capture = details(sdk.capture(authorization, "c", "100.00"))
    assert capture["CaptureStatus"]["State"] == "Completed"
    refund = details(sdk.refund(capture["AmazonCaptureId"], "r", "100.00"))
    assert refund["RefundStatus"]["State"] == "Pending"
    control("POST", "clock/advance", minutes=1)
    refund = details(sdk.get_refund_details(refund["AmazonRefundId"]))
    assert refund["RefundStatus"]["State"] == "Completed"
    authorization = details(sdk.get_authorization_details(authorization))
    assert authorization["AuthorizationStatus"]["ReasonCode"] == "MaxCapturesProcessed"
    capture = details(sdk.get_capture_details(capture["AmazonCaptureId"]))
    assert capture["RefundedAmount"]["Amount"] == "100.00"
    assert capture["IdList"] == {"member": refund["AmazonRefundId"]}
    order = details(sdk.get_order_reference_details(order))
    assert order["SellerOrderAttributes"] == {"SellerOrderId": "42"}
    assert order["SellerNote"] == "~ é+*"
    assert [each["kind"] for each in control("GET", "effects")["effects"]] == [
        "authorize",
        "capture",
        "refund",
    ]


def test_sdk_voids_an_authorization(shop, control, error_code):
    authorization = shop.authorize()
    assert shop.sdk.close_authorization(authorization, closure_reason="no stock").success
    assert error_code(shop.sdk.close_authorization(authorization)) == "InvalidAuthorizationStatus"
    (void,) = control.effects("void")
    assert (void["object"], void["reason_code"]) == (authorization, "SellerClosed")


def test_sdk_cancels_an_order_with_its_authorizations(shop, control):
    order = shop.order()
    authorization = shop.authorization(order)["AmazonAuthorizationId"]
    assert shop.sdk.cancel_order_reference(order, cancelation_reason="no stock").success
    assert (control.state(order), control.state(authorization)) == ("Canceled", "Closed")


def test_sdk_closes_an_order(shop, control):
    order = shop.order()
    assert shop.sdk.close_order_reference(order).success
    assert control.state(order) == "Closed"


def test_confirm_reply_has_no_result_and_close_reply_an_empty_one(shop, control):
    order = control("POST", "order-references", amount="1.00")["id"]
    confirmed = shop.sdk.confirm_order_reference(order).to_dict()["ConfirmOrderReferenceResponse"]
    closed = shop.sdk.close_order_reference(order).to_dict()["CloseOrderReferenceResponse"]
    assert set(confirmed) == {"ResponseMetadata"}
    assert closed["CloseOrderReferenceResult"] is None


def test_synchronous_capture_now_reply_shows_nothing_captured_yet(shop, details):
    reply = shop.authorization(shop.order(), capture_now=True)
    later = details(shop.sdk.get_authorization_details(reply["AmazonAuthorizationId"]))
    assert reply["AuthorizationStatus"]["State"] == "Closed"
    assert (reply["CapturedAmount"]["Amount"], later["CapturedAmount"]["Amount"]) == ("0", "100.00")


def test_asynchronous_authorization_opens_when_time_passes(shop, control, details):
    authorization = shop.authorize(transaction_timeout=60)
    assert control.state(authorization) == "Pending"
    control("POST", "clock/advance", seconds=30)
    status = details(shop.sdk.get_authorization_details(authorization))["AuthorizationStatus"]
    assert status["State"] == "Open"


def test_sandbox_authorization_expires_after_two_days(shop, control, details, error_code):
    authorization = shop.authorize()
    control("POST", "clock/advance", days=2)
    status = details(shop.sdk.get_authorization_details(authorization))["AuthorizationStatus"]
    assert (status["State"], status["ReasonCode"]) == ("Closed", "ExpiredUnused")
    assert error_code(shop.sdk.capture(authorization, "c", "100.00")) == "InvalidAuthorizationStatus"


def test_live_capture_after_seven_days_is_pending_for_an_hour(live_shop, control, details):
    authorization = live_shop.authorize()
    control("POST", "clock/advance", days=7, seconds=1)
    capture = details(live_shop.sdk.capture(authorization, "c", "100.00"))
    assert capture["CaptureStatus"]["State"] == "Pending"
    control("POST", "clock/advance", hours=1)
    assert control.state(capture["AmazonCaptureId"]) == "Completed"


@pytest.mark.parametrize(
    ("note", "state"), [('{"SandboxSimulation":{"State":"Pending"}}', "Pending"), ("", "Completed")]
)
def test_simulation_string_decides_about_a_capture(shop, details, note, state):
    reply = shop.sdk.capture(shop.authorize(), "c", "100.00", seller_capture_note=note)
    assert details(reply)["CaptureStatus"]["State"] == state


def test_sandbox_object_on_the_live_path_is_an_internal_error(shop, live_shop, error_code):
    assert error_code(live_shop.sdk.get_order_reference_details(shop.order())) == "InternalServerError"


def test_service_status_is_green(shop):
    reply = shop.sdk.get_service_status().to_dict()["GetServiceStatusResponse"]
    assert reply["GetServiceStatusResult"]["Status"] == "GREEN"


def test_due_results_come_in_real_time_too(shop, control, endpoint, eventually):
    refund = shop.refunding()
    control("POST", "clock/advance", seconds=29.5)
    assert control.state(refund) == "Pending"
    eventually(lambda: "PaymentRefund" in endpoint.types())
