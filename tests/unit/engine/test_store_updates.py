"""The store platform comes to hold each payment's status: at least once, and the newest last."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, world

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import OrderCheck
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.engine import EnginePolicy, PaymentQuery
from payment_actions_server.plugins import Action, PaymentStatus, StatusApplied
from payment_actions_server.plugins.fakes import COMPLETED, HANG, LOSE_ANSWER, UNAVAILABLE, slow, slow_answer


def written(here):
    return [write.status for write in here.platform.writes]


def tries(here):
    return [order_id for call, order_id in here.platform.calls if call == "apply_status"]


@in_virtual_time
async def test_store_holds_the_status_and_its_word_is_shown(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(0.1)
        update = (await here.view()).store_update
        assert (update.state, update.platform_status) == (StoreUpdateState.IN_SYNC, "Paid")
        assert written(here) == [PaymentStatus.CAPTURED]


@in_virtual_time
async def test_store_that_is_down_is_told_of_once_and_written_to_later(tmp_path):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        here.platform.faults.down = True
        await here.capture()
        await asyncio.sleep(100)
        update = (await here.view()).store_update
        assert (update.state, update.last_error) == (
            StoreUpdateState.PENDING,
            "Unavailable: no connection could be made",
        )
        here.platform.faults.down = False
        await asyncio.sleep(200)
        told = await here.told()
        assert told.count(EventType.STORE_UPDATE_DELAYED) == told.count(EventType.STORE_UPDATED) == 1
        assert (await here.view()).store_update.last_error == ""
        assert written(here) == [PaymentStatus.CAPTURED]


@in_virtual_time
async def test_delay_is_told_of_even_if_the_first_try_died(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("apply_status", HANG)
        here.platform.faults.inject("apply_status", UNAVAILABLE, times=2)
        await here.capture()
        await asyncio.sleep(1)
        await here.restart()
        await asyncio.sleep(90)
        told = await here.told()
        assert told.count(EventType.STORE_UPDATE_DELAYED) == told.count(EventType.STORE_UPDATED) == 1


@in_virtual_time
async def test_tries_are_spaced_further_and_further(tmp_path):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        here.platform.faults.down = True
        await here.capture()
        await asyncio.sleep(250)
        assert 6 <= len(tries(here)) <= 9


@in_virtual_time
async def test_store_that_stays_down_needs_attention(tmp_path):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        attention = PaymentQuery(needing_attention=True)
        here.platform.faults.down = True
        await here.capture()
        assert (await here.engine.list_payments(attention)).items == []
        await asyncio.sleep(30)
        assert [view.payment.order_id for view in (await here.engine.list_payments(attention)).items] == ["1"]
        here.platform.faults.down = False
        await asyncio.sleep(60)
        assert (await here.engine.list_payments(attention)).items == []


@in_virtual_time
async def test_only_the_newest_status_is_written_when_the_store_is_back(tmp_path):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        here.platform.faults.down = True
        await here.capture()
        await here.refund()
        await asyncio.sleep(10)
        here.platform.faults.down = False
        await asyncio.sleep(60)
        assert written(here) == [PaymentStatus.REFUNDED]


@pytest.mark.parametrize("late", [slow, slow_answer])
@in_virtual_time
async def test_older_write_never_follows_a_newer(tmp_path, late):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("apply_status", late(lambda: asyncio.sleep(10)))
        await here.capture()
        await asyncio.sleep(1)
        await here.refund()
        await asyncio.sleep(5)
        assert PaymentStatus.REFUNDED not in written(here), "the newer one waits for the older one's end"
        await asyncio.sleep(20)
        assert written(here) == [PaymentStatus.CAPTURED, PaymentStatus.REFUNDED]
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC


@in_virtual_time
async def test_newer_status_is_written_again_after_a_late_end_of_an_older_write(tmp_path):
    # A's write hangs beyond its lease, B writes the newer status; what A's did in the end is written over.
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, lease_seconds=5)) as here:
        here.authorized()
        here.platform.faults.inject("apply_status", slow(lambda: asyncio.sleep(15)))
        await here.capture()
        await asyncio.sleep(1)
        await here.refund()
        await here.replica().start()
        await asyncio.sleep(10)
        assert (written(here), len(tries(here))) == ([PaymentStatus.REFUNDED], 2)
        await asyncio.sleep(10)
        assert len(tries(here)) == 3
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC


@in_virtual_time
async def test_late_end_does_not_take_the_lease_of_another(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, lease_seconds=10)) as here:
        here.authorized()
        begun = []

        def taking(seconds):
            async def write():
                begun.append(here.clock.now())
                await asyncio.sleep(seconds)

            return slow(write)

        for seconds in (14, 9, 0):
            here.platform.faults.inject("apply_status", taking(seconds))
        await here.capture()
        await here.replica().start()
        await asyncio.sleep(12)
        await here.refund()  # Would be written at once, were it not for the second write, which runs from 10 to 19.
        await asyncio.sleep(20)
        assert begun[2] - begun[1] >= timedelta(seconds=9)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED


@in_virtual_time
async def test_of_actions_that_end_together_only_a_batch_goes_on_to_the_store_at_once(tmp_path):
    policy = EnginePolicy(discovery_seconds=0, batch_max=2)
    async with world(tmp_path, policy=policy, started=False) as here:
        here.platform.faults.inject("apply_status", slow(lambda: asyncio.sleep(5)), times=5)
        orders = [here.authorized(f"{number}") for number in range(5)]
        await asyncio.gather(*(here.capture(order_id) for order_id in orders))
        await asyncio.sleep(4)
        assert len(tries(here)) == 2
        await asyncio.sleep(2)
        late = [here.authorized(f"late {number}") for number in range(3)]
        await asyncio.gather(*(here.capture(order_id) for order_id in late))
        await asyncio.sleep(1)
        assert len(tries(here)) == 4, "both places were given back"


@in_virtual_time
async def test_action_that_leaves_nothing_to_write_keeps_no_place(tmp_path):
    policy = EnginePolicy(discovery_seconds=0, batch_max=1)
    async with world(tmp_path, policy=policy, started=False) as here:
        for number in range(2):
            here.authorized(f"{number}")
            here.gateway.decline_next(Action.CAPTURE)
            await here.capture(f"{number}")
        await here.capture("0")
        await asyncio.sleep(1)
        assert tries(here) == ["0"]


@in_virtual_time
async def test_completed_order_is_not_pushed_back(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.platform.change("1", platform_status=COMPLETED)
        await here.refresh()
        await asyncio.sleep(5)
        assert here.platform.order("1").platform_status == COMPLETED
        assert (await here.view()).store_update.platform_status == COMPLETED
        assert written(here) == [PaymentStatus.CAPTURED]


@in_virtual_time
async def test_lost_answer_is_written_again_harmlessly(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("apply_status", LOSE_ANSWER)
        await here.capture()
        await asyncio.sleep(10)
        assert (len(tries(here)), written(here)) == (2, [PaymentStatus.CAPTURED])
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC


@in_virtual_time
async def test_status_that_the_store_holds_already_is_no_event(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        here.platform.change("1", status=PaymentStatus.CAPTURED, platform_status="Paid")
        await here.refresh()
        await asyncio.sleep(5)
        assert EventType.STORE_UPDATED not in await here.told()
        assert (await here.view()).store_update.state is StoreUpdateState.IN_SYNC


@in_virtual_time
async def test_store_that_lost_the_status_is_told_again(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.platform.change("1", status=PaymentStatus.AUTHORIZED, platform_status="Authorized")
        await here.refresh()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_pending_payment_leaves_the_order_to_the_checkout(tmp_path):
    async with world(tmp_path) as here:
        here.gateway.place("1", 500)
        here.platform.place("1", 500, status=PaymentStatus.AUTHORIZED, method_name=METHOD)
        await here.view()
        await here.refresh()
        await asyncio.sleep(20)
        assert tries(here) == []


@in_virtual_time
async def test_order_that_is_gone_is_tried_at_long_intervals_and_shown(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, poll_seconds=30)) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(60)
        here.platform.remove("1")
        await here.refund()
        await asyncio.sleep(7_200)
        update = (await here.view()).store_update
        assert "OrderMissing" in update.last_error
        assert update.next_attempt_time - here.clock.now() <= timedelta(seconds=900 * 1.2)
        assert len(tries(here)) <= 20


@in_virtual_time
async def test_platform_that_hangs_is_given_up_and_holds_up_no_other_store(tmp_path):
    async with world(tmp_path, started=False) as here:
        other = here.another_store("other")
        here.engine = here.replica()
        await here.engine.start()
        here.authorized()
        here.platform.faults.inject("apply_status", HANG)
        await here.capture()
        await asyncio.sleep(1)
        other.platform.place("1", 500, method_name=METHOD, references=(other.gateway.authorize("1", 500),))
        await here.engine.run_action(ActionRequest("other", "1", Action.CAPTURE, "r"))
        await asyncio.sleep(1)
        assert other.platform.order("1").status is PaymentStatus.CAPTURED
        await asyncio.sleep(30)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_write_whose_answer_is_lost_after_its_lease_does_not_lie_over_a_newer_one(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()

        def written_as_told(update):  # A platform that writes what it is told.
            here.platform.change("1", status=update.status, platform_status=update.status.value)
            return StatusApplied(update.status.value, written=True)

        here.platform._apply = written_as_told
        deliver, stood = here.engine._store_updates.deliver, []

        async def deliver_after_a_standstill(claimed):
            """Stand still between the claim's commit and the call, once, for longer than the lease."""
            if not stood:
                stood.append(claimed)
                await asyncio.sleep(90)
                here.platform.faults.inject("apply_status", LOSE_ANSWER)
            await deliver(claimed)

        here.engine._store_updates.deliver = deliver_after_a_standstill
        await here.capture()
        await asyncio.sleep(1)
        await here.refund()
        await asyncio.sleep(80)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED
        await asyncio.sleep(900)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED


@in_virtual_time
async def test_writes_of_a_slow_store_never_run_side_by_side_however_short_the_lease(tmp_path):
    async with world(tmp_path, policy=replace(EnginePolicy.of_lease(12), discovery_seconds=0)) as here:
        here.authorized()
        under_way, most = 0, 0

        async def slowly(update):
            nonlocal under_way, most
            under_way, most = under_way + 1, max(most, under_way + 1)
            try:
                await asyncio.sleep(15)
            finally:
                under_way -= 1
            return StatusApplied(update.status.value, written=True)

        here.platform.apply_status = slowly
        await here.replica().start()
        await here.capture()
        await asyncio.sleep(600)
        update = (await here.view()).store_update
        assert (most, update.state) == (1, StoreUpdateState.PENDING)
        assert update.last_error
