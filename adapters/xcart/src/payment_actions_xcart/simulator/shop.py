"""The shop's memory: orders, statuses and history, and a log of every write."""

import copy
import random
import string
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Final

from . import vocabulary as words
from .errors import InvalidArgument, OrderMissing
from .settings import ShopSettings
from .statuses import StatusRow, StatusTable, choose
from .transactions import BackendTransaction, Cell, Transaction, find_facts, name_cells, name_details

PAYMENT: Final = "payment_status"
SHIPPING: Final = "shipping_status"
BACKUPS_MAX: Final = 10
MAILS_MAX: Final = 1000
NOTIFICATIONS_MAX: Final = 1000


@dataclass
class StatusWrite:
    """One write of a status, also when it changed nothing: what a test asks "what was written?"."""

    order_id: int
    order_number: str | None
    field: str  # payment_status or shipping_status
    before: str | None
    after: str | None
    changed: bool
    who: str  # the token or key used, or the checkout module
    via: str  # rest, rest_legacy, checkout, admin page or ipn
    date: int
    status_id: int | None = None
    renamed: bool = False  # The code of the row itself was changed, for every order that points to it.

    def as_json(self) -> dict[str, Any]:
        """Return the write as the control interface tells it."""
        return asdict(self)


@dataclass(frozen=True)
class Received:
    """One notification that Amazon sent to the shop itself."""

    type: str
    reference: str
    state: str
    order_id: int | None  # None: the reference is no order's own, so nothing was done.
    date: int

    def as_json(self) -> dict[str, Any]:
        """Return the notification as the control interface tells it."""
        return asdict(self)


@dataclass
class Order:
    """One order with one payment transaction, as X-Cart's checkout leaves it; without a number it is a cart."""

    id: int
    number: str | None
    total: Decimal
    currency: str
    method_code: str
    method_name: str
    payment_status: StatusRow | None
    shipping_status: StatusRow | None
    email: str
    storage: str
    amazon_module: str  # Which of X-Cart's Amazon modules looks after the order: first or later.
    transaction: Transaction
    date: int
    renewed: int
    amazon: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    transaction_status_is_method_name: bool = False  # a bug of 5.5, see rest.py
    other_details: dict[str, str] = field(default_factory=dict)

    @property
    def is_cart(self) -> bool:
        """Tell whether the checkout has not placed the order (yet)."""
        return self.number is None

    def details(self) -> list[tuple[str, str]]:
        """Return the order details: other modules' first, then the Amazon ids, where the first module keeps them."""
        others = list(self.other_details.items())
        return others if self.storage == "transaction_data" else others + name_details(self.amazon)

    def status(self, field_name: str) -> StatusRow | None:
        """Return the row of one of the two statuses."""
        row: StatusRow | None = getattr(self, field_name)
        return row

    def touch(self) -> None:
        """Move the time of the last change."""
        self.renewed = int(time.time())


@dataclass
class State:
    """The content of the shop's database, and of a backup."""

    orders: dict[int, Order]
    statuses: dict[str, StatusTable]
    last_id: int = 0
    last_order_id: int = 0


