"""The adapter writes a status over both of X-Cart's APIs: what differs, once, and never backwards."""

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import (
    AdapterError,
    OrderMissing,
    PaymentStatus,
    SettingsError,
    StatusApplied,
    StatusUpdate,
    Unavailable,
)

S = PaymentStatus


def update(status, order_id="1", *, captured=0, refunded=0):
    return StatusUpdate(
        order_id=order_id, status=status, currency_code="EUR",
        authorized_minor=12990, captured_minor=captured, refunded_minor=refunded,
    )  # fmt: skip


def codes(shop):
    return [(write["before"], write["after"]) for write in shop.writes()]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (S.AUTHORIZED, "A", "Authorized"), (S.PARTIALLY_CAPTURED, "PP", "Partially paid"), (S.CAPTURED, "P", "Paid"),
        (S.REFUNDED, "R", "Refunded"), (S.VOIDED, "C", "Cancelled"), (S.DECLINED, "D", "Declined"),
        (S.EXPIRED, "D", "Declined"), (S.PARTIALLY_REFUNDED, "PP", "Partially paid"),
    ],
)  # fmt: skip
async def test_every_status_is_written_once(platform, shop, status, code, word):
    shop.create(payment_status="Q")
    wanted = update(status, captured=12990)
    assert await platform.apply_status(wanted) == StatusApplied(word, written=True)
    assert await platform.apply_status(wanted) == StatusApplied(word, written=False)
    assert codes(shop) == [("Q", code)]


async def test_a_queued_order_needs_no_write(platform, shop):
    shop.create(payment_status="Q")
    assert await platform.apply_status(update(S.PENDING)) == StatusApplied("Awaiting payment", written=False)
    assert codes(shop) == []


async def test_the_shops_own_codes_are_written(connect, shop):
    platform = connect(statuses={"VOIDED": "D", "EXPIRED": "C"})
    shop.create(payment_status="A")
    shop.create(payment_status="A")
    await platform.apply_status(update(S.VOIDED))
    await platform.apply_status(update(S.EXPIRED, "2"))
    assert codes(shop) == [("A", "D"), ("A", "C")]


@pytest.mark.parametrize(
    ("held", "status"),
    [("P", S.AUTHORIZED), ("R", S.CAPTURED), ("P", S.VOIDED), ("P", S.PENDING), ("C", S.AUTHORIZED), ("R", S.EXPIRED)],
)
async def test_an_order_is_never_pushed_back(platform, shop, held, status):
    shop.create(payment_status=held)
    assert not (await platform.apply_status(update(status, captured=12990))).written
    assert shop.order(1)["payment_status"] == held
    assert codes(shop) == []


async def test_a_delivered_order_stays_delivered_and_paid(platform, shop):
    shop.create(payment_status="P", shipping_status="D")
    assert await platform.apply_status(update(S.CAPTURED, captured=12990)) == StatusApplied("Paid", written=False)
    await platform.apply_status(update(S.REFUNDED, captured=12990, refunded=12990))
    assert (shop.order(1)["payment_status"], shop.order(1)["shipping_status"]) == ("R", "D")


async def test_money_is_recorded_even_on_a_cancelled_order(platform, shop):
    shop.create(payment_status="C")
    assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert codes(shop) == [("C", "P")]


async def test_an_unknown_order_is_missing(platform, shop):
    for order_id in ("99", "1/../2", "all"):
        with pytest.raises(OrderMissing):
            await platform.apply_status(update(S.CAPTURED, order_id))
    assert shop.writes() == []


async def test_a_shop_without_partially_paid_is_told_paid_of_a_part_refunded(platform, shop):
    shop.create(payment_status="A")
    shop.remove_status("payment", 3)
    wanted = update(S.PARTIALLY_REFUNDED, captured=12990, refunded=1000)
    assert await platform.apply_status(wanted) == StatusApplied("Paid", written=True)
    assert not (await platform.apply_status(wanted)).written
    assert codes(shop) == [("A", "P")]


@pytest.mark.parametrize("api", ["rest_legacy"])
async def test_an_order_that_lost_its_status_is_told_the_outcome(platform, shop):
    shop.create(payment_status=None)
    assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert codes(shop) == [(None, "P")]


@pytest.mark.parametrize("api", ["rest_legacy"])
@pytest.mark.parametrize("body", ["", "[]", "null"])
async def test_an_error_inside_the_older_x_cart_is_no_unknown_code(connect, shop, body):
    shop.create(payment_status="A")
    with (
        stand_before(shop.url, fails_at="_method=put", body=body) as proxy,
        pytest.raises(Unavailable, match="X-Cart failed") as caught,
    ):
        await connect(url=proxy.url, statuses={"VOIDED": "C"}).apply_status(update(S.VOIDED))
    assert not isinstance(caught.value, SettingsError)


@pytest.mark.parametrize("api", ["rest_legacy"])
async def test_an_admin_script_that_the_shop_renamed_is_a_setting(connect, shop):
    shop.create(payment_status="A")
    shop.settings(admin_self="back-office.php")
    with pytest.raises(SettingsError, match="admin_script"):
        await connect().read_order("1")
    platform = connect(admin_script="back-office.php")
    assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written


async def test_a_write_whose_answer_was_lost_is_found_done(platform, shop):
    shop.create(payment_status="A")
    shop.fault("lose_write_answer")
    with pytest.raises(Unavailable):
        await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert await platform.apply_status(update(S.CAPTURED, captured=12990)) == StatusApplied("Paid", written=False)
    assert codes(shop) == [("A", "P")]


async def test_a_write_that_never_arrived_is_written_later(platform, shop):
    shop.create(payment_status="A")
    shop.fault("down")
    with pytest.raises(Unavailable):
        await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert codes(shop) == [("A", "P")]


async def test_the_read_key_cannot_write(connect, shop, api):
    shop.create(payment_status="A")
    platform = connect(key=shop.read_token if api == "rest" else shop.read_key)
    assert (await platform.read_order("1")).status is S.AUTHORIZED
    with pytest.raises(SettingsError, match="api_key"):
        await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert issubclass(SettingsError, AdapterError)
    assert shop.order(1)["payment_status"] == "A"
