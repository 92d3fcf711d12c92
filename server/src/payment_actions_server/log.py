"""Logging, set up once: one JSON line an event on stderr, or something prettier when a person is watching.

structlog's own loggers and the standard library's (uvicorn, SQLAlchemy, httpx, grpc) come out alike. A secret never
does: it is a `SecretStr`, which shows itself to nobody, and where another library put one into a message, an address or
a traceback it is struck out.
"""

import asyncio
import atexit
import json as stdlib_json
import logging
import sys
import threading
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, Literal, TextIO, TypeAlias, get_args

import structlog
from msgspec import json
from structlog.typing import Processor

from payment_actions_server.domain.concealment import Concealer

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)

# They tell at "info" what is our "debug"; httpx does so with whole addresses.
_TALKATIVE: Final = ("alembic", "asyncio", "grpc", "httpcore", "httpx", "sqlalchemy", "uvicorn")

_Line: TypeAlias = MutableMapping[str, Any]

_ENCODER: Final = json.Encoder(enc_hook=str)


def configure(level: Level = "info", *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Set logging up for this process; called again, it starts anew.

    :param level: one of `LEVELS`.
    :param secrets: what must never be seen in any line.
    :param stream: stderr unless given.
    """
    target = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    flush()
    lines: Any = _Lines(target.buffer)  # It has all of a file that structlog uses.
    _unwritten[:] = [lines]
    stamped: Processor = _stamped
    as_text: Processor = _json
    if target.isatty():
        stamped = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
        as_text = structlog.dev.ConsoleRenderer()
    preparing: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        _concealer(secrets),
        stamped,
    ]
    structlog.configure(
        processors=[*preparing, as_text, _encoded],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=lines),
    )
    _configure_standard_library(target, number, [*preparing, as_text])


class _Lines:
    """Lines on their way: written together, once in each turn of the event loop.

    A line that cannot be written, for its reader is gone or the disk is full, is lost: it fails no call.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()  # Plugins log from threads of their own.
        self._asked: asyncio.AbstractEventLoop | None = None

    def write(self, line: bytes) -> None:
        with self._lock:
            self._waiting.append(line)

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write_out()
            return
        if self._asked is not loop:
            self._asked = loop
            loop.call_soon(self.write_out)

    def write_out(self) -> None:
        with self._lock:
            self._asked = None
            text, self._waiting = b"".join(self._waiting), []
            try:
                self._file.write(text)
                self._file.flush()
            except (OSError, ValueError):
                return


_unwritten: Final[list[_Lines]] = []  # One, once logging is set up.


@atexit.register
def flush() -> None:
    """Write the lines that wait for the end of the event loop's turn: before an end that lets nothing else run."""
    for lines in _unwritten:
        lines.write_out()


def _stamped(_logger: Any, _method: str, line: _Line) -> _Line:
    # structlog's own TimeStamper takes many times as long, on every line.
    line["time"] = datetime.now(UTC)
    return line


def _json(_logger: Any, _method: str, line: _Line) -> str:
    try:
        return _ENCODER.encode(line).decode()  # A time comes out as RFC 3339 has it.
    except UnicodeEncodeError:  # Half a character, of somebody's cut text: this one escapes it.
        return stdlib_json.dumps(line, default=str)


def _encoded(_logger: Any, _method: str, text: Any) -> bytes:
    return str(text).encode(errors="backslashreplace")


def _configure_standard_library(target: TextIO, number: int, processors: list[Processor]) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _concealer(secrets: Iterable[str]) -> Processor:
    """Return a processor that strikes out the secrets wherever they are in a line."""
    concealer = Concealer(secrets)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return concealer(value)
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [clean(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return concealer(str(value))

    def conceal(_logger: Any, _method: str, line: _Line) -> _Line:
        # One line for every call, of nothing but what its caller sent, unless it was refused: not worth the search.
        return line if line["event"] == "rpc" and "message" not in line else clean(line)

    return conceal
