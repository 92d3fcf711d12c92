"""What callers see of a payment: the record, what is under way, and what may be done."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic, NamedTuple, TypeVar

from payment_actions_server.domain.decision import Decision
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import CaptureMode, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate
from payment_actions_server.storage import Expiring, Waiting

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentView:
    """One consistent reading of a payment."""

    payment: Payment
    operation: Operation | None  #: The one in flight.
    decision: Decision
    capture_mode: CaptureMode | None  #: None while the store is out of service.
    store_update: StoreUpdate


class ActionResult(NamedTuple):
    """The answer to an action: its operation and the payment, both as they are now."""

    operation: Operation
    view: PaymentView


class Page(NamedTuple, Generic[T]):
    """Some of many. ``next_page_token`` is empty on the last page."""

    items: list[T]
    next_page_token: str


PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentQuery:
    """Which payments to list. Filters that are set must all hold."""

    store: str | None = None  #: None: all stores.
    statuses: frozenset[PaymentStatus] = frozenset()  #: Empty: any.
    payment_method: str = ""  #: The platform's code or name; empty: any.
    needing_attention: bool = False
    authorization_expire_before: datetime | None = None
    page_size: int = PAGE_SIZE_DEFAULT
    page_token: str = ""
    order_search: str = ""  #: The beginning of an order's id or number, or of a reference of it; empty: any.
    store_update_failing: bool = False
    refresh_due_before: datetime | None = None


class StoreState(NamedTuple):
    """A configured store, and whether it serves."""

    store: str
    capture_mode: CaptureMode | None  #: None while it is out of service.
    out_of_service: str  #: Why; empty while it serves.


class DailyTotal(NamedTuple):
    """What moved on one day in one currency, in its minor units."""

    day: date
    currency_code: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a front end's first page shows."""

    stores: list[StoreState]
    daily_totals: list[DailyTotal]
    expiring: list[Expiring]
    status_counts: dict[PaymentStatus, int]
    waiting: Waiting
    last_sequence: int
    totals_sequence: int  #: How far the totals and the status counts reach.
