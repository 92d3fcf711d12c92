"""X-Cart's own Amazon section beside us: its records are kept, or staff are told which of its buttons not to use."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import AdapterError, GatewayReference, PaymentStatus, StatusUpdate, Unavailable

S = PaymentStatus
legacy = pytest.mark.parametrize("api", ["rest_legacy"])

AUTHORIZED = {
    "order_reference": "S02-1", "authorization": "S02-1-A1", "authorization_status": "Open",
}  # fmt: skip
REFERENCES = (
    GatewayReference("order_reference", "S02-1"),
    GatewayReference("authorization", "S02-1-A1"),
    GatewayReference("capture", "S02-1-C1"),
    GatewayReference("refund", "S02-1-R1"),
    GatewayReference("refund", "S02-1-R2"),
)
TIME = datetime.fromtimestamp(1_767_261_600, UTC)


def update(status, *, captured=0, refunded=0, currency="EUR", refunds=2):
    references = REFERENCES[: 2 + (captured > 0) + (min(refunds, 2) if refunded else 0)]
    return StatusUpdate(
        order_id="1", status=status, currency_code=currency, change_time=TIME, references=references,
        authorized_minor=12990, captured_minor=captured, refunded_minor=refunded,
    )  # fmt: skip


def later_order(shop, **fields):
    """Place an order that X-Cart's later module looks after."""
    return shop.create(**{"storage": "transaction_data", "payment_status": "A", "amazon": AUTHORIZED, **fields})


def rows(shop):
    return [(row["type"], row["status"], Decimal(row["value"])) for row in shop.order(1)["backend_transactions"]]


def cells(shop):
    return {cell["name"]: cell["value"] for cell in shop.order(1)["cells"]}


WHOLE = Decimal("129.90")
AUTH = ("auth", "S", WHOLE)
CAPTURE = ("capture", "S", WHOLE)


@legacy
async def test_a_capture_is_recorded_as_x_carts_module_would_have(platform, shop):
    later_order(shop)
    applied = await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert (applied.written, applied.notice) == (True, "")
    assert rows(shop) == [AUTH, CAPTURE]
    assert cells(shop) == {
        "amazonOrderReferenceId": "S02-1", "amazonAuthorizationId": "S02-1-A1",
        "authorizationStatus": "Completed", "amazonCaptureId": "S02-1-C1",
    }  # fmt: skip
    assert shop.order(1)["backend_transactions"][1]["date"] == 1_767_261_600
    assert shop.order(1)["payment_status"] == "P"


@legacy
async def test_a_void_is_recorded_as_x_carts_module_would_have(platform, shop):
    later_order(shop)
    assert (await platform.apply_status(update(S.VOIDED))).notice == ""
    assert rows(shop) == [AUTH, ("void", "S", WHOLE)]
    assert shop.order(1)["transaction_status"] == "V"
    assert (await platform.read_order("1")).method_code == "PayWithAmazon"


@legacy
async def test_an_authorization_that_ran_out_is_recorded_as_given_up(platform, shop):
    later_order(shop)
    assert (await platform.apply_status(update(S.EXPIRED))).notice == ""
    assert rows(shop) == [AUTH, ("void", "S", WHOLE)]


@legacy
async def test_a_decline_that_x_cart_knows_needs_no_record(platform, shop):
    later_order(shop, payment_status="D")
    await platform.apply_status(update(S.DECLINED))
    assert shop.order(1)["transaction_writes"] == []


@legacy
async def test_a_full_refund_is_recorded_as_x_carts_module_would_have(platform, shop):
    later_order(shop)
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    applied = await platform.apply_status(update(S.REFUNDED, captured=12990, refunded=12990, refunds=1))
    assert (applied.written, applied.notice) == (True, "")
    assert rows(shop) == [AUTH, CAPTURE, ("refund", "S", WHOLE)]
    assert (cells(shop)["amazonRefundId"], cells(shop)["refundStatus"]) == ("S02-1-R1", "Completed")
    order = await platform.read_order("1")
    assert (order.status, order.refunded_minor) == (S.REFUNDED, 12990)


@legacy
async def test_a_part_refunded_takes_x_carts_full_refund_away(platform, shop):
    later_order(shop)
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    applied = await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000, refunds=1))
    assert (applied.platform_status, applied.notice) == ("Partially paid", "")
    assert cells(shop)["amazonRefundId"] == "S02-1-R1"
    order = await platform.read_order("1")
    assert (order.status, order.refunded_minor) == (S.PARTIALLY_REFUNDED, 1000)


