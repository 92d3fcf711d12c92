"""The other sides: gateways and platforms of several kinds, stricter and laxer, with what they really did."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.domain.transitions import forward
from payment_actions_server.plugins import (
    ActionCapability,
    GatewayCapabilities,
    GatewayRequest,
    GatewayResult,
    PlatformOrder,
    ResultState,
    StateConflict,
    StatusApplied,
    StatusUpdate,
)
from payment_actions_server.plugins.fakes import WORDS, InMemoryGateway, InMemoryPlatform, Write, full_capabilities

CALL_SECONDS_MAX: Final = 10.0
SHORT_WINDOW: Final = timedelta(seconds=90)

SEES_ALL = "sees all"
FORGETS_SOON = "forgets soon"
BLIND = "blind"
BLIND_FORGETS_SOON = "blind, forgets soon"
BLIND_NO_REPEAT = "blind, takes no repeat"
VOID_WITHOUT_REFERENCE = "void without reference"
REFUSES_REPEATS = "slow, refuses repeats"
GATEWAYS: Final = (
    SEES_ALL,
    FORGETS_SOON,
    BLIND,
    BLIND_FORGETS_SOON,
    BLIND_NO_REPEAT,
    VOID_WITHOUT_REFERENCE,
    REFUSES_REPEATS,
)


def capabilities_of(kind: str, *, partial: bool) -> GatewayCapabilities:
    """Return what a gateway of this kind guarantees."""
    full = replace(full_capabilities(partial=partial), call_seconds_max=CALL_SECONDS_MAX)
    window = {FORGETS_SOON: SHORT_WINDOW, BLIND_FORGETS_SOON: SHORT_WINDOW, BLIND_NO_REPEAT: timedelta(0)}.get(
        kind, timedelta(days=7)
    )
    lookup = not kind.startswith("blind")
    moving = ActionCapability(window, lookup=lookup, partial=partial)
    void = ActionCapability(timedelta.max if kind == VOID_WITHOUT_REFERENCE else window, lookup=lookup)
    return replace(full, capture=moving, void=void, refund=moving)


class Truth(NamedTuple):
    """What is so of a payment."""

    status: PaymentStatus
    authorized_minor: int
    captured_minor: int
    refunded_minor: int

    def __str__(self) -> str:
        return (
            f"{self.status}, {self.authorized_minor} authorized, {self.captured_minor} captured,"
            f" {self.refunded_minor} refunded"
        )


class RealisticGateway(InMemoryGateway):
    """A gateway whose answers the seed draws: most succeed, some come late, some are refused."""

    def __init__(self, clock: Any, random: Random, *, capabilities: GatewayCapabilities, moody: bool) -> None:
        super().__init__(clock, capabilities=capabilities)
        self._random = random
        self.moody = moody

    def _answer(self, action: Action) -> GatewayResult:
        mood = self._random.random() if self.moody else 1.0
        if mood < 0.1:
            return GatewayResult(state=ResultState.DECLINED, reason_code="ProcessorDeclined", message="Declined.")
        return GatewayResult(state=ResultState.PENDING if mood < 0.3 else ResultState.SUCCEEDED)

    def truth(self, order_id: str) -> Truth | None:
        """Return status and amounts as they really are."""
        held = self._held.get(order_id)
        if held is None:
            return None
        return Truth(held.status(self._clock()), held.authorized_minor, held.captured_minor, held.refunded_minor)

    def order_of(self, reference: str) -> str:
        """Return whose payment it is that a pending reference works on."""
        return self._pending_call(reference).held.order_id

    def left_minor(self, action: Action, order_id: str) -> int:
        """Return how much the console could move now."""
        return self._held[order_id].left_minor(action, self._clock())


class LenientGateway(RealisticGateway):
    """One that returns more than was collected if it is asked to, as Amazon does up to a limit."""

    def _refuse_impossible(self, held: Any, request: GatewayRequest, now: Any) -> None:
        if request.action is Action.REFUND and held.captured_minor and not held.pending:
            return
        super()._refuse_impossible(held, request, now)


class VoidWithoutReference(RealisticGateway):
    """One whose void carries no reference: a repeat is refused, and only the state tells what became of it."""

    def _carry_out(self, request: GatewayRequest) -> GatewayResult:
        if request.action is not Action.VOID:
            return super()._carry_out(request)
        held, now = self._find(request.payment), self._clock()
        if held.pending:
            raise StateConflict("another call on the payment is pending", reason_code="Pending")
        if not held.left_minor(Action.VOID, now):
            raise StateConflict(f"the payment is {held.status(now)}", reason_code="InvalidState")
        self._move(held, Action.VOID, request.amount_minor, request.reference)
        return GatewayResult(state=ResultState.SUCCEEDED)

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        if request.action is not Action.VOID:
            return await super().look_up(request)
        held, now = self._find(request.payment), self._clock()
        if held.base is PaymentStatus.VOIDED:
            return GatewayResult(state=ResultState.SUCCEEDED)
        if held.left_minor(Action.VOID, now):
            return None
        raise StateConflict(f"the payment is {held.status(now)}", reason_code="InvalidState")


class RefusesRepeats(RealisticGateway):
    """One that may work on a call for long, unseen, and refuses whatever else comes under its reference."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._taken_up: set[str] = set()

    def take_up(self, request: GatewayRequest) -> None:
        """Begin to work on a call, of which nothing shows until it is carried out."""
        if request.reference in self._taken_up or self._known(request):
            raise StateConflict("the reference is known", reason_code="DuplicateReference")
        self._taken_up.add(request.reference)

    def _carry_out(self, request: GatewayRequest) -> GatewayResult:
        self._taken_up.discard(request.reference)
        return super()._carry_out(request)


