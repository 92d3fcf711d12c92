"""Going through orders by their last change, oldest first, in a shop that only pages.

X-Cart sorts by last change but cannot filter by it, and a page number means other orders as soon as one
order changes. So a place in the list is the last order seen, and pages are only where what follows is looked
for: newest first, because what a caller waits for is almost always on the first one. An order that changes
meanwhile moves to the front and pushes others to later pages, never to earlier ones; where two pages are put
together, a second look at the later one shows whether that has happened in between.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from payment_actions_server.plugins import AdapterError, Unavailable

from . import answers
from .orders import StoredOrder

ROWS: Final = 100  #: Rows a page: the most that X-Cart gives.

_PROBES_MAX = 64  # doubling, then halving: enough for more orders than there are people
_ATTEMPTS_MAX = 5
_FAR: Final = 10**18

Row = Mapping[str, Any]
Page = Callable[[int], Awaitable[Sequence[Row]]]


class Key(NamedTuple):
    """Where an order stands in the list. X-Cart counts seconds, and sorts by the first two fields."""

    changed: int
    created: int
    order_id: int

    @property
    def group(self) -> tuple[int, int]:
        """Return what X-Cart sorts by: within a group its order means nothing."""
        return self.changed, self.created


class Position(NamedTuple):
    """Where a caller has got to."""

    key: Key  #: The last order it has seen.
    guess: int  #: The page on which what follows was last seen.


class Listed(NamedTuple):
    """Some orders, oldest change first."""

    orders: Sequence[StoredOrder]
    last: Position | None  #: None: there are no more.


class Found(NamedTuple):
    """Rows that lie ahead, oldest first, and the page with those that follow; 0: there are none."""

    rows: Sequence[Row]
    next_page: int


def start(changed_after: datetime | None) -> Position:
    """Return the place before every order that changed at ``changed_after`` or later."""
    seconds = int(changed_after.timestamp()) if changed_after else 0
    return Position(Key(seconds - 1, _FAR, _FAR), 1)


def token_of(position: Position | None) -> str:
    """Return a place as a page token; empty for the end."""
    return ".".join(str(number) for number in (*position.key, position.guess)) if position else ""


def position_of(token: str) -> Position:
    """Return the place that a page token of ours names."""
    try:
        changed, created, order_id, guess = (int(part) for part in token.split("."))
    except ValueError:
        raise AdapterError("this page token is not one of the xcart adapter's") from None
    return Position(Key(changed, created, order_id), max(guess, 1))


def key_of(row: Row) -> Key:
    """Return where an order stands, in either API's spelling."""
    changed = answers.moment(answers.pick(row, "update_date", "lastRenewDate", "updateDate"))
    created = answers.moment(answers.pick(row, "create_date", "date", "orderDate"))
    order_id = answers.required(row, "id", "order_id", "orderId")
    return Key(
        int(changed.timestamp()) if changed else 0,
        int(created.timestamp()) if created else 0,
        int(order_id) if order_id.isdecimal() else 0,
    )


async def search(page: Page, *, after: Key, size: int, guess: int) -> Found:
    """Return the ``size`` oldest rows after ``after``, or fewer, from pages that come newest first."""
    for _ in range(_ATTEMPTS_MAX):
        number, rows = await _boundary(page, after, guess)
        ahead = _ahead(rows, after)
        while number > 1 and not _settled(ahead, rows):
            newer = await page(number - 1)
            if _first(await page(number)) != _first(rows):
                break  # an order moved to the front between the two looks
            number, rows = number - 1, newer
            ahead = _ahead(rows, after) + ahead
        else:
            # The newest group of a page that is not the first may go on on the page before: it waits.
            whole = ahead if number == 1 else [row for row in ahead if key_of(row).group < _first(rows).group]
            oldest = sorted(whole, key=key_of)[:size]
            return Found(oldest, number if number > 1 or len(oldest) < len(ahead) else 0)
        guess = number
    raise Unavailable("X-Cart's list of orders changes faster than it can be read")


async def _boundary(page: Page, after: Key, guess: int) -> tuple[int, Sequence[Row]]:
    """Return the page with the oldest row that is not behind ``after``'s group; page 1 if all are behind."""
    low, high, number = 0, 0, guess  # `low` is all ahead or level, `high` all behind; 0: not known
    for _ in range(_PROBES_MAX):
        rows = await page(number)
        behind = sum(key_of(row).group < after.group for row in rows)
        if number == 1 and behind == len(rows):
            return number, rows
        if behind == len(rows):
            low, high = (low if low < number else 0), number
        elif behind or len(rows) < ROWS or high == number + 1:
            return number, rows
        else:
            low, high = number, (high if high > number else 0)
        number = (low + high) // 2 if high else low * 2
    raise Unavailable("X-Cart's list of orders changes faster than it can be read")


def _ahead(rows: Sequence[Row], after: Key) -> list[Row]:
    return [row for row in rows if key_of(row) > after]


def _settled(ahead: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Tell whether the page alone shows some rows ahead whose group cannot go on on the page before."""
    return any(key_of(row).group < _first(rows).group for row in ahead)


def _first(rows: Sequence[Row]) -> Key:
    return key_of(rows[0]) if rows else Key(0, 0, 0)
