"""The first page: what moved by day, whoever moved it, what stands where, and what waits."""

import asyncio
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, TOTAL, world

from payment_actions_server.domain.errors import PlatformUnavailable, StoreNotFound
from payment_actions_server.engine import PaymentQuery, totals
from payment_actions_server.plugins import Action, CaptureMode, PaymentStatus

DAY = timedelta(days=1)


async def moved(here, **asked):
    """Return what moved on each day, by currency."""
    overview = await here.engine.overview(asked.pop("store", None), asked.pop("days", 14))
    assert overview.totals_sequence == overview.last_sequence
    return [(str(day), currency, *amounts) for day, currency, *amounts in overview.daily_totals]


def day(here, past=0):
    return str((here.clock.now() - past * DAY).date())


@in_virtual_time
async def test_what_the_service_moves_counts_on_its_day(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized("1")
        here.authorized("2", 500, "EUR")
        await here.view("1")
        await here.view("2")
        await asyncio.sleep(DAY.total_seconds())
        await here.capture("1")
        await asyncio.sleep(DAY.total_seconds())
        await here.refund("1")
        assert await moved(here) == [
            (day(here, 2), "EUR", 500, 0, 0),
            (day(here, 2), "USD", TOTAL, 0, 0),
            (day(here, 1), "USD", 0, TOTAL, 0),
            (day(here), "USD", 0, 0, TOTAL),
        ]
        assert await moved(here, days=1) == [(day(here), "USD", 0, 0, TOTAL)]


@in_virtual_time
async def test_what_the_gateways_console_moves_counts_too_and_once(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        await here.refresh()
        await here.refresh()
        await here.notify()
        assert await moved(here) == [(day(here), "USD", TOTAL, TOTAL, 0)]


@in_virtual_time
async def test_immediate_capture_counts_although_no_operation_made_it(tmp_path):
    async with world(tmp_path, capture_mode=CaptureMode.IMMEDIATE_CAPTURE) as here:
        here.pending()
        await here.view()
        assert await moved(here) == []
        here.gateway.authorize("1", TOTAL)
        here.gateway.console(Action.CAPTURE, "1")
        await here.refresh()
        assert await moved(here) == [(day(here), "USD", TOTAL, TOTAL, 0)]


@in_virtual_time
async def test_what_had_moved_before_the_first_sight_counts_on_the_day_of_the_stores_last_change(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        here.gateway.console(Action.CAPTURE, "1")
        await asyncio.sleep(3 * DAY.total_seconds())
        await here.view()
        assert await moved(here) == [(day(here, 3), "USD", TOTAL, TOTAL, 0)]


@in_virtual_time
async def test_a_void_takes_nothing_off_and_moves_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.void()
        assert await moved(here) == [(day(here), "USD", TOTAL, 0, 0)]


@in_virtual_time
async def test_statuses_are_counted_as_they_are(tmp_path):
    async with world(tmp_path) as here:
        for order_id in "123456":
            here.authorized(order_id)
            await here.view(order_id)
        here.pending("7")
        await here.view("7")
        here.platform.place("bank", method_name="Bank transfer")
        await here.view("bank")
        await here.capture("1")
        await here.capture("2")
        await here.refund("2")
        await here.void("3")
        counts = (await here.engine.overview(STORE)).status_counts
        listed = [view.payment.status for view in (await here.engine.list_payments(PaymentQuery())).items]
        assert counts == {status: listed.count(status) for status in set(listed)}
        assert sum(counts.values()) == 8


@in_virtual_time
async def test_what_was_kept_and_what_came_since_make_the_same_sum(tmp_path, monkeypatch):
    monkeypatch.setattr(totals, "CHUNK", 3)  # Every few events a row is written, in the middle of a day.
    async with world(tmp_path, started=False) as here:
        counter = here.engine._totals
        for order_id in "1234":
            here.authorized(order_id)
            await here.capture(order_id)
            await here.engine._totals.keep()
            await asyncio.sleep(DAY.total_seconds() * 0.7)
            before = await moved(here)
            while await counter.keep():
                pass
            assert await moved(here) == before
        assert sum(captured for *_, captured, _ in before) == 4 * TOTAL
        assert await here.storage.daily_totals()
        assert not await counter.keep()


@in_virtual_time
async def test_days_gone_by_are_read_once_and_others_again_when_more_was_counted(tmp_path, monkeypatch):
    async with world(tmp_path, started=False) as here:
        counter, daily_totals, read = here.engine._totals, here.storage.daily_totals, []

        async def watched(known):
            rows = await daily_totals(known)
            read.append(sorted(row.day for row in rows if row.totals is not None))
            return rows

        monkeypatch.setattr(here.storage, "daily_totals", watched)
        for order_id in "12":
            here.authorized(order_id)
            await here.view(order_id)
            await counter.keep()
            await asyncio.sleep(DAY.total_seconds())
        expected = await moved(here)
        assert read == [[], [day(here, 2)], [day(here, 1)]]
        await here.capture("1")
        assert await moved(here) == [*expected, (day(here), "USD", 0, TOTAL, 0)]
        await counter.keep()
        assert await moved(here) == [*expected, (day(here), "USD", 0, TOTAL, 0)]
        assert read[3:] == [[], [], [day(here)]]
        here.authorized("3")
        await here.view("3")
        for _ in range(3):
            assert await moved(here) == [*expected, (day(here), "USD", TOTAL, TOTAL, 0)], (
                "it is remembered as it was read"
            )


@in_virtual_time
async def test_a_long_count_leaves_nine_tenths_of_the_time_to_others(tmp_path, monkeypatch):
    monkeypatch.setattr(totals, "CHUNK", 2)
    async with world(tmp_path, started=False) as here:
        here.authorized()
        await here.capture()
        movements, clock = here.storage.movements, asyncio.get_running_loop().time

        async def slow(after, up_to):
            await asyncio.sleep(1)
            return await movements(after, up_to)

        monkeypatch.setattr(here.storage, "movements", slow)
        started = clock()
        assert await here.engine._totals.keep()
        assert clock() - started == pytest.approx(10)
        while await here.engine._totals.keep():
            pass
        started = clock()
        assert not await here.engine._totals.keep()
        assert clock() == started, "whoever has counted all need not rest"


@in_virtual_time
async def test_replicas_that_count_at_once_and_die_in_between_count_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(totals, "CHUNK", 4)
    async with world(tmp_path, started=False) as here:
        for order_id in "12345":
            here.authorized(order_id)
            await here.capture(order_id)
            await asyncio.sleep(DAY.total_seconds() / 2)
        expected = await moved(here)
        counters = [here.engine._totals, here.replica()._totals, here.replica()._totals]
        put, writes = here.storage.put_daily_totals, []

        async def dying(row):
            writes.append(row)
            if len(writes) % 3 == 0:
                raise ConnectionError("died")
            await put(row)

        monkeypatch.setattr(here.storage, "put_daily_totals", dying)
        for _ in range(30):
            await asyncio.gather(*(counter.keep() for counter in counters), return_exceptions=True)
        assert await moved(here) == expected
        position = max(row.up_to_sequence for row in await here.storage.daily_totals())
        assert position == await here.storage.last_sequence()


@in_virtual_time
async def test_a_history_too_long_for_one_question_says_how_far_it_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(totals, "CHUNK", 2)
    monkeypatch.setattr(totals, "CHUNKS_MAX", 2)
    async with world(tmp_path, started=False) as here:
        for order_id in "12345":
            here.authorized(order_id)
            await here.view(order_id)
        overview = await here.engine.overview(None)
        assert (overview.totals_sequence, overview.last_sequence) == (4, 5)
        await here.engine.start()
        await asyncio.sleep(1)
        assert sum(amount for _, _, amount, _, _ in await moved(here)) == 5 * TOTAL


@in_virtual_time
async def test_stores_are_told_apart_and_together(tmp_path):
    async with world(tmp_path) as here:
        other = here.another_store("other")
        here.engine = here.replica(unavailable_stores={"broken": PlatformUnavailable("It is broken.")})
        here.authorized("1", expire_time=here.clock.now() + DAY)
        other.platform.place("2", 500, method_name=METHOD, references=(other.gateway.authorize("2", 500),))
        await here.view("1")
        await here.engine.get_payment("other", "2")
        assert await moved(here) == [(day(here), "USD", TOTAL + 500, 0, 0)]
        assert await moved(here, store="other") == [(day(here), "USD", 500, 0, 0)]
        overview = await here.engine.overview(None)
        assert [tuple(state) for state in overview.stores] == [
            ("broken", None, "It is broken."),
            ("other", CaptureMode.AUTHORIZE_THEN_CAPTURE, ""),
            (STORE, CaptureMode.AUTHORIZE_THEN_CAPTURE, ""),
        ]
        assert overview.status_counts == {PaymentStatus.AUTHORIZED: 2}
        assert [(one.payments, one.open_minor) for one in overview.expiring] == [(1, TOTAL)]
        assert [state.store for state in (await here.engine.overview("other")).stores] == ["other"]
        assert (await here.engine.overview("other")).expiring == []
        with pytest.raises(StoreNotFound):
            await here.engine.overview("nobody")


@in_virtual_time
async def test_what_runs_out_is_added_up_again_after_ten_seconds(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized(expire_time=here.clock.now() + DAY)
        await here.view()
        assert [one.payments for one in (await here.engine.overview(None)).expiring] == [1]
        await here.capture()
        assert [one.payments for one in (await here.engine.overview(None)).expiring] == [1]
        await asyncio.sleep(10)
        assert (await here.engine.overview(None)).expiring == []


@in_virtual_time
async def test_what_waits_is_counted_and_a_look_that_is_late_is_found(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        assert (await here.engine.overview(None)).waiting.refreshes_overdue == 0
        await here.crash()  # Nobody looks any more.
        await asyncio.sleep(120)
        assert (await here.engine.overview(None)).waiting.refreshes_overdue == 1


@in_virtual_time
async def test_an_order_is_found_by_its_new_number_too(tmp_path):
    async with world(tmp_path) as here:
        here.authorized("4711")
        await here.view("4711")
        here.platform.change("4711", order_number="B-17")
        await here.refresh("4711")
        found = (await here.engine.list_payments(PaymentQuery(order_search="B-1"))).items
        assert [view.payment.order_id for view in found] == ["4711"]
