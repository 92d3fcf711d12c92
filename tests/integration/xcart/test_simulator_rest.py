"""The simulator's 5.5 API answers as X-Cart's published source does."""

import pytest


def test_an_order_has_every_field_of_the_5_5_resource(shop):
    shop.create(order_number="WEB-7", total="129.90", currency="EUR", payment_status="A")
    order = shop.rest("GET", "orders/1").json()
    assert order["order_number"] == "WEB-7"
    assert order["total"] == 129.9
    assert order["payment_status"] == {
        "id": 2, "code": "A", "name": "Authorized", "customer_name": "Authorized",
    }  # fmt: skip
    assert set(order) == {
        "id", "order_number", "total", "sub_total", "currency", "email", "items", "billing_address",
        "shipping_address", "create_date", "update_date", "payment_status", "shipping_status", "customer_id",
        "order_profile_id", "shipping_id", "shipping_method_name", "notes", "admin_notes", "stock_status",
        "surcharges", "tracking_numbers",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["orders/1", "orders/1.json", "orders/by_number/00001"])
def test_one_order_has_several_addresses(shop, path):
    shop.create()
    assert shop.rest("GET", path).json()["id"] == 1


@pytest.mark.parametrize("token", ["", "wrong", "test-read-tokenx"])
def test_a_wrong_token_gets_401_and_a_message(shop, token):
    shop.create()
    reply = shop.rest("GET", "orders/1", token=token)
    assert (reply.status_code, list(reply.json())) == (401, ["message"])


def test_the_read_token_reads_and_does_not_write(shop):
    shop.create()
    assert shop.rest("GET", "orders/1", token=shop.read_token).status_code == 200
    reply = shop.rest("PUT", "orders/1/payment_status", token=shop.read_token, json={"code": "P"})
    assert reply.status_code == 403
    assert shop.writes() == []


def test_a_status_write_sets_the_status_and_adds_history_but_no_transaction(shop):
    shop.create(payment_status="A")
    before = shop.rest("GET", "orders/1/payment_transactions").json()
    reply = shop.rest("PUT", "orders/1/payment_status", json={"code": "P"})
    assert reply.json()["code"] == "P"
    assert shop.rest("GET", "orders/1/payment_status").json()["name"] == "Paid"
    assert shop.rest("GET", "orders/1/payment_transactions").json() == before
    (line,) = shop.rest("GET", "orders/1/history").json()
    assert line["data"] == {"orderId": 1, "oldStatus": "A", "newStatus": "P"}


def test_shipping_and_payment_status_are_separate(shop):
    shop.create(payment_status="P")
    assert shop.rest("PUT", "orders/1/shipping_status", json={"code": "S"}).json()["name"] == "Shipped"
    assert shop.rest("GET", "orders/1/payment_status").json()["code"] == "P"


@pytest.mark.parametrize("body", [{"code": "X"}, {"code": None}, {}, [], {"code": "a"}])
def test_a_status_that_is_none_is_an_invalid_argument(shop, body):
    shop.create()
    reply = shop.rest("PUT", "orders/1/payment_status", json=body)
    assert reply.status_code == 400
    assert reply.json()["detail"]
    assert shop.order(1)["payment_status"] == "A"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_the_status_of_an_unknown_order_is_an_invalid_argument(shop, method):
    reply = shop.rest(method, "orders/99/payment_status", json={"code": "P"} if method == "PUT" else None)
    assert (reply.status_code, reply.json()["detail"]) == (400, "Order with ID 99 not found")


def test_an_unknown_order_itself_is_not_found(shop):
    assert shop.rest("GET", "orders/99").status_code == 404
    assert shop.rest("GET", "orders/by_number/NONE").status_code == 404


def test_the_list_filters_by_payment_status(shop):
    for code in "AAP":
        shop.create(payment_status=code)
    found = shop.rest("GET", "orders", params={"paymentStatus.code": "A"}).json()
    assert [order["id"] for order in found] == [1, 2]


def test_the_list_filters_by_date(shop):
    for day in (1, 2, 3):
        shop.create(create_date=day * 86400)
    found = shop.rest("GET", "orders", params={"date[after]": "172800", "date[before]": "1970-01-03T00:00:00Z"})
    assert [order["id"] for order in found.json()] == [2]


def test_the_list_orders_by_change_and_pages(shop):
    for update_date in (30, 10, 20):
        shop.create(update_date=update_date)
    query = {"order[lastRenewDate]": "desc", "itemsPerPage": 2}
    pages = [shop.rest("GET", "orders", params={**query, "page": page}).json() for page in (1, 2, 3)]
    assert [[order["id"] for order in page] for page in pages] == [[1, 3], [2], []]


def test_a_page_holds_at_most_100_orders(shop):
    for _ in range(101):
        shop.create()
    assert len(shop.rest("GET", "orders", params={"itemsPerPage": 1000}).json()) == 100
    assert shop.rest("GET", "orders", params={"page": 0}).status_code == 400


