"""What the database itself refuses, whatever the code above it does."""

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from payment_actions_server.domain.event import chain_break
from payment_actions_server.domain.operation import Outcome
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.storage import open_storage

IN_FLIGHT = [OperationState.UNKNOWN, OperationState.PENDING, OperationState.NEEDS_REVIEW]
KEY = PaymentKey("shop", "1")


@pytest.fixture
async def payment(storage, seen):
    payment, event = seen("1")
    await storage.transact(lambda work: work.add_payment(payment, event))
    return payment


async def add(storage, operation):
    await storage.transact(lambda work: work.add_operation(operation))


@pytest.mark.parametrize("state", IN_FLIGHT)
async def test_second_operation_in_flight_is_refused(storage, payment, intent, state):
    await add(storage, intent(1, state=state))
    with pytest.raises(IntegrityError, match=r"operations\.store"):
        await add(storage, intent(2))


async def test_ten_that_race_for_the_flight_are_one(storage, payment, intent):
    results = await asyncio.gather(*(add(storage, intent(number)) for number in range(10)), return_exceptions=True)
    assert [type(result) for result in results].count(IntegrityError) == 9


async def test_operation_may_follow_one_that_ended(storage, payment, intent):
    await add(storage, intent(1))
    ended = intent(1).settled(Outcome(OperationState.FAILED), now=payment.create_time, next_check_time=None)
    await storage.transact(lambda work: work.save_operation(ended))
    await add(storage, intent(2))
    assert await storage.read(lambda work: work.operation_in_flight(KEY)) == intent(2)


async def test_request_id_names_one_operation_for_ever(storage, payment, intent):
    await add(storage, intent(1, state=OperationState.FAILED, next_check_time=None))
    with pytest.raises(IntegrityError, match="request_id"):
        await add(storage, intent(2, request_id="request-1"))


async def test_reference_names_one_operation_for_ever(storage, payment, intent):
    await add(storage, intent(1, state=OperationState.FAILED, next_check_time=None))
    with pytest.raises(IntegrityError, match="reference"):
        await add(storage, intent(2, reference=intent(1).reference))


async def test_operation_of_no_payment_is_refused(storage, payment, intent):
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await add(storage, intent(1, order_id="nobody's"))


@pytest.mark.parametrize("state", sorted(set(OperationState) - set(IN_FLIGHT)))
async def test_settled_operation_is_never_saved_again(storage, payment, intent, state):
    settled = intent(1, state=state, next_check_time=None)
    await add(storage, settled)
    with pytest.raises(AssertionError, match="final"):
        await storage.transact(lambda work: work.save_operation(replace(settled, message="but")))
    assert await storage.read(lambda work: work.operation("shop", settled.operation_id)) == settled


async def test_gap_in_a_history_is_refused(storage, payment, changed):
    skipped, _ = changed(payment)
    ahead, event = changed(skipped)
    with pytest.raises(AssertionError, match="changed under its lock"):
        await storage.transact(lambda work: work.save_payment(ahead, event))
    assert await storage.read(lambda work: work.payment(KEY)) == payment


