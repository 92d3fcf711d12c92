"""Stream events to readers who resume: none skipped, none twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from payment_actions_server.domain.event import Event
from payment_actions_server.engine.context import Context

PAGE: Final = 100
"""Events that are read at a time; a reader who lags holds as many in memory."""


class Watch:
    """Wakes readers when events become durable; what they read comes from the storage, in order."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._news = asyncio.Event()
        self._reading: dict[int, asyncio.Task[tuple[list[Event], int]]] = {}

    def announce(self) -> None:
        """Wake all readers. Called after a commit that appended events."""
        news, self._news = self._news, asyncio.Event()
        self._reading = {}  # What is being read may have begun before this commit.
        news.set()

    async def events(self, stores: frozenset[str], after_sequence: int | None) -> AsyncIterator[Event | int]:
        """Yield events after a sequence, then those to come, without end.

        A number is a sign of life: the sequence up to which nothing was missed. The first comes as soon as the reader
        has caught up: nobody must wait for news to know that the stream stands, or where to resume it.

        :param stores: only these; empty: all.
        :param after_sequence: None: only what happens from now on.
        """
        storage, policy = self._context.storage, self._context.policy
        last = after_sequence
        if last is None:
            last = await storage.last_sequence()
        clock, idle = self._context.clock, timedelta(seconds=policy.watch_idle_seconds)
        silent_since, caught_up = clock.now(), False
        while True:
            news = self._news  # Before the read: what commits after it sets this one.
            events, position = await self._after(last)
            for event in events:
                if not stores or event.store in stores:
                    silent_since = clock.now()
                    yield event
            behind, last = position != last, position
            if clock.now() - silent_since >= idle or not (behind or caught_up):
                silent_since = clock.now()
                caught_up = caught_up or not behind
                yield last
            if not behind:
                await _wait(news, policy.poll_seconds)

    async def _after(self, sequence: int) -> tuple[list[Event], int]:
        """Return the next events, and the sequence to go on from. Readers who stand at the same place read once."""
        reading = self._reading
        task = reading.get(sequence)
        if task is None:
            task = asyncio.create_task(self._context.storage.events_after(sequence, (), PAGE))
            reading[sequence] = task
            task.add_done_callback(lambda _: reading.pop(sequence, None))
        return await asyncio.shield(task)


async def _wait(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return  # Another process may have written: look anyway.
