"""What reaches the terminal: data on stdout, messages on stderr, for people or, with --json, for programs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from payment_actions_client import PaymentActionsError
from payment_actions_server.cli.words import plain

_PIPE_COLUMNS = 200
"""How wide a table is that no terminal limits."""


class Output:
    """One command's output.

    :param as_json: one JSON document on stdout, or one a line for streams; errors are one JSON line on stderr.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._data = _console(stderr=False)
        self._messages = _console(stderr=True)

    def show(self, shown: RenderableType) -> None:
        """Write data for people."""
        self._data.print(shown, soft_wrap=isinstance(shown, Text))

    def document(self, document: Message | dict[str, Any]) -> None:
        """Write the one JSON document."""
        print(json.dumps(as_dict(document), indent=2, ensure_ascii=False))  # noqa: T201 - data is what stdout is for

    def line(self, document: Message | dict[str, Any]) -> None:
        """Write one JSON line of many, at once."""
        print(json.dumps(as_dict(document), ensure_ascii=False), flush=True)  # noqa: T201 - data is what stdout is for

    def say(self, message: str, style: str = "") -> None:
        """Tell the person in front of the terminal something that is not data."""
        lines = "\n".join(map(plain, message.split("\n")))
        self._messages.print(Text(lines, style=style), soft_wrap=True)

    def refuse(self, error: PaymentActionsError) -> None:
        """Tell of an error of the service."""
        if not self.as_json:
            self.say(str(error), style="red")
            for note in getattr(error, "__notes__", ()):  # What to type next.
                self.say(note)
            return
        told = {
            "kind": type(error).__name__,
            "reason": error.reason,
            "message": error.message,
            "code": error.code.name,
            "metadata": error.metadata,
            "requestId": error.request_id,
            "retryAfter": error.retry_after,
        }
        self._messages.print(Text(json.dumps({"error": told})), soft_wrap=True)

    @contextmanager
    def progress(self, total: int, doing: str) -> Iterator[Callable[[int, str], None]]:
        """Show how far many things are, where somebody watches.

        :return: to be told how many have ended, and what they came to.
        """
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        told = TextColumn("{task.fields[told]}", markup=False)
        with Progress(*columns, told, console=self._messages, disable=not self._messages.is_terminal) as bar:
            task = bar.add_task(plain(doing), total=total, told="")
            yield lambda completed, told: bar.update(task, completed=completed, told=plain(told))

    @contextmanager
    def standing(self, line: Callable[[], Text]) -> Iterator[None]:
        """Keep a line below what is shown, where somebody watches; it is asked for anew each second."""
        if self.as_json or not self._data.is_terminal:
            yield
            return
        with Live(console=self._data, get_renderable=line, refresh_per_second=1, transient=True):
            yield

    @contextmanager
    def waiting(self, message: str) -> Iterator[None]:
        """Show that something is under way, where somebody watches."""
        if not self._messages.is_terminal:
            yield
            return
        with self._messages.status(Text(plain(message))):
            yield


def as_dict(document: Message | dict[str, Any]) -> dict[str, Any]:
    """Return a message under proto JSON's names, with its empty fields: a script need not guess what may be absent."""
    if isinstance(document, Message):
        return MessageToDict(document, always_print_fields_with_no_presence=True)
    return document


def _console(*, stderr: bool) -> Console:
    # No markup, emoji or highlighting: what a shop or a gateway wrote is shown, not interpreted.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    return console
