"""X-Cart's own section of the order page, the later module: its offers, and the effect of each button."""

import re

import pytest

AMOUNTS = re.compile(r"<li>(\w+ amount) <bdi>([\d.]+) EUR</bdi></li>")
BUTTONS = re.compile(r'<button name="button" value="(\w+)">')


def offers(page):
    return BUTTONS.findall(page)


def amounts(page):
    return dict(AMOUNTS.findall(page))


def rows(order):
    return [(row["type"], row["status"], row["value"]) for row in order["backend_transactions"]]


def cells(order):
    return {cell["name"]: cell["value"] for cell in order["cells"]}


def write_as_ours(shop, order, code):
    """Write the payment status and nothing else, as the adapter did."""
    shop.legacy(_path=f"order/{order['id']}", _method="put", **{"model[paymentStatus][code]": code})


def record_as_ours(shop, order, **model):
    fields = {"model" + "".join(f"[{part}]" for part in name.split("__")): value for name, value in model.items()}
    shop.legacy(_path=f"payment-transaction/{order['transaction_id']}", _method="put", **fields)


def captured_by_ours(amazon, order):
    """Capture at Amazon without X-Cart's knowledge."""
    authorization = order["amazon"]["authorization"]
    return amazon.control("POST", "console/capture", object=authorization)


def test_the_checkout_authorizes_under_x_carts_own_reference(shop, amazon, checked_out):
    order = checked_out()
    assert (order["order_number"], order["payment_status"], rows(order)) == ("00001", "A", [("auth", "S", "129.90")])
    assert amazon.calls("Authorize") == [("Authorize", f"auth_{order['public_id']}", "")]
    assert cells(order)["authorizationStatus"] == "Open"
    page = shop.page(1)
    assert (offers(page), amounts(page)) == (["capture", "void"], {"Authorized amount": "129.90"})


def test_capture_mode_c_captures_at_the_checkout(shop, amazon, checked_out):
    shop.settings(capture_mode="C")
    order = checked_out()
    assert (order["payment_status"], rows(order)) == ("P", [("sale", "S", "129.90")])
    assert offers(shop.page(1)) == ["refund"]
    assert len(amazon.effects("capture")) == 1


def test_a_declined_authorization_leaves_a_cart(shop, amazon, checked_out):
    amazon.control("POST", "plans", operation="Authorize", state="Declined", reason_code="AmazonRejected")
    order = checked_out()
    assert (order["order_number"], order["payment_status"], rows(order)) == (None, "D", [("auth", "F", "129.90")])
    assert shop.rest("GET", "orders").json() == []


def test_capture_takes_the_value_at_checkout_and_closes_the_order_reference(shop, amazon, checked_out):
    order = checked_out()
    shop.update(1, total="60.00")
    page = shop.press(1, "capture")
    (effect,) = amazon.effects("capture")
    assert (effect["amount"], effect["currency"]) == ("129.90", "EUR")
    assert amazon.calls("Capture", "CloseOrderReference") == [
        ("Capture", f"capture_{order['public_id']}", ""), ("CloseOrderReference", "", ""),
    ]  # fmt: skip
    after = shop.order(1)
    assert (after["payment_status"], rows(after)[1:]) == ("P", [("capture", "S", "129.90")])
    assert cells(after)["amazonCaptureId"] == effect["object"]
    assert cells(after)["authorizationStatus"] == "Completed"
    assert (offers(page), amounts(page)["Captured amount"]) == (["refund"], "129.90")


def test_void_closes_the_authorization_and_cancels_the_order(shop, amazon, checked_out):
    checked_out()
    page = shop.press(1, "void")
    after = shop.order(1)
    assert (after["payment_status"], after["transaction_status"]) == ("C", "V")
    assert rows(after)[1:] == [("void", "S", "129.90")]
    assert (offers(page), len(amazon.effects("void"))) == ([], 1)


def test_a_refund_is_of_the_full_value_pending_first_and_refreshed_later(shop, amazon, checked_out):
    order = checked_out()
    shop.press(1, "capture")
    page = shop.press(1, "refund")
    assert amazon.calls("Refund") == [("Refund", f"refund_{order['public_id']}", "")]
    assert (offers(page), rows(shop.order(1))[2]) == (["refresh_refund"], ("refund", "W", "129.90"))
    assert "The refund is Pending" in shop.press(1, "refresh_refund")
    assert shop.order(1)["payment_status"] == "P"
    amazon.control("POST", "clock/advance", days=1)
    page = shop.press(1, "refresh_refund")
    after = shop.order(1)
    assert (after["payment_status"], rows(after)[2], offers(page)) == ("R", ("refund", "S", "129.90"), [])
    assert cells(after)["refundStatus"] == "Completed"


