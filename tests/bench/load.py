"""The load: so many callers, each of which calls again as soon as it has its answer; and what that showed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.processes import Process

Call = Callable[[], Awaitable[object]]


class OutOfOrders(Exception):
    """The database was filled with too few orders for what is measured: a `RATE_MAX` was passed."""


@dataclass(slots=True)
class Window:
    """What one stretch of time showed. ``server_cpu_seconds`` is of all the server processes together."""

    seconds: float
    latencies: list[float]
    server_cpu_seconds: float
    client_cpu_seconds: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def server_cpu_per_call(self) -> float:
        return self.server_cpu_seconds / max(1, len(self.latencies))

    @property
    def client_cpu_share(self) -> float:
        return self.client_cpu_seconds / self.seconds

    def percentile(self, percent: float) -> float:
        return percentile(self.latencies, percent)


@dataclass(slots=True)
class Series:
    """The windows of one thing under one load, over all rounds."""

    windows: list[Window] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the medians over the rounds; latencies of all rounds together, in milliseconds."""
        together = sorted(latency for window in self.windows for latency in window.latencies)
        return {
            "rate": round(median(window.rate for window in self.windows), 1),
            "p50_ms": round(percentile(together, 50) * 1000, 3),
            "p95_ms": round(percentile(together, 95) * 1000, 3),
            "p99_ms": round(percentile(together, 99) * 1000, 3),
            "server_cpu_us": round(median(window.server_cpu_per_call for window in self.windows) * 1e6, 1),
            "client_cpu_share": round(median(window.client_cpu_share for window in self.windows), 2),
            "calls": len(together),
            "rates": [round(window.rate, 1) for window in self.windows],
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least ``percent`` of all values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def ratio_of_rounds(measured: Series, yardstick: Series) -> float:
    """Return the median of the rounds' ratios: the two of one round ran side by side, and met the same noise."""
    pairs = zip(measured.windows, yardstick.windows, strict=True)
    return round(median(one.rate / other.rate for one, other in pairs), 3)


async def run(
    call: Call, concurrency: int, seconds: float, servers: Sequence[Process], *, settle: float = 0.2, pause: float = 0.0
) -> Window:
    """Call for ``seconds``, ``concurrency`` calls at a time, after a short run-up that does not count.

    On a machine so quick that the orders run out it ends there.

    :param pause: what each caller waits after an answer, in seconds; not part of any latency.
    """
    await _stretch(call, concurrency, settle, pause)
    cpu, own = _cpu(servers), time.process_time()
    started = time.perf_counter()
    latencies = await _stretch(call, concurrency, seconds, pause)
    elapsed = time.perf_counter() - started
    if not latencies:
        raise OutOfOrders
    return Window(elapsed, latencies, _cpu(servers) - cpu, time.process_time() - own)


async def _stretch(call: Call, concurrency: int, seconds: float, pause: float) -> list[float]:
    latencies: list[float] = []
    clock = time.perf_counter
    end = clock() + seconds

    async def caller() -> None:
        nonlocal end
        now = clock()
        while now < end:
            try:
                await call()
            except OutOfOrders:
                end = now
                break
            before, now = now, clock()
            latencies.append(now - before)
            if pause:
                await asyncio.sleep(pause)
                now = clock()

    async with asyncio.TaskGroup() as callers:
        for _ in range(concurrency):
            callers.create_task(caller())
    return latencies


def _cpu(servers: Sequence[Process]) -> float:
    return sum(server.cpu_seconds() for server in servers)
