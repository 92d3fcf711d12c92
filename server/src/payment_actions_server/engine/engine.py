"""The engine: all use cases behind one face, over surroundings that are given to it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from payment_actions_server.domain.decision import Offer
from payment_actions_server.domain.errors import (
    ActionNotAvailable,
    InvalidRequest,
    OperationNotFound,
    OrderNotFound,
    PaymentActionsError,
)
from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import ActionRequest, Operation, Outcome
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import OperationState
from payment_actions_server.domain.text import is_keepable
from payment_actions_server.engine import totals
from payment_actions_server.engine.actions import Actions
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.chance import Random
from payment_actions_server.engine.clock import Clock
from payment_actions_server.engine.context import Context, Hooks
from payment_actions_server.engine.discovery import Discovery
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.notifications import Notifications
from payment_actions_server.engine.order_guard import OrderGuard
from payment_actions_server.engine.orders import Orders
from payment_actions_server.engine.overview import DAYS_DEFAULT, OVERDUE_SECONDS, Overviews
from payment_actions_server.engine.policy import EnginePolicy
from payment_actions_server.engine.recovery import Recovery
from payment_actions_server.engine.refresh import Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.engine.store import Store
from payment_actions_server.engine.store_updates import StoreUpdates
from payment_actions_server.engine.totals import Totals
from payment_actions_server.engine.view import ActionResult, Overview, Page, PaymentQuery, PaymentView
from payment_actions_server.engine.watch import Watch
from payment_actions_server.plugins import Notification
from payment_actions_server.storage import PaymentFilter, PaymentWork, Storage

_HOUR_SECONDS = 3600.0


class Engine:
    """What the service does; the transport only translates to it and from it."""

    def __init__(
        self,
        *,
        storage: Storage,
        stores: Mapping[str, Store],
        clock: Clock,
        random: Random,
        hooks: Hooks,
        policy: EnginePolicy | None = None,
        unavailable_stores: Mapping[str, PaymentActionsError] | None = None,
    ) -> None:
        self._store_updates_due = {store_id: asyncio.Event() for store_id in stores}
        self._context = Context(
            storage=storage,
            stores=stores,
            unavailable_stores=unavailable_stores or {},
            clock=clock,
            random=random,
            policy=policy or EnginePolicy(),
            hooks=hooks,
            wake_store_updates=lambda store_id: self._store_updates_due[store_id].set(),
        )
        context, background = self._context, Background()
        self._background = background
        self._ledger = ledger = Ledger(context)
        attempts, orders = Attempts(context, ledger), Orders(context, ledger)
        self._sight = Sight(context, ledger, attempts, orders, background)
        self._recovery = Recovery(context, ledger, attempts)
        self._store_updates = StoreUpdates(context, ledger)
        guard = OrderGuard(context, attempts, orders)
        self._actions = Actions(context, ledger, attempts, self._sight, guard, self._store_updates, background)
        self._refresh = Refresh(context, ledger, attempts, self._sight, orders, self._recovery, background)
        self._notifications = Notifications(context, ledger, self._sight, self._refresh, background)
        self._discovery = Discovery(context, self._sight, self._refresh)
        self._watch = Watch(context)
        self._totals = Totals(context)
        self._overviews = Overviews(context, self._totals)
        storage.on_events = self._announce

    async def start(self) -> None:
        """Begin the background work: recovery, the refresh schedule, store updates, discovery.

        Each store has loops of its own: one whose gateway or platform hangs holds up no other.
        """
        for store_id in self._context.stores:
            self._start_loops_of(store_id)
        self._background.loop(self._forget, name="notification memory", seconds=_HOUR_SECONDS, wake=asyncio.Event())
        self._background.loop(self._totals.keep, name="daily totals", seconds=totals.SECONDS, wake=asyncio.Event())

    def _start_loops_of(self, store_id: str) -> None:
        policy, wake = self._context.policy, self._store_updates_due[store_id]
        for name, tick, seconds, event in (
            ("recovery", self._recovery.recover_due, policy.poll_seconds, asyncio.Event()),
            ("refresh", self._refresh.refresh_due, policy.poll_seconds, asyncio.Event()),
            ("store updates", self._store_updates.deliver_due, policy.poll_seconds, wake),
            ("discovery", self._discovery.discover, policy.discovery_seconds, asyncio.Event()),
        ):
            if seconds:
                self._background.loop(
                    partial(tick, store_id), name=f"{name} of {store_id}", seconds=seconds, wake=event
                )

    async def stop(self, grace_seconds: float) -> None:
        """Finish what is under way, within a bound. What is cut off is durable and finished by the next start."""
        await self._background.stop(grace_seconds)

    async def get_payment(self, store: str, order_id: str) -> PaymentView:
        """Return a payment with what may be done with it now, at first sight after a look.

        :raises StoreNotFound, OrderNotFound, PlatformUnavailable, GatewayUnavailable, GatewayThrottled:
        """
        key = PaymentKey(store, order_id)
        self._context.expect_configured(store)
        record = await self._context.storage.record(key)
        if record.payment is None:
            record = await self._sight.see(key)
        return self._ledger.view(record)

    async def list_payments(self, query: PaymentQuery) -> Page[PaymentView]:
        """Return payments that are known here, the last changed first.

        None comes twice. One that changes while somebody pages moves to the front, to be found by beginning again.

        :raises StoreNotFound, InvalidRequest: the page token is not one of ours.
        """
        if query.store is not None:
            self._context.expect_configured(query.store)
        wanted = PaymentFilter(
            store=query.store,
            statuses=query.statuses,
            payment_method=query.payment_method,
            needing_attention=query.needing_attention,
            authorization_expire_before=query.authorization_expire_before,
            before=_list_position(query.page_token),
            limit=query.page_size + 1,
            stores=tuple(self._context.configured),
            order_search=query.order_search,
            store_update_failing=query.store_update_failing,
            refresh_due_before=query.refresh_due_before,
        )

        found = await self._context.storage.list_records(wanted)
        # A store that was taken out of the configuration keeps its history, and is shown again when it is back.
        configured = self._context.configured
        page = [each for each in found[: query.page_size] if each.payment is not None]
        views = [self._ledger.view(each) for each in page if each.payment and each.payment.store in configured]
        last = page[-1].payment if len(found) > len(page) else None
        return Page(views, _list_token(last) if last else "")

    async def overview(self, store: str | None, days: int = DAYS_DEFAULT) -> Overview:
        """Return what a front end's first page shows; see `Overviews.overview`."""
        return await self._overviews.overview(store, days)

    async def run_action(self, request: ActionRequest) -> ActionResult:
        """Capture, void or refund; see `Actions.run`."""
        return await self._actions.run(request)

    async def preview(self, request: ActionRequest) -> tuple[Offer, PaymentView]:
        """Return what an action would do now, with the amount it would move; start nothing."""
        offer, payment = await self._actions.preview(request)
        return offer, await self.get_payment(payment.store, payment.order_id)

    async def refresh(self, store: str, order_id: str, actor: str = "anonymous") -> tuple[PaymentView, list[Event]]:
        """Ask the gateway what is true; return the payment and the events that the look appended."""
        self._context.store(store)
        events = await self._refresh.refresh(PaymentKey(store, order_id), Cause(actor=actor, details={}, asked=True))
        return await self.get_payment(store, order_id), events

    async def get_operation(self, store: str, operation_id: str) -> Operation:
        """Return an operation.

        :raises StoreNotFound, OperationNotFound:
        """
        self._context.expect_configured(store)
        operation = await self._context.storage.operation(store, operation_id)
        if operation is None:
            raise OperationNotFound(
                f"Store {store} has no operation {operation_id}.", store=store, operation_id=operation_id
            )
        return operation

    async def resolve_operation(
        self, store: str, operation_id: str, state: OperationState, reason: str, actor: str
    ) -> ActionResult:
        """End an operation that NEEDS_REVIEW by an operator's word.

        :param state: SUCCEEDED or FAILED.
        :raises StoreNotFound, OperationNotFound, ActionNotAvailable: it is in another state.
        """
        assert state in (OperationState.SUCCEEDED, OperationState.FAILED)
        self._context.store(store)
        known = await self.get_operation(store, operation_id)

        def body(work: PaymentWork) -> None:
            operation = work.asked
            assert operation is not None
            if (operation.state, operation.message) == (state, reason):
                return  # Resolved by a first run of this very transaction, or by the same word before.
            if operation.state is not OperationState.NEEDS_REVIEW:
                raise ActionNotAvailable(
                    f"Operation {operation_id} is {operation.state}; only one that is NEEDS_REVIEW can be resolved.",
                    operation_id=operation_id,
                    state=operation.state.value,
                )
            self._ledger.resolve(work, operation, Outcome(state, message=reason), actor)

        await self._context.storage.change(PaymentKey(store, known.order_id), body, operation_id=operation_id)
        self._context.wake_store_updates(store)
        return await self._actions.result_of(known)

    async def list_events(self, store: str, order_id: str, page_size: int, page_token: str) -> Page[Event]:
        """Return a payment's history, oldest first.

        :raises StoreNotFound, OrderNotFound: never seen here. InvalidRequest: the page token is not one of ours.
        """
        self._context.expect_configured(store)
        key, after = PaymentKey(store, order_id), _event_position(page_token)

        storage = self._context.storage
        found = await storage.list_events(key, after, page_size + 1)
        if not found and (await storage.record(key)).payment is None:
            raise OrderNotFound(
                f"Order {order_id} of store {store} was never seen here.", store=store, order_id=order_id
            )
        shown = found[:page_size]
        return Page(shown, _token([shown[-1].number]) if len(found) > len(shown) else "")

    def watch(self, stores: frozenset[str], after_sequence: int | None) -> AsyncIterator[Event | int]:
        """Stream events; see `Watch.events`.

        :raises StoreNotFound: one of ``stores`` is not configured.
        """
        for store in stores:
            self._context.expect_configured(store)
        return self._watch.events(stores, after_sequence)

    async def take_notification(self, store: str, headers: Mapping[str, str], body: bytes) -> Notification:
        """Take a gateway's notification; see `Notifications.take`."""
        return await self._notifications.take(store, headers, body)

    async def counts(self) -> dict[str, int]:
        """Return the gauges that operators watch."""
        overdue = timedelta(seconds=OVERDUE_SECONDS)
        return await self._context.storage.counts(self._context.clock.now() - overdue)

    async def _forget(self) -> bool:
        return await self._notifications.forget_old()

    def _announce(self, events: list[Event]) -> None:
        self._watch.announce()
        for event in events:
            self._context.hooks.event(event)


def _token(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _position(token: str) -> list[Any] | None:
    if not token:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, RecursionError):
        position = None
    if not isinstance(position, list):
        raise _bad_token()
    return position


def _bad_token() -> InvalidRequest:
    return InvalidRequest(
        "page_token is not one that this service gave. Begin again without it.",
        field="page_token",
        rule="next_page_token of the page before",
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _list_token(last: Payment) -> str:
    microseconds = (last.update_time - _EPOCH) // timedelta(microseconds=1)
    return _token([microseconds, last.store, last.order_id])


def _list_position(token: str) -> tuple[datetime, str, str] | None:
    match _position(token):
        case None:
            return None
        case [int(microseconds), str(store), str(order_id)] if 0 <= microseconds < 2**55 and is_keepable(
            store + order_id
        ):
            return _EPOCH + timedelta(microseconds=microseconds), store, order_id
    raise _bad_token()


def _event_position(token: str) -> int:
    match _position(token):
        case None:
            return 0
        case [int(number)] if 0 <= number < 2**62:
            return number
    raise _bad_token()
