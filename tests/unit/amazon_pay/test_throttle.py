"""Our own keeping of Amazon's quotas, in virtual time."""

import pytest

from payment_actions_amazon_pay.throttle import (
    LIVE_QUOTAS,
    MARGIN_SECONDS,
    SANDBOX_QUOTAS,
    WAIT_SECONDS_MAX,
    Quota,
    Throttle,
    shared_throttle,
)
from payment_actions_server.plugins import Throttled


class VirtualTime:
    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return VirtualTime()


def throttle(time, quotas=SANDBOX_QUOTAS):
    return Throttle(quotas, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize(
    ("quotas", "operation", "quota"),
    [
        (LIVE_QUOTAS, "Capture", Quota(10, 1.0)),
        (LIVE_QUOTAS, "Refund", Quota(10, 1.0)),
        (LIVE_QUOTAS, "CloseAuthorization", Quota(10, 1.0)),
        (LIVE_QUOTAS, "GetAuthorizationDetails", Quota(20, 2.0)),
        (LIVE_QUOTAS, "GetOrderReferenceDetails", Quota(20, 2.0)),
        (SANDBOX_QUOTAS, "Capture", Quota(2, 0.5)),
        (SANDBOX_QUOTAS, "GetRefundDetails", Quota(5, 1.0)),
    ],
)
def test_quotas_are_amazons(quotas, operation, quota):
    assert quotas.of(operation) == quota


async def test_burst_passes_at_once_and_the_next_one_waits(time):
    held = throttle(time)
    for _ in range(2):
        await held.admit("Capture")
    assert time.slept == []
    await held.admit("Capture")
    assert time.slept == [pytest.approx(2.0 + MARGIN_SECONDS)]


async def test_no_window_ever_holds_more_than_the_quota(time):
    held, sent = throttle(time), []
    for _ in range(30):
        await held.admit("GetCaptureDetails")
        sent.append(time.now)
    for first, start in enumerate(sent):
        for last in range(first, len(sent)):
            allowed = 5 + (sent[last] - start) * 1.0
            assert last - first + 1 <= allowed + 1e-6


async def test_nothing_is_sent_when_the_wait_would_be_too_long(time):
    held = Throttle(SANDBOX_QUOTAS, clock=time.clock, sleep=no_time_passes)
    for _ in range(4):  # Two at once, two that wait a little over 2 s and 4 s.
        await held.admit("Refund")
    with pytest.raises(Throttled) as refused:
        await held.admit("Refund")
    assert refused.value.retry_after_seconds > WAIT_SECONDS_MAX
    with pytest.raises(Throttled) as again:  # A refused request does not make the next one wait longer.
        await held.admit("Refund")
    assert again.value.retry_after_seconds == pytest.approx(refused.value.retry_after_seconds)


async def no_time_passes(_seconds):
    return None


async def test_refusal_by_amazon_empties_the_bucket(time):
    held = throttle(time)
    assert held.refused("GetCaptureDetails") >= 1.0
    await held.admit("GetCaptureDetails")
    assert time.slept == [pytest.approx(1.0 + MARGIN_SECONDS)]


async def test_operations_do_not_use_up_each_others_quota(time):
    held = throttle(time)
    for _ in range(2):
        await held.admit("Capture")
    await held.admit("Refund")
    assert time.slept == []


async def test_unused_quota_does_not_pile_up_beyond_the_burst(time):
    held = throttle(time)
    await held.admit("Capture")
    time.now += 86_400
    for _ in range(3):
        await held.admit("Capture")
    assert time.slept == [pytest.approx(2.0 + MARGIN_SECONDS)]


async def test_request_that_can_wait_leaves_half_of_the_burst_to_others(time):
    held = throttle(time, LIVE_QUOTAS)
    for _ in range(20):
        await held.admit_when_idle("CloseOrderReference")
    time.slept.clear()
    for _ in range(5):
        await held.admit("CloseOrderReference")
    assert time.slept == []


async def test_request_that_can_wait_stays_behind_those_of_its_kind(time):
    """Amazon may count all calls that move something together."""
    held = throttle(time, LIVE_QUOTAS)
    for _ in range(10):
        await held.admit("Capture")
    await held.admit_when_idle("CloseOrderReference")
    assert sum(time.slept) == pytest.approx(5.0 + MARGIN_SECONDS)
    time.slept.clear()
    for _ in range(20):
        await held.admit("GetCaptureDetails")
    await held.admit_when_idle("CloseOrderReference")
    assert sum(time.slept) < 1.0  # Reading has a quota of its own.


async def test_request_that_can_wait_is_given_up_after_a_bounded_time():
    held = Throttle(LIVE_QUOTAS, clock=lambda: 1000.0, sleep=no_time_passes)
    for _ in range(10):
        await held.admit("Capture")
    with pytest.raises(Throttled, match="more urgent"):
        await held.admit_when_idle("CloseOrderReference")


def test_stores_of_one_account_share_their_quota_and_others_do_not():
    mine = shared_throttle("https://a/", "seller", LIVE_QUOTAS)
    assert shared_throttle("https://a/", "seller", LIVE_QUOTAS) is mine
    assert shared_throttle("https://a/", "other", LIVE_QUOTAS) is not mine
    assert shared_throttle("https://b/", "seller", LIVE_QUOTAS) is not mine
    assert shared_throttle("https://a/", "seller", SANDBOX_QUOTAS) is not mine
