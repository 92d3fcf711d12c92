"""Processes are killed, paused and cut off while clients act: nothing is lost, nothing is done twice."""

import random
from copy import deepcopy
from dataclasses import replace

import pytest
from support.chaos.accounting import Kind, violations
from support.chaos.campaign import campaign

from payment_actions.v1 import payment_actions_pb2 as pb

pytestmark = pytest.mark.timeout(900)


def run(folder, **options):
    """Run a short campaign from a seed of its own; the report tells it, and ``make chaos SEED=n`` takes it up."""
    report = campaign(folder, seed=random.SystemRandom().randrange(10**6), **options)
    print(report)  # noqa: T201 - what a campaign did is of interest also when all is well.
    return report


@pytest.fixture(scope="module")
def over_sqlite(tmp_path_factory):
    return run(tmp_path_factory.mktemp("chaos"), seconds=12, clients=4, replica_count=1, postgres=False)


def test_one_replica_over_sqlite_killed_and_cut_off_loses_and_doubles_nothing(over_sqlite):
    assert not over_sqlite.found, str(over_sqlite)
    assert over_sqlite.counts["kills"] > 0
    assert over_sqlite.counts["cut connections"] > 0
    assert over_sqlite.counts["intents that succeeded"] > 0


def test_three_replicas_over_postgresql_killed_paused_and_cut_off_lose_and_double_nothing(tmp_path):
    report = run(tmp_path, seconds=18, clients=5)
    assert not report.found, str(report)
    assert report.counts["kills"] > 0
    assert report.counts["pauses"] > 0
    assert report.counts["database restarts"] > 0
    assert report.counts["cut connections"] > 0
    assert report.counts["intents that succeeded"] > 0


def test_an_effect_more_or_less_in_what_was_recorded_is_named(over_sqlite):
    record = deepcopy(over_sqlite.record)
    done = [each for each in record.operations.values() if each.state == pb.OPERATION_STATE_SUCCEEDED]
    wanted = next(each.reference for each in done if each.action != pb.ACTION_VOID)
    made, effect = next((made, each) for made in record.effects.values() for each in made if each.reference == wanted)
    made.remove(effect)
    assert [each for each in violations(record) if each.kind is Kind.LOST and wanted in each.text]
    made += [effect, replace(effect, object_id="another")]
    assert [each for each in violations(record) if each.kind is Kind.DOUBLED and wanted in each.text]
