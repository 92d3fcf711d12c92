"""`watch`: a log of events as they happen, with a line below it that says whether it is still true."""

import time
from typing import Annotated, Final

import typer
from rich.text import Text

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.cli import words
from payment_actions_server.cli.session import session_of
from payment_actions_server.cli.tables import change, status_style

_STYLES: Final = {
    pb.EVENT_TYPE_ANOMALY: "bold red",
    pb.EVENT_TYPE_STORE_UPDATE_DELAYED: "yellow",
    pb.EVENT_TYPE_STORE_STATUS_CHANGED: "yellow",
    pb.EVENT_TYPE_OPERATION_STARTED: "cyan",
    pb.EVENT_TYPE_OPERATION_UPDATED: "yellow",
    pb.EVENT_TYPE_OPERATION_ENDED: "green",
    pb.EVENT_TYPE_OPERATION_RESOLVED: "green",
    pb.EVENT_TYPE_NOTIFICATION_IGNORED: "dim",
    pb.EVENT_TYPE_STORE_UPDATED: "dim",
}
_WHERE_WIDTH: Final = 20
_WHAT_WIDTH: Final = 20


def watch(
    context: typer.Context,
    store: Annotated[
        list[str] | None, typer.Option("--store", help="Only of this store; repeatable.", show_default=False)
    ] = None,
    after: Annotated[
        int | None,
        typer.Option("--after", min=0, help="Begin after this sequence.  [default: from now on]", show_default=False),
    ] = None,
) -> None:
    """Show events as they happen, until Ctrl-C. Goes on by itself after a lost connection."""
    session = session_of(context)
    output, last, state = session.output, after, Standing(store or [], session.server)
    try:
        with session.client() as client, output.standing(state.line):
            client.on_connection(state.connection)
            for event in client.watch_events(store or (), after_sequence=after):
                if session.json:
                    output.line(event)
                else:
                    output.show(event_line(event))
                last = event.sequence
                state.seen()
    except KeyboardInterrupt:
        output.say("Ended." if last is None else f"Ended. To go on from here: --after {last}")


class Standing:
    """What stands below the log: whether the service is heard, and since when nothing was to be told."""

    def __init__(self, stores: list[str], server: str) -> None:
        self._what = ", ".join(stores) or "all stores"
        self._server = server
        self._connected = False
        self._since = self._heard = time.monotonic()
        self._count = 0

    def connection(self, connected: bool) -> None:
        """Take note that the connection came or went. Called by another thread."""
        if connected != self._connected:
            self._connected, self._since = connected, time.monotonic()

    def seen(self) -> None:
        """Take note of an event."""
        self._count += 1
        self._heard = time.monotonic()

    def line(self) -> Text:
        """Return the line as it is now."""
        now = time.monotonic()
        if not self._connected:
            told = (
                f"No connection to {self._server} for {_lasting(now - self._since)}; trying again. Nothing is missed."
            )
            return Text(words.plain(told), style="bold yellow")
        events = (
            "no event yet" if not self._count else f"{self._count} events, the last {_lasting(now - self._heard)} ago"
        )
        return Text(words.plain(f"Watching {self._what}: {events}. Ctrl-C ends it."), style="dim")


def event_line(event: pb.Event) -> Text:
    """Return an event as one line of a log, in columns that stay where they are while they can."""
    where = f"{event.store}/{event.order_id}"
    what = words.event_type(event.type)
    line = Text()
    line.append(f"{words.time(event.time)}  {event.sequence:>6}  ", style="dim")
    line.append(f"{words.plain(where):<{_WHERE_WIDTH}}  ", style="bold")
    line.append(f"{what:<{_WHAT_WIDTH}}  ", style=_STYLES.get(event.type, ""))
    line.append(f"{change(event)}  ", style=status_style(event.status_after))
    line.append(words.plain(f"{event.actor}: {event.message}"))
    return line


def _lasting(seconds: float) -> str:
    """Return a length of time as one says it in passing."""
    whole = int(seconds)
    if whole < 100:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 6000 else f"{whole // 3600} h"
