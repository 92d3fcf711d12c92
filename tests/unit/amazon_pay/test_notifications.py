"""Notifications: nothing is believed that is not proved, and nothing Amazon really sends breaks the endpoint."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from payment_actions_amazon_pay.settings import settings_from
from payment_actions_amazon_pay.sns import CERTIFICATES_MAX
from payment_actions_amazon_pay.throttle import LIVE_QUOTAS, Throttle
from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import NotificationKind, NotificationRefused, Unavailable

SELLER = "A1SELLER"
TOPIC = f"arn:aws:sns:us-east-1:291180941288:A3BXB0YN3XH17H{SELLER}"
HOST = "https://sns.us-east-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425e"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGESTS = {"1": hashes.SHA1(), "2": hashes.SHA256()}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NAMESPACE = "https://mws.amazonservices.com/ipn/OffAmazonPayments/2013-01-01"


def certificate(key=KEY, name="sns.amazonaws.com", alternative=None, begins=-1, ends=1):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Sns:
    """SNS's hosts: what is fetched from them, and what they answer."""

    def __init__(self, answer=None):
        self.answer = answer or httpx.Response(200, content=certificate())
        self.fetched = []

    def __call__(self, request):
        self.fetched.append(str(request.url))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def gateway(sns=None, **changes):
    table = {
        "region": "us",
        "sandbox": True,
        "seller_id": SELLER,
        "access_key": SecretStr("access"),
        "secret_key": SecretStr("secret"),
        "notification_topics": [TOPIC],
        **changes,
    }
    transport = httpx.MockTransport(sns or Sns())
    return AmazonPayV1(settings_from(table), transport=transport, throttle=Throttle(LIVE_QUOTAS), now=lambda: NOW)


def xml(kind="PaymentCapture", **fields):
    root, details = {
        "OrderReferenceNotification": ("OrderReferenceNotification", "OrderReference"),
        "PaymentAuthorize": ("AuthorizationNotification", "AuthorizationDetails"),
        "PaymentCapture": ("CaptureNotification", "CaptureDetails"),
        "PaymentRefund": ("RefundNotification", "RefundDetails"),
        "Chargeback Detailed Notification": ("ChargebackNotification", "ChargebackDetails"),
    }[kind]
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f'<{root} xmlns="{NAMESPACE}"><{details}>{inner}</{details}></{root}>'


CAPTURE_XML = xml(
    AmazonCaptureId="S01-1234567-1234567-C000001",
    CaptureReferenceId="pa-1",
    CaptureStatus="<State>Completed</State>",
    IdList="<Id>S01-1234567-1234567-R000001</Id>",
)


