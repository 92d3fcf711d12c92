"""Planted faults: orders that change before money moves, shops that change statuses back or show refunds."""

import dataclasses
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from payment_actions_server.domain import decision
from payment_actions_server.domain.decision import Refusal
from payment_actions_server.domain.errors import ErrorReason, OrderCancelled, PlatformUnavailable
from payment_actions_server.domain.order import GONE
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import Action, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.engine import discovery, ledger, order_guard, orders
from payment_actions_server.engine.actions import Actions
from payment_actions_server.engine.discovery import Discovery
from payment_actions_server.engine.ledger import Ledger
from payment_actions_server.engine.order_guard import Confirmed, OrderGuard
from payment_actions_server.engine.orders import Orders
from payment_actions_server.engine.refresh import Refresh
from payment_actions_server.plugins import PlatformOrder
from payment_actions_server.storage.lists import ListQueries
from simulation.end_of_shop import BOUNDED_LOOKS, SHOWS_ORDER, STORE_HOLDS, UNDER_ATTENTION
from simulation.order_audit import (
    BLAMED_RIGHTLY,
    BOUNDED_WAR,
    CAPTURED_AS_READ,
    NO_BARRED_CAPTURE,
    NOTHING_BARRED,
    REFRESH_BEGINS_ANEW,
    REFUND_FOUND,
    REFUND_POSSIBLE,
    REFUSAL_SHOWN,
    SHOWN_FIRST,
    STAYS_CANCELLED,
    VOID_POSSIBLE,
)
from simulation.planting import Patches, mutant

# -- The order before the money ----------------------------------------------------------------------------------------


@mutant("order not read before a capture", within=20, found_by=(NO_BARRED_CAPTURE, CAPTURED_AS_READ))
def _() -> Patches:
    async def confirm(*_: Any) -> Confirmed:
        return Confirmed(None, None)  # type: ignore[arg-type]

    yield patch.object(OrderGuard, "confirm", confirm)


@mutant("order read from the record instead of the shop", within=20, found_by=(NO_BARRED_CAPTURE, CAPTURED_AS_READ))
def _() -> Patches:
    async def read_known(self: Orders, store: Any, payment: Payment) -> PlatformOrder:
        return _as_recorded(payment)

    yield patch.object(Orders, "read_known", read_known)


@mutant(
    "shop that cannot be asked taken for an order that stands",
    within=200,
    found_by=(NO_BARRED_CAPTURE, CAPTURED_AS_READ),
)
def _() -> Patches:
    original = Orders.read_known

    async def read_known(self: Orders, store: Any, payment: Payment) -> PlatformOrder | None:
        try:
            return await original(self, store, payment)
        except PlatformUnavailable:
            return _as_recorded(payment)

    yield patch.object(Orders, "read_known", read_known)


def _as_recorded(payment: Payment) -> PlatformOrder:
    return PlatformOrder(
        order_id=payment.order_id,
        order_number=payment.order_number,
        method_code=payment.method_code,
        method_name=payment.method_name,
        currency_code=payment.currency_code,
        total_minor=payment.order_total_minor,
        status=payment.status,
        platform_status="",
        cancelled=payment.order_state is not OrderState.PLACED,
    )


@mutant("order not held against the reading when a capture is begun", within=500, found_by=CAPTURED_AS_READ)
def _() -> Patches:
    original = Actions._start

    def start(self: Actions, work: Any, request: Any, operation_id: str, terms: Any) -> Any:
        return original(self, work, request, operation_id, None)

    yield patch.object(Actions, "_start", start)


@mutant("cancellation found and not recorded", within=50, found_by=REFUSAL_SHOWN)
def _() -> Patches:
    async def follow(self: OrderGuard, store: Any, payment: Payment, order: Any, request: Any) -> Payment:
        return orders.as_ordered(store, payment, order)

    yield patch.object(OrderGuard, "_follow", follow)


@mutant("deleted order taken for unchanged", within=300, found_by=NO_BARRED_CAPTURE)
def _() -> Patches:
    original = orders.as_ordered

    def as_ordered(store: Any, payment: Payment, order: Any) -> Payment:
        return payment if order is None else original(store, payment, order)

    yield from _everywhere(as_ordered)


