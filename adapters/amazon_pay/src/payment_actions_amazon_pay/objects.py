"""Amazon's four objects as values, read from API answers and from notifications alike. Pure.

Elements are found by name, for their order differs between Amazon's own examples, and without their
namespace, for the API and the notifications use different ones.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from payment_actions_server.plugins import to_minor

TEXT_LENGTH_MAX: Final = 2048
"""Longer than anything Amazon documents; bounds what an answer can put into messages and records."""

NO_CURRENCY: Final = "XXX"
"""ISO 4217's word for no currency; money that moves has one."""


class Malformed(Exception):
    """An answer or notification that does not say what its kind must say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An object's state, and Amazon's word for why."""

    state: str
    reason_code: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReference:
    """What the buyer agreed to."""

    id: str
    status: Status
    authorization_ids: tuple[str, ...]
    total_minor: int
    currency_code: str  #: Empty while the total is not set.


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """An amount reserved. Carries no id of its order reference."""

    id: str
    reference: str
    status: Status
    amount_minor: int
    currency_code: str
    capture_ids: tuple[str, ...]
    creation_time: datetime | None
    expire_time: datetime | None
    update_time: datetime | None = None  #: When it came into its present state.


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """An amount collected, or being collected. Carries no id of its authorization."""

    id: str
    reference: str
    status: Status
    amount_minor: int
    refunded_minor: int  #: Amazon's own sum, disputes included.
    currency_code: str
    refund_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """An amount returned, or being returned. Carries no id of its capture."""

    id: str
    reference: str
    status: Status
    amount_minor: int
    currency_code: str


def parse_xml(document: bytes | str) -> Element:
    """Return the root of an XML document, every tag without its namespace.

    :raises Malformed: not XML, or XML with a document type: no entity is ever expanded.
    """
    try:
        root: Element = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # The last: unknown encoding.
        raise Malformed(f"not acceptable XML ({type(error).__name__})") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text(element: Element, path: str) -> str:
    """Return the text at ``path``, bounded; empty when it is not there."""
    return (element.findtext(path) or "").strip()[:TEXT_LENGTH_MAX]


def order_reference_of(element: Element) -> OrderReference:
    """Read ``OrderReferenceDetails``."""
    currency_code = text(element, "OrderTotal/CurrencyCode")
    return OrderReference(
        id=_required(element, "AmazonOrderReferenceId"),
        status=_status(element, "OrderReferenceStatus"),
        authorization_ids=_ids(element),
        total_minor=_amount(element, "OrderTotal")[0] if currency_code else 0,
        currency_code=currency_code,
    )


def authorization_of(element: Element) -> Authorization:
    """Read ``AuthorizationDetails``; not CapturedAmount, which may still say 0 right after a CaptureNow."""
    amount_minor, currency_code = _amount(element, "AuthorizationAmount")
    return Authorization(
        id=_required(element, "AmazonAuthorizationId"),
        reference=text(element, "AuthorizationReferenceId"),
        status=_status(element, "AuthorizationStatus"),
        amount_minor=amount_minor,
        currency_code=currency_code,
        capture_ids=_ids(element),
        creation_time=_time(element, "CreationTimestamp"),
        expire_time=_time(element, "ExpirationTimestamp"),
        update_time=_time(element, "AuthorizationStatus/LastUpdateTimestamp"),
    )


def capture_of(element: Element) -> Capture:
    """Read ``CaptureDetails``."""
    amount_minor, currency_code = _amount(element, "CaptureAmount")
    refunded_minor, refunded_currency = 0, currency_code
    if element.find("RefundedAmount") is not None:
        refunded_minor, refunded_currency = _amount(element, "RefundedAmount")
    if refunded_currency != currency_code:
        raise Malformed(f"{element.tag}: captured in {currency_code}, refunded in {refunded_currency}")
    return Capture(
        id=_required(element, "AmazonCaptureId"),
        reference=text(element, "CaptureReferenceId"),
        status=_status(element, "CaptureStatus"),
        amount_minor=amount_minor,
        refunded_minor=refunded_minor,
        currency_code=currency_code,
        refund_ids=_ids(element),
    )


def refund_of(element: Element) -> Refund:
    """Read ``RefundDetails``."""
    amount_minor, currency_code = _amount(element, "RefundAmount")
    return Refund(
        id=_required(element, "AmazonRefundId"),
        reference=text(element, "RefundReferenceId"),
        status=_status(element, "RefundStatus"),
        amount_minor=amount_minor,
        currency_code=currency_code,
    )


def _required(element: Element, path: str) -> str:
    value = text(element, path)
    if not value:
        raise Malformed(f"{element.tag} without {path}")
    return value


def _status(element: Element, path: str) -> Status:
    reason_code = text(element, f"{path}/ReasonCode")
    return Status(
        state=_required(element, f"{path}/State"),
        reason_code="" if reason_code == "None" else reason_code,  # Amazon's samples really say None.
        description=text(element, f"{path}/ReasonDescription"),
    )


def _amount(element: Element, path: str) -> tuple[int, str]:
    currency_code = _required(element, f"{path}/CurrencyCode")
    if currency_code == NO_CURRENCY:
        raise Malformed(f"{element.tag}/{path}: an amount in no currency")
    try:
        amount_minor = to_minor(_required(element, f"{path}/Amount"), currency_code)
    except ValueError as error:
        raise Malformed(f"{element.tag}/{path}: {error}") from error
    if amount_minor < 0:
        raise Malformed(f"{element.tag}/{path}: a negative amount")
    return amount_minor, currency_code


def _ids(element: Element) -> tuple[str, ...]:
    """Read an IdList: its children are ``member`` in API answers and ``Id`` in notifications."""
    children = element.findall("IdList/member") + element.findall("IdList/Id")
    return tuple(dict.fromkeys(child.text.strip() for child in children if child.text and child.text.strip()))


def _time(element: Element, path: str) -> datetime | None:
    value = text(element, path)
    try:
        read = datetime.fromisoformat(value) if value else None
    except ValueError as error:
        raise Malformed(f"{element.tag}/{path} is not a time") from error
    if read is None:
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
