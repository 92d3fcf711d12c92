"""Stream events to readers who resume: none skipped, none twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from payment_actions_server.domain.event import Event
from payment_actions_server.engine.context import Context
from payment_actions_server.storage import UnitOfWork

PAGE: Final = 500


class Watch:
    """Wakes readers when events become durable; what they read comes from the storage, in order."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._news = asyncio.Event()

    def announce(self) -> None:
        """Wake all readers. Called after a commit that appended events."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def events(self, stores: frozenset[str], after_sequence: int | None) -> AsyncIterator[Event | None]:
        """Yield events after a sequence, then those to come, without end; None is a sign of life.

        :param stores: only these; empty: all.
        :param after_sequence: None: only what happens from now on.
        """
        storage, policy = self._context.storage, self._context.policy
        last = after_sequence
        if last is None:
            last = await storage.read(lambda work: work.last_sequence())
        clock, idle = self._context.clock, timedelta(seconds=policy.watch_idle_seconds)
        silent_since = clock.now()
        while True:
            news = self._news  # Before the read: what commits after it sets this one.
            events, last = await self._after(last, stores)
            for event in events:
                yield event
            if events:
                silent_since = clock.now()
                continue
            await _wait(news, policy.poll_seconds)
            if clock.now() - silent_since >= idle:
                silent_since = clock.now()
                yield None

    async def _after(self, sequence: int, stores: frozenset[str]) -> tuple[list[Event], int]:
        """Return the next events, and the sequence to go on from: past those of other stores, too."""

        async def body(work: UnitOfWork) -> tuple[list[Event], int]:
            events = await work.events_after(sequence, stores, PAGE)
            if len(events) == PAGE:
                return events, events[-1].sequence
            return events, max(sequence, await work.last_sequence())

        return await self._context.storage.read(body)


async def _wait(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return  # Another process may have written: look anyway.