def _everywhere(as_ordered: Any) -> Patches:
    for module in (orders, order_guard, discovery):
        yield patch.object(module, "as_ordered", as_ordered)


@mutant("re-priced order captured at the old total", within=50, found_by=NO_BARRED_CAPTURE)
def _() -> Patches:
    original = decision.capture_obstacle

    def capture_obstacle(payment: Payment, *, partial: bool) -> Any:
        return original(replace(payment, order_total_minor=payment.authorized_minor), partial=partial)

    yield patch.object(decision, "capturable_minor", lambda payment: payment.authorized_minor - payment.captured_minor)
    yield patch.object(decision, "capture_obstacle", capture_obstacle)


@mutant("new total captured before it was shown", within=200, found_by=SHOWN_FIRST)
def _() -> Patches:
    yield patch.object(order_guard, "_refuse_other_terms", lambda *_: None)


@mutant("total that is no amount taken for the last one that was", within=400, found_by=NO_BARRED_CAPTURE)
def _() -> Patches:
    original = orders.order_state

    def order_state(store: Any, payment: Payment, order: PlatformOrder) -> Any:
        state, detail = original(store, payment, order)
        return (OrderState.PLACED, "") if state is OrderState.TOTAL_INVALID else (state, detail)

    yield patch.object(orders, "order_state", order_state)


@mutant("VOID refused for a cancelled order", within=50, found_by=VOID_POSSIBLE)
def _() -> Patches:
    original = decision._judge

    def judge(payment: Payment, operation: Any, terms: Any, action: Action) -> Any:
        if action is Action.VOID and payment.order_state in GONE:
            return Refusal(action, ErrorReason.ORDER_CANCELLED, "The order is cancelled.")
        return original(payment, operation, terms, action)

    yield patch.object(decision, "_judge", judge)


@mutant("VOID refused while the shop cannot be asked", within=50, found_by=VOID_POSSIBLE)
def _() -> Patches:
    original = Actions._started

    async def started(self: Actions, request: Any, terms: Any) -> Any:
        store = self._context.store(request.store)
        if request.action is Action.VOID:
            await self._guard._orders.read(store, request.order_id)
        return await original(self, request, terms)

    yield patch.object(Actions, "_started", started)


@mutant("REFUND refused for a cancelled order", within=50, found_by=REFUND_POSSIBLE)
def _() -> Patches:
    original = OrderGuard.confirm

    async def confirm(self: OrderGuard, store: Any, request: Any, *arguments: Any) -> Confirmed:
        if request.action is Action.REFUND:
            payment = (await self._context.storage.record(PaymentKey(request.store, request.order_id))).payment
            order = await self._orders.read_known(store, payment)
            if order is None or order.cancelled:
                raise OrderCancelled("The order is cancelled.")
        return await original(self, store, request, *arguments)

    yield patch.object(OrderGuard, "confirm", confirm)


@mutant("order's state kept after VOID", within=20, found_by=NOTHING_BARRED)
def _() -> Patches:
    yield patch.object(Payment, "collectable", property(lambda payment: payment.ours))


@mutant("changed order of a list dropped as no news", within=100, found_by=SHOWS_ORDER)
def _() -> Patches:
    original = Discovery._may_bring_news

    def may_bring_news(self: Discovery, store: Any, order: PlatformOrder, known: Any) -> bool:
        if known is not None and known.payment is not None:
            known = known._replace(payment=orders.as_ordered(store, known.payment, order))
        return original(self, store, order, known)

    yield patch.object(Discovery, "_may_bring_news", may_bring_news)


@mutant("order whose total is no amount kept from operators", within=500, found_by=UNDER_ATTENTION)
def _() -> Patches:
    original = ListQueries.list_records

    async def list_records(self: ListQueries, wanted: Any) -> Any:
        found = await original(self, wanted)
        return [record for record in found if record.payment.order_state is not OrderState.TOTAL_INVALID]

    yield patch.object(ListQueries, "list_records", list_records)


# -- A shop that changes statuses by itself ----------------------------------------------------------------------------


