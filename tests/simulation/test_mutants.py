"""A short form of `make simulate-mutants`: what is found soon is found here, too."""

import pytest
from simulation.mutants import MUTANTS, find

SOON = [mutant.name for mutant in MUTANTS.values() if mutant.within <= 10]


@pytest.mark.parametrize("name", SOON)
def test_planted_fault_is_found(name):
    assert find(name).seeds, f"{name}: not found within {MUTANTS[name].within} seeds"


def test_there_is_a_planted_fault_for_each_rule():
    assert len(MUTANTS) >= 18


def test_a_planted_fault_is_taken_out_again():
    name = SOON[0]
    with MUTANTS[name].planted():
        pass
    assert not any(find_without(seed) for seed in range(2))


def find_without(seed):
    from simulation.simulate import simulate

    return simulate(seed).invariant
