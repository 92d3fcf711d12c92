"""Requests of millions of values: whoever sends one holds up nobody else."""

import asyncio
import gzip
import time
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest
from integration.transport.conftest import refusal

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.transport.http import HttpApplication, HttpServer

PATH = "/payment_actions.v1.PaymentActions"
STILL_SECONDS_MAX = 1.5
"""Of a machine that is busy with other tests. Without the limits these requests take several times as long."""


@asynccontextmanager
async def turning():
    """Fail if the event loop, which serves everybody, stands still in this block."""
    longest = 0.0

    async def turn():
        nonlocal longest
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - begun)

    task = asyncio.create_task(turn())
    await asyncio.sleep(0)
    yield
    await asyncio.sleep(0.02)
    task.cancel()
    assert longest < STILL_SECONDS_MAX


@pytest.fixture
async def url(engine, metrics):
    server = HttpServer(HttpApplication(engine, metrics, lambda: True))
    yield f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}{PATH}"
    await server.stop(1)


async def post(url, body, **headers):
    async with httpx.AsyncClient(timeout=120) as client:
        return await client.post(url, content=body, headers={"content-type": "application/json"} | headers)


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("ListPayments", pb.ListPaymentsRequest(statuses=[1] * 16_000_000), "statuses"),
        ("WatchEvents", pb.WatchEventsRequest(stores=["shop"] * 2_600_000), "stores"),
    ],
    ids=["statuses", "stores"],
)
async def test_millions_of_values_are_refused_at_once(stub, engine, method, request_, field):
    async with turning():
        told = await refusal(getattr(stub, method)(request_))
    assert (told.code, told.violations) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
    assert engine.asked == []


@pytest.mark.parametrize("packed", [False, True])
async def test_json_of_millions_of_values_is_refused_unread(url, engine, packed):
    body = b'{"statuses":[' + b"1," * 2_000_000 + b"1]}"
    async with turning():
        if packed:
            answer = await post(f"{url}/ListPayments", gzip.compress(body), **{"content-encoding": "gzip"})
        else:
            answer = await post(f"{url}/ListPayments", body)
    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert engine.asked == []


async def test_a_watch_of_as_many_stores_as_may_be_fits_into_json(url, engine):
    stores = ",".join(f'"{number:064}"' for number in range(1000))
    body = f'{{"stores":[{stores}]}}'.encode()
    envelope = b"\0" + len(body).to_bytes(4, "big") + body
    headers = {"content-type": "application/connect+json"}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", f"{url}/WatchEvents", content=envelope, headers=headers) as answer,
    ):
        assert b'"event"' in await anext(answer.aiter_bytes())
    assert len(engine.asked[0][0]) == 1000


async def test_json_of_a_million_items_is_refused_before_each_becomes_a_message(url, engine):
    body = b'{"items":[' + b"{}," * 1_000_000 + b"{}]}"
    envelope = b"\0" + len(body).to_bytes(4, "big") + body
    async with turning():
        answer = await post(f"{url}/RunActions", envelope, **{"content-type": "application/connect+json"})
    assert b'"invalid_argument"' in answer.content
    assert b"items must be 1 to 10000 items" in answer.content
    assert engine.asked == []


async def test_a_run_whose_notes_are_full_of_braces_is_taken(url, engine):
    one = b'{"store":"shop","orderId":"4711","action":"ACTION_REFRESH","note":"%b"}' % (b"{}" * 100)
    body = b'{"items":[' + b",".join([one] * 250) + b"]}"
    envelope = b"\0" + len(body).to_bytes(4, "big") + body
    answer = await post(f"{url}/RunActions", envelope, **{"content-type": "application/connect+json"})
    assert b'"error"' not in answer.content
    assert len(engine.asked) == 250
