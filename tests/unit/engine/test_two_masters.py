"""The shop changes a payment status by itself: it is followed if the gateway says so, else overruled within a bound."""

import asyncio

import pytest
from support.virtual_time import in_virtual_time
from support.world import STORE, TOTAL, world

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.engine import EnginePolicy, PaymentQuery
from payment_actions_server.plugins import Action, PaymentStatus, StatusApplied
from payment_actions_server.plugins.fakes import WORDS, slow

LOOKING = EnginePolicy(discovery_seconds=60)
MOST = LOOKING.store_reverts_max


def written(here):
    return [write.status for write in here.platform.writes]


def shop_changes(here, status, **changes):
    """Have the shop change the order's payment status by itself, as X-Cart's own module does after a click."""
    here.platform.change("1", status=status, platform_status=WORDS[status], **changes)


async def captured(here):
    """Capture the order, and let the shop hold that."""
    here.authorized()
    await here.capture()
    await asyncio.sleep(5)


async def quarrel(here, times):
    """Have the shop change its status back so many times, each time after ours was written."""
    for _ in range(times):
        shop_changes(here, PaymentStatus.AUTHORIZED)
        await asyncio.sleep(65)


async def attention(here):
    found = await here.engine.list_payments(PaymentQuery(needing_attention=True))
    return [view.payment.order_id for view in found.items]


