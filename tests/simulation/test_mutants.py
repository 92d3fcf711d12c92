"""A short form of `make simulate-mutants`: what is found soon is found here, too."""

import pickle
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from payment_actions_server.engine import attempts
from payment_actions_server.storage.sqlite import SqliteStorage
from simulation import end_of_shop, order_audit
from simulation.__main__ import mutants_table
from simulation.mutants import MUTANTS
from simulation.planting import find, look_for
from simulation.simulate import simulate

SOON = [mutant.name for mutant in MUTANTS.values() if mutant.within <= 10]
CENTRAL = [
    "at most one effect for an intent",
    "one in flight",
    "the gateway hears only of durable intents",
    "0 <= refunded <= captured <= authorized",
    "status never moves back",
    "amounts never shrink",
    "the record is never ahead of the gateway",
    "the chain is unbroken",
    "every change has its event",
    "SUCCEEDED is true",
    "FAILED is true",
    "no operation is forgotten",
    "in the end the record is the gateway's truth",
    order_audit.NO_BARRED_CAPTURE,
    order_audit.CAPTURED_AS_READ,
    order_audit.SHOWN_FIRST,
    order_audit.REFUSAL_SHOWN,
    order_audit.VOID_POSSIBLE,
    order_audit.REFUND_POSSIBLE,
    order_audit.NOTHING_BARRED,
    order_audit.STAYS_CANCELLED,
    order_audit.BLAMED_RIGHTLY,
    order_audit.BOUNDED_WAR,
    order_audit.REFRESH_BEGINS_ANEW,
    order_audit.REFUND_FOUND,
    end_of_shop.SHOWS_ORDER,
    end_of_shop.STORE_HOLDS,
    end_of_shop.UNDER_ATTENTION,
    end_of_shop.BOUNDED_LOOKS,
]


@pytest.mark.parametrize("name", SOON)
def test_planted_fault_is_found(name):
    assert find(name).seeds, f"{name}: not found within {MUTANTS[name].within} seeds"


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_fits_the_code(name):
    with MUTANTS[name].planted():
        pass


def _broken_retry():
    """As it would be after a change of the code that it does not fit: it crashes."""
    original = attempts.gateway_request

    def request(payment, operation):
        made = original(payment, operation)
        return made if operation.attempts < 2 else msgspec.structs.replace(made, reference="of no struct")

    yield patch.object(attempts, "gateway_request", request)


def _broken_commit():
    async def commit(self, statements):
        assert not [statement for statement in statements if statement.sql.startswith("INSERT INTO events")]

    yield patch.object(SqliteStorage, "_commit", commit)


@pytest.mark.parametrize(
    ("name", "patches"),
    [("new reference on retry", _broken_retry), ("event appended outside its transaction", _broken_commit)],
)
def test_planted_fault_that_only_crashes_is_not_found(name, patches):
    finding = look_for(replace(MUTANTS[name], patches=patches))
    assert (finding.seeds, finding.invariant) == (0, "nothing unexpected is logged")


def test_what_workers_find_is_told_in_one_table():
    finding = pickle.loads(pickle.dumps(find(SOON[0])))
    assert mutants_table([finding])[1].endswith(finding.invariant)


def test_no_planted_fault_is_to_be_found_by_its_own_crash():
    crashes = {"nothing unexpected is logged", "the simulation itself works"}
    assert [name for name, mutant in MUTANTS.items() if crashes & {*mutant.found_by}] == []


@pytest.mark.parametrize("invariant", CENTRAL)
def test_each_central_invariant_has_a_planted_fault_that_it_finds(invariant):
    assert [name for name, mutant in MUTANTS.items() if invariant in mutant.found_by]


def test_a_planted_fault_is_taken_out_again():
    name = SOON[0]
    with MUTANTS[name].planted():
        pass
    assert [simulate(seed).invariant for seed in range(2)] == ["", ""]


def test_every_planted_fault_is_documented_with_its_bound_and_what_finds_it():
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()
    rows = [f"| {name} | {mutant.within} | {' or '.join(mutant.found_by)} |" for name, mutant in MUTANTS.items()]
    assert [row for row in rows if row not in page] == []
