"""Growth and memory: what a database that has lived, or a service that has, makes slower or larger."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from bench import loader, processes
from bench.load import run
from bench.loader import STORE, Population, fresh, grown, order_id
from bench.measure import (
    REPLAYED,
    WATCHERS,
    Effort,
    Pace,
    Result,
    events_to_replay,
    ran_actions,
    watchers_caught_up,
)
from bench.stage import Stage, stage
from bench.workloads import METHOD, Notifier, unaries

from payment_actions.v1 import payment_actions_pb2 as pb

# Orders that are used up in a second, by many callers and by one; the "empty" database holds as many as are.
RATE_MAX = 2_000
LONE_RATE_MAX = 800
RUN_ACTIONS_ORDERS = 1_000  # In one call: as many as leave the "empty" database nearly so.
STARTS = 3
LIVES_AT_ONCE = 16


async def growth(
    folder: Path,
    empty_url: str,
    grown_url: str,
    sizes: tuple[Population, Population],
    concurrencies: Sequence[int],
    effort: Effort,
) -> Result:
    """Measure two services by turns, the one over a database with nothing in it but what the measurement uses up."""
    found: dict[str, Any] = {"payments": sizes[1].size, "events": sizes[1].events, "rates": []}
    found["start"] = {name: _start(folder, url) for name, url in (("empty", empty_url), ("grown", grown_url))}
    async with (
        stage(folder, empty_url, sizes[0], name="empty") as empty,
        stage(folder, grown_url, sizes[1], name="grown", echo=empty.echo) as old,
    ):
        found["database"] = empty.database
        for workload, concurrency, once in _workloads(concurrencies, effort.seconds):
            result = await _beside(empty, old, effort.rounds, once)
            found["rates"].append({"workload": workload, "concurrency": concurrency} | result)
        for name, one in (("empty", empty), ("grown", old)):
            found["start"][name]["rss_mb_after"] = round(one.servers[0].rss_bytes() / 1e6, 1)
    return found


Once = Callable[[Stage], Awaitable[Pace]]


def _workloads(concurrencies: Sequence[int], seconds: float) -> Iterator[tuple[str, int, Once]]:
    for name in ("reads", "captures", "refunds", "refreshes", "notifications"):
        for concurrency in concurrencies:
            yield name, concurrency, partial(_called, name, concurrency, seconds)
    yield "RunActions", 1, partial(ran_actions, orders=RUN_ACTIONS_ORDERS)
    yield "WatchEvents", WATCHERS, _Watched()


def _start(folder: Path, url: str) -> dict[str, float]:
    seconds, rss = [], []
    for _ in range(STARTS):
        server = processes.service(folder, url, "start")
        seconds.append(server.ready_seconds)
        rss.append(server.rss_bytes())
        server.stop()
    return {"ready_seconds": round(median(seconds), 2), "rss_mb": round(median(rss) / 1e6, 1)}


async def _beside(empty: Stage, old: Stage, rounds: int, once: Once) -> Result:
    paces: dict[str, list[Pace]] = {"empty": [], "grown": []}
    turns = [("empty", empty), ("grown", old)]
    for _ in range(rounds):
        turns.reverse()  # Neither is always the one that comes after the other.
        for which, one in turns:
            paces[which].append(await once(one))
            await one.settled()
    pairs = zip(paces["grown"], paces["empty"], strict=True)
    ratio = round(median(one.rate / other.rate for one, other in pairs), 3)
    return {"ratio": ratio} | {which: _summary(of) for which, of in paces.items()}


def _summary(paces: list[Pace]) -> dict[str, Any]:
    return {
        "rate": median(pace.rate for pace in paces),
        "server_cpu_us": median(pace.server_cpu_us for pace in paces),
        "rates": [pace.rate for pace in paces],
    }


async def _called(name: str, concurrency: int, seconds: float, one: Stage) -> Pace:
    async with _call(one, name) as call:
        window = await run(call, concurrency, seconds, one.servers)
    return Pace(round(window.rate, 1), round(window.server_cpu_per_call * 1e6, 1))


class _Watched:
    """Watchers that catch up, always with the same events of a service."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    async def __call__(self, one: Stage) -> Pace:
        if one.url not in self._last:
            self._last[one.url], _ = await events_to_replay(
                one, unaries(one.orders)["captures"].at(one.service_channels)
            )
        return await watchers_caught_up(one, self._last[one.url])


