"""What a front end's first page shows of all payments, or of one store's."""

from datetime import datetime, timedelta
from typing import Final

from payment_actions_server.engine.context import Context
from payment_actions_server.engine.totals import Counted, Totals
from payment_actions_server.engine.view import DailyTotal, Overview, StoreState
from payment_actions_server.storage import Expiring

DAYS_DEFAULT: Final = 14
DAYS_MAX: Final = 92
EXPIRING_DAYS: Final = 14
OVERDUE_SECONDS: Final = 60.0
"""How late a look at the gateway is before somebody should know."""

EXPIRING_SECONDS: Final = 10.0
"""How long what runs out is known from the last question: it changes slowly, and takes longest to add up."""


class Overviews:
    """Makes overviews."""

    def __init__(self, context: Context, totals: Totals) -> None:
        self._context = context
        self._totals = totals
        self._expiring: dict[frozenset[str], tuple[datetime, list[Expiring]]] = {}

    async def overview(self, store: str | None, days: int) -> Overview:
        """Return the overview of one store, or of all that are configured.

        :param days: how many, today in UTC being the last.
        :raises StoreNotFound:
        """
        context = self._context
        if store is not None:
            context.expect_configured(store)
        stores = {store} if store is not None else context.configured
        now = context.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        storage = context.storage
        last = await storage.last_sequence()  # First: what comes meanwhile is told to who watches after it.
        counted = await self._totals.counted(last)
        return Overview(
            stores=[self._state(one) for one in sorted(stores)],
            daily_totals=[*_daily_totals(counted, stores, midnight - timedelta(days=days - 1), days)],
            expiring=await self._expiring_of(frozenset(stores), now, midnight + timedelta(days=EXPIRING_DAYS)),
            status_counts=counted.status_counts(stores),
            waiting=await storage.waiting(stores, now - timedelta(seconds=OVERDUE_SECONDS)),
            last_sequence=last,
            totals_sequence=counted.up_to_sequence,
        )

    async def _expiring_of(self, stores: frozenset[str], now: datetime, before: datetime) -> list[Expiring]:
        """Return what runs out. What is remembered is bounded: by the configured stores, and all of them together."""
        known = self._expiring.get(stores)
        if known is None or not timedelta() <= now - known[0] < timedelta(seconds=EXPIRING_SECONDS):
            known = self._expiring[stores] = (now, await self._context.storage.expiring(stores, now, before))
        return known[1]

    def _state(self, store: str) -> StoreState:
        error = self._context.unavailable_stores.get(store)
        return StoreState(store, self._context.capture_mode(store), error.message if error else "")


def _daily_totals(counted: Counted, stores: set[str], first: datetime, days: int) -> list[DailyTotal]:
    return [
        DailyTotal(day, currency, *amounts)
        for day in ((first + timedelta(days=place)).date() for place in range(days))
        for currency, amounts in counted.moved(day.isoformat(), stores).items()
    ]
