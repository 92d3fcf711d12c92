"""What kind of world a seed makes."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.status import OrderCheck
from payment_actions_server.engine import Backoff, EnginePolicy
from payment_actions_server.plugins import CaptureMode
from simulation.shop import MOODS, QUIET, Mood
from simulation.sides import (
    BLIND_FORGETS_SOON,
    BLIND_NO_REPEAT,
    FORGETS_SOON,
    GATEWAYS,
    REFUSES_REPEATS,
    SEES_ALL,
    VOID_WITHOUT_REFERENCE,
)
from simulation.themes import NO_THEME, Theme

REFUND_LOOKS_MAX: Final = 3
STORE_REVERTS_MAX: Final = 2


@dataclass(frozen=True)
class Setting:
    """Drawn once, before anything happens."""

    gateway: str
    terms: Terms
    policy: EnginePolicy
    replicas: int
    orders: int
    steps: int
    pace_seconds: float  #: Between two steps, on average.
    skews: tuple[float, ...]  #: How far each replica's clock is off.
    moody: bool  #: Whether the gateway takes its time and refuses.
    lenient: bool  #: Whether it returns more than was collected if it is asked to.
    obedient: bool  #: Whether the platform writes whatever it is told, also what lies behind.
    barred: frozenset[str]  #: Faults that this world's other sides cannot stand, whatever the engine does.
    theme: Theme = NO_THEME
    mood: Mood = QUIET
    order_check: OrderCheck = OrderCheck.BEFORE_MONEY

    def told(self) -> str:
        """Return it in one line."""
        theme = f"{self.theme.name}: " if self.theme.name else ""
        return theme + (
            f"gateway {self.gateway!r}{', moody' if self.moody else ''}{', lenient' if self.lenient else ''},"
            f" {self.terms.capture_mode}{', partial amounts' if self.terms.partial_refund else ''},"
            f" {'obedient' if self.obedient else 'careful'} platform, {self.replicas} replicas, {self.orders} orders,"
            f" {self.steps} steps, clocks off by {', '.join(f'{skew:+.1f}' for skew in self.skews)} s,"
            f" leases of {self.policy.lease_seconds:g} s, discovery every {self.policy.discovery_seconds:g} s,"
            f" {self.mood.name} shop, orders checked {self.order_check}"
        )


def setting_of(random: Random, shop_random: Random, theme: Theme = NO_THEME) -> Setting:
    """Draw a setting.

    :param shop_random: draws what the shop is like; apart from all else, so that other worlds do not depend on it.
    """
    drawn = _drawn(random)
    if theme is not NO_THEME:
        return _themed(drawn, theme, random)
    mood = shop_random.choice(MOODS)
    listed = mood is not QUIET and shop_random.random() < 0.1
    return replace(drawn, mood=mood, order_check=OrderCheck.AS_LISTED if listed else OrderCheck.BEFORE_MONEY)


def _drawn(random: Random) -> Setting:
    gateway = random.choice((SEES_ALL, SEES_ALL, *GATEWAYS))
    partial = random.random() < 0.5
    immediate = random.random() < 0.15
    obedient = random.random() < 0.25
    replicas = random.choice((2, 3, 3))
    short = gateway in (FORGETS_SOON, BLIND_FORGETS_SOON)
    skew = 0.5 if short else random.choice((0.0, 0.5, 3.0, 8.0))
    barred = set()
    if gateway == BLIND_NO_REPEAT:
        barred.add("gateway: request twice")  # What the network repeats, such a gateway does twice.
    if obedient:
        # A status that is written later than its lease allows is written over a newer one, and nobody can tell.
        barred |= {"commit: slow before", "commit: slow after", "read: slow"}
        skew = min(skew, 0.5)
    return Setting(
        gateway=gateway,
        terms=Terms(
            CaptureMode.IMMEDIATE_CAPTURE if immediate else CaptureMode.AUTHORIZE_THEN_CAPTURE,
            partial_capture=partial,
            partial_refund=partial,
        ),
        policy=EnginePolicy(
            lease_seconds=60 if obedient else random.choice((15, 15, 30)),
            unknown=Backoff(first_seconds=2, max_seconds=60),
            pending=Backoff(first_seconds=5, max_seconds=120),
            review=Backoff(first_seconds=120, max_seconds=600),
            refresh=Backoff(first_seconds=10, max_seconds=300),
            store_update=Backoff(first_seconds=1, max_seconds=60),
            platform_call_seconds_max=10,
            expiry_margin_seconds=20,
            poll_seconds=5,
            discovery_seconds=random.choice((0, 45)),
            refund_looks_max=REFUND_LOOKS_MAX,
            store_reverts_max=STORE_REVERTS_MAX,
            store_doubt_seconds=30,
        ),
        replicas=replicas,
        orders=random.randint(2, 5),
        steps=random.randint(50, 110),
        pace_seconds=random.choice((0.3, 1.5, 4.0)),
        skews=tuple(random.uniform(-skew, skew) for _ in range(replicas)),
        moody=random.random() < 0.7,
        lenient=gateway not in (VOID_WITHOUT_REFERENCE, REFUSES_REPEATS) and partial and random.random() < 0.4,
        obedient=obedient,
        barred=frozenset(barred),
    )


def _themed(drawn: Setting, theme: Theme, random: Random) -> Setting:
    """Return a setting in which the theme's misfortune can come about."""
    gateway = random.choice(theme.gateways) if theme.gateways else drawn.gateway
    skew, partial, listing = theme.skew_seconds, theme.partial, theme.discovery_seconds
    return replace(
        drawn,
        gateway=gateway,
        terms=Terms(
            CaptureMode.AUTHORIZE_THEN_CAPTURE,  # What has been captured at once leaves little to ask for.
            partial_capture=drawn.terms.partial_capture if partial is None else partial,
            partial_refund=drawn.terms.partial_refund if partial is None else partial,
        ),
        policy=replace(
            drawn.policy,
            lease_seconds=15,
            discovery_seconds=drawn.policy.discovery_seconds if listing is None else listing,
        ),
        steps=drawn.steps + 50,  # What is rare wants time.
        pace_seconds=drawn.pace_seconds if theme.pace_seconds is None else theme.pace_seconds,
        skews=drawn.skews if skew is None else tuple(random.uniform(-skew, skew) for _ in drawn.skews),
        moody=drawn.moody if theme.moody is None else theme.moody,
        lenient=False,
        obedient=False,
        barred=frozenset({"gateway: request twice"} if gateway == BLIND_NO_REPEAT else ()),
        theme=theme,
        mood=theme.mood,
    )
