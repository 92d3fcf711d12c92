"""What must be so of orders and shop once both are quiet: by itself where a list tells it, else after a refresh."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from payment_actions_server.domain.status import OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState

if TYPE_CHECKING:
    from simulation.auditor import Row
    from simulation.clients import Clients
    from simulation.world import World

SHOWS_ORDER: Final = "in the end the payment shows its order"
STORE_HOLDS: Final = "in the end the store holds the status"
UNDER_ATTENTION: Final = "what an operator must end is under attention"
BOUNDED_LOOKS: Final = "looks for a refund that only the shop shows are bounded"

LIST_SECONDS_MAX: Final = 600
"""How long it may take until a list has told what changed."""
SILENCE_SECONDS: Final = 400.0
"""Longer than the schedule waits between two looks."""
LAST_LOOKS_SECONDS: Final = 180.0
"""How long the looks may take that a last write to the shop gives rise to."""


class EndOfShop:
    """The last look at orders, statuses and refunds.

    :param clients: ask the engines.
    :param wait: lets time pass.
    :param rest: waits until all that was begun has ended.
    """

    def __init__(
        self,
        world: "World",
        clients: "Clients",
        wait: Callable[[float], Awaitable[None]],
        rest: Callable[[], Awaitable[None]],
    ) -> None:
        self._world, self._story = world, world.story
        self._clients, self._wait, self._rest = clients, wait, rest

    async def check(self) -> None:
        """Wait for what is known by itself, then refresh the rest, and look at what is shown."""
        for _ in range(LIST_SECONDS_MAX // 20):
            if not self._find_untold():
                break
            await self._wait(20.0)
        for invariant, why in self._find_untold():
            self._story.violate(invariant, why)
        await self._check_attention()
        await self._refresh()
        await self._refresh()  # The first may have found what is a dispute only now.
        for invariant, why in self._find_differences():
            self._story.violate(invariant, f"{why}, although staff refreshed it")
        await self._check_looks()

    # -- Orders and statuses ----------------------------------------------------------------------------------------

    def _find_untold(self) -> list[tuple[str, str]]:
        """Return what a list tells and is not shown; a status that is shown as disputed waits for an operator."""
        if not self._world.setting.policy.discovery_seconds:
            return []
        return [
            (invariant, why)
            for payment in self._payments()
            if self._world.platform.present(payment.order_id) is not None
            for invariant, why in self._differences_of(payment)
            if invariant != STORE_HOLDS or payment.store_update_state is not StoreUpdateState.DISPUTED
        ]

    def _find_differences(self) -> list[tuple[str, str]]:
        return [each for payment in self._payments() for each in self._differences_of(payment)]

    def _differences_of(self, payment: "Row") -> list[tuple[str, str]]:
        orders = self._world.auditor.orders
        found = [(SHOWS_ORDER, orders.find_difference(payment)), (STORE_HOLDS, orders.find_other_status(payment))]
        return [(invariant, why) for invariant, why in found if why]

    async def _check_attention(self) -> None:
        """Payments that an operator must do something about are listed so."""
        waiting = [
            payment.order_id
            for payment in self._payments()
            if payment.store_update_state is StoreUpdateState.DISPUTED
            or payment.order_state is OrderState.TOTAL_INVALID
        ]
        if not waiting:
            return
        self._story.count("under attention at the end", len(waiting))
        listed = await self._clients.list_attention()
        self._story.check(listed.issuperset(waiting), UNDER_ATTENTION, f"{waiting} wait, listed are {sorted(listed)}")

    async def _refresh(self) -> None:
        """Have staff refresh what no list tells, and what is disputed."""
        for payment in self._payments():
            disputed = payment.store_update_state is StoreUpdateState.DISPUTED
            if not disputed and not self._differences_of(payment):
                continue
            self._story.tell("client", f"{payment.order_id} is refreshed: no list tells what became of it")
            await self._clients.refresh_order(payment.order_id)
        await self._rest()

    # -- Refunds ----------------------------------------------------------------------------------------------------

    async def _check_looks(self) -> None:
        """A refund that the gateway does not know is not asked about for ever."""
        settled = [
            payment.order_id
            for payment in self._payments()
            if payment.order_id in self._world.shop.shown_refunds and _is_settled(payment)
        ]
        if not settled:
            return
        await self._wait(LAST_LOOKS_SECONDS)
        before = self._looks()
        await self._wait(SILENCE_SECONDS)
        looks = self._looks() - before
        for order_id in settled:
            self._story.check(not looks[order_id], BOUNDED_LOOKS, f"{order_id} is still looked at: {looks[order_id]}")

    def _looks(self) -> Counter[str]:
        return Counter(order_id for call, order_id in self._world.gateway.calls if call == "snapshot")

    def _payments(self) -> "list[Row]":
        return list(self._world.auditor.payments.values())


def _is_settled(payment: "Row") -> bool:
    """Tell whether nothing of a payment is open, so that only the shop's refund is a reason to look."""
    returned = payment.refunded_minor >= payment.captured_minor
    partly = payment.status is PaymentStatus.PARTIALLY_REFUNDED and not returned
    return payment.ours and (partly or payment.status in (PaymentStatus.CAPTURED, PaymentStatus.REFUNDED))
