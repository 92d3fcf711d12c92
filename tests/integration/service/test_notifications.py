"""What anybody can post to the service: the right answer, nothing changed, one line in the log, no secret in it."""

import json
import time

import httpx
import pytest
from support.settling import until

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client
from payment_actions_server.demo.stage import SECRET_KEY, SHOPS, XCART_KEY

SELLER = SHOPS[0].seller_id
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><CaptureNotification>&d;</CaptureNotification>'
)


class Post:
    """Posts to the service's endpoint and keeps what the service logged of it."""

    def __init__(self, stage):
        self._stage = stage
        self._log = stage.folder / "payment-actions.log"
        self._http = httpx.Client(base_url=stage.http_url, timeout=30, trust_env=False)

    def __call__(self, headers, body, store="eu-shop"):
        start = self._log.stat().st_size
        answer = self._http.post(f"/notifications/{store}", headers=headers, content=body)
        lines = until(lambda: self._notification_lines(start), "the line in the log")
        assert len(lines) == 1
        text = self._log.read_bytes()[start:].decode()
        line = json.loads(lines[0])
        assert line["code"] == answer.status_code
        assert not [secret for secret in (SHOPS[0].access_key, SECRET_KEY, XCART_KEY) if secret in text]
        return answer.status_code, line["kind"]

    def _notification_lines(self, start):
        lines = self._log.read_bytes()[start:].decode().rpartition("\n")[0].splitlines()  # Whole ones.
        return [line for line in lines if '"event": "notification"' in line or '"event":"notification"' in line]


@pytest.fixture
def post(stage):
    return Post(stage)


@pytest.fixture
def captured(shopfront):
    """An order whose money is collected, all quiet; the notifications of it were lost."""
    shopfront.stage.amazon.send("POST", "faults/notifications", kind="lose", count=50)
    order = shopfront.order()
    shopfront.client.capture(order.store, order.order_id)
    shopfront.at_rest(order, "CAPTURED")
    return order


def about(shopfront, order, **fields):
    """Return Amazon's signed notification about the order's authorization."""
    return signed(shopfront.stage, object=order.authorization, **fields)


def signed(stage, **fields):
    built = stage.amazon.send("POST", "notification", **fields)
    return built["headers"], built["body"].encode()


def changed(body, **fields):
    return json.dumps(json.loads(body) | fields).encode()


@pytest.fixture
def unchanged(shopfront, captured):
    """Check afterwards that nothing about the payment changed."""
    before = list(shopfront.client.list_events(captured.store, captured.order_id))
    yield captured
    time.sleep(0.3)
    after = list(shopfront.client.list_events(captured.store, captured.order_id))
    assert [event.hash for event in after] == [event.hash for event in before]
    assert shopfront.effects(captured) == ["capture"]


def test_a_true_notification_is_taken_and_recorded(shopfront, captured, post):
    assert post(*about(shopfront, captured)) == (200, "change")

    def recorded():
        events = list(shopfront.client.list_events(captured.store, captured.order_id))
        return events[-1].type == pb.EVENT_TYPE_NOTIFICATION_IGNORED

    until(recorded, "the notification to be recorded as known already")
    assert shopfront.status(captured) == "CAPTURED"


def test_the_closing_of_the_order_reference_changes_nothing(shopfront, captured, post):
    """The adapter closes it after the capture, and Amazon tells so."""
    path = f"objects/{captured.order_reference}"
    until(lambda: shopfront.stage.amazon.get(path)["state"] == "Closed", "the order reference to be closed")
    assert post(*signed(shopfront.stage, object=captured.order_reference)) == (200, "change")

    def recorded():
        events = list(shopfront.client.list_events(captured.store, captured.order_id))
        return events[-1].type == pb.EVENT_TYPE_NOTIFICATION_IGNORED

    until(recorded, "the notification to be recorded as known already")
    payment = shopfront.payment(captured)
    assert (shopfront.status(captured), payment.anomaly) == ("CAPTURED", "")
    assert shopfront.effects(captured) == ["capture"]


