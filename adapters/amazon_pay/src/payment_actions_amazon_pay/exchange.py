"""One bounded HTTP exchange: so many seconds, so many bytes, no redirects; and what a broken one proves."""

import asyncio
from typing import NamedTuple

import httpx

from payment_actions_server.plugins import Unavailable


class AnswerUnclear(Exception):
    """A request went out and nothing that came back proves what became of it: it may have been executed.

    Deliberately none of the plugin API's errors: the engine takes it for UNKNOWN and asks under the same
    reference.
    """


class Answer(NamedTuple):
    """What came back, whole."""

    status: int
    body: bytes


async def exchange(client: httpx.AsyncClient, request: httpx.Request, *, seconds_max: float, bytes_max: int) -> Answer:
    """Send ``request`` once and return the answer.

    :raises Unavailable: no connection came about, so nothing was sent.
    :raises AnswerUnclear: anything else; the request may have arrived.
    """
    target = f"{request.method} {request.url.host}"
    try:
        async with asyncio.timeout(seconds_max):
            return await _exchange(client, request, bytes_max)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise Unavailable(f"{target}: no connection ({type(error).__name__}); nothing was sent") from error
    except TimeoutError:
        raise AnswerUnclear(f"{target}: no answer within {seconds_max:g} s") from None
    except httpx.HTTPError as error:
        raise AnswerUnclear(f"{target}: the answer was lost ({type(error).__name__})") from error


async def _exchange(client: httpx.AsyncClient, request: httpx.Request, bytes_max: int) -> Answer:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > bytes_max:
                raise AnswerUnclear(f"{request.url.host}: the answer is longer than {bytes_max} bytes")
        return Answer(response.status_code, bytes(body))
    finally:
        await response.aclose()
