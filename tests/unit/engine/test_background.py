"""Work that is the engine's own: it outlives its callers, ends in time, and nothing it meets stops its loops."""

import asyncio
from collections import Counter
from random import Random

import pytest
from support.virtual_time import in_virtual_time
from support.world import world

from payment_actions_server.domain.status import OrderCheck
from payment_actions_server.engine import Backoff, totals
from payment_actions_server.engine.background import Background
from payment_actions_server.plugins import OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import HANG, LOSE_ANSWER, slow, slow_answer
from payment_actions_server.storage import StorageUnavailable


async def never():
    await asyncio.Event().wait()


@pytest.mark.parametrize("error", [ValueError("broken"), StorageUnavailable("down"), asyncio.CancelledError()])
@in_virtual_time
async def test_round_that_fails_does_not_end_its_loop(error):
    background, rounds = Background(), []

    async def tick():
        rounds.append(asyncio.get_running_loop().time())
        raise error

    background.loop(tick, name="test", seconds=1, wake=asyncio.Event())
    await asyncio.sleep(3.5)
    await background.stop(0)
    assert rounds == [0, 1, 2, 3]


@in_virtual_time
async def test_loop_goes_on_at_once_while_there_is_more_and_when_woken():
    background, wake, rounds = Background(), asyncio.Event(), []

    async def tick():
        rounds.append(asyncio.get_running_loop().time())
        return len(rounds) < 3

    background.loop(tick, name="test", seconds=10, wake=wake)
    await asyncio.sleep(4)
    wake.set()
    await asyncio.sleep(7)
    await background.stop(0)
    assert rounds == [0, 0, 0, 4]


@in_virtual_time
async def test_stopping_lets_what_is_under_way_finish():
    background, done = Background(), []

    async def work(name, seconds):
        await asyncio.sleep(seconds)
        done.append(name)
        return False

    async def begin_another():
        await asyncio.sleep(1)
        background.spawn(work("begun meanwhile", 1), "begun meanwhile")

    background.spawn(work("task", 2), "task")
    background.spawn(begin_another(), "parent")
    background.loop(lambda: work("round", 3), name="round", seconds=1, wake=asyncio.Event())
    await asyncio.sleep(0.1)
    await background.stop(5)
    assert sorted(done) == ["begun meanwhile", "round", "task"]


@in_virtual_time
async def test_stopping_takes_no_longer_than_its_grace():
    background = Background()
    task = background.spawn(never(), "never")
    background.loop(never, name="round", seconds=1, wake=asyncio.Event())
    await asyncio.sleep(1)
    await background.stop(5)
    assert asyncio.get_running_loop().time() == 6
    assert task.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@in_virtual_time
async def test_engine_that_stops_answers_the_calls_under_way(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow(lambda: asyncio.sleep(3)))
        call = asyncio.create_task(here.capture())
        await asyncio.sleep(1)
        await here.engine.stop(grace_seconds=10)
        assert (await call).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_engine_that_stops_finishes_the_recovery_under_way(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        here.gateway.faults.inject("look_up", slow_answer(lambda: asyncio.sleep(3)))
        result = await here.capture()
        await asyncio.sleep(4)
        await here.engine.stop(grace_seconds=10)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


@in_virtual_time
async def test_work_that_is_cut_off_is_finished_by_the_next_engine(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", HANG)
        call = asyncio.create_task(here.capture())
        await asyncio.sleep(1)
        operation = await here.in_flight()
        await here.engine.stop(grace_seconds=1)
        assert call.cancelled()
        here.engine = here.replica()
        await here.engine.start()
        await asyncio.sleep(70)
        assert (await here.operation(operation)).state is OperationState.SUCCEEDED


@in_virtual_time
async def test_idle_engine_only_looks_once_a_second(tmp_path, monkeypatch):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(60)
        calls = []

        def note(name):
            call = getattr(here.storage, name)

            def noted(*arguments, **options):
                calls.append(name)
                return call(*arguments, **options)

            monkeypatch.setattr(here.storage, name, noted)

        for name in ("_rows", "change", "_execute"):
            note(name)
        await asyncio.sleep(100)
        looks = 300 + 2 * 100 / totals.SECONDS  # Three loops, and whether there is anything new to count.
        assert Counter(calls) == {"_rows": pytest.approx(looks, abs=6)}


def failing(here, tries):
    """Return what a storage does that cannot write; each try is noted."""

    async def fail(*arguments, **options):
        tries.append(here.clock.now())
        await asyncio.sleep(0.01)  # Else time would stand still for ever while it is hammered.
        raise StorageUnavailable("disk full")

    return fail


@in_virtual_time
async def test_storage_that_fails_again_and_again_is_not_hammered(tmp_path, monkeypatch):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result, tries = await here.capture(), []
        with monkeypatch.context() as full:
            full.setattr(here.storage, "change", failing(here, tries))
            await asyncio.sleep(10)
        assert 0 < len(tries) <= 10
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


@in_virtual_time
async def test_storage_that_takes_no_store_update_is_not_hammered(tmp_path, monkeypatch):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        here.platform.faults.down = True
        await here.capture()
        await asyncio.sleep(0.5)
        here.platform.faults.down = False
        tries = []
        with monkeypatch.context() as full:
            full.setattr(here.storage, "change", failing(here, tries))
            await asyncio.sleep(10)
        assert 0 < len(tries) <= 10
        await asyncio.sleep(60)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


def test_backoff_doubles_up_to_its_bound_give_or_take_a_fifth():
    backoff, random = Backoff(first_seconds=2, max_seconds=600), Random(7)
    for tries in (0, 1, 5, 9, 40, 10_000, 2**70):
        middle = min(2 * 2 ** min(tries, 40), 600)
        waits = {backoff.after(tries, random).total_seconds() for _ in range(50)}
        assert all(0.8 * middle <= wait <= 1.2 * middle for wait in waits)
        assert len(waits) > 40
