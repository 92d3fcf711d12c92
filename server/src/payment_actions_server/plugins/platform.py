"""What a store platform adapter is: how orders are read, and how a payment's status is written back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.plugins.errors import SettingsError


class PlatformKind(StrEnum):
    """Who moves the money when the platform is told of an outcome."""

    RECORDING = "recording"  #: The platform only writes down what already happened.
    EXECUTING = "executing"  #: The platform calls the gateway itself; its adapter brings the gateway side too.


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformOrder:
    """An order as the platform tells it. ``total_minor`` counts minor units, converted through decimal text."""

    order_id: str
    """The platform's own id, in its one spelling. Callers name the order by it; a read by another is not followed."""
    order_number: str  #: The public number, as staff and customers know it.
    method_code: str  #: The platform's key of the payment method.
    method_name: str  #: Its display name. The store's ``payment_methods`` are matched against both.
    currency_code: str
    total_minor: int | None
    """None where the platform's total is no amount: finer than the minor unit, or in a currency that ISO 4217 lacks."""
    status: PaymentStatus  #: The platform's word, mapped.
    platform_status: str  #: The platform's own word.
    references: tuple[GatewayReference, ...] = ()  #: The gateway's ids that the checkout stored with the order.
    update_time: datetime | None = None  #: Its last change, by the platform's clock. None: the platform does not tell.
    total_text: str = ""  #: The total in the platform's own digits, for staff. Needed only where `total_minor` is None.
    cancelled: bool = False
    """Whether the platform closed the order, so that no money is to be collected: cancelled, declined, refunded."""
    refunded_minor: int = 0
    """What the platform itself shows as returned or on its way back. The gateway is asked before it is believed."""


class OrderPage(NamedTuple):
    """Some of a store's orders, oldest change first."""

    orders: Sequence[PlatformOrder]
    next_page_token: str  #: Empty when this is the last page.


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """What a platform shall hold of a payment. Amounts count minor units of ``currency_code``."""

    order_id: str
    status: PaymentStatus
    currency_code: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    references: tuple[GatewayReference, ...] = ()
    reason_code: str = ""
    change_time: datetime | None = None  #: When the payment last changed, for platforms that date what they record.


class StatusApplied(NamedTuple):
    """What the platform holds now."""

    platform_status: str  #: The platform's own word.
    written: bool  #: False when it held that, or something further on, already.
    notice: str = ""
    """What staff must know of the order's page in the platform now, in a sentence. Empty when there is nothing.

    For example: "X-Cart's own Refund button still returns the full amount; do not use it."
    """


class StorePlatform(Protocol):
    """One store's platform. All calls come from one event loop; several may run at once, on different orders."""

    @property
    def kind(self) -> PlatformKind:
        """Say who moves the money."""
        ...

    async def read_order(self, order_id: str) -> PlatformOrder:
        """Return the order as it is now.

        :raises OrderMissing: there is none of that id. The message says why, for staff: "it is a cart, never placed".
        :raises Unavailable: the platform could not be asked.
        """
        ...

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        """Return orders changed at or after a time, oldest change first; None: all.

        Called again and again from a few minutes before the last change that was listed. Orders without
        ``update_time`` come first; with a time given they may be left out, and are then seen when somebody asks.

        :param page_token: from the page before, of a list with the same ``changed_after``; empty for the first. It
            means a place, not a state of the list: minutes may lie between two pages, and an order that changes
            meanwhile is listed by its new time. A token that fails in two rounds is given up: the list begins anew.
        :param page_size: an upper bound; fewer is fine.
        :raises Unavailable: the platform could not be asked.
        """
        ...

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        """Make the platform hold the status; write only what differs, never push an order back.

        A status under which more can be collected (AUTHORIZED, PARTIALLY_CAPTURED) replaces none that makes the order
        ``cancelled``: a cancellation that is not known here yet would be undone, and the order captured.

        Called at least once for each status, perhaps twice, after the fact is durable here. Never moves money.

        :raises OrderMissing: the order is gone; an operator is told, it is tried again at long intervals.
        :raises Unavailable: not written, or not known to be; it is tried again.
        """
        ...

    async def aclose(self) -> None:
        """Give up connections; called once, at the end."""
        ...


class ChecksOnline(Protocol):
    """An adapter, of a platform or a gateway, that can also check its settings against the other side.

    Optional: an adapter without the method passes. ``payment-actions check --online`` calls it, and nothing else does.
    """

    async def check_online(self) -> Sequence[SettingsError]:
        """Return what is wrong with the settings as the other side is now; empty when all is well. Writes nothing.

        :raises Unavailable: the other side could not be asked.
        """
        ...


PlatformFactory = Callable[[Mapping[str, Any]], StorePlatform]
"""settings -> adapter. Does no I/O; raises `SettingsError`."""
