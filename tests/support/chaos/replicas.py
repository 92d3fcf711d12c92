"""The service's processes: started, killed, paused, and started again as an init system would."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from payment_actions_server.demo.processes import installed
from support.parentage import dying_with_parent
from support.ports import free_port

READY_SECONDS_MAX = 120.0


class Replica:
    """One replica. Its ports stay the same over its lives. Call from the main thread."""

    def __init__(self, number: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.number = number
        self.config = folder / f"replica-{number}.toml"
        self.log = folder / f"replica-{number}.log"
        self.grpc_port, self.http_port = free_port(), free_port()
        self.start_time = 0.0  #: When it is to be started again, monotonic; 0: it is meant to run.
        self.deaths: list[str] = []  #: Ends that nobody asked for, with what it last said.
        self._environment = dict(environment)
        self._child: subprocess.Popen[bytes] | None = None
        self._read_from = 0
        self._ready = False
        self._paused = False

    @property
    def target(self) -> str:
        """Return where its gRPC port is."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def running(self) -> bool:
        """Tell whether its process is there, paused or not."""
        return self._child is not None and self._child.poll() is None

    @property
    def serving(self) -> bool:
        """Tell whether it serves: neither dead nor on its way nor paused."""
        return self.running and not self._paused and self.ready

    @property
    def ready(self) -> bool:
        """Tell whether it has said that it serves since it was last launched."""
        if not self._ready:
            with self.log.open("rb") as log:
                log.seek(self._read_from)
                self._ready = any(_is_serving(line) for line in log if b"serving" in line)
        return self._ready

    def launch(self) -> None:
        """Start it; `serving` tells when it is ready."""
        assert not self.running
        self.start_time, self._paused, self._ready = 0.0, False, False
        with self.log.open("ab") as log:
            self._read_from = log.tell()
            self._child = subprocess.Popen(
                [installed("payment-actions"), "serve", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509 - it only makes system calls
            )

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)
            self._child = None

    def pause(self) -> None:
        """Stop it where it stands; it does not hear of it."""
        if self.running:
            os.kill(self._child.pid, signal.SIGSTOP)
            self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        if self.running and self._paused:
            os.kill(self._child.pid, signal.SIGCONT)
        self._paused = False

    def look_after(self, start_again_seconds: float = 0.5) -> bool:
        """Start it when it is time to. Tell whether it was started.

        It may end by itself when it cannot reach its database at the start; once it has served it must not.
        """
        if self.running:
            return False
        if self._child is not None:
            if self.ready:
                self.deaths.append(f"replica {self.number} ended with {self._child.returncode}:\n{self.last_words}")
            self._child = None
            self.start_time = time.monotonic() + start_again_seconds
        if time.monotonic() < self.start_time:
            return False
        self.launch()
        return True

    @property
    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def incidents(self) -> list[str]:
        """Return what it logged about mistakes of its own."""
        with self.log.open(errors="replace") as lines:
            return [line.strip() for line in lines if '"event":"incident"' in line.replace('": "', '":"')]


def _is_serving(line: bytes) -> bool:
    try:
        return json.loads(line).get("event") == "serving"
    except (ValueError, AttributeError):
        return False
