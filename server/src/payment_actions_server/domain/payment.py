"""A payment: our record of one order's payment, and the ways in which it may change."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from payment_actions_server.domain.event import GENESIS, INCIDENTAL, Event, EventType, sealed
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.transitions import forward, offered


class PaymentKey(NamedTuple):
    """What identifies a payment."""

    store: str
    order_id: str


class Verdict(Enum):
    """What a snapshot meant for the record."""

    SAME = auto()  #: Nothing new.
    DETAIL = auto()  #: Status and amounts stand; an id, an expiry or what is under way is new.
    MOVED = auto()  #: Status or amounts went forward.
    CONTRADICTION = auto()  #: It cannot follow from what we know; nothing was changed.


class Followed(NamedTuple):
    """The result of `Payment.follow`."""

    payment: "Payment"
    verdict: Verdict
    problem: str = ""  #: For CONTRADICTION: what contradicts what.


class Payment(Struct, frozen=True, kw_only=True, gc=False):
    """One order's payment. Amounts count minor units of ``currency_code``.

    Every change appends exactly one event, so ``version`` is also the number of events: a lost event shows.
    """

    store: str
    order_id: str
    order_number: str
    method_code: str
    method_name: str
    ours: bool  #: Paid through the store's gateway. If not, ``status`` is the store's own word and nothing is offered.
    gateway: str  #: Adapter name.
    status: PaymentStatus
    currency_code: str
    order_total_minor: int
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    references: tuple[GatewayReference, ...] = ()
    authorization_expire_time: datetime | None = None
    under_way: Action | None = None  #: What the gateway works on that no operation of ours asked for.
    reason_code: str = ""
    reason_message: str = ""
    anomaly: str = ""  #: What contradicts the rules and waits for a human; empty when all is well.
    version: int = 0  #: How many events there are.
    revision: int = 0  #: How many of them matter to what may be done; what the etag tells.
    last_hash: str = GENESIS
    create_time: datetime
    update_time: datetime
    next_refresh_time: datetime | None = None  #: When the schedule looks again; None: no need to.
    refreshes: int = 0  #: Scheduled looks since the last change; spaces the next one.
    order_state: OrderState = OrderState.PLACED  #: What became of the order in the shop.
    order_detail: str = ""
    """What the shop says of it, for staff: its status, the other method or currency, or the total that is no amount."""

    @property
    def key(self) -> PaymentKey:
        """Return what identifies this payment."""
        return PaymentKey(self.store, self.order_id)

    @property
    def etag(self) -> str:
        """Return the contract's etag: changes whenever what may be done with the payment may have changed."""
        return f'"{self.revision}"'

    @property
    def amounts(self) -> tuple[int, int, int]:
        """Return authorized, captured, refunded."""
        return self.authorized_minor, self.captured_minor, self.refunded_minor

    @property
    def collectable(self) -> bool:
        """Tell whether money may still be collected, now or once the authorization's result is known."""
        return self.ours and (self.status is PaymentStatus.PENDING or Action.CAPTURE in offered(self.status))

    @property
    def holds_money(self) -> bool:
        """Tell whether money was collected that can only be returned: the shop must show it, whatever its order is."""
        return self.status in (PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED)

    @property
    def refund_unconfirmed(self) -> bool:
        """Tell whether all that is known to be collected is returned, and whether that is all is not known.

        Part of the authorization was never collected here, but somebody may have done so elsewhere, untold: only the
        gateway's snapshot can say that nothing is left to return.
        """
        return self.status is PaymentStatus.PARTIALLY_REFUNDED and self.refunded_minor >= self.captured_minor

    def newly_moved(self, before: "Payment | None") -> dict[str, str]:
        """Return, for an event's details, how much moved since ``before``; what became less is not told.

        :param before: None at first sight.
        """
        known = before.amounts if before else (0, 0, 0)
        words = zip(("authorized", "captured", "refunded"), known, self.amounts, strict=True)
        moved = {f"newly_{word}_minor": str(now - then) for word, then, now in words if now > then}
        return moved | {"currency_code": self.currency_code} if moved else {}

    def done_minor(self, action: Action) -> int:
        """Return how much ``action`` has achieved so far: what is captured, or refunded."""
        return {Action.CAPTURE: self.captured_minor, Action.REFUND: self.refunded_minor}.get(action, 0)

    def recorded(
        self,
        event_type: EventType,
        *,
        now: datetime,
        actor: str,
        before: PaymentStatus | None,
        operation_id: str = "",
        message: str = "",
        details: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> tuple["Payment", Event]:
        """Return this payment one version on, and the sealed event that says why.

        :param changes: fields that change besides, and that no event tells of: those of the schedule.
        """
        event = sealed(
            store=self.store,
            order_id=self.order_id,
            number=self.version + 1,
            type=event_type,
            time=now,
            actor=actor,
            operation_id=operation_id,
            status_before=before,
            status_after=self.status,
            message=message,
            details=details or {},
            previous_hash=self.last_hash,
        )
        revision = self.revision + (event_type not in INCIDENTAL)
        after = replace(self, version=event.number, revision=revision, last_hash=event.hash, update_time=now, **changes)
        return after, event

    def follow(self, snapshot: Snapshot, known_references: tuple[GatewayReference, ...] = ()) -> Followed:
        """Return this payment as ``snapshot`` shows it, if that is the same or ahead.

        Pure: whether a snapshot that lies behind is merely late or a contradiction is the caller's to know.
        """
        problem = snapshot.problem() or self._contradiction(snapshot)
        if problem:
            return Followed(self, Verdict.CONTRADICTION, problem)
        followed = replace(
            self,
            status=snapshot.status,
            currency_code=snapshot.currency_code,
            authorized_minor=snapshot.authorized_minor,
            captured_minor=snapshot.captured_minor,
            refunded_minor=snapshot.refunded_minor,
            references=_union(self.references, known_references + snapshot.references),
            authorization_expire_time=snapshot.authorization_expire_time or self.authorization_expire_time,
            under_way=snapshot.under_way,
            reason_code=snapshot.reason_code,
            reason_message=snapshot.message,
            anomaly="",
        )
        if (followed.status, followed.amounts) != (self.status, self.amounts):
            return Followed(followed, Verdict.MOVED)
        return Followed(followed, Verdict.SAME if followed == self else Verdict.DETAIL)

    def _contradiction(self, snapshot: Snapshot) -> str | None:
        if snapshot.currency_code != self.currency_code:
            return f"the gateway reports {snapshot.currency_code}, the payment is in {self.currency_code}"
        if not forward(self.status, snapshot.status):
            return f"the gateway reports {snapshot.status}, the payment was {self.status} before"
        for word, ours, theirs in (
            ("captured", self.captured_minor, snapshot.captured_minor),
            ("refunded", self.refunded_minor, snapshot.refunded_minor),
        ):
            if theirs < ours:
                return (
                    f"the gateway reports {format_amount(theirs, self.currency_code)} {word},"
                    f" it was {format_amount(ours, self.currency_code)} before"
                )
        return None

    def breach(self, before: "Payment") -> str:
        """Return which rule that always holds would be broken if ``before`` became this; empty when none is.

        What the gateway reports is judged by `follow`; this is the last look at everything that is written.
        """
        if not (self.ours and before.ours):
            return ""  # Until then, or from then on, the status is the store's own word.
        if not 0 <= self.refunded_minor <= self.captured_minor <= self.authorized_minor:
            return f"{self._amounts_told()} cannot be"
        if self.captured_minor < before.captured_minor or self.refunded_minor < before.refunded_minor:
            return f"captured or refunded money became less: {self._amounts_told()}"
        if not forward(before.status, self.status):
            return f"{before.status} became {self.status}"
        return ""

    def _amounts_told(self) -> str:
        words = zip(("authorized", "captured", "refunded"), self.amounts, strict=True)
        return ", ".join(f"{format_amount(amount, self.currency_code)} {word}" for word, amount in words)

    def after(self, operation: Operation) -> "Payment":
        """Return this payment with the effect of an operation that SUCCEEDED.

        The effect is absolute (``base_minor`` + amount): a snapshot that showed it first does not make it count twice.
        """
        assert operation.state is OperationState.SUCCEEDED
        references = _union(self.references, _references_of(operation))
        reached = operation.base_minor + operation.amount_minor
        if operation.action is Action.CAPTURE:
            captured = max(self.captured_minor, reached)
            return replace(
                self,
                references=references,
                captured_minor=captured,
                status=_forward_or_stay(self.status, _captured(self, captured)),
                anomaly=self._unexpected_money() or self.anomaly,
            )
        if operation.action is Action.REFUND:
            refunded = max(self.refunded_minor, reached)
            return replace(
                self,
                references=references,
                refunded_minor=refunded,
                status=_forward_or_stay(self.status, _refunded(self, refunded)),
            )
        assert operation.action is Action.VOID
        target = PaymentStatus.CAPTURED if self.captured_minor else PaymentStatus.VOIDED
        return replace(self, references=references, status=_forward_or_stay(self.status, target))

    def _unexpected_money(self) -> str:
        """Return what is wrong when money is collected now; empty when nothing is."""
        if self.status not in (PaymentStatus.VOIDED, PaymentStatus.DECLINED, PaymentStatus.EXPIRED):
            return ""
        return f"a capture succeeded although the payment was {self.status}: the buyer's money was collected"

    def shows_done(self, operation: Operation) -> bool:
        """Tell whether what ``operation`` wants is already so, whoever did it."""
        if operation.action is Action.VOID:
            # Of a payment that was captured in part only the rest is given up, and it ends as CAPTURED.
            uncaptured = self.captured_minor + operation.amount_minor <= self.authorized_minor
            return self.status is PaymentStatus.VOIDED or (self.status is PaymentStatus.CAPTURED and uncaptured)
        # Exactly so much: another amount that somebody else moved is not what was asked for.
        return self.done_minor(operation.action) == operation.base_minor + operation.amount_minor

    def has_room_for(self, operation: Operation) -> bool:
        """Tell whether ``operation`` could be done to this payment: its status lets it, and so much is left."""
        if operation.action not in offered(self.status):
            return False
        if operation.action is Action.REFUND:
            return operation.amount_minor <= self.captured_minor - self.refunded_minor
        return operation.amount_minor <= self.authorized_minor - self.captured_minor


def _captured(payment: Payment, captured_minor: int) -> PaymentStatus:
    whole = captured_minor >= payment.authorized_minor
    return PaymentStatus.CAPTURED if whole else PaymentStatus.PARTIALLY_CAPTURED


def _refunded(payment: Payment, refunded_minor: int) -> PaymentStatus:
    whole = refunded_minor >= payment.captured_minor >= payment.authorized_minor  # Else see `refund_unconfirmed`.
    return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED


def _forward_or_stay(status: PaymentStatus, target: PaymentStatus) -> PaymentStatus:
    """A late answer never takes a payment back: a capture that is confirmed after its refund stays REFUNDED."""
    return target if forward(status, target) else status


def _references_of(operation: Operation) -> tuple[GatewayReference, ...]:
    if not operation.gateway_id:
        return ()
    return (GatewayReference(operation.action.value.lower(), operation.gateway_id),)


def _union(known: tuple[GatewayReference, ...], more: tuple[GatewayReference, ...]) -> tuple[GatewayReference, ...]:
    return tuple(dict.fromkeys(known + more))