def test_a_pending_capture_is_a_warning_and_its_id_is_dropped(shop, amazon, checked_out):
    checked_out()
    amazon.control("POST", "plans", operation="Capture", state="Pending")
    page = shop.press(1, "capture")
    after = shop.order(1)
    assert 'class="notice warning"' in page
    assert (after["payment_status"], rows(after)[1], "amazonCaptureId" in cells(after)) == (
        "A", ("capture", "I", "129.90"), False,
    )  # fmt: skip


def test_the_module_charges_in_its_regions_currency(shop, amazon, checked_out):
    checked_out()
    shop.settings(region_currency="USD")
    assert "Currency" in shop.press(1, "capture")
    assert (amazon.effects("capture"), shop.order(1)["payment_status"]) == ([], "A")


def test_after_a_status_write_of_ours_x_cart_still_offers_capture_and_void(shop, amazon, checked_out):
    order = checked_out()
    captured_by_ours(amazon, order)
    write_as_ours(shop, order, "P")
    page = shop.page(1)
    assert (offers(page), amounts(page)) == (["capture", "void"], {"Authorized amount": "129.90"})
    write_as_ours(shop, order, "C")
    assert offers(shop.page(1)) == ["capture", "void"]


@pytest.mark.parametrize("button", ["capture", "void"])
def test_a_click_that_amazon_refuses_sets_the_order_back_and_sends_mail(shop, amazon, checked_out, button):
    order = checked_out()
    captured_by_ours(amazon, order)
    write_as_ours(shop, order, "P")
    page = shop.press(1, button)
    assert "InvalidAuthorizationStatus" in page
    after = shop.order(1)
    assert (after["payment_status"], rows(after)[1]) == ("A", (button, "I", "129.90"))
    assert shop.mails()[-1] == "Order #00001: Payment status: Authorized"
    assert [write["via"] for write in after["writes"]][-1] == "admin page"
    assert len(amazon.effects("capture")) == 1


def test_with_the_row_and_cell_of_a_capture_x_cart_offers_refund_only(shop, amazon, checked_out):
    order = checked_out()
    capture = captured_by_ours(amazon, order)
    write_as_ours(shop, order, "P")
    record_as_ours(
        shop, order, backend_transactions__0__type="capture", backend_transactions__0__status="S",
        backend_transactions__0__value="129.90", data__0__name="amazonCaptureId", data__0__value=capture["id"],
    )  # fmt: skip
    page = shop.page(1)
    assert (offers(page), amounts(page)["Captured amount"]) == (["refund"], "129.90")
    assert shop.order(1)["payment_status"] == "P"


def test_x_carts_refund_after_our_partial_one_gives_back_more_than_was_paid(shop, amazon, checked_out):
    checked_out()
    shop.press(1, "capture")
    capture = cells(shop.order(1))["amazonCaptureId"]
    amazon.control("POST", "console/refund", object=capture, amount="10.00")
    write_as_ours(shop, shop.order(1), "PP")
    shop.press(1, "refund")
    assert [effect["amount"] for effect in amazon.effects("refund")] == ["10.00", "129.90"]
    assert shop.order(1)["payment_status"] == "P"


def test_a_partial_refund_row_of_ours_ends_x_carts_own_refund(shop, amazon, checked_out):
    checked_out()
    shop.press(1, "capture")
    record_as_ours(
        shop, shop.order(1), backend_transactions__0__type="refund", backend_transactions__0__status="S",
        backend_transactions__0__value="10.00",
    )  # fmt: skip
    page = shop.page(1)
    assert (offers(page), amounts(page)["Refunded amount"]) == ([], "10.00")


def test_refresh_is_offered_while_pending_and_takes_over_amazons_answer(shop, amazon, checked_out):
    order = checked_out(synchronous=False)
    assert (order["order_number"], order["payment_status"], rows(order)) == ("00001", "Q", [("auth", "W", "129.90")])
    assert offers(shop.page(1)) == ["refresh"]
    assert "in progress" in shop.press(1, "refresh")
    amazon.control("POST", "settle", object=order["amazon"]["authorization"])
    page = shop.press(1, "refresh")
    after = shop.order(1)
    assert (after["payment_status"], rows(after), offers(page)) == (
        "A", [("auth", "S", "129.90")], ["capture", "void"],
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["AmazonRejected", "InvalidPaymentMethod"])
def test_refresh_of_a_declined_authorization(shop, amazon, checked_out, reason):
    order = checked_out(synchronous=False)
    amazon.control("POST", "settle", object=order["amazon"]["authorization"], state="Declined", reason_code=reason)
    shop.press(1, "refresh")
    after = shop.order(1)
    assert (after["payment_status"], rows(after)) == ("D", [("auth", "F", "129.90")])
    asked = "Order #00001: Update your payment method" in shop.mails()
    assert asked == (reason == "InvalidPaymentMethod")


