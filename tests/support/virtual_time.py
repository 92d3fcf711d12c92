"""An event loop in virtual time: nothing sleeps, waits end at once and in order, and threads are run in line."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

ABROAD_SECONDS_MAX = 30.0
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing else is to be done."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_seconds = 0.0
        self._abroad = 0

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual_seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run the function at once: a thread would bring real time in, and chance."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    @contextmanager
    def abroad(self) -> Iterator[None]:
        """Wait for real within the block, once nothing else is to be done: its answer comes from another process."""
        self._abroad += 1
        try:
            yield
        finally:
            self._abroad -= 1

    def _run_once(self) -> None:
        if not self._ready and not self._stopping:  # type: ignore[attr-defined]
            if self._abroad:
                # The time of all others stands still meanwhile.
                self._process_events(self._selector.select(ABROAD_SECONDS_MAX))  # type: ignore[attr-defined]
            else:
                self._virtual_seconds = max(self._virtual_seconds, self._next_timer())
        super()._run_once()  # type: ignore[misc]

    def _next_timer(self) -> float:
        # A timer that was cancelled stays in the heap for a while: time must not jump to it, nor a real wait begin.
        timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        if not timers:
            raise RuntimeError("deadlock: all tasks wait for something that nothing will ever bring")
        return min(timers)


class VirtualClock:
    """The wall clock of a virtual loop."""

    def now(self) -> datetime:
        """Return the virtual present."""
        return START + timedelta(seconds=asyncio.get_running_loop().time())


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a virtual loop."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