def test_the_method_is_told_by_the_transaction(shop):
    shop.create(payment_method_code="PhoneOrdering", payment_method_name="Phone Ordering")
    (transaction,) = shop.rest("GET", "orders/1/payment_transactions").json()
    assert (transaction["name"], transaction["local_name"]) == ("PhoneOrdering", "Phone Ordering")


AMAZON = {
    "order_reference": "S02-1",
    "authorization": "S02-1-A1",
    "capture": "S02-1-C1",
    "refund": "S02-1-R1",
}


@pytest.mark.parametrize(
    ("storage", "details", "cells"),
    [("order_details", True, False), ("transaction_data", False, True), ("both", True, True)],
)
def test_amazon_ids_are_kept_where_the_order_says(shop, storage, details, cells):
    shop.create(storage=storage, amazon=AMAZON)
    rows = {row["name"]: row["value"] for row in shop.rest("GET", "orders/1/details").json()}
    (transaction,) = shop.rest("GET", "orders/1/payment_transactions").json()
    data = {cell["name"]: cell["value"] for cell in transaction["data"]}
    assert rows == ({
        "AmazonOrderReferenceId": "S02-1", "amazon_pa_auth_id": "S02-1-A1",
        "amazon_pa_capture_id": "S02-1-C1", "amazon_pa_refund_id": "S02-1-R1",
    } if details else {})  # fmt: skip
    assert data == ({
        "amazonOrderReferenceId": "S02-1", "amazonAuthorizationId": "S02-1-A1",
        "amazonCaptureId": "S02-1-C1", "amazonRefundId": "S02-1-R1",
    } if cells else {})  # fmt: skip


def test_a_transaction_can_show_the_5_5_status_bug(shop):
    shop.create(transaction_status_is_method_name=True)
    (transaction,) = shop.rest("GET", "orders/1/payment_transactions").json()
    assert transaction["status"] == "PayWithAmazon"


def test_backend_transactions_are_shown(shop):
    shop.create(payment_status="P", backend_transactions=[{"type": "refundPart", "value": "10.05"}])
    (transaction,) = shop.rest("GET", "orders/1/payment_transactions").json()
    (backend,) = transaction["backend_transactions"]
    assert (backend["type"], backend["value"], backend["status"]) == ("refundPart", 10.05, "S")


def test_an_order_whose_status_has_no_code_fails_and_every_page_with_it(shop):
    shop.add_status("payment", name="Reconciled")
    for status in ("A", {"id": 8}, "A"):
        shop.create(payment_status=status)
    assert shop.rest("GET", "orders/2").status_code == 500
    assert shop.rest("GET", "orders/by_number/00002").status_code == 500
    assert shop.rest("GET", "orders/2/payment_status").status_code == 500
    assert shop.rest("GET", "orders").status_code == 500
    pages = [shop.rest("GET", "orders", params={"itemsPerPage": 1, "page": page}).status_code for page in (1, 2, 3)]
    assert pages == [200, 500, 200]
    assert shop.rest("GET", "orders/2/payment_transactions").status_code == 200


def test_a_shipping_status_without_a_code_fails_the_same_way(shop):
    shop.add_status("shipping", name="On a ship")
    shop.create(shipping_status={"id": 9})
    assert shop.rest("GET", "orders/1").status_code == 500
    assert shop.rest("GET", "orders/1/payment_status").status_code == 200


def test_an_order_without_a_status_is_shown_and_its_status_itself_fails(shop):
    shop.create(payment_status=None)
    assert shop.rest("GET", "orders/1").json()["payment_status"] is None
    assert shop.rest("GET", "orders").json()[0]["payment_status"] is None
    assert shop.rest("GET", "orders/1/payment_status").status_code == 500


@pytest.mark.parametrize("below", ["payment_transactions", "details"])
def test_below_a_missing_order_lists_are_empty_and_below_a_cart_not_found(shop, below):
    shop.create(cart=True)
    missing = shop.rest("GET", f"orders/99/{below}")
    assert (missing.status_code, missing.json()) == (200, [])
    assert shop.rest("GET", f"orders/1/{below}").status_code == 404


def test_a_cart_is_not_found_and_in_no_list(shop):
    shop.create(cart=True)
    paths = ["orders/1", "orders/1/payment_status", "orders/1/shipping_status", "orders/1/history"]
    assert [shop.rest("GET", path).status_code for path in paths] == [404] * 4
    assert shop.rest("GET", "orders").json() == []


def test_a_code_that_a_shop_added_is_written_and_one_that_it_lacks_renames_nothing(shop):
    shop.create()
    shop.add_status("payment", code="RECO", name="Reconciled")
    assert shop.rest("PUT", "orders/1/payment_status", json={"code": "RECO"}).json()["name"] == "Reconciled"
    assert shop.rest("PUT", "orders/1/payment_status", json={"code": "VO"}).status_code == 400
    assert [row["code"] for row in shop.statuses("payment")] == ["Q", "A", "PP", "P", "D", "C", "R", "RECO"]
