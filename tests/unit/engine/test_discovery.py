"""Orders are seen before anybody asks for them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import STORE, world

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.engine.discovery import PAGE_SIZE, PAGES_MAX
from payment_actions_server.engine.walk import GIVE_UP_AFTER
from payment_actions_server.plugins import PaymentStatus
from payment_actions_server.plugins.fakes import HANG, UNAVAILABLE

LOOKING = EnginePolicy(discovery_seconds=60)


async def known(here, *order_ids):
    """Return which of the orders are known."""
    return {each for each in order_ids if (await here.storage.record(PaymentKey(STORE, each))).payment}


def unreadable(here, order_id):
    """Have the shop's adapter fail for one order, whenever it is read."""
    read_order = here.platform.read_order

    async def failing(wanted):
        if wanted == order_id:
            raise ValueError("this order makes no sense")
        return await read_order(wanted)

    here.platform.read_order = failing


def listings(here):
    return [call for call, _ in here.platform.calls].count("list_orders")


@in_virtual_time
async def test_new_orders_are_seen_with_one_look_at_each(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        await asyncio.sleep(30)
        here.authorized("1"), here.pending("2")
        here.platform.place("3", method_name="Bank transfer")
        await asyncio.sleep(35)
        assert await known(here, "1", "2", "3") == {"1", "2", "3"}
        assert sorted(here.asked("snapshot")) == ["1", "2"]


@in_virtual_time
async def test_pending_payment_whose_result_the_store_knows_is_refreshed(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=5)) as here:
        here.pending()
        await here.view()
        await asyncio.sleep(7)
        here.gateway.authorize("1")
        here.platform.change("1", status=PaymentStatus.AUTHORIZED, platform_status="Authorized")
        await asyncio.sleep(6)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_known_orders_are_left_alone(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=5)) as here:
        here.authorized()
        await here.view()
        await asyncio.sleep(60)
        assert here.asked("snapshot") == ["1"]


@in_virtual_time
async def test_look_goes_on_where_the_last_one_ended_also_after_a_restart(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized("1")
        await asyncio.sleep(1)
        until = await here.storage.discovered_until(STORE)
        assert until == here.platform.order("1").update_time
        await here.restart()
        here.authorized("2")
        await asyncio.sleep(1)
        assert await known(here, "1", "2") == {"1", "2"}
        assert here.asked("snapshot") == ["1", "2"]


@in_virtual_time
async def test_first_look_goes_back_no_further_than_it_should(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        old = here.clock.now() - timedelta(hours=here.policy.discovery_lookback_hours, seconds=1)
        here.authorized("old"), here.authorized("new")
        here.platform._orders["old"] = _at(here.platform.order("old"), old)
        await asyncio.sleep(1)
        assert await known(here, "old", "new") == {"new"}


@in_virtual_time
async def test_one_round_is_bounded_and_the_next_goes_on(tmp_path):
    many = PAGE_SIZE * PAGES_MAX + 10
    async with world(tmp_path, policy=LOOKING) as here:
        for number in range(many):
            order = here.platform.place(f"{number:04}", method_name="Bank transfer")
            here.platform._orders[f"{number:04}"] = _at(order, here.clock.now() - timedelta(seconds=many - number))
        await asyncio.sleep(1)
        assert listings(here) == PAGES_MAX
        await asyncio.sleep(61)
        ids = {f"{number:04}" for number in range(many)}
        assert await known(here, *ids) == ids


@pytest.mark.parametrize("fault", [UNAVAILABLE, HANG])
@in_virtual_time
async def test_store_that_cannot_be_listed_is_asked_again(tmp_path, fault):
    async with world(tmp_path, policy=LOOKING) as here:
        here.platform.faults.inject("list_orders", fault)
        here.authorized()
        await asyncio.sleep(85)
        assert await known(here, "1") == {"1"}


@in_virtual_time
async def test_order_that_could_not_be_read_is_looked_at_again(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.gateway.faults.down = True
        here.authorized("1")
        await asyncio.sleep(30)
        here.platform.place("2", method_name="Bank transfer")
        await asyncio.sleep(40)
        assert await known(here, "1", "2") == {"2"}
        here.gateway.faults.down = False
        await asyncio.sleep(60)
        assert await known(here, "1") == {"1"}


@in_virtual_time
async def test_order_that_never_can_be_read_keeps_no_other_from_being_seen(tmp_path):
    async with world(tmp_path, policy=LOOKING) as here:
        here.authorized("0")
        unreadable(here, "0")
        await asyncio.sleep(1)
        here.authorized("1")
        await asyncio.sleep(61)
        assert await known(here, "0", "1") == {"1"}


@in_virtual_time
async def test_order_that_never_can_be_read_is_given_up_after_a_week(tmp_path):
    policy = EnginePolicy(discovery_seconds=6 * 3_600, poll_seconds=3_600)
    async with world(tmp_path, policy=policy) as here:
        here.authorized("0")
        unreadable(here, "0")
        await asyncio.sleep(1)
        here.authorized("1")
        await asyncio.sleep(GIVE_UP_AFTER.total_seconds() - 3_600)
        assert await here.storage.discovered_until(STORE) == here.platform.order("0").update_time
        await asyncio.sleep(8 * 3_600)
        until = await here.storage.discovered_until(STORE)
        assert until >= here.platform.order("1").update_time


def _at(order, time):

    return replace(order, update_time=time)