@asynccontextmanager
async def _call(one: Stage, name: str) -> AsyncIterator[Any]:
    if name != "notifications":
        yield unaries(one.orders)[name].at(one.service_channels)
        return
    sender = Notifier([one.servers[0].http_port], one.orders.kept)
    yield sender.call
    sender.close()


# -- Databases ------------------------------------------------------------------------------------------------------


def sizes(payments: int, concurrencies: Sequence[int], effort: Effort) -> tuple[Population, Population]:
    """Return what the empty database holds all the same, and the grown one."""
    windows = effort.rounds * (effort.seconds + 0.3)
    used_up = sum(int(windows * (RATE_MAX if concurrency > 1 else LONE_RATE_MAX)) for concurrency in concurrencies)
    used_up = min(used_up + effort.rounds * RUN_ACTIONS_ORDERS + REPLAYED, payments // 15 - 2_000)
    return fresh(used_up + 2_000, used_up), grown(payments)


async def grown_sqlite(folder: Path, made: Any, population: Population) -> str:
    """Return a database that has lived; it is made once, and copied for each run."""
    kept = folder / f"grown-{population.size}.db"
    if not await asyncio.to_thread(kept.exists):
        making = processes.remove(folder, "making")
        await loader.fill(f"sqlite:///{making}", made, population)
        making.rename(kept)
    path = processes.remove(folder, "grown")
    await asyncio.to_thread(_copy_to_disk, kept, path)
    return f"sqlite:///{path}"


def _copy_to_disk(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb+") as written:
        os.fsync(written)  # Or it would be written while the service is measured, which waits for the same disk.


# -- Memory ---------------------------------------------------------------------------------------------------------


async def memory(stage: Stage, minutes: float) -> Result:
    """Let orders live, one after the other, and look at the service's memory all the while."""
    numbers = count(50_000_000)
    ends = time.monotonic() + minutes * 60
    calls, lives = 0, 0
    notifier = Notifier([stage.servers[0].http_port], stage.orders.kept)
    pipe = stage.service_channels

    def rpc(channel: int, method: str, response: type[Any]) -> Any:
        return pipe[channel % len(pipe)].unary_unary(METHOD + method, None, response.FromString)

    async def live(channel: int) -> None:
        nonlocal calls, lives
        get, capture = (
            rpc(channel, "GetPayment", pb.GetPaymentResponse),
            rpc(channel, "CapturePayment", pb.CapturePaymentResponse),
        )
        refresh, refund = (
            rpc(channel, "RefreshPayment", pb.RefreshPaymentResponse),
            rpc(channel, "RefundPayment", pb.RefundPaymentResponse),
        )
        while time.monotonic() < ends:
            number = next(numbers)
            name = {"store": STORE, "order_id": order_id(number)}
            await get(pb.GetPaymentRequest(**name).SerializeToString())
            await refresh(pb.RefreshPaymentRequest(**name).SerializeToString())
            await capture(pb.CapturePaymentRequest(**name, request_id=f"m-c-{number}").SerializeToString())
            await refund(pb.RefundPaymentRequest(**name, request_id=f"m-r-{number}").SerializeToString())
            await notifier.call()
            calls, lives = calls + 5, lives + 1

    samples: list[tuple[float, float]] = []

    async def look() -> None:
        while True:
            samples.append(
                (round(minutes * 60 - (ends - time.monotonic()), 1), round(stage.servers[0].rss_bytes() / 1e6, 2))
            )
            await asyncio.sleep(min(5.0, minutes * 60 / 60))

    looking = asyncio.create_task(look())
    await asyncio.gather(*(live(channel) for channel in range(LIVES_AT_ONCE)))
    looking.cancel()
    notifier.close()
    backlog, _ = await stage.settled()
    return {"minutes": minutes, "calls": calls, "payments": lives, "backlog": backlog, "samples": samples} | flatness(
        [rss for _, rss in samples]
    )


def flatness(samples: list[float]) -> dict[str, float]:
    """Return how much memory grew from the second fifth of the time, when all is warm, to the last."""
    fifth = max(1, len(samples) // 5)
    early, late = median(samples[fifth : 2 * fifth] or samples), median(samples[-fifth:])
    return {
        "early_mb": round(early, 1),
        "late_mb": round(late, 1),
        "max_mb": max(samples),
        "growth": round(late / early - 1, 4),
    }