@in_virtual_time
async def test_status_that_the_shop_changed_back_is_written_again_unasked(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        shop_changes(here, PaymentStatus.AUTHORIZED)
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED
        assert written(here) == [PaymentStatus.CAPTURED, PaymentStatus.CAPTURED]
        event = next(event for event in await here.events() if event.type is EventType.STORE_STATUS_CHANGED)
        assert "held 'Paid' and now holds 'Authorized', although the payment is CAPTURED" in event.message
        assert await attention(here) == []


@in_virtual_time
async def test_deed_that_was_done_in_the_shop_is_followed_and_not_overruled(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        shop_changes(here, PaymentStatus.CAPTURED)
        await asyncio.sleep(65)
        assert await here.status() is PaymentStatus.CAPTURED
        assert written(here) == []
        assert EventType.STORE_STATUS_CHANGED not in await here.told()
        assert await here.offered() == {Action.REFUND}


@in_virtual_time
async def test_tug_of_war_ends_and_an_operator_is_told_what_the_shop_did(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        await quarrel(here, MOST)
        assert await attention(here) == []
        await quarrel(here, 3)
        assert written(here) == [PaymentStatus.CAPTURED] * (1 + MOST)
        update = (await here.view()).store_update
        assert (update.state, update.next_attempt_time) == (StoreUpdateState.DISPUTED, None)
        assert f"It has changed its status back {MOST + 1} times, and nothing more is written" in update.last_error
        assert await attention(here) == ["1"]
        assert await here.offered() == {Action.REFUND, Action.REFRESH}, "which begins anew"
        told = (await here.told()).count(EventType.STORE_STATUS_CHANGED)
        assert told == MOST + 1, "what goes on after that is no news"


@in_virtual_time
async def test_disputed_status_is_written_anew_when_staff_refreshes(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        await quarrel(here, MOST + 1)
        here.platform.faults.inject("apply_status", slow(lambda: asyncio.sleep(3)))
        await here.refresh()
        await asyncio.sleep(1)
        assert (await here.view()).store_update.last_error == "", "what was written of the dispute is no error of this"
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC
        assert await attention(here) == []
        await quarrel(here, MOST)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_dispute_is_over_when_the_shop_holds_the_status_by_itself(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        await quarrel(here, MOST + 1)
        shop_changes(here, PaymentStatus.CAPTURED)
        await asyncio.sleep(65)
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC
        assert await attention(here) == []
        await quarrel(here, 1)
        assert (await here.view()).store_update.state is StoreUpdateState.DISPUTED, "its patience is used up"


@in_virtual_time
async def test_status_that_the_shop_holds_wrongly_is_written_when_staff_refreshes(tmp_path):
    """A wrong map of statuses, corrected later: the shop took nothing for done, and nothing changed since."""
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        apply_status = here.platform.apply_status

        async def misled_by_its_map(update):
            return StatusApplied("Authorized", written=False)

        here.platform.apply_status = misled_by_its_map
        await here.capture()
        await asyncio.sleep(65)
        here.platform.apply_status = apply_status
        assert here.platform.order("1").status is PaymentStatus.AUTHORIZED
        await here.refresh()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED
        assert EventType.STORE_STATUS_CHANGED not in await here.told()


@in_virtual_time
async def test_new_status_of_the_payment_ends_the_dispute(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        await quarrel(here, MOST + 1)
        await here.refund()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED
        update = (await here.view()).store_update
        assert (update.state, update.reverts, update.last_error) == (StoreUpdateState.IN_SYNC, 0, "")


@in_virtual_time
async def test_shop_is_not_overruled_while_the_gateway_cannot_be_asked(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        here.gateway.faults.down = True
        shop_changes(here, PaymentStatus.REFUNDED)
        await asyncio.sleep(65)
        assert written(here) == [PaymentStatus.CAPTURED]
        here.gateway.faults.down = False
        here.gateway.console(Action.REFUND, "1")
        await asyncio.sleep(65)
        assert await here.status() is PaymentStatus.REFUNDED
        assert written(here) == [PaymentStatus.CAPTURED]


@in_virtual_time
async def test_our_own_write_is_no_change_of_the_shops_own(tmp_path):
    """A slow reading shows the order as it was before our write, and comes after it."""
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        read_order = here.platform.read_order

        async def slow(order_id):
            order = await read_order(order_id)
            await asyncio.sleep(5)
            return order

        here.platform.read_order = slow
        looking = asyncio.ensure_future(here.refresh())
        await asyncio.sleep(1)
        here.platform.read_order = read_order
        await here.capture()
        await looking
        await asyncio.sleep(65)
        assert EventType.STORE_STATUS_CHANGED not in await here.told()
        assert (await here.view()).store_update.reverts == 0


@in_virtual_time
async def test_our_own_late_write_is_no_change_of_the_shops_own_while_a_newer_one_waits(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        applied, hung = here.platform.apply_status, []

        async def carried_out_late(update):
            await asyncio.sleep(3)
            shop_changes(here, update.status)

        async def apply_status(update):
            if not hung:
                hung.append(asyncio.create_task(carried_out_late(update)))
                await asyncio.Event().wait()
            return await applied(update)

        here.platform.apply_status = apply_status
        await here.capture()
        await here.refund()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED
        await here.refresh()
        assert EventType.STORE_STATUS_CHANGED not in await here.told()
        await asyncio.sleep(60)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED


@in_virtual_time
async def test_word_that_the_shop_gave_a_status_of_ours_is_no_dispute(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        here.platform.change("1", platform_status="Bezahlt")
        await asyncio.sleep(65)
        await here.refresh()
        assert (await here.view()).store_update.platform_status == "Bezahlt"
        assert EventType.STORE_STATUS_CHANGED not in await here.told()
        assert written(here) == [PaymentStatus.CAPTURED]


@in_virtual_time
async def test_what_staff_must_know_of_the_shops_page_is_shown_until_the_next_write(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        apply_status, warning = here.platform.apply_status, "The shop's own Refund button still returns 129.90."

        async def warning_of_its_button(update):
            applied = await apply_status(update)
            partly = update.status is PaymentStatus.PARTIALLY_REFUNDED
            return StatusApplied(applied.platform_status, applied.written, warning if partly else "")

        here.platform.apply_status = warning_of_its_button
        await here.capture()
        await here.refund(amount_minor=1_000, currency_code="USD")
        await asyncio.sleep(5)
        assert (await here.view()).store_update.notice == warning
        await here.refund(amount_minor=TOTAL - 1_000, currency_code="USD")
        await asyncio.sleep(5)
        assert (await here.view()).store_update.notice == ""


@in_virtual_time
async def test_shop_is_told_when_the_payment_came_to_its_status(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        times, apply_status = [], here.platform.apply_status

        async def noting(update):
            times.append(update.change_time)
            return await apply_status(update)

        here.platform.apply_status = noting
        before = here.clock.now()
        await here.capture()
        await asyncio.sleep(5)
        assert before <= times[0] <= here.clock.now()


@in_virtual_time
async def test_cancellation_in_the_shop_of_a_paid_order_is_overruled_and_the_money_can_go_back(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        here.platform.cancel("1")
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED, "the shop must show that there is money"
        assert await here.offered() == {Action.REFUND}


@in_virtual_time
async def test_two_replicas_overrule_one_change_of_the_shop_once(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        other = here.replica()
        await other.start()
        shop_changes(here, PaymentStatus.AUTHORIZED)
        await asyncio.gather(here.refresh(), other.refresh(STORE, "1"))
        await asyncio.sleep(130)
        assert (await here.view()).store_update.reverts == 1
        assert written(here) == [PaymentStatus.CAPTURED] * 2


@in_virtual_time
async def test_status_that_the_shop_changed_back_is_news_also_where_it_shows_a_refund_that_never_was(tmp_path):
    policy = EnginePolicy(discovery_seconds=60, refund_looks_max=1)
    async with world(tmp_path, policy=policy) as here:
        await captured(here)
        here.platform.change("1", refunded_minor=TOTAL)
        await asyncio.sleep(150)
        shop_changes(here, PaymentStatus.AUTHORIZED)
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@pytest.mark.parametrize("seconds", [1, 8], ids=["while it reads the order", "once it is past the shop's status"])
@in_virtual_time
async def test_dispute_begins_anew_also_if_staff_refreshes_during_a_look_that_nobody_asked_for(tmp_path, seconds):
    async with world(tmp_path, policy=LOOKING) as here:
        await captured(here)
        await quarrel(here, MOST + 1)
        read_order, change = here.platform.read_order, here.storage.change

        async def slow_read(order_id):
            order = await read_order(order_id)
            await asyncio.sleep(5)
            return order

        async def slow_change(*arguments, **options):
            changed = await change(*arguments, **options)
            await asyncio.sleep(1)
            return changed

        here.platform.read_order, here.storage.change = slow_read, slow_change
        here.platform.change("1", order_number="#1-2")
        listed = asyncio.ensure_future(here.engine._discovery.discover(STORE))
        await asyncio.sleep(seconds)
        await here.refresh()
        await listed
        await asyncio.sleep(10)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_status_that_was_let_be_while_the_order_was_paid_otherwise_is_overruled_once_the_order_is_set_right(
    tmp_path,
):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.void()
        await asyncio.sleep(5)
        shop_changes(here, PaymentStatus.AUTHORIZED, method_code="phone", method_name="Phone Ordering")
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.AUTHORIZED
        here.platform.change("1", method_code="amazon_pay", method_name="Amazon Pay")
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.VOIDED


@in_virtual_time
async def test_void_of_an_order_that_is_paid_otherwise_is_told_to_the_shop_once_the_order_is_set_right(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        here.platform.change("1", method_code="phone", method_name="Phone Ordering")
        await here.refresh()
        await here.void()
        here.platform.change("1", method_code="amazon_pay", method_name="Amazon Pay")
        await asyncio.sleep(65)
        assert here.platform.order("1").status is PaymentStatus.VOIDED
