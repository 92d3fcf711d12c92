"""The shop does with an order what its staff want: the service neither undoes that nor is misled by it."""

import asyncio
from dataclasses import replace

import pytest
from support.virtual_time import in_virtual_time
from support.world import TOTAL, world

from payment_actions_server.domain.errors import OrderCancelled, OrderChanged, PlatformUnavailable
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.status import OrderState
from payment_actions_server.engine import EnginePolicy, PaymentQuery
from payment_actions_server.plugins import Action, OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import WORDS

LOOKING = EnginePolicy(discovery_seconds=60)
OTHER = {"method_code": "phone", "method_name": "Phone Ordering"}


def written(here):
    return [write.status for write in here.platform.writes]


def shop_holds(here, status, **changes):
    here.platform.change("1", status=status, platform_status=WORDS[status], **changes)


# -- A cancellation is not undone -------------------------------------------------------------------------------------


@in_virtual_time
async def test_rest_of_a_cancelled_order_is_not_captured_once_the_service_has_looked_at_it(tmp_path):
    """The status that says "partially paid" would open the order again, and the next reading would find it open."""
    async with world(tmp_path, policy=LOOKING, partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=5_000, currency_code="USD")
        await asyncio.sleep(5)
        here.platform.cancel("1")
        await asyncio.sleep(130)
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert len(here.asked("capture")) == 1
        assert here.platform.order("1").cancelled, "staff cancelled it"


@in_virtual_time
async def test_first_sight_of_a_cancelled_order_that_was_captured_in_part_does_not_open_it_again(tmp_path):
    async with world(tmp_path, policy=LOOKING, partial=True) as here:
        here.authorized()
        here.gateway.console(Action.CAPTURE, "1", 5_000)
        here.platform.cancel("1")
        await here.view()
        await asyncio.sleep(130)
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert here.asked("capture") == []
        assert here.platform.order("1").cancelled


