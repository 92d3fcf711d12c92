"""The adapter reads orders over both of X-Cart's APIs from a real simulator process."""

from datetime import UTC, datetime

import pytest

from payment_actions_server.plugins import GatewayReference, OrderMissing, PaymentStatus, StatusUpdate

AMAZON = {
    "order_reference": "S02-1", "authorization": "S02-1-A1", "authorization_status": "Closed",
    "capture": "S02-1-C1", "capture_status": "Completed", "refund": "S02-1-R1",
}  # fmt: skip

CAPTURED = StatusUpdate(
    order_id="1", status=PaymentStatus.CAPTURED, currency_code="EUR",
    authorized_minor=12990, captured_minor=12990, refunded_minor=0,
)  # fmt: skip


async def test_an_order_is_read(platform, shop):
    shop.create(order_number="WEB-7", total="129.90", currency="EUR", payment_status="A")
    order = await platform.read_order("1")
    assert (order.order_id, order.order_number) == ("1", "WEB-7")
    assert (order.method_code, order.method_name) == ("PayWithAmazon", "Amazon Pay")
    assert (order.total_minor, order.currency_code) == (12990, "EUR")
    assert (order.status, order.platform_status) == (PaymentStatus.AUTHORIZED, "Authorized")
    assert abs((datetime.now(UTC) - order.update_time).total_seconds()) < 60


async def test_another_payment_method_is_told(platform, shop):
    shop.create(payment_method_code="PhoneOrdering", payment_method_name="Phone Ordering", payment_status="Q")
    order = await platform.read_order("1")
    assert (order.method_code, order.method_name) == ("PhoneOrdering", "Phone Ordering")
    assert order.references == ()


@pytest.mark.parametrize("storage", ["order_details", "transaction_data", "both"])
async def test_amazon_ids_are_read_wherever_they_are_stored(platform, shop, storage):
    shop.create(storage=storage, amazon=AMAZON)
    order = await platform.read_order("1")
    assert dict(order.references) == {
        "order_reference": "S02-1", "authorization": "S02-1-A1", "capture": "S02-1-C1", "refund": "S02-1-R1",
    }  # fmt: skip


async def test_the_5_5_bug_in_a_transactions_status_does_no_harm(platform, shop):
    shop.create(transaction_status_is_method_name=True, storage="transaction_data", amazon=AMAZON)
    order = await platform.read_order("1")
    assert order.method_code == "PayWithAmazon"
    assert len(order.references) == 4


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("Q", PaymentStatus.PENDING, "Awaiting payment"), ("A", PaymentStatus.AUTHORIZED, "Authorized"),
        ("PP", PaymentStatus.PARTIALLY_CAPTURED, "Partially paid"), ("P", PaymentStatus.CAPTURED, "Paid"),
        ("R", PaymentStatus.REFUNDED, "Refunded"), ("C", PaymentStatus.VOIDED, "Cancelled"),
        ("D", PaymentStatus.DECLINED, "Declined"),
    ],
)  # fmt: skip
async def test_every_code_is_read(platform, shop, code, status, word):
    shop.create(payment_status=code)
    order = await platform.read_order("1")
    assert (order.status, order.platform_status) == (status, word)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([("refundPart", "10.00", "S")], PaymentStatus.PARTIALLY_REFUNDED),
        ([("refundMulti", "60.00", "S"), ("refundMulti", "69.90", "S")], PaymentStatus.PARTIALLY_REFUNDED),
        ([("refundPart", "10.00", "F"), ("capture", "129.90", "S")], PaymentStatus.CAPTURED),
    ],
)
async def test_refunds_that_x_cart_made_itself_are_seen(platform, shop, rows, status):
    backend = [{"type": kind, "value": value, "status": state} for kind, value, state in rows]
    shop.create(payment_status="P", backend_transactions=backend)
    assert (await platform.read_order("1")).status is status


@pytest.mark.parametrize(
    "order_id", ["2", "", "01", "by_number/00001", "1/payment_status", "1.json", "٣", "-1", "9" * 40]
)
async def test_what_is_no_order_is_missing(platform, shop, order_id):
    shop.create()
    with pytest.raises(OrderMissing):
        await platform.read_order(order_id)


