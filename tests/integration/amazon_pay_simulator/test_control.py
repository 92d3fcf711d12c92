from __future__ import annotations

import pytest


def test_merchant_captures_and_refunds_in_the_console(shop, control, details):
    authorization = shop.authorize()
    capture = control("POST", "console/capture", object=authorization)
    refund = control("POST", "console/refund", object=capture["id"], amount="40.00")
    assert (capture["state"], refund["state"], refund["amount"]) == ("Completed", "Pending", "40.00")
    shown = details(shop.sdk.get_authorization_details(authorization))
    assert shown["IdList"] == {"member": capture["id"]}


def test_merchant_voids_in_the_console(shop, control):
    authorization, order = shop.authorize(), shop.order()
    assert control("POST", "console/close-authorization", object=authorization)["state"] == "Closed"
    assert control("POST", "console/cancel-order-reference", object=order)["state"] == "Canceled"
    assert control("POST", "console/close-order-reference", object=shop.order())["state"] == "Closed"


def test_console_obeys_the_same_rules_as_the_api(shop, control):
    capture = shop.captured()
    answer = control.ask("POST", "console/capture", object=capture)
    assert (answer.status_code, answer.json()["code"]) == (404, "InvalidTransactionId")
    answer = control.ask("POST", "console/refund", object=capture, amount="1000.00")
    assert (answer.status_code, answer.json()["code"]) == (405, "TransactionAmountExceeded")


def test_buyer_mends_the_payment_method(shop, control):
    order = shop.order()
    plan = {"operation": "Authorize", "state": "Declined", "reason_code": "InvalidPaymentMethod"}
    control("POST", "plans", **plan, soft_decline=True)
    assert shop.authorization(order)["SoftDecline"] == "true"
    assert control.state(order) == "Suspended"
    assert control("POST", "buyer/mend-payment-method", object=order)["state"] == "Open"
    assert control.ask("POST", "buyer/mend-payment-method", object=order).status_code == 409


def test_amazon_closes_an_authorization_and_cancels_an_order(shop, control):
    authorization, order = shop.authorize(), shop.order()
    closed = control("POST", "amazon/close", object=authorization)
    canceled = control("POST", "amazon/cancel", object=order)
    assert (closed["state"], closed["reason_code"]) == ("Closed", "AmazonClosed")
    assert (canceled["state"], canceled["reason_code"]) == ("Canceled", "AmazonCanceled")


def test_held_refund_completes_only_when_it_is_settled(shop, control):
    control("POST", "hold", kinds=["refund"])
    refund = shop.refunding()
    control("POST", "clock/advance", days=30)
    assert control.state(refund) == "Pending"
    fields = {"object": refund, "state": "Declined", "reason_code": "ProcessingFailure"}
    assert control("POST", "settle", **fields)["reason_code"] == "ProcessingFailure"
    assert control.ask("POST", "settle", object=refund).status_code == 409


def test_released_refund_completes_if_it_is_overdue(shop, control):
    control("POST", "hold")
    refund = shop.refunding()
    control("POST", "clock/advance", minutes=1)
    control("POST", "release")
    assert control.state(refund) == "Completed"


def test_promised_capture_cannot_be_settled_before_its_authorization(shop, control):
    reply = shop.authorization(shop.order(), capture_now=True, transaction_timeout=60)
    capture = reply["IdList"]["member"]
    assert control.ask("POST", "settle", object=capture).status_code == 409
    control("POST", "settle", object=reply["AmazonAuthorizationId"])
    assert control.state(capture) == "Completed"


@pytest.mark.parametrize(
    "plan",
    [
        {"operation": "Refund", "state": "Closed"},
        {"operation": "Refund", "state": "Declined", "reason_code": "InvalidPaymentMethod"},
        {"operation": "Authorize", "state": "Completed"},
        {"operation": "Capture", "state": "Open"},
        {"operation": "Authorize", "state": "Closed", "reason_code": "MaxCapturesProcessed"},
        {"operation": "Authorize", "state": "Closed", "reason_code": "SellerClosed"},
    ],
    ids=str,
)
def test_impossible_plan_is_refused(control, plan):
    assert control.ask("POST", "plans", **plan).status_code == 409


@pytest.mark.parametrize("outcome", [{"state": "Pending"}, {"state": "Closed", "reason_code": "MaxAmountRefunded"}])
def test_impossible_settlement_changes_nothing(shop, control, outcome):
    control("POST", "plans", operation="Capture", state="Pending")
    capture = shop.captured()
    assert control.ask("POST", "settle", object=capture, **outcome).status_code == 409
    assert control.state(capture) == "Pending"


