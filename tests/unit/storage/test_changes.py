"""One payment's transaction: all of it or nothing, after the one before, and on disk before its answer."""

import asyncio
from random import Random

import pytest
from msgspec.structs import replace
from support.records import (
    KEY,
    NOW,
    SECOND,
    all_events,
    begin,
    counting,
    history,
    in_sync,
    intent,
    payment,
    see,
    seeing,
)

from payment_actions_server.domain.operation import Outcome
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import Record, RuleBroken, StorageUnavailable


async def known(storage, *order_ids):
    return [bool((await storage.record(PaymentKey("shop", order_id))).payment) for order_id in order_ids]


def refused_by_the_database(work):
    """Add a second operation in flight: a mistake that the work itself would not let pass."""
    work.operation = None
    work.add_operation(intent(99, work.key.order_id))


async def test_body_returns_its_value_and_sees_what_it_wrote(storage):
    first, event = payment()

    def body(work):
        work.add_payment(first, event, in_sync())
        work.add_operation(intent())
        return work.payment, work.operation, work.store_update

    assert await storage.change(KEY, body) == (first, intent(), in_sync())
    record = await storage.record(KEY)
    assert record._replace(lock_version=0) == Record(first, intent(), in_sync())


async def test_nothing_is_known_of_what_was_never_seen(storage):
    assert await storage.record(KEY) == Record()
    assert await storage.change(KEY, lambda work: (work.payment, work.operation, work.store_update, work.asked)) == (
        (None,) * 4
    )


async def test_body_that_raises_writes_nothing(storage):
    before = await see(storage)

    def fail(work):
        work.add_operation(intent())
        work.put_store_update(in_sync(generation=7))
        work.index_references(["R-1"])
        counting(work)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await storage.change(KEY, fail)
    assert (await storage.record(KEY))[:3] == (before, None, in_sync())
    assert await storage.orders_of_references("shop", ["R-1", intent().reference]) == []
    assert len(await history(storage)) == 1


