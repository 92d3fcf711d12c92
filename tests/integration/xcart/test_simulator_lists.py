"""Lists of the simulator's older API: cut, sorted and filtered by ``_cnd``, which a shop of 5.1 does not know."""

import pytest

DAY = 86400


@pytest.fixture
def ids(shop):
    def ids(**conditions):
        fields = {f"_cnd{name}": value for name, value in conditions.items()}
        return [order["order_id"] for order in shop.legacy(_path="order", **fields).json()]

    return ids


def conditions(**given):
    return {"".join(f"[{part}]" for part in name.split("__")): value for name, value in given.items()}


def by_change(direction="asc"):
    return conditions(orderBy__0="o.lastRenewDate", orderBy__1=direction)


def test_a_list_is_sorted_by_the_last_change(shop, ids):
    for update_date in (30, 10, 20):
        shop.create(update_date=update_date)
    assert ids(**by_change("asc")) == [2, 3, 1]
    assert ids(**by_change("desc")) == [1, 3, 2]


def test_a_list_is_cut(shop, ids):
    for update_date in (30, 10, 20, 40):
        shop.create(update_date=update_date)
    cut = conditions(limit__0="1", limit__1="2")
    assert ids(**cut) == [2, 3]
    assert ids(**by_change(), **cut) == [3, 1]
    assert ids(**by_change(), **conditions(limit__0="4", limit__1="2")) == []


def test_orders_that_changed_together_come_in_no_promised_order(shop, ids):
    for _ in range(3):
        shop.create(update_date=10)
    assert ids(**by_change()) == [3, 2, 1]


def test_several_columns_sort_together(shop, ids):
    for update_date in (20, 10, 10):
        shop.create(update_date=update_date)
    columns = conditions(orderBy__0__0="o.lastRenewDate", orderBy__0__1="o.order_id")
    directions = conditions(orderBy__1__0="asc", orderBy__1__1="asc")
    assert ids(**columns, **directions) == [2, 3, 1]


@pytest.mark.parametrize("order_by", [("o.nonsense", "asc"), ("o.date", "up")])
def test_a_column_or_direction_that_is_none_is_an_exception_inside(shop, order_by):
    reply = shop.legacy(_path="order", **{"_cnd[orderBy][0]": order_by[0], "_cnd[orderBy][1]": order_by[1]})
    assert (reply.status_code, reply.json()) == (400, [])


@pytest.mark.parametrize(("wanted", "found"), [("A", [1, 3]), ("2", [1, 3]), ("P", [2]), ("X", []), ("", [1, 2, 3, 4])])
def test_a_list_is_filtered_by_a_payment_status_code_or_id(shop, ids, wanted, found):
    for code in ("A", "P", "A", None):
        shop.create(payment_status=code)
    assert ids(**conditions(paymentStatus=wanted)) == found


def test_a_list_is_filtered_by_several_codes(shop, ids):
    for code in "APR":
        shop.create(payment_status=code)
    assert ids(**conditions(paymentStatus__0="A", paymentStatus__1="R")) == [1, 3]


def test_a_list_is_filtered_by_the_methods_display_name(shop, ids):
    shop.create()
    shop.create(payment_method_code="PhoneOrdering", payment_method_name="Phone Ordering")
    assert ids(**conditions(paymentMethodName="Amazon Pay")) == [1]
    assert ids(**conditions(paymentMethodName="PayWithAmazon")) == []


def test_a_list_is_filtered_by_the_days_of_the_orders(shop, ids):
    for day in (0, 1, 2, 3):
        shop.create(create_date=day * DAY, update_date=9 * DAY)
    assert ids(**conditions(dateRange="1970-01-02 ~ 1970-01-03")) == [2, 3]


@pytest.mark.parametrize(
    "condition", [{"dateRange": "yesterday"}, {"dateRange": "1970-99-99 ~ 1970-99-99"}, {"colour": "red"}]
)
def test_a_condition_that_says_nothing_is_ignored(shop, ids, condition):
    shop.create()
    assert ids(**conditions(**condition)) == [1]


def test_rows_of_a_list_have_no_status_and_no_currency_however_it_is_narrowed(shop):
    shop.create()
    (order,) = shop.legacy(_path="order", **{"_cnd[paymentStatus]": "A"}).json()
    assert not {"paymentStatus", "currency", "payment_transactions", "profile"} & set(order)


def test_a_shop_of_5_1_lists_everything_whatever_is_asked(shop, ids):
    for update_date in (30, 10, 20):
        shop.create(update_date=update_date)
    shop.settings(legacy_version="5.1")
    assert ids(**by_change(), **conditions(limit__0="0", limit__1="1", paymentStatus="P")) == [1, 2, 3]


def test_a_version_that_is_none_is_refused(shop):
    assert shop.http.put("control/settings", json={"legacy_version": "6"}).status_code == 400
