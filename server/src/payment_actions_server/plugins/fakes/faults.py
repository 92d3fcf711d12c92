"""What goes wrong between us and the other side of a port, call by call."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, NoReturn, TypeVar

from payment_actions_server.plugins.errors import Throttled, Unavailable

T = TypeVar("T")
Wait = Callable[[], Awaitable[object]]


class AnswerLost(Exception):
    """No answer came. It may have happened: on purpose none of the errors that would prove anything."""


class Fault(NamedTuple):
    """What goes wrong with one call: awaited before, or after, it is carried out; either may raise."""

    before: Wait | None = None
    after: Wait | None = None


def _raising(error: Callable[[], Exception]) -> Wait:
    async def wait() -> NoReturn:
        raise error()

    return wait


async def _for_ever() -> None:
    await asyncio.Event().wait()


LOSE_REQUEST: Final = Fault(before=_raising(lambda: AnswerLost("no answer: the request was lost")))
LOSE_ANSWER: Final = Fault(after=_raising(lambda: AnswerLost("no answer: the answer was lost")))
UNAVAILABLE: Final = Fault(before=_raising(lambda: Unavailable("no connection could be made")))
HANG: Final = Fault(before=_for_ever)  #: Never carried out, never answered: the caller must give up by itself.
HANG_AFTER: Final = Fault(after=_for_ever)  #: Carried out, never answered.


def throttled(retry_after_seconds: float = 2.0) -> Fault:
    """Return the refusal of a call because the quota is used up."""
    return Fault(before=_raising(lambda: Throttled("quota", retry_after_seconds=retry_after_seconds)))


def slow(wait: Wait) -> Fault:
    """Return a delay before the call is carried out: ``slow(event.wait)``, ``slow(lambda: sleep(3))``."""
    return Fault(before=wait)


def slow_answer(wait: Wait) -> Fault:
    """Return a delay between carrying the call out and its answer."""
    return Fault(after=wait)


class Faults:
    """What shall go wrong, call by call."""

    def __init__(self, *calls: str) -> None:
        self.down = False  #: While true, every call is `Unavailable`.
        self.choose: Callable[[str], Fault | None] | None = None
        """Asked about every call that nothing was injected for; a simulation draws from its seed here."""
        self._queues: dict[str, deque[Fault]] = {call: deque() for call in calls}

    def inject(self, call: str, fault: Fault, *, times: int = 1) -> None:
        """Have the next calls of that name ("capture", "snapshot" ...) go wrong, in the order injected."""
        self._queues[call].extend([fault] * times)

    async def around(self, call: str, carry_out: Callable[[], T]) -> T:
        """Return what ``carry_out`` returns, with what shall go wrong before and after it."""
        fault = self._next(call)
        if fault.before:
            await fault.before()
        try:
            return carry_out()
        finally:  # A refusal, too, is an answer that can get lost.
            if fault.after:
                await fault.after()

    async def around_harmless(self, call: str, read: Callable[[], T]) -> T:
        """Do the like for a call that moves no money: without an answer, it is made again."""
        try:
            return await self.around(call, read)
        except AnswerLost as lost:
            raise Unavailable(str(lost)) from None

    def _next(self, call: str) -> Fault:
        if self.down:
            return UNAVAILABLE
        if queue := self._queues[call]:
            return queue.popleft()
        return (self.choose(call) if self.choose else None) or Fault()