async def test_body_that_raises_takes_nothing_of_those_beside_it(storage):
    def fail(work):
        seeing("bad")(work)
        raise ValueError("no")

    results = await asyncio.gather(
        storage.change(PaymentKey("shop", "1"), seeing("1")),
        storage.change(PaymentKey("shop", "bad"), fail),
        storage.change(PaymentKey("shop", "2"), seeing("2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert await known(storage, "1", "bad", "2") == [True, False, True]


async def test_body_whose_writes_the_database_refuses_takes_nothing_of_those_beside_it(storage):
    for order_id in ("1", "2", "3"):
        await see(storage, order_id)
        await begin(storage, intent(int(order_id), order_id))
    keys = [PaymentKey("shop", order_id) for order_id in ("1", "2", "3")]
    bodies = [counting, lambda work: (counting(work), refused_by_the_database(work)), counting]
    results = await asyncio.gather(*map(storage.change, keys, bodies), return_exceptions=True)
    assert [type(result) for result in results] == [int, RuleBroken, int]
    assert [len(await history(storage, key)) for key in keys] == [2, 1, 2]


@pytest.mark.parametrize("text", ["\ud800", "x" * 10 + "\udfff"])
async def test_text_that_no_database_can_hold_takes_nothing_of_those_beside_it(storage, text):
    await see(storage, "1")
    await see(storage, "2")

    def body(work):
        counting(work)
        work.index_references([text])

    results = await asyncio.gather(
        storage.change(KEY, body), storage.change(PaymentKey("shop", "2"), counting), return_exceptions=True
    )
    assert [type(result) for result in results] == [RuleBroken, int]
    assert (await storage.record(KEY)).payment.version == len(await history(storage)) == 1


async def test_body_that_changes_nothing_costs_no_commit(storage, database):
    await see(storage)
    await begin(storage, intent())
    for _ in range(5):  # On a server, something else may commit meanwhile.
        before = await database.commits()
        for _ in range(3):
            assert await storage.change(KEY, lambda work: work.operation, request_id="request-1") == intent()
            await storage.change(KEY, lambda work: work.put_store_update(in_sync()))
            await storage.change(KEY, lambda work: work.reschedule(work.known().next_refresh_time, 0))
        if await database.commits() == before:
            break
    else:
        pytest.fail("it committed each time")
    await storage.change(KEY, counting)
    assert await database.commits() > before


async def test_change_of_the_schedule_alone_is_kept_without_an_event(storage):
    before = await see(storage)
    await storage.change(KEY, lambda work: work.reschedule(NOW + SECOND, 3))
    after = (await storage.record(KEY)).payment
    assert after == replace(before, next_refresh_time=NOW + SECOND, refreshes=3)
    await storage.change(KEY, lambda work: work.reschedule(None, 0))
    assert (await storage.record(KEY)).payment == before
    assert len(await history(storage)) == 1


async def test_store_update_alone_is_kept_without_an_event(storage):
    await see(storage)
    pending = in_sync(state=StoreUpdateState.PENDING, generation=2, last_error="down", next_attempt_time=NOW)
    await storage.change(KEY, lambda work: work.put_store_update(pending))
    assert (await storage.record(KEY)).store_update == pending
    assert len(await history(storage)) == 1


async def test_several_events_of_one_change_are_all_kept_in_order(storage):
    await see(storage)
    assert await storage.change(KEY, lambda work: [counting(work) for _ in range(3)]) == [2, 3, 4]
    assert [event.number for event in await history(storage)] == [1, 2, 3, 4]


async def test_operation_that_is_added_and_ended_in_one_change_is_kept_as_it_ended(storage):
    await see(storage)
    ended = intent().settled(Outcome(OperationState.SUCCEEDED), now=NOW, next_check_time=None)

    def body(work):
        work.add_operation(intent())
        work.save_operation(ended)

    await storage.change(KEY, body)
    assert await storage.operation("shop", ended.operation_id) == ended
    assert (await storage.record(KEY)).operation is None
    assert await storage.change(KEY, lambda work: work.operation) is None


async def test_operation_in_flight_is_saved_with_all_that_may_change(storage):
    await see(storage)
    await begin(storage, intent())
    later = replace(
        intent(),
        state=OperationState.PENDING,
        update_time=NOW + SECOND,
        gateway_id="S01",
        reason_code="because",
        message="wait",
        attempts=2,
        checks=3,
        lease_id="me",
        lease_expire_time=NOW + SECOND,
        next_check_time=NOW + 2 * SECOND,
    )
    await storage.change(KEY, lambda work: work.save_operation(later))
    assert (await storage.record(KEY)).operation == later


async def test_changes_of_one_payment_at_once_come_one_after_the_other(storage):
    await see(storage)
    numbers = await asyncio.gather(*(storage.change(KEY, counting) for _ in range(50)))
    assert sorted(numbers) == list(range(2, 52))
    assert len(await history(storage)) == 51


async def test_first_sights_at_once_are_one(storage):
    def see_once(work):
        if work.payment is not None:
            return False
        seeing()(work)
        return True

    firsts = await asyncio.gather(*(storage.change(KEY, see_once) for _ in range(10)))
    assert sorted(firsts) == [False] * 9 + [True]
    assert len(await history(storage)) == 1


async def test_change_finds_what_the_database_holds_whatever_happened_before(storage, opened, database):
    """A storage may remember what it wrote; here it is held against another one, which did not write it."""
    replicas, random = [storage, await opened(database)], Random(1)
    keys = [PaymentKey("shop", order_id) for order_id in ("1", "2", "3")]

    def anything(work):
        if work.payment is None:
            seeing(work.key.order_id)(work)
        number, operation = next(numbers), work.operation
        writes = [
            lambda: counting(work),
            lambda: work.reschedule(NOW + number * SECOND, number),
            lambda: work.put_store_update(replace(work.known_store_update(), generation=number)),
            lambda: (counting(work), refused_by_the_database(work)),
        ]
        if operation is None:
            writes += [lambda: work.add_operation(intent(number, work.key.order_id))] * 2
        else:
            failed = replace(operation, state=OperationState.FAILED, next_check_time=None)
            writes += [lambda: work.save_operation(replace(operation, checks=number))]
            writes += [lambda: work.save_operation(failed)]
        random.choice(writes)()
        if random.randrange(5) == 0:
            raise ValueError("no")

    numbers = iter(range(1000, 9999))
    for _ in range(40):
        writer = random.choice(replicas)
        await asyncio.gather(*(writer.change(key, anything) for key in keys), return_exceptions=True)
        for key in keys:
            found = await writer.change(key, lambda work: work.found)
            assert [found] * 2 == [await replica.record(key) for replica in replicas]


# -- asked for besides ------------------------------------------------------------------------------------------------


@pytest.fixture
async def operations(storage):
    """Two orders, each with an operation: the first one's has ended."""
    await see(storage, "1")
    await see(storage, "2")
    ended = intent(1, "1", state=OperationState.FAILED, next_check_time=None)
    under_way = intent(2, "2", action=Action.VOID)
    await begin(storage, ended)
    await begin(storage, under_way)
    return ended, under_way


async def test_operation_of_a_request_is_found_beside_the_payment(storage, operations):
    ended, under_way = operations
    record = await storage.record(KEY, request_id="request-1")
    assert (record.payment.order_id, record.operation, record.asked) == ("1", None, ended)
    record = await storage.record(PaymentKey("shop", "2"), request_id="request-2")
    assert (record.operation, record.asked) == (under_way, under_way)
    assert await storage.change(KEY, lambda work: work.asked, request_id="request-1") == ended


async def test_request_of_another_order_or_of_an_unseen_one_is_found_too(storage, operations):
    _, under_way = operations
    record = await storage.record(KEY, request_id="request-2")
    assert (record.payment.order_id, record.operation, record.asked) == ("1", None, under_way)
    assert await storage.change(
        PaymentKey("shop", "3"), lambda work: (work.payment, work.asked), request_id="request-2"
    ) == (
        None,
        under_way,
    )


async def test_operation_is_found_by_its_id(storage, operations):
    ended, _ = operations
    assert (await storage.record(KEY, operation_id=ended.operation_id)).asked == ended
    assert await storage.change(KEY, lambda work: work.asked, operation_id=ended.operation_id) == ended
    assert await storage.operation("shop", ended.operation_id) == ended


async def test_nothing_is_found_of_another_store_or_of_an_unknown_id(storage, operations):
    ended, _ = operations
    await see(storage, "1", store="other")
    there = PaymentKey("other", "1")
    assert (await storage.record(there, request_id="request-1")).asked is None
    assert (await storage.record(there, operation_id=ended.operation_id)).asked is None
    assert await storage.operation("other", ended.operation_id) is None
    assert (await storage.record(KEY, request_id="request-3")).asked is None
    assert (await storage.record(KEY, operation_id="0" * 26)).asked is None
    assert (await storage.record(KEY)).asked is None


async def test_what_was_asked_for_shows_the_change_that_is_under_way(storage, operations):
    _, under_way = operations
    ended = under_way.settled(Outcome(OperationState.SUCCEEDED), now=NOW, next_check_time=None)

    def body(work):
        work.save_operation(ended)
        return work.asked, work.operation

    assert await storage.change(PaymentKey("shop", "2"), body, operation_id=under_way.operation_id) == (ended, None)


# -- events -----------------------------------------------------------------------------------------------------------


async def test_events_are_announced_with_their_sequences_in_order(storage):
    heard = []
    storage.on_events = heard.extend
    await asyncio.gather(*(see(storage, str(number)) for number in range(20)))
    assert heard == await all_events(storage)
    assert len(heard) == 20


async def test_nothing_is_announced_of_a_change_without_events(storage):
    await see(storage)
    heard = []
    storage.on_events = heard.extend
    await storage.change(KEY, lambda work: work.reschedule(NOW, 1))
    await storage.change(KEY, counting)
    assert [event.number for event in heard] == [2]


async def test_listener_that_fails_stops_nothing(storage):
    def fail(events):
        raise RuntimeError("deaf")

    storage.on_events = fail
    await see(storage, "1")
    await see(storage, "2")
    assert await known(storage, "1", "2") == [True, True]


async def test_sequences_are_never_used_twice(storage, database):
    def add_and_fail(work):
        seeing()(work)
        raise ValueError("undo it")

    with pytest.raises(ValueError, match="undo it"):
        await storage.change(KEY, add_and_fail)
    await see(storage)
    (kept,) = await all_events(storage)
    assert kept.sequence == await storage.last_sequence()
    await database.run("DELETE FROM events")
    await see(storage, "2")
    assert await storage.last_sequence() > kept.sequence


# -- callers who go away, and the end ---------------------------------------------------------------------------------


async def test_caller_who_hangs_up_leaves_all_or_nothing_and_harms_nobody(storage):
    tasks = [asyncio.create_task(storage.change(PaymentKey("shop", str(n)), seeing(str(n)))) for n in range(30)]
    for number in range(0, 30, 3):
        await asyncio.sleep(0)
        tasks[number].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for number, result in enumerate(results) if number % 3] == [None] * 20
    stayed = [str(number) for number in range(30) if number % 3]
    assert await known(storage, *stayed) == [True] * 20
    for number in range(0, 30, 3):
        key = PaymentKey("shop", str(number))
        record = await storage.record(key)
        assert (record.payment is None) == (record.store_update is None) == (not await history(storage, key))


async def test_body_that_raises_after_its_caller_hung_up_harms_nobody(storage):
    def fail(work):
        raise ValueError("no")

    doomed = asyncio.create_task(storage.change(KEY, fail))
    await asyncio.sleep(0)
    doomed.cancel()
    await asyncio.gather(see(storage, "2"), doomed, return_exceptions=True)
    assert await known(storage, "1", "2") == [False, True]


async def test_storage_that_is_closed_says_so_and_has_kept_what_waited(storage, opened, database):
    waiting = [asyncio.create_task(storage.change(PaymentKey("shop", str(n)), seeing(str(n)))) for n in range(3)]
    await asyncio.sleep(0)
    await storage.aclose()
    await asyncio.gather(*waiting)
    for call in (
        storage.change(KEY, counting),
        storage.record(KEY),
        storage.counts(NOW),
        storage.last_sequence(),
        storage.add_notification("shop", "m", NOW, ""),
    ):
        with pytest.raises(StorageUnavailable):
            await call
    assert await known(await opened(database), "0", "1", "2") == [True] * 3


async def test_all_that_is_kept_survives_reopening(storage, opened, database):
    first, event = payment(
        references=(GatewayReference("authorization", "S01-Ä"), GatewayReference("capture", "'; --")),
        under_way=Action.REFUND,
        anomaly="odd",
        next_refresh_time=NOW + SECOND / 1_000_000,
        authorized_minor=10**15,
    )
    operation = intent(note="Grüße 🎁", requested_amount_minor=5, lease_expire_time=NOW)
    update = in_sync(state=StoreUpdateState.PENDING, generation=3, last_error="down")

    def write(work):
        work.add_payment(first, event, update)
        work.add_operation(operation)

    await storage.change(KEY, write)
    await storage.put_discovered_until("shop", NOW)
    await storage.add_notification("shop", "m-1", NOW, "subject")
    await storage.aclose()

    again = await opened(database)
    assert (await again.record(KEY))[:3] == (first, operation, update)
    assert [replace(kept, sequence=0) for kept in await history(again)] == [event]
    assert await again.discovered_until("shop") == NOW
    assert await again.orders_of_references("shop", ["S01-Ä"]) == ["1"]
    assert await again.orders_of_references("shop", [operation.reference]) == ["1"]
    assert not await again.add_notification("shop", "m-1", NOW, "again")
    last = await again.last_sequence()
    await again.change(KEY, counting)
    assert await again.last_sequence() > last
