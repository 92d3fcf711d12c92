"""A payment transaction in the simulator's older API: its fields, and the additions of a PUT."""

import time

AMAZON = {"order_reference": "S02-1", "authorization": "S02-1-A1", "authorization_status": "Open"}


def placed(shop, **fields):
    return shop.create(storage="transaction_data", amazon=AMAZON, **fields)


def read(shop, order):
    return shop.legacy(_path=f"payment-transaction/{order['transaction_id']}").json()


def put(shop, order, **model):
    fields = {"model" + "".join(f"[{part}]" for part in name.split("__")): value for name, value in model.items()}
    return shop.legacy(_path=f"payment-transaction/{order['transaction_id']}", _method="put", **fields)


def rows(transaction):
    return [(row["type"], row["status"], row["value"]) for row in transaction["backend_transactions"]]


def cells(transaction):
    return [(cell["name"], cell["value"]) for cell in transaction["data"]]


CAPTURE = {
    "backend_transactions__0__type": "capture",
    "backend_transactions__0__status": "S",
    "backend_transactions__0__value": "129.90",
    "backend_transactions__0__date": "1000",
    "data__0__name": "amazonCaptureId",
    "data__0__value": "S02-1-C1",
}


def test_a_transaction_begins_with_one_row_of_its_type(shop):
    found = [read(shop, placed(shop, **fields)) for fields in ({}, {"payment_status": "Q"}, {"payment_status": "P"})]
    assert [rows(each) for each in found] == [
        [("auth", "S", 129.9)], [("auth", "W", 129.9)], [("sale", "S", 129.9)],
    ]  # fmt: skip
    assert [each["type"] for each in found] == ["auth", "auth", "sale"]


def test_an_order_of_the_first_module_or_of_another_method_has_no_rows(shop):
    orders = [shop.create(), shop.create(storage="both"), placed(shop, payment_method_code="PhoneOrdering")]
    assert [rows(read(shop, order)) for order in orders] == [[], [], []]
    assert read(shop, orders[0])["status"] == "I"


def test_the_public_id_is_six_digits_of_the_order_and_four_letters(shop):
    order = placed(shop)
    number, _, letters = order["public_id"].partition("-")
    assert (number, len(letters), letters.upper()) == ("000001", 4, letters)
    assert read(shop, order)["public_id"] == order["public_id"]


def test_a_put_adds_a_row_and_a_cell(shop):
    order = placed(shop)
    transaction = put(shop, order, **CAPTURE).json()
    assert rows(transaction) == [("auth", "S", 129.9), ("capture", "S", 129.9)]
    assert transaction["backend_transactions"][1]["date"] == 1000
    assert cells(transaction)[-1] == ("amazonCaptureId", "S02-1-C1")
    assert shop.order(1)["amazon"]["capture"] == "S02-1-C1"
    assert shop.order(1)["payment_status"] == "A"


def test_the_same_put_again_adds_them_again(shop):
    order = placed(shop)
    for _ in range(2):
        put(shop, order, **CAPTURE)
    transaction = read(shop, order)
    assert [kind for kind, _, _ in rows(transaction)] == ["auth", "capture", "capture"]
    assert [name for name, _ in cells(transaction)].count("amazonCaptureId") == 2


def test_an_amount_is_shown_with_the_digits_of_the_checkout_however_it_was_written(shop):
    order = placed(shop, total="47.00")
    put(shop, order, **{**CAPTURE, "backend_transactions__0__value": "47.0"})
    page = shop.http.get("admin/orders/1").text
    assert "Captured amount <bdi>47.00 EUR</bdi>" in page
    assert "47.0<" not in page


def test_a_cell_is_changed_only_by_its_id(shop):
    order = placed(shop)
    (status,) = [cell for cell in read(shop, order)["data"] if cell["name"] == "authorizationStatus"]
    put(shop, order, data__0__data_id=str(status["data_id"]), data__0__value="Closed")
    assert cells(read(shop, order))[-1] == ("authorizationStatus", "Closed")
    put(shop, order, data__0__name="authorizationStatus", data__0__value="Declined")
    assert cells(read(shop, order))[-2:] == [("authorizationStatus", "Closed"), ("authorizationStatus", "Declined")]


def test_a_cells_id_is_the_whole_shops(shop):
    first, second = placed(shop), placed(shop)
    cell = read(shop, first)["data"][0]
    put(shop, second, data__0__data_id=str(cell["data_id"]), data__0__value="taken")
    assert ("amazonOrderReferenceId", "taken") in cells(read(shop, second))
    assert len(read(shop, first)["data"]) == 2


def test_a_row_is_changed_by_its_id(shop):
    order = placed(shop, payment_status="Q")
    (row,) = read(shop, order)["backend_transactions"]
    put(shop, order, backend_transactions__0__id=str(row["id"]), backend_transactions__0__status="S",
        backend_transactions__0__value="129.90")  # fmt: skip
    assert rows(read(shop, order)) == [("auth", "S", 129.9)]


def test_fields_of_the_transaction_itself_are_written(shop):
    order = placed(shop)
    assert put(shop, order, status="V").json()["status"] == "V"


def test_a_value_that_is_no_number_is_an_exception_inside(shop):
    order = placed(shop)
    reply = put(shop, order, **CAPTURE | {"backend_transactions__0__value": "a lot"})
    assert (reply.status_code, reply.json()) == (400, [])
    assert len(read(shop, order)["backend_transactions"]) == 1


def test_a_put_moves_the_time_of_the_last_change_and_is_logged(shop):
    order = placed(shop, update_date=100)
    put(shop, order, **CAPTURE)
    assert shop.order(1)["update_date"] >= int(time.time()) - 60
    (line,) = shop.order(1)["transaction_writes"]
    assert (line["who"], line["data"]) == ("write key", [{"name": "amazonCaptureId", "value": "S02-1-C1"}])


def test_the_read_key_writes_no_transaction(shop):
    order = placed(shop)
    fields = {"_path": f"payment-transaction/{order['transaction_id']}", "_key": shop.read_key}
    assert shop.legacy(_method="put", **fields).status_code == 403


def test_the_value_is_that_of_the_checkout_whatever_the_order_costs_now(shop):
    order = placed(shop)
    shop.update(1, total="60.00", currency="USD")
    assert (read(shop, order)["value"], read(shop, order)["currency"]["code"]) == (129.9, "EUR")
    assert shop.legacy(_path="order/1").json()["total"] == 60.0
