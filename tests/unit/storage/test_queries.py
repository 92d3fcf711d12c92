"""What can be asked of the storage besides one payment."""

import asyncio
from datetime import timedelta
from itertools import product

import pytest
from msgspec.structs import replace
from support.records import (
    KEY,
    NOW,
    SECOND,
    all_events,
    begin,
    counting,
    in_sync,
    intent,
    payment,
    see,
    seeing,
)

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import DayRow, PaymentFilter, names_of

EVERYTHING = PaymentFilter(
    store=None,
    statuses=frozenset(),
    payment_method="",
    needing_attention=False,
    authorization_expire_before=None,
    before=None,
    limit=1000,
)
SOON, LATER = NOW + 10 * SECOND, NOW + 20 * SECOND
FAILING = {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW, "attempts": 3}


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def population(storage):
    """Payments that differ in all that a list can be narrowed by; return each with what is known of it."""
    kinds = product(
        ("shop", "other"),
        (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED, PaymentStatus.CAPTURED),
        (("amazon", "Amazon Pay"), ("Amazon Pay", "Another"), ("card", "Card")),
        (None, SOON, LATER),
    )
    troubles = ("", "", "anomaly", "review", "store", "", "under way", "delayed")

    async def add(number, store, status, method, expire_time):
        key, trouble = PaymentKey(store, f"{number:03}"), troubles[number % len(troubles)]
        first, event = payment(
            key.order_id,
            store=store,
            status=status,
            method_code=method[0],
            method_name=method[1],
            authorization_expire_time=expire_time,
            anomaly="odd" if trouble == "anomaly" else "",
            update_time=NOW + SECOND * (number * 7 % 5),  # Many share one, and none is in the order of the ids.
        )
        state = {"review": OperationState.NEEDS_REVIEW, "under way": OperationState.PENDING}.get(trouble)
        attempts = {"store": 3, "delayed": 2}.get(trouble)

        def body(work):
            work.add_payment(first, event, in_sync(key, **(FAILING | {"attempts": attempts} if attempts else {})))
            if state is not None:
                work.add_operation(intent(number, key.order_id, store=store, state=state))

        await storage.change(key, body)
        return (await storage.record(key))._replace(lock_version=0), trouble in ("anomaly", "review", "store")

    return await asyncio.gather(*(add(number, *kind) for number, kind in enumerate(kinds)))


async def listed(storage, wanted):
    return [record._replace(lock_version=0) for record in await storage.list_records(wanted)]


def position(record):
    return record.payment.update_time, record.payment.store, record.payment.order_id


def matching(population, wanted):
    """Return what the list must hold, in its order."""
    found = []
    for record, needs_attention in population:
        one = record.payment
        expires = one.authorization_expire_time
        is_open = one.status in (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED)
        conditions = (
            wanted.store in (None, one.store),
            not wanted.statuses or one.status in wanted.statuses,
            wanted.payment_method in ("", one.method_code, one.method_name),
            not wanted.needing_attention or needs_attention,
            wanted.authorization_expire_before is None
            or bool(is_open and expires and expires < wanted.authorization_expire_before),
        )
        if all(conditions):
            found.append(record)
    return sorted(found, key=position, reverse=True)


async def test_every_combination_of_filters_lists_what_it_says_the_last_changed_first(storage, population):
    combinations = product(
        (None, "shop", "nowhere"),
        (frozenset(), {PaymentStatus.CAPTURED}, {PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}),
        ("", "Amazon Pay", "card", "nothing"),
        (False, True),
        (None, NOW, LATER, LATER + SECOND),
    )
    found = 0
    for store, statuses, method, needing_attention, expire_before in combinations:
        wanted = PaymentFilter(store, frozenset(statuses), method, needing_attention, expire_before, None, 1000)
        records = await listed(storage, wanted)
        assert records == matching(population, wanted), wanted
        found += len(records)
    assert found > 500


