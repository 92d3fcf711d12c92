"""An event loop whose time is virtual, whose order is the seed's, and whose tasks know to which replica they belong."""

import asyncio
import heapq
from collections import deque
from contextvars import ContextVar
from random import Random
from typing import Any, Protocol

from support.virtual_time import VirtualLoop


class Owner(Protocol):
    """Whoever dies with its tasks."""

    def own(self, task: "asyncio.Task[Any]") -> None: ...


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)


class ShuffledLoop(VirtualLoop):
    """Runs what is ready in an order that the seed draws, and does no I/O at all."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self.set_task_factory(_owned_task)

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            self._timer_cancelled_count -= 1
            heapq.heappop(scheduled)._scheduled = False
        if not ready and not self._stopping:
            if not scheduled:
                raise RuntimeError("deadlock: all tasks wait for something that nothing will ever bring")
            self._virtual_seconds = max(self._virtual_seconds, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._virtual_seconds:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            ready.append(timer)
        if len(ready) > 1 and self._random.random() < 0.5:
            _shuffle(ready, self._random)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()


def _shuffle(ready: "deque[asyncio.Handle]", random: Random) -> None:
    """Put the tasks that can go on into another order; what must be told to futures and callbacks is told first."""
    tasks = [handle for handle in ready if isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)]
    others = [handle for handle in ready if not isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)]
    random.shuffle(tasks)
    ready.clear()
    ready.extend(others)
    ready.extend(tasks)


def _owned_task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
    task = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    owner = context.get(OWNER) if context is not None else OWNER.get()
    if owner is not None:
        owner.own(task)
    return task
