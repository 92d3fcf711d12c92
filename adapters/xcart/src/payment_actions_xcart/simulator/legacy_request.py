r"""A request of the older API, read as PHP and the module ``XC\RESTAPI`` read it."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

METHODS: Final = ("GET", "POST", "PUT", "DELETE")
INCORRECT: Final = "Input data is incorrect"


class Refused(Exception):
    """The module answers with an HTTP error."""

    def __init__(self, status: int, message: str = "", body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body


def merge_input(query: list[tuple[str, str]], body: bytes, content_type: str) -> dict[str, Any]:
    """Merge query and body as PHP does: ``model[a][b]=c`` becomes nested, the body wins.

    :raises Refused: the body is no JSON object although it says so.
    """
    if content_type.startswith("application/json"):
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise Refused(400, INCORRECT)
        return _nest(query) | given
    return _nest(query + parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


async def read_input(request: Request) -> dict[str, Any]:
    """Return the request's fields.

    :raises Refused: the body is no JSON object although it says so.
    """
    query = list(request.query_params.multi_items())
    return merge_input(query, await request.body(), request.headers.get("content-type", ""))


def read_method(given: Mapping[str, Any], headers: Mapping[str, str], verb: str) -> str:
    """Return the method: the parameter first, then the header, then HTTP's own; an unknown one is GET."""
    override = headers.get("x-http-method-override", verb)
    method = str(given.get("_method") or override).strip().upper()
    return method if method in METHODS else "GET"


def read_model(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the model that a PUT writes.

    :raises Refused: it is no object.
    """
    model = given.get("model", {})
    if isinstance(model, str):
        try:
            model = json.loads(model)
        except ValueError:
            raise Refused(400, INCORRECT) from None
    if not isinstance(model, dict):
        raise Refused(400, INCORRECT)
    return model


def read_records(model: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the records of a list in a model, e.g. of ``model[data][0][name]``; anything else is left out."""
    given = model.get(name, [])
    rows = given.values() if isinstance(given, dict) else given if isinstance(given, list) else []
    return [row for row in rows if isinstance(row, dict)]


def to_number(text: Any) -> int:
    """Return a text of plain digits as a number, anything else as 0."""
    digits = "" if text is None else str(text)
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def _nest(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+", name) or [name]
        target = result
        for key in path:
            inner = target.get(key)
            if not isinstance(inner, dict):
                inner = target[key] = {}
            target = inner
        target[last] = value
    return result
