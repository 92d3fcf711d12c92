"""How patient the engine is: every wait, retry and bound, in one place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import CaptureMode, OrderState, PaymentStatus
from payment_actions_server.engine.chance import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that double from ``first_seconds`` up to ``max_seconds``, each give or take a fifth."""

    first_seconds: float
    max_seconds: float

    def after(self, tries: int, random: Random) -> timedelta:
        """Return how long to wait after ``tries`` tries (0 for the first wait)."""
        seconds = min(self.first_seconds * 2 ** min(tries, 40), self.max_seconds)
        return timedelta(seconds=seconds * random.uniform(0.8, 1.2))


PLATFORM_CALL_SECONDS_MAX: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """All the engine's patience. The defaults are for production; tests shorten them."""

    lease_seconds: float = 60.0
    """How long whoever works on an operation has it alone; longer than any adapter's call may take."""
    unknown: Backoff = Backoff(first_seconds=2, max_seconds=600)  #: Between looks for an unknown outcome.
    pending: Backoff = Backoff(first_seconds=20, max_seconds=3600)  #: Between looks for a result that comes later.
    review: Backoff = Backoff(first_seconds=3600, max_seconds=86400)  #: Between looks at what waits for an operator.
    pending_days_max: float = 21.0  #: A result that takes longer than that wants an operator.
    refresh: Backoff = Backoff(first_seconds=30, max_seconds=21600)  #: Between looks at an unsettled payment.
    store_update: Backoff = Backoff(first_seconds=1, max_seconds=900)  #: Between tries to write to the store.
    expiry_margin_seconds: float = 60.0  #: How long after an authorization's end to look what became of it.
    platform_call_seconds_max: float = PLATFORM_CALL_SECONDS_MAX
    """How long a call to a store may take: less than a lease, or a write that is only slow would be done twice."""
    refund_looks_max: int = 10  #: How often the gateway is asked by schedule about a refund that only the store shows.
    store_reverts_max: int = 3
    """How often a status is written again that the store changed by itself; then an operator must end that."""
    store_doubt_seconds: float = 300.0  #: How long the store may still carry out a write whose answer never came.
    poll_seconds: float = 1.0  #: How often the background looks for work that is due.
    batch_max: int = 32  #: How much due work one look takes.
    discovery_seconds: float = 60.0  #: How often stores are asked for orders not seen yet; 0: never.
    discovery_lookback_hours: float = 24.0  #: How far back the first of these looks goes.
    notification_memory_days: float = 60.0  #: How long message ids are remembered; Amazon resends for 14 days.
    watch_idle_seconds: float = 15.0  #: How often a silent watch shows a sign of life.

    @classmethod
    def of_lease(cls, lease_seconds: float) -> Self:
        """Return the defaults with another lease, which no call to a store outlasts."""
        platform_call_seconds_max = min(PLATFORM_CALL_SECONDS_MAX, 0.75 * lease_seconds)
        return cls(lease_seconds=lease_seconds, platform_call_seconds_max=platform_call_seconds_max)

    def next_look(
        self, payment: Payment, terms: Terms, now: datetime, random: Random, refreshes: int
    ) -> datetime | None:
        """Return when the schedule should look at ``payment`` again; None when nothing can change by itself.

        :param refreshes: scheduled looks since it changed.
        """
        if not payment.ours:
            return None
        unsettled = payment.status is PaymentStatus.PENDING or payment.refund_unconfirmed
        waiting = unsettled or payment.under_way is not None or bool(payment.anomaly)
        # No list tells that the order is there again: a shop in maintenance may have said that it has none.
        waiting = waiting or payment.order_state is OrderState.DELETED
        if waiting or (
            payment.status is PaymentStatus.AUTHORIZED and terms.capture_mode is CaptureMode.IMMEDIATE_CAPTURE
        ):
            return now + self.refresh.after(refreshes, random)
        open_statuses = (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED)
        if payment.status in open_statuses and payment.authorization_expire_time is not None:
            return max(self.expired(payment.authorization_expire_time), now + self.refresh.after(refreshes, random))
        return None

    def is_far(self, due: datetime | None, now: datetime) -> bool:
        """Tell whether a planned look is later than any that `refresh` spaces; None: no look is planned."""
        return due is None or due > now + timedelta(seconds=1.2 * self.refresh.max_seconds)

    def expired(self, expire_time: datetime) -> datetime:
        """Return when to look what became of an authorization that runs out at ``expire_time``."""
        return expire_time + timedelta(seconds=self.expiry_margin_seconds)
