"""Amazon SNS, which carries Amazon Pay's notifications: proof that a message is Amazon's and meant for us.

Everything that costs nothing is checked first; a certificate is fetched only for a message from a topic of
ours, and a subscription is confirmed only once its message is proved.
"""

import asyncio
import base64
import binascii
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from payment_actions_amazon_pay.exchange import AnswerUnclear, exchange
from payment_actions_amazon_pay.settings import AmazonPayV1Settings
from payment_actions_server.plugins import NotificationRefused, Unavailable

BODY_BYTES_MAX: Final = 256 * 1024  #: What SNS itself allows a message.
CERTIFICATE_BYTES_MAX: Final = 64 * 1024
CERTIFICATES_MAX: Final = 16
KEY_BITS_MIN: Final = 2048
FETCH_SECONDS_MAX: Final = 5.0

NOTIFICATION: Final = "Notification"
SUBSCRIPTION_CONFIRMATION: Final = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION: Final = "UnsubscribeConfirmation"

_CONFIRMATION_KEYS: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: ("Message", "MessageId", "Timestamp", "TopicArn", "Type"),  # And Subject, if there is one.
    SUBSCRIPTION_CONFIRMATION: _CONFIRMATION_KEYS,
    UNSUBSCRIBE_CONFIRMATION: _CONFIRMATION_KEYS,
}

DIGESTS: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "1": hashes.SHA1(),  # noqa: S303 - what SNS signs with unless its owner asks for version 2; we do not choose.
    "2": hashes.SHA256(),
}

# SNS hosts are named for their region. Amazon's own pattern takes any word of three letters there, and so
# also sns.s3-eu-west-1.amazonaws.com, where whoever owns the bucket "sns" could put a certificate of his own.
_HOST: Final = r"sns\.[a-z]{2,5}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
_HOST_PATTERN: Final = re.compile(_HOST)
_CERTIFICATE_URL: Final = re.compile(rf"https://{_HOST}(/[A-Za-z0-9._/-]{{1,256}}\.pem)")
_SUBSCRIBE_URL: Final = re.compile(rf"https://{_HOST}(/\?[A-Za-z0-9._~%&=:+/-]{{1,2048}})")

