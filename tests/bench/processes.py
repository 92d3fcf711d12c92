"""The processes that are measured: started until ready, their CPU time and memory read, stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from support.parentage import dying_with_parent

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
TESTS = Path(__file__).parents[1]

_TICKS = os.sysconf("SC_CLK_TCK")
_CONFIG = """\
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
database = "{database}"
grace_seconds = 10.0

[stores.shop]
payment_methods = ["Bench"]
capture_mode = "authorize_then_capture"
order_check = "{order_check}"
platform = {{ adapter = "bench" }}
gateway = {{ adapter = "bench" }}
"""


class Process:
    """A server process; ``ready`` is the JSON line in which it said so."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS / 'bench/plugin'}"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Or each start compiles all there is.
        spawned = time.perf_counter()
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env=environment,
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it only makes system calls
            )
        self.ready = self._wait_for_ready()
        self.ready_seconds = time.perf_counter() - spawned

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.ready['grpc_port']}"

    @property
    def http_port(self) -> int:
        return int(self.ready["http_port"])

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far, user and system."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_bytes(self) -> int:
        """Return its resident memory."""
        for line in Path(f"/proc/{self._child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("a living process has a VmRSS")

    def stop(self) -> None:
        """End it gracefully, or else at all."""
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _wait_for_ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline and self._child.poll() is None:
            for line in self.log.read_bytes().splitlines():
                if b'"serving"' in line:
                    return json.loads(line)
            time.sleep(0.01)
        self._child.kill()
        self._child.wait()
        raise RuntimeError(f"{self._child.args} did not become ready:\n{self.log.read_text()[-2000:]}")


def echo(folder: Path) -> Process:
    """Start yardstick A."""
    return Process([sys.executable, "-m", "bench.echo"], folder / "echo.log")


def service(
    folder: Path,
    database: str,
    name: str = "service",
    *,
    profiled: bool = False,
    order_check: str = "before_money",
) -> Process:
    """Start the service as an operator does, with its default settings, over a database.

    :param order_check: when an order is read again; anything but the default shows what that costs.
    :param profiled: under cProfile, which writes ``<name>.prof`` when the service stops.
    """
    config = folder / f"{name}.toml"
    config.write_text(_CONFIG.format(database=database, order_check=order_check))
    command = [str(Path(sys.executable).parent / "payment-actions"), "serve", "--config", str(config)]
    if profiled:
        command = [sys.executable, "-m", "cProfile", "-o", str(folder / f"{name}.prof"), *command]
    return Process(command, folder / f"{name}.log")


def remove(folder: Path, name: str) -> Path:
    """Remove a SQLite database, if there is one, and return its path."""
    for old in folder.glob(f"{name}.db*"):
        old.unlink()
    return folder / f"{name}.db"
