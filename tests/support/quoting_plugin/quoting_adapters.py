"""A third party's adapters that quote their secret wherever an adapter can put a text. The order's id says where.

Each quotation has the secret as it is, as an address, a form and a header for HTTP basic authentication have it.
"""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

from payment_actions_server.plugins import (
    Action,
    AtMost,
    GatewayResult,
    NotExecuted,
    Notification,
    NotificationKind,
    NotificationRefused,
    OrderMissing,
    ResultState,
    SettingsError,
    StateConflict,
    StatusApplied,
    Throttled,
    Unavailable,
    hookimpl,
)
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform, full_capabilities

SCENARIOS = (
    "not-executed",
    "unavailable",
    "throttled",
    "conflict",
    "declined",
    "pending",
    "answer-lost",
    "lies-in-str",
    "snapshot-fails",
    "snapshot-says",
    "order-says",
    "store-fails",
    "store-unavailable",
    "store-says",
    "refused-by-policy",
    "limited-by-policy",
    "policy-fails",
)
TOTAL_MINOR = 24_99
said = []  # What is quoted, once a store was opened: policies are not given any settings.


def quotation(settings):
    secret = settings["token"].get_secret_value()
    basic = base64.b64encode(f"merchant:{secret}:x".encode()).decode()
    text = f"{secret} {quote(secret, safe='')} {quote_plus(secret)} Basic {basic} {json.dumps(secret)} {secret!r}"
    said[:] = [text]
    return text


def now():
    return datetime.now(UTC)


class Grumpy(NotExecuted):
    """An error whose text is not in its arguments."""

    def __init__(self, text):
        super().__init__("")
        self.text = text

    def __str__(self):
        return self.text


class QuotingGateway(InMemoryGateway):
    def __init__(self, text):
        super().__init__(now, capabilities=full_capabilities(partial=True))
        self._text = text

    async def capture(self, request):
        match request.payment.order_id:
            case "not-executed":
                raise NotExecuted(f"401: {self._text}", reason_code=self._text)
            case "unavailable":
                raise Unavailable(f"no route: {self._text}")
            case "throttled":
                raise Throttled(f"slow down: {self._text}", retry_after_seconds=1.0, reason_code=self._text)
            case "conflict":
                raise StateConflict(f"409: {self._text}", reason_code=self._text)
            case "declined":
                return GatewayResult(state=ResultState.DECLINED, reason_code=self._text, message=self._text)
            case "pending":
                return GatewayResult(state=ResultState.PENDING, reason_code=self._text, message=self._text)
            case "answer-lost":
                raise RuntimeError(f"reset: {self._text}")
            case "lies-in-str":
                raise Grumpy(f"odd: {self._text}")
        return await super().capture(request)

    async def look_up(self, request):
        if request.payment.order_id == "answer-lost":
            raise RuntimeError(f"reset: {self._text}")
        if request.payment.order_id == "pending":
            return GatewayResult(state=ResultState.PENDING, reason_code=self._text, message=self._text)
        return await super().look_up(request)

    async def snapshot(self, payment):
        snapshot = await super().snapshot(payment)
        if payment.order_id == "snapshot-fails":
            raise NotExecuted(f"401: {self._text}", reason_code=self._text)
        if payment.order_id == "snapshot-says":
            return replace(snapshot, reason_code=self._text, message=self._text)
        return snapshot

    async def verify_notification(self, headers, body):
        if body == b"refuse":
            raise NotificationRefused(f"signed with {self._text}", kind=self._text)
        if body == b"fail":
            raise RuntimeError(f"no certificate: {self._text}")
        return Notification(
            message_id=body.decode(),
            kind=NotificationKind.CHANGE,
            subject=f"about {self._text}",
            identifiers=(),
            order_id="snapshot-says",
        )


class QuotingPlatform(InMemoryPlatform):
    def __init__(self, text):
        super().__init__(now)
        self._text = text

    async def read_order(self, order_id):
        if order_id == "no-order":
            raise OrderMissing(f"no such order: {self._text}")
        if order_id == "order-fails":
            raise ValueError(f"HTTP 500 of {self._text}")
        order = await super().read_order(order_id)
        return replace(order, platform_status=self._text, total_text=self._text) if order_id == "order-says" else order

    async def apply_status(self, update):
        match update.order_id:
            case "store-fails":
                raise RuntimeError(f"PUT {self._text}")
            case "store-unavailable":
                raise Unavailable(f"PUT {self._text}")
            case "store-says":
                return StatusApplied(f"Paid {self._text}", written=True, notice=self._text)
        return await super().apply_status(update)


platforms = []


def make_gateway(settings):
    text = quotation(settings)
    if "problem" in settings:
        wrong = SettingsError("token", f"{text} is refused", remedy=f"Not {text}")
        raise SettingsError("problem", f"{text} is wrong", more=(wrong,))
    if "failure" in settings:
        raise ValueError(f"cannot use {text}")
    gateway = QuotingGateway(text)
    for platform in platforms:
        for order_id in SCENARIOS:
            reference = gateway.authorize(order_id, TOTAL_MINOR)
            platform.place(order_id, TOTAL_MINOR, references=(reference,))
    return gateway


def make_platform(settings):
    platforms[:] = [QuotingPlatform(quotation(settings))]  # Opened before the gateway of the same store.
    return platforms[0]


@hookimpl
def payment_actions_gateways():
    return {"quoting_pay": make_gateway}


@hookimpl
def payment_actions_store_platforms():
    return {"quoting_shop": make_platform}


@hookimpl
def payment_actions_review(request):
    if request.action is not Action.CAPTURE:
        return None
    match request.order_id:
        case "refused-by-policy":
            return f"Not with {said[0]}."
        case "limited-by-policy":
            return AtMost(10_00, f"Not with {said[0]}.")
        case "policy-fails":
            raise RuntimeError(said[0])
    return None
