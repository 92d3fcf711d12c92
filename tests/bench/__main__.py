"""``python -m bench``: see ``make bench``."""

import argparse
import asyncio
import json
import time
from pathlib import Path

import uvloop

from bench import loader, measure, report
from bench.stage import stage
from bench.workloads import unaries


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="workloads, comma-separated; all unless given")
    parser.add_argument("--concurrency", default="", help="comma-separated")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--profile", action="store_true", help="the service runs under cProfile: slower, and tells why")
    return parser.parse_args()


async def main() -> None:
    chosen = options()
    folder = chosen.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    concurrencies = [int(n) for n in chosen.concurrency.split(",") if n] or ([1, 64] if chosen.quick else [1, 16, 64, 256])
    names = [name for name in chosen.only.split(",") if name] or (["reads", "captures"] if chosen.quick else ["reads", "captures", "refunds", "refreshes"])
    rounds, seconds = chosen.rounds or 3, chosen.seconds or 2.0
    started = time.monotonic()
    made = loader.patterns(folder)
    each = int(5_000 + 2_000 * len(concurrencies) * rounds * (seconds + 0.3))
    population = loader.fresh(each, each if "refunds" in names else 100)
    for old in folder.glob("service.db*"):
        old.unlink()
    url = f"sqlite:///{folder / 'service.db'}"
    await loader.fill(url, made, population)
    print(f"{population.size} payments loaded after {time.monotonic() - started:.1f} s", flush=True)
    results = []
    async with stage(folder, "SQLite", url, population, profiled=chosen.profile) as here:
        rpcs = unaries(here.orders)
        for name in names:
            for concurrency in concurrencies:
                result = await measure.unary(here, name, rpcs[name], concurrency, rounds, seconds)
                results.append({"database": here.database, "replicas": len(here.servers)} | result)
                report.line(results[-1])
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    report.targets(results)
    print(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
