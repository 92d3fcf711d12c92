"""A plan is made from its seed alone, and even the shortest has what every campaign must have seen."""

import pytest
from support.chaos.plan import Strike, faults

ONE = {"replica_count": 1, "postgres": False, "pause_seconds": 7.5}
THREE = {"replica_count": 3, "postgres": True, "pause_seconds": 7.5}


OF_EACH = {Strike.KILL, Strike.CUT_AMAZON, Strike.AMAZON_FAULT}
OF_SEVERAL = {Strike.LONG_PAUSE, Strike.RESTART_DATABASE, Strike.SWALLOW_DATABASE}


@pytest.mark.parametrize(("seconds", "stage", "first"), [(12, ONE, OF_EACH), (18, THREE, OF_EACH | OF_SEVERAL)])
def test_the_shortest_campaign_has_what_every_one_must_have_whatever_its_seed(seconds, stage, first):
    for seed in range(300):
        planned = {fault.strike for fault in faults(seed, seconds, **stage)}
        assert planned >= first, f"seed {seed}"


def test_the_same_seed_is_the_same_plan():
    assert faults(46, 60, **THREE) == faults(46, 60, **THREE)
    assert faults(46, 60, **THREE) != faults(47, 60, **THREE)
