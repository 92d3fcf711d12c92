"""Stream events to readers who resume: none skipped, none twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from payment_actions_server.domain.event import Event
from payment_actions_server.engine.context import Context

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
        silent_seconds = 0.0
        while True:
            news = self._news  # Before the read: what commits after it sets this one.
            since = last
            events = await storage.read(lambda work, since=since: work.events_after(since, stores, PAGE))  # type: ignore[misc]
            for event in events:
                yield event
            if events:
                last, silent_seconds = events[-1].sequence, 0.0
                continue
            if not await _waited(news, policy.poll_seconds):  # Another process may have written: look anyway.
                silent_seconds += policy.poll_seconds
            if silent_seconds >= policy.watch_idle_seconds:
                silent_seconds = 0.0
                yield None


async def _waited(news: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await news.wait()
    except TimeoutError:
        return False
