"""What a campaign wrote down: what was asked, what was answered, what is recorded, what really happened."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from payment_actions.v1 import payment_actions_pb2 as pb


class Key(NamedTuple):
    """Which order."""

    store: str
    order_id: str

    def __str__(self) -> str:
        return f"{self.store}/{self.order_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as the checkout left it."""

    key: Key
    order_reference: str
    scenario: str
    captured_at_checkout: bool = False
    elsewhere: list[str] = field(default_factory=list)  #: Amazon's ids of what was captured in Seller Central.
    told: list[str] = field(default_factory=list)  #: Of these, those that the service has been told of.


class Told(StrEnum):
    """What an attempt heard."""

    OPERATION = "operation"  #: Here is its operation.
    NOTHING_STARTED = "nothing started"  #: Refused before anything was begun.
    NEVER_HAPPENED = "never happened"  #: An operation was begun, and certainly did nothing.
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of a client, which may be a repeat."""

    key: Key
    request_id: str
    action: str
    replica: int
    begin: float  #: Unix time.
    end: float
    told: Told
    operation_id: str = ""
    state: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the simulator says was done to money."""

    kind: str
    object_id: str
    reference: str
    amount_minor: int
    state: str
    time: str


@dataclass(slots=True, kw_only=True)
class Watched:
    """What one watcher saw, in the order in which it came."""

    name: str
    stores: frozenset[str] = frozenset()  #: Empty: all.
    events: list[pb.Event] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Record:
    """All of it."""

    orders: list[Order] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    payments: dict[Key, pb.Payment] = field(default_factory=dict)
    operations: dict[str, pb.Operation] = field(default_factory=dict)  #: By id.
    asked_again: dict[tuple[str, str], pb.Operation] = field(default_factory=dict)  #: By store and request id.
    events: dict[Key, list[pb.Event]] = field(default_factory=dict)
    effects: dict[str, list[Effect]] = field(default_factory=dict)  #: By order reference, whoever's that is.
    late: dict[Key, list[str]] = field(default_factory=dict)  #: What stood when the time to rest by itself was over.
    held: dict[Key, str] = field(default_factory=dict)  #: X-Cart's payment status.
    watched: list[Watched] = field(default_factory=list)
