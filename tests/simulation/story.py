"""What happened in a world, told step by step, and counted."""

import asyncio
import hashlib
from collections import Counter


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, why: str) -> None:
        super().__init__(f"{invariant}: {why}")
        self.invariant = invariant


class Story:
    """The lines, the counts, and the first violation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        self.violation: Violation | None = None

    def tell(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append(f"{asyncio.get_running_loop().time():10.3f}  {who:<9} {what}")

    def count(self, what: str, times: int = 1) -> None:
        """Count something."""
        self.counts[what] += times

    def violate(self, invariant: str, why: str) -> None:
        """Note that an invariant does not hold; only the first is kept, for the others follow from it."""
        if self.violation is None:
            self.violation = Violation(invariant, why)
            self.tell("VIOLATION", str(self.violation))

    def check(self, holds: object, invariant: str, why: str) -> None:
        """Note a violation unless something holds."""
        if not holds:
            self.violate(invariant, why)

    def digest(self) -> str:
        """Return what two runs of one seed must have in common."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()
