"""What the storage takes for the time that passes within a turn of the loop, or a commit: the seed draws it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Final
from unittest.mock import patch

from payment_actions_server.storage import gathering, sqlite, sqlite_file

PASSES: Final = 0.6
"""How often time has passed since the last look: so often a group waits another turn for others who may join it."""
PASSED_SECONDS: Final = 2 * max(gathering.IDLE_SECONDS_MAX, sqlite.QUICK_SECONDS_MAX)
"""Long enough for a turn in which something was done, and for a commit that waits in a thread."""


@contextmanager
def drawn_stopwatch(random: Random) -> Iterator[None]:
    """Have the storage read no real time: how busy the machine is must not tell how the story goes on."""
    seconds = 0.0

    def read() -> float:
        nonlocal seconds
        if random.random() < PASSES:
            seconds += PASSED_SECONDS
        return seconds

    with ExitStack() as stack:
        for module in (gathering, sqlite_file):
            stack.enter_context(patch.object(module, "perf_counter", read))
        yield
