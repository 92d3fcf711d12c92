"""The pending write of a payment's status back to the store platform."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class StoreUpdateState(StrEnum):
    """How far it is."""

    IN_SYNC = "IN_SYNC"  #: Nothing is to be written.
    PENDING = "PENDING"  #: To be written, or to be tried again.


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
