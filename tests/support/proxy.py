"""A TCP proxy that can cut connections, delay what passes, and swallow answers."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

CONNECT_SECONDS_MAX = 5.0


class Address(NamedTuple):
    """Where to pass connections on to."""

    host: str
    port: int


class Proxy:
    """Passes connections on to whatever ``target`` returns; belongs to the loop that it is started in."""

    def __init__(self, target: Callable[[], Address]) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self.delay_seconds = 0.0
        self.refusing = False  #: New connections are closed at once.
        self.port = 0
        self.cuts = 0  #: Connections that were cut or whose answers were swallowed.

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._links)

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop, and cut what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset all connections."""
        self.cuts += len(self._links)
        for link in list(self._links):
            link.abort()

    def swallow(self, seconds: float) -> None:
        """Lose whatever is answered on the connections that are open now, and cut them after a while."""
        self.cuts += len(self._links)
        links = list(self._links)
        for link in links:
            link.swallowing = True
        asyncio.get_running_loop().call_later(seconds, lambda: [link.abort() for link in links])

    def heal(self) -> None:
        """Behave from now on. Connections whose answers are swallowed are cut: they would stay silent."""
        self.delay_seconds, self.refusing = 0.0, False
        for link in [link for link in self._links if link.swallowing]:
            link.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX):
                there_reader, there_writer = await asyncio.open_connection(*self._target())
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        link = _Link(writer, there_writer)
        self._links.add(link)
        try:
            await asyncio.gather(self._asks(link, reader), self._answers(link, there_reader))
        except asyncio.CancelledError:
            pass  # The loop ends; asyncio's own callback on this task would stumble over it.
        finally:
            link.abort()
            self._links.discard(link)

    async def _asks(self, link: "_Link", reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._wait()
                link.there.write(data)
                await link.there.drain()
        link.abort()

    async def _answers(self, link: "_Link", reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if link.swallowing:
                    continue
                await self._wait()
                link.here.write(data)
                await link.here.drain()
        if not link.swallowing:  # Not even that the other side hung up.
            link.abort()

    async def _wait(self) -> None:
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)


class _Link:
    def __init__(self, here: asyncio.StreamWriter, there: asyncio.StreamWriter) -> None:
        self.here = here
        self.there = there
        self.swallowing = False

    def abort(self) -> None:
        self.here.transport.abort()
        self.there.transport.abort()
