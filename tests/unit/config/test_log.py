"""Logging: one JSON line an event, and never a secret."""

import asyncio
import io
import json
import logging

import pytest
import structlog
from pydantic import SecretStr

from payment_actions_server import log

SECRETS = ("tell-nobody", "-----BEGIN KEY-----\nMIIEvQ==\n-----END KEY-----", "a/b c&d+e", "ab")


@pytest.fixture
def lines():
    """Set logging up anew; return what reads its lines."""
    stream = io.TextIOWrapper(io.BytesIO())
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    log.configure("info", secrets=SECRETS, stream=stream)
    yield lambda: [json.loads(line) for line in stream.buffer.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_event_is_one_json_line_with_time_and_level(lines):
    structlog.get_logger().info("serving", grpc_port=50051)
    (line,) = lines()
    assert (line["event"], line["level"], line["grpc_port"]) == ("serving", "info", 50051)
    assert line["time"].endswith("Z")


def test_other_libraries_lines_come_out_alike(lines):
    logging.getLogger("somebody").warning("hello %s", "there")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("hello there", "warning", "somebody")


def test_what_is_below_the_level_is_not_shown(lines):
    structlog.get_logger().debug("detail")
    logging.getLogger("somebody").debug("detail")
    assert lines() == []


def test_talkative_libraries_speak_up_only_when_something_is_wrong(lines):
    logging.getLogger("httpx").info("GET https://shop.example/?key=tell-nobody")
    assert lines() == []


@pytest.mark.parametrize(
    "value",
    [
        "key=tell-nobody",
        {"deep": ["tell-nobody"]},
        "MIIEvQ==",
        "https://shop.example/?key=a%2Fb%20c%26d%2Be",
        ValueError("tell-nobody"),
        SecretStr("tell-nobody"),
        SECRETS[1],
    ],
)
def test_a_secret_is_struck_out_wherever_it_is(lines, value):
    structlog.get_logger().info("event", value=value)
    logging.getLogger("somebody").warning("%s", value)
    text = json.dumps(lines())
    assert len(lines()) == 2
    for secret in ("tell-nobody", "MIIEvQ", "a%2Fb"):
        assert secret not in text


def test_a_secret_is_struck_out_of_a_traceback(lines):
    try:
        raise ValueError("the key tell-nobody is wrong")
    except ValueError as error:
        structlog.get_logger().error("incident", exc_info=error)
        logging.getLogger("somebody").exception("incident")
    text = json.dumps(lines())
    assert "tell-nobody" not in text
    assert text.count("ValueError: the key [secret] is wrong") == 2


def test_a_secret_too_short_to_be_one_does_not_riddle_the_lines(lines):
    structlog.get_logger().info("about", word="abcd")
    assert lines()[0]["word"] == "abcd"


def test_setting_it_up_again_starts_anew(lines):
    again = io.TextIOWrapper(io.BytesIO())
    log.configure("error", stream=again)
    structlog.get_logger().info("below")
    logging.getLogger("somebody").error("above")
    assert lines() == []
    assert [json.loads(line)["event"] for line in again.buffer.getvalue().splitlines()] == ["above"]


class Full(io.RawIOBase):
    """A disk that has no room."""

    def writable(self):
        return True

    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_line_that_cannot_be_written_fails_nobody(lines):
    log.configure("info", stream=io.TextIOWrapper(io.BufferedWriter(Full())))
    structlog.get_logger().info("event", text="x" * 100_000)
    log.configure("info")


async def test_lines_of_one_turn_of_the_event_loop_are_written_together(lines):
    for number in range(3):
        structlog.get_logger().info("event", number=number)
    assert lines() == []
    await asyncio.sleep(0)
    assert [line["number"] for line in lines()] == [0, 1, 2]


async def test_what_waits_is_written_when_it_must_be(lines):
    structlog.get_logger().info("event")
    log.flush()
    assert len(lines()) == 1


def test_half_a_character_is_shown_escaped(lines):
    structlog.get_logger().info("event", text="cut \ud83d off")
    (line,) = lines()
    assert line["text"] == "cut \ud83d off"


def test_a_secret_is_struck_out_of_what_refused_a_call(lines):
    structlog.get_logger().info("rpc", code="UNAVAILABLE", message="adapter: wrong key tell-nobody")
    assert lines()[0]["message"] == "adapter: wrong key [secret]"
