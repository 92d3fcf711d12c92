"""Child processes of the demo: started, waited for until they are ready, stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

READY_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 15.0

Json = dict[str, Any]


class ProcessFailed(Exception):
    """A child did not become ready; the message names it and what it last said."""


class Process:
    """One child process, which says that it is ready in a line of JSON; all it says goes to a log file."""

    def __init__(self, command: list[str], log: Path, ready: Callable[[Json], bool], **environment: str) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            start = output.tell()
            self._child = subprocess.Popen(  # noqa: S603 - our own commands, no shell
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )
        self.ready = self._wait_until(ready, start)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._child.pid

    def stop(self) -> int:
        """Ask it to end, and make it when it does not; return its exit code."""
        self._child.terminate()
        try:
            return self._child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it with SIGKILL, as a crash would."""
        self._child.send_signal(signal.SIGKILL)
        return self._child.wait(STOP_SECONDS_MAX)

    def _wait_until(self, ready: Callable[[Json], bool], start: int) -> Json:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < deadline:
            for line in _json_lines(self.log, start):
                if ready(line):
                    return line
            if self._child.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        last = self.log.read_text(errors="replace")[-2000:]
        raise ProcessFailed(f"{self.name} did not become ready. {self.log} ends with:\n{last}")


def _json_lines(log: Path, start: int) -> list[Json]:
    with log.open("rb") as written:
        written.seek(start)
        lines = written.read().splitlines()
    return [value for line in lines if (value := _parsed(line)) is not None]


def _parsed(line: bytes) -> Json | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def installed(command: str) -> str:
    """Return the path of a command that was installed beside this Python."""
    return str(Path(sys.executable).parent / command)


def simulator(command: str, log: Path, *arguments: str) -> Process:
    """Start a simulator on a free port; its ready line has the ``url``."""
    return Process([installed(command), "--port", "0", *arguments], log, lambda line: "url" in line)


def service(config: Path, log: Path, environment: Mapping[str, str]) -> Process:
    """Start the service; its ready line has ``grpc_port`` and ``http_port``."""
    command = [installed("payment-actions"), "serve", "--config", str(config)]
    return Process(command, log, lambda line: line.get("event") == "serving", **environment)
