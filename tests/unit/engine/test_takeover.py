"""Whoever dies or dawdles, the next one finishes: one effect, one reference, the right end."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest
from msgspec.structs import replace
from support.virtual_time import in_virtual_time
from support.world import STORE, TOTAL, blind, world

from payment_actions_server.domain.event import EventType
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.plugins import OperationState, PaymentStatus, StateConflict, Unavailable
from payment_actions_server.plugins.fakes import (
    HANG,
    HANG_AFTER,
    LOSE_ANSWER,
    LOSE_REQUEST,
    Fault,
    slow,
    slow_answer,
)

SHORT_LEASE = EnginePolicy(discovery_seconds=0, lease_seconds=10)


def later(seconds):
    """A wait of some seconds."""
    return lambda: asyncio.sleep(seconds)


def refuses(error, after_seconds=0.0):
    """A call that moves nothing and is answered with ``error``."""

    async def refuse():
        await asyncio.sleep(after_seconds)
        raise error

    return Fault(before=refuse)


async def replica_of(here):
    engine = here.replica()
    await engine.start()
    return engine


async def assert_captured_once(here, operation):
    settled = await here.operation(operation)
    assert (settled.state, settled.reference) == (OperationState.SUCCEEDED, operation.reference)
    assert [effect.reference for effect in here.gateway.effects] == [operation.reference]
    assert await here.status() is PaymentStatus.CAPTURED
    assert (await here.told()).count(EventType.OPERATION_ENDED) == 1
    assert here.platform.order("1").status is PaymentStatus.CAPTURED


# -- Dying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("died", "fault"), [("before the gateway heard of it", HANG), ("before the outcome was durable", HANG_AFTER)]
)
@in_virtual_time
async def test_operation_of_a_dead_worker_is_finished_under_its_reference(tmp_path, died, fault):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", fault)
        caller = asyncio.create_task(here.capture())
        await asyncio.sleep(1)
        operation = await here.in_flight()
        await here.restart()
        assert caller.cancelled()
        await asyncio.sleep(50)
        assert (await here.operation(operation)).state is OperationState.UNKNOWN, "the lease is respected"
        await asyncio.sleep(20)
        await assert_captured_once(here, operation)


@in_virtual_time
async def test_store_update_of_a_dead_worker_is_written(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("apply_status", HANG)
        result = await here.capture()
        await asyncio.sleep(1)
        await here.restart()
        assert here.platform.order("1").status is PaymentStatus.AUTHORIZED
        await asyncio.sleep(70)
        await assert_captured_once(here, result.operation)


@in_virtual_time
async def test_store_update_that_was_not_begun_is_written_by_the_next(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        result = await here.capture()
        await here.restart()
        await asyncio.sleep(1)
        await assert_captured_once(here, result.operation)


@in_virtual_time
async def test_worker_that_dies_while_it_repeats_is_followed_by_another(tmp_path):
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        here.gateway.faults.inject("capture", HANG, times=2)
        result = await here.capture()
        for _ in range(2):
            await asyncio.sleep(15)
            await here.restart()
        await asyncio.sleep(30)
        await assert_captured_once(here, result.operation)
        assert set(here.asked("capture")) == {result.operation.reference}


@in_virtual_time
async def test_same_request_is_answered_by_the_next_engine(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", HANG_AFTER)
        caller = asyncio.create_task(here.capture(request_id="r-1"))
        await asyncio.sleep(1)
        await here.restart()
        assert (await here.capture(request_id="r-1")).operation.state is OperationState.UNKNOWN
        await asyncio.sleep(70)
        assert (await here.capture(request_id="r-1")).operation.state is OperationState.SUCCEEDED
        assert caller.cancelled()
        assert len(here.gateway.effects) == 1


# -- Dawdling --------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_answer_that_comes_after_another_settled_it_changes_nothing(tmp_path):
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(later(18)))
        late = asyncio.create_task(here.capture())
        await asyncio.sleep(15)
        operation = await here.engine.get_operation("shop", (await here.events())[1].operation_id)
        assert operation.state is OperationState.SUCCEEDED
        assert (await late).operation == operation
        await assert_captured_once(here, operation)


@in_virtual_time
async def test_answer_that_comes_before_the_other_settles_it_counts(tmp_path):
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(later(12)))
        here.gateway.faults.inject("look_up", slow_answer(later(15)))
        result = await here.capture()
        assert result.operation.state is OperationState.SUCCEEDED
        await asyncio.sleep(30)
        await assert_captured_once(here, result.operation)
        assert (await here.operation(result)) == result.operation


@pytest.mark.parametrize("answer_seconds", [0, 10])
@in_virtual_time
async def test_failure_of_a_worker_that_lost_its_lease_is_not_believed(tmp_path, answer_seconds):
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        here.gateway.faults.inject("capture", refuses(Unavailable("no connection"), after_seconds=15))
        here.gateway.faults.inject("capture", slow_answer(later(answer_seconds)))
        result = await here.capture()
        assert result.operation.state in {OperationState.UNKNOWN, OperationState.SUCCEEDED}
        await asyncio.sleep(30)
        await assert_captured_once(here, result.operation)


@pytest.mark.parametrize(
    ("by", "answered"),
    [(slow_answer, OperationState.UNKNOWN), (slow, OperationState.SUCCEEDED)],
    ids=["seen before the repeat", "seen after it"],
)
@in_virtual_time
async def test_what_a_worker_saw_after_its_lease_proves_nothing(tmp_path, by, answered):
    # The first attempt was refused; until its worker has looked why, another has repeated it with success. What the
    # first one saw, before the repeat (nothing was done) or after (it is done: the gateway tells by whom when it is
    # asked once more), is not how the operation ended.
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("capture", refuses(StateConflict("busy")))
        here.gateway.faults.inject("capture", slow_answer(later(10)))
        here.gateway.faults.inject("snapshot", by(later(15)))
        result = await here.capture()
        assert result.operation.state is answered
        await asyncio.sleep(30)
        settled = await here.operation(result)
        assert settled.state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


class _Slow:
    """A storage of which one commit takes its time, or the process that waits for it stands still."""

    def __init__(self, storage, commit, seconds):
        self._storage, self._left, self._seconds = storage, commit, seconds

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def change(self, key, body, **asked):
        value = await self._storage.change(key, body, **asked)
        self._left -= 1
        if self._left == 0:
            await asyncio.sleep(self._seconds)
        return value


def _partly_refundable(window_seconds):
    unseeing = blind(timedelta(seconds=window_seconds))
    return dataclasses.replace(unseeing, refund=unseeing.refund._replace(partial=True))


async def _slow_replica(here, commit, seconds):
    fast = here.storage
    here.storage = _Slow(fast, commit, seconds)
    engine = here.replica()
    here.storage = fast
    return engine


@in_virtual_time
async def test_worker_that_stood_still_beyond_its_lease_sends_nothing(tmp_path):
    # Another one has refunded meanwhile, so long ago that the gateway would take the same reference for a new refund.
    capabilities = _partly_refundable(window_seconds=60)
    async with world(tmp_path, policy=SHORT_LEASE, partial=True, capabilities=capabilities) as here:
        here.authorized()
        await here.capture()
        slow_one = await _slow_replica(here, commit=1, seconds=100)
        result = await here.refund(amount_minor=1_000, engine=slow_one)
        assert result.operation.state is OperationState.SUCCEEDED
        assert [effect.amount_minor for effect in here.gateway.effects] == [TOTAL, 1_000]


@in_virtual_time
async def test_repeat_that_a_slow_commit_holds_up_beyond_the_window_is_not_sent(tmp_path):
    capabilities = _partly_refundable(window_seconds=60)
    policy = EnginePolicy(discovery_seconds=0, lease_seconds=300)
    async with world(tmp_path, policy=policy, partial=True, capabilities=capabilities) as here:
        here.authorized()
        await here.capture()
        here.gateway.faults.inject("refund", LOSE_ANSWER)
        slow_one = await _slow_replica(here, commit=4, seconds=100)
        result = await here.refund(amount_minor=1_000, engine=slow_one)  # Two commits: intent, and no outcome.
        await here.engine.stop(grace_seconds=1)
        await slow_one.start()  # Its third commit is the claim, its fourth counts the repeat.
        await asyncio.sleep(200)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        assert [effect.amount_minor for effect in here.gateway.effects] == [TOTAL, 1_000]


@in_virtual_time
async def test_money_that_moved_after_an_operators_word_is_noticed(tmp_path):
    async with world(tmp_path, policy=SHORT_LEASE, capabilities=blind()) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow(later(15)))
        call = asyncio.create_task(here.capture())
        await asyncio.sleep(12)
        operation_id = (await here.in_flight()).operation_id
        await here.engine.resolve_operation(STORE, operation_id, OperationState.FAILED, "Not there.", "ann")
        await call
        await asyncio.sleep(3)
        assert (await here.operation(await call)).state is OperationState.FAILED
        assert await here.status() is PaymentStatus.CAPTURED


@pytest.mark.parametrize("answer_seconds", [0, 10])
@in_virtual_time
async def test_recovery_that_lost_its_lease_sends_nothing(tmp_path, answer_seconds):
    async with world(tmp_path, policy=SHORT_LEASE) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        here.gateway.faults.inject("capture", slow_answer(later(answer_seconds)))
        here.gateway.faults.inject("look_up", slow_answer(later(15)))
        result = await here.capture()
        await replica_of(here)
        await asyncio.sleep(40)
        await assert_captured_once(here, result.operation)
        assert len(here.asked("capture")) == 2


@in_virtual_time
async def test_engines_that_recover_at_the_same_time_share_the_work(tmp_path):
    async with world(tmp_path) as here:
        for _ in range(3):
            await replica_of(here)
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        await asyncio.sleep(60)
        await assert_captured_once(here, result.operation)
        assert len(here.asked("look_up")) == 1


@in_virtual_time
async def test_engines_share_the_store_updates_and_the_schedule(tmp_path):
    async with world(tmp_path) as here:
        for _ in range(3):
            await replica_of(here)
        here.authorized("1"), here.pending("2")
        await here.capture("1")
        await here.view("2")
        await asyncio.sleep(40)
        assert [order_id for call, order_id in here.platform.calls if call == "apply_status"] == ["1"]
        assert here.asked("snapshot").count("2") == 2


@in_virtual_time
async def test_intent_that_was_taken_over_before_its_commit_was_heard_of_is_not_sent_by_its_first_worker(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        await here.view()
        change = here.storage.change

        async def heard_of_late(key, body, *, request_id="", operation_id=""):
            if not request_id:
                return await change(key, body, operation_id=operation_id)
            await change(key, body, request_id=request_id)  # It holds, and its answer is lost.
            await change(key, lambda work: work.save_operation(replace(work.operation, lease_id="another's")))
            return await change(key, body, request_id=request_id)

        here.storage.change = heard_of_late
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        assert here.asked("capture") == []
