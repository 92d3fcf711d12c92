"""A shop and a gateway that answer at once, know every order, and remember nothing.

What became of a payment stands in the gateway's own ids, which the service keeps and shows with every call: so the
snapshot agrees with the captures and refunds, and no memory grows.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from payment_actions_server.plugins import (
    ActionCapability,
    GatewayCapabilities,
    GatewayReference,
    GatewayResult,
    Notification,
    NotificationKind,
    OrderPage,
    PaymentStatus,
    PlatformKind,
    PlatformOrder,
    ResultState,
    Snapshot,
    StatusApplied,
    hookimpl,
)

METHOD: Final = "Bench"
CURRENCY: Final = "EUR"
TOTAL: Final = 12_990
EXPIRE_TIME: Final = datetime(2099, 1, 1, tzinfo=UTC)


class BenchPlatform:
    """Knows every order id."""

    kind = PlatformKind.RECORDING

    async def read_order(self, order_id):
        return PlatformOrder(
            order_id=order_id,
            order_number=f"N{order_id}",
            method_code="bench",
            method_name=METHOD,
            currency_code=CURRENCY,
            total_minor=TOTAL,
            status=PaymentStatus.AUTHORIZED,
            platform_status="AUTHORIZED",
            references=(GatewayReference("order_reference", f"P-{order_id}"),),
        )

    async def list_orders(self, *, changed_after, page_token, page_size):
        return OrderPage((), "")

    async def apply_status(self, update):
        return StatusApplied(update.status.value, written=True)

    async def aclose(self):
        pass


class BenchGateway:
    """Authorizes every order, does all it is asked, always the whole amount."""

    def __init__(self):
        promise = ActionCapability(timedelta(days=7), lookup=True)
        self.capabilities = GatewayCapabilities(
            capture=promise,
            void=promise,
            refund=promise,
            account="bench",
            credentials_fingerprint="bench",
        )

    async def capture(self, request):
        return _done("C", request)

    async def void(self, request):
        return _done("V", request)

    async def refund(self, request):
        return _done("R", request)

    async def look_up(self, request):
        return None

    async def snapshot(self, payment):
        captured = TOTAL if payment.reference("capture") else 0
        refunded = TOTAL if payment.reference("refund") else 0
        return Snapshot(
            status=_status(captured, refunded, payment.reference("void")),
            currency_code=CURRENCY,
            authorized_minor=TOTAL,
            captured_minor=captured,
            refunded_minor=refunded,
            references=(GatewayReference("authorization", f"A-{payment.order_id}"),),
            authorization_expire_time=EXPIRE_TIME,
        )

    async def verify_notification(self, headers, body):
        message_id, order_id = body.decode().split()
        return Notification(
            message_id=message_id,
            kind=NotificationKind.CHANGE,
            subject=f"A-{order_id}",
            identifiers=(f"A-{order_id}",),
        )

    async def aclose(self):
        pass


def _done(letter, request):
    return GatewayResult(state=ResultState.SUCCEEDED, gateway_id=f"{letter}-{request.payment.order_id}")


def _status(captured, refunded, void):
    if refunded:
        return PaymentStatus.REFUNDED
    if captured:
        return PaymentStatus.CAPTURED
    return PaymentStatus.VOIDED if void else PaymentStatus.AUTHORIZED


@hookimpl
def payment_actions_store_platforms():
    return {"bench": lambda settings: BenchPlatform()}


@hookimpl
def payment_actions_gateways():
    return {"bench": lambda settings: BenchGateway()}