def test_a_replayed_message_is_a_no_op(shopfront, captured, post):
    headers, body = about(shopfront, captured)
    assert post(headers, body) == (200, "change")
    until(
        lambda: (
            list(shopfront.client.list_events(captured.store, captured.order_id))[-1].type
            == pb.EVENT_TYPE_NOTIFICATION_IGNORED
        ),
        "the first to be recorded",
    )
    before = len(list(shopfront.client.list_events(captured.store, captured.order_id)))
    assert post(headers, body) == (200, "change")
    time.sleep(0.3)
    assert len(list(shopfront.client.list_events(captured.store, captured.order_id))) == before


def test_a_bad_signature_is_refused(shopfront, unchanged, post):
    headers, body = about(shopfront, unchanged)
    assert post(headers, changed(body, Timestamp="2020-01-01T00:00:00.000Z")) == (403, "signature")


def test_a_foreign_topic_is_refused(shopfront, unchanged, post):
    headers, body = signed(shopfront.stage, sample="PaymentCapture", seller_id=SHOPS[1].seller_id)
    assert post(headers, body) == (403, "topic")


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/SimpleNotificationService-1.pem",
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://user@sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.exe",
        "https://sns.us-east-1.amazonaws.com\n/SimpleNotificationService-1.pem",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(shopfront, unchanged, post, url):
    headers, body = about(shopfront, unchanged)
    assert post(headers, changed(body, SigningCertURL=url)) == (403, "certificate")


def test_ten_megabytes_are_refused_without_being_read(unchanged, post):
    assert post({}, b"x" * 10_000_000) == (413, "size")


def test_an_xml_bomb_is_refused(shopfront, unchanged, post):
    message = {"NotificationType": "PaymentCapture", "NotificationData": BOMB}
    assert post(*about(shopfront, unchanged, message=message)) == (400, "format")


def test_an_unknown_type_is_acknowledged_so_that_it_is_not_sent_again(shopfront, unchanged, post):
    assert post(*about(shopfront, unchanged, message={"NotificationType": "SolutionProviderEvent"})) == (
        200,
        "other",
    )


def test_a_v2_message_on_a_v1_store_is_refused(shopfront, unchanged, post):
    message = {
        "MerchantID": SELLER,
        "ObjectType": "CHARGE",
        "ObjectId": "S02-1111111-1111111-C111111",
        "NotificationType": "STATE_CHANGE",
        "NotificationVersion": "V2",
    }
    assert post(*signed(shopfront.stage, seller_id=SELLER, message=message)) == (400, "version")


def test_seller_centrals_sample_is_acknowledged_and_moves_nothing(shopfront, unchanged, post):
    assert post(*signed(shopfront.stage, sample="PaymentCapture", seller_id=SELLER)) == (200, "other")


def test_what_is_no_notification_at_all_is_refused(unchanged, post):
    assert post({}, b"hello") == (400, "format")


def test_a_store_that_does_not_exist_answers_not_found(shopfront, unchanged, post):
    assert post(*about(shopfront, unchanged), store="no-such-shop") == (404, "")


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_signature_versions_are_verified(shopfront, captured, post, version):
    assert post(*about(shopfront, captured, signature_version=version)) == (200, "change")


def test_a_notification_that_came_while_we_were_down_is_made_good_by_the_schedule(shopfront):
    stage = shopfront.stage
    order = shopfront.order("64.00", status="Q", asynchronous=True)
    assert shopfront.status(order) == "PENDING"
    stage.service.stop()
    stage.amazon.send("POST", "settle", object=order.authorization)
    until(lambda: stage.amazon.send("POST", "notifications/wait", seconds=5)["waiting"] == 0, "it to be given up")
    stage.start_service()
    with Client(stage.target) as client:
        shopfront.at_rest(order, "AUTHORIZED", client=client)
