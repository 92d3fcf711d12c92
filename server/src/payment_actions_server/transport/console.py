"""The console's files, and the element that other pages embed. What they may do in a browser is said here."""

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from payment_actions_server.transport.origins import Origins

BUILT: Final = Path(__file__).parents[1] / "console"
"""Where `make web` puts what it builds; the wheel has it there too."""

ELEMENT: Final = "payment-actions.js"
_INDEX: Final = "index.html"

# Nothing inline, nothing from elsewhere, and nobody shows us in a frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_READING: Final = frozenset({"GET", "HEAD"})
_FOR_EVER: Final = "public, max-age=31536000, immutable"  # An asset's name has a hash of its content.
_ASK_AGAIN: Final = "no-cache"

_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>payment-actions</title>
<h1>payment-actions</h1>
<p>The console is not built here. Run <code>make web</code> in the source tree, then start the service again. The API,
notifications, health and metrics are served all the same.</p>
<ul>
<li><a href="/healthz">Health</a></li>
<li><a href="/metrics">Metrics</a></li>
</ul>
"""


class _File(NamedTuple):
    body: bytes
    packed: bytes
    media_type: str
    etag: str


class Console:
    """Serves what is in a directory; all of it is read at the start."""

    def __init__(self, origins: Origins, directory: Path = BUILT) -> None:
        self._origins = origins
        self._files = _files(directory)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the files."""
        return [
            Route("/", self._page),
            Route(f"/{ELEMENT}", self._element),
            Route("/assets/{name}", self._asset),
        ]

    async def elsewhere(self, request: Request, _error: Exception) -> Response:
        """Answer on a path that nobody else has: the console has addresses of its own, which people follow."""
        if request.method in _READING and "text/html" in request.headers.get("accept", ""):
            return await self._page(request)
        return PlainTextResponse("There is nothing here.\n", 404)

    async def _page(self, request: Request) -> Response:
        if _INDEX not in self._files:
            return HTMLResponse(_NOT_BUILT)
        answer = self._send(_INDEX, request, _ASK_AGAIN)
        answer.headers["content-security-policy"] = POLICY
        return answer

    async def _asset(self, request: Request) -> Response:
        return self._send(f"assets/{request.path_params['name']}", request, _FOR_EVER)

    async def _element(self, request: Request) -> Response:
        answer = self._send(ELEMENT, request, _ASK_AGAIN)
        answer.headers.append("vary", "origin")
        origin = self._origins.listed(request.headers)
        if origin:
            answer.headers["access-control-allow-origin"] = origin
            answer.headers["cross-origin-resource-policy"] = "cross-origin"
        return answer

    def _send(self, name: str, request: Request, caching: str) -> Response:
        file = self._files.get(name)
        if file is None:
            return PlainTextResponse("There is no such file; `make web` builds them.\n", 404)
        headers = {"cache-control": caching, "etag": file.etag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = {**headers, "content-encoding": "gzip"}
            return Response(file.packed, media_type=file.media_type, headers=packed)
        return Response(file.body, media_type=file.media_type, headers=headers)


@lru_cache(4)
def _files(directory: Path) -> dict[str, _File]:
    paths = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {path.relative_to(directory).as_posix(): _file(path) for path in paths}


def _file(path: Path) -> _File:
    body = path.read_bytes()
    # What the machine's own table says of .js differs, and a browser runs nothing else as a module.
    media_type = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return _File(body, gzip.compress(body, 6, mtime=0), media_type or "application/octet-stream", etag)