async def test_two_changes_of_one_version_are_one(storage, payment, changed):
    changes = [changed(payment, by=str(number)) for number in range(5)]
    results = await asyncio.gather(
        *(storage.transact(lambda work, change=change: work.save_payment(*change)) for change in changes),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(AssertionError) == 4
    events = await storage.read(lambda work: work.list_events(KEY, 0, 10))
    assert [event.number for event in events] == [1, 2]


async def test_two_events_of_one_number_are_refused(storage, payment, changed):
    one, event = changed(payment)
    await storage.transact(lambda work: work.save_payment(one, event))
    with pytest.raises(IntegrityError):
        await storage.transact(lambda work: work._append(event))


@pytest.mark.parametrize("column", ["message", "actor", "details", "time", "status_after", "operation_id"])
async def test_tampered_line_is_found(storage, payment, changed, path, column):
    for _ in range(3):
        payment, event = changed(payment, note="x")
        await storage.transact(lambda work, payment=payment, event=event: work.save_payment(payment, event))
    assert chain_break(await storage.read(lambda work: work.list_events(KEY, 0, 10))) is None
    value = {"time": 0, "details": '{"note": "y"}', "status_after": "VOIDED"}.get(column, "forged")
    other = sqlite3.connect(path)
    other.execute(f"UPDATE events SET {column} = ? WHERE number = 3", [value])
    other.commit()
    other.close()
    assert chain_break(await storage.read(lambda work: work.list_events(KEY, 0, 10))) == 3


async def test_removed_line_is_found(storage, payment, changed, path):
    for _ in range(3):
        payment, event = changed(payment)
        await storage.transact(lambda work, payment=payment, event=event: work.save_payment(payment, event))
    other = sqlite3.connect(path)
    other.execute("DELETE FROM events WHERE number = 2")
    other.commit()
    other.close()
    assert chain_break(await storage.read(lambda work: work.list_events(KEY, 0, 10))) == 2


async def test_all_that_is_kept_survives_reopening(storage, seen, changed, intent, path):
    payment, event = seen(
        "1",
        references=(GatewayReference("authorization", "S01-Ä"), GatewayReference("capture", "'; --")),
        under_way=Action.REFUND,
        anomaly="odd",
        next_refresh_time=seen()[0].create_time + timedelta(microseconds=1),
        authorized_minor=10**15,
    )
    operation = intent(1, note="Grüße 🎁", requested_amount_minor=5, lease_expire_time=payment.create_time)
    update = StoreUpdate(store="shop", order_id="1", state=StoreUpdateState.PENDING, generation=3, last_error="down")

    async def write(work):
        await work.add_payment(payment, event)
        await work.add_operation(operation)
        await work.put_store_update(update)
        await work.put_discovered_until("shop", payment.create_time)
        await work.add_notification("shop", "m-1", payment.create_time, "subject")

    await storage.transact(write)
    await storage.aclose()
    again = open_storage(f"sqlite:///{path}")
    await again.start()

    async def read(work):
        events = await work.list_events(KEY, 0, 10)
        assert chain_break(events) is None
        return (
            await work.payment(KEY),
            replace(events[0], sequence=0),
            await work.operation_in_flight(KEY),
            await work.store_update(KEY),
            await work.discovered_until("shop"),
            await work.orders_of_reference("shop", "S01-Ä"),
        )

    kept = await again.read(read)
    assert kept == (payment, event, operation, update, payment.create_time, ["1"])
    assert not await again.transact(lambda work: work.add_notification("shop", "m-1", payment.create_time, "again"))
    await again.aclose()


async def test_sequences_are_never_used_twice(storage, seen, path):
    payment, event = seen("1")

    async def add_and_fail(work):
        await work.add_payment(payment, event)
        raise ValueError("undo it")

    with pytest.raises(ValueError, match="undo it"):
        await storage.transact(add_and_fail)
    await storage.transact(lambda work: work.add_payment(payment, event))
    (kept,) = await storage.read(lambda work: work.events_after(0, frozenset(), 10))
    assert kept.sequence == await storage.read(lambda work: work.last_sequence())
    other = sqlite3.connect(path)
    other.execute("DELETE FROM events")
    other.commit()
    other.close()
    payment, event = seen("2")
    await storage.transact(lambda work: work.add_payment(payment, event))
    assert await storage.read(lambda work: work.last_sequence()) > kept.sequence


async def test_work_that_somebody_holds_is_not_due(storage, payment, intent):
    now = payment.create_time
    held = intent(1, next_check_time=now, lease_expire_time=now + timedelta(seconds=1))
    await add(storage, held)
    assert await storage.read(lambda work: work.due_operations(["shop"], now, 10)) == []
    later = now + timedelta(seconds=1)
    assert await storage.read(lambda work: work.due_operations(["shop"], later, 10)) == [held]
    assert await storage.read(lambda work: work.due_operations(["other"], later, 10)) == []
    assert await storage.read(lambda work: work.due_operations([], later, 10)) == []


async def test_counts_are_of_what_is_open(storage, seen, intent):
    async def write(work):
        for number, state in enumerate(OperationState):
            payment, event = seen(str(number), anomaly="odd" if number == 0 else "", status=PaymentStatus.AUTHORIZED)
            due = payment.create_time if state.in_flight else None
            await work.add_payment(payment, event)
            await work.add_operation(intent(number, str(number), state=state, next_check_time=due))

    await storage.transact(write)
    assert await storage.read(lambda work: work.counts()) == {
        "operations_in_flight": 3,
        "operations_needing_review": 1,
        "store_updates_pending": 0,
        "anomalies": 1,
    }