@mutant("changes of the shop's own never counted", within=150, found_by=BOUNDED_WAR)
def _() -> Patches:
    original = Ledger.tell_store

    def tell_store(self: Ledger, work: Any, payment: Payment, *, reverts: int = 0) -> None:
        original(self, work, payment)

    yield patch.object(Ledger, "tell_store", tell_store)


@mutant("service's own write taken for the shop's", within=100, found_by=BLAMED_RIGHTLY)
def _() -> Patches:
    yield patch.object(orders, "_writes", lambda _: ())


@mutant("dispute never left", within=150, found_by=STORE_HOLDS)
def _() -> Patches:
    original = Orders.follow_status

    def follow_status(self: Orders, *arguments: Any) -> None:
        *others, cause = arguments
        original(self, *others, dataclasses.replace(cause, asked=False))

    yield patch.object(Orders, "follow_status", follow_status)


@mutant("dispute begun anew by the schedule", within=150, found_by=(REFRESH_BEGINS_ANEW, BOUNDED_WAR))
def _() -> Patches:
    original = Orders.follow_status

    def follow_status(self: Orders, *arguments: Any) -> None:
        *others, cause = arguments
        original(self, *others, dataclasses.replace(cause, asked=True))

    yield patch.object(Orders, "follow_status", follow_status)


@mutant("status that the shop changed dropped as no news", within=50, found_by=STORE_HOLDS)
def _() -> Patches:
    original = Discovery._may_bring_news

    def may_bring_news(self: Discovery, store: Any, order: PlatformOrder, known: Any) -> bool:
        if known is not None and known.payment is not None and known.store_update is not None:
            known = known._replace(store_update=replace(known.store_update, platform_status=order.platform_status))
        return original(self, store, order, known)

    yield patch.object(Discovery, "_may_bring_news", may_bring_news)


@mutant("status written over a cancellation", within=150, found_by=STAYS_CANCELLED)
def _() -> Patches:
    def may_hold(store: Any, payment: Payment, order: PlatformOrder) -> bool:
        return order.status is payment.status or payment.status is PaymentStatus.PENDING

    yield patch.object(orders, "may_hold", may_hold)
    yield patch.object(ledger, "_is_left_to_the_shop", lambda *_: False)


@mutant("dispute kept from operators", within=150, found_by=UNDER_ATTENTION)
def _() -> Patches:
    original = ListQueries.list_records

    async def list_records(self: ListQueries, wanted: Any) -> Any:
        found = await original(self, wanted)
        return [record for record in found if record.store_update.state is not StoreUpdateState.DISPUTED]

    yield patch.object(ListQueries, "list_records", list_records)


# -- Refunds that the shop shows ---------------------------------------------------------------------------------------


@mutant("refund that only the shop shows asked about for ever", within=300, found_by=BOUNDED_LOOKS)
def _() -> Patches:
    original = Refresh._end_without_news

    def end_without_news(self: Refresh, work: Any, before: Any, events: Any, cause: Any, reading: Any) -> None:
        payment, order = work.known(), reading.order
        original(self, work, before, events, cause, reading)
        if payment.ours and order is not None and order.refunded_minor > payment.refunded_minor:
            self._ledger.plan_look_again(work)

    yield patch.object(Refresh, "_end_without_news", end_without_news)


@mutant("refund that only the shop shows believed", within=100, found_by="the record is never ahead of the gateway")
def _() -> Patches:
    original = orders.as_ordered

    def as_ordered(store: Any, payment: Payment, order: Any) -> Payment:
        ordered = original(store, payment, order)
        shown = 0 if order is None else min(order.refunded_minor, payment.captured_minor)
        return replace(ordered, refunded_minor=max(ordered.refunded_minor, shown))

    yield from _everywhere(as_ordered)


@mutant("refund that the shop shows dropped as no news", within=400, found_by=REFUND_FOUND)
def _() -> Patches:
    original = Discovery._may_bring_news

    def may_bring_news(self: Discovery, store: Any, order: PlatformOrder, known: Any) -> bool:
        return original(self, store, dataclasses.replace(order, refunded_minor=0), known)

    yield patch.object(Discovery, "_may_bring_news", may_bring_news)