def message(kind="PaymentCapture", data=CAPTURE_XML, **changes):
    given = {
        "ReleaseEnvironment": "Sandbox",
        "MarketplaceID": "A3BXB0YN3XH17H",
        "Version": "2013-01-01",
        "NotificationType": kind,
        "SellerId": SELLER,
        "NotificationReferenceId": "1",
        "Timestamp": "2026-06-01T03:55:19Z",
        "NotificationData": data,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def signed(content=None, version="1", key=KEY, **changes):
    """Return headers and body as SNS sends them; ``changes`` are made before signing."""
    envelope = {
        "Type": "Notification",
        "MessageId": "cf5543af-dd65-5f74-8ccf-0a410281fee4",
        "TopicArn": TOPIC,
        "Message": content if isinstance(content, str) else json.dumps(content or message()),
        "Timestamp": "2026-06-01T15:55:19.625Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
        **changes,
    }
    envelope = {name: value for name, value in envelope.items() if value is not None}
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    names += ["Subject"] if "Subject" in envelope else []
    names += ["SubscribeURL", "Token"] if envelope["Type"] != "Notification" else []
    text = "".join(f"{name}\n{envelope[name]}\n" for name in sorted(names) if name in envelope)
    digest = DIGESTS.get(version, hashes.SHA256())
    envelope["Signature"] = base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return headers(envelope), json.dumps(envelope).encode()


def headers(envelope):
    return {
        "x-amz-sns-message-type": envelope["Type"],
        "x-amz-sns-topic-arn": envelope["TopicArn"],
        "content-type": "text/plain; charset=UTF-8",
    }


def altered(**changes):
    """Return a genuine message, changed after it was signed."""
    given, body = signed()
    return given, json.dumps({**json.loads(body), **changes}).encode()


async def refused(delivery, sns=None, **settings):
    with pytest.raises(NotificationRefused) as caught:
        await gateway(sns, **settings).verify_notification(*delivery)
    return caught.value.kind


# -- Genuine messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
async def test_genuine_notification_is_accepted(version):
    found = await gateway().verify_notification(*signed(version=version))
    assert (found.message_id, found.kind) == ("cf5543af-dd65-5f74-8ccf-0a410281fee4", NotificationKind.CHANGE)
    assert found.subject == "PaymentCapture S01-1234567-1234567-C000001 Completed"
    assert found.identifiers == (
        "S01-1234567-1234567-C000001",
        "pa-1",
        "S01-1234567-1234567-R000001",
        "S01-1234567-1234567",
    )


async def test_subject_is_part_of_what_is_signed():
    assert (await gateway().verify_notification(*signed(Subject="hello"))).kind is NotificationKind.CHANGE
    assert await refused(altered(Subject="slipped in")) == "signature"


async def test_spelling_of_lambda_is_understood():
    given, body = signed()
    renamed = body.replace(b'"SigningCertURL"', b'"SigningCertUrl"')
    assert (await gateway().verify_notification(given, renamed)).kind is NotificationKind.CHANGE


async def test_redelivery_is_the_same_notification():
    """Whether it was seen before is the engine's to know."""
    opened, delivery = gateway(), signed()
    assert await opened.verify_notification(*delivery) == await opened.verify_notification(*delivery)


async def test_message_without_sns_headers_is_judged_by_its_body():
    assert (await gateway().verify_notification({}, signed()[1])).kind is NotificationKind.CHANGE


async def test_certificate_is_fetched_once_for_many_messages():
    sns = Sns()
    opened = gateway(sns)
    for _ in range(3):
        await opened.verify_notification(*signed())
    assert sns.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    ("kind", "fields", "identifiers", "order_id"),
    [
        (
            "OrderReferenceNotification",
            {
                "AmazonOrderReferenceId": "S01-1234567-1234567",
                "SellerOrderAttributes": "<SellerOrderId>42</SellerOrderId>",
                "OrderReferenceStatus": "<State>Suspended</State>",
            },
            ("S01-1234567-1234567",),
            "42",
        ),
        (
            "PaymentAuthorize",
            {"AmazonAuthorizationId": "S01-1234567-1234567-A000001", "AuthorizationReferenceId": "01auth_42"},
            ("S01-1234567-1234567-A000001", "01auth_42", "S01-1234567-1234567"),
            "",
        ),
        (
            "PaymentRefund",
            {"AmazonRefundId": "S01-1234567-1234567-R000001", "RefundReferenceId": "by-console"},
            ("S01-1234567-1234567-R000001", "by-console", "S01-1234567-1234567"),
            "",
        ),
        (
            "Chargeback Detailed Notification",
            {
                "AmazonChargebackId": "CB1",
                "AmazonOrderReferenceId": "S01-1234567-1234567",
                "AmazonCaptureReferenceId": "C1",
            },
            ("C1", "S01-1234567-1234567", "CB1"),
            "",
        ),
    ],
)
async def test_each_type_names_what_it_is_about(kind, fields, identifiers, order_id):
    found = await gateway().verify_notification(*signed(message(kind, xml(kind, **fields))))
    assert (found.kind, found.identifiers, found.order_id) == (NotificationKind.CHANGE, identifiers, order_id)


@pytest.mark.parametrize("kind", ["BillingAgreementNotification", "ProviderCredit", "SolutionProviderEvent", "New", ""])
async def test_type_that_is_none_of_our_business_is_acknowledged(kind):
    found = await gateway().verify_notification(*signed(message(kind, "<whatever/>")))
    assert found.kind is NotificationKind.OTHER


async def test_sample_from_seller_central_is_acknowledged():
    """Its ids have no known shape, and it may be for nobody."""
    sample = xml(AmazonCaptureId="P01-0000000-0000000-000000", CaptureReferenceId="P01-0000000-0000000-Ref")
    for flag in (True, "true"):
        content = message(data=sample, IsSample=flag, SellerId="ANOTHER", ReleaseEnvironment="Live")
        found = await gateway().verify_notification(*signed(content))
        assert found.kind is NotificationKind.OTHER


