"""Worlds in which one kind of misfortune is the rule: what chance alone brings together too rarely."""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple

from simulation.shop import LIVELY, QUIET, REFUND_ACTS, STATUS_ACTS, TOTAL_ACTS, Mood
from simulation.sides import BLIND, BLIND_FORGETS_SOON, FORGETS_SOON, SEES_ALL

THEMED: Final = 0.25
"""The share of worlds that have a theme."""


_BUSY: Final = MappingProxyType({"act": 60, "place": 16, "storm": 0})


class Theme(NamedTuple):
    """What one such world is made of; the seed draws the rest."""

    name: str
    rates: Mapping[str, float]  #: Of faults; there are no others.
    gateways: tuple[str, ...] = ()  #: The gateway is one of these; none: any.
    amounts: tuple[int, ...] = (1, 7, 1_000, 12_990)  #: Of orders.
    partial: bool | None = None  #: Whether parts of amounts can be moved; None: as the seed draws.
    moody: bool | None = None
    skew_seconds: float | None = None
    pace_seconds: float | None = None
    slow_leases: tuple[float, float] | None = None  #: How long slow commits and standstills last.
    weights: Mapping[str, int] = _BUSY  #: How often steps are taken, where it differs.
    mood: Mood = QUIET  #: What the shop does by itself.
    discovery_seconds: float | None = None  #: How often the shop's list is read; None: as the seed draws.


NO_THEME: Final = Theme("", MappingProxyType({}), weights=MappingProxyType({}))

THEMES: Final = (
    # Whoever is held up for long comes back when another has ended its operation, and the gateway has forgotten it.
    Theme(
        "slow commits at a forgetful gateway",
        MappingProxyType({"commit: slow after": 0.15, "gateway: answer lost": 0.1}),
        gateways=(FORGETS_SOON, FORGETS_SOON, BLIND_FORGETS_SOON),
        amounts=(12_990,),  # Of which one part can be moved twice.
        partial=True,
        moody=True,
        pace_seconds=6.0,
        slow_leases=(8.0, 14.0),
    ),
    # Whoever was refused is held up before it can say so; meanwhile another is not refused, and waits for the result.
    Theme(
        "slow outcomes while another tries again",
        MappingProxyType({"commit: slow before": 0.2, "gateway: unavailable": 0.4, "gateway: answer lost": 0.4}),
        gateways=(SEES_ALL, BLIND),
        moody=True,
        pace_seconds=6.0,
        slow_leases=(1.0, 4.0),
    ),
    # A request leaves at the end of its lease, and is under way still when another looks for it.
    Theme(
        "late requests at the end of a lease",
        MappingProxyType({"commit: slow after": 0.3, "gateway: request late": 0.6, "gateway: answer lost": 0.1}),
        gateways=(SEES_ALL,),
        skew_seconds=8.0,
        pace_seconds=4.0,
        slow_leases=(0.2, 1.1),
    ),
    # What was done elsewhere, on a payment that no schedule visits, is told once, and then nobody can look.
    Theme(
        "news from the console alone",
        MappingProxyType({"look: unavailable": 0.6, "commit: crash after": 0.02, "look: crash before": 0.03}),
        amounts=(1_000, 12_990),
        partial=True,
        pace_seconds=4.0,
        weights=MappingProxyType(
            {"act": 2, "place": 1, "change": 60, "console": 60, "look": 60, "storm": 0}
            | dict.fromkeys(("double click", "ask twice", "burst", "repeat", "refresh", "notify", "freeze"), 1)
        ),
    ),
    # Whoever dies, the next one finishes: deaths at the boundaries where money moves, and nowhere else.
    Theme(
        "crashes around each step",
        MappingProxyType(
            {
                "commit: crash before": 0.03,
                "commit: crash after": 0.03,
                "gateway: crash before": 0.15,
                "gateway: crash during": 0.15,
                "gateway: crash after": 0.15,
                "platform: crash during": 0.02,
                "platform: crash after": 0.02,
            }
        ),
        amounts=(1_000, 12_990),
        pace_seconds=6.0,
        weights=MappingProxyType(_BUSY | {"crash": 0, "freeze": 0}),
    ),
    # Whatever is done elsewhere, hardly anybody tells of it: the schedule finds it, or whoever asks.
    Theme(
        "notifications get lost",
        MappingProxyType({"notification: lost": 0.8, "notification: late": 0.1, "gateway: answer lost": 0.1}),
        amounts=(1_000, 12_990),
        pace_seconds=6.0,
        weights=MappingProxyType(_BUSY | {"console": 20, "checkout": 20, "refresh": 2, "notify": 0}),
    ),
)


SHOP_THEMED: Final = 0.3
"""The share of the other worlds in which what the shop does is the theme."""

_ASKING: Final = MappingProxyType(_BUSY | {"refresh": 16, "look": 16})

SHOP_THEMES: Final = (
    # An order changes while it is read: the shop answers late, the intent's commit is slow, and others look meanwhile.
    Theme(
        "orders change while they are read",
        MappingProxyType({"platform: answer late": 0.05, "commit: slow before": 0.3, "commit: conflict": 0.05}),
        amounts=(12_990,),
        partial=True,
        moody=False,
        pace_seconds=4.0,
        slow_leases=(0.2, 0.6),
        weights=MappingProxyType(
            _BUSY | {"act": 40, "place": 4} | dict.fromkeys(("double click", "ask twice", "burst", "console"), 1)
        ),
        mood=LIVELY._replace(seconds=2.5, acts=TOTAL_ACTS),
        discovery_seconds=5.0,
    ),
    # A shop that cannot be asked says nothing of its orders: no money moves meanwhile.
    Theme(
        "orders change while the shop is out of reach",
        MappingProxyType({"platform: unavailable": 0.3, "platform: answer lost": 0.05, "platform: crash after": 0.03}),
        amounts=(1_000, 12_990),
        pace_seconds=3.0,
        weights=_BUSY,
        mood=LIVELY._replace(seconds=3.0),
    ),
    # The shop's own software writes over every status of ours, as it computes them from its own records.
    Theme(
        "the shop changes statuses back",
        MappingProxyType({"platform: answer late": 0.05, "platform: request late": 0.05, "commit: crash after": 0.01}),
        amounts=(1_000, 12_990),
        pace_seconds=8.0,
        weights=_ASKING,
        mood=LIVELY._replace(seconds=20.0, acts=STATUS_ACTS, stubborn=0.8),
        discovery_seconds=15.0,
    ),
    # The shop shows refunds that the gateway knows, does not know yet, or never knows.
    Theme(
        "refunds that only the shop shows",
        MappingProxyType({"look: unavailable": 0.1, "notification: lost": 0.3}),
        amounts=(1_000, 12_990),
        moody=False,
        pace_seconds=5.0,
        weights=MappingProxyType(
            _BUSY
            | {"act": 12, "place": 5}
            | dict.fromkeys(("double click", "ask twice", "repeat", "refresh", "crash", "freeze"), 1)
            | dict.fromkeys(("burst", "console", "notify", "change"), 0)
        ),
        mood=LIVELY._replace(seconds=10.0, acts=REFUND_ACTS, stubborn=0.0),
        discovery_seconds=15.0,
    ),
)


def theme_of(seed: int) -> Theme:
    """Draw a seed's theme, or none; apart from all else, so that worlds without one do not depend on it."""
    random = Random(f"theme of {seed}")
    if random.random() < THEMED:
        return random.choice(THEMES)
    return random.choice(SHOP_THEMES) if random.random() < SHOP_THEMED else NO_THEME
