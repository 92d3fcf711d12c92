"""Amazon's request quotas, kept on our side: a request that would be refused waits a little, or is not sent.

Quotas are per seller and operation (Amazon's page "Throttling limits for APIs"): every store of one account in this
process shares its buckets. Other processes share them too without our knowing; their use shows as RequestThrottled,
which empties the bucket.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from payment_actions_server.plugins import Throttled

WAIT_SECONDS_MAX: Final = 5.0
"""Longer than that a caller is better told when to come back."""

MARGIN_SECONDS: Final = 0.25
"""Amazon counts when requests arrive, we when they leave: one that was slower than the next must not matter."""

RETRY_SECONDS_MIN: Final = 1.0

IDLE_WAIT_SECONDS_MAX: Final = 3600.0
"""How long a request that can wait stays behind those that cannot, before it is given up."""


class Quota(NamedTuple):
    """How many requests at once, and how fast that allowance comes back."""

    burst: int
    restore_per_second: float


class Quotas(NamedTuple):
    """One environment's quotas: for operations that move something, and for those that only read."""

    move: Quota
    read: Quota

    def of(self, operation: str) -> Quota:
        """Return the quota of an MWS operation; all reads are named Get…Details."""
        return self.read if operation.startswith("Get") else self.move


LIVE_QUOTAS: Final = Quotas(move=Quota(10, 1.0), read=Quota(20, 2.0))
NO_QUOTAS: Final = Quotas(move=Quota(1_000_000, 1e6), read=Quota(1_000_000, 1e6))
SANDBOX_QUOTAS: Final = Quotas(move=Quota(2, 0.5), read=Quota(5, 1.0))


class Bucket:
    """One operation's allowance. May be overdrawn: the debt is how long the next caller waits."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._quota = quota
        self._tokens = float(quota.burst)
        self._updated = now

    def wait_seconds(self, now: float, requests: float = 1.0) -> float:
        """Return how long it takes until the allowance is good for so many requests at once."""
        self._restore(now)
        if self._tokens >= requests:
            return 0.0
        return (requests - self._tokens) / self._quota.restore_per_second + MARGIN_SECONDS

    def idle_wait_seconds(self, now: float, requests: float) -> float:
        """Return how long it takes until half of the burst is left after so many requests."""
        return self.wait_seconds(now, self._quota.burst / 2 + requests)

    def take(self, now: float) -> None:
        """Spend one request, even if only the future can pay for it."""
        self._restore(now)
        self._tokens -= 1.0

    def empty(self, now: float) -> None:
        """Believe the other side: nothing is left. A debt stays a debt."""
        self._restore(now)
        self._tokens = min(self._tokens, 0.0)

    def _restore(self, now: float) -> None:
        elapsed = max(0.0, now - self._updated)
        self._tokens = min(float(self._quota.burst), self._tokens + elapsed * self._quota.restore_per_second)
        self._updated = now


class Throttle:
    """The buckets of one account.

    :param clock: monotonic seconds.
    """

    def __init__(
        self,
        quotas: Quotas,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._quotas = quotas
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[str, Bucket] = {}

    async def admit(self, operation: str) -> None:
        """Return once a request of ``operation`` may be sent; it counts as sent.

        :raises Throttled: it would have to wait longer than `WAIT_SECONDS_MAX`; it does not count.
        """
        now = self._clock()
        bucket = self._bucket(operation, now)
        wait = bucket.wait_seconds(now)
        if wait > WAIT_SECONDS_MAX:
            raise Throttled(
                f"Amazon Pay's quota for {operation} is used up; nothing was sent. Try again in {wait:.0f} s",
                retry_after_seconds=wait,
            )
        bucket.take(now)
        if wait > 0:
            await self._sleep(wait)

    async def admit_when_idle(self, operation: str) -> None:
        """Wait until the request leaves half of the burst to requests that cannot wait; it then counts as sent.

        Amazon may count operations of one kind together, so the other operations' allowances are looked at too.

        :raises Throttled: the quota was in use for `IDLE_WAIT_SECONDS_MAX`; it does not count.
        """
        waited = 0.0
        while (wait := self._idle_wait_seconds(operation)) > 0:
            waited += wait
            if waited > IDLE_WAIT_SECONDS_MAX:
                raise Throttled(
                    f"Amazon Pay's quota for {operation} was needed for more urgent requests; nothing was sent",
                    retry_after_seconds=wait,
                )
            await self._sleep(wait)
        self._bucket(operation, self._clock()).take(self._clock())

    def refused(self, operation: str) -> float:
        """Take note of a RequestThrottled answer; return after how many seconds to try again."""
        now = self._clock()
        bucket = self._bucket(operation, now)
        bucket.empty(now)
        return max(bucket.wait_seconds(now), RETRY_SECONDS_MIN)

    def _idle_wait_seconds(self, operation: str) -> float:
        now = self._clock()
        own = self._bucket(operation, now)
        quota = self._quotas.of(operation)
        kin = (bucket for name, bucket in self._buckets.items() if self._quotas.of(name) is quota)
        return max(bucket.idle_wait_seconds(now, 1.0 if bucket is own else 0.0) for bucket in kin)

    def _bucket(self, operation: str, now: float) -> Bucket:
        if operation not in self._buckets:  # Bounded: there are as many as MWS has operations.
            self._buckets[operation] = Bucket(self._quotas.of(operation), now)
        return self._buckets[operation]


_SHARED: Final[WeakValueDictionary[tuple[str, str, Quotas], Throttle]] = WeakValueDictionary()


def shared_throttle(endpoint: str, account: str, quotas: Quotas) -> Throttle:
    """Return the throttle that this process's stores of one account share, as long as any of them lives."""
    throttle = _SHARED.get((endpoint, account, quotas))
    if throttle is None:
        throttle = _SHARED[endpoint, account, quotas] = Throttle(quotas)
    return throttle
