"""The shop's memory: orders, their transactions and history, and a log of every status write."""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from . import vocabulary as words


class InvalidArgument(Exception):
    """The request names an order, a code or a value that X-Cart does not have."""


class OrderMissing(InvalidArgument):
    """No order has this id or number."""


@dataclass
class BackendTransaction:
    """One call to the gateway that X-Cart itself recorded, e.g. a partial refund from its admin."""

    id: int
    type: str
    value: Decimal
    status: str
    date: int


@dataclass
class StatusWrite:
    """One write of a status, also when it changed nothing: what a test asks "what was written?"."""

    order_id: int
    order_number: str
    field: str  # payment_status or shipping_status
    before: str
    after: str
    changed: bool
    who: str  # the token or key used, or the checkout module
    via: str  # rest, rest_legacy or checkout
    date: int

    def as_json(self) -> dict[str, Any]:
        """Return the write as the control interface tells it."""
        return asdict(self)


@dataclass
class Order:
    """One order with one payment transaction, as X-Cart's checkout leaves it."""

    id: int
    number: str
    total: Decimal
    currency: str
    method_code: str
    method_name: str
    payment_status: str
    shipping_status: str
    email: str
    storage: str
    transaction_id: int
    date: int
    renewed: int
    amazon: dict[str, str] = field(default_factory=dict)
    backend: list[BackendTransaction] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    transaction_status_is_method_name: bool = False  # a bug of 5.5, see rest.py
    other_details: dict[str, str] = field(default_factory=dict)

    def details(self) -> list[tuple[str, str]]:
        """Return the order details: other modules' first, then the Amazon ids, where the first module keeps them."""
        others = list(self.other_details.items())
        if self.storage == "transaction_data":
            return others
        names = words.DETAIL_NAMES
        return others + [(names[fact], value) for fact, value in self.amazon.items() if fact in names]

    def cells(self) -> list[tuple[str, str]]:
        """Return the transaction's data cells: the Amazon ids, where the later module keeps them."""
        if self.storage == "order_details":
            return []
        return list({words.CELL_NAMES[fact]: value for fact, value in self.amazon.items()}.items())


class Shop:
    """Every order of the simulated shop. One event loop uses it, so nothing here locks."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget every order and every log line; ids start at 1 again."""
        self.orders: dict[int, Order] = {}
        self.writes: list[StatusWrite] = []
        self.requests: deque[dict[str, Any]] = deque(maxlen=1000)
        self._last_id = 0

    def next_id(self) -> int:
        """Return a number that no order, transaction or history line has yet."""
        self._last_id += 1
        return self._last_id

    def create(self, fields: Mapping[str, Any]) -> Order:
        """Place an order with ``fields`` (checked by the control interface) and return it."""
        order_id = len(self.orders) + 1
        number = fields.get("number") or f"{order_id:05d}"
        if any(order.number == number for order in self.orders.values()):
            raise InvalidArgument(f"Order number {number} is taken")
        rest = {name: value for name, value in fields.items() if name != "number"}
        order = Order(id=order_id, number=number, transaction_id=self.next_id(), **rest)
        self.orders[order_id] = order
        return order

    def order(self, order_id: int) -> Order:
        """Return the order with this id."""
        if order_id not in self.orders:
            raise OrderMissing(f"Order with ID {order_id} not found")
        return self.orders[order_id]

    def by_number(self, number: str) -> Order:
        """Return the order with this public number."""
        for order in self.orders.values():
            if order.number == number:
                return order
        raise OrderMissing(f"Order with number {number} not found")

    def write_status(self, order: Order, field_name: str, code: str, *, who: str, via: str) -> None:
        """Set a status and nothing else: no transaction row, no gateway call.

        A change adds a line to the order's history; the write itself is logged in any case.
        """
        known = words.PAYMENT_STATUSES if field_name == "payment_status" else words.SHIPPING_STATUSES
        if code not in known:
            raise InvalidArgument(f"Status code '{code}' is invalid")
        before: str = getattr(order, field_name)
        now = int(time.time())
        write = StatusWrite(
            order_id=order.id, order_number=order.number, field=field_name,
            before=before, after=code, changed=before != code, who=who, via=via, date=now,
        )  # fmt: skip
        self.writes.append(write)
        if write.changed:
            setattr(order, field_name, code)
            order.renewed = now
            order.history.append(self._history_line(write))

    def backend_transactions(self, rows: Iterable[Mapping[str, Any]]) -> list[BackendTransaction]:
        """Return gateway calls that X-Cart's own admin made just now, e.g. a partial refund."""
        now = int(time.time())
        return [BackendTransaction(id=self.next_id(), date=now, **row) for row in rows]

    def _history_line(self, write: StatusWrite) -> dict[str, Any]:
        noun = write.field.replace("_", " ")
        return {
            "id": self.next_id(),
            "date": write.date,
            "code": words.HISTORY_CODES[write.field],
            "description": f"Order {noun} changed from {write.before} to {write.after}",
            "data": {"orderId": write.order_id, "oldStatus": write.before, "newStatus": write.after},
            "comment": words.HISTORY_CODES[write.field],
            "profile_id": None,
            "profile_name": write.who,
            "ip": "127.0.0.1",
            "details": [],
        }
