"""The adapter writes a status only if the shop has it: X-Cart 5.0-5.4 renames a status of the whole shop otherwise."""

import asyncio
import logging

import pytest
from support.shop_proxy import stand_before

from payment_actions_server.plugins import PaymentStatus, SettingsError, StatusApplied, StatusUpdate, Unavailable

S = PaymentStatus
legacy = pytest.mark.parametrize("api", ["rest_legacy"])


def update(status, order_id="1", *, captured=0, refunded=0):
    return StatusUpdate(
        order_id=order_id, status=status, currency_code="EUR",
        authorized_minor=12990, captured_minor=captured, refunded_minor=refunded,
    )  # fmt: skip


def codes(shop):
    return {row["id"]: row["code"] for row in shop.statuses("payment")}


PLAIN = {1: "Q", 2: "A", 3: "PP", 4: "P", 5: "D", 6: "C", 7: "R"}


async def test_a_code_that_the_shop_lacks_renames_no_status(connect, shop):
    shop.create(payment_status="A")
    shop.create(payment_status="A")
    platform = connect(statuses={"VOIDED": "VO"})
    with pytest.raises(SettingsError) as caught:
        await platform.apply_status(update(S.VOIDED))
    assert caught.value.key == "statuses.VOIDED"
    assert "'VO'" in caught.value.problem
    assert codes(shop) == PLAIN
    assert (await platform.read_order("2")).status is S.AUTHORIZED
    assert not [write for write in shop.writes() if write["changed"]]


@legacy
async def test_the_refusal_lists_the_statuses_that_the_shop_has(connect, shop):
    shop.add_status("payment", code=None, name="Reconciled")
    shop.create(payment_status="A")
    with pytest.raises(SettingsError, match=r"Q, A, PP, P, D, C, R, id:8 \(no code\)"):
        await connect(statuses={"VOIDED": "VO"}).apply_status(update(S.VOIDED))


async def test_a_status_of_x_cart_that_the_shop_removed_names_the_setting_that_replaces_it(platform, shop):
    shop.create(payment_status="A")
    shop.remove_status("payment", 4)
    with pytest.raises(SettingsError) as caught:
        await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert caught.value.key == "statuses.CAPTURED"
    assert {number: code for number, code in PLAIN.items() if number != 4} == codes(shop)


async def test_a_status_that_was_added_to_the_shop_later_is_written(connect, shop):
    platform = connect(statuses={"VOIDED": "VO"})
    shop.create(payment_status="A")
    shop.create(payment_status="A")
    with pytest.raises(SettingsError):
        await platform.apply_status(update(S.VOIDED))
    shop.add_status("payment", code="VO", name="Voided")
    assert (await platform.apply_status(update(S.VOIDED))).written
    assert shop.order(1)["payment_status"] == "VO"
    assert shop.order(2)["payment_status"] == "A"


@legacy
async def test_the_shop_is_asked_for_its_statuses_before_each_write_and_no_more(connect, shop):
    for _ in range(3):
        shop.create(payment_status="A")
    with stand_before(shop.url) as proxy:
        platform = connect(url=proxy.url)
        for order_id in ("1", "2", "3"):
            await platform.apply_status(update(S.CAPTURED, order_id, captured=12990))
            await platform.apply_status(update(S.CAPTURED, order_id, captured=12990))
    assert [each.fields["_path"] for each in proxy.passed].count("order-status-payment") == 3
    assert [write["status_id"] for write in shop.writes()] == [4, 4, 4]


@legacy
async def test_a_status_that_was_renamed_since_is_noticed_and_not_renamed_again(platform, shop, caplog):
    for _ in range(2):
        shop.create(payment_status="A")
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    # Some other client writes a code that the shop lacks, to an order that is Paid.
    shop.legacy(_method="put", _path="order/1", **{"model[paymentStatus][code]": "OOPS"})
    with pytest.raises(SettingsError, match="no payment status 'P'; it has Q, A, PP, OOPS, D, C, R"):
        await platform.apply_status(update(S.CAPTURED, "2", captured=12990))
    assert "status 4 was 'P' and is 'OOPS' now: it was renamed" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert shop.order(2)["payment_status"] == "A"
    shop.create(payment_status="A")
    with pytest.raises(SettingsError, match="OOPS"):
        await platform.apply_status(update(S.CAPTURED, "3", captured=12990))
    assert codes(shop) == PLAIN | {4: "OOPS"}


@legacy
async def test_a_status_that_was_removed_since_is_not_written(platform, shop):
    for _ in range(2):
        shop.create(payment_status="A")
    await platform.apply_status(update(S.CAPTURED, captured=12990))
    shop.remove_status("payment", 4)
    with pytest.raises(SettingsError, match="no payment status 'P'"):
        await platform.apply_status(update(S.CAPTURED, "2", captured=12990))
    shop.add_status("payment", code="P", name="Paid")
    assert await platform.apply_status(update(S.CAPTURED, "2", captured=12990)) == StatusApplied("Paid", written=True)
    assert codes(shop)[2] == "A"


