from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payment_actions_amazon_pay.simulator.objects import Environment
from payment_actions_amazon_pay.simulator.operations import OPERATIONS
from payment_actions_amazon_pay.simulator.throttling import QUOTAS, Quota, Throttle

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _admitted(throttle, action, environment, now=NOW):
    return sum(throttle.admits("A1", environment, action, now) for _ in range(50))


@pytest.mark.parametrize(
    ("action", "environment", "burst", "in_ten_seconds"),
    [
        ("Capture", Environment.LIVE, 10, 10),
        ("Capture", Environment.SANDBOX, 2, 2),
        ("GetCaptureDetails", Environment.LIVE, 20, 20),
        ("GetCaptureDetails", Environment.SANDBOX, 5, 5),
        ("GetServiceStatus", Environment.LIVE, 2, 0),
    ],
)
def test_quota_allows_a_burst_and_restores(action, environment, burst, in_ten_seconds):
    throttle = Throttle(enabled=True)
    assert _admitted(throttle, action, environment) == burst
    assert _admitted(throttle, action, environment, NOW + timedelta(seconds=10)) == in_ten_seconds


def test_bucket_refills_by_and_by():
    throttle = Throttle(enabled=True)
    _admitted(throttle, "Refund", Environment.SANDBOX)
    admitted = [
        throttle.admits("A1", Environment.SANDBOX, "Refund", NOW + timedelta(seconds=second)) for second in (1, 2, 3, 4)
    ]
    assert admitted == [False, True, False, True]


def test_sellers_operations_and_environments_have_buckets_of_their_own():
    throttle = Throttle(enabled=True)
    throttle.set_quota("Refund", Quota(1, 0))
    calls = [
        ("A1", Environment.LIVE, "Refund"),
        ("A2", Environment.LIVE, "Refund"),
        ("A1", Environment.SANDBOX, "Refund"),
        ("A1", Environment.LIVE, "Capture"),
    ]
    assert all(throttle.admits(*call, NOW) for call in calls)
    assert not throttle.admits(*calls[0], NOW)


def test_throttling_can_be_off():
    assert _admitted(Throttle(enabled=False), "Capture", Environment.SANDBOX) == 50


def test_every_operation_has_a_quota():
    assert set(QUOTAS) == set(OPERATIONS)
