"""Where the engine gets its randomness from: `random.Random` fits, seeded in tests."""

from typing import Protocol


class Random(Protocol):
    """A source of randomness."""

    def uniform(self, a: float, b: float) -> float:
        """Return a number from ``a`` to ``b``."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """Return ``k`` random bits."""
        ...
