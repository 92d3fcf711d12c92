"""Ask what is true and follow it: on demand, by schedule, and because a notification came."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from payment_actions_server.domain.errors import OrderNotFound, PaymentActionsError, PlatformUnavailable
from payment_actions_server.domain.event import INCIDENTAL, Event, EventType
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.orders import Orders
from payment_actions_server.engine.recovery import Recovery
from payment_actions_server.engine.sight import Sight, unavailable
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import PlatformOrder
from payment_actions_server.storage import PaymentWork

log = structlog.get_logger(__name__)

SCHEDULE = Cause(actor="schedule", details={})


class Look(NamedTuple):
    """What a look at a payment showed."""

    events: list[Event]  #: What it appended of the payment itself, oldest first.
    cause: Cause  #: Of those who share a look, the first one's.


class Reading(NamedTuple):
    """What the shop said of an order."""

    order: PlatformOrder | None  #: None where the shop has it no more, or could not be asked.
    read: bool  #: Whether the shop could be asked.


class Refresh:
    """Looks at payments; concurrent looks at one payment are one."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        attempts: Attempts,
        sight: Sight,
        orders: Orders,
        recovery: Recovery,
        background: Background,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._attempts = attempts
        self._sight = sight
        self._orders = orders
        self._recovery = recovery
        self._background = background
        self._looking: dict[PaymentKey, asyncio.Task[Look]] = {}
        self._next: dict[PaymentKey, asyncio.Task[Look]] = {}
        self._asked: set[PaymentKey] = set()  #: Disputed payments that staff asked to look at; see `refresh`.

    async def refresh(self, key: PaymentKey, cause: Cause) -> list[Event]:
        """Look, or share the look that is under way.

        :return: the events that the look appended, oldest first.
        :raises OrderNotFound, PlatformUnavailable: nothing was followed.
        :raises GatewayUnavailable, GatewayThrottled: no snapshot was followed; what was found out before that stands.
        """
        record = await self._sight.see(key)
        if cause.asked and record.store_update is not None and record.store_update.state is StoreUpdateState.DISPUTED:
            return await self._refresh_disputed(key, cause)
        return (await self._share(key, cause)).events

    async def _refresh_disputed(self, key: PaymentKey, cause: Cause) -> list[Event]:
        """Look so that the dispute begins anew, also where the look under way is one that nobody asked for."""
        self._asked.add(key)
        try:
            look = await self._share(key, cause)
            if key in self._asked:  # That look was past the shop's status when staff asked.
                look = await self._share(key, cause)
        finally:
            self._asked.discard(key)
        return look.events

    async def _share(self, key: PaymentKey, cause: Cause) -> Look:
        """Look, or share the look that is under way."""
        return await asyncio.shield(self._looking.get(key) or self._start(key, cause))

    async def refresh_anew(self, key: PaymentKey, cause: Cause) -> Look:
        """Look, starting from now: a look that is under way may have missed what we were just told of.

        Where ``cause`` began the look, its notification is noted with it if there was nothing new.
        """
        waiting = self._next.get(key)
        if waiting is None:
            waiting = self._background.spawn(self._after_the_present_one(key, cause), f"next refresh of {key}")
            self._next[key] = waiting
        return await asyncio.shield(waiting)

    async def _after_the_present_one(self, key: PaymentKey, cause: Cause) -> Look:
        try:
            present = self._looking.get(key)
            if present is not None:
                await asyncio.wait([present])
        finally:
            del self._next[key]
        return await asyncio.shield(self._looking.get(key) or self._start(key, cause))

    def _start(self, key: PaymentKey, cause: Cause) -> asyncio.Task[Look]:
        task = self._background.spawn(self._look(key, cause), f"refresh of {key}")
        self._looking[key] = task
        task.add_done_callback(lambda _: self._looking.pop(key, None))
        return task

    async def refresh_due(self, store_id: str) -> bool:
        """Look at a store's payments that are due. Tell whether there may be more."""
        now, limit = self._context.clock.now(), self._context.policy.batch_max
        due = await self._context.storage.due_payments(store_id, now, limit)
        await asyncio.gather(*(self._refresh_due(key, now) for key in due))
        return len(due) == limit

    async def _refresh_due(self, key: PaymentKey, now: datetime) -> None:
        until = now + timedelta(seconds=self._context.policy.lease_seconds)

        def claim(work: PaymentWork) -> bool:
            payment = work.known()
            if payment.next_refresh_time is None or payment.next_refresh_time > now:
                return False  # Another replica was faster.
            # Put off first: a look that dies is repeated, one that is slow is not doubled.
            work.reschedule(until, payment.refreshes)
            return True

        try:
            if await self._context.storage.change(key, claim):
                await self.refresh(key, SCHEDULE)
        except OrderNotFound:  # Of one that is not ours, the store alone knows; and it knows it no more.
            await self._context.storage.change(key, self._end_looks)
        except Exception as error:  # noqa: BLE001 - one payment that cannot be looked at holds up no other
            log.warning("scheduled look failed", store=key.store, order_id=key.order_id, error=str(error))
            await self._context.storage.change(key, self._ledger.plan_look_again)

    def _end_looks(self, work: PaymentWork) -> None:
        if work.known().ours:
            self._ledger.plan_look_again(work)
        else:
            work.reschedule(None, 0)

    async def _look(self, key: PaymentKey, cause: Cause) -> Look:
        store = self._context.store(key.store)
        found = await self._context.storage.record(key)
        before = found.payment
        assert before is not None, "only what was seen is looked at"
        reading = await self._read_order(store, before)
        payment = await self._follow_order(store, before, reading, cause)
        if payment.ours:
            if found.operation is not None:  # One that began since has somebody who works on it.
                await self._recovery.look_after(key, cause)
                payment = await self._payment(key)
            payment = await self._follow_gateway(store, payment, cause)
        told_cause = dataclasses.replace(cause, asked=cause.asked or key in self._asked)
        self._asked.discard(key)
        if found.store_update is not None:
            await self._follow_status(store, reading, found.store_update, key, told_cause)
        events = await self._news(payment, before)
        if all(event.type is EventType.ORDER_CHANGED for event in events):  # Of the payment itself, no news.
            await self._context.storage.change(
                key, lambda work: self._end_without_news(work, before, events, cause, reading)
            )
        return Look(events, cause)

    async def _news(self, payment: Payment, before: Payment) -> list[Event]:
        if payment.version == before.version:
            return []
        since = await self._context.storage.list_events(payment.key, before.version, 100)
        return [event for event in since if event.type not in INCIDENTAL]  # A write to the store is no news of this.

    def _end_without_news(
        self, work: PaymentWork, before: Payment, events: list[Event], cause: Cause, reading: Reading
    ) -> None:
        payment, order = work.known(), reading.order
        unknown_refund = payment.ours and order is not None and order.refunded_minor > payment.refunded_minor
        if unknown_refund and payment.refreshes < self._context.policy.refund_looks_max:
            self._ledger.plan_look_again(work)  # The gateway may know of the shop's refund a little later.
        else:
            self._ledger.plan_next_look(work, before, counting=unknown_refund or not reading.read)
        if cause.unless_new and not events:
            self._ledger.note_nothing_new(work, cause)

    async def _follow_gateway(self, store: Store, payment: Payment, cause: Cause) -> Payment:
        try:
            _, _, now_true = await self._attempts.look(store, payment, cause)
        except Exception as error:
            log.warning(
                "gateway could not be read", store=payment.store, order_id=payment.order_id, error=in_words(error)
            )
            # By now the order may have changed, and an operation have ended: the same look has recorded it then.
            so_far = "Whatever was found out before stands"
            raise unavailable(error, payment.store, payment.order_id, so_far=so_far) from error
        self._context.wake_store_updates(payment.store)
        return now_true

    async def _payment(self, key: PaymentKey) -> Payment:
        payment = (await self._context.storage.record(key)).payment
        assert payment is not None
        return payment

    # -- the order itself may change too ----------------------------------------------------------------------------

    async def _read_order(self, store: Store, payment: Payment) -> Reading:
        """Read the order.

        The gateway is the authority over money: a shop that is down does not keep us from looking there.

        :raises OrderNotFound, PlatformUnavailable: of a payment that is not ours, only the shop could tell.
        """
        if not payment.ours:
            return Reading(await self._orders.read(store, payment.order_id), read=True)
        try:
            order = await self._orders.read_known(store, payment)
        except PlatformUnavailable as error:
            _log_order_unread(payment, error)
            return Reading(None, read=False)
        return Reading(order, read=True)

    async def _follow_order(self, store: Store, payment: Payment, reading: Reading, cause: Cause) -> Payment:
        if not reading.read:
            return await self._payment(payment.key)  # As it is now, for the gateway's answer is held against it.
        return await self._context.storage.change(
            payment.key, lambda work: self._orders.follow(work, store, reading.order, cause, payment)
        )

    async def _follow_status(
        self, store: Store, reading: Reading, told: StoreUpdate, key: PaymentKey, cause: Cause
    ) -> None:
        """Take note of the status that the shop holds, now that the gateway has said what is true."""
        order = reading.order
        if order is None:
            return
        known = order.platform_status == told.platform_status and told.state is not StoreUpdateState.DISPUTED
        if known and not cause.asked:
            return
        await self._context.storage.change(
            key, lambda work: self._orders.follow_status(work, store, order, told, cause)
        )
        self._context.wake_store_updates(key.store)


def _log_order_unread(payment: Payment, error: PaymentActionsError) -> None:
    log.warning("order could not be read", store=payment.store, order_id=payment.order_id, error=error.message)
