"""The end of a campaign: everything comes to rest by itself, or it is written down that it did not."""

import asyncio
import time
from random import Random

from support.chaos.accounting import unrest
from support.chaos.load import Load
from support.chaos.record import Order, Record
from support.chaos.stage import ChaosStage

BY_ITSELF_SECONDS_MAX = 200.0
"""How long that may take without anybody's help.

Now that nothing is disturbed, one look at the gateway is enough. The longest wait for it that a campaign leaves behind
is the one after three looks in vain for a refund's result (20 s, doubled three times, and a fifth), after a lease.
"""
PRESSED_SECONDS_MAX = 200.0  #: How long it may take when Refresh is pressed all the time.
NOTIFICATIONS_SECONDS_MAX = 30  #: How long Amazon repeats a notification, and no answer is waited for.
STEP_SECONDS = 0.3


class Rest:
    """Waits until nothing is in flight, every store holds its status, and what was told has been followed."""

    def __init__(self, stage: ChaosStage, load: Load, record: Record, random: Random) -> None:
        self._stage = stage
        self._load = load
        self._record = record
        self._random = random
        self.pressed = 0
        self.untold = 0  #: Captures in Seller Central that no notification brought to the service.

    async def come(self) -> None:
        """Let everything come to rest by itself; what does not goes to the record, and is refreshed."""
        deadline = time.monotonic() + BY_ITSELF_SECONDS_MAX
        await self._learn_what_was_told()
        late = await self._restless(self._record.orders)
        while late and time.monotonic() < deadline:
            late = await self._restless(late)
        for order in late:
            self._record.late[order.key] = await self._unrest(order)
        await self._refresh(await self._restless([*late, *self._untold()]))

    async def _learn_what_was_told(self) -> None:
        """Note which captures in Seller Central Amazon's notifications have brought to the service."""
        await self._at_amazon("notifications/wait", seconds=NOTIFICATIONS_SECONDS_MAX)
        for order in self._record.orders:
            for capture in order.elsewhere:
                log = await asyncio.to_thread(self._stage.amazon.get, "notifications", object=capture)
                attempts = [attempt for delivery in log["deliveries"] for attempt in delivery["attempts"]]
                if any(200 <= attempt["status"] < 300 for attempt in attempts):
                    order.told.append(capture)

    def _untold(self) -> list[Order]:
        """Return the orders whose capture nobody told the service of, and say that staff now does."""
        untold = [order for order in self._record.orders if order.elsewhere != order.told]
        for order in untold:
            self.untold += len(order.elsewhere) - len(order.told)
            order.told[:] = order.elsewhere
        return untold

    async def _refresh(self, orders: list[Order]) -> None:
        """Press Refresh on orders until they rest. Those that never do are found by the account."""
        deadline = time.monotonic() + PRESSED_SECONDS_MAX
        while orders and time.monotonic() < deadline:
            for order in orders:
                self.pressed += 1
                await self._load.refresh(order.key, self._random)
            orders = await self._restless(orders)

    async def _restless(self, orders: list[Order]) -> list[Order]:
        """Let time pass at Amazon, for refunds that are made only now; return the orders that do not rest."""
        await asyncio.sleep(STEP_SECONDS)
        await self._at_amazon("clock/advance", seconds=35)
        return [order for order in orders if await self._unrest(order)]

    async def _unrest(self, order: Order) -> list[str]:
        return list(unrest(order, await self._load.payment(order.key, self._random)))

    async def _at_amazon(self, path: str, **fields: int) -> None:
        await asyncio.to_thread(self._stage.amazon.send, "POST", path, **fields)
