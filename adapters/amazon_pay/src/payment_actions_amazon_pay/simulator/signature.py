"""Who calls: access key, seller and Signature Version 2."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from .refusals import Code, Refusal

TIMESTAMP_SKEW_MAX: Final = timedelta(minutes=15)
API_VERSION: Final = "2013-01-01"
_DIGESTS: Final = {"HmacSHA256": hashlib.sha256, "HmacSHA1": hashlib.sha1}


@dataclass(frozen=True)
class Account:
    """A seller and the key pair that signs for it."""

    seller_id: str
    access_key: str
    secret_key: str = field(repr=False)


def authenticate(
    accounts: Mapping[str, Account],
    parameters: Mapping[str, str],
    *,
    verb: str,
    host: str,
    path: str,
    real_now: datetime,
) -> Account:
    """Return who has signed a call.

    :param accounts: by access key.
    :param host: the Host header as sent; its port is part of what was signed.
    :param real_now: real time, not the simulator's: callers sign with their own clock.
    :raises Refusal: MissingAuthenticationToken, InvalidAccessKeyId, UnauthorizedAccess (the key is another
        seller's), InvalidParameterValue, RequestExpired or SignatureDoesNotMatch.
    """
    for name in ("AWSAccessKeyId", "SellerId", "Signature"):
        if not parameters.get(name):
            raise Refusal(Code.MISSING_AUTHENTICATION_TOKEN, f"The parameter {name} is missing.")
    account = accounts.get(parameters["AWSAccessKeyId"])
    if account is None:
        raise Refusal(Code.INVALID_ACCESS_KEY_ID, "The AWS access key id you provided does not exist.")
    _check_signature(account, parameters, string_to_sign(verb, host, path, parameters))
    if parameters["SellerId"] != account.seller_id:
        message = f"The access key does not belong to seller {parameters['SellerId']}."
        raise Refusal(Code.UNAUTHORIZED_ACCESS, message)
    _check_envelope(parameters, real_now)
    return account


def string_to_sign(verb: str, host: str, path: str, parameters: Mapping[str, str]) -> str:
    """Return the canonical text of a call. Everything is encoded anew: on the wire a space may be ``+``."""
    signed = sorted((_encode(name), _encode(text)) for name, text in parameters.items() if name != "Signature")
    return "\n".join((verb, host.lower(), path, "&".join(f"{name}={text}" for name, text in signed)))


def _check_signature(account: Account, parameters: Mapping[str, str], text: str) -> None:
    digest = _DIGESTS.get(parameters.get("SignatureMethod", ""))
    if digest is None or parameters.get("SignatureVersion") != "2":
        message = "SignatureMethod must be HmacSHA256 or HmacSHA1, and SignatureVersion 2."
        raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
    expected = base64.b64encode(hmac.digest(account.secret_key.encode(), text.encode(), digest))
    if not hmac.compare_digest(expected, parameters["Signature"].encode()):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )
        raise Refusal(Code.SIGNATURE_DOES_NOT_MATCH, message)


def _check_envelope(parameters: Mapping[str, str], real_now: datetime) -> None:
    if parameters.get("Version") != API_VERSION:
        raise Refusal(Code.INVALID_PARAMETER_VALUE, f"Version must be {API_VERSION}.")
    try:
        sent = datetime.fromisoformat(parameters.get("Timestamp", ""))
        skew = abs(real_now - sent)
    except (ValueError, TypeError):  # TypeError: a time without its zone cannot be compared.
        message = "Timestamp must be an ISO 8601 UTC time."
        raise Refusal(Code.INVALID_PARAMETER_VALUE, message) from None
    if skew > TIMESTAMP_SKEW_MAX:
        message = f"Timestamp {parameters['Timestamp']} is more than 15 minutes off."
        raise Refusal(Code.REQUEST_EXPIRED, message)


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
