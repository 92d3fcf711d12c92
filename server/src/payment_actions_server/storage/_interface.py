"""What the engine needs of a storage engine."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol, TypeVar

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage.overview import DayRow, Expiring, Movement, Waiting
from payment_actions_server.storage.work import PaymentFilter, PaymentWork, Record

T = TypeVar("T")

Body = Callable[[PaymentWork], T]
"""A transaction's work on one payment, over what is known of it.

It has no effect but on its `PaymentWork`, and may run more than once: when another replica changed the payment
meanwhile, and after a commit of which nothing was heard. So it must know its own work again when it finds it done.
"""


class StorageUnavailable(Exception):
    """The database could not commit, or could not be reached.

    Whether the transaction holds is not known: its answer was lost, if it was not the transaction.
    """


class RuleBroken(Exception):
    """The database refused what a transaction wrote: it breaks one of the rules that the database itself keeps."""


class Storage(Protocol):
    """Durable memory. Each method is one transaction over one consistent, committed state.

    Every method may raise `StorageUnavailable`.
    """

    on_events: Callable[[list[Event]], None]
    """Called after each commit with the events that it made durable, or with none when another process committed some.
    Must not raise or block."""

    async def start(self) -> None:
        """Open the database and bring its schema up to date. Processes that start at once migrate once."""
        ...

    async def aclose(self) -> None:
        """Finish what is under way and close."""
        ...

    async def change(self, key: PaymentKey, body: Body[T], *, request_id: str = "", operation_id: str = "") -> T:
        """Change a payment and return once that is on disk.

        All changes of one payment come one after the other, whichever replica makes them. What ``body`` raises undoes
        it and is raised here. A body that changes nothing costs no commit.

        :param request_id: also find the store's operation of this request; see `Record.asked`.
        :param operation_id: or the operation of this id.
        :raises RuleBroken: a bug: the database refused what ``body`` wrote.
        """
        ...

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment; parameters as for `change`."""
        ...

    async def operation(self, store: str, operation_id: str) -> Operation | None:
        """Return an operation."""
        ...

    async def list_records(self, wanted: PaymentFilter) -> list[Record]:
        """Return payments, the last changed first."""
        ...

    async def list_events(self, key: PaymentKey, after_number: int, limit: int) -> list[Event]:
        """Return a payment's events after one, oldest first."""
        ...

    async def last_sequence(self) -> int:
        """Return the sequence up to which every event is here and none can come any more; 0 when there is none."""
        ...

    async def events_after(self, sequence: int, stores: Collection[str], limit: int) -> tuple[list[Event], int]:
        """Return events of some stores (none named: all) after a sequence, in order, and the sequence to go on from."""
        ...

    async def orders_of_references(self, store: str, values: Collection[str]) -> list[str]:
        """Return the orders, at most a hundred, that any of the gateway's ids or our references belongs to."""
        ...

    async def due_payments(self, store: str, now: datetime, limit: int) -> list[PaymentKey]:
        """Return payments whose next look is due, the longest waiting first."""
        ...

    async def due_operations(self, store: str, now: datetime, limit: int) -> list[Operation]:
        """Return operations whose next check is due and whose lease nobody holds, the longest waiting first."""
        ...

    async def due_store_updates(self, store: str, now: datetime, limit: int) -> list[PaymentKey]:
        """Return payments with a write to the store that is due and that nobody is doing, the longest waiting first."""
        ...

    async def knows_notification(self, store: str, message_id: str) -> bool:
        """Tell whether a message id is remembered whose orders were known; one that found none may find it now."""
        ...

    async def add_notification(
        self, store: str, message_id: str, receive_time: datetime, subject: str, strays: Collection[str] = ()
    ) -> bool:
        """Remember a message id; tell whether it is new.

        :param strays: what it is about, if no order is known here that it could be: for `stray_identifiers`.
        """
        ...

    async def stray_identifiers(self, store: str, since: datetime) -> set[str]:
        """Return what notifications were about that came since and found no order here."""
        ...

    async def forget_notifications(self, before: datetime, limit: int) -> int:
        """Drop message ids so old that no sender repeats them; return how many."""
        ...

    async def discovered_until(self, store: str) -> datetime | None:
        """Return how far the store's orders have been looked through."""
        ...

    async def put_discovered_until(self, store: str, changed_after: datetime) -> None:
        """Remember how far the store's orders have been looked through."""
        ...

    async def known_orders(self, store: str, order_ids: Collection[str]) -> dict[str, Record]:
        """Return the records of those of the orders that are known here, by order id."""
        ...

    async def counts(self, due_before: datetime) -> dict[str, int]:
        """Return the gauges that operators watch.

        :param due_before: an operation whose next check has been due since before this time is overdue.
        """
        ...

    async def waiting(self, stores: Collection[str], due_before: datetime) -> Waiting:
        """Return how much waits in some stores; a look that has been due since before a time is overdue."""
        ...

    async def expiring(self, stores: Collection[str], after: datetime, before: datetime) -> list[Expiring]:
        """Return the open authorizations that run out from a time on, before another, by day and currency."""
        ...

    async def movements(self, after: int, up_to: int) -> list[Movement]:
        """Return the events of a range of sequences by which money moved or a status changed, in order."""
        ...

    async def daily_totals(self, known: Collection[str] = ()) -> list[DayRow]:
        """Return what is kept of every day, read at one moment; not the totals of rows whose names are known."""
        ...

    async def put_daily_totals(self, row: DayRow) -> None:
        """Keep what was counted of a day, unless more of it was counted already."""
        ...
