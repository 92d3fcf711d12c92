"""Between a client and a server: passes all on, until it is told to lose a request or its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

Loss = Literal["request", "answer"]


class LossyProxy:
    """``port`` leads to the server. `lose` arms it for one request; then it cuts that connection."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._marker = b""
        self._loss: Loss = "request"
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.lost: list[Loss] = []

    def lose(self, what: Loss, marker: bytes) -> None:
        """Lose the next request that has ``marker`` in it, or the answer to it."""
        self._loss, self._marker = what, marker

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        cut, answer_lost = asyncio.Event(), asyncio.Event()

        async def requests() -> None:
            while data := await reader.read(2**16):
                if self._marker and self._marker in data:
                    self._marker = b""
                    self.lost.append(self._loss)
                    if self._loss == "request":
                        break
                    answer_lost.set()
                to_server.write(data)
            cut.set()

        async def answers() -> None:
            while data := await from_server.read(2**16):
                if answer_lost.is_set():
                    break
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
async def lossy_proxy(server_port: int) -> AsyncIterator[LossyProxy]:
    """Open a proxy on a free port of loopback."""
    proxy = LossyProxy(server_port)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.aclose()
