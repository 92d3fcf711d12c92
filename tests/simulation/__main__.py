"""`make simulate`: many seeds, or one with its story; and the planted faults, each of which must be found."""

import argparse
import gc
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext

from simulation.mutants import MUTANTS
from simulation.planting import Finding, find
from simulation.simulate import Result, simulate

WORKERS = 2


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--seeds", type=int, default=200, metavar="N", help="live through N worlds (default: 200)")
    what.add_argument("--seed", type=int, metavar="n", help="live through one world and tell its story")
    what.add_argument("--mutants", action="store_true", help="plant faults, one by one: each must be found")
    parser.add_argument("--first", type=int, default=0, metavar="n", help="the first of the seeds (default: 0)")
    parser.add_argument(
        "--mutant",
        choices=MUTANTS,
        metavar="NAME",
        help="with --mutants: plant this fault alone, and tell the story that finds it; with --seed: plant it there",
    )
    asked = parser.parse_args()
    if asked.mutants:
        return _mutant(asked.mutant) if asked.mutant else _mutants()
    if asked.seed is not None:
        return _one(asked.seed, asked.mutant)
    return _many(range(asked.first, asked.first + asked.seeds))


def _one(seed: int, mutant: str | None) -> int:
    with MUTANTS[mutant].planted() if mutant else nullcontext():
        result = simulate(seed, tell=True)
    _say(*result.story)
    _say(f"seed {seed}: {result.why or 'all that must hold held'}")
    return bool(result.invariant)


def _many(seeds: range) -> int:
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    failed: list[Result] = []
    virtual_seconds = cpu_seconds = 0.0
    for result in _each(seeds):
        counts += result.counts
        virtual_seconds += result.virtual_seconds
        cpu_seconds += result.seconds
        if result.invariant:
            failed.append(result)
            if len(failed) == 1:
                _say(*result.story)
            _say(f"FAILED  seed {result.seed}: {result.why}", f"        replay: make simulate SEED={result.seed}")
    _say(*_summary(len(seeds), counts, virtual_seconds, cpu_seconds, time.monotonic() - begun))
    _say(f"{len(failed)} of {len(seeds)} seeds failed" if failed else f"all {len(seeds)} seeds held")
    return bool(failed)


def _collect_less() -> None:
    """Look for garbage less often, and never in what is loaded for good: that took an eighth of a worker's time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _each(seeds: Iterable[int]) -> Iterator[Result]:
    with multiprocessing.Pool(WORKERS, _collect_less) as pool:
        yield from pool.imap_unordered(simulate, seeds, chunksize=4)


def _summary(seeds: int, counts: Counter[str], virtual_seconds: float, cpu_seconds: float, seconds: float) -> list[str]:
    faults = {name.removeprefix("fault "): number for name, number in counts.items() if name.startswith("fault ")}
    refusals = {name.removeprefix("refused "): number for name, number in counts.items() if name.startswith("refused ")}
    storms = {name.removeprefix("storm: "): number for name, number in counts.items() if name.startswith("storm")}
    acts = {name.removeprefix("shop: "): number for name, number in counts.items() if name.startswith("shop: ")}
    themes = {name.removeprefix("theme: "): number for name, number in counts.items() if name.startswith("theme")}
    return [
        f"seeds       {seeds}",
        f"steps       {counts['steps']}",
        f"intents     {counts['intents']}",
        f"effects     {counts['effects']}, {counts['console actions']} of them made elsewhere",
        f"crashes     {counts['crashes']}, {counts['standstills']} standstills",
        f"notified    {counts['notifications']}",
        f"reviews     {counts['reviews']}",
        f"refreshed   {counts['refreshed at the end']} at the end, of which nobody had told",
        f"shops       {counts['lively shops']} lively ones, {sum(acts.values())} acts of their own",
        *_table(acts),
        f"quarrels    {counts['store statuses changed back']} statuses changed back, {counts['disputes']} disputes",
        f"faults      {sum(faults.values())}",
        *_table(faults),
        f"storms      {sum(storms.values())}",
        *_table(storms),
        f"themes      {sum(themes.values())}",
        *_table(themes),
        f"refusals    {sum(refusals.values())}",
        *_table(refusals),
        f"lived       {virtual_seconds / 3600:.1f} hours",
        f"took        {seconds:.0f} s, {cpu_seconds / max(seeds, 1):.2f} s of CPU for each seed",
    ]


def _table(numbers: dict[str, int]) -> list[str]:
    return [f"            {number:7}  {name}" for name, number in sorted(numbers.items())]


def _mutants() -> int:
    begun = time.monotonic()
    with multiprocessing.Pool(WORKERS, _collect_less) as pool:
        findings = pool.map(find, MUTANTS, chunksize=1)
    _say(*mutants_table(findings))
    missed = [finding for finding in findings if not finding.seeds]
    _say(f"{len(findings) - len(missed)} of {len(findings)} planted faults found in {time.monotonic() - begun:.0f} s")
    return bool(missed)


def _mutant(name: str) -> int:
    finding = find(name)
    if finding.seeds:
        _one(finding.seeds - 1, name)
    _say(*mutants_table([finding]))
    return not finding.seeds


def mutants_table(findings: list[Finding]) -> list[str]:
    """Return the table of planted faults: how many seeds each took, and what found it."""
    wide = max(len(finding.name) for finding in findings)
    lines = [f"{'planted fault':{wide}}  {'found after':>11}  {'bound':>5}  by the invariant"]
    for name, seeds, invariant in findings:
        mutant = MUTANTS[name]
        after = f"{seeds} seed{'s' if seeds > 1 else ''}" if seeds else "NOT FOUND"
        by = invariant if seeds else f"{' or '.join(mutant.found_by)}; but: {invariant or 'all held'}"
        lines.append(f"{name:{wide}}  {after:>11}  {mutant.within:5}  {by}")
    return lines


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
