"""Instant Payment Notifications: Amazon SNS envelopes, signed."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from .details import Tree, details_of, notified_order_reference, timestamp
from .documents import notification_data
from .objects import OrderReference, PaymentObject
from .states import Kind
from .world import World

SNS_URL: Final = "https://sns.us-east-1.amazonaws.com"
_TOPIC_PREFIX: Final = "arn:aws:sns:us-east-1:291180941288:A3BXB0YN3XH17H"
_MARKETPLACE_ID: Final = "136291"
# SHA1 is what SNS signs with unless told otherwise.
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "1": hashes.SHA1(),  # noqa: S303
    "2": hashes.SHA256(),
}
SIGNATURE_VERSIONS: Final = frozenset(_HASHES)

#: NotificationType, root element and the element in it, by kind.
SHAPES: Final = {
    Kind.ORDER_REFERENCE: ("OrderReferenceNotification", "OrderReferenceNotification", "OrderReference"),
    Kind.AUTHORIZATION: ("PaymentAuthorize", "AuthorizationNotification", "AuthorizationDetails"),
    Kind.CAPTURE: ("PaymentCapture", "CaptureNotification", "CaptureDetails"),
    Kind.REFUND: ("PaymentRefund", "RefundNotification", "RefundDetails"),
}
_ALWAYS_SIGNED: Final = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
_SIGNED_TOO: Final = {
    "Notification": ("Subject",),
    "SubscriptionConfirmation": ("SubscribeURL", "Token"),
}


@dataclass(frozen=True)
class Notification:
    """One signed message, ready to be posted; every delivery of it is these same bytes."""

    message_id: str
    notification_type: str
    #: What it is about; a sample or a confirmation is about nothing here.
    object_id: str
    state: str
    headers: Mapping[str, str]
    body: str


class Signer:
    """The simulator's own Amazon SNS: a key pair and a self-signed certificate, new for each process."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate_pem = certificate.public_bytes(serialization.Encoding.PEM)
        self._fingerprint = certificate.fingerprint(hashes.SHA256()).hex()[:32]

    @classmethod
    def generate(cls) -> Self:
        """Make a key and a certificate for ``sns.amazonaws.com``."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @property
    def certificate_path(self) -> str:
        """Return the path of the certificate, the same at Amazon's host and at the simulator."""
        return f"/SimpleNotificationService-{self._fingerprint}.pem"

    def sign(self, text: str, version: str) -> str:
        """Return the base64 signature of ``text``: SHA1 in version "1", SHA256 in version "2"."""
        return base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), _HASHES[version])).decode()


def message_about(world: World, thing: PaymentObject, time: datetime) -> dict[str, Any]:
    """Return the Message that tells how an object stands now."""
    notification_type, root, name = SHAPES[thing.kind]
    shown: Tree = details_of(world, thing)
    if isinstance(thing, OrderReference):
        shown = notified_order_reference(thing)
    return {
        "ReleaseEnvironment": thing.environment.value,
        "MarketplaceID": _MARKETPLACE_ID,
        "Version": "2013-01-01",
        "NotificationType": notification_type,
        "SellerId": thing.seller_id,
        "NotificationReferenceId": str(uuid.uuid4()),
        # Amazon's own samples write this one on a 12-hour dial: 15:55 is shown as 03:55. So do we, lest a
        # client order events by it.
        "Timestamp": f"{time:%Y-%m-%dT%I:%M:%SZ}",
        "NotificationData": notification_data(root, name, shown),
    }


def notify(
    signer: Signer,
    message: Mapping[str, Any],
    *,
    time: datetime,
    version: str,
    about: PaymentObject | None = None,
    subject: str = "",
) -> Notification:
    """Put a Message into a signed envelope."""
    seller_id = str(message.get("SellerId", ""))
    envelope = {
        **_envelope("Notification", seller_id, json.dumps(message), time),
        "UnsubscribeURL": f"{SNS_URL}/?Action=Unsubscribe&SubscriptionArn={_subscription_arn(seller_id)}",
    }
    if subject:
        envelope["Subject"] = subject
    return _sealed(signer, envelope, version, str(message.get("NotificationType", "")), about)


def confirm_subscription(signer: Signer, seller_id: str, *, time: datetime, version: str) -> Notification:
    """Return the message with which SNS asks an endpoint whether it wants this topic."""
    token = uuid.uuid4().hex
    arn = topic_arn(seller_id)
    text = f"You have chosen to subscribe to the topic {arn}. To confirm, visit the SubscribeURL."
    envelope = {
        **_envelope("SubscriptionConfirmation", seller_id, text, time),
        "Token": token,
        "SubscribeURL": f"{SNS_URL}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}",
    }
    return _sealed(signer, envelope, version, "SubscriptionConfirmation", None)


def topic_arn(seller_id: str) -> str:
    """Return the topic under which a seller's notifications are published."""
    return f"{_TOPIC_PREFIX}{seller_id}"


def _envelope(kind: str, seller_id: str, message: str, time: datetime) -> dict[str, str]:
    return {
        "Type": kind,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic_arn(seller_id),
        "Message": message,
        "Timestamp": timestamp(time),
    }


def _sealed(
    signer: Signer,
    envelope: dict[str, str],
    version: str,
    notification_type: str,
    about: PaymentObject | None,
) -> Notification:
    keys = sorted(_ALWAYS_SIGNED + _SIGNED_TOO[envelope["Type"]])
    text = "".join(f"{key}\n{envelope[key]}\n" for key in keys if key in envelope)
    signed = {
        **envelope,
        "SignatureVersion": version,
        "Signature": signer.sign(text, version),
        "SigningCertURL": f"{SNS_URL}{signer.certificate_path}",
    }
    return Notification(
        message_id=envelope["MessageId"],
        notification_type=notification_type,
        object_id=about.id if about else "",
        state=about.status.state if about else "",
        headers=_headers(envelope),
        body=json.dumps(signed, indent=2),
    )


def _headers(envelope: Mapping[str, str]) -> dict[str, str]:
    arn = envelope["TopicArn"]
    return {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-message-id": envelope["MessageId"],
        "x-amz-sns-topic-arn": arn,
        "x-amz-sns-subscription-arn": f"{arn}:{_subscription(arn)}",
        "content-type": "text/plain; charset=UTF-8",  # Though it is JSON.
        "user-agent": "Amazon Simple Notification Service Agent",
    }


def _subscription_arn(seller_id: str) -> str:
    arn = topic_arn(seller_id)
    return f"{arn}:{_subscription(arn)}"


def _subscription(arn: str) -> str:
    return str(uuid.UUID(hashlib.sha256(arn.encode()).hexdigest()[:32]))
