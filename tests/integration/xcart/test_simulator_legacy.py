"""The simulator's 5.0-5.4 API answers as the XC\\RESTAPI module does."""

import base64
import hashlib
import json

import pytest


def test_one_order_comes_with_its_associations(shop):
    shop.create(total="129.90", amazon={"authorization": "S02-1-A1"})
    order = shop.legacy(_path="order/1").json()
    assert (order["order_id"], order["orderNumber"], order["total"]) == (1, "00001", 129.9)
    assert (order["paymentStatus"]["code"], order["currency"]["code"]) == ("A", "EUR")
    assert order["payment_transactions"][0]["method_name"] == "PayWithAmazon"
    assert order["details"][0]["name"] == "amazon_pa_auth_id"


def test_a_list_comes_without_status_and_currency(shop):
    shop.create()
    (order,) = shop.legacy(_path="order").json()
    assert order["payment_method_name"] == "Amazon Pay"
    assert not {"paymentStatus", "currency", "payment_transactions"} & set(order)


def test_only_a_transaction_of_its_own_shows_its_data_cells(shop):
    shop.create(storage="transaction_data", amazon={"capture": "S02-1-C1"})
    (inside,) = shop.legacy(_path="order/1").json()["payment_transactions"]
    alone = shop.legacy(_path=f"payment-transaction/{inside['transaction_id']}").json()
    assert "data" not in inside
    assert [(cell["name"], cell["value"]) for cell in alone["data"]] == [("amazonCaptureId", "S02-1-C1")]
    assert alone["payment_method"]["service_name"] == "PayWithAmazon"


def test_the_complex_schema_spells_an_order_otherwise(shop):
    shop.create()
    order = shop.legacy(_path="order/1", _schema="complex").json()
    assert (order["orderId"], order["paymentStatus"], order["currency"]) == (1, "A", "EUR")


def test_a_form_writes_the_status(shop):
    shop.create()
    reply = shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "P"})
    assert reply.json()["paymentStatus"]["code"] == "P"
    assert [(write["via"], write["who"], write["after"]) for write in shop.writes()] == [
        ("rest_legacy", "write key", "P")
    ]


def test_json_in_the_model_writes_the_status(shop):
    shop.create()
    model = json.dumps({"paymentStatus": {"code": "P"}})
    assert shop.legacy(_path="order/1", _method="put", model=model).json()["paymentStatus"]["code"] == "P"


def test_an_http_put_writes_the_status(shop):
    shop.create()
    query = {"target": "RESTAPI", "_key": shop.write_key, "_path": "order/1"}
    reply = shop.http.put("admin.php", params=query, json={"model": {"paymentStatus": {"code": "P"}}})
    assert reply.json()["paymentStatus"]["code"] == "P"


def test_a_wrong_key_is_forbidden(shop):
    shop.create()
    reply = shop.legacy(_path="order/1", _key="wrong")
    assert (reply.status_code, reply.content) == (403, b"")


def test_the_read_key_reads_and_does_not_write(shop):
    shop.create()
    assert shop.legacy(_path="order/1", _key=shop.read_key).status_code == 200
    fields = {"_key": shop.read_key, "_path": "order/1", "model[paymentStatus][code]": "P"}
    assert shop.legacy(_method="put", **fields).status_code == 403
    assert shop.order(1)["payment_status"] == "A"


@pytest.mark.parametrize("path", ["nonsense/1", "", "orders"])
@pytest.mark.parametrize("key", [None, "wrong"])
def test_an_unknown_path_is_not_found_whatever_the_key(shop, path, key):
    assert shop.legacy(_path=path, _key=key or shop.write_key).status_code == 404


@pytest.mark.parametrize("path", ["order/99", "order/abc", "order/", "order/0", "payment-transaction/99"])
@pytest.mark.parametrize("fields", [{}, {"_method": "put", "model[paymentStatus][code]": "P"}])
def test_an_unknown_id_is_null(shop, path, fields):
    reply = shop.legacy(_path=path, **fields)
    assert (reply.status_code, reply.json()) == (200, None)


def test_an_exception_inside_is_400_with_an_empty_array(shop):
    shop.create(payment_status="A")
    shop.add_status("payment", code="TAKE")
    reply = shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "TAKEN"})
    assert (reply.status_code, reply.json()) == (400, [])
    assert reply.headers["X-REST-Error"] == "Duplicate entry 'TAKE' for key 'code'"
    assert (shop.order(1)["payment_status"], shop.writes()) == ("A", [])


def test_input_that_is_no_json_is_400_without_a_body(shop):
    shop.create()
    reply = shop.legacy(_path="order/1", _method="put", model="{")
    assert (reply.status_code, reply.content) == (400, b"")


def test_a_reply_carries_its_digest(shop):
    shop.create()
    reply = shop.legacy(_path="order/1")
    assert base64.b64decode(reply.headers["Content-MD5"]) == hashlib.md5(reply.content).digest()
    assert reply.headers["ETag"]
    assert reply.headers["Last-Modified"]


def test_the_read_key_reads_by_post(shop):
    shop.create()
    assert shop.legacy(_path="order/1", _method="get", _key=shop.read_key).json()["order_id"] == 1


def test_the_admin_script_may_have_another_name(shop):
    shop.create()
    shop.settings(admin_self="backoffice.php")
    assert shop.legacy(_path="order/1").status_code == 404
    query = {"target": "RESTAPI", "_key": shop.read_key, "_path": "order/1"}
    assert shop.http.get("backoffice.php", params=query).json()["order_id"] == 1


@pytest.mark.parametrize("name", ["", "../admin.php", "admin", 7])
def test_a_script_name_that_is_none_is_refused(shop, name):
    assert shop.http.put("control/settings", json={"admin_self": name}).status_code == 400


def test_a_cart_is_found_by_its_id_and_in_no_list(shop):
    shop.create(cart=True, storage="transaction_data", amazon={"order_reference": "S02-1"})
    shop.create()
    cart = shop.legacy(_path="order/1").json()
    assert (cart["orderNumber"], cart["payment_transactions"][0]["type"]) == (None, "auth")
    assert [order["order_id"] for order in shop.legacy(_path="order").json()] == [2]


def test_an_answer_carries_the_password_fields_of_the_profile(shop):
    shop.create(email="zoe@example.com")
    profile = shop.legacy(_path="order/1").json()["profile"]
    assert profile["login"] == "zoe@example.com"
    assert {"password", "passwordResetKey", "password_hint_answer"} <= set(profile)


def test_a_fault_can_be_for_one_path_of_the_api(shop):
    order = shop.create()
    path = f"payment-transaction/{order['transaction_id']}"
    shop.fault("400", path="payment-transaction/", method="PUT")
    assert shop.legacy(_path=path).status_code == 200
    assert shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "P"}).status_code == 200
    reply = shop.legacy(_path=path, _method="put", **{"model[note]": "x"})
    assert (reply.status_code, reply.json()) == (400, [])
    assert shop.legacy(_path=path, _method="put", **{"model[note]": "x"}).status_code == 200
