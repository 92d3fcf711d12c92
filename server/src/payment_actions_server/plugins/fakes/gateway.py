"""A strict payment gateway in memory."""

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins.errors import NotExecuted, NotificationRefused, StateConflict
from payment_actions_server.plugins.fakes.faults import Faults
from payment_actions_server.plugins.gateway import (
    ActionCapability,
    GatewayCapabilities,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    Notification,
    NotificationKind,
    ResultState,
)


class Effect(NamedTuple):
    """Money that really moved (or, of a void, an authorization that was really given up)."""

    order_id: str
    action: Action
    reference: str  #: Under which it was asked for; empty when it was done at the console.
    amount_minor: int
    time: datetime


@dataclass(slots=True)
class _Held:
    """A payment as the gateway holds it. ``base`` says what became of the authorization."""

    payment_id: str
    order_id: str
    currency_code: str
    order_minor: int
    base: PaymentStatus = PaymentStatus.PENDING
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    expire_time: datetime | None = None
    reason_code: str = ""
    calls: list["_Call"] = field(default_factory=list)

    def status(self, now: datetime) -> PaymentStatus:
        if self.refunded_minor:
            whole = self.refunded_minor == self.captured_minor
            return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
        if self.captured_minor:
            open_rest = self.captured_minor < self.authorized_minor and self.base is PaymentStatus.AUTHORIZED
            return PaymentStatus.PARTIALLY_CAPTURED if open_rest else PaymentStatus.CAPTURED
        ran_out = self.expire_time is not None and now >= self.expire_time
        if ran_out and self.base is PaymentStatus.AUTHORIZED:
            return PaymentStatus.EXPIRED
        return self.base

    def left_minor(self, action: Action, now: datetime) -> int:
        """Return how much of ``action`` is possible now; 0 when its state bars it."""
        if action is Action.REFUND:
            return self.captured_minor - self.refunded_minor
        uncaptured = self.status(now) in {PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED}
        return self.authorized_minor - self.captured_minor if uncaptured else 0

    def move(self, action: Action, amount_minor: int) -> None:
        if action is Action.CAPTURE:
            self.captured_minor += amount_minor
        elif action is Action.REFUND:
            self.refunded_minor += amount_minor
        else:
            self.base = PaymentStatus.VOIDED

    @property
    def pending(self) -> "_Call | None":
        return next((call for call in self.calls if call.result.state is ResultState.PENDING), None)


@dataclass(slots=True)
class _Call:
    """A call that the gateway accepted or declined, remembered under its reference."""

    request: GatewayRequest
    held: _Held
    time: datetime
    result: GatewayResult


class _Envelope(NamedTuple):
    message_id: str
    account: str
    kind: NotificationKind
    subject: str
    identifiers: tuple[str, ...]
    order_id: str


_ENVELOPE: Final = TypeAdapter(_Envelope)
_WINDOW: Final = timedelta(days=7)
SIGNATURE_HEADER: Final = "x-signature"
TOKEN: Final = "in-memory-token"  # noqa: S105 - of a fake


def full_capabilities(*, partial: bool = False, account: str = "in-memory") -> GatewayCapabilities:
    """Return the most that a gateway can guarantee: repeats for a week, every reference looked up."""
    return GatewayCapabilities(
        capture=ActionCapability(_WINDOW, lookup=True, partial=partial),
        void=ActionCapability(timedelta.max, lookup=True),
        refund=ActionCapability(_WINDOW, lookup=True, partial=partial),
        account=account,
        credentials_fingerprint=hashlib.sha256(account.encode()).hexdigest(),
    )


