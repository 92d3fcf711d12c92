"""An engine that answers what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from payment_actions_server.domain.decision import Offer, Terms, decide
from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import ActionRequest, Operation, reference_of
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, CaptureMode, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.engine import ActionResult, Overview, Page, PaymentQuery, PaymentView
from payment_actions_server.engine.view import DailyTotal, StoreState
from payment_actions_server.plugins import Notification, NotificationKind
from payment_actions_server.storage import Expiring, Waiting

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
OPERATION_ID = "01k0m7v4x2q8r6t3y9z5b1c7d4"

PAYMENT = Payment(
    store="shop",
    order_id="4711",
    order_number="#4711",
    method_code="amazon_pay",
    method_name="Amazon Pay",
    ours=True,
    gateway="amazon_pay_v1",
    status=PaymentStatus.AUTHORIZED,
    currency_code="USD",
    order_total_minor=12_990,
    authorized_minor=12_990,
    references=(GatewayReference("authorization", "S01-1-A1"),),
    authorization_expire_time=NOON,
    revision=3,
    version=5,
    create_time=NOON,
    update_time=NOON,
)

OPERATION = Operation(
    operation_id=OPERATION_ID,
    store="shop",
    order_id="4711",
    action=Action.CAPTURE,
    amount_minor=12_990,
    currency_code="USD",
    requested_amount_minor=None,
    request_id="r1",
    reference=reference_of(OPERATION_ID),
    state=OperationState.SUCCEEDED,
    actor="anonymous",
    note="",
    base_minor=0,
    create_time=NOON,
    update_time=NOON,
    attempts=1,
)

EVENT = Event(
    store="shop",
    order_id="4711",
    number=1,
    type=EventType.PAYMENT_SEEN,
    time=NOON,
    actor="service",
    status_after=PaymentStatus.AUTHORIZED,
    details={"why": "first sight"},
    previous_hash="0" * 64,
    hash="f" * 64,
    sequence=7,
)


def view(payment: Payment = PAYMENT, operation: Operation | None = None) -> PaymentView:
    """Return a reading of a payment, decided by the real rules."""
    mode = CaptureMode.AUTHORIZE_THEN_CAPTURE
    return PaymentView(
        payment=payment,
        operation=operation,
        decision=decide(payment, operation, Terms(mode)),
        capture_mode=mode,
        store_update=StoreUpdate(store="shop", order_id="4711", state=StoreUpdateState.IN_SYNC, platform_status="A"),
    )


@dataclass
class FakeEngine:
    """Asked for an order whose id is in ``errors``, it raises; for one in ``holds``, it waits for that first."""

    errors: dict[str, BaseException] = field(default_factory=dict)
    holds: dict[str, asyncio.Event] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)  #: Every argument list, in order.
    finished: list[str] = field(default_factory=list)  #: Orders whose actions ended.
    running: int = 0
    running_max: int = 0
    events: list[Event | int] = field(default_factory=lambda: [EVENT])
    watching: int = 0
    notification_error: BaseException | None = None
    counts_error: BaseException | None = None

    async def _answer(self, order_id: str, *asked: Any) -> None:
        self.asked.append(asked)
        self.running += 1
        self.running_max = max(self.running, self.running_max)
        try:
            await asyncio.sleep(0)
            if order_id in self.holds:
                await self.holds[order_id].wait()
            if order_id in self.errors:
                raise self.errors[order_id]
        finally:
            self.running -= 1
        self.finished.append(order_id)

    async def get_payment(self, store: str, order_id: str) -> PaymentView:
        await self._answer(order_id, store, order_id)
        return view(replace(PAYMENT, store=store, order_id=order_id))

    async def list_payments(self, query: PaymentQuery) -> Page[PaymentView]:
        await self._answer("", query)
        return Page([view(), view()], "more")

    async def run_action(self, request: ActionRequest) -> ActionResult:
        await self._answer(request.order_id, request)
        operation = replace(OPERATION, action=request.action, order_id=request.order_id, actor=request.actor)
        return ActionResult(operation, view(replace(PAYMENT, order_id=request.order_id)))

    async def preview(self, request: ActionRequest) -> tuple[Offer, PaymentView]:
        await self._answer(request.order_id, request)
        return Offer(request.action, 12_990, "USD", partial=False, effect="Collects it."), view()

    async def refresh(self, store: str, order_id: str, actor: str) -> tuple[PaymentView, list[Event]]:
        await self._answer(order_id, store, order_id, actor)
        return view(), [EVENT]

    async def get_operation(self, store: str, operation_id: str) -> Operation:
        await self._answer(operation_id, store, operation_id)
        return OPERATION

    async def resolve_operation(
        self, store: str, operation_id: str, state: OperationState, reason: str, actor: str
    ) -> ActionResult:
        await self._answer(operation_id, store, operation_id, state, reason, actor)
        return ActionResult(replace(OPERATION, state=state), view())

    async def overview(self, store: str | None, days: int) -> Overview:
        await self._answer("", store, days)
        return Overview(
            stores=[
                StoreState("shop", CaptureMode.AUTHORIZE_THEN_CAPTURE, ""),
                StoreState("broken", None, "It is broken."),
            ],
            daily_totals=[DailyTotal(date(2026, 11, 25), "USD", 12_990, 200, 50)],
            expiring=[Expiring(datetime(2026, 11, 26, tzinfo=UTC), "USD", 2, 300)],
            status_counts={PaymentStatus.AUTHORIZED: 5},
            waiting=Waiting(1, 2, 3, 4),
            last_sequence=9,
            totals_sequence=8,
        )

    async def list_events(self, store: str, order_id: str, page_size: int, page_token: str) -> Page[Event]:
        await self._answer(order_id, store, order_id, page_size, page_token)
        return Page([EVENT], "")

    def watch(self, stores: frozenset[str], after_sequence: int | None) -> AsyncIterator[Event | int]:
        self.asked.append((stores, after_sequence))
        return self._watched()

    async def _watched(self) -> AsyncIterator[Event | int]:
        self.watching += 1
        try:
            for event in self.events:
                yield event
            await asyncio.Event().wait()
        finally:
            self.watching -= 1

    async def take_notification(self, store: str, headers: Mapping[str, str], body: bytes) -> Notification:
        self.asked.append((store, headers, body))
        if self.notification_error is not None:
            raise self.notification_error
        return Notification(message_id="m1", kind=NotificationKind.CHANGE, subject="PaymentCapture")

    async def counts(self) -> dict[str, int]:
        if self.counts_error is not None:
            raise self.counts_error
        return {
            "operations_in_flight": 3,
            "operations_overdue": 0,
            "operations_needing_review": 1,
            "store_updates_pending": 2,
            "store_updates_failing": 1,
            "anomalies": 0,
        }
