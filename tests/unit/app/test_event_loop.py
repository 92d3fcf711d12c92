"""The service's event loop: names that hang hold up nobody else, and looking up is otherwise as ever."""

import asyncio
import socket
import threading

import pytest
from pydantic import SecretStr

from payment_actions_server import event_loop
from payment_actions_server.plugins import Unavailable
from payment_actions_xcart.platform import create

look_up = socket.getaddrinfo


class Names:
    """A resolver that knows one shop, and never answers for the others until it is told to."""

    def __init__(self):
        self.asked = []
        self.released = threading.Event()

    def __call__(self, host, *rest):
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if name == "shop.example":
            return look_up("127.0.0.1", *rest)
        self.released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")


@pytest.fixture
def names(monkeypatch):
    resolver = Names()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.released.set()


def run(main):
    with asyncio.Runner(loop_factory=event_loop.new_event_loop) as runner:
        return runner.run(main())


def test_shops_whose_names_hang_hold_up_no_other_shop(names):
    async def main():
        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        settings = {"api_key": SecretStr("key"), "allow_plain_http": True}
        port = server.sockets[0].getsockname()[1]
        there = create({"url": f"http://shop.example:{port}/", **settings})
        hanging = [create({"url": f"http://hangs-{number}.example/", **settings}) for number in range(10)]
        waiting = [asyncio.create_task(each.read_order(str(order))) for each in hanging for order in range(1, 5)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(2):
            with pytest.raises(Unavailable, match="HTTP 503"):
                await there.read_order("1")
        names.released.set()
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, Unavailable)
        server.close()

    run(main)
    assert all(names.asked.count(name) <= 4 for name in names.asked)


def test_a_name_that_is_looked_up_already_is_looked_up_once_for_all(names):
    async def main():
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(loop.getaddrinfo("hangs.example", 443)) for _ in range(20)]
        await asyncio.sleep(0.1)
        waiting[0].cancel()
        assert names.asked == ["hangs.example"]
        names.released.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] + [socket.gaierror] * 19
        assert await loop.getaddrinfo("shop.example", 443) == look_up("127.0.0.1", 443)
        with pytest.raises(socket.gaierror, match="no answer"):
            await loop.getaddrinfo("hangs.example", 443)  # A failure is not remembered.

    run(main)
    assert names.asked.count("hangs.example") == 2


def test_no_more_names_are_looked_up_at_once_than_the_bound_says(names):
    async def main():
        loop = asyncio.get_running_loop()
        lookups = [loop.getaddrinfo(f"hangs-{number}.example", 443) for number in range(event_loop.LOOKUPS_MAX)]
        waiting = [asyncio.create_task(each) for each in lookups]
        await asyncio.sleep(0.1)
        with pytest.raises(socket.gaierror, match="too many"):
            await loop.getaddrinfo("shop.example", 443)
        names.released.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await loop.getaddrinfo("shop.example", 443)

    run(main)


def test_a_name_that_still_hangs_does_not_keep_the_loop_from_closing(names):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.get_running_loop().getaddrinfo("hangs.example", 443)

    run(main)