# -- Forgeries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp"])
async def test_changed_field_breaks_the_signature(field):
    envelope = json.loads(signed()[1])
    assert await refused(altered(**{field: envelope[field] + " "})) == "signature"


async def test_signature_of_another_key_is_refused():
    assert await refused(signed(key=OTHER_KEY)) == "signature"


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "ü"])
async def test_broken_signature_is_refused(signature):
    assert await refused(altered(Signature=signature)) in {"signature", "format"}


@pytest.mark.parametrize("version", ["3", "", "01", "1 ", 1])
async def test_other_signature_versions_are_refused(version):
    assert await refused(altered(SignatureVersion=version)) in {"signature", "format"}


async def test_version_of_the_signature_cannot_be_swapped():
    """A SHA-256 signature is not tried as SHA-1."""
    given, body = signed(version="2")
    assert await refused((given, body.replace(b'"SignatureVersion": "2"', b'"SignatureVersion": "1"'))) == "signature"


NASTY_URLS = [
    "http://sns.us-east-1.amazonaws.com/x.pem",
    "HTTPS://sns.us-east-1.amazonaws.com.evil.example/x.pem",
    "https://sns.us-east-1.amazonaws.com.com/x.pem",
    "https://sns.us.amazonaws.com/x.pem",
    "https://sni.us-east-1.amazonaws.com/x.pem",
    "https://sns.us-east-1.amazonaws.com/x.exe",
    "https://sns.us-east-1.amazonaws.com/x.pem\n",
    "https://sns.us-east-1.amazonaws.com\n/x.pem",
    "https://sns.us-east-1.amazonaws.com/x.pem?y",
    "https://sns.us-east-1.amazonaws.com/x.exe?.pem",
    "https://sns.us-east-1.amazonaws.com/x.exe#.pem",
    "https://sns.us-east-1.amazonaws.com:444/x.pem",
    "https://user@sns.us-east-1.amazonaws.com/x.pem",
    "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
    "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
    "https://evil.example\\@sns.us-east-1.amazonaws.com/x.pem",
    "https://sns.s3-eu-west-1.amazonaws.com/x.pem",  # A bucket named "sns", open to its owner.
    "https://sns.s3.amazonaws.com/x.pem",
    "https://s3.amazonaws.com/sns/x.pem",
    "https://sns.us-east-1.amazonaws.com.cn.evil.example/x.pem",
    "https://sns.\uff55s-east-1.amazonaws.com/x.pem",
    "https://xsns.us-east-1.amazonaws.com/x.pem",
    "file:///etc/passwd.pem",
    "//sns.us-east-1.amazonaws.com/x.pem",
    " https://sns.us-east-1.amazonaws.com/x.pem",
    "",
]


@pytest.mark.parametrize("url", NASTY_URLS)
async def test_certificate_from_elsewhere_is_not_even_fetched(url):
    sns = Sns()
    assert await refused(signed(SigningCertURL=url), sns) in {"certificate", "format"}
    assert sns.fetched == []


@pytest.mark.parametrize(
    "host",
    ["sns.eu-west-1.amazonaws.com", "sns.us-gov-west-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"],
)
async def test_certificate_of_any_region_is_fetched(host):
    sns = Sns()
    await gateway(sns).verify_notification(*signed(SigningCertURL=f"https://{host}/x.pem"))
    assert sns.fetched == [f"https://{host}/x.pem"]


@pytest.mark.parametrize(
    "pem",
    [
        certificate(name="evil.example"),
        certificate(name="sns.amazonaws.com.evil.example"),
        certificate(name="evil.example", alternative="*.amazonaws.com"),
        certificate(begins=1, ends=2),
        certificate(begins=-2, ends=-1),
        b"<html>not a certificate</html>",
        b"",
    ],
)
async def test_certificate_that_is_not_snss_is_refused(pem):
    assert await refused(signed(), Sns(httpx.Response(200, content=pem))) == "certificate"


async def test_certificate_with_another_kind_of_key_is_refused():
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for key in (weak, ec.generate_private_key(ec.SECP256R1())):
        pem = certificate(key=key)
        assert await refused(signed(), Sns(httpx.Response(200, content=pem))) == "certificate"


