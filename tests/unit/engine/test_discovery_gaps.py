"""No order is forgotten by discovery, and nothing that an order says of itself keeps others from being seen."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, world

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.engine.discovery import FAILURES_MAX, PAGE_SIZE, PAGES_MAX
from payment_actions_server.engine.walk import OVERLAP
from payment_actions_server.plugins import PaymentStatus
from payment_actions_server.plugins.fakes import UNAVAILABLE

LOOKING = EnginePolicy(discovery_seconds=60)
ONE_ROUND = PAGE_SIZE * PAGES_MAX


async def known(here, order_id):
    return (await here.storage.record(PaymentKey(STORE, order_id))).payment is not None


def put_at(here, order_id, time):
    here.platform._orders[order_id] = replace(here.platform.order(order_id), update_time=time)


@pytest.mark.parametrize("timed", [True, False])
@in_virtual_time
async def test_more_orders_of_one_time_or_none_than_a_round_reads_are_got_past(tmp_path, timed):
    async with world(tmp_path, policy=LOOKING) as here:
        for number in range(ONE_ROUND + 1):
            here.platform.place(f"{number:04}", method_name="Bank transfer")
            if not timed:
                put_at(here, f"{number:04}", None)
        await asyncio.sleep(100)
        here.authorized("9999")
        await asyncio.sleep(130)
        assert await known(here, "9999")


@in_virtual_time
async def test_place_in_a_long_list_outlives_a_listing_that_failed(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        for number in range(ONE_ROUND + 1):
            here.platform.place(f"{number:04}", method_name="Bank transfer")
        await asyncio.sleep(30)
        here.platform.faults.inject("list_orders", UNAVAILABLE)
        await asyncio.sleep(100)
        assert await known(here, f"{ONE_ROUND:04}")
        assert [call for call, _ in here.platform.calls].count("list_orders") == PAGES_MAX + 2


@in_virtual_time
async def test_order_from_the_future_keeps_no_other_from_being_seen(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized("1")
        put_at(here, "1", here.clock.now() + timedelta(days=365))
        await asyncio.sleep(100)
        here.authorized("2")
        await asyncio.sleep(130)
        assert await known(here, "1")
        assert await known(here, "2")


@in_virtual_time
async def test_place_in_the_future_that_was_kept_is_as_good_as_none(tmp_path):
    async with world(tmp_path, policy=LOOKING, started=False) as here:
        await here.storage.put_discovered_until(STORE, here.clock.now() + timedelta(days=365))
        here.authorized("1")
        put_at(here, "1", here.clock.now() - timedelta(hours=12))
        await here.engine.start()
        await asyncio.sleep(1)
        assert await known(here, "1")
        assert await here.storage.discovered_until(STORE) <= here.clock.now()


@in_virtual_time
async def test_order_that_was_missed_in_a_backlog_is_tried_again(tmp_path):
    many = ONE_ROUND + 10
    async with world(tmp_path, policy=LOOKING, started=False) as here:
        for number in range(many):
            order_id = f"{number:04}"
            if number == 3:
                here.authorized(order_id)
            else:
                here.platform.place(order_id, method_name="Bank transfer")
            put_at(here, order_id, here.clock.now() - timedelta(seconds=many - number))
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        await here.engine.start()
        await asyncio.sleep(130)
        assert await known(here, "0003")


@in_virtual_time
async def test_order_that_was_missed_is_tried_again_after_a_restart(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.gateway.faults.down = True
        here.authorized("1")
        await asyncio.sleep(OVERLAP.total_seconds() + 30)
        here.platform.place("2", method_name="Bank transfer")
        await asyncio.sleep(60)
        assert await known(here, "2")
        here.gateway.faults.down = False
        await here.restart()
        await asyncio.sleep(1)
        assert await known(here, "1")


@in_virtual_time
async def test_gateway_that_is_down_is_asked_a_bounded_number_of_times_a_round(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.gateway.faults.down = True
        ids = [here.authorized(f"{number:02}") for number in range(2 * FAILURES_MAX + 5)]
        await asyncio.sleep(59)
        assert len(here.asked("snapshot")) == FAILURES_MAX
        await asyncio.sleep(180)
        assert set(here.asked("snapshot")) == set(ids)  # Those that were tried in vain let the others go first.
        here.gateway.faults.down = False
        await asyncio.sleep(60)
        assert all([await known(here, each) for each in ids])


@in_virtual_time
async def test_order_that_becomes_visible_after_later_ones_is_seen(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await asyncio.sleep(59)
        before = here.clock.now()
        here.authorized("2")
        put_at(here, "2", before + timedelta(seconds=0.5))
        await asyncio.sleep(2)
        here.authorized("1")
        put_at(here, "1", before)
        await asyncio.sleep(130)
        assert await known(here, "1")


@in_virtual_time
async def test_order_that_is_paid_by_our_method_after_all_becomes_ours(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.platform.place("1", method_name="Bank transfer", status=PaymentStatus.PENDING)
        await here.view()
        await asyncio.sleep(100)
        reference = here.gateway.authorize("1", 12_990, "USD")
        here.platform.change("1", method_name=METHOD, references=(reference,))
        await asyncio.sleep(120)
        assert await here.status() is PaymentStatus.AUTHORIZED
