"""A short form of `make simulate`: every seed holds, and each is always the same story."""

import subprocess
import sys
from pathlib import Path

import pytest

from simulation.simulate import simulate
from simulation.themes import SHOP_THEMES, THEMES, theme_of

SEEDS = range(16)
REPLAYED = range(30)
REPLAY_SECONDS_MAX = 300


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nothing_happens_twice_and_nothing_is_lost(seed):
    result = simulate(seed)
    assert not result.invariant, "\n".join((*result.story, f"replay: make simulate SEED={seed}"))


@pytest.fixture(scope="module")
def lived_in_two_processes():
    """The digests of the same stories from two processes at once, which get in each other's way."""
    processes = [_living(hash_seed) for hash_seed in ("1", "2")]
    try:
        return [process.communicate(timeout=REPLAY_SECONDS_MAX)[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()


def _living(hash_seed):
    script = (
        f"from simulation.simulate import simulate\nfor seed in range({len(REPLAYED)}): print(simulate(seed).digest)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("seed", REPLAYED)
def test_a_seed_is_the_same_story_in_every_process(seed, lived_in_two_processes):
    one, other = lived_in_two_processes
    assert one[seed] == other[seed]


def test_a_seed_is_the_same_story_after_others_were_lived_through():
    first, second = simulate(7, tell=True), simulate(7, tell=True)
    assert first.story == second.story


def test_every_theme_is_drawn_soon():
    assert {theme_of(seed).name for seed in range(60)} >= {theme.name for theme in (*THEMES, *SHOP_THEMES)}


def test_shops_have_a_life_of_their_own():
    seed = next(seed for seed in range(100) if theme_of(seed) in SHOP_THEMES)
    counts = simulate(seed).counts
    assert sum(number for name, number in counts.items() if name.startswith("shop: ")) > 10


def test_worlds_are_full_of_mishaps():
    counts = sum((simulate(seed).counts for seed in range(3)), start=simulate(3).counts)
    for what in ("intents", "effects", "crashes", "standstills", "notifications"):
        assert counts[what] > 0
    assert sum(number for name, number in counts.items() if name.startswith("fault ")) > 50
