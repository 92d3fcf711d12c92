"""The API over HTTP, by real clients over a real port: Connect in JSON and binary, and gRPC-Web."""

import asyncio
import base64
import itertools
import json
import re
import shlex
import struct
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from connectrpc.client import ConnectClient
from connectrpc.code import Code
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from integration.transport.conftest import half_a_request, until
from integration.transport.fake_engine import EVENT, OPERATION_ID
from structlog.testing import capture_logs

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.errors import GatewayThrottled, OrderNotFound
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action
from payment_actions_server.transport.http import HttpApplication, HttpServer
from payment_actions_server.transport.validation import SERVICE

PATH = "/payment_actions.v1.PaymentActions"
GET = {"store": "shop", "orderId": "4711"}
PROTOCOLS = {
    "connect": (ProtocolType.CONNECT, google_protobuf_binary_codec()),
    "connect json": (ProtocolType.CONNECT, google_protobuf_json_codec()),
    "grpc-web": (ProtocolType.GRPC_WEB, google_protobuf_binary_codec()),
    "grpc-web json": (ProtocolType.GRPC_WEB, google_protobuf_json_codec()),
}


def info(name):
    method = SERVICE.methods_by_name[name]
    return MethodInfo(
        name=name,
        service_name=SERVICE.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.SERVER_STREAM if method.server_streaming else StreamType.UNARY,
    )


class Face(NamedTuple):
    server: HttpServer
    url: str
    client: ConnectClient

    async def ask(self, request, **options):
        name = type(request).__name__.removesuffix("Request")
        return await self.client.execute_unary(request=request, method=info(name), **options)

    def stream(self, request, **options):
        name = type(request).__name__.removesuffix("Request")
        return self.client.execute_server_stream(request=request, method=info(name), **options)


@asynccontextmanager
async def faced(engine, metrics, protocol="connect"):
    server = HttpServer(HttpApplication(engine, metrics, lambda: True))
    port = await server.start("127.0.0.1", 0)
    kind, codec = PROTOCOLS[protocol]
    url = f"http://127.0.0.1:{port}"
    yield Face(server, url, ConnectClient(url, codec=codec, protocol=kind))
    await server.stop(1)


@pytest.fixture(params=PROTOCOLS)
async def face(request, engine, metrics):
    async with faced(engine, metrics, request.param) as face:
        yield face


@pytest.fixture
async def json_face(engine, metrics):
    async with faced(engine, metrics, "connect json") as face:
        yield face


async def post(face, method, body, **headers):
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(f"{face.url}{PATH}/{method}", json=body, headers=headers)


def unpacked(details):
    """Return the error's details by the kind of each."""
    kinds = {kind.DESCRIPTOR.full_name: kind for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest,
             error_details_pb2.RetryInfo, error_details_pb2.PreconditionFailure)}  # fmt: skip
    return {kind: kinds[kind].FromString(value).__class__.FromString(value) for kind, value in details}


async def refused(call):
    with pytest.raises(ConnectError) as caught:
        await call
    error = caught.value
    return error.code, unpacked((one.type_name, one.message_bytes) for one in error.details), error.message


# -- Calls ------------------------------------------------------------------------------------------------------------


async def test_an_action_runs_once_with_all_that_was_asked(face, engine):
    request = pb.CapturePaymentRequest(store="shop", order_id="4711", request_id="r1", etag='"3"', note="shipped",
                                       amount={"currency_code": "USD", "units": 10, "nanos": 500_000_000})  # fmt: skip
    response = await face.ask(request, headers={"payment-actions-actor": "Ann"})
    assert engine.asked == [
        (ActionRequest("shop", "4711", Action.CAPTURE, "r1", 1050, "USD", '"3"', "shipped", "Ann"),)
    ]
    assert (response.operation.operation_id, response.operation.actor) == (OPERATION_ID, "Ann")


