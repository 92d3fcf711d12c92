from __future__ import annotations

import base64
import json
import time
from xml.etree.ElementTree import fromstring

import pytest
from amazon_pay import ipn_handler
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

NAMESPACE = "{https://mws.amazonservices.com/ipn/OffAmazonPayments/2013-01-01}"
HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


@pytest.fixture
def certificate(process, http):
    """Fetch the certificate where the envelope says, but at the simulator instead of Amazon's host."""

    def fetch(envelope):
        path = envelope["SigningCertURL"].removeprefix("https://sns.us-east-1.amazonaws.com")
        return http.get(process.url + path).content

    return fetch


@pytest.fixture
def verify(certificate):
    return lambda envelope: _verify(x509.load_pem_x509_certificate(certificate(envelope)), envelope)


def _verify(certificate, envelope):
    assert certificate.subject.rfc4514_string() == "CN=sns.amazonaws.com"
    optional = ["Subject", "SubscribeURL", "Token"]
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"] + [n for n in optional if n in envelope]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in sorted(names))
    signature = base64.b64decode(envelope["Signature"])
    algorithm = HASHES[envelope["SignatureVersion"]]()
    certificate.public_key().verify(signature, text.encode(), padding.PKCS1v15(), algorithm)


def _data(envelope):
    message = json.loads(envelope["Message"])
    return fromstring(message["NotificationData"])


def test_completed_refund_sends_a_notification_that_verifies(verify, shop, control, endpoint, settled):
    refund = shop.refunding()
    settled()
    assert "PaymentRefund" not in endpoint.types()
    control("POST", "clock/advance", seconds=30)
    settled()
    envelope = endpoint.envelopes[-1]
    verify(envelope)
    details = _data(envelope).find(f"{NAMESPACE}RefundDetails")
    assert details.findtext(f"{NAMESPACE}AmazonRefundId") == refund
    assert details.findtext(f"{NAMESPACE}RefundStatus/{NAMESPACE}State") == "Completed"


@pytest.mark.parametrize("part", ["Message", "Timestamp", "TopicArn", "MessageId", "Subject"])
@pytest.mark.parametrize("version", ["1", "2"])
def test_one_changed_byte_breaks_the_signature(verify, shop, control, version, part):
    fields = {"object": shop.order(), "subject": "news", "signature_version": version}
    envelope = json.loads(control("POST", "notification", **fields)["body"])
    verify(envelope)
    envelope[part] = envelope[part][:-1] + "_"
    with pytest.raises(InvalidSignature):
        verify(envelope)


def test_headers_and_envelope_are_those_of_sns(shop, endpoint, settled):
    order = shop.order()
    settled()
    ((headers, body),) = endpoint.received
    envelope = json.loads(body)
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert headers["x-amz-sns-message-type"] == envelope["Type"] == "Notification"
    assert headers["x-amz-sns-topic-arn"] == envelope["TopicArn"]
    assert headers["x-amz-sns-message-id"] == envelope["MessageId"]
    assert headers["x-amz-sns-subscription-arn"].startswith(envelope["TopicArn"] + ":")
    message = json.loads(envelope["Message"])
    assert (message["ReleaseEnvironment"], message["SellerId"]) == ("Sandbox", "A1DEMOSELLER")
    assert "IsSample" not in message
    assert _data(envelope).find(f".//{NAMESPACE}AmazonOrderReferenceId").text == order


def test_synchronous_capture_now_announces_authorization_and_capture(shop, endpoint, settled):
    shop.authorization(shop.order(), capture_now=True)
    settled()
    assert endpoint.types() == ["OrderReferenceNotification", "PaymentAuthorize", "PaymentCapture"]
    authorization = _data(endpoint.envelopes[1])
    assert len(authorization.findall(f".//{NAMESPACE}IdList/{NAMESPACE}Id")) == 1
    amount = authorization.findtext(f".//{NAMESPACE}CapturedAmount/{NAMESPACE}Amount")
    assert amount == "100.0"


def test_inner_timestamp_is_on_a_twelve_hour_dial(shop, control):
    order = shop.order()
    hours = []
    for _ in range(2):
        envelope = json.loads(control("GET", "notification", object=order)["body"])
        inner = json.loads(envelope["Message"])["Timestamp"]
        hours.append((int(envelope["Timestamp"][11:13]), int(inner[11:13])))
        control("POST", "clock/advance", hours=12)
    assert all(1 <= inner <= 12 and inner % 12 == outer % 12 for outer, inner in hours)


def test_amazons_own_handler_accepts_it(certificate, shop, control, monkeypatch):
    notification = control("GET", "notification", object=shop.order())
    body = notification["body"].encode()
    headers = {"X-Amz-Sns-Topic-Arn": notification["headers"]["x-amz-sns-topic-arn"]}
    pem = certificate(json.loads(body)).decode()
    # The two parts that cannot work here: the download from Amazon, and what pyOpenSSL 23.3 has removed.
    monkeypatch.setattr(ipn_handler.IpnHandler, "_get_cert", lambda self: setattr(self, "_pem", pem))
    monkeypatch.setattr(ipn_handler.crypto, "verify", _pyopenssl_verify, raising=False)
    assert ipn_handler.IpnHandler(body, headers).authenticate()
    forged = body.replace(b"Open", b"Oqen")
    with pytest.raises(ValueError, match="Invalid signature"):
        ipn_handler.IpnHandler(forged, headers).authenticate()


def _pyopenssl_verify(certificate, signature, data, digest):
    assert digest == "sha1"
    key = certificate.to_cryptography().public_key()
    key.verify(signature, data, padding.PKCS1v15(), hashes.SHA1())


