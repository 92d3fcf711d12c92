"""Reading pages of X-Cart 5.5's list of orders past orders that it cannot tell.

X-Cart 5.5 answers HTTP 500 for an order whose payment or shipping status has no code, and so for each page of the
list with such an order. The list has no filter that would leave the order out. A page that fails is therefore read in
smaller pages, down to a single order; a row that fails alone is a gap, and a placeholder stands in its place, so that
no row after it is taken for another.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from payment_actions_server.plugins import Unavailable

from .errors import ShopFailed
from .listing import ROWS, Row, key_of

_SMALLER: Final = {ROWS: 50, 50: 25, 25: 5, 5: 1}  # Each divides the one before, so that pages begin at the same row.
_REQUESTS_MAX: Final = 130  # A page of a hundred orders none of which can be told costs 127.
_GUESSES_MAX: Final = 20
_NAMED_MAX: Final = 1000

_GAP: Final = "gap"

_log = logging.getLogger(__name__)

Fetch = Callable[[int, int], Awaitable[Sequence[Row]]]


def is_gap(row: Row) -> bool:
    """Tell whether a row stands for an order that X-Cart cannot tell."""
    return _GAP in row


class GapReader:
    """Reads pages of orders, and names the orders that are missing from them.

    :param fetch: returns a page by its number and size.
    :param fails: tells whether X-Cart fails for one order; the order's id is given.
    :param check_alive: raises `Unavailable` if the shop fails for any list.
    """

    def __init__(
        self,
        fetch: Fetch,
        fails: Callable[[int], Awaitable[bool]],
        check_alive: Callable[[], Awaitable[None]],
    ) -> None:
        self._fetch = fetch
        self._fails = fails
        self._check_alive = check_alive
        self._named: set[int] = set()
        self._places: set[tuple[int, int]] = set()

    async def page(self, number: int) -> Sequence[Row]:
        """Return a page of `ROWS` rows, with a placeholder for each order that X-Cart cannot tell.

        :raises Unavailable: the shop fails for other lists too, or for every order of the page.
        """
        try:
            return await self._fetch(number, ROWS)
        except ShopFailed:
            await self._check_alive()
        rows = await _Split(self._fetch).rows(number, ROWS)
        told = [row for row in rows if row is not None]
        if not told:
            raise Unavailable(
                f"X-Cart fails for each of {len(rows)} orders in a row: their payment or shipping status has no code"
            )
        await self._name(rows, told)
        return _filled(rows)

    async def _name(self, rows: Sequence[Row | None], told: Sequence[Row]) -> None:
        """Log which orders are missing. The list does not tell their ids: look for them among the ids nearby."""
        gaps = len(rows) - len(told)
        ids = {key_of(row).order_id for row in told}
        around = range(max(ids) + gaps, max(min(ids) - gaps - 1, 0), -1)
        guesses = [number for number in around if number not in ids]
        missing = [number for number in guesses if number in self._named]
        for number in [number for number in guesses if number not in self._named][:_GUESSES_MAX]:
            if len(missing) >= gaps:
                break
            if await self._fails(number):
                missing.append(number)
                self._remember(number)
                _log.warning("order %s is left out of a list: %s", number, NO_CODE)
        place = (key_of(told[0]).changed, key_of(told[-1]).changed)
        if len(missing) < gaps and place not in self._places:
            self._places = self._places | {place} if len(self._places) < _NAMED_MAX else {place}
            _log.warning("%s orders are left out of a list, between %s and %s (seconds): %s", gaps, *place, NO_CODE)

    def _remember(self, number: int) -> None:
        if len(self._named) == _NAMED_MAX:
            self._named.clear()
        self._named.add(number)


NO_CODE: Final = "X-Cart 5.5 fails for an order whose payment or shipping status has no code; give that status a code"


class _Split:
    """One page, read in ever smaller pages; a row that fails alone is None."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._requests = 0

    async def rows(self, number: int, size: int) -> list[Row | None]:
        smaller = _SMALLER[size]
        parts = size // smaller
        first = (number - 1) * parts + 1
        tasks = [asyncio.ensure_future(self._part(first + part, smaller)) for part in range(parts)]
        try:
            return [row for rows in await asyncio.gather(*tasks) for row in rows]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _part(self, number: int, size: int) -> Sequence[Row | None]:
        self._requests += 1
        if self._requests > _REQUESTS_MAX:
            raise Unavailable(f"X-Cart fails for too many orders of one page: {NO_CODE}")
        try:
            rows = await self._fetch(number, size)
        except ShopFailed:
            return [None] if size == 1 else await self.rows(number, size)
        if len(rows) > size:
            raise Unavailable("X-Cart fails for a page of its orders, and gives no smaller one")
        return rows


def _filled(rows: Sequence[Row | None]) -> Sequence[Row]:
    """Put a placeholder in each gap: with the times of the row before it, or of the first row that can be told."""
    neighbour = next(row for row in rows if row is not None)
    filled: list[Row] = []
    for row in rows:
        neighbour = row or neighbour
        filled.append(row or {**neighbour, "id": 0, _GAP: True})
    return filled
