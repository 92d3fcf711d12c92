"""PostgreSQL: several replicas over one database do together what one would do alone."""

import asyncio
from itertools import count
from time import monotonic
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from support.databases import PostgresDatabase
from support.records import KEY, NOW, SECOND, all_events, begin, counting, history, intent, see, seeing

from payment_actions_server.domain.operation import Outcome
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import OperationState
from payment_actions_server.storage import Record

WAIT_SECONDS_MAX = 90


@pytest.fixture
async def replicas(opened, postgres):
    return [await opened(postgres) for _ in range(3)]


@pytest.fixture
def one(replicas):
    return replicas[0]


async def until(look):
    """Wait until ``look`` finds something."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not (found := look()):
            await asyncio.sleep(0.005)
    return found


async def test_changes_of_one_payment_come_one_after_the_other_whoever_makes_them(replicas, one):
    await see(one)
    numbers = await asyncio.gather(*(replica.change(KEY, counting) for _ in range(20) for replica in replicas))
    assert sorted(numbers) == list(range(2, 62))
    for replica in replicas:
        assert [event.number for event in await history(replica)] == list(range(1, 62))
    assert (await one.record(KEY)).payment.version == 61


async def test_groups_of_many_payments_that_overlap_lose_nothing(replicas):
    keys = [PaymentKey("shop", str(number)) for number in range(20)]
    await asyncio.gather(*(replica.change(key, seeing(key.order_id)) for replica in replicas for key in keys))
    await asyncio.gather(
        *(replica.change(key, counting) for replica in replicas for _ in range(5) for key in reversed(keys))
    )
    for key in keys:
        assert len(await history(replicas[0], key)) == 16
    assert len(await all_events(replicas[1])) == 20 * 16


async def test_first_sights_at_once_are_one(replicas):
    def see_once(order_id):
        def body(work):
            if work.payment is not None:
                return False
            seeing(order_id)(work)
            return True

        return body

    orders = [str(number) for number in range(20)]
    firsts = await asyncio.gather(
        *(replica.change(PaymentKey("shop", order), see_once(order)) for order in orders for replica in replicas)
    )
    assert firsts.count(True) == len(orders)
    assert len(await all_events(replicas[0])) == len(orders)


def starting(operation):
    """Return a body that starts an operation as the engine does, and tells which one there is then."""

    def body(work):
        if work.asked is not None:
            return work.asked
        if work.operation is None:
            counting(work)
            work.add_operation(operation)
        return work.operation

    return body


async def test_one_request_for_two_orders_at_once_starts_one_operation_and_both_hear_of_it(replicas):
    first, second, _ = replicas
    for number in range(20):
        orders = [f"a{number}", f"b{number}"]
        await asyncio.gather(*(see(first, order) for order in orders))
        operations = [intent(2 * number + which, order, request_id=f"r{number}") for which, order in enumerate(orders)]
        known = await asyncio.gather(
            *(
                replica.change(PaymentKey("shop", operation.order_id), starting(operation), request_id=f"r{number}")
                for replica, operation in zip((first, second), operations, strict=True)
            )
        )
        assert known[0] == known[1]
        in_flight = [(await first.record(PaymentKey("shop", order))).operation for order in orders]
        assert in_flight in ([operations[0], None], [None, operations[1]])


async def test_one_operation_at_a_time_is_in_flight_whoever_starts_it(replicas, one):
    await see(one)
    numbers = count(1)
    for _ in range(10):
        wanted = [intent(next(numbers)) for _ in replicas]
        known = await asyncio.gather(
            *(
                replica.change(KEY, starting(operation), request_id=operation.request_id)
                for replica, operation in zip(replicas, wanted, strict=True)
            )
        )
        assert len({operation.operation_id for operation in known}) == 1
        ended = known[0].settled(Outcome(OperationState.FAILED), now=NOW, next_check_time=None)
        await one.change(KEY, lambda work, ended=ended: work.save_operation(ended))
    assert len(await history(one)) == 11


async def test_a_lease_is_taken_by_one_of_those_who_want_it(replicas, one):
    await see(one)
    await begin(one, intent())

    def claim(name):
        def body(work):
            if work.operation.lease_id:
                return None
            work.save_operation(replace(work.operation, lease_id=name, lease_expire_time=NOW + SECOND))
            return name

        return body

    claims = await asyncio.gather(*(each.change(KEY, claim(str(n))) for n, each in enumerate(replicas)))
    (winner,) = [name for name in claims if name]
    assert (await one.record(KEY)).operation.lease_id == winner


async def test_what_one_wrote_all_read(replicas, one):
    await see(one)
    await one.add_notification("shop", "m", NOW, "")
    await one.put_discovered_until("shop", NOW)
    for replica in replicas:
        assert await replica.record(KEY) == await one.record(KEY) != Record()
        assert await replica.knows_notification("shop", "m")
        assert await replica.discovered_until("shop") == NOW
        assert not await replica.add_notification("shop", "m", NOW, "")


async def test_message_that_reaches_all_at_once_is_new_to_one(replicas):
    for number in range(10):
        new = await asyncio.gather(*(each.add_notification("shop", f"m{number}", NOW, "") for each in replicas))
        assert sorted(new) == [False, False, True]


# -- events in order --------------------------------------------------------------------------------------------------


async def test_readers_skip_and_repeat_nothing_while_all_write_as_fast_as_they_can(replicas, postgres):
    orders = [str(number) for number in range(6)]
    await asyncio.gather(*(see(replicas[0], order) for order in orders))
    writers = [*replicas, *replicas]
    done, started, total = asyncio.Event(), monotonic(), 0

    async def write(replica, order):
        nonlocal total
        while monotonic() < started + 3 or total < 120:
            await replica.change(PaymentKey("shop", order), counting)
            await replica.change(PaymentKey("shop", orders[0]), counting)
            total += 2

    async def read(replica, page):
        events, position = [], 0
        while not done.is_set() or position < await replica.last_sequence():
            found, position = await replica.events_after(position, (), page)
            events += found
        return [event.sequence for event in events]

    readers = [asyncio.create_task(read(replica, page)) for page in (7, 500) for replica in replicas[:2]]
    await asyncio.gather(*(write(replica, order) for replica, order in zip(writers, orders, strict=True)))
    done.set()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        seen = await asyncio.gather(*readers)
    kept = [row[0] for row in await postgres.run("SELECT sequence FROM events ORDER BY sequence")]
    assert len(kept) == total + len(orders)
    assert kept == list(range(1, len(kept) + 1))
    for sequences in seen:
        assert sequences == kept


async def test_event_that_commits_late_is_not_overtaken(one, postgres):
    """By hand what no test can wait for: a writer that stops between taking its sequence and its commit."""
    await see(one)
    async with postgres.connection() as slow:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("UPDATE event_counter SET last_sequence = last_sequence + 1")
        await slow.execute(
            "INSERT INTO events SELECT 2, store, order_id, 99, type, time, actor, operation_id, status_before,"
            " status_after, message, details, previous_hash, hash FROM events WHERE sequence = 1"
        )
        overtaking = asyncio.create_task(one.change(KEY, counting))
        waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database OR l.database IS NULL"
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while (await postgres.run(f"{waiting} WHERE d.datname = current_database() AND NOT granted"))[0][0] == 0:
                await asyncio.sleep(0.01)
        assert await one.events_after(1, (), 10) == ([], 1)
        assert not overtaking.done()
        await transaction.commit()
    await overtaking
    events, position = await one.events_after(1, (), 10)
    assert ([(event.sequence, event.number) for event in events], position) == ([(2, 99), (3, 2)], 3)


async def test_change_without_events_waits_for_no_writer_of_events(one, postgres):
    await see(one)
    async with postgres.connection() as slow, slow.transaction():
        await slow.execute("UPDATE event_counter SET last_sequence = last_sequence + 1")
        await one.change(KEY, lambda work: work.reschedule(NOW, 1))
        assert (await one.record(KEY)).payment.refreshes == 1


async def test_events_of_others_are_heard_within_a_second(replicas):
    writer, listener, _ = replicas
    heard = []
    listener.on_events = heard.append
    for number in range(4):
        await asyncio.sleep(0.3)  # Wherever the listener's rhythm is; and what was before is heard by now.
        heard.clear()
        await see(writer, str(number))
        turns = 0
        while not heard and turns < 20:  # A second, by a clock that stands still while nobody here gets to run.
            await asyncio.sleep(0.05)
            turns += 1
        assert heard[:1] == [[]]


async def test_a_counter_that_is_gone_for_a_while_leaves_nobody_deaf(replicas, postgres, logged):
    writer, listener, _ = replicas
    heard = []
    ((kept,),) = await postgres.run("DELETE FROM event_counter RETURNING last_sequence")
    deaf = "events of others not heard"
    await until(lambda: [entry["event"] for entry in logged].count(deaf) >= len(replicas))
    await postgres.run("INSERT INTO event_counter VALUES (1, $1)", kept)
    listener.on_events = heard.append
    await see(writer)
    await until(lambda: heard)


async def test_own_events_are_heard_at_once(replicas):
    heard = []
    replicas[0].on_events = heard.extend
    await see(replicas[0])
    assert [event.sequence for event in heard] == [1]


async def test_counter_of_events_is_the_last_thing_that_a_group_locks(one, postgres):
    """Whoever held it while waiting for a payment could be waited for by that payment's holder: a deadlock."""
    first, last = PaymentKey("shop", "a"), PaymentKey("shop", "z")
    for key in (first, last):
        await see(one, key.order_id)
    async with postgres.connection() as other:
        await other.execute("BEGIN; SELECT 1 FROM payments WHERE order_id = 'z' FOR UPDATE")
        group = asyncio.gather(
            one.change(first, counting), one.change(last, lambda work: work.reschedule(NOW + SECOND, 7))
        )
        await asyncio.sleep(0.5)
        assert not group.done()
        await other.execute("SELECT 1 FROM event_counter FOR UPDATE NOWAIT; COMMIT")
        await group
    assert (await one.record(last)).payment.refreshes == 7


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
async def test_replicas_that_start_at_once_migrate_once_whatever_the_default_isolation(
    empty_postgres_url, opened, isolation
):
    database = PostgresDatabase(empty_postgres_url)
    name = urlsplit(empty_postgres_url).path[1:]
    await database.run(f"""ALTER DATABASE "{name}" SET default_transaction_isolation = '{isolation}'""")
    storages = await asyncio.gather(*(opened(database) for _ in range(4)))
    await see(storages[0])
    assert await database.run("SELECT id, last_sequence FROM event_counter") == [(1, 1)]