class Shop:
    """Every order of the simulated shop. One event loop uses it, so nothing here locks."""

    def __init__(self, settings: ShopSettings | None = None) -> None:
        self._first_settings = settings or ShopSettings()
        self.reset()

    def reset(self) -> None:
        """Forget every order, log line, mail and backup; ids start at 1 again and settings are as at the start."""
        self.settings = copy.copy(self._first_settings)
        tables = {PAYMENT: StatusTable(words.PAYMENT_STATUSES), SHIPPING: StatusTable(words.SHIPPING_STATUSES)}
        self.state = State({}, tables)
        self.backups: dict[int, State] = {}
        self.writes: list[StatusWrite] = []
        self.transaction_writes: list[dict[str, Any]] = []
        self.mails: deque[dict[str, Any]] = deque(maxlen=MAILS_MAX)
        self.notifications: deque[Received] = deque(maxlen=NOTIFICATIONS_MAX)
        self.requests: deque[dict[str, Any]] = deque(maxlen=1000)

    @property
    def orders(self) -> dict[int, Order]:
        """Return every order and cart by id."""
        return self.state.orders

    @property
    def statuses(self) -> dict[str, StatusTable]:
        """Return the payment statuses and the shipping statuses."""
        return self.state.statuses

    def next_id(self) -> int:
        """Return a number that no transaction, cell or history line has yet."""
        self.state.last_id += 1
        return self.state.last_id

    # -- Orders ----------------------------------------------------------------------------------------------

    def create(self, fields: Mapping[str, Any], transaction: Mapping[str, Any]) -> Order:
        """Place an order with ``fields`` (checked by the control interface) and return it."""
        order_id = self.state.last_order_id + 1
        number = fields.get("number", f"{order_id:05d}")
        self.require_free_number(number)
        self.state.last_order_id = order_id
        paid = Transaction(id=self.next_id(), public_id=_public_id(order_id), **transaction)
        rest = {name: value for name, value in fields.items() if name not in ("number", "amazon")}
        order = Order(id=order_id, number=number, transaction=paid, **rest)
        self.orders[order_id] = order
        self.store_amazon(order, fields["amazon"])
        return order

    def require_free_number(self, number: str | None) -> None:
        """Refuse a number that an order has.

        :raises InvalidArgument: the number is taken.
        """
        if number is not None and any(order.number == number for order in self.orders.values()):
            raise InvalidArgument(f"Order number {number} is taken")

    def clone(self, order: Order) -> Order:
        """Copy an order as X-Cart's admin does: new ids and a new number, the same Amazon ids and public id."""
        same_rows = (order.payment_status, order.shipping_status)
        copied = copy.deepcopy(order, {id(row): row for row in same_rows})
        self.state.last_order_id += 1
        copied.id = self.state.last_order_id
        copied.number = None if order.is_cart else f"{copied.id:05d}"
        self.require_free_number(copied.number)
        copied.transaction.id = self.next_id()
        for cell in copied.transaction.cells:
            cell.id = self.next_id()
        for row in copied.transaction.backend:
            row.id = self.next_id()
        copied.history = []
        copied.date = copied.renewed = int(time.time())
        self.orders[copied.id] = copied
        return copied

    def order(self, order_id: int) -> Order:
        """Return the order or cart with this id."""
        if order_id not in self.orders:
            raise OrderMissing(f"Order with ID {order_id} not found")
        return self.orders[order_id]

    def list_placed(self) -> list[Order]:
        """Return every order that is no cart."""
        return [order for order in self.orders.values() if not order.is_cart]

    def by_number(self, number: str) -> Order:
        """Return the order with this public number."""
        for order in self.orders.values():
            if order.number == number:
                return order
        raise OrderMissing(f"Order with number {number} not found")

    # -- Statuses --------------------------------------------------------------------------------------------

    def write_status(self, order: Order, field_name: str, code: str, *, who: str, via: str) -> None:
        """Set a status by a code that the shop has, and nothing else: no transaction row, no gateway call.

        :raises InvalidArgument: no row has this code.
        """
        row = self.statuses[field_name].by_code(code)
        if row is None:
            raise InvalidArgument(f"Status code '{code}' is invalid")
        self.link_status(order, field_name, row, who=who, via=via)

    def link_status(self, order: Order, field_name: str, row: StatusRow | None, *, who: str, via: str) -> None:
        """Point an order to a status row. A change adds a line to the history; the write is logged in any case."""
        before = order.status(field_name)
        write = self._log(order, field_name, _code(before), row, who=who, via=via)
        write.changed = before is not row
        if write.changed:
            setattr(order, field_name, row)
            order.touch()
            order.history.append(self._history_line(write))
            self.mail(order, f"{field_name.replace('_', ' ').capitalize()}: {_name(row)}")

    def load_status(self, order: Order, field_name: str, record: Mapping[str, Any], *, who: str) -> None:
        """Write a status as the older API's loader does, which renames a row where the code is unknown.

        A rename leaves the time of the last change alone: no order was changed.

        :raises InvalidArgument: the code cannot be written; nothing was changed.
        """
        table = self.statuses[field_name]
        row, code = choose(table, record, order.status(field_name))
        if row is not order.status(field_name) or code in (None, row.code):
            self.link_status(order, field_name, row, who=who, via="rest_legacy")
        if code is not None and code != row.code:
            before = row.code
            table.rename(row, code)
            write = self._log(order, field_name, before, row, who=who, via="rest_legacy")
            write.changed = write.renamed = True

    def remove_status(self, field_name: str, number: int) -> StatusRow:
        """Remove a status row; its orders have no status from then on.

        :raises InvalidArgument: there is no such row.
        """
        row = self.statuses[field_name].remove(number)
        for order in self.orders.values():
            if order.status(field_name) is row:
                setattr(order, field_name, None)
        return row

    # -- Transactions ----------------------------------------------------------------------------------------

    def store_amazon(self, order: Order, amazon: Mapping[str, str]) -> None:
        """Store Amazon ids as the checkout module does, where the order keeps them."""
        order.amazon.update(amazon)
        if order.storage != "order_details":
            for name, value in name_cells(order.amazon).items():
                self.set_cell(order, name, value)

    def set_cell(self, order: Order, name: str, value: str) -> None:
        """Change the first cell with this name, or add one."""
        cell = next((cell for cell in order.transaction.cells if cell.name == name), None)
        if cell is None:
            order.transaction.cells.append(Cell(self.next_id(), name, value))
        else:
            cell.value = value
        self.note_cells(order)

    def note_cells(self, order: Order) -> None:
        """Copy the data cells into the control interface's names."""
        for cell in reversed(order.transaction.cells):
            for fact in find_facts(cell.name, order.amazon):
                order.amazon[fact] = cell.value

    def backend_transactions(self, rows: Iterable[Mapping[str, Any]]) -> list[BackendTransaction]:
        """Return gateway calls that X-Cart's own admin made just now, e.g. a partial refund."""
        now = int(time.time())
        return [BackendTransaction(id=self.next_id(), **{"date": now, **row}) for row in rows]

    def mail(self, order: Order, subject: str) -> None:
        """Keep a mail that X-Cart would send to the buyer."""
        title = order.number or f"{order.id} (cart)"
        self.mails.append(
            {"order_id": order.id, "to": order.email, "subject": f"Order #{title}: {subject}", "date": int(time.time())}
        )

    # -- Backups ---------------------------------------------------------------------------------------------

    def back_up(self) -> int:
        """Keep a copy of the database and return its number; of many, the oldest is dropped."""
        number = max(self.backups, default=0) + 1
        self.backups[number] = copy.deepcopy(self.state)
        for oldest in sorted(self.backups)[:-BACKUPS_MAX]:
            del self.backups[oldest]
        return number

    def restore(self, number: int) -> None:
        """Put a backup in the database's place: later orders are gone, and their ids are given out again.

        :raises InvalidArgument: there is no such backup.
        """
        if number not in self.backups:
            raise InvalidArgument(f"There is no backup {number}")
        self.state = copy.deepcopy(self.backups[number])

    def _log(
        self, order: Order, field_name: str, before: str | None, row: StatusRow | None, *, who: str, via: str
    ) -> StatusWrite:
        write = StatusWrite(
            order_id=order.id, order_number=order.number, field=field_name, before=before, after=_code(row),
            changed=False, who=who, via=via, date=int(time.time()), status_id=row.id if row else None,
        )  # fmt: skip
        self.writes.append(write)
        return write

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


def _code(row: StatusRow | None) -> str | None:
    return row.code if row else None


def _name(row: StatusRow | None) -> str:
    return row.name or row.code or f"status {row.id}" if row else "none"


def _public_id(order_id: int) -> str:
    letters = random.choices(string.digits + string.ascii_uppercase, k=4)  # noqa: S311 - an id, no secret
    return f"{order_id:06d}-{''.join(letters)}"
