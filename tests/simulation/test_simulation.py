"""A short form of `make simulate`: every seed holds, and each is always the same story."""

import subprocess
import sys
from pathlib import Path

import pytest

from simulation.simulate import simulate
from simulation.themes import THEMES, theme_of

SEEDS = range(16)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nothing_happens_twice_and_nothing_is_lost(seed):
    result = simulate(seed)
    assert not result.invariant, "\n".join((*result.story, f"replay: make simulate SEED={seed}"))


def test_a_seed_is_always_the_same_story():
    first, second = simulate(7, tell=True), simulate(7, tell=True)
    assert first.story == second.story


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_the_same_story_in_another_process(hash_seed):
    tests = str(Path(__file__).parents[1])
    other = subprocess.run(
        [sys.executable, "-c", "from simulation.simulate import simulate; print(simulate(7).digest)"],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": tests},
        capture_output=True,
        text=True,
        check=True,
        timeout=150,
    )
    assert other.stdout.strip() == simulate(7).digest


def test_every_theme_is_drawn_soon():
    assert {theme_of(seed).name for seed in range(60)} >= {theme.name for theme in THEMES}


def test_worlds_are_full_of_mishaps():
    counts = sum((simulate(seed).counts for seed in range(3)), start=simulate(3).counts)
    for what in ("intents", "effects", "crashes", "standstills", "notifications"):
        assert counts[what] > 0
    assert sum(number for name, number in counts.items() if name.startswith("fault ")) > 50
