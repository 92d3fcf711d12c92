"""The pending write of a payment's status back to the store platform."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class StoreUpdateState(StrEnum):
    """How far it is."""

    IN_SYNC = "IN_SYNC"  #: Nothing is to be written.
    PENDING = "PENDING"  #: To be written, or to be tried again.
    DISPUTED = "DISPUTED"  #: The platform changed the status back again and again; an operator must end that.


class StoreUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """What the platform shall hold of a payment. There is one for each payment; a newer status takes its place."""

    store: str
    order_id: str
    state: StoreUpdateState
    generation: int = 0  #: Grows with each status to write: a write that was overtaken does not count as done.
    platform_status: str = ""  #: The platform's own word, as last read or written.
    last_error: str = ""
    attempts: int = 0  #: Tries of the present write.
    lease_expire_time: datetime | None = None  #: Until then somebody is writing; nobody else does.
    next_attempt_time: datetime | None = None  #: None unless PENDING.
    notice: str = ""  #: What staff must know of the order's page in the platform, as its adapter last said it.
    reverts: int = 0  #: How often the platform changed the status back since the payment's own last moved.
