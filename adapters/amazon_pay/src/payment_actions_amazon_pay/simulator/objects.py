from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from .money import Money
from .states import Kind, Reason, State


class Environment(StrEnum):
    """Amazon's word for the two worlds, which never see each other's objects."""

    LIVE = "Live"
    SANDBOX = "Sandbox"

    @property
    def id_letter(self) -> str:
        """Return the letter with which every id of this environment begins."""
        return {Environment.LIVE: "P", Environment.SANDBOX: "S"}[self]


class Outcome(NamedTuple):
    """What Amazon will say to an authorization, a capture or a refund."""

    state: State
    reason: Reason = Reason.NONE
    soft_decline: bool = False
    #: With InvalidPaymentMethod: when the buyer mends it. With ExpiredUnused: when it expires.
    minutes: int | None = None


@dataclass
class Status:
    """Where an object stands, and since when."""

    state: State
    reason: Reason
    description: str
    update_time: datetime


def pending(now: datetime, outcome: Outcome | None = None) -> Status:
    """Return the status in which every transaction begins; a warning about the buyer shows at once."""
    warned = outcome is not None and outcome.reason is Reason.STOP_SHIPMENT
    return Status(State.PENDING, Reason.STOP_SHIPMENT if warned else Reason.NONE, "", now)


@dataclass(kw_only=True)
class _Object:
    """What all four kinds have."""

    id: str
    seller_id: str
    environment: Environment
    creation_time: datetime
    status: Status


@dataclass(kw_only=True)
class OrderReference(_Object):
    """What the buyer agreed to pay, and how."""

    kind = Kind.ORDER_REFERENCE
    expiration_time: datetime
    address_consent_token: str
    total: Money | None = None
    note: str = ""
    #: PlatformId, SellerOrderId, StoreName, CustomInformation, SupplementaryData: only what was set.
    attributes: dict[str, str] = field(default_factory=dict)
    #: A simulated obstacle to Confirm; empty if there is none.
    constraint: str = ""
    authorization_ids: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class _Transaction(_Object):
    """What is sent under a caller's reference id."""

    order_reference_id: str
    reference_id: str
    amount: Money
    note: str
    soft_descriptor: str
    outcome: Outcome | None


@dataclass(kw_only=True)
class Authorization(_Transaction):
    """An amount reserved on the buyer's side."""

    kind = Kind.AUTHORIZATION
    expiration_time: datetime
    capture_now: bool
    soft_decline: bool = False
    capture_ids: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Capture(_Transaction):
    """An amount collected from an authorization."""

    kind = Kind.CAPTURE
    authorization_id: str
    refund_ids: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Refund(_Transaction):
    """An amount returned from a capture."""

    kind = Kind.REFUND
    capture_id: str


Transaction = Authorization | Capture | Refund
PaymentObject = OrderReference | Transaction


class EffectKind(StrEnum):
    """What was done to money."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Effect(NamedTuple):
    """One thing done to money; its present state is its object's."""

    kind: EffectKind
    object_id: str
    time: datetime