async def test_every_error_keeps_its_reason_and_details(face, engine):
    engine.errors["4711"] = OrderNotFound("There is none. 100 % sure, é.", store="shop", order_id="4711")
    code, details, message = await refused(face.ask(pb.GetPaymentRequest(store="shop", order_id="4711")))
    told = details["google.rpc.ErrorInfo"]
    assert (code, told.reason, told.domain) == (Code.NOT_FOUND, "ORDER_NOT_FOUND", "payment-actions")
    assert dict(told.metadata) == {"store": "shop", "order_id": "4711"}
    assert message == "There is none. 100 % sure, é."


async def test_an_invalid_request_names_its_fields_and_asks_nobody(face, engine):
    code, details, _ = await refused(face.ask(pb.CapturePaymentRequest(store="SHOP", order_id="1")))
    fields = [one.field for one in details["google.rpc.BadRequest"].field_violations]
    assert (code, fields, engine.asked) == (Code.INVALID_ARGUMENT, ["store", "request_id"], [])


async def test_a_throttled_caller_is_told_when_to_come_back(face, engine):
    engine.errors["4711"] = GatewayThrottled("Later.", retry_after_seconds=2.5)
    code, details, _ = await refused(face.ask(pb.RefreshPaymentRequest(store="shop", order_id="4711")))
    assert code is Code.RESOURCE_EXHAUSTED
    assert details["google.rpc.RetryInfo"].retry_delay.ToTimedelta().total_seconds() == 2.5


async def test_our_own_mistake_shows_an_incident_and_nothing_else(face, engine):
    engine.errors["4711"] = KeyError("a secret")
    with pytest.raises(ConnectError, match=r"incident \w{16}") as caught:
        await face.ask(pb.GetPaymentRequest(store="shop", order_id="4711"))
    assert caught.value.code is Code.INTERNAL
    assert "secret" not in caught.value.message


async def test_calls_are_logged_and_counted_as_those_of_the_other_port(face, metrics):
    with capture_logs() as entries:
        await face.ask(pb.GetPaymentRequest(store="shop", order_id="4711"), headers={"payment-actions-actor": "Ann"})
    (line,) = [entry for entry in entries if entry["event"] == "rpc"]
    assert (line["method"], line["code"], line["order_id"], line["actor"]) == ("GetPayment", "OK", "4711", "Ann")
    assert b'payment_actions_rpc_seconds_count{code="OK",method="GetPayment"} 1.0' in metrics.render({})


async def test_a_reserved_name_is_refused(face, engine):
    call = face.ask(pb.GetPaymentRequest(store="s", order_id="1"), headers={"payment-actions-actor": "gateway"})
    assert (await refused(call))[0] is Code.INVALID_ARGUMENT
    assert engine.asked == []


async def test_a_header_in_another_encoding_is_nobodys_business_but_the_actors(engine, metrics):
    async with faced(engine, metrics) as face, httpx.AsyncClient() as client:
        body, url = {"json": GET}, f"{face.url}{PATH}/GetPayment"
        # Another service of the same host may have set it.
        cookie = await client.post(url, **body, headers={b"cookie": b"name=J\xfcrgen"})
        actor = await client.post(url, **body, headers={b"payment-actions-actor": b"J\xfcrgen"})
    assert cookie.status_code == 200
    assert (actor.status_code, actor.json()["code"]) == (400, "invalid_argument")
    assert actor.json()["message"].startswith("payment-actions-actor must be")


# -- Deadlines, and callers who go away -------------------------------------------------------------------------------


async def test_a_deadline_ends_the_call(json_face, engine):
    engine.holds["4711"] = asyncio.Event()
    with capture_logs() as entries:
        answer = await post(json_face, "GetPayment", GET, **{"connect-timeout-ms": "100"})
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    assert [entry["code"] for entry in entries if entry["event"] == "rpc"] == ["DEADLINE_EXCEEDED"]
    assert engine.running == 0


async def test_a_deadline_ends_the_call_in_grpc_web_too(json_face, engine):
    engine.holds["4711"] = asyncio.Event()
    message = pb.GetPaymentRequest(store="shop", order_id="4711").SerializeToString()
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{json_face.url}{PATH}/GetPayment",
            content=struct.pack(">BI", 0, len(message)) + message,
            headers={"content-type": "application/grpc-web+proto", "grpc-timeout": "100m"},
        )
    flag, length = struct.unpack(">BI", answer.content[:5])
    trailers = answer.content[5:].decode()
    assert (answer.status_code, flag, length) == (200, 0x80, len(trailers))
    assert "grpc-status: 4\r\n" in trailers
    assert engine.running == 0


