"""Statuses are rows of the simulated shop, as in X-Cart: they can be added, removed, and renamed by one write."""

import pytest


def put(shop, order_id, **fields):
    named = {f"model[{name}]": value for name, value in fields.items()}
    return shop.legacy(_path=f"order/{order_id}", _method="put", **named)


def write(shop, order_id, code):
    return shop.legacy(_path=f"order/{order_id}", _method="put", **{"model[paymentStatus][code]": code})


def test_a_new_shop_has_the_seven_payment_statuses_of_x_cart(shop):
    rows = shop.legacy(_path="order-status-payment").json()
    codes = ["Q", "A", "PP", "P", "D", "C", "R"]
    assert rows == [{"id": n, "code": code, "position": 10 * n} for n, code in enumerate(codes, start=1)]


def test_a_new_shop_has_the_eight_shipping_statuses_of_x_cart(shop):
    rows = shop.legacy(_path="order-status-shipping").json()
    assert [row["code"] for row in rows] == ["N", "P", "S", "D", "WND", "R", "WFA", "NBA"]


def test_one_status_comes_with_its_name_as_a_translation(shop):
    row = shop.legacy(_path="order-status-payment/4").json()
    assert (row["id"], row["code"], row["position"]) == (4, "P", 40)
    assert [(name["code"], name["name"]) for name in row["translations"]] == [("en", "Paid")]


@pytest.mark.parametrize("path", ["order-status-payment/99", "order-status-payment/abc", "order-status-shipping/9"])
def test_a_status_that_is_not_there_is_null(shop, path):
    reply = shop.legacy(_path=path)
    assert (reply.status_code, reply.json()) == (200, None)


def test_statuses_are_read_with_the_read_key_and_with_no_wrong_one(shop):
    assert shop.legacy(_path="order-status-payment", _key=shop.read_key).status_code == 200
    assert shop.legacy(_path="order-status-payment", _key="wrong").status_code == 403


def test_an_unknown_code_renames_the_status_for_every_order(shop):
    for _ in range(2):
        shop.create(payment_status="A")
    reply = write(shop, 1, "VO")
    assert (reply.status_code, reply.json()["paymentStatus"]) == (200, {"id": 2, "code": "VO", "position": 20})
    assert shop.legacy(_path="order/2").json()["paymentStatus"]["code"] == "VO"
    assert [row["code"] for row in shop.legacy(_path="order-status-payment").json()][1] == "VO"
    (write_line,) = shop.writes()
    assert (write_line["before"], write_line["after"], write_line["renamed"]) == ("A", "VO", True)


def test_a_rename_leaves_history_and_the_time_of_the_change_alone(shop):
    shop.create(payment_status="A", update_date=100)
    write(shop, 1, "VO")
    assert (shop.order(1)["history"], shop.order(1)["update_date"]) == ([], 100)


def test_a_code_is_cut_to_four_characters(shop):
    shop.create(payment_status="A")
    assert write(shop, 1, "RECONCILED").json()["paymentStatus"]["code"] == "RECO"
    assert write(shop, 1, "RECONCILED").json()["paymentStatus"]["code"] == "RECO"


def test_a_code_in_other_letters_finds_the_status_and_renames_it(shop):
    shop.create(payment_status="A")
    shop.create(payment_status="P")
    assert write(shop, 1, "p").json()["paymentStatus"] == {"id": 4, "code": "p", "position": 40}
    assert shop.order(2)["payment_status"] == "p"


def test_an_unknown_code_for_an_order_without_status_makes_a_new_one(shop):
    shop.create(payment_status=None)
    assert shop.legacy(_path="order/1").json()["paymentStatus"] is None
    assert write(shop, 1, "VO").json()["paymentStatus"] == {"id": 8, "code": "VO", "position": 80}
    assert len(shop.statuses("payment")) == 8


def test_a_shipping_status_is_renamed_the_same_way(shop):
    shop.create(shipping_status="S")
    reply = put(shop, 1, **{"shippingStatus][code": "GONE"})
    assert reply.json()["shippingStatus"] == {"id": 3, "code": "GONE", "position": 30}


def test_a_status_is_written_by_its_id(shop):
    shop.create(payment_status="A")
    own = shop.add_status("payment", name="Reconciled")
    assert own == {"id": 8, "code": None, "name": "Reconciled", "position": 80}
    reply = put(shop, 1, **{"paymentStatus][id": "8"})
    assert reply.json()["paymentStatus"] == {"id": 8, "code": None, "position": 80}
    assert (shop.order(1)["payment_status"], shop.order(1)["payment_status_id"]) == (None, 8)
    assert shop.statuses("payment")[1]["code"] == "A"


def test_an_unknown_id_changes_nothing(shop):
    shop.create(payment_status="A")
    assert put(shop, 1, **{"paymentStatus][id": "99"}).json()["paymentStatus"]["code"] == "A"
    assert [line["changed"] for line in shop.writes()] == [False]


def test_an_id_and_a_code_together_rename_the_status_of_that_id(shop):
    shop.create(payment_status="A")
    reply = put(shop, 1, **{"paymentStatus][id": "4", "paymentStatus][code": "PAID"})
    assert reply.json()["paymentStatus"] == {"id": 4, "code": "PAID", "position": 40}
    assert [row["code"] for row in shop.statuses("payment")][1:4] == ["A", "PP", "PAID"]


def test_a_status_that_is_no_record_is_passed_over(shop):
    shop.create(payment_status="A")
    assert put(shop, 1, paymentStatus="P").json()["paymentStatus"]["code"] == "A"
    assert shop.writes() == []


def test_an_order_can_be_placed_with_a_status_of_the_shops_own(shop):
    shop.add_status("payment", code="RECO", name="Reconciled")
    shop.add_status("payment", name="Checked")
    shop.create(payment_status="RECO")
    shop.create(payment_status={"id": 9})
    found = [shop.legacy(_path=f"order/{n}").json()["paymentStatus"] for n in (1, 2)]
    assert [(row["id"], row["code"]) for row in found] == [(8, "RECO"), (9, None)]


def test_a_status_that_is_removed_leaves_its_orders_without_one(shop):
    shop.add_status("payment", code="RECO")
    shop.create(payment_status="RECO")
    shop.remove_status("payment", 8)
    assert shop.legacy(_path="order/1").json()["paymentStatus"] is None
    assert len(shop.statuses("payment")) == 7


def test_a_code_belongs_to_one_status(shop):
    assert shop.http.post("control/statuses/payment", json={"code": "p"}).status_code == 400
    assert shop.http.post("control/statuses/colour", json={"code": "p"}).status_code == 400
    assert shop.http.delete("control/statuses/payment/99").status_code == 400


def test_reset_brings_back_the_statuses_of_a_new_shop(shop):
    shop.create()
    write(shop, 1, "VO")
    shop.reset()
    assert [row["code"] for row in shop.statuses("payment")] == ["Q", "A", "PP", "P", "D", "C", "R"]
