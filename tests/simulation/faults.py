"""What goes wrong, how often, and when: drawn from the seed, for each world anew."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Final

COMMIT: Final = (
    "commit: crash before",
    "commit: crash after",
    "commit: refused",
    "commit: answer lost",
    "commit: slow before",
    "commit: slow after",
    "commit: conflict",
    "commit: applied, then tried again",
)
READ: Final = ("read: refused", "read: slow")
GATEWAY: Final = (
    "gateway: crash before",
    "gateway: crash during",
    "gateway: crash after",
    "gateway: request lost",
    "gateway: request late",
    "gateway: request twice",
    "gateway: answer lost",
    "gateway: answer late",
    "gateway: connection cut",
    "gateway: throttled",
    "gateway: unavailable",
)
LOOK: Final = tuple(f"look: {kind.removeprefix('gateway: ')}" for kind in GATEWAY if "twice" not in kind)
PLATFORM: Final = tuple(f"platform: {kind.removeprefix('gateway: ')}" for kind in GATEWAY if "throttled" not in kind)
NOTIFICATION: Final = ("notification: lost", "notification: late", "notification: twice")
BOUNDARIES: Final = (COMMIT, READ, GATEWAY, LOOK, PLATFORM, NOTIFICATION)

# For a while, one thing goes wrong nearly always.
STORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "the gateway is out of reach": ("gateway: unavailable", "look: unavailable"),
    "the gateway throttles": ("gateway: throttled", "look: throttled"),
    "the gateway's answers get lost": ("gateway: answer lost",),
    "the gateway's connections are cut": ("gateway: connection cut",),
    "requests to the gateway get lost": ("gateway: request lost",),
    "the gateway breaks down": (
        "gateway: answer lost",
        "gateway: connection cut",
        "gateway: unavailable",
        "gateway: throttled",
        "look: unavailable",
    ),
    "the gateway is slow": ("gateway: request late", "look: answer late"),
    "looks show nothing": ("look: answer lost", "gateway: answer lost"),
    "the platform is down": ("platform: unavailable",),
    "the platform's answers get lost": ("platform: answer lost",),
    "the database is out of reach": ("commit: refused", "read: refused"),
    "the database's answers get lost": ("commit: answer lost",),
    "the database is slow": ("commit: slow after", "commit: slow before"),
}
STORM_RATE: Final = 0.9


class FaultPlan:
    """The rates of one world: some kinds never occur in it, others often, so that worlds differ."""

    def __init__(
        self, random: Random, *, barred: frozenset[str] = frozenset(), rates: Mapping[str, float] | None = None
    ) -> None:
        self._random = random
        level = random.choice((0.2, 0.6, 1.0, 1.0, 1.6))
        self._rates = {
            kind: random.choice((0.0, 0.0, 0.01, 0.03, 0.08)) * level
            for kinds in BOUNDARIES
            for kind in kinds
            if kind not in barred
        }
        self._rates = dict(rates) if rates else self._rates
        self._storms: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._barred = barred
        self.on = True

    def draw(self, kinds: tuple[str, ...]) -> str:
        """Return what goes wrong at one boundary; empty: nothing."""
        if not self.on:
            return ""
        point = self._random.random()
        raging = [kind for kind in self._raging() if kind in kinds and kind not in self._barred]
        if raging and self._random.random() < STORM_RATE:
            return self._random.choice(raging)
        for kind in kinds:
            point -= self._rates.get(kind, 0.0)
            if point < 0:
                return kind
        return ""

    def storm(self) -> tuple[str, float]:
        """Begin a storm; return its name and how long it lasts."""
        name = self._random.choice(sorted(STORMS))
        seconds = self._random.choice((10.0, 40.0, 120.0))
        self._storms[name] = (asyncio.get_running_loop().time() + seconds, STORMS[name])
        return name, seconds

    def end(self) -> None:
        """From now on nothing goes wrong any more."""
        self.on = False

    def _raging(self) -> list[str]:
        now = asyncio.get_running_loop().time()
        self._storms = {name: storm for name, storm in self._storms.items() if storm[0] > now}
        return [kind for _, kinds in self._storms.values() for kind in kinds]
