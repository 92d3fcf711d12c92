"""Connections of the HTTP port that send no request: they hold nobody up."""

import asyncio
import resource
from contextlib import asynccontextmanager

import httpx
import pytest
from integration.transport.conftest import until

from payment_actions_server.transport import connections
from payment_actions_server.transport.connections import CONNECTIONS_MAX, connections_max
from payment_actions_server.transport.http import HttpApplication, HttpServer

HALF_A_HEAD = b"POST /notifications/shop HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: "
WHOLE = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@asynccontextmanager
async def port_of(engine, metrics):
    server = HttpServer(HttpApplication(engine, metrics, lambda: True))
    yield await server.start("127.0.0.1", 0)
    await asyncio.wait_for(server.stop(1), 30)


async def connected(port, said=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def healthy(port):
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def closed(reader):
    """Wait until the other side has hung up; return what it said before."""
    async with asyncio.timeout(30):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("said", [b"", HALF_A_HEAD], ids=["nothing", "half a head"])
async def test_who_sends_no_request_is_hung_up_on(engine, metrics, monkeypatch, said):
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.2)
    async with port_of(engine, metrics) as port:
        reader, writer = await connected(port, said)
        assert await closed(reader) == b""
        writer.close()


async def test_who_sends_half_a_request_after_an_answer_is_hung_up_on(engine, metrics, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.2)
    async with port_of(engine, metrics) as port:
        reader, writer = await connected(port, WHOLE)
        await reader.readuntil(b"}")
        writer.write(HALF_A_HEAD)
        assert await closed(reader) == b""
        writer.close()


async def test_who_waits_for_an_answer_is_not_hung_up_on(engine, metrics, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.2)
    blocked, taken = asyncio.Event(), engine.take_notification

    async def take(*asked):
        await blocked.wait()
        return await taken(*asked)

    engine.take_notification = take
    async with port_of(engine, metrics) as port, httpx.AsyncClient(timeout=30) as client:
        asking = asyncio.create_task(client.post(f"http://127.0.0.1:{port}/notifications/shop", content=b"{}"))
        await asyncio.sleep(0.5)
        blocked.set()
        assert (await asking).status_code == 200


async def test_one_more_than_there_may_be_takes_the_place_of_the_longest_silent(engine, metrics, monkeypatch):
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 4)
    async with port_of(engine, metrics) as port:
        silent = []
        for _ in range(4):
            silent.append(await connected(port, HALF_A_HEAD))
            await asyncio.sleep(0.01)  # So that one of them is the first.
        assert await healthy(port)
        await closed(silent[0][0])
        assert not any(reader.at_eof() or reader.exception() for reader, _ in silent[1:])
        for _, writer in silent:
            writer.close()


async def test_with_requests_under_way_on_all_connections_one_more_is_cut_off(engine, metrics, monkeypatch):
    monkeypatch.setattr(connections, "CONNECTIONS_MAX", 4)
    engine.holds["4711"] = asyncio.Event()
    url = "/payment_actions.v1.PaymentActions/GetPayment"
    async with port_of(engine, metrics) as port, httpx.AsyncClient(timeout=30) as client:
        order = {"store": "shop", "orderId": "4711"}
        asking = [asyncio.create_task(client.post(f"http://127.0.0.1:{port}{url}", json=order)) for _ in range(4)]
        await until(lambda: engine.running == 4)
        reader, writer = await connected(port)
        assert await closed(reader) == b""
        writer.close()
        engine.holds["4711"].set()
        assert [(await each).status_code for each in asking] == [200] * 4


@pytest.mark.parametrize(
    ("files", "expected"), [(256, 128), (1 << 16, CONNECTIONS_MAX), (resource.RLIM_INFINITY, CONNECTIONS_MAX)]
)
def test_half_of_the_files_are_left_for_all_else(monkeypatch, files, expected):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert connections_max() == expected