_ALIASES: Final = {"SigningCertUrl": "SigningCertURL", "SubscribeUrl": "SubscribeURL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A proved SNS message."""

    type: str
    message_id: str
    topic: str
    message: str
    subscribe_url: str = ""


class Certificates:
    """SNS's signing certificates, by URL. They are public and do not change under one URL.

    Anybody may name one: those whose key fitted a signature are kept apart, where no forged message pushes them out.

    :param base_url: the simulator's, from which they come instead once the URL itself is found good.
    """

    def __init__(self, http: Callable[[], httpx.AsyncClient], base_url: str | None) -> None:
        self._http = http
        self._base_url = base_url
        self._proved: OrderedDict[str, x509.Certificate] = OrderedDict()  # The last used at the end.
        self._named: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._fetching = asyncio.Lock()  # One at a time: a hundred messages at once need one certificate.

    async def key(self, url: str, now: datetime) -> RSAPublicKey:
        """Return the public key of the certificate at ``url``.

        :raises NotificationRefused: the URL or the certificate is not one of SNS's.
        :raises Unavailable: it could not be fetched.
        """
        path = _CERTIFICATE_URL.fullmatch(url)
        if path is None:
            raise _refused("certificate", "SigningCertURL does not name a certificate of SNS")
        certificate = self._kept(url)
        if certificate is None:  # Else it does not wait for what strangers have us fetch.
            async with self._fetching:
                certificate = self._kept(url)
                if certificate is None:
                    certificate = await self._fetched(self._base_url + path[1] if self._base_url else url)
                    _keep(self._named, url, certificate)
        return _trusted_key(certificate, now)

    def prove(self, url: str) -> None:
        """Take note that a signature fitted the key of the certificate at ``url``."""
        certificate = self._named.pop(url, None)
        if certificate is not None:
            _keep(self._proved, url, certificate)

    def _kept(self, url: str) -> x509.Certificate | None:
        if url in self._proved:
            self._proved.move_to_end(url)
            return self._proved[url]
        return self._named.get(url)

    async def _fetched(self, url: str) -> x509.Certificate:
        body = await _get(self._http(), url, CERTIFICATE_BYTES_MAX)
        try:
            return x509.load_pem_x509_certificate(body)
        except ValueError:
            raise _refused("certificate", "what SigningCertURL names is not a certificate") from None


def _keep(kept: OrderedDict[str, x509.Certificate], url: str, certificate: x509.Certificate) -> None:
    kept[url] = certificate
    if len(kept) > CERTIFICATES_MAX:
        kept.popitem(last=False)


class Sns:
    """Verifies the messages of one store's topics."""

    def __init__(
        self,
        settings: AmazonPayV1Settings,
        http: Callable[[], httpx.AsyncClient],
        now: Callable[[], datetime],
    ) -> None:
        self._topics = frozenset(settings.notification_topics)
        self._simulator = settings.simulator
        self._http = http
        self._now = now
        self._certificates = Certificates(http, settings.simulator)

    async def verified(self, headers: Mapping[str, str], body: bytes) -> Envelope:
        """Return the message, once it is proved to be SNS's and of a topic of ours.

        :raises NotificationRefused: it is not.
        :raises Unavailable: its certificate could not be fetched.
        """
        fields = _fields(body)
        self._require_expected(fields, headers)
        text, signature = _signed_text(fields), _signature(fields)
        digest = DIGESTS.get(_field(fields, "SignatureVersion"))
        if digest is None:
            raise _refused("signature", "SignatureVersion is neither 1 nor 2")
        url = _field(fields, "SigningCertURL")
        key = await self._certificates.key(url, self._now())
        try:
            key.verify(signature, text, PKCS1v15(), digest)
        except InvalidSignature:
            raise _refused("signature", "the signature does not fit the message") from None
        self._certificates.prove(url)
        return Envelope(
            type=_field(fields, "Type"),
            message_id=_field(fields, "MessageId"),
            topic=_field(fields, "TopicArn"),
            message=_field(fields, "Message"),
            subscribe_url=str(fields.get("SubscribeURL") or ""),
        )

    async def confirm(self, envelope: Envelope) -> None:
        """Confirm a subscription by the URL that its verified message gives.

        :raises NotificationRefused: the URL is not one of SNS's.
        :raises Unavailable: SNS did not confirm it.
        """
        path = _SUBSCRIBE_URL.fullmatch(envelope.subscribe_url)
        if path is None or "Action=ConfirmSubscription" not in path[1]:
            raise _refused("subscription", "SubscribeURL does not confirm a subscription at SNS")
        url = self._simulator + path[1] if self._simulator else envelope.subscribe_url
        await _get(self._http(), url, CERTIFICATE_BYTES_MAX)

    def _require_expected(self, fields: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        kind, topic = _field(fields, "Type"), _field(fields, "TopicArn")
        if kind not in SIGNED_KEYS or headers.get("x-amz-sns-message-type", kind) != kind:
            raise _refused("type", "not a type of message that SNS sends, or not the one its header names")
        if topic not in self._topics:  # With none configured, none is ours.
            raise _refused("topic", f"TopicArn {topic[:300]!r} is not among the store's notification_topics")
        if headers.get("x-amz-sns-topic-arn", topic) != topic:
            raise _refused("topic", "the topic in the header is not the one in the message")


def _fields(body: bytes) -> dict[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise _refused("size", f"{len(body)} bytes, more than SNS ever sends")
    try:
        read: Any = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _refused("format", "the body is not JSON") from None
    if not isinstance(read, dict):
        raise _refused("format", "the body is not a JSON object")
    return {_ALIASES.get(str(name), str(name)): value for name, value in read.items()}


def _field(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _refused("format", f"{name} is missing or not text")
    return value


def _signed_text(fields: Mapping[str, Any]) -> bytes:
    """Return what SNS signed: name and value of each signed field, a line each, sorted by name."""
    kind = _field(fields, "Type")
    names = SIGNED_KEYS[kind]
    if kind == NOTIFICATION and fields.get("Subject") is not None:
        names = (*names, "Subject")
    lines = [line for name in sorted(names) for line in (name, _field(fields, name))]
    try:
        return ("\n".join(lines) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        raise _refused("format", "the message is not Unicode text") from None


def _signature(fields: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(_field(fields, "Signature"), validate=True)
    except (ValueError, binascii.Error):
        raise _refused("signature", "the signature is not base64") from None


def _trusted_key(certificate: x509.Certificate, now: datetime) -> RSAPublicKey:
    """Return the certificate's key, if it is one of SNS's and valid now.

    That it came from SNS's own host over verified TLS is what proves it; its names are a second lock.
    """
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise _refused("certificate", "the signing certificate is not valid now")
    if not any(name == "sns.amazonaws.com" or _HOST_PATTERN.fullmatch(name) for name in _names(certificate)):
        raise _refused("certificate", "the signing certificate does not name SNS")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < KEY_BITS_MIN:
        raise _refused("certificate", f"the signing certificate has no RSA key of {KEY_BITS_MIN} bits")
    return key


def _names(certificate: x509.Certificate) -> list[str]:
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return names
    return names + alternatives.value.get_values_for_type(x509.DNSName)


async def _get(client: httpx.AsyncClient, url: str, bytes_max: int) -> bytes:
    try:
        request = client.build_request("GET", url)
        answer = await exchange(client, request, seconds_max=FETCH_SECONDS_MAX, bytes_max=bytes_max)
    except AnswerUnclear as unclear:
        raise Unavailable(str(unclear)) from unclear  # Fetching moves nothing.
    if answer.status != 200:
        raise Unavailable(f"GET {httpx.URL(url).host}: HTTP {answer.status}")
    return answer.body


def _refused(kind: str, why: str) -> NotificationRefused:
    return NotificationRefused(f"notification refused: {why}", kind=kind)