@legacy
@pytest.mark.parametrize(
    ("what", "words"), [("removed", "still holds 'A'"), ("renamed", "status 4 was 'P' and is 'OOPS' now")]
)
async def test_a_status_that_changes_while_it_is_written_is_noticed(platform, shop, what, words):
    shop.create(payment_status="A")
    shop.create(payment_status="P")
    shop.fault("slow", method="PUT", path="order/", delay_seconds=1)
    writing = asyncio.ensure_future(platform.apply_status(update(S.CAPTURED, captured=12990)))
    await asyncio.sleep(0.5)
    if what == "removed":
        shop.remove_status("payment", 4)
    else:
        shop.legacy(_method="put", _path="order/2", **{"model[paymentStatus][code]": "OOPS"})
    with pytest.raises(Unavailable, match=words):
        await writing
    assert codes(shop)[2] == "A"


HIDDEN = [(404, ""), (403, ""), (200, "null"), (200, "[]")]


@legacy
@pytest.mark.parametrize(("status", "body"), HIDDEN)
async def test_a_shop_that_hides_its_statuses_is_told_one_that_an_order_shows(connect, shop, status, body):
    shop.create(payment_status="A")
    shop.create(payment_status="P")
    with stand_before(shop.url, fails_at="_path=order-status-payment", status=status, body=body) as proxy:
        assert (await connect(url=proxy.url).apply_status(update(S.CAPTURED, captured=12990))).written
    assert codes(shop) == PLAIN


@legacy
@pytest.mark.parametrize("version", ["5.4", "5.1"])  # A shop of 5.1 answers with all orders, whatever is asked for.
async def test_a_shop_that_hides_its_statuses_is_told_none_that_no_order_shows(connect, shop, version):
    shop.settings(legacy_version=version)
    shop.create(payment_status="A")
    shop.create(payment_status="Q")
    with stand_before(shop.url, fails_at="_path=order-status-payment", status=404, body="") as proxy:
        platform = connect(url=proxy.url)
        with pytest.raises(Unavailable, match=r"does not show .* no order") as caught:
            await platform.apply_status(update(S.CAPTURED, captured=12990))
    assert not isinstance(caught.value, SettingsError)
    assert codes(shop) == PLAIN
    assert shop.writes() == []


@legacy
async def test_statuses_that_cannot_be_read_now_keep_everything_as_it_is(connect, shop):
    shop.create(payment_status="A")
    with (
        stand_before(shop.url, fails_at="_path=order-status-payment") as proxy,
        pytest.raises(Unavailable, match="Connection refused"),
    ):
        await connect(url=proxy.url).apply_status(update(S.CAPTURED, captured=12990))
    assert shop.writes() == []


@legacy
@pytest.mark.parametrize("spelling", ["id:8"])
async def test_a_status_without_a_code_is_written_and_read_by_its_id(connect, shop, spelling):
    shop.add_status("payment", code=None, name="Given up")
    shop.create(payment_status="A")
    platform = connect(statuses={"VOIDED": spelling})
    assert await platform.apply_status(update(S.VOIDED)) == StatusApplied(spelling, written=True)
    assert await platform.apply_status(update(S.VOIDED)) == StatusApplied(spelling, written=False)
    order = await platform.read_order("1")
    assert (order.status, order.platform_status, order.cancelled) == (S.VOIDED, spelling, True)
    assert codes(shop) == PLAIN | {8: None}


@legacy
async def test_a_status_without_a_code_that_nobody_explains_is_read_and_left_alone(platform, shop):
    number = shop.add_status("payment", code=None, name="Reconciled")["id"]
    shop.create(payment_status={"id": number})
    order = await platform.read_order("1")
    assert (order.status, order.platform_status) == (S.PENDING, "id:8")
    assert not (await platform.apply_status(update(S.CAPTURED, captured=12990))).written
    assert shop.writes() == []


@legacy
@pytest.mark.parametrize("number", [4, 99])
async def test_an_id_is_for_a_status_of_the_shop_without_a_code(connect, shop, number):
    shop.create(payment_status="A")
    with pytest.raises(SettingsError, match=r"name it by its code|no payment status") as caught:
        await connect(statuses={"VOIDED": f"id:{number}"}).apply_status(update(S.VOIDED))
    assert caught.value.key == "statuses.VOIDED"
    assert shop.order(1)["payment_status"] == "A"


@legacy
async def test_an_id_that_now_belongs_to_another_status_is_not_written(connect, shop):
    """The shop is restored from a backup, and gives the id of a status of its own out again."""
    number = shop.back_up()
    shop.add_status("payment", code="VOID", name="Void")
    shop.create(payment_status="A")
    platform = connect(statuses={"VOIDED": "VOID"})
    assert (await platform.apply_status(update(S.VOIDED))).written
    shop.restore(number)
    shop.add_status("payment", code="RECO", name="Reconciled")
    shop.create(payment_status="A")
    with pytest.raises(SettingsError, match="no payment status 'VOID'"):
        await platform.apply_status(update(S.VOIDED))
    assert shop.order(1)["payment_status"] == "A"


@legacy
async def test_codes_that_changed_places_are_not_mixed_up(platform, shop):
    shop.create(payment_status="A")
    shop.create(payment_status="A")
    await platform.apply_status(update(S.VOIDED))
    for number, code in ((6, "X"), (4, "C"), (6, "P")):  # Another client of the API swaps the codes of two statuses.
        shop.update(1, payment_status={"id": number})
        shop.legacy(**{"_method": "put", "_path": "order/1", "model[paymentStatus][id]": number,
                       "model[paymentStatus][code]": code})  # fmt: skip
    assert (codes(shop)[4], codes(shop)[6]) == ("C", "P")
    await platform.apply_status(update(S.VOIDED, "2"))
    assert shop.order(2)["payment_status"] == "C"