@pytest.mark.parametrize("narrowed", [{}, {"store": "shop"}, {"needing_attention": True}], ids=str)
async def test_pages_repeat_nothing_and_leave_nothing_out(storage, population, narrowed):
    wanted = EVERYTHING._replace(limit=7, **narrowed)
    found = []
    while page := await listed(storage, wanted):
        assert len(page) <= 7
        found += page
        wanted = wanted._replace(before=position(page[-1]))
    assert found == matching(population, wanted)


async def test_record_that_is_listed_is_the_one_that_is_read(storage):
    await see(storage)
    await begin(storage, intent())
    assert await storage.list_records(EVERYTHING) == [await storage.record(KEY)]


async def test_method_is_looked_for_by_name_whatever_its_characters(storage):
    odd = """O'Pay "$1" %_;--"""
    await see(storage, "1", method_name=odd)
    await see(storage, "2")
    found = await storage.list_records(EVERYTHING._replace(payment_method=odd))
    assert [record.payment.order_id for record in found] == ["1"]


async def test_everything_is_listed_across_more_stores_than_one_query_unites(storage):
    stores = [f"shop-{number:02}" for number in range(60)]  # Ten at a time.
    for number, store in enumerate(stores):
        await see(storage, "1", store=store, update_time=NOW + (number * 7 % 60) * SECOND)
    newest_first = sorted(stores, key=lambda store: stores.index(store) * 7 % 60, reverse=True)
    found = await storage.list_records(EVERYTHING._replace(limit=40, stores=()))
    assert [record.payment.store for record in found] == newest_first[:40]
    rest = await storage.list_records(EVERYTHING._replace(limit=40, stores=(), before=position(found[-1])))
    assert [record.payment.store for record in rest] == newest_first[40:]


async def test_nothing_is_listed_where_nothing_was_seen(storage):
    assert await storage.list_records(EVERYTHING) == []


# -- what is due ------------------------------------------------------------------------------------------------------


async def test_payments_are_due_the_longest_waiting_first(storage):
    for order_id, due in (("1", 3), ("2", 1), ("3", None), ("4", 2), ("5", 9)):
        await see(storage, order_id, next_refresh_time=NOW + due * SECOND if due else None)
    await see(storage, "1", store="other", next_refresh_time=NOW)
    now = NOW + 3 * SECOND
    assert [key.order_id for key in await storage.due_payments("shop", now, 10)] == ["2", "4", "1"]
    assert [key.order_id for key in await storage.due_payments("shop", now, 2)] == ["2", "4"]
    assert await storage.due_payments("other", now, 10) == [PaymentKey("other", "1")]
    assert await storage.due_payments("shop", NOW, 10) == []


async def test_operations_are_due_the_longest_waiting_first_once_nobody_holds_them(storage):
    operations = [
        intent(1, "1", next_check_time=NOW + 2 * SECOND),
        intent(2, "2", next_check_time=NOW + SECOND, lease_id="me", lease_expire_time=NOW + 5 * SECOND),
        intent(3, "3", next_check_time=NOW + 3 * SECOND, state=OperationState.NEEDS_REVIEW),
        intent(4, "4", next_check_time=None, state=OperationState.SUCCEEDED),
        intent(5, "5", next_check_time=NOW + 99 * SECOND),
    ]
    for operation in operations:
        await see(storage, operation.order_id)
        await begin(storage, operation)
    one, held, review, _, _ = operations
    now = NOW + 3 * SECOND
    assert await storage.due_operations("shop", now, 10) == [one, review]
    assert await storage.due_operations("shop", now, 1) == [one]
    assert await storage.due_operations("shop", NOW + 5 * SECOND, 10) == [held, one, review]
    assert await storage.due_operations("other", now, 10) == []


