"""The HTTP port's connections: how many there may be, and how long one may go without a request."""

import asyncio
import sys
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS_MAX: Final = 10.0
"""How long a request's head may take to come in, from the connection's beginning or the last answer's end."""

CONNECTIONS_MAX: Final = 1024


def connections_max() -> int:
    """Return how many connections there may be: at most half of the files that the process may have open.

    The other half is for the gRPC port, the database and the gateways: whoever floods this port, those go on.
    """
    if sys.platform == "win32":
        return CONNECTIONS_MAX
    import resource  # noqa: PLC0415 - there is none on Windows

    files_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if files_max == resource.RLIM_INFINITY else min(CONNECTIONS_MAX, files_max // 2)


class Connection(H11Protocol):
    """A connection that is closed when it sends no request.

    uvicorn bounds the silence after an answer, and that only until the next byte; and it counts connections only when
    one of them asks. So silent ones, or ones that send half a head, would stay for ever, until no file is left to open.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waiting: asyncio.TimerHandle | None = None  # Set while no request is under way.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        self._wait_no_more()

    def handle_events(self) -> None:
        """Take what has come in; a head that is complete ends the waiting."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it is here already."""
        self._wait()
        super().on_response_complete()

    def _wait(self) -> None:
        self._wait_no_more()
        if not self.transport.is_closing():
            self._waiting = self.loop.call_later(HEAD_SECONDS_MAX, self.timeout_keep_alive_handler)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _make_room(self) -> None:
        """Cut off whoever has been without a request for longest; with none but requests under way, the new one."""
        waits = [(one._waiting.when(), one) for one in self.connections if isinstance(one, Connection) and one._waiting]
        _, longest = min(waits, key=lambda wait: wait[0])
        self.connections.discard(longest)  # Now: the transport says so only later.
        longest.transport.abort()