def gateway_of(kind: str, clock: Any, random: Random, *, partial: bool, lenient: bool, moody: bool) -> RealisticGateway:
    """Return a gateway of this kind."""
    sort: type[RealisticGateway] = LenientGateway if lenient else RealisticGateway
    sort = {VOID_WITHOUT_REFERENCE: VoidWithoutReference, REFUSES_REPEATS: RefusesRepeats}.get(kind, sort)
    return sort(clock, random, capabilities=capabilities_of(kind, partial=partial), moody=moody)


class Version(NamedTuple):
    """How an order was in the shop from a time on, until its next version."""

    time: datetime
    order: PlatformOrder | None  #: None: deleted.


class RecordedPlatform(InMemoryPlatform):
    """A platform that remembers how each order was, and when."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock)
        self.history: defaultdict[str, list[Version]] = defaultdict(list)
        self.pushed_back: Counter[str] = Counter()  #: Order: how often the service wrote a status that lay behind.
        self.on_write: Callable[[str], None] = lambda order_id: None  #: Told of each status that was really written.

    def place(self, order_id: str, *arguments: Any, **options: Any) -> PlatformOrder:
        """Place an order."""
        return self._remember(super().place(order_id, *arguments, **options))

    def change(self, order_id: str, **changes: Any) -> PlatformOrder:
        """Change an order's fields."""
        return self._remember(super().change(order_id, **changes))

    def remove(self, order_id: str) -> None:
        """Delete an order."""
        super().remove(order_id)
        self.history[order_id].append(Version(self._clock(), None))

    def put_back(self, order: PlatformOrder) -> None:
        """Put an order back that was deleted, as it was then."""
        self._orders[order.order_id] = order
        self.change(order.order_id)

    def present(self, order_id: str) -> PlatformOrder | None:
        """Return an order as it is now; None: it is deleted."""
        return self._orders.get(order_id)

    def _remember(self, order: PlatformOrder) -> PlatformOrder:
        self.history[order.order_id].append(Version(self._clock(), order))
        return order

    def _apply(self, update: StatusUpdate) -> StatusApplied:
        applied = self._write(update)
        if applied.written:
            self.on_write(update.order_id)
        return applied

    def _write(self, update: StatusUpdate) -> StatusApplied:
        return super()._apply(update)


class ObedientPlatform(RecordedPlatform):
    """A platform that writes whatever it is told, also what lies behind. A cancellation is none of its statuses."""

    def _write(self, update: StatusUpdate) -> StatusApplied:
        order = self._existing(update.order_id)
        word = WORDS[update.status]
        if order.status is update.status:
            return StatusApplied(word, written=False)
        if not forward(order.status, update.status):
            self.pushed_back[order.order_id] += 1
        self.change(order.order_id, status=update.status, platform_status=word)
        self.writes.append(Write(order.order_id, update.status, word, self._clock()))
        return StatusApplied(word, written=True)