def test_5xx_answer_is_sent_again_with_the_same_message_id(shop, control, endpoint, settled):
    endpoint.answers += [500, 503]
    order = shop.order()
    settled()
    assert len({envelope["MessageId"] for envelope in endpoint.envelopes}) == 1
    (delivery,) = control("GET", "notifications", object=order)["deliveries"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 503, 200]
    assert delivery["state"] == "delivered"


def test_redelivery_is_given_up_after_its_last_attempt(shop, control, endpoint, settled):
    endpoint.answers += [500] * 5
    order = shop.order()
    settled()
    (delivery,) = control("GET", "notifications", object=order)["deliveries"]
    assert (len(delivery["attempts"]), delivery["state"]) == (3, "given_up")


def test_4xx_answer_is_never_sent_again(shop, control, endpoint, settled):
    endpoint.answers += [404]
    order = shop.order()
    settled()
    (delivery,) = control("GET", "notifications", object=order)["deliveries"]
    assert (len(endpoint.received), delivery["state"]) == (1, "refused")


def test_unreachable_endpoint_is_never_tried_again(shop, control, endpoint, settled):
    endpoint.close()
    order = shop.order()
    settled()
    (delivery,) = control("GET", "notifications", object=order)["deliveries"]
    assert ([each["status"] for each in delivery["attempts"]], delivery["state"]) == ([0], "unreachable")


def test_sellers_notifications_go_to_their_own_endpoint_only(control, endpoint, settled):
    for seller in ("A1DEMOSELLER", "A2OTHERSELLER"):
        order = control("POST", "order-references", seller_id=seller, amount="1.00")["id"]
        control("POST", "amazon/cancel", object=order)
    settled()
    assert [json.loads(each["Message"])["SellerId"] for each in endpoint.envelopes] == ["A1DEMOSELLER"]


def test_lost_notification_never_arrives(shop, control, endpoint, settled):
    control("POST", "faults/notifications", kind="lose", notification_type="OrderReferenceNotification")
    order = shop.order()
    shop.authorization(order)
    settled()
    assert endpoint.types() == ["PaymentAuthorize"]
    (delivery,) = control("GET", "notifications", object=order)["deliveries"]
    assert delivery["state"] == "lost"


def test_delayed_notification_is_overtaken(shop, control, endpoint, settled):
    control("POST", "faults/notifications", kind="delay", seconds=3)
    started = time.monotonic()
    shop.authorization(shop.order())
    settled()
    assert endpoint.types() == ["PaymentAuthorize", "OrderReferenceNotification"]
    assert time.monotonic() - started >= 3


def test_duplicates_keep_their_message_id(shop, control, endpoint, settled):
    control("POST", "faults/notifications", kind="duplicate", copies=3)
    shop.order()
    settled()
    assert len(endpoint.received) == 3
    assert len({envelope["MessageId"] for envelope in endpoint.envelopes}) == 1


def test_reordered_notifications_come_last_one_first(shop, control, endpoint, settled):
    control("POST", "faults/notifications", kind="reorder", count=3)
    shop.authorization(shop.order(), capture_now=True)
    settled()
    assert endpoint.types() == ["PaymentCapture", "PaymentAuthorize", "OrderReferenceNotification"]


@pytest.mark.parametrize(
    "sample", ["OrderReferenceNotification", "PaymentAuthorize", "PaymentCapture", "PaymentRefund"]
)
def test_seller_central_sample_has_ids_of_no_known_shape(verify, control, endpoint, settled, sample):
    control("POST", "notifications/send", sample=sample)
    settled()
    (envelope,) = endpoint.envelopes
    verify(envelope)
    message = json.loads(envelope["Message"])
    assert (message["IsSample"], message["NotificationType"]) == (True, sample)
    assert "P01-0000000-0000000-000000" in message["NotificationData"]


def test_subscription_confirmation_verifies(verify, control, endpoint, settled):
    control("POST", "notifications/send", subscription_confirmation=True)
    settled()
    ((headers, body),) = endpoint.received
    envelope = json.loads(body)
    assert headers["x-amz-sns-message-type"] == envelope["Type"] == "SubscriptionConfirmation"
    assert envelope["Token"] in envelope["SubscribeURL"]
    verify(envelope)


def test_notification_can_be_sent_any_number_of_times(shop, control, endpoint, settled):
    capture = shop.captured()
    settled()
    endpoint.received.clear()
    control("POST", "notifications/send", object=capture, count=3)
    settled()
    assert endpoint.types() == ["PaymentCapture"] * 3
    assert len({envelope["MessageId"] for envelope in endpoint.envelopes}) == 3


def test_any_message_can_be_built_and_signed(verify, control, endpoint, settled):
    message = {"NotificationType": "Chargeback Detailed Notification", "NotificationData": "<X/>"}
    built = json.loads(control("POST", "notification", message=message)["body"])
    verify(built)
    assert json.loads(built["Message"]) == {"SellerId": "A1DEMOSELLER", **message}
    settled()
    assert endpoint.received == []


def test_slow_endpoint_does_not_keep_the_api_waiting(shop, control, endpoint):
    control("POST", "faults/notifications", kind="delay", seconds=60, count=5)
    started = time.monotonic()
    shop.captured()
    assert time.monotonic() - started < 60


def test_giving_up_to_wait_for_notifications_stops_none(shop, control, endpoint, settled):
    control("POST", "faults/notifications", kind="delay", seconds=0.5, count=2)
    shop.authorize()
    assert control("POST", "notifications/wait", seconds=0.05)["waiting"] >= 1
    settled()
    assert sorted(endpoint.types()) == ["OrderReferenceNotification", "PaymentAuthorize"]