class InMemoryGateway:
    """A `PaymentGateway` with real semantics: it moves money once for each reference, and only where it may.

    A repeat within the declared idempotency window is answered as the first attempt was; after that it is a
    new effect, if the amounts still allow one.

    :param clock: what time it is.
    :param capabilities: what it guarantees, and keeps to; by default `full_capabilities`.
    :param token: what notifications are signed with.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        capabilities: GatewayCapabilities | None = None,
        token: str = TOKEN,
    ) -> None:
        self.faults = Faults("capture", "void", "refund", "look_up", "snapshot", "verify_notification")
        self.effects: list[Effect] = []  #: All that really happened, oldest first.
        self.calls: list[tuple[str, str]] = []
        """Every call that was made, also one that got lost: its name, its reference (or order id)."""
        self.pending: set[Action] = set()  #: Actions that wait for `finish` or `decline`, each time.
        self.closed = False
        self._clock = clock
        self._capabilities = capabilities or full_capabilities()
        self._token = token
        self._held: dict[str, _Held] = {}
        self._answers: dict[Action, deque[GatewayResult]] = {action: deque() for action in Action}
        self._shown: deque[Snapshot] = deque()
        self._count = 0

    def __repr__(self) -> str:
        return f"InMemoryGateway({self._capabilities.account!r})"

    # What a test does at the gateway's side.

    def place(self, order_id: str, amount_minor: int, currency_code: str = "USD") -> GatewayReference:
        """Begin a payment whose authorization has no result yet."""
        held = _Held(self._next_id("P"), order_id, currency_code, amount_minor)
        self._held[order_id] = held
        return GatewayReference("payment", held.payment_id)

    def authorize(
        self,
        order_id: str,
        amount_minor: int | None = None,
        currency_code: str = "USD",
        *,
        expire_time: datetime | None = None,
    ) -> GatewayReference:
        """Authorize a payment: one that was placed, or, with an amount, a new one."""
        if amount_minor is not None and order_id not in self._held:
            self.place(order_id, amount_minor, currency_code)
        held = self._held[order_id]
        held.base, held.authorized_minor = PaymentStatus.AUTHORIZED, held.order_minor
        held.expire_time = expire_time
        return GatewayReference("payment", held.payment_id)

    def close(self, order_id: str, status: PaymentStatus, reason_code: str = "") -> None:
        """End an authorization without anybody's call: DECLINED, EXPIRED or VOIDED."""
        assert status in {PaymentStatus.DECLINED, PaymentStatus.EXPIRED, PaymentStatus.VOIDED}
        held = self._held[order_id]
        held.base, held.reason_code = status, reason_code

    def console(self, action: Action, order_id: str, amount_minor: int | None = None) -> None:
        """Capture, void or refund as at the gateway's own console; by default all that is left."""
        held = self._held[order_id]
        left = held.left_minor(action, self._clock())
        amount = left if amount_minor is None else amount_minor
        assert 0 < amount <= left, f"{action} of {amount} is not possible, {left} is left"
        self._move(held, action, amount, reference="")

    def decline_next(self, action: Action, reason_code: str = "ProcessorDeclined") -> None:
        """Decline the next such call; the authorization stays as it is."""
        self._answers[action].append(
            GatewayResult(state=ResultState.DECLINED, reason_code=reason_code, message="The gateway declined.")
        )

    def pend_next(self, action: Action) -> None:
        """Accept the next such call; `finish` or `decline` gives its result."""
        self._answers[action].append(GatewayResult(state=ResultState.PENDING))

    def finish(self, reference: str) -> None:
        """Carry out what is pending under ``reference``; decline it if that is no longer possible."""
        call = self._pending_call(reference)
        request = call.request
        if request.amount_minor > call.held.left_minor(request.action, self._clock()):
            self.decline(reference, "NoLongerPossible")
            return
        call.result = replace(call.result, state=ResultState.SUCCEEDED)
        self._move(call.held, request.action, request.amount_minor, request.reference)

    def decline(self, reference: str, reason_code: str = "ProcessorDeclined") -> None:
        """Decline what is pending under ``reference``."""
        call = self._pending_call(reference)
        call.result = replace(
            call.result, state=ResultState.DECLINED, reason_code=reason_code, message="The gateway declined."
        )

    def pending_references(self, order_id: str | None = None) -> list[str]:
        """Return the references whose result is open, oldest first."""
        held = [self._held[order_id]] if order_id is not None else list(self._held.values())
        pending = [payment.pending for payment in held]
        return [call.request.reference for call in pending if call is not None]

    def show_next(self, snapshot: Snapshot) -> None:
        """Answer the next `snapshot` with this one, true or not: a late one, or a contradiction."""
        self._shown.append(snapshot)

    def effects_of(self, order_id: str) -> list[Effect]:
        """Return what really happened to one payment, oldest first."""
        return [effect for effect in self.effects if effect.order_id == order_id]

    def make_notification(
        self,
        order_id: str,
        *,
        message_id: str | None = None,
        identifiers: tuple[str, ...] | None = None,
        kind: NotificationKind = NotificationKind.CHANGE,
        account: str | None = None,
        name_order: bool = True,
    ) -> tuple[dict[str, str], bytes]:
        """Return the headers and body of a signed notification about a payment.

        :param identifiers: by default the gateway's ids of it, the last first.
        """
        held = self._held[order_id]
        ids = tuple(reference.value for reference in reversed(_references(held)))
        envelope = _Envelope(
            message_id=message_id or self._next_id("M"),
            account=account or self._capabilities.account,
            kind=kind,
            subject=f"payment {held.payment_id} is {held.status(self._clock())}",
            identifiers=ids if identifiers is None else identifiers,
            order_id=order_id if name_order else "",
        )
        body = json.dumps(envelope).encode()
        return {SIGNATURE_HEADER: self._signature(body)}, body

    # The port.

    @property
    def capabilities(self) -> GatewayCapabilities:
        """Say what is guaranteed."""
        return self._capabilities

    async def capture(self, request: GatewayRequest) -> GatewayResult:
        """Collect an authorized amount, once for each reference."""
        return await self._act(request, Action.CAPTURE)

    async def void(self, request: GatewayRequest) -> GatewayResult:
        """Give up an authorization, or what is left of it."""
        return await self._act(request, Action.VOID)

    async def refund(self, request: GatewayRequest) -> GatewayResult:
        """Return a captured amount, once for each reference."""
        return await self._act(request, Action.REFUND)

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        """Return what became of the reference."""
        assert self._capabilities.of(request.action).lookup, "never called where it is not declared"
        self.calls.append(("look_up", request.reference))

        def find() -> GatewayResult | None:
            found = self._known(request)
            return found.result if found else None

        return await self.faults.around_harmless("look_up", find)

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        """Return what is true now, or what `show_next` says."""
        self.calls.append(("snapshot", payment.order_id))
        return await self.faults.around_harmless("snapshot", lambda: self._snapshot(payment))

    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return what `make_notification` of the same account and token made."""
        return await self.faults.around_harmless("verify_notification", lambda: self._verified(headers, body))

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True

    # How it comes about.

    async def _act(self, request: GatewayRequest, action: Action) -> GatewayResult:
        assert request.action is action
        call = action.lower()
        self.calls.append((call, request.reference))
        return await self.faults.around(call, lambda: self._carry_out(request))

    def _carry_out(self, request: GatewayRequest) -> GatewayResult:
        now = self._clock()
        known = self._known(request)
        if known and now - known.time < self._capabilities.of(request.action).idempotency_window:
            return self._replayed(known, request)
        held = self._find(request.payment)
        self._refuse_impossible(held, request, now)
        result = replace(self._answer(request.action), gateway_id=self._next_id(request.action[0]))
        held.calls.append(_Call(request, held, now, result))
        if result.state is ResultState.SUCCEEDED:
            self._move(held, request.action, request.amount_minor, request.reference)
        return result

    def _replayed(self, known: _Call, request: GatewayRequest) -> GatewayResult:
        if _parameters(known.request) != _parameters(request):
            raise StateConflict(f"{request.reference} is known with other parameters", reason_code="ReferenceReused")
        return known.result

    def _refuse_impossible(self, held: _Held, request: GatewayRequest, now: datetime) -> None:
        if request.currency_code != held.currency_code:
            raise NotExecuted(f"the payment is in {held.currency_code}", reason_code="CurrencyMismatch")
        if held.pending:
            raise StateConflict("another call on the payment is pending", reason_code="Pending")
        left = held.left_minor(request.action, now)
        if not 0 < request.amount_minor <= left:
            raise StateConflict(
                f"{request.action} of {request.amount_minor}: {left} is left, the payment {held.status(now)}",
                reason_code="InvalidState",
            )
        if request.amount_minor < left and not self._capabilities.of(request.action).partial:
            raise NotExecuted(f"only the whole of {left} can be moved", reason_code="PartialAmount")

    def _answer(self, action: Action) -> GatewayResult:
        if answers := self._answers[action]:
            return answers.popleft()
        return GatewayResult(state=ResultState.PENDING if action in self.pending else ResultState.SUCCEEDED)

    def _move(self, held: _Held, action: Action, amount_minor: int, reference: str) -> None:
        held.move(action, amount_minor)
        self.effects.append(Effect(held.order_id, action, reference, amount_minor, self._clock()))

    def _snapshot(self, payment: GatewayPayment) -> Snapshot:
        if self._shown:
            return self._shown.popleft()
        held = self._find(payment)
        return Snapshot(
            status=held.status(self._clock()),
            currency_code=held.currency_code,
            authorized_minor=held.authorized_minor,
            captured_minor=held.captured_minor,
            refunded_minor=held.refunded_minor,
            references=_references(held),
            authorization_expire_time=held.expire_time,
            under_way=held.pending.request.action if held.pending else None,
            reason_code=held.reason_code,
        )

    def _verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        signature = headers.get(SIGNATURE_HEADER, "").encode()
        if not hmac.compare_digest(signature, self._signature(body).encode()):
            raise NotificationRefused("the signature does not fit", kind="signature")
        try:
            envelope = _ENVELOPE.validate_json(body)
        except ValidationError:
            raise NotificationRefused("not a notification", kind="format") from None
        if envelope.account != self._capabilities.account:
            raise NotificationRefused(f"for the account {envelope.account}", kind="account")
        content: dict[str, Any] = envelope._asdict()
        del content["account"]
        return Notification(**content)

    def _signature(self, body: bytes) -> str:
        return hmac.new(self._token.encode(), body, hashlib.sha256).hexdigest()

    def _find(self, payment: GatewayPayment) -> _Held:
        """Return the payment by the gateway's own id of it, or, when we have none yet, by its order."""
        payment_id = payment.reference("payment")
        for held in self._held.values():
            if payment_id in {"", held.payment_id} and (payment_id or held.order_id == payment.order_id):
                return held
        raise NotExecuted(f"there is no payment of order {payment.order_id}", reason_code="NotFound")

    def _known(self, request: GatewayRequest) -> _Call | None:
        """Return the last call under the reference."""
        calls = [call for held in self._held.values() for call in held.calls]
        return next((call for call in reversed(calls) if call.request.reference == request.reference), None)

    def _pending_call(self, reference: str) -> _Call:
        pending = [held.pending for held in self._held.values()]
        found = next((call for call in pending if call and call.request.reference == reference), None)
        assert found, f"nothing is pending under {reference}"
        return found

    def _next_id(self, letter: str) -> str:
        self._count += 1
        return f"{letter}-{self._count:06}"


def _parameters(request: GatewayRequest) -> tuple[Action, str, int, str]:
    return request.action, request.payment.order_id, request.amount_minor, request.currency_code


def _references(held: _Held) -> tuple[GatewayReference, ...]:
    calls = [call for call in held.calls if call.result.state is not ResultState.DECLINED]
    return (
        GatewayReference("payment", held.payment_id),
        *(GatewayReference(call.request.action.lower(), call.result.gateway_id) for call in calls),
    )
