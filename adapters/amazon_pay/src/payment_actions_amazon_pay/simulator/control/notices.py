"""Control calls about notifications: their settings, their log, and any of them on demand."""

from __future__ import annotations

import asyncio
from typing import Any

from payment_actions_amazon_pay.simulator.courier import Delivery, DeliveryState
from payment_actions_amazon_pay.simulator.details import timestamp
from payment_actions_amazon_pay.simulator.notifications import (
    SIGNATURE_VERSIONS,
    Notification,
    confirm_subscription,
    message_about,
    notify,
)
from payment_actions_amazon_pay.simulator.samples import SAMPLE_TYPES, sample_message
from payment_actions_amazon_pay.simulator.simulator import Simulator

from .body import Body, ControlError
from .views import Json


async def set_notifications(simulator: Simulator, body: Body, _name: str) -> Json:
    """Set where a seller's notifications go, how they are signed, and how they are redelivered."""
    settings = simulator.settings
    version = body.text("signature_version", settings.signature_version)
    if version not in SIGNATURE_VERSIONS:
        raise ControlError(400, 'signature_version must be "1" or "2".')
    retry_seconds = body.seconds("retry_seconds", settings.retry_seconds)
    attempts_max = body.count("attempts_max", settings.attempts_max)
    if "url" in body:
        settings.urls[body.seller_id(simulator)] = body.text("url", "")
    settings.signature_version, settings.retry_seconds, settings.attempts_max = (
        version,
        retry_seconds,
        attempts_max,
    )
    return {"urls": settings.urls, "signature_version": version}


async def list_deliveries(simulator: Simulator, body: Body, _name: str) -> Json:
    """List the deliveries, oldest first."""
    simulator.catch_up()
    object_id = body.text("object", "")
    log = (each for each in simulator.courier.log if object_id in {"", each.notification.object_id})
    return {"deliveries": [_delivery_view(each) for each in log]}


async def wait_until_idle(simulator: Simulator, body: Body, _name: str) -> Json:
    """Wait until nothing is under way, redeliveries included, but no longer than ``seconds``."""
    simulator.catch_up()
    try:
        async with asyncio.timeout(body.seconds("seconds", 10.0)):
            await simulator.courier.idle()
    except TimeoutError:
        pass  # What is still under way is told.
    waiting = (each for each in simulator.courier.log if each.state is DeliveryState.WAITING)
    return {"waiting": sum(1 for _ in waiting)}


async def build(simulator: Simulator, body: Body, _name: str) -> Json:
    """Build and sign a notification without sending it, for a test that posts it itself."""
    _, notification = _wanted(simulator, body)
    return {"headers": notification.headers, "body": notification.body}


async def send(simulator: Simulator, body: Body, _name: str) -> Json:
    """Send a notification now, ``count`` times, each with a message id of its own."""
    sent = []
    for _ in range(body.count("count")):
        seller_id, notification = _wanted(simulator, body)
        sent.append(_delivery_view(simulator.courier.send(notification, seller_id)))
    return {"deliveries": sent}


def _wanted(simulator: Simulator, body: Body) -> tuple[str, Notification]:
    """Return what a call asks for: about an object, a sample, a subscription to confirm, or any message."""
    world = simulator.catch_up()
    version = body.text("signature_version", simulator.settings.signature_version)
    if version not in SIGNATURE_VERSIONS:
        raise ControlError(400, 'signature_version must be "1" or "2".')
    about = body.thing(world) if "object" in body else None
    seller_id = about.seller_id if about else body.seller_id(simulator)
    if body.flag("subscription_confirmation", default=False):
        return seller_id, confirm_subscription(simulator.signer, seller_id, time=world.now, version=version)
    message: dict[str, Any] = {"SellerId": seller_id}
    if about is not None:
        message = message_about(world, about, world.now)
    elif "sample" in body:
        message = _sample(seller_id, body.text("sample"), timestamp(world.now))
    message |= body.mapping("message")
    subject = body.text("subject", "")
    return seller_id, notify(simulator.signer, message, time=world.now, version=version, about=about, subject=subject)


def _sample(seller_id: str, notification_type: str, time: str) -> dict[str, Any]:
    if notification_type not in SAMPLE_TYPES:
        raise ControlError(400, f"sample must be one of {', '.join(sorted(SAMPLE_TYPES))}.")
    return sample_message(seller_id, notification_type, time)


def _delivery_view(delivery: Delivery) -> Json:
    notification = delivery.notification
    return {
        "message_id": notification.message_id,
        "notification_type": notification.notification_type,
        "object": notification.object_id,
        "object_state": notification.state,
        "url": delivery.url,
        "state": delivery.state.value,
        "attempts": [{"time": time, "status": status} for time, status in delivery.attempts],
    }
