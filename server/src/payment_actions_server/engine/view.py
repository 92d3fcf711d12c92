"""What callers see of a payment: the record, what is under way, and what may be done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

from payment_actions_server.domain.decision import Decision
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import CaptureMode, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate

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