async def test_store_updates_are_due_the_longest_waiting_first_once_nobody_holds_them(storage):
    updates = [
        {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW + 2 * SECOND},
        {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW, "lease_expire_time": NOW + 5 * SECOND},
        {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW + SECOND},
        {},
        {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW + 99 * SECOND},
    ]
    for number, update in enumerate(updates):
        key = (await see(storage, str(number))).key
        await storage.change(key, lambda work, key=key, update=update: work.put_store_update(in_sync(key, **update)))
    now = NOW + 2 * SECOND
    assert [key.order_id for key in await storage.due_store_updates("shop", now, 10)] == ["2", "0"]
    assert [key.order_id for key in await storage.due_store_updates("shop", now, 1)] == ["2"]
    assert [key.order_id for key in await storage.due_store_updates("shop", NOW + 5 * SECOND, 10)] == ["1", "2", "0"]
    assert await storage.due_store_updates("other", now, 10) == []


# -- events -----------------------------------------------------------------------------------------------------------


async def test_history_is_read_in_pages(storage):
    await see(storage)
    await storage.change(KEY, lambda work: [counting(work) for _ in range(4)])
    assert [event.number for event in await storage.list_events(KEY, 0, 2)] == [1, 2]
    assert [event.number for event in await storage.list_events(KEY, 2, 2)] == [3, 4]
    assert [event.number for event in await storage.list_events(KEY, 4, 2)] == [5]
    assert await storage.list_events(KEY, 5, 2) == []
    assert await storage.list_events(PaymentKey("other", "1"), 0, 2) == []


async def test_no_event_means_sequence_zero(storage):
    assert await storage.last_sequence() == 0
    assert await storage.events_after(0, (), 10) == ([], 0)


@pytest.mark.parametrize("page", [1, 3, 20, 1000])
async def test_reader_gets_every_event_once_in_order(storage, page):
    await asyncio.gather(*(see(storage, str(number)) for number in range(10)))
    await storage.change(KEY, lambda work: [counting(work) for _ in range(10)])
    events = await all_events(storage, page)
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    assert len(events) == 20
    assert sequences[-1] == await storage.last_sequence()


async def test_reader_of_some_stores_moves_past_the_others_events(storage):
    for number in range(6):
        await see(storage, str(number), store=f"s{number % 3}")
    found, position = [], 0
    while position < await storage.last_sequence():
        events, further = await storage.events_after(position, ["s0", "s2"], 2)
        assert further > position
        assert all(event.sequence <= further for event in events)
        found, position = found + events, further
    assert [event.store for event in found] == ["s0", "s2", "s0", "s2"]
    assert await storage.events_after(position, (), 10) == ([], position)


async def test_reader_ahead_of_all_events_waits_where_it_is(storage):
    await see(storage)
    assert await storage.events_after(10**12, (), 10) == ([], 10**12)


# -- by reference -----------------------------------------------------------------------------------------------------


async def test_orders_are_found_by_any_of_their_references(storage):
    await see(storage, "1", references=(GatewayReference("order", "P01"), GatewayReference("capture", "C01")))
    await see(storage, "2", references=(GatewayReference("order", "P01"),))
    await see(storage, "1", store="other", references=(GatewayReference("order", "P02"),))
    await begin(storage, intent(1, "2"))
    assert await storage.orders_of_references("shop", ["P01"]) == ["1", "2"]
    assert await storage.orders_of_references("shop", ["C01"]) == ["1"]
    assert await storage.orders_of_references("shop", ["C01", "nothing", "P01", "P01"]) == ["1", "2"]
    assert await storage.orders_of_references("shop", {intent(1).reference}) == ["2"]
    assert await storage.orders_of_references("shop", ["P02"]) == []
    assert await storage.orders_of_references("shop", []) == []


async def test_reference_that_comes_later_is_found_and_may_come_again(storage):
    first = await see(storage, references=(GatewayReference("order", "P01"),))
    more = replace(first, references=(*first.references, GatewayReference("capture", "C01")))

    def follow(work):
        work.save_payment(*more.recorded("SNAPSHOT_FOLLOWED", now=NOW, actor="t", before=more.status))
        work.index_references(["P01", "C02"])

    await storage.change(KEY, follow)
    await storage.change(KEY, lambda work: work.index_references(["P01", "C02", "C03"]))
    for value in ("P01", "C01", "C02", "C03"):
        assert await storage.orders_of_references("shop", [value]) == ["1"]


