"""How a group of changes gathers: each group costs a commit, however many it holds."""

import asyncio
from collections.abc import Sized
from time import perf_counter
from typing import Final

GATHERED_MAX: Final = 16
"""A group of so many waits for no others: while they are written, the loop can serve those."""
GATHER_SECONDS_MAX: Final = 0.01
"""How long a smaller group waits for others who are on their way to it."""
IDLE_SECONDS_MAX: Final = 0.00005
"""A turn of the event loop that takes less had nothing to do."""


async def gathered(waiting: Sized) -> None:
    """Let whoever is on the way to the group join it: wait until the loop has nothing else to do.

    A caller who is alone waits for one empty turn of the loop.
    """
    started = now = perf_counter()
    while len(waiting) < GATHERED_MAX and now - started < GATHER_SECONDS_MAX:
        await asyncio.sleep(0)
        before, now = now, perf_counter()
        if now - before < IDLE_SECONDS_MAX:
            return
