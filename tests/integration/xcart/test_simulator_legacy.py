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
def test_an_unknown_path_is_not_found(shop, path):
    assert shop.legacy(_path=path).status_code == 404


@pytest.mark.parametrize("fields", [{}, {"_method": "put", "model[paymentStatus][code]": "P"}])
def test_an_unknown_order_is_null(shop, fields):
    reply = shop.legacy(_path="order/99", **fields)
    assert (reply.status_code, reply.json()) == (200, None)


def test_an_unknown_code_is_told_in_a_header(shop):
    shop.create()
    reply = shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "X"})
    assert (reply.status_code, reply.json()) == (400, None)
    assert reply.headers["X-REST-Error"] == "Status code 'X' is invalid"


def test_a_reply_carries_its_digest(shop):
    shop.create()
    reply = shop.legacy(_path="order/1")
    assert base64.b64decode(reply.headers["Content-MD5"]) == hashlib.md5(reply.content).digest()
    assert reply.headers["ETag"]
    assert reply.headers["Last-Modified"]
