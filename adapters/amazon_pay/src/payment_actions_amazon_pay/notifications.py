"""What a verified v1 notification is about: a hint where to look; nothing in it moves anything. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from xml.etree.ElementTree import Element

from payment_actions_amazon_pay.objects import Malformed, parse_xml, text
from payment_actions_amazon_pay.reading import order_reference_hint
from payment_actions_amazon_pay.settings import AmazonPayV1Settings
from payment_actions_amazon_pay.sns import NOTIFICATION, Envelope
from payment_actions_server.plugins import Notification, NotificationKind, NotificationRefused

IDENTIFIERS_MAX: Final = 60
SUBJECT_LENGTH_MAX: Final = 200


class Subject(NamedTuple):
    """Where one type of notification keeps what it is about, inside its XML."""

    root: str
    details: str
    ids: tuple[str, ...]  #: Elements that hold identifiers, most specific first.
    state: str  #: For the log only.


SUBJECTS: Final[Mapping[str, Subject]] = {
    "OrderReferenceNotification": Subject(
        "OrderReferenceNotification",
        "OrderReference",
        ("AmazonOrderReferenceId",),
        "OrderReferenceStatus/State",
    ),
    "PaymentAuthorize": Subject(
        "AuthorizationNotification",
        "AuthorizationDetails",
        ("AmazonAuthorizationId", "AuthorizationReferenceId"),
        "AuthorizationStatus/State",
    ),
    "PaymentCapture": Subject(
        "CaptureNotification",
        "CaptureDetails",
        ("AmazonCaptureId", "CaptureReferenceId"),
        "CaptureStatus/State",
    ),
    "PaymentRefund": Subject(
        "RefundNotification",
        "RefundDetails",
        ("AmazonRefundId", "RefundReferenceId"),
        "RefundStatus/State",
    ),
    "Chargeback Detailed Notification": Subject(
        "ChargebackNotification",
        "ChargebackDetails",
        ("AmazonCaptureReferenceId", "AmazonOrderReferenceId", "AmazonChargebackId"),
        "ChargebackState",
    ),
}
"""The types that concern an order's payment. Any other (billing agreements ...) is only acknowledged."""


def notification_of(envelope: Envelope, settings: AmazonPayV1Settings) -> Notification:
    """Return what a proved SNS message tells this account.

    :raises NotificationRefused: it is for another account or environment, of API version 2, or not readable.
    """
    if envelope.type != NOTIFICATION:
        return _other(envelope, f"{envelope.type} of {envelope.topic}")
    message = _message(envelope.message)
    kind = str(message.get("notificationtype") or "")
    if _is_version_2(message):
        raise _refused("version", "it is of Amazon Pay API version 2, and this store's adapter speaks version 1")
    if str(message.get("issample")).lower() == "true":
        return _other(envelope, f"{kind}: a sample from Seller Central")
    if message.get("sellerid") != settings.seller_id:
        raise _refused("seller", f"it is for seller {message.get('sellerid')!r}")
    if message.get("releaseenvironment") != settings.release_environment:
        raise _refused("environment", f"it is from environment {message.get('releaseenvironment')!r}")
    if kind not in SUBJECTS:
        return _other(envelope, f"{kind or 'no type'}: none of our business")
    return _change(envelope, kind, str(message.get("notificationdata") or ""))


def _change(envelope: Envelope, kind: str, document: str) -> Notification:
    subject = SUBJECTS[kind]
    try:
        root = parse_xml(document)
    except Malformed as error:
        raise _refused("format", f"NotificationData is {error}") from error
    details = root.find(subject.details)
    if root.tag != subject.root or details is None:
        raise _refused("format", f"NotificationData holds no {subject.root}/{subject.details}")
    identifiers = _identifiers(details, subject)
    about = f"{kind} {identifiers[0] if identifiers else 'without ids'} {text(details, subject.state)}"
    return Notification(
        message_id=envelope.message_id,
        kind=NotificationKind.CHANGE,
        subject=_printable(about),
        identifiers=identifiers,
        order_id=text(details, "SellerOrderAttributes/SellerOrderId"),
    )


def _identifiers(details: Element, subject: Subject) -> tuple[str, ...]:
    """Return its own ids, those it lists, and last the order reference its id seems to belong to.

    That last one is only a hint, but a hint where to look is all that a notification is; without it, a refund
    made in Seller Central would be seen only at the next scheduled look.
    """
    own = [text(details, path) for path in subject.ids]
    listed = [(child.text or "").strip() for path in ("Id", "member") for child in details.findall(f"IdList/{path}")]
    hints = [order_reference_hint(value) for value in own]
    return tuple(dict.fromkeys(value for value in own + listed + hints if value))[:IDENTIFIERS_MAX]


def _message(document: str) -> dict[str, Any]:
    """Read the inner JSON by lower-case names: Amazon's own pages differ in how they spell them."""
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        raise _refused("format", "the message is not JSON") from None
    if not isinstance(read, dict):
        raise _refused("format", "the message is not a JSON object")
    return {name.lower(): value for name, value in read.items()}


def _is_version_2(message: Mapping[str, Any]) -> bool:
    version = str(message.get("notificationversion") or "").upper()
    return version == "V2" or ("objecttype" in message and "notificationdata" not in message)


def _other(envelope: Envelope, about: str) -> Notification:
    return Notification(message_id=envelope.message_id, kind=NotificationKind.OTHER, subject=_printable(about))


def _printable(about: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in about)[:SUBJECT_LENGTH_MAX].strip()


def _refused(kind: str, why: str) -> NotificationRefused:
    return NotificationRefused(f"notification refused: {why}"[:500], kind=kind)