@in_virtual_time
async def test_write_that_waits_does_not_open_an_order_that_was_cancelled_meanwhile(tmp_path):
    async with world(tmp_path, policy=LOOKING, partial=True) as here:
        here.authorized()
        await here.view()
        applied = here.platform.apply_status

        async def out_of_order(update):
            raise ConnectionError("no answer")

        here.platform.apply_status = out_of_order
        await here.capture(amount_minor=5_000, currency_code="USD")
        here.platform.cancel("1")
        await asyncio.sleep(65)
        assert (await here.view()).payment.order_state is OrderState.CANCELLED
        here.platform.apply_status = applied
        await asyncio.sleep(1000)
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_order_that_was_set_right_again_is_told_what_it_missed(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.view()
        applied = here.platform.apply_status

        async def out_of_order(update):
            raise ConnectionError("no answer")

        here.platform.apply_status = out_of_order
        await here.capture(amount_minor=5_000, currency_code="USD")
        here.platform.cancel("1")
        await here.refresh()
        here.platform.apply_status = applied
        shop_holds(here, PaymentStatus.AUTHORIZED, cancelled=False)
        await here.refresh()
        await asyncio.sleep(5)
        assert written(here) == [PaymentStatus.PARTIALLY_CAPTURED]
        assert EventType.STORE_STATUS_CHANGED not in await here.told()


@in_virtual_time
async def test_payment_that_is_authorized_after_its_order_was_cancelled_is_not_written(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.pending()
        await here.view()
        here.platform.cancel("1")
        await here.refresh()
        here.gateway.authorize("1", TOTAL, "USD")
        await here.refresh()
        assert await here.status() is PaymentStatus.AUTHORIZED
        await asyncio.sleep(65)
        assert here.platform.calls.count(("apply_status", "1")) == 0
        with pytest.raises(OrderCancelled):
            await here.capture()


@in_virtual_time
async def test_order_whose_method_is_not_told_is_refused_in_a_sentence(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.platform.change("1", method_code="", method_name="")
        with pytest.raises(OrderChanged, match="is to be paid by another method now"):
            await here.capture()


@pytest.mark.parametrize("end", [Action.REFUND, Action.VOID], ids=["refunded", "voided"])
@in_virtual_time
async def test_staff_may_cancel_an_order_of_which_no_money_is_left(tmp_path, end):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        if end is Action.REFUND:
            await here.capture()
        await here.act(end)
        await asyncio.sleep(5)
        before = written(here)
        shop_holds(here, PaymentStatus.DECLINED, cancelled=True)
        await asyncio.sleep(130)
        assert written(here) == before
        assert EventType.STORE_STATUS_CHANGED not in await here.told()


@in_virtual_time
async def test_cancellation_of_an_authorized_order_is_no_status_to_be_overruled(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        here.platform.cancel("1")
        await asyncio.sleep(130)
        assert here.platform.calls.count(("apply_status", "1")) == 0
        assert EventType.STORE_STATUS_CHANGED not in await here.told()


# -- An order that is paid otherwise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [PaymentStatus.PENDING, PaymentStatus.CAPTURED], ids=["awaited", "paid"])
@in_virtual_time
async def test_order_that_is_paid_by_another_method_after_a_decline_is_let_be(tmp_path, status):
    async with world(tmp_path, policy=LOOKING) as here:
        here.pending()
        await here.view()
        here.gateway.close("1", PaymentStatus.DECLINED)
        await here.refresh()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.DECLINED
        shop_holds(here, status, cancelled=False, **OTHER)
        await asyncio.sleep(130)
        assert here.platform.order("1").status is status, "it is another payment's status"
        assert not here.platform.order("1").cancelled


@in_virtual_time
async def test_order_that_awaits_another_payment_is_not_written_as_authorized(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        shop_holds(here, PaymentStatus.PENDING, **OTHER)
        await asyncio.sleep(130)
        assert written(here) == []


@in_virtual_time
async def test_void_that_is_the_advice_does_not_cancel_the_order_that_is_paid_otherwise(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        shop_holds(here, PaymentStatus.PENDING, **OTHER)
        await asyncio.sleep(65)
        assert (await here.view()).payment.order_state is OrderState.OTHER_METHOD
        await here.void()
        await asyncio.sleep(130)
        assert here.platform.order("1").status is PaymentStatus.PENDING
        assert not here.platform.order("1").cancelled


# -- What is seen, and what heals -------------------------------------------------------------------------------------


@in_virtual_time
async def test_status_that_the_shop_changes_is_news_also_where_its_refund_was_never_found(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.platform.change("1", refunded_minor=TOTAL)  # A refused refund that the shop recorded as done.
        await asyncio.sleep(14 * 3_600)
        shop_holds(here, PaymentStatus.AUTHORIZED)
        await asyncio.sleep(130)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_order_that_the_shop_lacked_for_a_while_is_found_again_unasked(tmp_path):
    """A shop in maintenance may say of every order that there is none."""
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await asyncio.sleep(600)
        here.platform.place("2", method_name="Cash")  # The list of changed orders goes on from here.
        await asyncio.sleep(65)
        kept = here.platform._orders.pop("1")
        await here.refresh()
        assert (await here.view()).payment.order_state is OrderState.DELETED
        here.platform._orders["1"] = kept
        await asyncio.sleep(3 * 3_600)
        assert (await here.view()).payment.order_state is OrderState.PLACED
        assert Action.CAPTURE in await here.offered()


@in_virtual_time
async def test_void_of_a_deleted_order_leaves_nothing_that_fails_for_ever(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        here.platform.remove("1")
        await here.refresh()
        await here.void()
        await asyncio.sleep(3 * 3_600)
        attention = (await here.engine.list_payments(PaymentQuery(needing_attention=True))).items
        assert [view.store_update.last_error for view in attention] == []


@in_virtual_time
async def test_order_whose_list_never_agrees_with_its_reading_is_not_looked_at_for_ever(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        read_order = here.platform.read_order

        async def of_another_number(order_id):
            return replace(await read_order(order_id), order_number="1")

        here.platform.read_order = of_another_number
        await here.refresh()
        await asyncio.sleep(600)
        looked = len(here.asked("snapshot"))
        await asyncio.sleep(3_600)
        assert len(here.asked("snapshot")) - looked <= 10


# -- Etags and words --------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_refund_of_a_repriced_order_is_not_refused_for_an_etag_that_the_refund_itself_made_old(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        etag = (await here.view()).payment.etag
        here.platform.change("1", total_minor=9_000)
        assert (await here.refund(etag=etag)).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_order_in_another_currency_is_not_said_to_cost_nothing(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.platform.change("1", currency_code="EUR")
        await asyncio.sleep(65)
        assert not [event.message for event in await here.events() if " 0.00 USD" in event.message]
        offer = next(offer for offer in (await here.view()).decision.offers if offer.action is Action.REFUND)
        assert " 0.00 USD" not in offer.effect


@in_virtual_time
async def test_total_that_changes_while_the_order_is_read_is_not_captured_unseen(tmp_path):
    """The record follows in between, by another's look: the caller can have seen neither."""
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        here.platform.change("1", total_minor=6_000)
        await here.view()
        read_order, began = here.platform.read_order, []

        async def dearer_meanwhile(order_id):
            order = await read_order(order_id)
            if not began:
                began.append(order_id)
                here.platform.change("1", total_minor=TOTAL)
                await here.refresh()
            return order

        here.platform.read_order = dearer_meanwhile
        with pytest.raises(OrderChanged):
            await here.capture()
        assert here.asked("capture") == []


@in_virtual_time
async def test_change_that_two_replicas_see_is_one_event(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.view()
        other = here.replica()
        await other.start()
        here.platform.change("1", total_minor=9_000)
        await asyncio.sleep(600)
        assert (await here.told()).count(EventType.ORDER_CHANGED) == 1


@in_virtual_time
async def test_reading_that_is_recorded_late_lets_no_cancelled_order_be_captured(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        read_order, other = here.platform.read_order, here.replica()

        async def slow(order_id):
            order = await read_order(order_id)
            await asyncio.sleep(10)
            return order

        here.platform.change("1", order_number="new")  # So that the late reading is recorded.
        here.platform.read_order = slow
        late = asyncio.ensure_future(other.refresh("shop", "1"))
        await asyncio.sleep(1)
        here.platform.read_order = read_order
        here.platform.cancel("1")
        with pytest.raises(OrderCancelled):
            await here.capture()
        await late
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert here.asked("capture") == []


@in_virtual_time
async def test_order_that_is_cancelled_during_a_capture_of_a_part_is_not_opened_again_by_its_outcome(tmp_path):
    async with world(tmp_path, policy=LOOKING, partial=True) as here:
        here.authorized()
        await here.view()
        capture = here.gateway.capture

        async def cancelled_meanwhile(request):
            here.platform.cancel("1")
            return await capture(request)

        here.gateway.capture = cancelled_meanwhile
        await here.capture(amount_minor=5_000, currency_code="USD")
        await asyncio.sleep(5)
        assert here.platform.order("1").cancelled
        with pytest.raises(OrderCancelled):
            await here.capture()
        await here.void()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED, "the shop must show that there is money"


@in_virtual_time
async def test_order_that_comes_back_with_another_total_is_not_captured_unseen(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.change("1", total_minor=6_000)
        here.platform.cancel("1")
        await here.view()
        here.platform.change(
            "1", total_minor=TOTAL, status=PaymentStatus.AUTHORIZED, platform_status="Authorized", cancelled=False
        )
        with pytest.raises(OrderChanged, match=r"its total was 60\.00 USD and is 129\.90 USD"):
            await here.capture()
        assert here.asked("capture") == []
        assert (await here.capture()).operation.amount_minor == TOTAL


@in_virtual_time
async def test_order_that_the_platform_spells_otherwise_is_not_taken_for_deleted(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        read_order = here.platform.read_order

        async def spelling_otherwise(order_id):
            return replace(await read_order(order_id), order_id=f"0{order_id}")

        here.platform.read_order = spelling_otherwise
        with pytest.raises(PlatformUnavailable, match="knows order '1' as '01'"):
            await here.capture()
        await here.refresh()
        assert (await here.view()).payment.order_state is OrderState.PLACED


@in_virtual_time
async def test_refund_under_way_that_the_shop_shows_as_done_is_no_change_of_its_own(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.gateway.pend_next(Action.REFUND)
        await here.refund()
        here.platform.change("1", status=PaymentStatus.REFUNDED, platform_status="Refunded")
        await asyncio.sleep(65)
        assert EventType.STORE_STATUS_CHANGED not in await here.told()
        here.gateway.decline(here.gateway.pending_references("1")[0])
        await asyncio.sleep(4_000)
        assert await here.status() is PaymentStatus.CAPTURED
        assert EventType.STORE_STATUS_CHANGED in await here.told(), "once it is known, the shop is wrong"
