"""What the database itself refuses, whatever the code above it does."""

import asyncio

import pytest
from msgspec.structs import replace
from support.records import KEY, NOW, begin, changed, counting, history, in_sync, intent, payment, see

from payment_actions_server.domain.event import chain_break
from payment_actions_server.domain.operation import Outcome
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import OperationState
from payment_actions_server.storage import RuleBroken

IN_FLIGHT = [OperationState.UNKNOWN, OperationState.PENDING, OperationState.NEEDS_REVIEW]
FINAL = sorted(set(OperationState) - set(IN_FLIGHT))
OTHER = PaymentKey("shop", "2")


@pytest.fixture
async def kept(storage):
    return await see(storage)


async def blindly(storage, operation):
    """Add an operation as code would that forgot to look whether there is one."""

    def body(work):
        work.operation = None
        work.add_operation(operation)

    await storage.change(PaymentKey(operation.store, operation.order_id), body)


async def test_work_itself_does_not_add_a_second_operation_in_flight(storage, kept):
    await begin(storage, intent(1))
    with pytest.raises(AssertionError, match="in flight"):
        await begin(storage, intent(2))


@pytest.mark.parametrize("first", IN_FLIGHT)
@pytest.mark.parametrize("second", IN_FLIGHT)
async def test_second_operation_in_flight_is_refused(storage, kept, first, second):
    await begin(storage, intent(1, state=first))
    with pytest.raises(RuleBroken):
        await blindly(storage, intent(2, state=second))
    assert await storage.operation("shop", intent(2).operation_id) is None


async def test_ten_that_race_for_the_flight_are_one(storage, kept):
    results = await asyncio.gather(*(blindly(storage, intent(number)) for number in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType"] + ["RuleBroken"] * 9


async def test_operation_may_follow_one_that_ended(storage, kept):
    await begin(storage, intent(1))
    ended = intent(1).settled(Outcome(OperationState.FAILED), now=NOW, next_check_time=None)
    await storage.change(KEY, lambda work: work.save_operation(ended))
    await begin(storage, intent(2))
    assert (await storage.record(KEY)).operation == intent(2)


async def test_request_id_names_one_operation_of_its_store_for_ever(storage, kept):
    await begin(storage, intent(1, state=OperationState.FAILED, next_check_time=None))
    with pytest.raises(RuleBroken, match="request_id"):
        await begin(storage, intent(2, request_id="request-1"))
    await see(storage, "1", store="other")
    await begin(storage, intent(3, store="other", request_id="request-1"))


async def test_reference_names_one_operation_for_ever(storage, kept):
    await begin(storage, intent(1, state=OperationState.FAILED, next_check_time=None))
    with pytest.raises(RuleBroken, match="reference"):
        await begin(storage, intent(2, reference=intent(1).reference))


async def test_operation_id_names_one_operation_for_ever(storage, kept):
    await begin(storage, intent(1, state=OperationState.FAILED, next_check_time=None))
    with pytest.raises(RuleBroken, match="operation"):
        await begin(storage, intent(1, request_id="another", reference="another"))


async def test_operation_of_no_payment_is_refused(storage, kept, database):
    with pytest.raises(AssertionError):
        await begin(storage, intent(order_id="nobody's"))
    with pytest.raises(AssertionError):
        await storage.change(KEY, lambda work: work.add_operation(intent(order_id="nobody's")))
    await begin(storage, intent())
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await database.run("UPDATE operations SET order_id = $1", "nobody's")


async def test_nothing_else_is_kept_of_a_payment_that_was_never_seen(storage):
    for write in (
        lambda work: work.put_store_update(in_sync()),
        lambda work: work.index_references(["R-1"]),
        lambda work: work.reschedule(NOW, 0),
    ):
        with pytest.raises(AssertionError):
            await storage.change(KEY, write)


@pytest.mark.parametrize("state", FINAL)
async def test_settled_operation_is_never_saved_again(storage, kept, state):
    settled = intent(1, state=state, next_check_time=None)
    await begin(storage, settled)
    for changes in ({"message": "but"}, {"state": OperationState.UNKNOWN, "next_check_time": NOW}):
        again = replace(settled, **changes)
        with pytest.raises(AssertionError, match="final"):
            await storage.change(KEY, lambda work, again=again: work.save_operation(again))

        def save_blindly(work, again=again):
            work.operation = again
            work.save_operation(again)

        with pytest.raises(RuleBroken, match="final"):
            await storage.change(KEY, save_blindly)
    assert await storage.operation("shop", settled.operation_id) == settled


async def test_what_an_operation_was_asked_to_do_never_changes(storage, kept):
    await begin(storage, intent(1))
    other = replace(intent(1), amount_minor=1, reference="other", request_id="other", actor="eve", message="new")
    await storage.change(KEY, lambda work: work.save_operation(other))
    assert await storage.operation("shop", intent(1).operation_id) == replace(intent(1), message="new")


async def test_gap_in_a_history_is_refused(storage, kept):
    skipped, _ = changed(kept)
    ahead = changed(skipped)
    with pytest.raises(AssertionError, match="one event"):
        await storage.change(KEY, lambda work: work.save_payment(*ahead))
    assert (await storage.record(KEY)).payment == kept


async def test_change_that_was_made_of_an_older_version_is_refused(storage, kept):
    changes = [changed(kept, by=str(number)) for number in range(5)]
    results = await asyncio.gather(
        *(storage.change(KEY, lambda work, change=change: work.save_payment(*change)) for change in changes),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["AssertionError"] * 4 + ["NoneType"]
    assert [event.number for event in await history(storage)] == [1, 2]


async def test_two_events_of_one_number_are_refused(storage, kept, database):
    await storage.change(KEY, counting)
    await database.run("UPDATE payments SET version = 1")
    with pytest.raises(RuleBroken):
        await storage.change(KEY, lambda work: work.save_payment(*changed(kept)))
    assert [event.number for event in await history(storage)] == [1, 2]


async def test_payment_is_added_once(storage, kept):
    first, event = payment()
    with pytest.raises(AssertionError, match="known already"):
        await storage.change(KEY, lambda work: work.add_payment(first, event, in_sync()))
    assert await history(storage)


@pytest.mark.parametrize("column", ["message", "actor", "details", "time", "status_after", "operation_id"])
async def test_tampered_line_is_found(storage, kept, database, column):
    for _ in range(3):
        await storage.change(KEY, counting)
    assert chain_break(await storage.list_events(KEY, 0, 10)) is None
    value = {"time": 0, "details": '{"note": "y"}', "status_after": "VOIDED"}.get(column, "forged")
    await database.run(f"UPDATE events SET {column} = $1 WHERE number = 3", value)
    assert chain_break(await storage.list_events(KEY, 0, 10)) == 3


async def test_removed_line_is_found(storage, kept, database):
    for _ in range(3):
        await storage.change(KEY, counting)
    await database.run("DELETE FROM events WHERE number = 2")
    assert chain_break(await storage.list_events(KEY, 0, 10)) == 2


async def test_payments_do_not_mix(storage, kept):
    await see(storage, "2")
    await begin(storage, intent(1))
    await begin(storage, intent(2, "2"))
    await storage.change(OTHER, lambda work: work.put_store_update(in_sync(OTHER, generation=2)))
    assert (await storage.record(KEY))[:3] == (kept, intent(1), in_sync())
    assert (await storage.record(OTHER)).operation == intent(2, "2")
    with pytest.raises(AssertionError):
        await storage.change(KEY, lambda work: work.save_operation(intent(2, "2")))