async def test_at_most_a_hundred_orders_share_what_is_found(storage):
    shared = (GatewayReference("order", "P01"),)
    await asyncio.gather(*(see(storage, f"{number:03}", references=shared) for number in range(105)))
    found = await storage.orders_of_references("shop", ["P01"])
    assert len(set(found)) == 100


# -- notifications, discovery, known orders, counts -------------------------------------------------------------------


async def test_message_is_new_once_in_its_store(storage):
    assert not await storage.knows_notification("shop", "m")
    assert await storage.add_notification("shop", "m", NOW, "capture")
    assert not await storage.add_notification("shop", "m", NOW + SECOND, "capture")
    assert await storage.add_notification("other", "m", NOW, "capture")
    assert await storage.knows_notification("shop", "m")
    assert not await storage.knows_notification("shop", "n")


async def test_message_that_comes_many_times_at_once_is_new_once(storage):
    results = await asyncio.gather(*(storage.add_notification("shop", "m", NOW, "") for _ in range(10)))
    assert sorted(results) == [False] * 9 + [True]


async def test_old_messages_are_forgotten_in_portions_the_oldest_first(storage):
    for number in (3, 1, 4, 0, 2):
        await storage.add_notification("shop", f"m{number}", NOW + number * SECOND, "")

    async def remembered():
        return [number for number in range(5) if await storage.knows_notification("shop", f"m{number}")]

    before = NOW + 3 * SECOND
    assert await storage.forget_notifications(before, 2) == 2
    assert await remembered() == [2, 3, 4]
    assert await storage.forget_notifications(before, 2) == 1
    assert await remembered() == [3, 4]
    assert await storage.forget_notifications(before, 2) == 0


async def test_how_far_a_store_was_looked_through_is_kept_for_each(storage):
    assert await storage.discovered_until("shop") is None
    await storage.put_discovered_until("shop", NOW)
    await storage.put_discovered_until("other", SOON)
    await storage.put_discovered_until("shop", LATER)
    assert await storage.discovered_until("shop") == LATER
    assert await storage.discovered_until("other") == SOON


async def test_orders_that_are_known_are_told_with_their_whole_record(storage):
    await see(storage, "1")
    await see(storage, "'2'", status=PaymentStatus.CAPTURED, ours=False)
    await see(storage, "3", store="other")
    known = await storage.known_orders("shop", ["1", "'2'", "3", "4", "1"])
    assert {order_id: (each.payment.status, each.payment.ours) for order_id, each in known.items()} == {
        "1": (PaymentStatus.AUTHORIZED, True),
        "'2'": (PaymentStatus.CAPTURED, False),
    }
    assert known["1"] == await storage.record(PaymentKey("shop", "1"))
    assert await storage.known_orders("shop", []) == {}


async def test_counts_are_of_what_is_open(storage):
    assert set((await storage.counts(NOW)).values()) == {0}

    async def add(number, state):
        key = PaymentKey("shop", str(number))
        due = NOW if state.in_flight else None
        pending = {0: FAILING, 1: FAILING | {"attempts": 2}, 2: {"attempts": 9}}.get(number, {})

        def body(work):
            seeing(key.order_id, anomaly="odd" if number < 2 else "")(work)
            work.add_operation(intent(number, key.order_id, state=state, next_check_time=due))
            work.put_store_update(in_sync(key, **pending))

        await storage.change(key, body)

    for number, state in enumerate(OperationState):
        await add(number, state)
    assert (await storage.counts(NOW))["operations_overdue"] == 0
    assert await storage.counts(NOW + SECOND) == {
        "operations_in_flight": 3,
        "operations_overdue": 3,
        "operations_needing_review": 1,
        "store_updates_pending": 2,
        "store_updates_failing": 1,
        "anomalies": 2,
        "orders_disputed": 0,
    }


