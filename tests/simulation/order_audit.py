"""What must hold between orders and money: held against the shop's own history, and against what callers were shown."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from support.virtual_time import VirtualClock

from payment_actions_server.domain.errors import ErrorReason, PaymentActionsError
from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action, CaptureMode, OrderCheck, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.domain.transitions import forward
from payment_actions_server.engine import PaymentView
from payment_actions_server.plugins import PlatformOrder
from payment_actions_server.plugins.fakes.platform import CLOSED
from simulation.shop import COLLECTABLE

if TYPE_CHECKING:
    from simulation.auditor import Intent, Row
    from simulation.world import World

NO_BARRED_CAPTURE: Final = "no capture of an order that bars it"
CAPTURED_AS_READ: Final = "what is captured is what the shop said"
SHOWN_FIRST: Final = "a new total is shown before it is captured"
REFUSAL_SHOWN: Final = "an order that bars a capture is shown so"
VOID_POSSIBLE: Final = "VOID stays possible"
REFUND_POSSIBLE: Final = "a refund is refused for nothing that became of the order"
NOTHING_BARRED: Final = "an order bars nothing once no money can be collected"
STAYS_CANCELLED: Final = "a cancelled order is not opened again"
BLAMED_RIGHTLY: Final = "the shop is blamed for its own changes only"
BOUNDED_WAR: Final = "a tug of war with the shop is bounded"
REFRESH_BEGINS_ANEW: Final = "only a refresh by staff begins a dispute anew"
REFUND_FOUND: Final = "a refund that the shop shows is found"

LEFT_TO_THE_SHOP: Final = frozenset({OrderState.CANCELLED, OrderState.DELETED, OrderState.OTHER_METHOD})
"""What the shop missed of such an order it is told once the order is set right."""
VOIDABLE: Final = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED})
ORDER_REASONS: Final = frozenset(
    {ErrorReason.ORDER_CANCELLED, ErrorReason.ORDER_CHANGED, ErrorReason.ORDER_TOTAL_INVALID}
)
CURRENCY: Final = "USD"
LAST_WRITE_SECONDS: Final = 90
"""Longer than the lease of a write: one that was claimed before an order was cancelled has been made by then."""


@dataclass(eq=False)
class Call:
    """One call of a client: a request may be called for again and again."""

    request: ActionRequest
    begin: datetime
    known: "Row | None"  #: The payment's record when the call began.
    order: PlatformOrder | None = None  #: How the shop last showed it the order; None: not at all, or as deleted.


CALL: ContextVar[Call | None] = ContextVar("call", default=None)
"""The call in whose task the code runs."""


class OrderAuditor:
    """Knows how each order was in the shop, and how its payment was recorded, at every moment."""

    def __init__(self, world: "World") -> None:
        self._world, self._story = world, world.story
        self._platform = world.platform
        self._partial = world.setting.terms.partial_capture
        self._checked = world.setting.order_check is OrderCheck.BEFORE_MONEY
        self._reverts_max = world.setting.policy.store_reverts_max
        self._records: defaultdict[str, list[tuple[datetime, Row]]] = defaultdict(list)
        self._calls: dict[str, Call] = {}  #: By their actors.
        self._repriced_by: dict[str, datetime] = {}  #: Actor: when it last recorded another total.
        self._last_change: dict[str, Event] = {}  #: Order: the last event that tells of a change of the order.
        self._blames: Counter[str] = Counter()
        self._blamed: set[str] = set()  #: Orders whose shop was blamed since their payment was last looked at.
        self._rewrites: Counter[str] = Counter()  #: Order: since its status moved, or staff refreshed.
        self.refreshing: Counter[str] = Counter()  #: Order: how many refreshes by staff may be under way.

    # -- Calls ------------------------------------------------------------------------------------------------------

    def begin(self, request: ActionRequest) -> Call:
        """Note that a call begins, under an actor of its own: what it begins or records names that."""
        request = request._replace(actor=f"call {len(self._calls) + 1}")
        call = Call(request, VirtualClock().now(), self._world.auditor.payments.get(request.order_id))
        self._calls[request.actor] = call
        return call

    def read(self, order_id: str, order: PlatformOrder | None) -> None:
        """Note what the shop showed to the call in whose task the reading was made."""
        call = CALL.get()
        if call is not None and call.request.order_id == order_id:
            call.order = order

    def refused(self, call: Call, error: PaymentActionsError) -> None:
        """Look at a refusal: the order must be shown so, and must not be the reason where it bars nothing."""
        action, reason, known = call.request.action, error.reason, call.known is not None and call.known.ours
        for_order = reason in ORDER_REASONS or (known and reason is ErrorReason.ORDER_NOT_FOUND)
        why = f"{call.request.request_id} of {call.request.order_id}: {reason}, {error}"
        if action is Action.VOID:
            unreadable = known and reason is ErrorReason.PLATFORM_UNAVAILABLE
            self._story.check(not for_order and not unreadable, VOID_POSSIBLE, why)
        elif action is Action.REFUND:
            self._story.check(not for_order, REFUND_POSSIBLE, why)
        elif reason in ORDER_REASONS:
            shown = list(self._records_since(call.request.order_id, call.begin))
            self._story.check(self._explain(reason, shown), REFUSAL_SHOWN, f"{why}; recorded was {shown}")

    def _explain(self, reason: ErrorReason, shown: "list[Row]") -> bool:
        states = {record.order_state for record in shown}
        if reason is ErrorReason.ORDER_CANCELLED:
            return not states.isdisjoint({OrderState.CANCELLED, OrderState.DELETED})
        if reason is ErrorReason.ORDER_TOTAL_INVALID:
            return OrderState.TOTAL_INVALID in states
        elsewhere = not states.isdisjoint({OrderState.OTHER_METHOD, OrderState.OTHER_CURRENCY})
        totals = {record.order_total_minor for record in shown}
        return elsewhere or len(totals) > 1 or not all(self._collectable_minor(record) for record in shown)

    # -- After a commit ---------------------------------------------------------------------------------------------

    def check_intent(self, intent: "Intent", payment: "Row") -> None:
        """Look at an operation that begins: the order must not have barred it all the time since the call began."""
        if intent.action is not Action.CAPTURE or not self._checked:
            return
        call = self._calls[intent.actor]
        orders = self._orders_since(intent.order_id, call.begin)
        self._story.check(
            any(self._allows(order, intent, payment) for order in orders),
            NO_BARRED_CAPTURE,
            f"{intent}; the order since its call began: {orders}",
        )
        as_read = call.order is not None and call.order.total_minor == payment.order_total_minor
        as_read = as_read and self._allows(call.order, intent, payment)
        self._story.check(as_read, CAPTURED_AS_READ, f"{intent}; its call read {call.order}")
        other = self._has_found_other_total(payment, call)
        self._story.check(not other, SHOWN_FIRST, f"{intent}; its own call had found another total")

    def _allows(self, order: PlatformOrder | None, intent: "Intent", payment: "Row") -> bool:
        if order is None or order.cancelled or order.total_minor is None:
            return False
        if (order.method_name, order.currency_code) != (self._world.method, CURRENCY):
            return False
        if self._partial:
            return intent.base_minor + intent.amount_minor <= order.total_minor
        return order.total_minor == payment.authorized_minor

    def _has_found_other_total(self, payment: "Row", call: Call) -> bool:
        """Tell whether a call itself recorded its total, unseen before, while another could have been captured."""
        time = self._repriced_by.get(call.request.actor)
        if time is None:
            return False
        shown = _until(self._records[payment.order_id], call.begin, time)
        unseen = payment.order_total_minor not in {record.order_total_minor for record in shown}
        return unseen and all(self._collectable_minor(record) for record in shown)

    def check_event(self, event: Event) -> None:
        """Look at what became of the order."""
        order_id = event.order_id
        if event.status_before is not event.status_after or any(name.startswith("newly_") for name in event.details):
            self._rewrites[order_id] = 0
        if event.type == EventType.ORDER_CHANGED:
            self._last_change[order_id] = event
        elif event.type == EventType.STORE_STATUS_CHANGED:
            self._blames[order_id] += 1
            self._blamed.add(order_id)
            own = self._world.shop.status_changes[order_id] + self._platform.pushed_back[order_id]
            self._story.count("store statuses changed back")
            self._story.check(
                self._blames[order_id] <= own,
                BLAMED_RIGHTLY,
                f"{order_id}: {event.message} It is blamed for the {self._blames[order_id]}. time, after {own} changes",
            )

    def check_payment(self, payment: "Row", before: "Row") -> None:
        """Look at a payment that changed."""
        order_id = payment.order_id
        self._records[order_id].append((VirtualClock().now(), payment))
        if not payment.ours:
            return
        if payment.status not in COLLECTABLE:
            placed = payment.order_state is OrderState.PLACED
            self._story.check(placed, NOTHING_BARRED, f"{payment} shows that its order is {payment.order_state}")
        event = self._last_change.get(order_id)
        if payment.order_total_minor != before.order_total_minor and event is not None:
            self._repriced_by[event.actor] = VirtualClock().now()
        self._check_war(payment, before)

    def _check_war(self, payment: "Row", before: "Row") -> None:
        order_id, was, now = payment.order_id, before.store_update_state, payment.store_update_state
        set_right = before.order_state in LEFT_TO_THE_SHOP and payment.order_state not in LEFT_TO_THE_SHOP
        moved = payment.facts != before.facts or (before.anomaly and not payment.anomaly) or set_right
        ended = was is StoreUpdateState.DISPUTED and now is StoreUpdateState.PENDING
        if moved:
            self._rewrites[order_id] = 0
        elif ended:
            self._rewrites[order_id] = 0
            self._story.check(self.refreshing[order_id], REFRESH_BEGINS_ANEW, f"{payment} is written anew, unasked")
        if now is StoreUpdateState.DISPUTED and was is not now:
            self._story.count("disputes")
            changes = self._world.shop.status_changes[order_id]
            self._story.check(changes, BLAMED_RIGHTLY, f"{payment} is disputed; the shop changed nothing by itself")
        rewritten = order_id in self._blamed and payment.store_update_generation > before.store_update_generation
        self._blamed.discard(order_id)
        if rewritten:
            self._rewrites[order_id] += 1
            self._story.check(
                self._rewrites[order_id] <= self._reverts_max,
                BOUNDED_WAR,
                f"{payment} was written again {self._rewrites[order_id]} times",
            )

    def check_write(self, order_id: str, status: PaymentStatus) -> None:
        """Look at a write to the store: it must not open an order that the record has long shown as cancelled."""
        since = VirtualClock().now() - timedelta(seconds=LAST_WRITE_SECONDS)
        cancelled = all(record.order_state is OrderState.CANCELLED for record in self._records_since(order_id, since))
        self._story.check(
            not cancelled or status not in VOIDABLE,
            STAYS_CANCELLED,
            f"{order_id} is cancelled; the store is told that it is {status}",
        )

    # -- What callers see -------------------------------------------------------------------------------------------

    def check_view(self, view: PaymentView) -> None:
        """Look at what is offered: an authorization can be given up, whatever became of its order."""
        payment = view.payment
        idle = view.operation is None and payment.under_way is None and not payment.anomaly
        later = view.capture_mode is CaptureMode.AUTHORIZE_THEN_CAPTURE
        if payment.ours and idle and payment.status in VOIDABLE and later:
            refusals = [refusal for refusal in view.decision.refusals if refusal.action is Action.VOID]
            self._story.check(not refusals, VOID_POSSIBLE, f"{payment.order_id} is {payment.status}: {refusals}")

    # -- For the end ------------------------------------------------------------------------------------------------

    def find_difference(self, payment: "Row") -> str:
        """Return what a payment should show of its order and does not; empty when there is nothing."""
        order = self._platform.present(payment.order_id)
        ours = order is not None and order.method_name == self._world.method
        if not payment.ours:
            return f"{payment.order_id} is the gateway's, and not recorded so" if ours else ""
        expected = _expected_state(order, self._world.method) if payment.status in COLLECTABLE else OrderState.PLACED
        if payment.order_state is not expected:
            return f"{payment.order_id} is {expected} in the shop, {payment.order_state} in the record"
        if order is None or order.total_minor is None or order.currency_code != CURRENCY:
            return ""
        shop, record = (order.total_minor, order.order_number), (payment.order_total_minor, payment.order_number)
        return f"{payment.order_id} has total and number {shop} in the shop, {record} in the record" * (shop != record)

    def find_other_status(self, payment: "Row") -> str:
        """Return which status the shop holds instead of the payment's; empty when it holds that, or need not."""
        order = self._platform.present(payment.order_id)
        if order is None or not payment.ours or payment.status is PaymentStatus.PENDING:
            return ""
        if self._is_left_to_the_shop(order, payment):
            return ""
        further = not self._world.setting.obedient and forward(payment.status, order.status)
        own = further and self._world.shop.status_changes[payment.order_id]  # The platform pushes nothing back.
        if order.status is payment.status or own:
            return ""
        return f"{payment}; the shop holds {order.status}, the store update is {payment.store_update_state}"

    def _is_left_to_the_shop(self, order: PlatformOrder, payment: "Row") -> bool:
        """Tell whether the order's status is let be: the order is cancelled or paid otherwise, and holds no money."""
        if payment.status in (PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED):
            return False
        if order.method_name != self._world.method:
            return True
        return order.cancelled and (payment.status in COLLECTABLE or order.status in CLOSED)

    def find_missing_refund(self, payment: "Row") -> str:
        """Return which refund a list shows, the gateway knew from the first, and the record lacks; empty: none."""
        order = self._platform.present(payment.order_id)
        known = self._world.shop.shown_refunds.get(payment.order_id) == "knows"
        listed = self._world.setting.policy.discovery_seconds
        if not (known and listed and payment.ours) or order is None or payment.refunded_minor >= order.refunded_minor:
            return ""
        return f"{payment}; the shop shows {order.refunded_minor} refunded, and the gateway knows it"

    # -- How it is known --------------------------------------------------------------------------------------------

    def _collectable_minor(self, record: "Row") -> int:
        """Return how much the record offers to be captured."""
        if record.order_state is not OrderState.PLACED or record.status not in VOIDABLE:
            return 0
        if not self._partial and record.order_total_minor != record.authorized_minor:
            return 0
        return max(min(record.order_total_minor, record.authorized_minor) - record.captured_minor, 0)

    def _orders_since(self, order_id: str, begin: datetime) -> "list[PlatformOrder | None]":
        versions = [(version.time, version.order) for version in self._platform.history[order_id]]
        return list(_since(versions, begin))

    def _records_since(self, order_id: str, begin: datetime) -> "Iterator[Row]":
        return _since(self._records[order_id], begin)


def _until(versions: list[tuple[datetime, Any]], begin: datetime, end: datetime) -> list[Any]:
    """Return all that was so between ``begin`` and ``end``, but for what became so at ``end``."""
    return list(_since([(time, version) for time, version in versions if time < end], begin))


def _since(versions: list[tuple[datetime, Any]], begin: datetime) -> Iterator[Any]:
    """Yield all that was so at ``begin``, or later."""
    ends = [time for time, _ in versions[1:]]
    for (_, version), end in zip(versions, (*ends, None), strict=True):
        if end is None or end >= begin:
            yield version


def _expected_state(order: PlatformOrder | None, method: str) -> OrderState:
    if order is None:
        return OrderState.DELETED
    faults: tuple[tuple[Callable[[PlatformOrder], bool], OrderState], ...] = (
        (lambda order: order.cancelled, OrderState.CANCELLED),
        (lambda order: order.method_name != method, OrderState.OTHER_METHOD),
        (lambda order: order.total_minor is None, OrderState.TOTAL_INVALID),
        (lambda order: order.currency_code != CURRENCY, OrderState.OTHER_CURRENCY),
    )
    return next((state for is_so, state in faults if is_so(order)), OrderState.PLACED)
