"""One request to the shop: bounded in time and size, never following a redirect, failures told apart."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

from payment_actions_server.plugins import Unavailable

from .errors import Misconfigured, ShopFailed

_ANSWER_BYTES_MAX = 64 * 1024 * 1024  # the older API lists every order of the shop in one answer


class Reply(NamedTuple):
    """An answer that is neither a refusal of access nor a failure of the shop."""

    status: int
    data: Any  #: Parsed JSON, fractions as Decimal; `NO_JSON` where it is none.
    headers: Mapping[str, str]


class _NoJson:
    def __repr__(self) -> str:
        return "NO_JSON"


NO_JSON = _NoJson()


class Transport:
    """The connections to one shop."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        # No environment: a proxy variable must not decide where the key is sent.
        self._client = httpx.AsyncClient(
            base_url=url,
            verify=_ssl_context(),
            timeout=timeout_seconds,
            follow_redirects=False,
            trust_env=False,
        )

    async def send(self, method: str, path: str, *, headers: Mapping[str, str], **options: Any) -> Reply:
        """Send one request and return its answer.

        ``headers`` come with each request, not with the client, whose repr would show them.

        :raises Misconfigured: the key is refused (401, 403), or the address is not the shop's.
        :raises ShopFailed: the shop failed inside (5xx).
        :raises Unavailable: no connection, no answer in time, or too many requests (429).
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, answer_headers, body = await self._exchange(method, path, dict(headers), options)
        except (TimeoutError, httpx.TimeoutException):
            raise Unavailable(f"X-Cart did not answer within {self._timeout_seconds:g} seconds") from None
        except httpx.HTTPError as error:
            # Not chained: the error holds the request, and with it the key.
            raise Unavailable(f"X-Cart could not be reached: {type(error).__name__}: {error}") from None
        _check(status)
        return Reply(status, _parsed(body), answer_headers)

    async def refuses_strangers(self, method: str, path: str, **options: Any) -> bool:
        """Tell whether the shop has this address and refuses a request without a key."""
        try:
            await self.send(method, path, headers={}, **options)
        except Misconfigured as error:
            return error.key == "api_key"
        return False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exchange(
        self, method: str, path: str, headers: dict[str, str], options: dict[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers["Accept"] = "application/json"
        async with self._client.stream(method, path, headers=headers, **options) as answer:
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _ANSWER_BYTES_MAX:
                    raise Unavailable(f"X-Cart's answer is larger than {_ANSWER_BYTES_MAX} bytes")
            return answer.status_code, answer.headers, bytes(body)


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)  # one for all shops: reading the certificates takes long


def _check(status: int) -> None:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Misconfigured("api_key", f"X-Cart refuses it (HTTP {status}); it needs one that may read and write")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise Misconfigured("url", f"is answered with a redirect (HTTP {status}); give the address it leads to")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable(f"X-Cart answered HTTP {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ShopFailed(f"X-Cart answered HTTP {status}")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return NO_JSON