async def test_regional_name_of_sns_is_accepted():
    pem = certificate(name="something else", alternative="sns.eu-west-1.amazonaws.com")
    sns = Sns(httpx.Response(200, content=pem))
    assert (await gateway(sns).verify_notification(*signed())).kind is NotificationKind.CHANGE


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("down"),
        httpx.ReadTimeout("slow"),
        httpx.Response(503),
        httpx.Response(302, headers={"location": "https://evil.example/x.pem"}),
        httpx.Response(200, content=b"x" * 100_000),
    ],
)
async def test_certificate_that_cannot_be_fetched_asks_for_redelivery(answer):
    """A 4xx would lose the notification for ever; this is answered 5xx."""
    sns = Sns(answer)
    opened = gateway(sns)
    with pytest.raises(Unavailable):
        await opened.verify_notification(*signed())
    sns.answer = httpx.Response(200, content=certificate())
    assert (await opened.verify_notification(*signed())).kind is NotificationKind.CHANGE


async def test_forged_notification_whose_certificate_never_comes_holds_up_no_genuine_one():
    asked_for = asyncio.Event()

    async def sns(request):
        if str(request.url) == CERTIFICATE_URL:
            return httpx.Response(200, content=certificate())
        asked_for.set()
        return await asyncio.Event().wait()

    opened = gateway(sns)
    await opened.verify_notification(*signed())
    forged = asyncio.create_task(opened.verify_notification(*altered(SigningCertURL=f"{HOST}/never.pem")))
    await asked_for.wait()
    async with asyncio.timeout(1):
        assert (await opened.verify_notification(*signed())).kind is NotificationKind.CHANGE
    forged.cancel()


async def test_forged_messages_do_not_have_a_proved_certificate_forgotten():
    sns = Sns()
    opened = gateway(sns)
    await opened.verify_notification(*signed())
    for number in range(CERTIFICATES_MAX + 1):  # Whoever knows the topic may name any of SNS's certificates.
        with pytest.raises(NotificationRefused):
            await opened.verify_notification(*altered(SigningCertURL=f"{HOST}/{number}.pem", Message="forged"))
    await opened.verify_notification(*signed())
    assert sns.fetched.count(CERTIFICATE_URL) == 1


async def test_of_more_proved_certificates_than_are_kept_the_last_used_are():
    sns = Sns()
    opened = gateway(sns)
    await opened.verify_notification(*signed())
    for number in range(CERTIFICATES_MAX):
        await opened.verify_notification(*signed(SigningCertURL=f"{HOST}/{number}.pem"))
        await opened.verify_notification(*signed())
    assert len(sns.fetched) == len(set(sns.fetched))
    await opened.verify_notification(*signed(SigningCertURL=f"{HOST}/0.pem"))
    assert sns.fetched.count(f"{HOST}/0.pem") == 2


# -- Whom it is for ------------------------------------------------------------------------------------------


async def test_other_topic_is_refused_before_anything_is_fetched():
    sns = Sns()
    assert await refused(signed(TopicArn=f"{TOPIC}X"), sns) == "topic"
    assert sns.fetched == []


async def test_without_topics_every_notification_is_refused():
    with pytest.raises(NotificationRefused, match=f"{TOPIC}.*notification_topics") as caught:
        await gateway(notification_topics=[]).verify_notification(*signed())
    assert caught.value.kind == "topic"


async def test_header_must_name_the_same_topic_and_type():
    given, body = signed()
    assert await refused(({**given, "x-amz-sns-topic-arn": f"{TOPIC}X"}, body)) == "topic"
    assert await refused(({**given, "x-amz-sns-message-type": "UnsubscribeConfirmation"}, body)) == "type"


async def test_other_seller_and_other_environment_are_refused():
    assert await refused(signed(message(SellerId="A2OTHER"))) == "seller"
    assert await refused(signed(message(SellerId=None))) == "seller"
    assert await refused(signed(message(ReleaseEnvironment="Live"))) == "environment"
    assert await refused(signed(message(ReleaseEnvironment="Sandbox")), sandbox=False) == "environment"


@pytest.mark.parametrize(
    "content",
    [
        {"NotificationVersion": "V2", "ObjectType": "CHARGE", "ObjectId": "S01-1-C1", "MerchantID": SELLER},
        {"notificationVersion": "V2", "objectType": "REFUND"},
        {"ObjectType": "CHARGE", "ObjectId": "S01-1-C1"},
    ],
)
async def test_notification_of_api_version_2_is_refused_by_name(content):
    assert await refused(signed(content)) == "version"


