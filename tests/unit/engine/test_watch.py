"""Readers of events resume where they were: none skipped, none twice."""

import asyncio
import itertools

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, world

from payment_actions_server.domain.errors import StoreNotFound
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.plugins import Action


async def take(watch, count):
    """Return the next events, signs of life left out."""
    taken = []
    async for event in watch:
        if not isinstance(event, int):
            taken.append(event)
        if len(taken) == count:
            break
    return taken


async def everything(here):
    events, _ = await here.storage.events_after(0, (), 10_000)
    return events


@in_virtual_time
async def test_reader_resumes_after_any_sequence(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        events = await everything(here)
        for position in range(len(events)):
            rest = events[position:]
            after = events[position].sequence - 1
            assert await take(here.engine.watch(frozenset(), after), len(rest)) == rest


@in_virtual_time
async def test_reader_without_a_position_hears_only_what_is_new(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        reader = asyncio.create_task(take(here.engine.watch(frozenset(), None), 1))
        await asyncio.sleep(0.1)
        await here.capture()
        (event,) = await reader
        assert event.type.value == "OPERATION_STARTED"


@in_virtual_time
async def test_reader_hears_at_once(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        reader = asyncio.create_task(take(here.engine.watch(frozenset(), 0), 1))
        await asyncio.sleep(0.5)
        before = here.clock.now()
        await here.view()
        await reader
        assert here.clock.now() == before


@in_virtual_time
async def test_nothing_is_skipped_or_repeated_under_concurrent_writes(tmp_path):
    async with world(tmp_path) as here:
        orders = [here.authorized(str(number)) for number in range(20)]
        readers = [asyncio.create_task(take(here.engine.watch(frozenset(), 0), 80)) for _ in range(3)]
        await asyncio.gather(*(here.capture(order_id) for order_id in orders))
        heard = await asyncio.gather(*readers)
        assert heard[0] == heard[1] == heard[2] == await everything(here)
        sequences = [event.sequence for event in heard[0]]
        assert sequences == sorted(set(sequences))


@in_virtual_time
async def test_reader_who_pages_hears_all(tmp_path, monkeypatch):
    async with world(tmp_path) as here:
        monkeypatch.setattr("payment_actions_server.engine.watch.PAGE", 2)
        for number in range(5):
            here.authorized(str(number))
            await here.view(str(number))
        assert await take(here.engine.watch(frozenset(), 0), 5) == await everything(here)


@in_virtual_time
async def test_reader_hears_of_what_another_replica_does(tmp_path):
    async with world(tmp_path) as here:
        reader = asyncio.create_task(take(here.engine.watch(frozenset(), 0), 3))
        await asyncio.sleep(0.1)
        other = here.replica()  # From here on commits are announced to this one only.
        here.authorized()
        await here.capture(engine=other)
        assert len(await reader) == 3


@in_virtual_time
async def test_reader_is_told_at_once_where_the_present_is(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        present, before = await here.storage.last_sequence(), here.clock.now()
        assert await anext(here.engine.watch(frozenset(), None)) == present
        assert await anext(here.engine.watch(frozenset({here.store.store_id}), present)) == present
        assert here.clock.now() == before


@in_virtual_time
async def test_silence_gives_signs_of_life(tmp_path):
    async with world(tmp_path) as here:
        watch, times = here.engine.watch(frozenset(), 0), []
        async for sign in watch:
            assert sign == await here.storage.last_sequence()
            times.append(here.clock.now())
            if len(times) == 3:
                break
        gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
        assert gaps == [pytest.approx(here.policy.watch_idle_seconds, abs=1.1)] * 2


@in_virtual_time
async def test_reader_of_one_store_hears_of_no_other(tmp_path):
    async with world(tmp_path, started=False) as here:
        other = here.another_store("other")
        here.engine = here.replica()
        here.authorized()
        other.platform.place("1", 500, method_name=METHOD, references=(other.gateway.authorize("1", 500),))
        await here.engine.run_action(ActionRequest("other", "1", Action.CAPTURE, "r"))
        await here.capture()
        heard = await take(here.engine.watch(frozenset({"other"}), 0), 3)
        assert {event.store for event in heard} == {"other"}


@in_virtual_time
async def test_reader_of_a_quiet_store_gets_signs_of_life_while_another_is_busy(tmp_path):
    async with world(tmp_path) as here:
        here.another_store("quiet")
        here.engine = here.replica()
        signs = []

        async def listen():
            async for sign in here.engine.watch(frozenset({"quiet"}), 0):
                signs.append(sign)

        listener = asyncio.create_task(listen())
        for number in range(80):
            here.authorized(str(number))
            await here.view(str(number))
            await asyncio.sleep(0.5)
        listener.cancel()
        assert len(signs) == 3  # One at once, then one for each time that nothing was heard for a while.
        assert signs == sorted(signs)
        assert 0 < signs[-1] <= await here.storage.last_sequence()


@in_virtual_time
async def test_reader_of_a_quiet_store_does_not_read_the_others_events_again_and_again(tmp_path, monkeypatch):
    async with world(tmp_path) as here:
        here.another_store("quiet")
        here.engine = here.replica()
        positions = []
        events_after = here.storage.events_after

        async def note(sequence, stores, limit):
            positions.append(sequence)
            return await events_after(sequence, stores, limit)

        monkeypatch.setattr(here.storage, "events_after", note)
        listener = asyncio.create_task(take(here.engine.watch(frozenset({"quiet"}), 0), 1))
        for number in range(5):
            here.authorized(str(number))
            await here.view(str(number))
        await asyncio.sleep(5)
        listener.cancel()
        assert positions[-1] == 5


@in_virtual_time
async def test_watching_an_unknown_store_is_an_error(tmp_path):
    async with world(tmp_path) as here:
        with pytest.raises(StoreNotFound):
            here.engine.watch(frozenset({"nobody"}), 0)


@in_virtual_time
async def test_reader_who_joins_a_read_that_began_before_a_commit_does_not_wait_for_the_next_one(tmp_path):
    async with world(tmp_path) as here:
        events_after, slow = here.storage.events_after, asyncio.Event()

        async def answered_late(sequence, stores, limit):
            found = await events_after(sequence, stores, limit)
            if not slow.is_set():
                slow.set()
                await asyncio.sleep(0.5)  # As over a network: what it returns is old by then.
            return found

        here.storage.events_after = answered_late
        first = asyncio.create_task(take(here.engine.watch(frozenset(), 0), 1))
        await slow.wait()
        here.authorized()
        await here.view()
        asked = here.clock.now()
        await take(here.engine.watch(frozenset(), 0), 1)
        assert (here.clock.now() - asked).total_seconds() < 0.1
        await first


@in_virtual_time
async def test_reader_of_a_quiet_store_gets_signs_of_life_while_others_are_busy(tmp_path):
    async with world(tmp_path) as here:
        asked = []

        async def always_something_of_others(sequence, stores, limit):
            await asyncio.sleep(1)
            asked.append(sequence)
            assert len(asked) < 100, "it hears nothing for too long"
            return [], sequence + 1

        here.storage.events_after = always_something_of_others
        watching = here.engine.watch(frozenset(), 0)
        assert isinstance(await anext(watching), int)