@pytest.mark.parametrize("unusual", ["disputed", "total"])
async def test_what_the_shop_wants_a_human_for_is_counted_and_needs_attention(storage, unusual):
    await see(storage, "1")
    key = PaymentKey("shop", "2")
    invalid = {"order_state": OrderState.TOTAL_INVALID} if unusual == "total" else {}
    disputed = {"state": StoreUpdateState.DISPUTED, "reverts": 4} if unusual == "disputed" else {}

    def body(work):
        seeing("2", **invalid)(work)
        work.put_store_update(in_sync(key, **disputed))

    await storage.change(key, body)
    assert (await storage.counts(NOW))["orders_disputed"] == 1
    assert (await storage.waiting(["shop"], NOW)).needing_attention == 1
    found = await storage.list_records(EVERYTHING._replace(needing_attention=True))
    assert [record.payment.order_id for record in found] == ["2"]


# -- what a search finds, and what waits ------------------------------------------------------------------------------


async def named(storage, order_id, order_number, store="shop", **fields):
    key = (await see(storage, order_id, store=store, order_number=order_number, **fields)).key
    await storage.change(key, lambda work: work.index_references(names_of(order_id, order_number)))
    return key


async def found(storage, text, stores=("shop", "other"), **narrowed):
    wanted = EVERYTHING._replace(order_search=text, stores=stores, **narrowed)
    return {tuple(record.payment.key) for record in await storage.list_records(wanted)}


async def test_orders_are_found_by_the_beginning_of_their_id_number_or_reference(storage):
    reference = (GatewayReference("order_reference", "P01-4711-x"),)
    await named(storage, "4711", "A-100", references=reference)
    await named(storage, "4712", "A-101")
    await named(storage, "471", "b-100", store="other")
    assert await found(storage, "4711") == {("shop", "4711")}
    assert await found(storage, "471") == {("shop", "4711"), ("shop", "4712"), ("other", "471")}
    assert await found(storage, "A-10") == {("shop", "4711"), ("shop", "4712")}
    assert await found(storage, "P01-47") == {("shop", "4711")}
    assert await found(storage, "a-10") == await found(storage, "100") == await found(storage, "4%") == set()


async def test_a_search_holds_together_with_the_other_filters_and_pages(storage):
    for number in range(5):
        await named(storage, f"1{number}", f"N{number}", update_time=NOW + number * SECOND)
    await named(storage, "19", "N9", status=PaymentStatus.CAPTURED)
    assert await found(storage, "1", statuses=frozenset({PaymentStatus.CAPTURED})) == {("shop", "19")}
    assert await found(storage, "1", store="other") == set()
    wanted = EVERYTHING._replace(order_search="1", stores=("shop",), limit=2)
    first = await storage.list_records(wanted)
    rest = await storage.list_records(wanted._replace(before=position(first[-1]), limit=9))
    assert [record.payment.order_id for record in first + rest][:5] == ["14", "13", "12", "11", "19"]
    assert len(first + rest) == 6


async def test_a_search_looks_at_so_many_orders_and_no_more(storage, monkeypatch):
    monkeypatch.setattr("payment_actions_server.storage.lists.SEARCHED_MAX", 3)
    for number in range(5):
        await named(storage, f"1{number}", f"1{number}")
    assert len(await found(storage, "1")) == 3
    assert await found(storage, "14") == {("shop", "14")}


@pytest.mark.parametrize("text", ["'", "%", "_", "\\", "#", "ü", "\U0001f600", "$1", "?1"])
async def test_a_search_takes_every_character_as_it_is(storage, text):
    await named(storage, f"x{text}y", "1")
    await named(storage, "xzy", "2")
    assert await found(storage, f"x{text}") == {("shop", f"x{text}y")}


async def test_store_updates_that_failed_and_looks_that_are_late_are_listed(storage):
    await named(storage, "1", "1", next_refresh_time=NOW)
    await named(storage, "2", "2", next_refresh_time=NOW + 9 * SECOND)
    await named(storage, "3", "3")
    for order_id, problem in (("1", ""), ("3", "no answer")):
        key = KEY._replace(order_id=order_id)
        update = in_sync(key, state=StoreUpdateState.PENDING, next_attempt_time=NOW, attempts=1, last_error=problem)
        await storage.change(key, lambda work, update=update: work.put_store_update(update))
    failing = await storage.list_records(EVERYTHING._replace(store_update_failing=True))
    late = await storage.list_records(EVERYTHING._replace(refresh_due_before=NOW + SECOND, stores=("shop",)))
    assert [record.payment.order_id for record in failing] == ["3"]
    assert [record.payment.order_id for record in late] == ["1"]


