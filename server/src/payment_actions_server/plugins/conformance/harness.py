"""What an adapter author gives the kit: the adapter, and hands on the other side of it.

The other side is a simulator, a sandbox or a recorded server: whatever really decides what moved. The kit
never asks the adapter itself how often money moved; it asks ``effects`` and ``writes``.

A harness lives for one test. Its ``..._next`` methods arm one call; a fault that the adapter rides out by
repeating the call under the same reference is as good as one that it reports.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins.gateway import GatewayPayment, PaymentGateway
from payment_actions_server.plugins.platform import StorePlatform

# What the kit orders, by currency: 129.90 has no exact binary form, 12.345 needs all its digits.
WHOLE_AMOUNTS: Final = {"USD": 12_990, "EUR": 12_990, "GBP": 12_990, "JPY": 5_000, "KWD": 12_345}


class MoneyMoved(NamedTuple):
    """One real effect at the gateway. ``amount_minor`` counts minor units; ignored of a void."""

    action: Action
    amount_minor: int


class Delivery(NamedTuple):
    """A notification as it arrives at our HTTP port. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


class GatewayHarness(Protocol):
    """A gateway adapter, and hands on its gateway."""

    @property
    def gateway(self) -> PaymentGateway:
        """Return the adapter under test, made by its factory; the same one for the whole test."""
        ...

    @property
    def currency_codes(self) -> Sequence[str]:
        """Return those of ``WHOLE_AMOUNTS`` that the account takes, the usual one first. At least one."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Return the plain text of each secret in the settings: none may ever show."""
        ...

    async def authorized_payment(self, amount_minor: int, currency_code: str) -> GatewayPayment:
        """Place an order and have all of it authorized, as a checkout would; return how the engine knows it.

        Its ``references`` are those that a checkout stores with the order (of Amazon Pay: the order
        reference).
        """
        ...

    def effects(self, payment: GatewayPayment) -> Sequence[MoneyMoved]:
        """Return every capture, void and refund of ``payment`` that the gateway carried out, oldest first.

        Whoever asked for it. One that is accepted and still pending counts, one that was declined or refused
        does not.
        """
        ...

    async def settle(self) -> None:
        """Let everything that is pending at the gateway finish: well, unless ``decline_next`` meant it."""
        ...

    async def pend_next(self, action: Action) -> None:
        """Have the gateway answer the next such call with "pending" until ``settle``.

        Do nothing where it never answers so, or always does.
        """
        ...

    async def decline_next(self, action: Action) -> bool:
        """Have the gateway decline the next such call, at once or when it settles.

        :return: False, and nothing is armed, where it never declines one.
        """
        ...

    async def lose_next_answer(self, action: Action) -> None:
        """Have the gateway carry out the next such call, and its answer never arrive."""
        ...

    async def lose_next_request(self, action: Action) -> None:
        """Have the next such call never arrive: a connection is made, then nothing comes back."""
        ...

    async def throttle_next(self, action: Action) -> None:
        """Have the gateway refuse the next such call because the quota is used up."""
        ...

    async def go_down(self) -> None:
        """Make the gateway unreachable until ``come_back``."""
        ...

    async def come_back(self) -> None:
        """Make the gateway reachable again."""
        ...

    async def console(self, action: Action, payment: GatewayPayment) -> None:
        """Capture, void or refund the whole amount past the adapter, as the gateway's console would.

        It is final when this returns.
        """
        ...

    async def notification_about(self, payment: GatewayPayment) -> Delivery:
        """Return a genuine notification about the last change of ``payment``, as the gateway sends it."""
        ...

    async def forged_notifications(self, payment: GatewayPayment) -> Mapping[str, Delivery]:
        """Return notifications about ``payment`` that must be refused, by what is wrong with each.

        At least ``unsigned`` (no proof of origin), ``altered`` (genuine, its content changed afterwards)
        and ``foreign`` (genuine, of another account). Add what else can be wrong with one of
        your gateway's.
        """
        ...


class PlatformHarness(Protocol):
    """A store platform adapter, and hands on its platform."""

    @property
    def platform(self) -> StorePlatform:
        """Return the adapter under test, made by its factory; the same one for the whole test."""
        ...

    @property
    def currency_codes(self) -> Sequence[str]:
        """Return those of ``WHOLE_AMOUNTS`` that orders can have, the usual one first. At least one."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Return the plain text of each secret in the settings: none may ever show."""
        ...

    async def order(self, status: PaymentStatus, total_minor: int, currency_code: str) -> str:
        """Place a new order, paid through the gateway, in the word for ``status``; return its id.

        Called with PENDING and AUTHORIZED. Orders placed later have a later update time, or the same.
        """
        ...

    async def platform_status(self, order_id: str) -> str:
        """Return the platform's own word for the order's payment status, past the adapter.

        The very word that the adapter gives as ``platform_status``.
        """
        ...

    def writes(self, order_id: str) -> int:
        """Return how many writes to the order the platform has carried out, the placing of it not counted."""
        ...

    async def move_on(self, order_id: str) -> None:
        """Move a captured order as far on as staff can without touching the money (of X-Cart: to Completed).

        Do nothing where the platform has no such word. What this writes may count in ``writes`` or not.
        """
        ...

    async def lose_next_answer(self) -> None:
        """Have the platform carry out the next write, and its answer never arrive."""
        ...

    async def go_down(self) -> None:
        """Make the platform unreachable until ``come_back``."""
        ...

    async def come_back(self) -> None:
        """Make the platform reachable again."""
        ...
