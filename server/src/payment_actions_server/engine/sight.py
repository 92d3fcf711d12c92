"""First sight of an order: the platform tells of the order, the gateway of the money, and a record begins."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from msgspec.structs import replace

from payment_actions_server.domain.errors import GatewayThrottled, GatewayUnavailable, PaymentActionsError
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.money import EXPONENTS, NO_CURRENCY, format_amount
from payment_actions_server.domain.order import order_message
from payment_actions_server.domain.payment import Payment, PaymentKey, Verdict
from payment_actions_server.domain.snapshot import Snapshot
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Ledger
from payment_actions_server.engine.orders import Orders, known_currency, may_hold, order_state
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import NotExecuted, PlatformOrder, Throttled
from payment_actions_server.plugins.answers import pause_seconds_of
from payment_actions_server.storage import PaymentWork, Record, names_of

log = structlog.get_logger(__name__)


class Sight:
    """Makes sure that an order is known here."""

    def __init__(
        self, context: Context, ledger: Ledger, attempts: Attempts, orders: Orders, background: Background
    ) -> None:
        self._context = context
        self._orders = orders
        self._ledger = ledger
        self._attempts = attempts
        self._background = background
        self._seeing: dict[PaymentKey, asyncio.Task[Record]] = {}

    async def see(self, key: PaymentKey) -> Record:
        """Return what is known of a payment, after a first look at platform and gateway if it is new.

        Concurrent first looks are one.

        :raises OrderNotFound, PlatformUnavailable, GatewayUnavailable, GatewayThrottled: and nothing is recorded.
        """
        store = self._context.store(key.store)
        known = await self._context.storage.record(key)
        if known.payment is not None:
            return known
        task = self._seeing.get(key)
        if task is None:
            task = self._background.spawn(self._first_look(store, key), f"first sight of {key}")
            self._seeing[key] = task
            task.add_done_callback(lambda _: self._seeing.pop(key, None))
        return await asyncio.shield(task)

    async def _first_look(self, store: Store, key: PaymentKey) -> Record:
        order = await self._orders.read(store, key.order_id)
        ours = store.takes(order.method_code, order.method_name)
        payment = self._record_of(store, key, order, ours=ours)
        if ours:
            payment = self._with_snapshot(payment, await self._snapshot(store, payment))
        state, detail = order_state(store, payment, order)
        payment = replace(payment, order_state=state, order_detail=detail)
        record = await self._context.storage.change(key, lambda work: self._begin_record(work, store, payment, order))
        return await self._after_strays(key, record) if ours else record

    async def _after_strays(self, key: PaymentKey, record: Record) -> Record:
        """Have the order looked at again if it was notified of while nobody knew it; see `Notifications`.

        Until that is known its record says that a look is due soon: should we fail or die, the schedule looks.

        How long a first sight takes is bounded by its calls, and replicas' clocks differ: a lease covers both.
        """
        payment, storage = record.payment, self._context.storage
        assert payment is not None
        strays = await storage.stray_identifiers(key.store, payment.create_time - self._lease)
        notified = not strays.isdisjoint(reference.value for reference in payment.references)

        def plan(work: PaymentWork) -> Record:
            now_known = work.known()
            if notified:
                work.reschedule(self._context.clock.now(), 0)
            elif now_known.next_refresh_time == self._unless_planned(payment):
                # Else somebody has asked for a look since.
                work.reschedule(self._ledger.next_look(replace(now_known, next_refresh_time=None), 0), 0)
            return Record(work.payment, work.operation, work.store_update)

        return await storage.change(key, plan)

    def _unless_planned(self, payment: Payment) -> datetime:
        """Return when the schedule looks at a payment that was just seen, until `_after_strays` has planned it."""
        return payment.create_time + self._lease

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._context.policy.lease_seconds)

    async def _snapshot(self, store: Store, payment: Payment) -> Snapshot:
        try:
            return await self._attempts.snapshot(store, payment)
        except Exception as error:
            log.warning(
                "gateway could not be read",
                store=store.store_id,
                order_id=payment.order_id,
                error=in_words(error),
            )
            raise unavailable(error, store.store_id, payment.order_id) from error

    def _record_of(self, store: Store, key: PaymentKey, order: PlatformOrder, *, ours: bool) -> Payment:
        now = self._context.clock.now()
        return Payment(
            store=key.store,
            order_id=key.order_id,
            order_number=order.order_number,
            method_code=order.method_code,
            method_name=order.method_name,
            ours=ours,
            gateway=store.gateway_adapter if ours else "",
            status=PaymentStatus.PENDING if ours else order.status,
            currency_code=known_currency(order),
            order_total_minor=0 if order.currency_code not in EXPONENTS else order.total_minor or 0,
            references=order.references,
            create_time=now,
            update_time=now,
        )

    def _with_snapshot(self, payment: Payment, snapshot: Snapshot) -> Payment:
        if payment.currency_code == NO_CURRENCY and snapshot.currency_code in EXPONENTS:
            payment = replace(payment, currency_code=snapshot.currency_code)  # The gateway knows what it reserved.
        followed = payment.follow(snapshot)
        if followed.verdict is Verdict.CONTRADICTION:
            return replace(payment, anomaly=followed.problem)
        return followed.payment

    def _begin_record(self, work: PaymentWork, store: Store, seen: Payment, order: PlatformOrder) -> Record:
        if work.payment is None:
            self._add(work, seen, order)
            if not may_hold(store, seen, order):
                self._ledger.tell_store(work, work.known())
        return Record(work.payment, work.operation, work.store_update)

    def _add(self, work: PaymentWork, seen: Payment, order: PlatformOrder) -> None:
        amount = format_amount(seen.order_total_minor, seen.currency_code)
        order_words = f". {order_message(seen)}" if order_message(seen) else ""
        details = {"platform_status": order.platform_status, "order_number": seen.order_number}
        payment, event = seen.recorded(
            EventType.PAYMENT_SEEN,
            now=seen.create_time,
            actor="service",
            before=None,
            message=f"First seen: {amount} by {seen.method_name or seen.method_code}, {seen.status}{order_words}",
            details=details | _moved_before(seen, order) | ({"anomaly": seen.anomaly} if seen.anomaly else {}),
            next_refresh_time=self._unless_planned(seen) if seen.ours else None,
        )
        in_sync = StoreUpdate(
            store=payment.store,
            order_id=payment.order_id,
            state=StoreUpdateState.IN_SYNC,
            platform_status=order.platform_status,
        )
        work.add_payment(payment, event, in_sync)
        work.index_references(names_of(payment.order_id, payment.order_number))


def _moved_before(seen: Payment, order: PlatformOrder) -> dict[str, str]:
    """Return what had moved before the first sight: on the day of the store's last change, as far as anybody knows."""
    moved = seen.newly_moved(None)
    if moved and order.update_time is not None and order.update_time.astimezone(UTC).date() < seen.create_time.date():
        moved["moved_date"] = order.update_time.astimezone(UTC).date().isoformat()
    return moved


def unavailable(
    error: Exception, store: str, order_id: str, *, so_far: str = "Nothing happened", **metadata: str
) -> PaymentActionsError:
    """Return the error that a caller is told when the gateway certainly did nothing.

    :param so_far: what became of the call until then, in words.
    """
    metadata = {"store": store, "order_id": order_id, **metadata}
    if isinstance(error, Throttled):
        pause_seconds = pause_seconds_of(error)
        return GatewayThrottled(
            f"The gateway's quota is used up. {so_far}; try again in {pause_seconds:g} s.",
            retry_after_seconds=pause_seconds,
            **metadata,
        )
    why = f" ({error})" if isinstance(error, NotExecuted) else ""
    return GatewayUnavailable(f"The gateway could not be asked{why}. {so_far}; try again later.", **metadata)