def test_declined_transaction_is_no_effect(shop, control):
    control("POST", "plans", operation="Capture", state="Declined", reason_code="AmazonRejected")
    capture = shop.captured()
    assert control.state(capture) == "Declined"
    assert control.effects("capture") == []


def test_effects_tell_everything_about_one_order(shop, control):
    shop.captured("5.00")
    capture = shop.captured("70.00")
    order = control("GET", f"objects/{capture}")["order_reference"]
    effects = control("GET", "effects", order_reference=order)["effects"]
    wanted = ("kind", "object", "amount", "currency", "state")
    (told,) = ([each[name] for name in wanted] for each in effects if each["kind"] == "capture")
    assert told == ["capture", capture, "70.00", "USD", "Completed"]


def test_objects_can_be_listed_by_kind_and_order(shop, control):
    shop.captured()
    capture = shop.captured()
    order = capture[:19]
    listed = control("GET", "objects", kind="capture", order_reference=order)["objects"]
    assert [each["id"] for each in listed] == [capture]
    assert len(control("GET", "objects")["objects"]) == 6


def test_call_log_tells_action_reference_and_answer(shop, control):
    authorization = shop.authorize()
    shop.sdk.capture(authorization, "my-capture", "500.00")
    call = control("GET", "calls", operation="Capture")["calls"][0]
    assert (call["object_id"], call["reference_id"]) == (authorization, "my-capture")
    assert (call["status"], call["error_code"]) == (405, "TransactionAmountExceeded")
    assert call["executed"] is False


def test_throttle_refuses_and_restores_with_the_clock(shop, control, error_code):
    control("PUT", "throttling", enabled=True)
    replies = [shop.sdk.capture("S01-1234567-1234567-A123456", "c", "1.00") for _ in range(3)]
    codes = [error_code(reply) for reply in replies]
    assert codes == ["InvalidTransactionId", "InvalidTransactionId", "RequestThrottled"]
    assert "RequestID" in replies[2].to_dict()["ErrorResponse"]
    control("POST", "clock/advance", seconds=2)
    assert error_code(shop.sdk.capture("S01-1234567-1234567-A123456", "c", "1.00")) == "InvalidTransactionId"


def test_quota_can_be_set(shop, control, error_code):
    control("PUT", "throttling", enabled=True, operation="Refund", burst=1, restore_per_second=0)
    capture = shop.captured()
    assert shop.sdk.refund(capture, "r", "1.00").success
    assert error_code(shop.sdk.refund(capture, "r", "1.00")) == "RequestThrottled"


def test_region_and_environment_show_in_the_id(control):
    for region, environment, beginning in (("eu", "Live", "P02-"), ("jp", "Sandbox", "S03-")):
        made = control("POST", "order-references", region=region, environment=environment)
        assert made["id"].startswith(beginning)


def test_reset_forgets_everything_but_the_accounts(shop, control):
    shop.captured()
    control("POST", "clock/advance", days=1)
    control("POST", "faults/calls", kind="lose_request")
    control("POST", "plans", operation="Refund", state="Declined", reason_code="AmazonRejected")
    control("POST", "reset")
    for path in ("objects", "effects", "calls", "faults"):
        assert control("GET", path) == {path: []}
    assert control("GET", "state")["offset_seconds"] == 0
    assert control("GET", "notifications") == {"deliveries": []}
    assert shop.captured()


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("GET", "objects/S01-0000000-0000000", {}, 404),
        ("POST", "console/print-money", {"object": "x"}, 404),
        ("POST", "order-references", {"amuont": "1.00"}, 400),
        ("POST", "order-references", {"seller_id": "A9NOBODY"}, 404),
        ("POST", "order-references", {"amount": "1.001"}, 400),
        ("POST", "clock/advance", {"seconds": -1}, 400),
        ("POST", "hold", {"kinds": ["order_reference"]}, 400),
        ("PUT", "notifications", {"signature_version": "3"}, 400),
        ("PUT", "throttling", {"operation": "PrintMoney", "burst": 1}, 400),
        ("POST", "notifications/send", {"sample": "PaymentNonsense"}, 400),
    ],
)
def test_mistaken_control_call_is_refused_and_says_why(control, method, path, fields, status):
    answer = control.ask(method, path, **fields)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
