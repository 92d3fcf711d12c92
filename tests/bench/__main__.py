"""Measures the service as ratios to yardsticks; ``make bench`` runs it. Results: a table here, JSON in build/bench."""

import argparse
import asyncio
import json
import os
import platform
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop
from bench import document, grow, loader, measure, processes, report
from bench.loader import Population
from bench.measure import Effort, Result
from bench.report import Target
from bench.stage import stage
from support.postgres import Postgres

UNARIES = ("reads", "captures", "refunds", "refreshes")
WORKLOADS = (*UNARIES, "lone captures", "notifications", "RunActions", "WatchEvents")
SETUPS = {"sqlite": 1, "sqlite_listed": 1, "postgresql": 1, "postgresql2": 2}  # Name -> processes of the service.
LISTED = ("captures", "refunds", "lone captures")  # A reading of the order is part of these by default.
RATE_MAX = 3_000  # Of captures: so many orders are put into the database for each second of load.


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what is wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", choices=("full", "quick", "growth", "memory", "document"))
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--only", type=_words, default=(), help=f"of {', '.join(WORKLOADS)}; with commas between them")
    parser.add_argument("--setups", type=_words, default=(), help=f"of {', '.join(SETUPS)}")
    parser.add_argument("--concurrency", type=_words, default=(), help="with commas between them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round's stretch of load")
    parser.add_argument("--payments", type=int, default=1_000_020, help="in the grown database")
    parser.add_argument("--minutes", type=float, default=1.0, help="of the memory run")
    parser.add_argument("--profile", action="store_true", help="the service runs under cProfile: slower, and tells why")
    return parser.parse_args(arguments)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


class Bench:
    """One run of one kind."""

    def __init__(self, chosen: argparse.Namespace, resources: ExitStack) -> None:
        self.chosen = chosen
        self.folder: Path = chosen.folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.effort = Effort(chosen.rounds, chosen.seconds)
        self.started = time.monotonic()
        self.machine = machine()
        self._resources = resources
        self._postgres: Postgres | None = None
        self.patterns = loader.patterns(self.folder)

    def new_database(self, setup: str, name: str = "service") -> str:
        """Return the URL of a new, empty database."""
        if setup.startswith("sqlite"):
            return f"sqlite:///{processes.remove(self.folder, name)}"
        if self._postgres is None:
            self._postgres = self._resources.enter_context(Postgres())
        return self._postgres.url(self._postgres.create_database())

    def say(self, text: str) -> None:
        print(text, flush=True)

    def progress(self, text: str) -> None:
        self.say(f"-- {text} ({time.monotonic() - self.started:.0f} s)")

    def finish(self, name: str, content: dict[str, Any], targets: list[Target]) -> None:
        """Write down what was measured, and say what it shows."""
        for target in targets:
            self.say(str(target))
        seconds = round(time.monotonic() - self.started)
        written = {"machine": self.machine, "seconds": seconds, "targets": [t._asdict() for t in targets]} | content
        (self.folder / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")
        self.say(f"{self.folder / name}.json, after {seconds} s")

    # -- kinds ------------------------------------------------------------------------------------------------------

    async def rates(
        self, name: str, setups: Sequence[str], workloads: Sequence[str], concurrencies: Sequence[int]
    ) -> None:
        """Measure workloads over databases."""
        results: list[Result] = []
        for setup in setups:
            used_up = int(RATE_MAX * len(concurrencies) * self.effort.rounds * (self.effort.seconds + 0.3)) + 500
            more = measure.RUN_ACTIONS_ORDERS * ("RunActions" in workloads) + 2_000
            population = loader.fresh(used_up + more + 2_000, used_up if "refunds" in workloads else 100)
            url = self.new_database(setup)
            await loader.fill(url, self.patterns, population)
            self.progress(f"{setup}: {population.size} payments loaded")
            self.say(report.HEAD)
            listed = setup.endswith("listed")
            async with stage(
                self.folder,
                url,
                population,
                replicas=SETUPS[setup],
                profiled=self.chosen.profile,
                order_check="as_listed" if listed else "before_money",
            ) as here:
                for workload in [one for one in workloads if one in LISTED or not listed]:
                    for result in await self._measured(here, workload, concurrencies):
                        results.append({"database": here.database, "replicas": SETUPS[setup]} | result)
                        self.say(report.line(results[-1]))
        self.finish(name, {"results": results}, report.targets(results))

    async def _measured(self, here: Any, workload: str, concurrencies: Sequence[int]) -> list[Result]:
        if workload == "lone captures":
            return [await measure.lone_captures(here, self.effort)]
        if workload == "RunActions":
            return [await measure.run_actions(here)]
        if workload == "WatchEvents":
            return [await measure.fan_out(here, 4.0)]
        if workload == "notifications":
            return [await measure.notifications(here, n, self.effort) for n in concurrencies]
        return [await measure.unary(here, workload, n, self.effort) for n in concurrencies]

    async def growth(self, setups: Sequence[str], concurrencies: Sequence[int]) -> None:
        """Measure an empty and a grown database by turns."""
        found, targets = [], []
        for setup in setups:
            sizes = grow.sizes(self.chosen.payments, concurrencies, self.effort)
            empty = self.new_database(setup, "empty")
            await loader.fill(empty, self.patterns, sizes[0])
            self.progress(f"{setup}: {sizes[0].size} payments in the empty database")
            grown = await self._grown_database(setup, sizes[1])
            found.append(await grow.growth(self.folder, empty, grown, sizes, concurrencies, self.effort))
            targets += report.growth_targets(found[-1])
        self.finish("growth", {"growth": found}, targets)

    async def memory(self, setup: str) -> None:
        """Measure memory over time."""
        population = loader.grown(self.chosen.payments)
        url = await self._grown_database(setup, population)
        async with stage(self.folder, url, population) as here:
            result = await grow.memory(here, self.chosen.minutes)
        before = {"database": here.database, "payments_before": population.size}
        self.finish("memory", {"memory": before | result}, report.memory_targets(result))

    async def _grown_database(self, setup: str, population: Population) -> str:
        """Return the URL of a database that has lived."""
        if setup == "sqlite":
            url = await grow.grown_sqlite(self.folder, self.patterns, population)
        else:
            url = self.new_database(setup)
            await loader.fill(url, self.patterns, population)
        self.progress(f"{setup}: {population.size} payments and {population.events} events in the grown database")
        return url


def machine() -> dict[str, Any]:
    """Return what the figures depend on, who else is busy on it included."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


async def main() -> None:
    """Run what the command line says."""
    chosen = options()
    if chosen.what == "document":
        document.write(chosen.folder)
        return
    concurrencies = [int(n) for n in chosen.concurrency]
    with ExitStack() as resources:
        bench = Bench(chosen, resources)
        if chosen.what == "full":
            await bench.rates(
                "full", chosen.setups or tuple(SETUPS), chosen.only or WORKLOADS, concurrencies or [1, 16, 64, 256]
            )
        elif chosen.what == "quick":
            await bench.rates(
                "quick",
                chosen.setups or ("sqlite", "sqlite_listed"),
                chosen.only or ("reads", "captures", "lone captures"),
                concurrencies or [64],
            )
        elif chosen.what == "growth":
            await bench.growth(chosen.setups or ("sqlite", "postgresql"), concurrencies or [1, 64])
        else:
            await bench.memory((chosen.setups or ("sqlite",))[0])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
