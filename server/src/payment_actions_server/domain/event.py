"""A payment's history: appended lines, each sealed by the hash of the one before."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.json import Encoder
from msgspec.structs import force_setattr

from payment_actions_server.domain.status import PaymentStatus


class EventType(StrEnum):
    """What happened."""

    PAYMENT_SEEN = "PAYMENT_SEEN"  #: First sight of the order.
    OPERATION_STARTED = "OPERATION_STARTED"  #: An intent became durable.
    OPERATION_UPDATED = "OPERATION_UPDATED"  #: Still in flight, and something new is known of it.
    OPERATION_ENDED = "OPERATION_ENDED"  #: It has its final state.
    OPERATION_RESOLVED = "OPERATION_RESOLVED"  #: An operator ended one that could not be found out.
    SNAPSHOT_FOLLOWED = "SNAPSHOT_FOLLOWED"  #: The gateway said more than we knew; nothing here had asked for it.
    NOTIFICATION_IGNORED = "NOTIFICATION_IGNORED"  #: A verified notification that led to nothing new: known, or old.
    ORDER_CHANGED = "ORDER_CHANGED"  #: The store changed, cancelled or deleted the order.
    ANOMALY = "ANOMALY"  #: Something contradicts the rules; nothing was changed.
    STORE_UPDATED = "STORE_UPDATED"  #: The store platform holds the payment's status.
    STORE_UPDATE_DELAYED = "STORE_UPDATE_DELAYED"  #: A write to the store failed; it will be tried again.
    STORE_STATUS_CHANGED = "STORE_STATUS_CHANGED"  #: The store changed the order's payment status by itself.


# What a payment's etag does not depend on: nothing that may be done with the payment changes by them, and a front end
# that read the payment a moment earlier is still right about it.
INCIDENTAL = frozenset(
    {
        EventType.NOTIFICATION_IGNORED,
        EventType.STORE_UPDATED,
        EventType.STORE_UPDATE_DELAYED,
        EventType.STORE_STATUS_CHANGED,
    }
)

_encode = Encoder().encode

GENESIS = "0" * 64
"""What the first event of a payment names as the hash before it."""


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One line of a payment's history: who, what, when, before, after."""

    store: str
    order_id: str
    number: int  #: 1, 2, 3 ... within the payment, without gaps.
    type: EventType
    time: datetime
    actor: str
    operation_id: str = ""
    status_before: PaymentStatus | None = None  #: None only at first sight.
    status_after: PaymentStatus
    message: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    previous_hash: str
    hash: str = ""
    sequence: int = 0  #: Global order of readers who resume; given by the storage, not part of the hash.

    def sealed_hash(self) -> str:
        """Return what ``hash`` must be: SHA-256 over everything but ``hash`` and ``sequence``, in lower-case hex."""
        content = [
            self.store,
            self.order_id,
            self.number,
            self.type,
            self.time.isoformat(timespec="microseconds"),
            self.actor,
            self.operation_id,
            self.status_before,
            self.status_after,
            self.message,
            sorted(self.details.items()),
            self.previous_hash,
        ]
        return hashlib.sha256(_encode(content)).hexdigest()


def sealed(**content: Any) -> Event:
    """Return the event of this content with its hash."""
    event = Event(**content)
    force_setattr(event, "hash", event.sealed_hash())  # Nobody has seen it yet: it is not changed, but finished.
    return event


def chain_break(events: Iterable[Event]) -> int | None:
    """Return the number of the first event, in order, that does not fit the chain; None when all fit.

    A changed line breaks its own hash, a missing one the numbering of the next.
    """
    previous_hash, expected = GENESIS, 1
    for event in events:
        if (event.number, event.previous_hash, event.hash) != (expected, previous_hash, event.sealed_hash()):
            return expected
        previous_hash, expected = event.hash, expected + 1
    return None
