"""Which pages may call the API from a browser.

Whoever serves on loopback is reached by every page that a browser of this machine shows. Two rules keep strangers'
pages out: a request is for a name that is ours, so that nobody's own name can be made to lead here; and a page that
calls is our own or one that the configuration lists.
"""

import base64
import json
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payment_actions_server.domain.errors import PaymentActionsError, PermissionDenied
from payment_actions_server.transport.errors import to_status

_EXPOSED: Final = "grpc-status, grpc-message, grpc-status-details-bin"
_ALLOWED_HEADERS: Final = (
    "content-type, connect-protocol-version, connect-timeout-ms, grpc-timeout, x-grpc-web, x-user-agent,"
    " payment-actions-actor"
)
_PREFLIGHT_SECONDS: Final = 7200

# What a browser that follows no page's orders says of where a request comes from: the address bar, or nobody at all.
_OWN_SITES: Final = frozenset({"", "none", "same-origin"})


class Origins:
    """The rules of one service."""

    def __init__(self, listed: Collection[str] = (), host: str = "") -> None:
        """Make them.

        :param listed: origins, as browsers write them: ``https://shop.example``.
        :param host: the host that the service listens on.
        """
        self._listed = frozenset(listed)
        self._names = {"localhost", host.lower()} | {_name_of(urlsplit(origin).netloc) for origin in listed}

    def listed(self, headers: Mapping[str, str]) -> str:
        """Return the request's origin if it is one that the configuration lists, else nothing."""
        origin = headers.get("origin", "")
        return origin if origin in self._listed else ""

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a request that a stranger's page makes, or makes possible.

        :raises PermissionDenied:
        """
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if not self._is_ours(_name_of(host)):
            raise PermissionDenied(
                f"This service is not {host!r}. Call it by its address, or list the origin that it is reached under in"
                " server.http_origins.",
                host=host,
            )
        if origin in self._listed:
            return
        site = headers.get("sec-fetch-site", "")
        if (origin and urlsplit(origin).netloc != host) or site not in _OWN_SITES:
            raise PermissionDenied(
                f"A page of {origin or 'another site'} may not call this service. If it should, list its origin in"
                " server.http_origins.",
                origin=origin,
            )

    def _is_ours(self, name: str) -> bool:
        if name in self._names or name.endswith(".localhost"):
            return True
        try:  # An address cannot be made to lead elsewhere than it says; only names can.
            ip_address(name)
        except ValueError:
            return False
        return True


def _name_of(host: str) -> str:
    """Return the host of "host:port", without the brackets of an IPv6 address."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def guarded(app: ASGIApp, origins: Origins) -> ASGIApp:
    """Return an application that only those whom ``origins`` allows reach, and that tells listed pages so."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = origins.listed(headers)

        async def send_shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_sharing(origin)]
            await send(message)

        try:
            origins.check(headers)
        except PermissionDenied as refused:
            await _refusal(refused)(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await _preflight(headers)(scope, receive, send_shared)
            return
        await app(scope, receive, send_shared)

    return answer


def _sharing(origin: str) -> list[tuple[bytes, bytes]]:
    vary = [(b"vary", b"origin")]
    if not origin:
        return vary
    return [
        *vary,
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", _EXPOSED.encode()),
    ]


def _preflight(headers: Headers) -> Response:
    allowed = {
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": _ALLOWED_HEADERS,
        "access-control-max-age": str(_PREFLIGHT_SECONDS),
    }
    if "access-control-request-private-network" in headers:
        allowed["access-control-allow-private-network"] = "true"
    return Response(status_code=204, headers=allowed)


def _refusal(error: PaymentActionsError) -> Response:
    status = to_status(error)  # Written as Connect does: whoever asked in gRPC-Web goes by the code of HTTP.
    details = [
        {"type": one.TypeName(), "value": base64.b64encode(one.value).decode().rstrip("=")} for one in status.details
    ]
    body = {"code": "permission_denied", "message": status.message, "details": details}
    return Response(json.dumps(body), 403, media_type="application/json")
