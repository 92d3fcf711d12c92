"""The harnesses of the fakes that we ship: the shortest complete example of how to write one."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins.conformance.harness import WHOLE_AMOUNTS, Delivery, MoneyMoved
from payment_actions_server.plugins.fakes import (
    COMPLETED,
    LOSE_ANSWER,
    LOSE_REQUEST,
    InMemoryGateway,
    InMemoryPlatform,
    throttled,
)
from payment_actions_server.plugins.fakes.gateway import TOKEN
from payment_actions_server.plugins.gateway import GatewayCapabilities, GatewayPayment


class TickingClock:
    """A clock that moves on a little whenever it is read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time, a quarter of a second after the last."""
        self.now += timedelta(milliseconds=250)
        return self.now


class InMemoryGatewayHarness:
    """The kit's hands on an `InMemoryGateway`, or on one derived from it."""

    currency_codes = tuple(WHOLE_AMOUNTS)
    secrets = (TOKEN,)

    def __init__(
        self,
        capabilities: GatewayCapabilities | None = None,
        kind: Callable[..., InMemoryGateway] = InMemoryGateway,
    ) -> None:
        self.gateway = kind(TickingClock(), capabilities=capabilities)
        self._orders = 0

    async def authorized_payment(self, amount_minor: int, currency_code: str) -> GatewayPayment:
        """Have the gateway authorize a new order."""
        self._orders += 1
        order_id = str(self._orders)
        reference = self.gateway.authorize(order_id, amount_minor, currency_code)
        return GatewayPayment(
            store="store",
            order_id=order_id,
            order_number=f"#{order_id}",
            currency_code=currency_code,
            order_total_minor=amount_minor,
            references=(reference,),
        )

    def effects(self, payment: GatewayPayment) -> list[MoneyMoved]:
        """Return the gateway's own list."""
        done = self.gateway.effects_of(payment.order_id)
        return [MoneyMoved(effect.action, effect.amount_minor) for effect in done]

    async def settle(self) -> None:
        """Finish what is pending."""
        for reference in self.gateway.pending_references():
            self.gateway.finish(reference)

    async def pend_next(self, action: Action) -> None:
        """Accept the next call only."""
        self.gateway.pend_next(action)

    async def decline_next(self, action: Action) -> bool:
        """Decline it; this gateway can decline everything."""
        self.gateway.decline_next(action)
        return True

    async def lose_next_answer(self, action: Action) -> None:
        """Carry it out and lose the answer."""
        self.gateway.faults.inject(action.lower(), LOSE_ANSWER)

    async def lose_next_request(self, action: Action) -> None:
        """Lose the call."""
        self.gateway.faults.inject(action.lower(), LOSE_REQUEST)

    async def throttle_next(self, action: Action) -> None:
        """Refuse it for quota."""
        self.gateway.faults.inject(action.lower(), throttled())

    async def go_down(self) -> None:
        """Be unreachable."""
        self.gateway.faults.down = True

    async def come_back(self) -> None:
        """Be reachable again."""
        self.gateway.faults.down = False

    async def console(self, action: Action, payment: GatewayPayment) -> None:
        """Act without the adapter."""
        self.gateway.console(action, payment.order_id)

    async def notification_about(self, payment: GatewayPayment) -> Delivery:
        """Return one that is signed with the token."""
        return Delivery(*self.gateway.make_notification(payment.order_id))

    async def forged_notifications(self, payment: GatewayPayment) -> Mapping[str, Delivery]:
        """Return the three that every protocol has."""
        headers, body = self.gateway.make_notification(payment.order_id)
        return {
            "unsigned": Delivery({}, body),
            "altered": Delivery(headers, body.replace(b"CHANGE", b"OTHER ")),
            "foreign": Delivery(*self.gateway.make_notification(payment.order_id, account="another")),
        }


class InMemoryPlatformHarness:
    """The kit's hands on an `InMemoryPlatform`, or on one derived from it."""

    currency_codes = tuple(WHOLE_AMOUNTS)
    secrets: tuple[str, ...] = ()

    def __init__(self, kind: Callable[..., InMemoryPlatform] = InMemoryPlatform) -> None:
        self.platform = kind(TickingClock())
        self._orders = 0

    async def order(self, status: PaymentStatus, total_minor: int, currency_code: str) -> str:
        """Place an order."""
        self._orders += 1
        return self.platform.place(str(self._orders), total_minor, currency_code, status=status).order_id

    async def platform_status(self, order_id: str) -> str:
        """Return the platform's word."""
        return self.platform.order(order_id).platform_status

    def writes(self, order_id: str) -> int:
        """Count what was really written."""
        return len([write for write in self.platform.writes if write.order_id == order_id])

    async def move_on(self, order_id: str) -> None:
        """Have staff complete it."""
        self.platform.change(order_id, platform_status=COMPLETED)

    async def lose_next_answer(self) -> None:
        """Write it and lose the answer."""
        self.platform.faults.inject("apply_status", LOSE_ANSWER)

    async def go_down(self) -> None:
        """Be unreachable."""
        self.platform.faults.down = True

    async def come_back(self) -> None:
        """Be reachable again."""
        self.platform.faults.down = False