async def test_what_waits_is_counted_by_store(storage):
    await see(storage, "1", anomaly="odd", next_refresh_time=NOW)
    await see(storage, "2", store="other", next_refresh_time=NOW)
    await begin(storage, intent(1, "1", state=OperationState.NEEDS_REVIEW))
    waiting = in_sync(PaymentKey("other", "2"), **FAILING)
    await storage.change(PaymentKey("other", "2"), lambda work: work.put_store_update(waiting))
    assert await storage.waiting(("shop", "other"), NOW + SECOND) == (2, 1, 1, 2)
    assert await storage.waiting(("shop",), NOW + SECOND) == (1, 1, 0, 1)
    assert await storage.waiting(("shop",), NOW) == (1, 1, 0, 0)


async def test_authorizations_that_run_out_are_added_up_by_day_and_currency(storage):
    day = timedelta(days=1)
    begins = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    kinds = [(0, "USD", 100, 0), (0, "USD", 50, 20), (0, "EUR", 7, 0), (1, "USD", 1, 0), (9, "USD", 1, 0)]
    for number, (days, currency, authorized, captured) in enumerate(kinds):
        status = PaymentStatus.PARTIALLY_CAPTURED if captured else PaymentStatus.AUTHORIZED
        await see(storage, str(number), status=status, currency_code=currency, authorized_minor=authorized,
                  captured_minor=captured, authorization_expire_time=begins + days * day + SECOND)  # fmt: skip
    await see(storage, "done", status=PaymentStatus.CAPTURED, authorization_expire_time=begins + SECOND)
    assert await storage.expiring(("shop",), begins, begins + 2 * day) == [
        (begins, "EUR", 1, 7),
        (begins, "USD", 2, 130),
        (begins + day, "USD", 1, 1),
    ]
    assert await storage.expiring(("other",), begins, begins + 2 * day) == []


# -- what is kept of each day -----------------------------------------------------------------------------------------


async def test_of_two_counts_of_a_day_the_one_that_reaches_further_stays(storage):
    row = DayRow("2026-11-25", 10, [("shop", "captured", "USD", 5)])
    await storage.put_daily_totals(row)
    await storage.put_daily_totals(row._replace(up_to_sequence=9, totals=[]))
    assert await storage.daily_totals() == [row]
    further = row._replace(up_to_sequence=11, totals=[("shop", "captured", "USD", 6)])
    await storage.put_daily_totals(further)
    await storage.put_daily_totals(DayRow("", 12, []))
    assert sorted(await storage.daily_totals()) == [DayRow("", 12, []), further]


async def test_of_days_that_are_known_only_what_changed_is_read(storage):
    one, two = DayRow("2026-11-24", 10, [("shop", "captured", "USD", 5)]), DayRow("2026-11-25", 11, [])
    for row in (one, two):
        await storage.put_daily_totals(row)
    names = {one.name, two.name, "2026-11-25@12", "2026-11-26@10"}
    assert sorted(await storage.daily_totals(names)) == [one._replace(totals=None), two._replace(totals=None)]
    further = one._replace(up_to_sequence=13)
    await storage.put_daily_totals(further)
    assert sorted(await storage.daily_totals(names)) == [further, two._replace(totals=None)]


async def test_movements_are_the_events_by_which_something_moved(storage):
    await see(storage)  # The first sight is one.
    await storage.change(KEY, counting)
    last = await storage.last_sequence()
    (first,) = await storage.movements(0, last)
    assert (first.store, first.status_before) == ("shop", None)
    assert await storage.movements(first.sequence, last) == []