@legacy
async def test_each_further_refund_adds_what_is_missing(platform, shop):
    later_order(shop)
    await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000, refunds=1))
    await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1500))
    assert rows(shop) == [AUTH, CAPTURE, ("refund", "S", 10), ("refund", "S", 5)]
    assert cells(shop)["amazonRefundId"] == "S02-1-R1"


@legacy
@pytest.mark.parametrize(
    "life",
    [
        [update(S.CAPTURED, captured=12990), update(S.REFUNDED, captured=12990, refunded=12990)],
        [update(S.VOIDED)], [update(S.EXPIRED)],
        [update(S.PARTIALLY_CAPTURED, captured=6000), update(S.CAPTURED, captured=12990)],
    ],
)  # fmt: skip
async def test_what_is_recorded_is_not_recorded_again(platform, shop, life):
    later_order(shop)
    for step in life:
        await platform.apply_status(step)
        once = (rows(shop), shop.order(1)["cells"])
        writes = len(shop.order(1)["transaction_writes"])
        assert not (await platform.apply_status(step)).written
        assert (rows(shop), shop.order(1)["cells"]) == once
        assert len(shop.order(1)["transaction_writes"]) == writes


@legacy
async def test_a_record_whose_answer_was_lost_is_not_written_twice(connect, shop):
    later_order(shop)
    with stand_before(shop.url, loses_at="_method=put&_path=payment-transaction") as proxy:
        platform = connect(url=proxy.url)
        with pytest.raises(Unavailable):
            await platform.apply_status(update(S.CAPTURED, captured=12990))
        assert (rows(shop), shop.order(1)["payment_status"]) == ([AUTH, CAPTURE], "A")
        assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert (rows(shop), shop.order(1)["payment_status"]) == ([AUTH, CAPTURE], "P")


@legacy
async def test_a_status_that_x_cart_set_back_is_recorded_without_new_rows(platform, shop):
    later_order(shop)
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    shop.update(1, payment_status="A")
    assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert rows(shop) == [AUTH, CAPTURE]


@legacy
async def test_what_x_cart_recorded_itself_is_left_as_it_is(platform, shop):
    amazon = AUTHORIZED | {"authorization_status": "Closed", "capture": "S02-1-OWN"}
    later_order(shop, payment_status="P", transaction_type="sale", amazon=amazon)
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert shop.order(1)["transaction_writes"] == []


@legacy
async def test_a_row_that_x_cart_waits_for_is_completed_and_not_doubled(platform, shop):
    amazon = AUTHORIZED | {"capture": "S02-1-C1", "refund": "S02-1-R1", "refund_status": "Pending"}
    later_order(shop, payment_status="P", transaction_type="sale", amazon=amazon)
    shop.update(1, backend_transactions=[{"type": "refund", "value": "129.90", "status": "W"}])
    await platform.apply_status(update(S.REFUNDED, captured=12990, refunded=12990))
    assert rows(shop) == [("sale", "S", WHOLE), ("refund", "S", WHOLE)]
    assert cells(shop)["refundStatus"] == "Completed"


@legacy
@pytest.mark.parametrize("storage", ["order_details", "both"])
async def test_an_order_of_the_first_module_needs_no_records(platform, shop, storage):
    shop.create(storage=storage, payment_status="A", amazon=AUTHORIZED)
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert shop.order(1)["transaction_writes"] == []
    assert shop.order(1)["payment_status"] == "P"


@legacy
async def test_amounts_of_another_currency_are_not_recorded(platform, shop):
    later_order(shop, total="12990", currency="JPY")
    applied = await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert shop.order(1)["transaction_writes"] == []
    assert "Capture and Void buttons" in applied.notice


@legacy
async def test_a_setting_turns_the_records_off_and_staff_are_told(connect, shop):
    later_order(shop)
    platform = connect(record_transactions=False)
    applied = await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert "Capture and Void buttons" in applied.notice
    assert shop.order(1)["transaction_writes"] == []
    assert shop.order(1)["payment_status"] == "P"


@legacy
async def test_records_that_cannot_be_written_do_not_keep_the_status_from_being(connect, shop):
    later_order(shop)
    with stand_before(shop.url, fails_at="_method=put&_path=payment-transaction") as proxy:
        applied = await connect(url=proxy.url).apply_status(update(S.CAPTURED, captured=12990))
    assert (applied.written, shop.order(1)["payment_status"]) == (True, "P")
    assert "do not use its buttons" in applied.notice


@legacy
async def test_nothing_is_recorded_where_the_status_cannot_be_written(connect, shop):
    later_order(shop)
    with pytest.raises(Exception, match="no payment status"):
        await connect(statuses={"CAPTURED": "GONE"}).apply_status(update(S.CAPTURED, captured=12990))
    assert shop.order(1)["transaction_writes"] == []