async def test_a_caller_who_hangs_up_is_noticed(json_face, engine):
    engine.holds["4711"] = asyncio.Event()
    with capture_logs() as entries:
        asking = asyncio.create_task(post(json_face, "GetPayment", GET))
        await until(lambda: engine.running)
        asking.cancel()
        await until(lambda: not engine.running)
        await until(lambda: any(entry["event"] == "rpc" for entry in entries))
    assert [entry["code"] for entry in entries if entry["event"] == "rpc"] == ["CANCELLED"]


# -- Streams ----------------------------------------------------------------------------------------------------------


async def test_watching_streams_events_and_signs_of_life_at_once(face, engine):
    engine.events = [EVENT, 9]
    stream = face.stream(pb.WatchEventsRequest(after_sequence=0))
    first = await asyncio.wait_for(anext(stream), 30)
    second = await asyncio.wait_for(anext(stream), 30)
    assert (first.event.sequence, second.HasField("event"), second.sequence) == (7, False, 9)
    assert engine.watching == 1
    await stream.aclose()
    await until(lambda: not engine.watching)


async def test_a_stop_ends_watching_with_a_reason_to_come_back(face, engine):
    stream = face.stream(pb.WatchEventsRequest())
    await anext(stream)
    stopping = asyncio.create_task(face.server.stop(150))
    with pytest.raises(ConnectError, match="resume after the last sequence") as caught:
        await asyncio.wait_for(anext(stream), 30)
    assert caught.value.code is Code.UNAVAILABLE
    await asyncio.wait_for(stopping, 30)
    assert engine.watching == 0


async def test_many_actions_run_and_each_tells_its_own_error(face, engine):
    engine.errors["2"] = OrderNotFound("None.", store="shop", order_id="2")
    items = [
        pb.ActionItem(store="shop", order_id=each, action=pb.ACTION_CAPTURE, request_id=f"r{each}") for each in "123"
    ]
    outcomes = {one.order_id: one async for one in face.stream(pb.RunActionsRequest(items=items))}
    assert [outcomes[each].HasField("error") for each in "123"] == [False, True, False]
    (detail,) = outcomes["2"].error.details
    assert error_details_pb2.ErrorInfo.FromString(detail.value).reason == "ORDER_NOT_FOUND"
    assert max(one.completed_count for one in outcomes.values()) == 3


async def test_an_invalid_item_refuses_the_whole(face, engine):
    async def run():
        return [one async for one in face.stream(pb.RunActionsRequest(items=[pb.ActionItem(store="shop")]))]

    code, details, _ = await refused(run())
    assert code is Code.INVALID_ARGUMENT
    assert details["google.rpc.BadRequest"].field_violations[0].field.startswith("items[0].")
    assert engine.asked == []


