"""The unit of work: what is known of one payment, and what shall become durable of it together."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate


class Record(NamedTuple):
    """What is known of one payment, read at one moment."""

    payment: Payment | None = None  #: None: never seen.
    operation: Operation | None = None  #: The one in flight.
    store_update: StoreUpdate | None = None
    asked: Operation | None = None  #: The operation that was asked for besides, of this payment or another.
    lock_version: int = 0  #: The storage's own: what the payment's row must still say when a change is written.


class PaymentFilter(NamedTuple):
    """Which payments to list; ``before`` is the (update_time, store, order_id) after which the page begins."""

    store: str | None
    statuses: frozenset[PaymentStatus]
    payment_method: str
    needing_attention: bool
    authorization_expire_before: datetime | None
    before: tuple[datetime, str, str] | None
    limit: int
    stores: tuple[str, ...] = ()  #: Where to look for the three that follow, if ``store`` is None.
    order_search: str = ""
    store_update_failing: bool = False
    refresh_due_before: datetime | None = None


class PaymentWork:
    """One payment, as this transaction found it and as it leaves it. Nothing is written before its body has returned.

    What was written can be read here at once: `payment`, `operation` and `store_update` are always what will be so.
    """

    def __init__(self, key: PaymentKey, found: Record) -> None:
        self.key = key
        self.found = found
        self.payment = found.payment
        self.operation = found.operation
        self.store_update = found.store_update
        self.asked = found.asked
        self.events: list[Event] = []
        self.added_operation: Operation | None = None
        self.saved_operation: Operation | None = None
        self.new_references: dict[str, None] = {}

    @property
    def changed(self) -> bool:
        """Tell whether there is anything to write."""
        if self.new_references or self.added_operation or self.saved_operation:
            return True
        return self.payment_changed

    @property
    def payment_changed(self) -> bool:
        """Tell whether the payment or its store update is another than was found."""
        return (self.payment, self.store_update) != (self.found.payment, self.found.store_update)

    def number_events(self, numbers: Iterator[int]) -> None:
        """Give each event its sequence, the next of ``numbers``."""
        self.events = [replace(event, sequence=next(numbers)) for event in self.events]

    def known(self) -> Payment:
        """Return the payment, which the caller has seen before."""
        assert self.payment is not None, f"{self.key} was never seen"
        return self.payment

    def known_store_update(self) -> StoreUpdate:
        """Return the store update, which every payment that was seen has."""
        assert self.store_update is not None, f"{self.key} has no store update"
        return self.store_update

    # -- payments and their history ---------------------------------------------------------------------------------

    def add_payment(self, payment: Payment, event: Event, store_update: StoreUpdate) -> None:
        """Add the payment at first sight, with its first event and its store update."""
        assert self.payment is None, f"{self.key} is known already"
        self._append(payment, event)
        self.store_update = store_update

    def save_payment(self, payment: Payment, event: Event) -> None:
        """Save the changed payment with the event that says why."""
        assert payment.key == self.known().key
        self._append(payment, event)

    def _append(self, payment: Payment, event: Event) -> None:
        before = self.payment
        assert payment.version == event.number == (before.version if before else 0) + 1, "each change is one event"
        self.payment = payment
        self.events.append(event)
        known = before.references if before else ()
        self.index_references(reference.value for reference in payment.references if reference not in known)

    def reschedule(self, next_refresh_time: datetime | None, refreshes: int) -> None:
        """Say when the schedule looks at the payment next; no event, for nothing about the payment changed."""
        self.payment = replace(self.known(), next_refresh_time=next_refresh_time, refreshes=refreshes)

    def index_references(self, values: Iterable[str]) -> None:
        """Make the payment findable by ids of the gateway, or by our references."""
        self.known()
        self.new_references.update(dict.fromkeys(values))

    # -- operations and the store update ----------------------------------------------------------------------------

    def add_operation(self, operation: Operation) -> None:
        """Add an intent. There is none in flight, and the database itself keeps it so."""
        assert self.operation is None, f"{self.key} has an operation in flight"
        assert PaymentKey(operation.store, operation.order_id) == self.known().key
        self.added_operation = operation
        self.operation = operation if operation.state.in_flight else None
        self.index_references((operation.reference,))

    def save_operation(self, operation: Operation) -> None:
        """Save the new state of the operation in flight. A settled one never changes again."""
        assert self.operation is not None, f"{operation.operation_id} was final already"
        assert self.operation.operation_id == operation.operation_id
        if self.added_operation is not None:
            self.added_operation = operation
        else:
            self.saved_operation = operation
        self.operation = operation if operation.state.in_flight else None
        if self.asked is not None and self.asked.operation_id == operation.operation_id:
            self.asked = operation

    def put_store_update(self, store_update: StoreUpdate) -> None:
        """Save the payment's store update."""
        self.known()
        self.store_update = store_update
