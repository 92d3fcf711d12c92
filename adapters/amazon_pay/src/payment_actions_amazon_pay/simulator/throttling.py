"""Amazon's request quotas: one token bucket for each seller, environment and operation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from .objects import Environment


class Quota(NamedTuple):
    """How many calls may come at once, and how many a second come back."""

    burst: float
    restore_per_second: float


_WRITES: Final = {Environment.LIVE: Quota(10, 1), Environment.SANDBOX: Quota(2, 0.5)}
_READS: Final = {Environment.LIVE: Quota(20, 2), Environment.SANDBOX: Quota(5, 1)}
_STATUS: Final = {Environment.LIVE: Quota(2, 1 / 300), Environment.SANDBOX: Quota(2, 1 / 300)}
QUOTAS: Final = {
    "SetOrderReferenceDetails": _WRITES,
    "ConfirmOrderReference": _WRITES,
    "Authorize": _WRITES,
    "Capture": _WRITES,
    "CloseAuthorization": _WRITES,
    "CancelOrderReference": _WRITES,
    "CloseOrderReference": _WRITES,
    "Refund": _WRITES,
    "GetOrderReferenceDetails": _READS,
    "GetAuthorizationDetails": _READS,
    "GetCaptureDetails": _READS,
    "GetRefundDetails": _READS,
    "GetServiceStatus": _STATUS,
}


@dataclass
class _Bucket:
    tokens: float
    time: datetime


class Throttle:
    """Tells whether a call is within its quota. Quotas refill with the simulator's clock."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        #: Quotas that the control interface has set, by operation; they hold in both environments.
        self.quotas: dict[str, Quota] = {}
        self._buckets: dict[tuple[str, Environment, str], _Bucket] = {}

    def admits(self, seller_id: str, environment: Environment, action: str, now: datetime) -> bool:
        """Take one token and tell whether there was one."""
        if not self.enabled:
            return True
        quota = self.quotas.get(action) or QUOTAS[action][environment]
        bucket = self._buckets.setdefault((seller_id, environment, action), _Bucket(quota.burst, now))
        restored = (now - bucket.time).total_seconds() * quota.restore_per_second
        bucket.tokens = min(quota.burst, bucket.tokens + restored)
        bucket.time = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def set_quota(self, action: str, quota: Quota) -> None:
        """Set one operation's quota; its buckets start full again."""
        self.quotas[action] = quota
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key[2] != action}
