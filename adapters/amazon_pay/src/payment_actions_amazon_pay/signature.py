"""Signature Version 2: how a request to MWS proves who sent it. Pure; clock and key come from outside."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return the parameters as they are signed: RFC 3986 encoded, sorted by name in byte order.

    A space is ``%20`` and never ``+``, ``*`` is ``%2A``, ``~`` stays: only ``A-Z a-z 0-9 - _ . ~`` are
    unreserved.
    """
    return "&".join(f"{_encoded(name)}={_encoded(parameters[name])}" for name in _sorted_names(parameters))


def string_to_sign(verb: str, url: str, parameters: Mapping[str, str]) -> str:
    """Return the text whose HMAC is the signature. The host carries its port where the URL does."""
    parts = urlsplit(url)
    return "\n".join((verb, parts.netloc.lower(), parts.path or "/", canonical_query(parameters)))


def sign(text: str, secret_key: str) -> str:
    """Return the base64 HMAC-SHA256 of ``text``."""
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), "sha256")).decode()


def signed_form(url: str, parameters: Mapping[str, str], secret_key: str) -> bytes:
    """Return the body of a signed POST, the signature last: byte for byte what Amazon's own SDK sends."""
    signature = sign(string_to_sign("POST", url, parameters), secret_key)
    fields = [(name, parameters[name]) for name in _sorted_names(parameters)]
    return urlencode([*fields, ("Signature", signature)]).encode("ascii")


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def _sorted_names(parameters: Mapping[str, str]) -> list[str]:
    return sorted(parameters, key=str.encode)