def test_an_authorization_that_timed_out_cancels_the_order_reference(shop, amazon, checked_out):
    order = checked_out(synchronous=False)
    fields = {"object": order["amazon"]["authorization"], "state": "Declined", "reason_code": "TransactionTimedOut"}
    amazon.control("POST", "settle", **fields)
    shop.press(1, "refresh")
    assert [call[0] for call in amazon.calls()][-1] == "CancelOrderReference"


def test_an_authorization_that_closed_is_an_error_of_refresh_and_changes_no_row(shop, amazon, checked_out):
    order = checked_out(synchronous=False)
    amazon.control("POST", "settle", object=order["amazon"]["authorization"])
    amazon.control("POST", "console/close-authorization", object=order["amazon"]["authorization"])
    assert "SellerClosed" in shop.press(1, "refresh")
    assert rows(shop.order(1)) == [("auth", "W", "129.90")]
    assert shop.order(1)["payment_status"] == "Q"


def test_a_status_that_was_renamed_is_found_no_more_by_the_module(shop, amazon, checked_out):
    checked_out()
    write_as_ours(shop, shop.order(1), "VO")
    shop.press(1, "void")
    assert shop.order(1)["payment_status"] == "C"
    checked_out()
    assert shop.order(2)["payment_status"] is None


def test_without_amazon_a_click_is_an_error_and_still_recomputes(shop):
    order = shop.create(storage="transaction_data", amazon={"authorization": "S02-1-A1"})
    write_as_ours(shop, order, "P")
    assert "was not told where Amazon Pay is" in shop.press(1, "capture")
    assert shop.order(1)["payment_status"] == "A"


def test_a_button_that_is_not_offered_does_nothing(shop):
    shop.create(storage="transaction_data", amazon={"authorization": "S02-1-A1"})
    for button in ("refund", "nonsense", ""):
        assert "not offered any more" in shop.press(1, button)
    assert rows(shop.order(1)) == [("auth", "S", "129.90")]


def test_a_button_is_pressed_on_its_own_page_alone(shop):
    shop.create(storage="transaction_data", amazon={"authorization": "S02-1-A1"})
    headers = {"Sec-Fetch-Site": "cross-site"}
    reply = shop.http.post("admin/orders/1/amazon", data={"button": "void"}, headers=headers)
    assert (reply.status_code, rows(shop.order(1))) == (403, [("auth", "S", "129.90")])
    assert shop.http.post("admin/orders/9/amazon", data={"button": "void"}).status_code == 404


def test_the_section_says_whose_it_is_and_stands_beside_ours(shop):
    shop.create(storage="transaction_data")
    shop.create(payment_method_code="PhoneOrdering")
    shop.http.put("control/section", json={"script": "http://127.0.0.1:8080/x.js", "tag": "<x-y></x-y>"})
    text = shop.page(1)
    assert text.index("X-Cart's own module (later)") < text.index("Another service&#x27;s section (127.0.0.1:8080)")
    assert "X-Cart's own module" not in shop.page(2)
    shop.http.put("control/section", json={})


def test_a_page_may_send_its_form_to_the_shop_alone(shop):
    shop.create(storage="transaction_data")
    policy = shop.http.get("admin/orders/1").headers["content-security-policy"]
    assert "form-action 'self';" in policy


def test_keys_are_told_by_nobody(shop):
    told = shop.settings(amazon_access_key="an access key", amazon_secret_key="a secret key")
    assert (told["amazon_access_key"], told["amazon_secret_key"]) == ("***", "***")


@pytest.mark.parametrize(
    "settings",
    [
        {"amazon_url": "amazon"}, {"amazon_url": "ftp://a"}, {"region_currency": "euro"}, {"capture_mode": "B"},
        {"ipn_delay_seconds": -1}, {"ipn_delay_seconds": "5"}, {"ipn_delay_seconds": 61}, {"amazon_seller_id": 7},
        {"colour": "red"},
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(shop, settings):
    before = shop.http.get("control/settings").json()
    assert shop.http.put("control/settings", json=settings).status_code == 400
    assert shop.http.get("control/settings").json() == before
