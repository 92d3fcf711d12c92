"""Work that belongs to the engine, not to a caller: tasks that outlive their RPC, and loops that look for due work."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)

Tick = Callable[[], Coroutine[Any, Any, bool]]
"""One round of a loop. Returns whether there is more to do at once."""


class Background:
    """The engine's tasks. Stopping lets what is under way finish, within a bound."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start work that nobody's hanging up stops."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def loop(self, tick: Tick, *, name: str, seconds: float, wake: asyncio.Event) -> None:
        """Call ``tick`` again and again: at once while it says there is more, else after ``seconds`` or a wake-up."""
        self._loops.add(asyncio.create_task(self._forever(tick, name, seconds, wake), name=name))

    async def stop(self, grace_seconds: float) -> None:
        """End the loops, then give what is under way, their last rounds included, its time."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        try:
            async with asyncio.timeout(grace_seconds):
                while self._tasks:  # What ends may have begun something else.
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            await self._cut_off()

    async def _cut_off(self) -> None:
        late = list(self._tasks)
        for task in late:  # Its operation is durable; whoever starts next finishes it.
            log.warning("work cut off at stop", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Seen by whoever awaited it; a caller who hung up leaves none to warn about.

    async def _forever(self, tick: Tick, name: str, seconds: float, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            this_round = self.spawn(tick(), name)
            await asyncio.wait([this_round])
            if not _more(this_round):
                await _woken_or_after(wake, seconds)


def _more(ended: asyncio.Task[bool]) -> bool:
    """Return what a round returned; nothing that a round ends by ends the loop."""
    if not ended.cancelled() and ended.exception() is None:
        return ended.result()
    error = None if ended.cancelled() else ended.exception()
    log.error("background round failed", loop=ended.get_name(), exc_info=error)
    return False


async def _woken_or_after(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
