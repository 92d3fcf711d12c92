"""How X-Cart's own Amazon module calls Amazon Pay: signed requests to MWS, made by the shop itself.

Source of the signature: Amazon's *Signature Version 2*.
"""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote, urlencode, urlsplit
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from payment_actions_server.plugins import exponent

from .settings import ShopSettings

ANSWER_SECONDS_MAX: Final = 15.0
_SANDBOX_PATH: Final = "/OffAmazonPayments_Sandbox/2013-01-01"


class AmazonRefused(Exception):
    """Amazon refused the call, or did not answer; X-Cart's module does not tell these apart."""


@dataclass(frozen=True)
class Details:
    """The fields of an authorization, a capture or a refund that the module reads."""

    id: str
    reference: str
    state: str
    reason: str
    amount: Decimal
    captured: Decimal
    ids: tuple[str, ...]


class AmazonPay:
    """One shop's account at Amazon Pay, as its settings name it."""

    def __init__(self, settings: ShopSettings) -> None:
        self._settings = settings

    async def call(self, action: str, parameters: Mapping[str, str]) -> Element:
        """Make one call and return the answer's root.

        :raises AmazonRefused: Amazon says no, or no answer could be read within 15 seconds.
        """
        url = complete_url(self._settings.amazon_url)
        if not url:
            raise AmazonRefused("this shop was not told where Amazon Pay is (setting amazon_url)")
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_SECONDS_MAX) as client:
                answer = await client.post(url, content=self._signed(url, action, parameters), headers=headers)
            root = parse_xml(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise AmazonRefused(f"no answer of Amazon Pay that can be read ({type(error).__name__})") from None
        if answer.status_code != httpx.codes.OK:
            code, message = root.findtext(".//Code", ""), root.findtext(".//Message", "")
            raise AmazonRefused(f"{code or answer.status_code}: {message}")
        return root

    async def exchange(self, action: str, kind: str, parameters: Mapping[str, str]) -> Details:
        """Make one call and return the authorization, capture or refund that the answer shows.

        :param kind: ``Authorization``, ``Capture`` or ``Refund``.
        :raises AmazonRefused: as ``call``; or the answer shows none.
        """
        found = (await self.call(action, parameters)).find(f".//{kind}Details")
        if found is None:
            raise AmazonRefused(f"the answer to {action} shows no {kind}Details")
        return read_details(found, kind)

    def write_money(self, name: str, amount: Decimal) -> dict[str, str]:
        """Return an amount as parameters; the currency is that of the module's region, never the order's."""
        currency = self._settings.region_currency
        rounded = amount.quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)
        return {f"{name}.Amount": f"{rounded:f}", f"{name}.CurrencyCode": currency}

    def _signed(self, url: str, action: str, parameters: Mapping[str, str]) -> bytes:
        fields = {
            **parameters,
            "Action": action,
            "AWSAccessKeyId": self._settings.amazon_access_key,
            "SellerId": self._settings.amazon_seller_id,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": "2013-01-01",
        }
        return urlencode(fields | {"Signature": sign(url, fields, self._settings.amazon_secret_key)}).encode()


def sign(url: str, fields: Mapping[str, str], secret_key: str) -> str:
    """Return the signature of a POST: base64 of the HMAC-SHA256 over verb, host, path and sorted fields."""
    parts = urlsplit(url)
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in fields.items())
    text = "\n".join(("POST", parts.netloc.lower(), parts.path, "&".join(f"{name}={value}" for name, value in pairs)))
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), "sha256")).decode()


def complete_url(amazon_url: str) -> str:
    """Return the address of the API: a bare ``http://host:port`` is given the sandbox's path."""
    if not amazon_url:
        return ""
    bare = not urlsplit(amazon_url).path.strip("/")
    return amazon_url.rstrip("/") + (_SANDBOX_PATH if bare else "")


def parse_xml(document: bytes | str) -> Element:
    """Return the root of an XML document, every tag without its namespace.

    :raises ValueError: not XML, or XML with a document type: no entity is ever expanded.
    """
    try:
        root: Element = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:  # The last: an unknown encoding.
        raise ValueError(f"no acceptable XML ({type(error).__name__})") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def read_details(found: Element, kind: str) -> Details:
    """Read an ``AuthorizationDetails``, ``CaptureDetails`` or ``RefundDetails``, of an answer or of a notification."""
    ids = [*found.findall("IdList/member"), *found.findall("IdList/Id")]
    return Details(
        id=found.findtext(f"Amazon{kind}Id", ""),
        reference=found.findtext(f"{kind}ReferenceId", ""),
        state=found.findtext(f"{kind}Status/State", ""),
        reason=found.findtext(f"{kind}Status/ReasonCode", ""),
        amount=_amount(found, f"{kind}Amount"),
        captured=_amount(found, "CapturedAmount"),
        ids=tuple(each.text or "" for each in ids),
    )


def _amount(found: Element, name: str) -> Decimal:
    try:
        return Decimal(found.findtext(f"{name}/Amount", "0"))
    except InvalidOperation:
        return Decimal(0)