async def test_a_reader_who_does_not_read_holds_the_actions_up(engine, metrics):
    """Nothing piles up: with a full wire, only so many items are begun."""
    async with faced(engine, metrics) as face:
        # Each answer repeats the payment, so that few fill what lies between us and the reader.
        note = "x" * 1000
        items = [
            pb.ActionItem(store="shop", order_id=f"{n}", action=pb.ACTION_CAPTURE, request_id=f"r{n}", note=note)
            for n in range(8000)
        ]
        host, port = face.url.removeprefix("http://").split(":")
        _reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        message = pb.RunActionsRequest(items=items).SerializeToString()
        body = struct.pack(">BI", 0, len(message)) + message
        writer.write(
            f"POST {PATH}/RunActions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/connect+proto\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await until(lambda: len(engine.finished) > 100)
        before = -1
        while before != len(engine.finished):  # Until it stands still.
            before = len(engine.finished)
            await asyncio.sleep(0.5)
        assert before < len(items)
        writer.transport.abort()
        await until(lambda: not engine.running)


# -- JSON, as curl sends it -------------------------------------------------------------------------------------------


async def test_plain_json_is_all_it_takes(json_face):
    answer = await post(json_face, "GetPayment", GET)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["payment"]["orderTotal"] == {"currencyCode": "USD", "units": "129", "nanos": 900_000_000}


async def test_an_error_in_json_has_code_message_and_details(json_face, engine):
    engine.errors["4711"] = OrderNotFound("None.", store="shop")
    answer = await post(json_face, "GetPayment", GET)
    error = answer.json()
    assert (answer.status_code, error["code"], error["message"]) == (404, "not_found", "None.")
    padded = [(one["type"], base64.b64decode(one["value"] + "===")) for one in error["details"]]
    assert unpacked(padded)["google.rpc.ErrorInfo"].reason == "ORDER_NOT_FOUND"


async def test_a_misspelt_field_is_refused_not_taken_for_the_whole(json_face, engine):
    answer = await post(json_face, "CapturePayment", GET | {"requestId": "r", "amonut": {"units": "1"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert "amonut" in answer.json()["message"]
    assert engine.asked == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_page_may_send_without_asking_is_refused(json_face, engine, content_type):
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(
            f"{json_face.url}{PATH}/CapturePayment",
            content=json.dumps(GET | {"requestId": "r"}),
            headers={"content-type": content_type},
        )
        looked = await client.get(f"{json_face.url}{PATH}/GetPayment?encoding=json&message={json.dumps(GET)}")
    assert answer.status_code == 415
    assert looked.status_code >= 400
    assert engine.asked == []


async def test_a_method_that_there_is_not_is_not_found(json_face):
    assert (await post(json_face, "StealPayment", {})).status_code == 404


async def test_a_message_beyond_the_limit_is_refused_before_it_is_held(json_face, engine):
    async def endless():
        for _ in itertools.repeat(None, 17):
            yield b"x" * 1024 * 1024

    async with httpx.AsyncClient(timeout=30) as client:
        try:
            answer = await client.post(f"{json_face.url}{PATH}/GetPayment", content=endless(),
                                       headers={"content-type": "application/json"})  # fmt: skip
        except httpx.WriteError:
            return  # It was hung up on.
    assert (answer.status_code, answer.json()["code"]) == (429, "resource_exhausted")
    assert engine.asked == []


async def test_a_request_that_does_not_come_in_whole_is_given_up(json_face, engine, monkeypatch):
    monkeypatch.setattr("payment_actions_server.transport.connect.REQUEST_SECONDS_MAX", 0.2)
    answer = await half_a_request(json_face.url, f"{PATH}/GetPayment")
    assert answer.startswith(b"HTTP/1.1 504")
    assert b'"deadline_exceeded"' in answer
    assert b"Nothing was started." in answer
    assert engine.asked == []


async def test_a_call_that_takes_longer_than_its_request_may_is_answered(json_face, engine, monkeypatch):
    monkeypatch.setattr("payment_actions_server.transport.connect.REQUEST_SECONDS_MAX", 0.2)
    stream = json_face.stream(pb.WatchEventsRequest())
    await anext(stream)
    await asyncio.sleep(0.5)
    assert engine.watching == 1
    await stream.aclose()


COMMANDS = re.findall(
    r"^    (curl .*(?:\n        .*)*)", (Path(__file__).parents[3] / "docs/http.md").read_text(), re.MULTILINE
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.rpartition("/")[2])
async def test_the_documented_curl_commands_work(json_face, engine, command):
    # What they say is sent; curl itself need not be on the machine.
    words = shlex.split(command.replace("\\\n", " "))
    headers = dict(words[place + 1].split(": ") for place, word in enumerate(words) if word == "-H")
    url = words[-1].replace("http://127.0.0.1:8080", json_face.url)
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(url, content=words[words.index("-d") + 1], headers=headers)
    assert answer.status_code == 200
    assert answer.json()["payment"]["orderId"] == "4711"
    assert len(COMMANDS) == 2
