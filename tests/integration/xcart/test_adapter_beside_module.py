"""The adapter beside X-Cart's own later module, with Amazon Pay behind both: no button undoes an outcome of ours."""

import re

import pytest

from payment_actions_server.plugins import GatewayReference, PaymentStatus, StatusUpdate

S = PaymentStatus
pytestmark = pytest.mark.parametrize("api", ["rest_legacy"])

BUTTONS = re.compile(r'<button name="button" value="(\w+)">')


def offers(shop):
    return BUTTONS.findall(shop.page(1))


def update(status, order, *, captured=0, refunded=0, capture="", refund=""):
    named = [("authorization", order["amazon"]["authorization"]), ("capture", capture), ("refund", refund)]
    return StatusUpdate(
        order_id="1", status=status, currency_code="EUR", authorized_minor=12990, captured_minor=captured,
        refunded_minor=refunded, references=tuple(GatewayReference(*each) for each in named if each[1]),
    )  # fmt: skip


def capture(amazon, order):
    """Capture at Amazon, as the service does, and return the capture's id."""
    amazon.control("POST", "console/capture", object=order["amazon"]["authorization"])
    return amazon.effects("capture")[-1]["object"]


async def test_after_a_capture_x_cart_offers_only_its_refund(platform, shop, amazon, checked_out):
    order = checked_out()
    assert offers(shop) == ["capture", "void"]
    await platform.apply_status(update(S.CAPTURED, order, captured=12990, capture=capture(amazon, order)))
    assert offers(shop) == ["refund"]


async def test_x_carts_own_refund_is_told_while_it_waits_and_completed_with_the_outcome(
    platform, shop, amazon, checked_out
):
    order = checked_out()
    done = {"captured": 12990, "capture": capture(amazon, order)}
    await platform.apply_status(update(S.CAPTURED, order, **done))
    shop.press(1, "refund")
    waiting = await platform.read_order("1")
    assert (waiting.status, waiting.refunded_minor) == (S.CAPTURED, 12990)
    await platform.apply_status(update(S.REFUNDED, order, refunded=12990, **done))
    rows = [(row["type"], row["status"]) for row in shop.order(1)["backend_transactions"]]
    assert rows == [("auth", "S"), ("capture", "S"), ("refund", "S")]
    assert (shop.order(1)["payment_status"], offers(shop)) == ("R", [])


async def test_after_a_void_x_cart_offers_nothing(platform, shop, amazon, checked_out):
    await platform.apply_status(update(S.VOIDED, checked_out()))
    assert offers(shop) == []


async def test_after_a_part_refunded_x_cart_cannot_return_the_full_amount(platform, shop, amazon, checked_out):
    order = checked_out()
    done = {"captured": 12990, "capture": capture(amazon, order)}
    await platform.apply_status(update(S.CAPTURED, order, **done))
    await platform.apply_status(update(S.PARTIALLY_REFUNDED, order, refunded=1000, refund="S02-1-R1", **done))
    assert offers(shop) == []


async def test_a_notification_that_x_cart_receives_leaves_a_captured_order_paid(platform, shop, amazon, checked_out):
    order = checked_out()
    done = capture(amazon, order)
    await platform.apply_status(update(S.CAPTURED, order, captured=12990, capture=done))
    amazon.control("PUT", "notifications", url=f"{shop.url}ipn")
    try:
        amazon.control("POST", "notifications/send", object=order["amazon"]["authorization"])
        amazon.control("POST", "notifications/wait", seconds=20)
    finally:
        amazon.control("PUT", "notifications", url="")
    assert [(each["state"], each["order_id"]) for each in shop.notifications()] == [("Closed", 1)]
    assert shop.order(1)["payment_status"] == "P"


async def test_without_records_a_click_takes_a_paid_order_back(connect, shop, amazon, checked_out):
    order = checked_out()
    platform = connect(record_transactions=False)
    applied = await platform.apply_status(update(S.CAPTURED, order, captured=12990, capture=capture(amazon, order)))
    assert "do not use them" in applied.notice
    shop.press(1, "capture")
    assert shop.order(1)["payment_status"] == "A"


@pytest.mark.parametrize("status", [S.VOIDED, S.EXPIRED])
async def test_a_closed_payment_leaves_no_refresh_button_that_changes_the_status(platform, shop, status):
    """X-Cart never learned the result of an asynchronous authorization; its Refresh recomputes the order's status."""
    pending = {"order_reference": "S02-1", "authorization": "S02-1-A1", "authorization_status": "Pending"}
    order = shop.create(storage="transaction_data", payment_status="Q", amazon=pending)
    assert offers(shop) == ["refresh"]
    await platform.apply_status(update(status, order))
    assert offers(shop) == []
    await platform.apply_status(update(status, order))
    assert len(shop.order(1)["transaction_writes"]) == 1