# -- Broken messages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "format"),
        (b"{}", "format"),
        (b"[]", "format"),
        (b"null", "format"),
        (b"\xff\xfe", "format"),
        (b"[" * 100_000, "format"),
        (b'{"Type": 1}', "format"),
        (b'{"Type": "Unknown", "TopicArn": "x"}', "type"),
        (b"x" * (10 * 1024 * 1024), "size"),
    ],
)
async def test_garbage_is_refused(body, kind):
    assert await refused(({}, body)) == kind


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn", "Signature", "SigningCertURL"])
async def test_missing_field_is_refused(field):
    given, body = signed()
    envelope = {name: value for name, value in json.loads(body).items() if name != field}
    assert await refused((given, json.dumps(envelope).encode())) == "format"
    assert await refused((given, json.dumps({**envelope, field: ["x"]}).encode())) == "format"


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<CaptureNotification><CaptureDetails>&b;</CaptureDetails></CaptureNotification>"
)
FILE = (
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    "<CaptureNotification><CaptureDetails>&f;</CaptureDetails></CaptureNotification>"
)


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        FILE,
        f"<!DOCTYPE CaptureNotification>{CAPTURE_XML}",
        "",
        "not xml",
        "<Other/>",
        "<CaptureNotification/>",
        '<?xml version="1.0" encoding="no"?><x/>',
        "\ud800",
    ],
)
async def test_unacceptable_xml_is_refused(data):
    assert await refused(signed(message(data=data))) == "format"


@pytest.mark.parametrize("content", ["not json", "[]", "7", "[" * 50_000])
async def test_unacceptable_message_is_refused(content):
    assert await refused(signed(content)) == "format"


async def test_lone_surrogate_in_the_envelope_is_refused():
    assert await refused(altered(Message="\ud800")) == "format"


async def test_log_line_of_a_notification_is_one_bounded_line():
    noisy = xml(AmazonCaptureId="C&#10;C" + "x" * 5_000)
    found = await gateway().verify_notification(*signed(message(data=noisy)))
    assert len(found.subject) <= 200
    assert found.subject.isprintable()


# -- Subscriptions -------------------------------------------------------------------------------------------


def confirmation(kind="SubscriptionConfirmation", url=SUBSCRIBE_URL, **changes):
    return signed("You have chosen to subscribe.", Type=kind, SubscribeURL=url, Token="2336412f37", **changes)


async def test_subscription_to_our_topic_is_confirmed():
    sns = Sns()
    found = await gateway(sns).verify_notification(*confirmation())
    assert found.kind is NotificationKind.OTHER
    assert sns.fetched == [CERTIFICATE_URL, SUBSCRIBE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com@evil.example/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com.evil.example/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com:8443/?Action=ConfirmSubscription",
        "https://sns.s3-eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic",
        "https://169.254.169.254/latest/meta-data/?Action=ConfirmSubscription",
        f"{SUBSCRIBE_URL}\n",
    ],
)
async def test_foreign_subscribe_url_is_never_fetched(url):
    sns = Sns()
    assert await refused(confirmation(url=url), sns) == "subscription"
    assert url not in sns.fetched


async def test_unproved_subscription_is_not_confirmed():
    sns = Sns()
    assert await refused(confirmation(key=OTHER_KEY), sns) == "signature"
    assert await refused(confirmation(TopicArn=f"{TOPIC}X"), sns) == "topic"
    assert SUBSCRIBE_URL not in sns.fetched


async def test_unsubscription_is_acknowledged_and_nothing_fetched():
    sns = Sns()
    found = await gateway(sns).verify_notification(*confirmation("UnsubscribeConfirmation"))
    assert (found.kind, sns.fetched) == (NotificationKind.OTHER, [CERTIFICATE_URL])


async def test_simulator_stands_in_for_sns_only_after_the_urls_are_found_good():
    simulated = {"simulator": "http://127.0.0.1:8900", "throttling": False}
    sns = Sns()
    await gateway(sns, **simulated).verify_notification(*confirmation())
    assert sns.fetched == [
        "http://127.0.0.1:8900/SimpleNotificationService-0123456789abcdef.pem",
        SUBSCRIBE_URL.replace(HOST, "http://127.0.0.1:8900"),
    ]
    sns = Sns()
    assert await refused(signed(SigningCertURL="https://evil.example/x.pem"), sns, **simulated) == "certificate"
    assert sns.fetched == []
