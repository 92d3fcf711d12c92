"""The service and the echo, side by side, with a database behind the one and channels to both."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import commits, processes
from bench.load import Window
from bench.loader import Population
from bench.processes import Process
from bench.workloads import Channels, Orders

CHANNELS = 4  # To each kind of server, however many processes it has.
_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 2**26))
SETTLE_SECONDS_MAX = 60.0


@dataclass
class Stage:
    """What a measurement acts on."""

    database: str  #: "SQLite", "PostgreSQL".
    servers: Sequence[Process]
    echo: Process
    service_channels: Channels
    echo_channels: Channels
    orders: Orders
    folder: Path

    def commits(self, seconds: float) -> Window:
        """Measure yardstick B."""
        return commits.sqlite(self.folder, seconds)

    async def settled(self) -> tuple[int, float]:
        """Wait until the work that goes on in the background is done; return what waited, and how long it took."""
        started = time.monotonic()
        pending = waiting = await self._pending()
        while waiting:
            assert time.monotonic() - started < SETTLE_SECONDS_MAX, f"{waiting} store updates still wait"
            await asyncio.sleep(0.05)
            waiting = await self._pending()
        return pending, round(time.monotonic() - started, 2)

    async def _pending(self) -> int:
        return int(await metric(self.servers[0], "payment_actions_store_updates_pending"))


async def metric(server: Process, name: str) -> float:
    """Return the sum of a metric over its labels, as the server shows it."""
    text = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{server.http_port}/metrics")
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.partition("{")[0].split(" ")[0] == name)


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


@asynccontextmanager
async def stage(
    folder: Path, database: str, url: str, population: Population, replicas: int = 1, *, profiled: bool = False
) -> AsyncIterator[Stage]:
    """Start everything; stop it at the end."""
    running: list[Process] = []
    channels: list[grpc.aio.Channel] = []

    def connect(servers: Sequence[Process]) -> Channels:
        made = [grpc.aio.insecure_channel(servers[n % len(servers)].grpc, _OPTIONS) for n in range(CHANNELS)]
        channels.extend(made)
        return made

    try:
        for replica in range(replicas):
            running.append(processes.service(folder, url, f"service{replica}", profiled=profiled))
        running.append(processes.echo(folder))
        *servers, echo = running
        yield Stage(database, servers, echo, connect(servers), connect([echo]), Orders(population), folder)
    finally:
        for channel in channels:
            await channel.close()
        for process in running:
            process.stop()
