"""See new orders before anybody asks for them, and orders of which the store knows more than we do."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.orders import as_ordered, may_hold
from payment_actions_server.engine.refresh import SCHEDULE, Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.engine.store import Store
from payment_actions_server.engine.walk import OVERLAP, Walk
from payment_actions_server.plugins import OrderPage, PlatformOrder
from payment_actions_server.plugins.answers import Unsound, moment, sound, text
from payment_actions_server.storage import Record

log = structlog.get_logger(__name__)

PAGE_SIZE: Final = 50
PAGES_MAX: Final = 10
"""How many pages of one store one round reads; the next round goes on from there."""
FAILURES_MAX: Final = 20
"""After how many vain tries a round tries no order any more: the gateway may be down, and take its time to say so."""
MISSED_MAX: Final = 10_000
"""How many of these orders are remembered. With as many no page is read: late is better than never."""


class Discovery:
    """Goes through each store's changed orders, oldest change first, again and again."""

    def __init__(self, context: Context, sight: Sight, refresh: Refresh) -> None:
        self._context = context
        self._sight = sight
        self._refresh = refresh
        self._walks: dict[str, Walk] = {}

    async def discover(self, store_id: str) -> bool:
        """Go on through a store's changed orders. Always False: the next round is for the next time."""
        store, storage = self._context.store(store_id), self._context.storage
        kept = await storage.discovered_until(store.store_id)
        if kept is not None and kept > self._context.clock.now() + OVERLAP:
            kept = None  # Nobody can have got there, whatever clock was wrong when it was kept.
        walk = self._walk(store, kept)
        earlier = list(walk.missed)  # What is missed in this round waits for the next.
        if await self._list(store, walk):
            await self._try_again(store, walk, earlier)
        until = walk.safe_until(self._context.clock.now())
        if kept is None or until > kept:  # Replicas share it: what one has seen, all have.
            await storage.put_discovered_until(store.store_id, until)
        return False

    def _walk(self, store: Store, kept: datetime | None) -> Walk:
        """Return the walk that is under way, or a new one from where another ended, here or at another replica."""
        if kept is None:
            lookback = timedelta(hours=self._context.policy.discovery_lookback_hours)
            kept = self._context.clock.now() - lookback + OVERLAP
        walk = self._walks.setdefault(store.store_id, Walk(kept))
        if not walk.page_token:
            walk.begin(max(kept, walk.until))
        walk.failures = 0
        return walk

    async def _list(self, store: Store, walk: Walk) -> bool:
        """Read the next pages; tell whether they could be read."""
        for _ in range(PAGES_MAX):
            if len(walk.missed) >= MISSED_MAX:
                break
            read_time = self._context.clock.now()  # Not after the looks, which may take long.
            try:
                page = await self._page(store, walk)
            except Exception as error:  # noqa: BLE001 - the platform's adapter may raise anything
                walk.stumble()
                log.warning("orders could not be listed", store=store.store_id, error=in_words(error))
                return False
            for order in await self._worth_a_look(store, walk, page.orders):
                if order.order_id in walk.missed:
                    continue
                if await self._seen(store, walk, order.order_id):
                    walk.note_look(order)
                else:
                    walk.miss(order.order_id, order.update_time, self._context.clock.now())
            walk.go_on(page.orders, page.next_page_token, read_time)
            if not walk.page_token:
                break
        return True

    async def _page(self, store: Store, walk: Walk) -> OrderPage:
        async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
            page = await store.platform.list_orders(
                changed_after=walk.since, page_token=walk.page_token, page_size=PAGE_SIZE
            )
        page = sound(OrderPage, page)
        return page._replace(orders=list(self._sound(store, walk, page.orders)))

    def _sound(self, store: Store, walk: Walk, listed: Sequence[PlatformOrder]) -> Iterator[PlatformOrder]:
        """One that cannot be read here hides no order that changed after it: it is missed, and read by itself later."""
        for order in listed:
            try:
                yield sound(PlatformOrder, order)
            except Unsound as unsound:
                order_id = text(getattr(order, "order_id", ""))
                log.warning("listed order makes no sense", store=store.store_id, order_id=order_id, error=str(unsound))
                if order_id and order_id not in walk.missed:
                    walk.miss(order_id, moment(getattr(order, "update_time", None)), self._context.clock.now())

    async def _worth_a_look(self, store: Store, walk: Walk, orders: Sequence[PlatformOrder]) -> list[PlatformOrder]:
        ids = [order.order_id for order in orders]
        known = await self._context.storage.known_orders(store.store_id, ids)
        found = []
        for order in orders:
            if not self._may_bring_news(store, order, known.get(order.order_id)):
                walk.forget_look(order.order_id)
            elif not walk.is_exhausted(order):
                found.append(order)
        return found

    def _may_bring_news(self, store: Store, order: PlatformOrder, known: Record | None) -> bool:
        """Tell whether a listed order says anything that its record does not."""
        if known is None or known.payment is None or known.store_update is None:
            return True
        payment = known.payment
        if not (order.method_code or order.method_name):
            return False  # The platform could list the order, and not tell its payment.
        if as_ordered(store, payment, order) != payment:
            return True
        if self._may_find_refund(order, payment):
            return True
        update = known.store_update
        if update.state is StoreUpdateState.DISPUTED:
            return may_hold(store, payment, order)
        return order.status is not payment.status and order.platform_status != update.platform_status

    def _may_find_refund(self, order: PlatformOrder, payment: Payment) -> bool:
        """Tell whether the gateway is to be asked about a refund that only the shop shows."""
        policy, due = self._context.policy, payment.next_refresh_time
        asked_enough = payment.refreshes >= policy.refund_looks_max or not policy.is_far(due, self._context.clock.now())
        return order.refunded_minor > payment.refunded_minor and not asked_enough

    async def _try_again(self, store: Store, walk: Walk, order_ids: Sequence[str]) -> None:
        for order_id in order_ids[: PAGE_SIZE * PAGES_MAX]:
            if walk.failures == FAILURES_MAX:
                break
            if await self._seen(store, walk, order_id):
                del walk.missed[order_id]
            elif walk.miss_again(order_id, self._context.clock.now()):
                log.error("discovered order was given up", store=store.store_id, order_id=order_id)

    async def _seen(self, store: Store, walk: Walk, order_id: str) -> bool:
        """Look at an order; tell whether that worked."""
        if walk.failures == FAILURES_MAX:
            return False
        key = PaymentKey(store.store_id, order_id)
        try:
            if (await self._context.storage.record(key)).payment is None:
                await self._sight.see(key)
            else:
                await self._refresh.refresh(key, SCHEDULE)
        except Exception as error:  # noqa: BLE001 - one order that cannot be read keeps no other from being seen
            walk.failures += 1
            log.warning("discovered order could not be read", store=key.store, order_id=order_id, error=in_words(error))
            return False
        return True
