"""See new orders before anybody asks for them, and orders whose result the store knows before we do."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from payment_actions_server.domain.errors import PaymentActionsError
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.refresh import SCHEDULE, Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import PlatformOrder
from payment_actions_server.storage import UnitOfWork

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

    async def discover(self) -> bool:
        """Go through all stores once. Always False: the next round is for the next time."""
        stores = list(self._context.stores.values())
        results = await asyncio.gather(*(self._discover_in(store) for store in stores), return_exceptions=True)
        for store, result in zip(stores, results, strict=True):
            if isinstance(result, BaseException):
                log.warning("orders could not be listed", store=store.store_id, error=str(result))
        return False

    async def _discover_in(self, store: Store) -> None:
        since = await self._context.storage.read(lambda work: work.discovered_until(store.store_id))
        if since is None:
            since = self._context.clock.now() - timedelta(hours=self._context.policy.discovery_lookback_hours)
        page_token, until = "", since
        for _ in range(PAGES_MAX):
            async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
                page = await store.platform.list_orders(changed_after=since, page_token=page_token, page_size=PAGE_SIZE)
            for order in await self._worth_a_look(store, page.orders):
                await self._look(store, order)
            until = max([until, *(order.update_time for order in page.orders if order.update_time is not None)])
            page_token = page.next_page_token
            if not page_token:
                break
        await self._remember(store, until)

    async def _remember(self, store: Store, until: datetime) -> None:
        async def body(work: UnitOfWork) -> None:
            if await work.discovered_until(store.store_id) != until:
                await work.put_discovered_until(store.store_id, until)

        await self._context.storage.transact(body)

    async def _worth_a_look(self, store: Store, orders: Sequence[PlatformOrder]) -> list[PlatformOrder]:
        ids = [order.order_id for order in orders]
        known = await self._context.storage.read(lambda work: work.known_orders(store.store_id, ids))
        return [order for order in orders if _may_bring_news(order, known.get(order.order_id))]

    async def _look(self, store: Store, order: PlatformOrder) -> None:
        key = PaymentKey(store.store_id, order.order_id)
        try:
            await self._sight.see(key)
            await self._refresh.refresh(key, SCHEDULE)
        except PaymentActionsError as error:
            log.warning(
                "discovered order could not be read",
                store=key.store,
                order_id=key.order_id,
                error=error.message,
            )


def _may_bring_news(order: PlatformOrder, known: PaymentStatus | None) -> bool:
    """An order that is new here; or one whose result we wait for and the store has."""
    return known is None or (known is PaymentStatus.PENDING and order.status is not PaymentStatus.PENDING)