@pytest.mark.parametrize("others", [29, 30, 100, 250])
async def test_ids_are_found_behind_any_number_of_other_modules_details(platform, shop, others):
    # X-Cart 5.5 tells 30 details of an order unless it is asked for more, and 100 at most.
    other_details = {f"fraud check {number}": "passed" for number in range(others)}
    shop.create(other_details=other_details, amazon={"order_reference": "S02-1234567-1234567"})
    order = await platform.read_order("1")
    assert order.references == (GatewayReference("order_reference", "S02-1234567-1234567"),)


async def test_reading_writes_nothing(platform, shop):
    shop.create()
    await platform.read_order("1")
    await platform.list_orders(changed_after=None, page_token="", page_size=10)
    assert shop.writes() == []


async def test_a_list_goes_on_where_its_token_says(platform, shop):
    for update_date in (500, 300, 400, 100, 200):
        shop.create(update_date=update_date)
    pages, token = [], ""
    for _ in range(3):
        page = await platform.list_orders(changed_after=None, page_token=token, page_size=2)
        pages.append([order.order_id for order in page.orders])
        token = page.next_page_token
    assert pages == [["4", "5"], ["2", "3"], ["1"]]
    assert token == ""


async def test_a_list_begins_at_a_time(platform, shop):
    for update_date in (100, 200, 300):
        shop.create(update_date=update_date)
    after = datetime.fromtimestamp(200, UTC)
    page = await platform.list_orders(changed_after=after, page_token="", page_size=10)
    assert [order.order_id for order in page.orders] == ["2", "3"]


@pytest.mark.parametrize(
    ("total", "currency", "text"),
    [("129.905", "EUR", "129.905 EUR"), ("1000.4", "JPY", "1000.4 JPY"), ("129.90", "BTC", "129.9 BTC")],
)
async def test_an_order_whose_total_is_no_amount_is_told_without_one(platform, shop, total, currency, text):
    shop.create(total=total, currency=currency)
    page = await platform.list_orders(changed_after=None, page_token="", page_size=10)
    for order in (*page.orders, await platform.read_order("1")):
        assert (order.total_minor, order.total_text, order.currency_code) == (None, text, currency)


@pytest.mark.parametrize("storage", ["order_details", "transaction_data"])
async def test_an_order_whose_currency_was_changed_since_it_was_paid_has_no_total(platform, shop, storage):
    shop.create(total="129.90", currency="EUR", storage=storage, amazon=AMAZON)
    shop.update(1, currency="USD")
    order = await platform.read_order("1")
    assert (order.total_minor, order.total_text) == (None, "129.9 USD, paid in EUR")


@pytest.mark.parametrize("code", ["C", "D", "R"])
async def test_an_order_that_staff_closed_is_cancelled(platform, shop, code):
    shop.create(payment_status="A")
    assert not (await platform.read_order("1")).cancelled
    shop.update(1, payment_status=code)
    page = await platform.list_orders(changed_after=None, page_token="", page_size=10)
    assert [order.cancelled for order in (*page.orders, await platform.read_order("1"))] == [True, True]


async def test_a_refund_that_x_cart_waits_for_is_told_before_it_counts(platform, shop):
    rows = [("refund", "10.00", "S"), ("refund", "20.00", "W"), ("refund", "40.00", "F")]
    backend = [{"type": kind, "value": value, "status": state} for kind, value, state in rows]
    shop.create(payment_status="P", backend_transactions=backend)
    order = await platform.read_order("1")
    assert (order.refunded_minor, order.status) == (3000, PaymentStatus.PARTIALLY_REFUNDED)


async def test_a_cart_is_no_order(platform, shop, api):
    shop.create(cart=True, amazon=AMAZON, storage="transaction_data")
    with pytest.raises(OrderMissing, match="a cart that was never placed" if api == "rest_legacy" else "no order"):
        await platform.read_order("1")
    with pytest.raises(OrderMissing):
        await platform.apply_status(CAPTURED)
    assert (await platform.list_orders(changed_after=None, page_token="", page_size=10)).orders == []
    assert shop.writes() == []


async def test_a_list_is_bounded_whatever_is_asked(platform, shop):
    for _ in range(52):
        shop.create()
    page = await platform.list_orders(changed_after=None, page_token="", page_size=10_000)
    assert len(page.orders) == 50
    rest = await platform.list_orders(changed_after=None, page_token=page.next_page_token, page_size=10_000)
    assert len(rest.orders) == 2
    assert rest.next_page_token == ""
