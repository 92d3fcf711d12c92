"""Amazon's notifications to the shop itself, as X-Cart's own module takes them."""

import json
import time

import pytest


def rows(order):
    return [(row["type"], row["status"], row["value"]) for row in order["backend_transactions"]]


def cells(order):
    return {cell["name"]: cell["value"] for cell in order["cells"]}


@pytest.fixture
def delivered(shop, amazon):
    """Have Amazon's notifications delivered to the shop, and wait for those under way."""
    amazon.control("PUT", "notifications", url=f"{shop.url}ipn")
    yield lambda: amazon.control("POST", "notifications/wait", seconds=20)
    amazon.control("PUT", "notifications", url="")


def captured_by_ours(amazon, order):
    return amazon.control("POST", "console/capture", object=order["amazon"]["authorization"])


def test_closed_after_our_capture_takes_a_paid_order_back_to_authorized(shop, amazon, checked_out, delivered):
    order = checked_out()
    captured_by_ours(amazon, order)
    shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "P"})
    delivered()
    after = shop.order(1)
    assert (after["payment_status"], rows(after)) == ("A", [("auth", "S", "129.90"), ("void", "I", "129.90")])
    assert cells(after)["authorizationStatus"] == "Closed"
    assert [write["via"] for write in after["writes"]][-1] == "ipn"
    assert "Order #00001: Payment status: Authorized" in shop.mails()


def test_only_x_carts_own_references_are_assigned(shop, amazon, checked_out, delivered):
    captured_by_ours(amazon, checked_out())
    delivered()
    told = {(each["type"], each["state"]): each["order_id"] for each in shop.notifications()}
    assert told["PaymentAuthorize", "Closed"] == 1
    assert told["PaymentCapture", "Completed"] is None
    assert "amazonCaptureId" not in cells(shop.order(1))


def test_open_makes_an_awaited_order_authorized(shop, amazon, checked_out, delivered):
    order = checked_out(synchronous=False)
    amazon.control("POST", "settle", object=order["amazon"]["authorization"])
    delivered()
    assert (shop.order(1)["payment_status"], rows(shop.order(1))) == ("A", [("auth", "S", "129.90")])


def test_a_declined_authorization_makes_the_order_declined(shop, amazon, checked_out, delivered):
    order = checked_out(synchronous=False)
    fields = {"object": order["amazon"]["authorization"], "state": "Declined", "reason_code": "AmazonRejected"}
    amazon.control("POST", "settle", **fields)
    delivered()
    assert (shop.order(1)["payment_status"], rows(shop.order(1))) == ("D", [("auth", "F", "129.90")])


def test_a_capture_that_completes_later_completes_its_row(shop, amazon, checked_out, delivered):
    checked_out()
    amazon.control("POST", "plans", operation="Capture", state="Pending")
    shop.press(1, "capture")
    assert rows(shop.order(1))[1] == ("capture", "I", "129.90")
    (capture,) = amazon.control("GET", "objects", kind="capture")["objects"]
    amazon.control("POST", "settle", object=capture["id"])
    delivered()
    after = shop.order(1)
    assert (after["payment_status"], rows(after)[1]) == ("P", ("capture", "S", "129.90"))
    assert cells(after)["amazonCaptureId"] == capture["id"]


def test_a_capture_that_is_declined_later_makes_the_order_declined(shop, amazon, checked_out, delivered):
    checked_out()
    amazon.control("POST", "plans", operation="Capture", state="Pending")
    shop.press(1, "capture")
    (capture,) = amazon.control("GET", "objects", kind="capture")["objects"]
    amazon.control("POST", "settle", object=capture["id"], state="Declined", reason_code="AmazonRejected")
    delivered()
    assert (shop.order(1)["payment_status"], rows(shop.order(1))[1]) == ("D", ("capture", "F", "129.90"))


def test_a_refund_that_completes_makes_the_order_refunded(shop, amazon, checked_out, delivered):
    checked_out()
    shop.press(1, "capture")
    shop.press(1, "refund")
    amazon.control("POST", "clock/advance", days=1)
    delivered()
    after = shop.order(1)
    assert (after["payment_status"], ("refund", "S", "129.90") in rows(after)) == ("R", True)


def test_a_refund_that_is_declined_is_ignored(shop, amazon, checked_out, delivered):
    checked_out()
    shop.press(1, "capture")
    shop.press(1, "refund")
    (refund,) = amazon.control("GET", "objects", kind="refund")["objects"]
    amazon.control("POST", "settle", object=refund["id"], state="Declined", reason_code="AmazonRejected")
    delivered()
    after = shop.order(1)
    assert (after["payment_status"], ("refund", "W", "129.90") in rows(after)) == ("P", True)


def test_an_authorizations_news_is_ignored_where_the_checkout_captures(shop, amazon, checked_out, delivered):
    shop.settings(capture_mode="C")
    checked_out()
    shop.update(1, payment_status="PP")
    amazon.control("POST", "notifications/send", object=shop.order(1)["amazon"]["authorization"])
    delivered()
    assert shop.order(1)["payment_status"] == "PP"


def test_any_news_that_is_assigned_writes_over_the_status(shop, amazon, checked_out, delivered):
    checked_out()
    shop.press(1, "capture")
    shop.update(1, payment_status="C")
    amazon.control("POST", "notifications/send", object=cells(shop.order(1))["amazonCaptureId"])
    delivered()
    assert shop.order(1)["payment_status"] == "P"


def test_orders_of_the_first_module_take_no_notifications(shop, amazon, checked_out, delivered):
    order = checked_out(storage="order_details")
    captured_by_ours(amazon, order)
    shop.update(1, payment_status="P")
    delivered()
    assert shop.order(1)["payment_status"] == "P"


def test_the_shop_waits_before_it_looks_at_a_notification(shop, amazon, checked_out):
    checked_out()
    shop.settings(ipn_delay_seconds=0.5)
    built = amazon.control("GET", "notification", object=shop.order(1)["amazon"]["authorization"])
    started = time.monotonic()
    assert shop.http.post("ipn", content=built["body"], headers=built["headers"]).status_code == 200
    assert time.monotonic() - started >= 0.5


def test_other_news_than_of_a_payment_is_accepted_and_ignored(shop, amazon, checked_out):
    checked_out()
    asked = amazon.control("POST", "notification", subscription_confirmation=True)
    other = amazon.control("POST", "notification", message={"NotificationType": "OrderReferenceNotification"})
    for built in (asked, other):
        assert shop.http.post("ipn", content=built["body"]).status_code == 200
    assert [each["order_id"] for each in shop.notifications()] == [None, None]


ENTITY = '<!DOCTYPE x [<!ENTITY a "b">]><CaptureNotification><CaptureDetails/></CaptureNotification>'


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"\xff", b'{"Type": "Notification", "Message": "{}"}', b'{"Type": "Notification"}',
        json.dumps({"Type": "Notification", "Message": json.dumps(
            {"NotificationType": "PaymentCapture", "NotificationData": ENTITY})}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_is_no_notification_is_refused(shop, body):
    shop.settings(ipn_delay_seconds=0)
    assert shop.http.post("ipn", content=body).status_code == 400
    assert shop.notifications() == []
