"""A store platform in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.domain.transitions import reachable
from payment_actions_server.plugins.errors import OrderMissing
from payment_actions_server.plugins.fakes.faults import Faults
from payment_actions_server.plugins.platform import (
    OrderPage,
    PlatformKind,
    PlatformOrder,
    StatusApplied,
    StatusUpdate,
)


class Write(NamedTuple):
    """A status that was really written."""

    order_id: str
    status: PaymentStatus
    platform_status: str
    time: datetime


COMPLETED: Final = "Completed"
"""The word to which staff moves a captured order when it is sent and done."""
CANCELLED: Final = "Cancelled"
"""The word to which staff moves an order that is not to be delivered."""
CLOSED: Final = frozenset({PaymentStatus.VOIDED, PaymentStatus.DECLINED, PaymentStatus.EXPIRED, PaymentStatus.REFUNDED})
"""The statuses in which a platform has closed an order without money."""
WORDS: Final[Mapping[PaymentStatus, str]] = {
    PaymentStatus.PENDING: "Awaiting payment",
    PaymentStatus.AUTHORIZED: "Authorized",
    PaymentStatus.PARTIALLY_CAPTURED: "Partially paid",
    PaymentStatus.CAPTURED: "Paid",
    PaymentStatus.PARTIALLY_REFUNDED: "Partially refunded",
    PaymentStatus.REFUNDED: "Refunded",
    PaymentStatus.VOIDED: "Voided",
    PaymentStatus.DECLINED: "Declined",
    PaymentStatus.EXPIRED: "Expired",
}


class InMemoryPlatform:
    """A `StorePlatform` that holds orders, writes only what differs, and never pushes one back.

    :param clock: what time it is.
    """

    def __init__(self, clock: Callable[[], datetime], *, kind: PlatformKind = PlatformKind.RECORDING) -> None:
        self.faults = Faults("read_order", "list_orders", "apply_status")
        self.writes: list[Write] = []  #: All that was really written, oldest first.
        self.calls: list[tuple[str, str]] = []  #: Every call that was made, also one that got lost.
        self.closed = False
        self._clock = clock
        self._kind = kind
        self._orders: dict[str, PlatformOrder] = {}

    def __repr__(self) -> str:
        return f"InMemoryPlatform({len(self._orders)} orders)"

    # What a test does at the platform's side.

    def place(
        self,
        order_id: str,
        total_minor: int = 12_990,
        currency_code: str = "USD",
        *,
        status: PaymentStatus = PaymentStatus.AUTHORIZED,
        method_name: str = "In Memory Pay",
        references: tuple[GatewayReference, ...] = (),
    ) -> PlatformOrder:
        """Place an order, as a buyer would."""
        order = PlatformOrder(
            order_id=order_id,
            order_number=f"#{order_id}",
            method_code=method_name.lower().replace(" ", "_"),
            method_name=method_name,
            currency_code=currency_code,
            total_minor=total_minor,
            status=status,
            platform_status=WORDS[status],
            references=references,
            update_time=self._clock(),
            cancelled=status in CLOSED,
        )
        self._orders[order_id] = order
        return order

    def change(self, order_id: str, **changes: Any) -> PlatformOrder:
        """Change an order's fields, as staff would: ``total_minor=9_990``, ``platform_status=COMPLETED``."""
        self._orders[order_id] = replace(self._orders[order_id], update_time=self._clock(), **changes)
        return self._orders[order_id]

    def cancel(self, order_id: str) -> PlatformOrder:
        """Cancel an order, as staff would."""
        return self.change(order_id, status=PaymentStatus.VOIDED, platform_status=CANCELLED, cancelled=True)

    def remove(self, order_id: str) -> None:
        """Delete an order."""
        del self._orders[order_id]

    def order(self, order_id: str) -> PlatformOrder:
        """Return an order as it is, past the port."""
        return self._orders[order_id]

    # The port.

    @property
    def kind(self) -> PlatformKind:
        """Say who moves the money."""
        return self._kind

    async def read_order(self, order_id: str) -> PlatformOrder:
        """Return the order as it is now."""
        self.calls.append(("read_order", order_id))
        return await self.faults.around_harmless("read_order", lambda: self._existing(order_id))

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        """Return orders by update time, those without one first and always; those of one time by id."""
        self.calls.append(("list_orders", page_token))
        return await self.faults.around_harmless(
            "list_orders", lambda: self._page(changed_after, page_token, page_size)
        )

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        """Hold the status, unless it is held already or lies behind what is held."""
        self.calls.append(("apply_status", update.order_id))
        return await self.faults.around_harmless("apply_status", lambda: self._apply(update))

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True

    # How it comes about.

    def _existing(self, order_id: str) -> PlatformOrder:
        if order_id not in self._orders:
            raise OrderMissing(f"there is no order {order_id}")
        return self._orders[order_id]

    def _page(self, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        last = tuple(json.loads(page_token)) if page_token else ("", "")
        after = _sortable(changed_after) if changed_after else ""
        orders = sorted(self._orders.values(), key=_position)
        listed = [order for order in orders if order.update_time is None or _position(order)[0] >= after]
        rest = [order for order in listed if _position(order) > last]
        more = len(rest) > page_size
        page = rest[:page_size]
        return OrderPage(page, json.dumps(_position(page[-1])) if more else "")

    def _apply(self, update: StatusUpdate) -> StatusApplied:
        order = self._existing(update.order_id)
        ahead = order.status in reachable(update.status)
        opens = order.cancelled and update.status is PaymentStatus.PARTIALLY_CAPTURED  # The rest could be captured.
        if order.status is update.status or ahead or opens:
            return StatusApplied(order.platform_status, written=False)
        word = WORDS[update.status]
        self.change(order.order_id, status=update.status, platform_status=word, cancelled=update.status in CLOSED)
        self.writes.append(Write(order.order_id, update.status, word, self._clock()))
        return StatusApplied(word, written=True)


def _position(order: PlatformOrder) -> tuple[str, str]:
    """Return what orders are listed by; a page token is that of the last order before."""
    return _sortable(order.update_time) if order.update_time else "", order.order_id


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
