"""From the rows of a list to orders: no longer than whoever asked waits, and past an order that cannot be told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from payment_actions_server.plugins import AdapterError, OrderMissing, Unavailable

from .errors import Misconfigured
from .listing import Row, key_of
from .orders import StoredOrder

PATIENCE_SECONDS_MAX: Final = 10.0  #: For a page of a list. The service gives up after twice that.

_UNREAD_MAX = 1000

_log = logging.getLogger(__name__)


class Completed(NamedTuple):
    """What came of some rows."""

    orders: Sequence[StoredOrder]
    rows: int  #: So many of them, from the first, are done with.


def require_one(results: Sequence[StoredOrder | BaseException]) -> Sequence[StoredOrder]:
    """Return the orders among the results of several readings.

    :raises Unavailable: the shop failed for some, and told none.
    """
    orders = [result for result in results if isinstance(result, StoredOrder)]
    failed = next((result for result in results if isinstance(result, Unavailable)), None)
    if failed is not None and not orders:
        raise failed
    return orders


class Completing:
    """Asks for what the rows of a list do not tell.

    An order for which the shop fails (X-Cart answers 500 where a field that it takes for given is empty) must not end
    the list for all that follow. At first it ends the page, for the shop may be better the next time. Where it fails
    once more the order is listed by what its row tells, and whoever wants to know more asks for it.

    :param complete: returns a row's order.
    :param bare: returns what the row alone tells of it.
    """

    def __init__(self, complete: Callable[[Row], Awaitable[StoredOrder]], bare: Callable[[Row], StoredOrder]) -> None:
        self._complete = complete
        self._bare = bare
        self._unread: set[int] = set()

    async def orders(self, rows: Sequence[Row], *, until: float) -> Completed:
        """Return the orders of ``rows``, or of the first of them once it is ``until`` by the loop's clock.

        :raises Unavailable: not even the first could be read.
        """
        tasks = [asyncio.ensure_future(self._complete(row)) for row in rows]
        try:
            return await self._collected(rows, tasks, until)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _collected(
        self, rows: Sequence[Row], tasks: Sequence[asyncio.Future[StoredOrder]], until: float
    ) -> Completed:
        found: list[StoredOrder] = []
        for number, (row, task) in enumerate(zip(rows, tasks, strict=True)):
            left = until - asyncio.get_running_loop().time()
            if number:
                await asyncio.wait([task], timeout=max(left, 0.0))
                if not task.done():
                    return Completed(found, number)
            try:
                found += await self._told(row, task)
            except Misconfigured:
                raise
            except Unavailable:
                if number == 0:
                    raise
                return Completed(found, number)
        return Completed(found, len(rows))

    async def _told(self, row: Row, task: asyncio.Future[StoredOrder]) -> list[StoredOrder]:
        """Return a row's order; none where there is nothing that could be listed."""
        try:
            return [await self._tried(row, task)]
        except OrderMissing:
            return []  # Deleted while the page was being read.
        except Unavailable:
            raise
        except AdapterError as error:
            _log.warning("order left out of a list: %s", error)
            return []

    async def _tried(self, row: Row, task: asyncio.Future[StoredOrder]) -> StoredOrder:
        order_id = key_of(row).order_id
        try:
            order = await task
        except Misconfigured:
            raise
        except Unavailable as error:
            if order_id not in self._unread:
                self._remember(order_id)
                raise
            _log.warning("order %s is listed without its payment: %s", order_id, error)
            return self._bare(row)
        self._unread.discard(order_id)
        return order

    def _remember(self, order_id: int) -> None:
        if len(self._unread) == _UNREAD_MAX:
            self._unread.clear()
        self._unread.add(order_id)
