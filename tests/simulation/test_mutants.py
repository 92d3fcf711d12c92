"""A short form of `make simulate-mutants`: what is found soon is found here, too."""

from pathlib import Path

import pytest

from simulation.mutants import MUTANTS, find
from simulation.simulate import simulate

SOON = [mutant.name for mutant in MUTANTS.values() if mutant.within <= 10]


@pytest.mark.parametrize("name", SOON)
def test_planted_fault_is_found(name):
    assert find(name).seeds, f"{name}: not found within {MUTANTS[name].within} seeds"


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_fault_fits_the_code(name):
    with MUTANTS[name].planted():
        pass


def test_there_is_a_planted_fault_for_each_rule():
    assert len(MUTANTS) >= 18


def test_a_planted_fault_is_taken_out_again():
    name = SOON[0]
    with MUTANTS[name].planted():
        pass
    assert [simulate(seed).invariant for seed in range(2)] == ["", ""]


def test_every_planted_fault_is_documented_with_its_bound():
    page = (Path(__file__).parents[2] / "docs" / "simulation.md").read_text()
    assert [name for name, mutant in MUTANTS.items() if f"| {name} | {mutant.within} |" not in page] == []