@pytest.mark.parametrize("api", ["rest"])
@pytest.mark.parametrize(
    ("status", "captured", "refunded", "words"),
    [
        (S.CAPTURED, 12990, 0, "Capture and Void buttons"), (S.VOIDED, 0, 0, "Capture and Void buttons"),
        (S.EXPIRED, 0, 0, "Capture and Void buttons"), (S.AUTHORIZED, 0, 0, ""),
    ],
)  # fmt: skip
async def test_where_records_cannot_be_written_staff_are_told_of_live_buttons(
    platform, shop, status, captured, refunded, words
):
    later_order(shop)
    notice = (await platform.apply_status(update(status, captured=captured, refunded=refunded))).notice
    assert words in notice
    assert bool(words) == bool(notice)


@pytest.mark.parametrize("refund", [None, "S02-1-OWN"])
async def test_staff_are_told_of_a_refund_button_that_returns_the_full_amount(connect, shop, refund):
    amazon = AUTHORIZED | {"capture": "S02-1-C1"} | ({"refund": refund} if refund else {})
    later_order(shop, payment_status="P", transaction_type="sale", amazon=amazon)
    platform = connect(record_transactions=False)
    applied = await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000))
    assert ("Refund button" in applied.notice) is (refund is None)
    again = await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000))
    assert (again.written, again.notice) == (False, applied.notice)


@legacy
@pytest.mark.parametrize(("has_partially_paid", "words"), [(True, ""), (False, "Refund button")])
async def test_the_first_modules_refund_button_goes_with_the_status(platform, shop, has_partially_paid, words):
    if not has_partially_paid:
        shop.remove_status("payment", 3)
    shop.create(storage="order_details", payment_status="P", amazon=AUTHORIZED | {"capture": "S02-1-C1"})
    notice = (await platform.apply_status(update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000))).notice
    assert words in notice
    assert bool(words) == bool(notice)


@legacy
async def test_a_record_that_the_shop_carried_out_late_is_told_as_doubled(connect, shop):
    """X-Cart goes on after the adapter has given up waiting, and its loader adds the same row again."""
    later_order(shop)
    shop.fault("slow", method="PUT", path="payment-transaction/", delay_seconds=1.5)
    with pytest.raises(Unavailable):
        await connect(timeout_seconds=0.5).apply_status(update(S.CAPTURED, captured=12990))
    platform = connect()
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    await asyncio.sleep(2)
    assert rows(shop) == [AUTH, CAPTURE, CAPTURE]
    assert "twice" in (await platform.apply_status(update(S.CAPTURED, captured=12990))).notice


@legacy
@pytest.mark.parametrize("storage", ["order_details", "transaction_data"])
async def test_nothing_is_written_to_an_order_that_another_buyer_paid(platform, shop, storage):
    """A shop restored from a backup gives order ids out again, while an outcome waits to be written."""
    later_order(shop, storage=storage, amazon={"order_reference": "S02-2", "authorization": "S02-2-A1"})
    with pytest.raises(AdapterError, match="another"):
        await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert (shop.order(1)["transaction_writes"], shop.order(1)["payment_status"]) == ([], "A")


@pytest.mark.parametrize(
    ("held", "status", "captured"),
    [("P", S.AUTHORIZED, 0), ("P", S.VOIDED, 0), ("R", S.CAPTURED, 12990), ("R", S.AUTHORIZED, 0)],
)
async def test_staff_are_told_of_a_status_that_claims_more_than_the_money(platform, shop, held, status, captured):
    """Set by hand: the adapter never takes an order back, and the order ships unpaid unless somebody looks."""
    shop.create(payment_status=held)
    applied = await platform.apply_status(update(status, captured=captured))
    assert not applied.written
    assert f"payment is {status}" in applied.notice


@legacy
async def test_the_first_modules_refund_button_returns_more_than_was_captured(platform, shop):
    shop.create(storage="order_details", payment_status="A", amazon=AUTHORIZED)
    assert "Refund button" in (await platform.apply_status(update(S.CAPTURED, captured=12000))).notice


@legacy
@pytest.mark.parametrize("code", ["P", "PP"])
async def test_an_order_that_staff_set_back_after_a_full_refund_reads_as_changed(platform, shop, code):
    """Its own rows say refunded; the status that staff see does not, and is to be written again."""
    later_order(shop)
    done = update(S.REFUNDED, captured=12990, refunded=12990)
    await platform.apply_status(done)
    assert (await platform.read_order("1")).status is S.REFUNDED
    shop.update(1, payment_status=code)
    assert (await platform.read_order("1")).status is not S.REFUNDED
    assert (await platform.apply_status(done)).written
