"""X-Cart's first Amazon module (until 5.3.3): it goes by the order's payment status."""

import re

import pytest

BUTTONS = re.compile(r'<button name="button" value="(\w+)">')
AMAZON = {"order_reference": "S02-1", "authorization": "S02-1-A1"}


def offers(page):
    return BUTTONS.findall(page)


@pytest.fixture
def placed(checked_out):
    return lambda **fields: checked_out(storage="order_details", **fields)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("A", ["capture", "void"]), ("P", ["refund"]), ("Q", ["refresh"]), ("R", []), ("C", []), ("D", []), ("PP", []),
        (None, []),
    ],
)  # fmt: skip
def test_the_payment_status_decides_what_is_offered(shop, code, shown):
    shop.create(payment_status=code, amazon=AMAZON)
    assert offers(shop.page(1)) == shown
    assert ("X-Cart's own module (first)" in shop.page(1)) == bool(shown)


def test_a_status_write_of_ours_switches_the_buttons(shop):
    shop.create(amazon=AMAZON)
    shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "P"})
    assert offers(shop.page(1)) == ["refund"]


def test_the_order_says_which_module_it_is_of(shop):
    shop.create(storage="transaction_data", amazon_module="first", amazon=AMAZON, payment_status="P")
    assert offers(shop.page(1)) == ["refund"]
    shop.update(1, amazon_module="later", payment_status="R")
    assert "X-Cart's own module (later)" in shop.page(1)


def test_capture_is_of_todays_total_under_the_orders_id(shop, amazon, placed):
    placed()
    shop.update(1, total="60.00")
    shop.press(1, "capture")
    assert amazon.calls("Capture", "CloseOrderReference") == [
        ("Capture", "capture_1", ""), ("CloseOrderReference", "", ""),
    ]  # fmt: skip
    assert [effect["amount"] for effect in amazon.effects("capture")] == ["60.00"]
    after = shop.order(1)
    assert (after["payment_status"], after["amazon"]["capture_status"]) == ("P", "Completed")
    assert after["backend_transactions"] == []


def test_void_cancels_the_order_and_its_reference(shop, amazon, placed):
    placed()
    shop.press(1, "void")
    assert shop.order(1)["payment_status"] == "C"
    assert [call[0] for call in amazon.calls()][-2:] == ["CloseAuthorization", "CancelOrderReference"]


def test_a_refused_click_changes_no_status(shop, amazon, placed):
    order = placed()
    amazon.control("POST", "console/capture", object=order["amazon"]["authorization"])
    assert "InvalidAuthorizationStatus" in shop.press(1, "capture")
    assert shop.order(1)["payment_status"] == "A"


def test_a_refund_is_refreshed_until_it_is_complete(shop, amazon, placed):
    placed()
    shop.press(1, "capture")
    page = shop.press(1, "refund")
    assert (offers(page), shop.order(1)["payment_status"]) == (["refresh_refund"], "P")
    amazon.control("POST", "clock/advance", days=1)
    shop.press(1, "refresh_refund")
    assert (shop.order(1)["payment_status"], shop.order(1)["amazon"]["refund_status"]) == ("R", "Completed")


def test_refresh_takes_over_an_authorization(shop, amazon, placed):
    order = placed(synchronous=False)
    assert offers(shop.page(1)) == ["refresh"]
    amazon.control("POST", "settle", object=order["amazon"]["authorization"])
    shop.press(1, "refresh")
    assert shop.order(1)["payment_status"] == "A"


def test_refresh_takes_over_a_capture_made_elsewhere(shop, amazon, placed):
    order = placed()
    capture = amazon.control("POST", "console/capture", object=order["amazon"]["authorization"])
    shop.update(1, payment_status="Q")
    shop.press(1, "refresh")
    assert (shop.order(1)["payment_status"], shop.order(1)["amazon"]["capture"]) == ("P", capture["id"])


def test_a_declined_capture_declines_the_order(shop, amazon, placed):
    placed()
    amazon.control("POST", "plans", operation="Capture", state="Declined", reason_code="AmazonRejected")
    shop.press(1, "capture")
    assert shop.order(1)["payment_status"] == "D"
