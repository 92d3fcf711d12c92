"""The payment statuses that a shop of X-Cart 5.0-5.4 has. Nothing may be written that is not among them.

That API takes a code which it does not know for the new code of the order's present status, and so renames a status
of the whole shop. The adapter therefore looks each status up and writes by id: an id that is gone changes nothing.
It looks anew before each write: a shop restored from a backup gives an id to another status.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from payment_actions_server.plugins import Unavailable

from .errors import UnknownStatus
from .statuses import ShopStatus

_SEEN_MAX = 200

_log = logging.getLogger(__name__)


class Catalogue:
    """The shop's payment statuses: read before each write.

    :param read: returns every status; None where the shop does not show them to this key.
    :param search: returns a status that one of the shop's orders has; None where no order has it.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Sequence[ShopStatus] | None]],
        search: Callable[[str], Awaitable[ShopStatus | None]],
    ) -> None:
        self._read = read
        self._search = search
        self._known: Mapping[str, ShopStatus] = {}
        self._seen: dict[str, ShopStatus] = {}
        self._lock = asyncio.Lock()

    async def find(self, spelling: str) -> ShopStatus:
        """Return the status that the setting ``statuses`` spells so.

        :raises UnknownStatus: the shop has no such status.
        :raises Unavailable: the shop does not show its statuses, and no order proves that it has this one.
        """
        async with self._lock:
            rows = await self._read()
            if rows is None:
                return await self._proven(spelling)
            self._take_over(rows)
        found = self._known.get(spelling)
        if found is None:
            raise UnknownStatus(problem_of(spelling, self._known.values()))
        return found

    def note(self, status: ShopStatus) -> ShopStatus:
        """Remember a status that an order was seen with, and return it."""
        if status.id and (status.spelling in self._seen or len(self._seen) < _SEEN_MAX):
            self._seen[status.spelling] = status
        return status

    def forget(self) -> None:
        """Have the statuses read again before the next write: the shop answered otherwise than expected."""
        self._known = {}
        self._seen.clear()

    def _take_over(self, rows: Sequence[ShopStatus]) -> None:
        before = {status.id: status for status in self._known.values()}
        for row in rows:
            if row.id in before and before[row.id].code != row.code:
                _log.error("%s", renamed_words(before[row.id], row))
        self._known = {row.spelling: row for row in rows}

    async def _proven(self, spelling: str) -> ShopStatus:
        found = await self._search(spelling) or self._seen.get(spelling)
        if found is None:
            raise Unavailable(
                f"X-Cart does not show its payment statuses to this key, and no order has the status {spelling!r}: "
                "a status that the shop lacks would rename another one, so nothing is written. "
                "Let the key read order-status-payment, or set one order to the status in X-Cart's admin"
            )
        return self.note(found)


def problem_of(spelling: str, known: Iterable[ShopStatus]) -> str:
    """Return why a status cannot be written, and what the shop has."""
    rows = sorted(known, key=lambda status: status.id)
    coded = next((row for row in rows if row.code and spelling == f"id:{row.id}"), None)
    if coded:
        return f"the payment status {spelling} has the code {coded.code!r}: name it by its code"
    has = ", ".join(row.code or f"{row.spelling} (no code)" for row in rows)
    return f"the shop has no payment status {spelling!r}; it has {has}"


def renamed_words(before: ShopStatus, now: ShopStatus) -> str:
    """Say that a status of the shop got another code."""
    return (
        f"X-Cart's payment status {now.id} was {before.code!r} and is {now.code!r} now: it was renamed, "
        "and every order that has it reads so; correct its code in X-Cart's table of order statuses"
    )
