"""What the engine needs of a storage engine."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from payment_actions_server.domain.event import Event
from payment_actions_server.storage.unit_of_work import UnitOfWork

T = TypeVar("T")

Body = Callable[[UnitOfWork], Awaitable[T]]
"""A transaction's work. It may run more than once: it has no effect but on its unit of work, and awaits only that."""


class StorageUnavailable(Exception):
    """The database could not commit, or could not be reached. Nothing of the transaction holds."""


class Storage(Protocol):
    """Durable, transactional memory."""

    on_events: Callable[[list[Event]], None]
    """Called after each commit with the events that it made durable. Must not raise or block."""

    async def start(self) -> None:
        """Open the database and bring its schema up to date. Idempotent across processes."""
        ...

    async def aclose(self) -> None:
        """Finish what is under way and close."""
        ...

    async def transact(self, body: Body[T]) -> T:
        """Run a transaction and return once it is on disk.

        What ``body`` raises undoes all of it and is raised here. Serialized against every other transaction that
        touches the same payment.

        :raises StorageUnavailable: it could not be made durable.
        """
        ...

    async def read(self, body: Body[T]) -> T:
        """Run a read-only transaction over one consistent, committed state."""
        ...
