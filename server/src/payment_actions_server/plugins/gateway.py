"""What a gateway adapter is: how money is moved under a reference, and how the truth about it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, OperationState


class ActionCapability(NamedTuple):
    """What the gateway guarantees about one action."""

    idempotency_window: timedelta
    """How long after the first attempt a repeat under the same reference is still the same intent.

    Name it shorter than the gateway's own, by as much as the clocks of two replicas may differ.
    ``timedelta.max`` where a repeat can never act twice (a void). ``timedelta(0)``: never send it again.
    """
    lookup: bool  #: Whether `PaymentGateway.look_up` can tell what became of a reference.
    partial: bool = False  #: Whether less than the whole amount can be asked for.


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCapabilities:
    """What a gateway guarantees; read once at start."""

    capture: ActionCapability
    void: ActionCapability
    refund: ActionCapability
    account: str
    """Whose money: environment, region and merchant id. Stores that share it must share credentials."""
    credentials_fingerprint: str
    """A digest that differs when the credentials do and tells nothing of them."""
    call_seconds_max: float = 20.0  #: No call of this adapter lasts longer; the engine enforces it too.

    def of(self, action: Action) -> ActionCapability:
        """Return what is guaranteed about ``action``, which moves money."""
        return {Action.CAPTURE: self.capture, Action.VOID: self.void, Action.REFUND: self.refund}[action]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPayment:
    """Which payment a call is about: the order, and all of the gateway's ids for it that we know."""

    store: str
    order_id: str
    order_number: str
    currency_code: str
    order_total_minor: int
    references: tuple[GatewayReference, ...]

    def reference(self, role: str) -> str:
        """Return the last known id of ``role``; empty when there is none."""
        return next((value for known, value in reversed(self.references) if known == role), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRequest:
    """One attempt at an operation. Every attempt at it carries the same ``reference``."""

    action: Action
    payment: GatewayPayment
    reference: str  #: At most 32 of ``[A-Za-z0-9_-]``; the idempotency handle.
    amount_minor: int  #: Minor units of ``currency_code``; for a void, what is given up.
    currency_code: str
    gateway_id: str = ""  #: The gateway's id of this very capture or refund, once an earlier answer named it.
    note: str = ""  #: What staff wrote; a gateway with a note field may be given it.


class ResultState(StrEnum):
    """How the gateway answered."""

    SUCCEEDED = "SUCCEEDED"  #: Done, final.
    PENDING = "PENDING"  #: Accepted; the result comes later.
    DECLINED = "DECLINED"  #: Refused, final; nothing moved.

    @property
    def operation_state(self) -> OperationState:
        """Return the operation's state that follows from it."""
        return OperationState(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayResult:
    """The gateway's answer about one reference."""

    state: ResultState
    gateway_id: str = ""  #: Its own id of the capture or refund.
    reason_code: str = ""  #: Its own word for why.
    message: str = ""  #: For people.


class NotificationKind(StrEnum):
    """What the service shall do with a verified notification."""

    CHANGE = "CHANGE"  #: Something about a payment changed: look.
    OTHER = "OTHER"  #: Verified and none of our business (a sample, a billing agreement); acknowledge it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A verified notification: a hint to look. Nothing in it moves anything."""

    message_id: str  #: The sender's id; a redelivery has the same.
    kind: NotificationKind
    subject: str  #: What it is about, for the log: "PaymentCapture S01-...-C000001 Completed".
    identifiers: tuple[str, ...] = ()
    """Gateway ids and references in it, most specific first; the engine finds the payment by those it knows."""
    order_id: str = ""  #: The order it names, where the gateway carries the shop's own id; lets an order be seen first.


class PaymentGateway(Protocol):
    """One store's gateway account. All calls come from one event loop; several may run at once."""

    @property
    def capabilities(self) -> GatewayCapabilities:
        """Say what is guaranteed."""
        ...

    async def capture(self, request: GatewayRequest) -> GatewayResult:
        """Collect ``amount_minor`` of the authorization, under ``reference``.

        :raises StateConflict: refused because the payment is not capturable (any more), or an earlier attempt did it.
        :raises NotExecuted: certain that this attempt did nothing.
        """
        ...

    async def void(self, request: GatewayRequest) -> GatewayResult:
        """Give up the authorization, or what is left of it. Errors as for `capture`.

        Unless ``capabilities.capture.partial``, SUCCEEDED says too that nothing was collected: raise StateConflict if
        somebody collected a part before. Where parts can be captured, the engine looks for one.
        """
        ...

    async def refund(self, request: GatewayRequest) -> GatewayResult:
        """Return ``amount_minor`` of what was captured, under ``reference``. Errors as for `capture`."""
        ...

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        """Return what became of ``request.reference``; None when the gateway shows no trace of it.

        None does not prove that it will never appear: the engine repeats the call under the same reference.
        Called only where the capability says ``lookup``. Moves nothing.

        :raises StateConflict: the payment's state bars it by now, through somebody else's doing.
        :raises NotExecuted: the gateway could not be asked.
        """
        ...

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        """Return what is true now. Moves nothing. Amounts count only what is final.

        :raises NotExecuted: the gateway could not be asked.
        """
        ...

    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return a notification whose origin is proved.

        :param headers: lower-case names.
        :raises NotificationRefused: not proved, or not for this account. Answered 4xx: never to be sent again.
        :raises NotExecuted: it could not be checked now (no certificate). Answered 5xx: to be sent again.
        """
        ...

    async def aclose(self) -> None:
        """Give up connections; called once, at the end."""
        ...


GatewayFactory = Callable[[Mapping[str, Any]], PaymentGateway]
"""settings -> adapter. Does no I/O; raises `SettingsError`."""
