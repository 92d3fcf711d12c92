"""An installation of the program with plugins of its own: what is configured, and what runs in it."""

import json
import os
import subprocess
import textwrap
from contextlib import contextmanager
from pathlib import Path

from payment_actions_server.demo.processes import installed

CALL_SECONDS_MAX = 60
SERVER = """\
[server]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
database = "sqlite:///{folder}/service.db"
"""


class Installation:
    """One folder with a configuration, plugins and a database."""

    def __init__(self, folder: Path, *plugin_folders: Path, **environment: str) -> None:
        self.folder = folder
        self.config = folder / "service.toml"
        self.config.write_text(SERVER.format(folder=folder))
        paths = os.pathsep.join(map(str, (folder, *plugin_folders)))
        self.environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "1000"} | environment

    def configure(self, toml: str) -> None:
        """Add to the configuration."""
        self.config.write_text(self.config.read_text() + toml)

    def add_plugin(self, name: str, source: str) -> None:
        """Install a plugin with one module."""
        (self.folder / f"{name}_module.py").write_text(textwrap.dedent(source))
        info = self.folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[payment_actions]\n{name} = {name}_module\n")

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the program; return its exit code and all that it wrote."""
        done = subprocess.run(
            [installed("payment-actions"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS_MAX,
            check=False,
        )
        return done.returncode, done.stderr + done.stdout

    def check(self) -> tuple[int, str]:
        """Check the configuration."""
        return self.run("check", str(self.config))

    @property
    def log(self) -> str:
        """Return what the service has logged."""
        return (self.folder / "service.log").read_text()

    @contextmanager
    def serve(self):
        """Run the service; yield its first line once it serves, with the ports."""
        command = [installed("payment-actions"), "serve", "--config", str(self.config)]
        with (self.folder / "service.log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log, env=self.environment)
        try:
            yield self._first_line(process)
        finally:
            process.kill()
            process.wait()

    def _first_line(self, process):
        with (self.folder / "service.log").open() as lines:
            unfinished = ""
            while process.poll() is None:
                unfinished += lines.readline()
                if not unfinished.endswith("\n"):
                    continue
                line, unfinished = json.loads(unfinished), ""
                if line["event"] == "serving":
                    return line
        raise AssertionError(f"the service does not start: {self.log}")
