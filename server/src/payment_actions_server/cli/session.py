"""What every command has: where the service is, who asks, and how to answer."""

import getpass
import sys
from dataclasses import dataclass, field
from functools import cached_property

import typer

from payment_actions_client import Client
from payment_actions_client.connection import TARGET, TIMEOUT_SECONDS
from payment_actions_server.cli.output import Output
from payment_actions_server.transport.authentication import RESERVED

_ACTOR_LENGTH_MAX = 128


def default_actor() -> str:
    """Return the operating system's name of who asks, in a form that the service accepts."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # No name is known: a container's bare number, for one.
        return "unknown-user"
    name = user.encode("ascii", "backslashreplace").decode().replace(" ", "_")[:_ACTOR_LENGTH_MAX]
    return f"user-{name}" if name in RESERVED else name


@dataclass
class Session:
    """One run of the command line."""

    server: str = TARGET
    json: bool = False
    timeout: float = TIMEOUT_SECONDS
    actor: str = field(default_factory=default_actor)

    @cached_property
    def output(self) -> Output:
        """Return where to answer; the same for the whole command."""
        return Output(as_json=self.json)

    @property
    def interactive(self) -> bool:
        """Tell whether there is somebody to ask."""
        return sys.stdin.isatty()

    def client(self) -> Client:
        """Return a client to be used in a ``with`` block."""
        try:
            return Client(self.server, actor=self.actor, timeout=self.timeout)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None


def session_of(context: typer.Context) -> Session:
    """Return the run that a command belongs to."""
    session = context.find_root().ensure_object(Session)
    assert isinstance(session, Session)
    return session
