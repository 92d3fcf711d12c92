"""Between a client and a server: passes all on and counts it, until it is told to lose a request or its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import SplitResult, urlsplit

Loss = Literal["request", "answer"]


class LossyProxy:
    """``url`` leads through it to the server. `lose` arms it for one request; then it cuts that connection."""

    def __init__(self, server: SplitResult) -> None:
        self._server = server
        self._marker = b""
        self._loss: Loss = "request"
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.lost: list[Loss] = []
        self.round_trips = 0  #: How often a client began to say something, having heard all that there was to hear.

    def lose(self, what: Loss, marker: bytes) -> None:
        """Lose the next request that has ``marker`` in it, or the answer to it."""
        self._loss, self._marker = what, marker

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        from_server, to_server = await asyncio.open_connection(self._server.hostname, self._server.port)
        cut, answer_lost = asyncio.Event(), asyncio.Event()
        waiting = False

        async def requests() -> None:
            nonlocal waiting
            while data := await reader.read(2**16):
                self.round_trips += not waiting
                waiting = True
                if self._marker and self._marker in data:
                    self._marker = b""
                    self.lost.append(self._loss)
                    if self._loss == "request":
                        break
                    answer_lost.set()
                to_server.write(data)
            cut.set()

        async def answers() -> None:
            nonlocal waiting
            while data := await from_server.read(2**16):
                if answer_lost.is_set():
                    break
                waiting = False
                writer.write(data)
            cut.set()

        async with asyncio.TaskGroup() as group:
            directions = [group.create_task(_until_reset(each())) for each in (requests, answers)]
            await cut.wait()
            for task in directions:
                task.cancel()
        for each in (writer, to_server):
            each.transport.abort()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Cut all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _until_reset(direction) -> None:
    with suppress(ConnectionError):
        await direction


@asynccontextmanager
async def lossy_proxy(url: str) -> AsyncIterator[LossyProxy]:
    """Open a proxy to the server of a URL, on a free port of loopback."""
    server = urlsplit(url)
    proxy = LossyProxy(server)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    who, at, _ = server.netloc.rpartition("@")
    port = listening.sockets[0].getsockname()[1]
    proxy.url = server._replace(netloc=f"{who}{at}127.0.0.1:{port}").geturl()
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.aclose()
