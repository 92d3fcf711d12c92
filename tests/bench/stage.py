"""The service and the echo, side by side, with a database behind the one and channels to both."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from bench import commits, processes
from bench.load import Window
from bench.loader import Population
from bench.processes import Process
from bench.workloads import Channels, Orders

CHANNELS = 4  # To each kind of server, however many processes it has.
SETTLE_SECONDS_MAX = 120.0
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 2**26))


@dataclass
class Stage:
    """What a measurement acts on."""

    url: str
    servers: Sequence[Process]
    echo: Process
    service_channels: Channels
    echo_channels: Channels
    orders: Orders
    folder: Path
    order_check: str = "before_money"

    @property
    def database(self) -> str:
        """Return its name, and how the service differs from one with default settings."""
        name = "SQLite" if self._is_sqlite else "PostgreSQL"
        return name if self.order_check == "before_money" else f"{name}, {self.order_check}"

    @property
    def _is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    async def commits(self, seconds: float, pause: float) -> Window:
        """Measure yardstick B."""
        if self._is_sqlite:
            return commits.sqlite(self.folder, seconds, pause)
        return await commits.postgres(self.url, seconds, pause)

    async def settled(self) -> tuple[int, float]:
        """Wait until the work that goes on in the background is done; return what waited, and how long it took."""
        started = time.monotonic()
        waiting, events = await self._waiting()
        backlog, before = waiting, -1
        while waiting or events != before:
            assert time.monotonic() - started < SETTLE_SECONDS_MAX, f"{waiting} store updates still wait"
            await asyncio.sleep(0.1)
            before, (waiting, events) = events, await self._waiting()
        return backlog, round(time.monotonic() - started, 2)

    async def count(self, name: str, label: str = "") -> float:
        """Return the sum of a metric over its labels (those with ``label`` in them), and over all processes."""
        found = 0.0
        for server in self.servers:
            text = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{server.http_port}/metrics")
            lines = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")) and label in line)
            found += sum(float(line.split()[-1]) for line in lines)
        return found

    async def _waiting(self) -> tuple[int, int]:
        # The gauge is of the database: every process shows the same.
        waiting = await self.count("payment_actions_store_updates_pending") / len(self.servers)
        return int(waiting), int(await self.count("payment_actions_events_total"))


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


@asynccontextmanager
async def stage(
    folder: Path,
    url: str,
    population: Population,
    *,
    replicas: int = 1,
    profiled: bool = False,
    order_check: str = "before_money",
    name: str = "service",
    echo: Process | None = None,
) -> AsyncIterator[Stage]:
    """Start everything; stop it at the end.

    :param echo: one that runs already.
    """
    async with AsyncExitStack() as resources:

        def run(process: Process) -> Process:
            resources.callback(process.stop)
            return process

        def connect(servers: Sequence[Process]) -> Channels:
            made = [grpc.aio.insecure_channel(servers[n % len(servers)].grpc, _OPTIONS) for n in range(CHANNELS)]
            for channel in made:
                resources.push_async_callback(channel.close)
            return made

        servers = [
            run(processes.service(folder, url, f"{name}{n}", profiled=profiled, order_check=order_check))
            for n in range(replicas)
        ]
        echo = echo or run(processes.echo(folder))
        yield Stage(url, servers, echo, connect(servers), connect([echo]), Orders(population), folder, order_check)
