"""Notifications as the simulator's own SNS signs them."""

import json

import pytest

from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import Action, NotificationKind, NotificationRefused, Unavailable


@pytest.mark.parametrize("version", ["1", "2"])
async def test_change_of_each_object_is_verified(simulator, gateway, known, ask, version):
    about = await known(gateway, await simulator.authorized())
    await gateway.capture(ask(Action.CAPTURE, about))
    about = await known(gateway, about)
    await gateway.refund(ask(Action.REFUND, about))
    about = await known(gateway, about)
    for role, object_id in about.references:
        delivery = await simulator.notification(object=object_id, signature_version=version)
        found = await gateway.verify_notification(*delivery)
        assert (found.kind, found.identifiers[0]) == (NotificationKind.CHANGE, object_id), role


async def test_refund_made_in_seller_central_leads_to_its_order(simulator, gateway, known, ask):
    """Neither its id nor its reference was ever heard of here; its order reference was."""
    about = await known(gateway, await simulator.authorized())
    await gateway.capture(ask(Action.CAPTURE, about))
    about = await known(gateway, about)
    refund = await simulator.post("console/refund", object=about.reference("capture"))
    found = await gateway.verify_notification(*await simulator.notification(object=refund["id"]))
    assert about.reference("order_reference") in found.identifiers


@pytest.mark.parametrize(
    "sample", ["OrderReferenceNotification", "PaymentAuthorize", "PaymentCapture", "PaymentRefund"]
)
async def test_sample_of_seller_central_is_acknowledged(simulator, gateway, sample):
    found = await gateway.verify_notification(*await simulator.notification(sample=sample))
    assert found.kind is NotificationKind.OTHER


async def test_subscription_is_verified_and_then_confirmed(simulator, gateway):
    """The simulator has nothing behind that URL; what counts is that it was asked."""
    delivery = await simulator.notification(subscription_confirmation=True)
    try:
        found = await gateway.verify_notification(*delivery)
    except Unavailable as unavailable:
        assert "404" in str(unavailable)  # noqa: PT017 - both are right, by what the simulator serves
    else:
        assert found.kind is NotificationKind.OTHER


async def test_other_seller_and_other_environment_are_refused(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    changed = about.reference("authorization")
    for message, kind in (
        ({"SellerId": "A2OTHERSELLER"}, "topic"),
        ({"ReleaseEnvironment": "Live"}, "environment"),
    ):
        with pytest.raises(NotificationRefused) as caught:
            await gateway.verify_notification(*await simulator.notification(object=changed, message=message))
        assert caught.value.kind == kind


async def test_version_2_message_is_refused_by_name(simulator, gateway):
    message = {"NotificationVersion": "V2", "ObjectType": "CHARGE", "ObjectId": "S01-1-C1"}
    with pytest.raises(NotificationRefused) as caught:
        await gateway.verify_notification(*await simulator.notification(message=message))
    assert caught.value.kind == "version"


async def test_altered_message_is_refused(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    headers, body = await simulator.notification(object=about.reference("authorization"))
    envelope = json.loads(body)
    altered = {**envelope, "Message": envelope["Message"].replace("Open", "Closed")}
    with pytest.raises(NotificationRefused) as caught:
        await gateway.verify_notification(headers, json.dumps(altered).encode())
    assert caught.value.kind == "signature"


async def test_certificate_that_is_out_of_reach_asks_for_redelivery(simulator, settings):
    delivery = await simulator.notification(sample="PaymentCapture")
    elsewhere = AmazonPayV1.from_settings({**settings, "simulator": "http://127.0.0.1:9"})
    with pytest.raises(Unavailable):
        await elsewhere.verify_notification(*delivery)
    await elsewhere.aclose()
