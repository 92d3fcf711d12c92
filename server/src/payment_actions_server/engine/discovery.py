"""See new orders before anybody asks for them, and orders whose result the store knows before we do."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.domain.text import keepable
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.refresh import SCHEDULE, Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import OrderPage, PlatformOrder

log = structlog.get_logger(__name__)

PAGE_SIZE: Final = 50
PAGES_MAX: Final = 10
"""How many pages of one store one round reads; the next round goes on from there."""


class Discovery:
    """Goes through each store's changed orders, oldest change first."""

    def __init__(self, context: Context, sight: Sight, refresh: Refresh) -> None:
        self._context = context
        self._sight = sight
        self._refresh = refresh

    async def discover(self, store_id: str) -> bool:
        """Go through a store's changed orders once. Always False: the next round is for the next time."""
        store = self._context.store(store_id)
        lookback = self._context.clock.now() - timedelta(hours=self._context.policy.discovery_lookback_hours)
        since = await self._context.storage.discovered_until(store.store_id)
        since = lookback if since is None else since
        page_token, until, missed = "", since, []
        for _ in range(PAGES_MAX):
            try:
                page = await self._page(store, since, page_token)
            except Exception as error:  # noqa: BLE001 - the platform's adapter may raise anything
                log.warning("orders could not be listed", store=store_id, error=f"{type(error).__name__}: {error}")
                return False
            missed += [
                order for order in await self._worth_a_look(store, page.orders) if not await self._seen(store, order)
            ]
            until = max([until, *_times(page.orders)])
            page_token = page.next_page_token
            if not page_token:
                # What could not be read is listed again, though not for ever: there may be orders that never can be.
                until = max(min([until, *_times(missed)]), min(until, lookback))
                break
        await self._remember(store, until)
        return False

    async def _page(self, store: Store, since: datetime, page_token: str) -> OrderPage:
        async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
            page = await store.platform.list_orders(changed_after=since, page_token=page_token, page_size=PAGE_SIZE)
        return page._replace(orders=keepable(list(page.orders)))

    async def _remember(self, store: Store, until: datetime) -> None:
        storage = self._context.storage
        if await storage.discovered_until(store.store_id) != until:
            await storage.put_discovered_until(store.store_id, until)

    async def _worth_a_look(self, store: Store, orders: Sequence[PlatformOrder]) -> list[PlatformOrder]:
        ids = [order.order_id for order in orders]
        known = await self._context.storage.known_orders(store.store_id, ids)
        return [order for order in orders if _may_bring_news(order, known.get(order.order_id))]

    async def _seen(self, store: Store, order: PlatformOrder) -> bool:
        """Look at an order; tell whether that worked."""
        key = PaymentKey(store.store_id, order.order_id)
        try:
            if (await self._context.storage.record(key)).payment is None:
                await self._sight.see(key)
            else:
                await self._refresh.refresh(key, SCHEDULE)
        except Exception as error:  # noqa: BLE001 - one order that cannot be read keeps no other from being seen
            log.warning(
                "discovered order could not be read",
                store=key.store,
                order_id=key.order_id,
                error=f"{type(error).__name__}: {error}",
            )
            return False
        return True


def _times(orders: Sequence[PlatformOrder]) -> list[datetime]:
    return [order.update_time for order in orders if order.update_time is not None]


def _may_bring_news(order: PlatformOrder, known: PaymentStatus | None) -> bool:
    """An order that is new here; or one whose result we wait for and the store has."""
    return known is None or (known is PaymentStatus.PENDING and order.status is not PaymentStatus.PENDING)
