"""How a fault is planted and looked for: each names the invariants that it may break, and its number of seeds.

Faults are patches from outside: the product itself has no switch that breaks it. A world that fails by another
invariant has found something else, perhaps that the fault does not fit the code any more.
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple

from simulation import simulate as simulation

Patches = Iterator[AbstractContextManager[Any]]
Plant = Callable[[], Patches]


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    name: str
    within: int  #: Seeds, from the first on, within which it must be found.
    found_by: tuple[str, ...]  #: The invariants that may find it.
    patches: Plant

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Break the rule for a while."""
        with ExitStack() as stack:
            for each in self.patches():
                stack.enter_context(each)
            yield


MUTANTS: dict[str, Mutant] = {}


class Finding(NamedTuple):
    """What became of a planted fault."""

    name: str
    seeds: int  #: How many it took; 0: not found.
    invariant: str  #: By which it was found; else by which worlds failed that are not to find it, if any did.


def find(name: str) -> Finding:
    """Look for one of `MUTANTS`, seed by seed."""
    return look_for(MUTANTS[name])


def look_for(mutant: Mutant) -> Finding:
    """Look for a planted fault, seed by seed."""
    others = ""
    with mutant.planted():
        for seed in range(mutant.within):
            invariant = simulation.simulate(seed).invariant
            if invariant in mutant.found_by:
                return Finding(mutant.name, seed + 1, invariant)
            others = others or invariant
    return Finding(mutant.name, 0, others)


def mutant(name: str, *, within: int, found_by: str | tuple[str, ...]) -> Callable[[Plant], Plant]:
    """Register what the function patches."""

    def register(patches: Plant) -> Plant:
        MUTANTS[name] = Mutant(name, within, (found_by,) if isinstance(found_by, str) else found_by, patches)
        return patches

    return register
