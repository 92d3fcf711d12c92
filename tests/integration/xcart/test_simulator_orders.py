"""Orders behind the counter: cancelled, re-priced, moved, deleted, cloned, and back from a backup."""

import time

import pytest

AMAZON = {"order_reference": "S02-1", "authorization": "S02-1-A1"}
LONG_AGO = 100


def placed(shop, **fields):
    return shop.create(**{"storage": "transaction_data", "amazon": AMAZON, "update_date": LONG_AGO, **fields})


def both(shop, order_id):
    return shop.rest("GET", f"orders/{order_id}").json(), shop.legacy(_path=f"order/{order_id}").json()


@pytest.mark.parametrize(
    "change",
    [
        {"payment_status": "C"}, {"total": "60.00"}, {"currency": "USD"}, {"payment_method_code": "PhoneOrdering"},
        {"order_number": "NEW"}, {"amazon": {"refund": "R1"}}, {"shipping_status": "S"},
    ],
)  # fmt: skip
def test_every_change_moves_the_time_of_the_last_change(shop, change):
    placed(shop)
    shop.update(1, **change)
    assert shop.legacy(_path="order/1").json()["lastRenewDate"] >= int(time.time()) - 60


def test_an_order_is_cancelled(shop):
    placed(shop)
    shop.update(1, payment_status="C")
    new, old = both(shop, 1)
    assert (new["payment_status"]["code"], old["paymentStatus"]["code"]) == ("C", "C")


def test_an_order_is_re_priced_and_moved_to_another_method_and_currency(shop):
    placed(shop)
    shop.update(1, total="60.00", currency="USD", payment_method_code="PhoneOrdering", payment_method_name="Phone")
    new, old = both(shop, 1)
    assert (new["total"], new["currency"], old["total"], old["currency"]["code"]) == (60.0, "USD", 60.0, "USD")
    assert old["payment_method_name"] == "Phone"
    (transaction,) = shop.rest("GET", "orders/1/payment_transactions").json()
    assert (transaction["name"], transaction["local_name"]) == ("PhoneOrdering", "Phone")


@pytest.mark.parametrize(("total", "currency"), [("129.905", "EUR"), ("1000.4", "JPY")])
def test_a_total_can_have_a_fraction_of_a_minor_unit(shop, total, currency):
    placed(shop, total=total, currency=currency)
    assert [order["total"] for order in both(shop, 1)] == [float(total)] * 2


def test_an_order_is_deleted_and_its_id_not_given_out_again(shop):
    placed(shop)
    shop.delete(1)
    assert shop.rest("GET", "orders/1").status_code == 404
    assert shop.legacy(_path="order/1").json() is None
    assert shop.http.get("control/orders/1").status_code == 404
    assert placed(shop)["id"] == 2


def test_a_clone_has_the_same_amazon_ids_under_a_new_id_and_number(shop):
    placed(shop, order_number="WEB-7")
    copied = shop.clone(1)
    assert (copied["id"], copied["order_number"], copied["amazon"]) == (2, "00002", AMAZON)
    assert copied["public_id"] == shop.order(1)["public_id"]
    assert copied["transaction_id"] != shop.order(1)["transaction_id"]
    shop.update(2, amazon={"refund": "S02-1-R1"}, payment_status="R")
    assert (shop.order(1)["amazon"], shop.order(1)["payment_status"]) == (AMAZON, "A")
    assert not {cell["id"] for cell in copied["cells"]} & {cell["id"] for cell in shop.order(1)["cells"]}


def test_a_cart_becomes_an_order_when_it_gets_a_number(shop):
    placed(shop, cart=True)
    assert shop.rest("GET", "orders").json() == []
    shop.update(1, order_number="WEB-7")
    assert shop.rest("GET", "orders/by_number/WEB-7").json()["id"] == 1
    shop.update(1, order_number=None)
    assert shop.legacy(_path="order/1").json()["orderNumber"] is None


def test_a_restored_backup_forgets_later_orders_and_gives_out_their_ids_again(shop):
    placed(shop)
    backup = shop.back_up()
    shop.update(1, payment_status="P")
    placed(shop, order_number="LATER")
    shop.add_status("payment", code="RECO")
    shop.restore(backup)
    assert (shop.order(1)["payment_status"], shop.legacy(_path="order/2").json()) == ("A", None)
    assert len(shop.statuses("payment")) == 7
    again = placed(shop, order_number="OTHER")
    assert (again["id"], again["order_number"]) == (2, "OTHER")


def test_a_backup_is_restored_as_often_as_wanted(shop):
    placed(shop)
    backup = shop.back_up()
    for _ in range(2):
        shop.update(1, payment_status="P")
        shop.restore(backup)
        assert shop.order(1)["payment_status"] == "A"


def test_a_rename_after_a_restore_is_a_rename_for_every_restored_order(shop):
    placed(shop)
    placed(shop)
    shop.restore(shop.back_up())
    shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "VO"})
    assert shop.order(2)["payment_status"] == "VO"


def test_a_backup_that_is_not_there_is_refused(shop):
    assert shop.http.post("control/backups/1/restore").status_code == 400


@pytest.mark.parametrize("change", [{"order_number": "TAKEN"}, {"order_number": ""}, {"amazon_module": "third"}])
def test_a_change_that_makes_no_sense_is_refused(shop, change):
    placed(shop, order_number="TAKEN")
    placed(shop)
    assert shop.http.patch("control/orders/2", json=change).status_code == 400
    assert shop.order(2)["order_number"] == "00002"
