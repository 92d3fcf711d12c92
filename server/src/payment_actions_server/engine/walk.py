"""How far a store's list of changed orders has been gone through, and which orders could not be seen on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from payment_actions_server.plugins import PlatformOrder

OVERLAP: Final = timedelta(minutes=5)
"""How long after its time a change may become visible: a shop stamps it when it begins to write, and shows it later."""
GIVE_UP_AFTER: Final = timedelta(days=7)
"""How long an order that cannot be seen is tried, and how far back it holds the place that outlives the process.

Longer than an outage; but an order that never can be seen must not have every start list all orders since it.
"""


LOOKS_MAX: Final = 3
"""How often an order is looked at that is listed unchanged: a list may never say what a reading of the order says."""
LOOKED_MAX: Final = 10_000
"""How many of these orders are remembered; of the oldest it is forgotten how often they were looked at."""


class Looked(NamedTuple):
    """An order that was looked at because of how it is listed."""

    listed: PlatformOrder
    times: int


class Missed(NamedTuple):
    """An order that was listed and could not be seen."""

    place: datetime  #: Where in the list it stands.
    first_time: datetime  #: Since when it is tried.


@dataclass(slots=True)
class Walk:
    """One walk after another through a list, oldest change first; each may take several rounds.

    It lives as long as the process. What outlives it is a time: all that changed before was seen, or given up.
    """

    reached: datetime  #: The last change that was listed.
    since: datetime = field(init=False)  #: From when on this walk lists.
    page_token: str = ""  #: Where the next page begins; empty: at the beginning of a walk.
    fresh_time: datetime | None = None  #: When this walk first listed what is so new that older may yet appear.
    stumbled: bool = False  #: Whether the last page could not be listed.
    failures: int = 0  #: How many orders this round tried in vain.
    missed: dict[str, Missed] = field(default_factory=dict)  #: By order id; the next to be tried is the first.
    looked: dict[str, Looked] = field(default_factory=dict)  #: By order id, while the list brings news of it.

    def __post_init__(self) -> None:
        self.begin(self.reached)

    @property
    def until(self) -> datetime:
        """Return until when all changes were listed, those excepted that appear late: `OVERLAP` is for them.

        A long walk reaches what changed since it passed their place: it vouches for no more than its overlap finds.
        """
        return self.reached if self.fresh_time is None else min(self.reached, self.fresh_time)

    def begin(self, until: datetime) -> None:
        """Begin anew from where all was listed."""
        self.reached, self.since, self.page_token, self.fresh_time = until, until - OVERLAP, "", None

    def go_on(self, orders: Iterable[PlatformOrder], next_page_token: str, now: datetime) -> None:
        """Take note of a page that was read at ``now``. A time that had not come by then leads nowhere: it is wrong."""
        times = [order.update_time for order in orders if order.update_time is not None]
        self.reached = max([self.reached, *(time for time in times if time <= now)])
        if self.fresh_time is None and self.reached > now - OVERLAP:
            self.fresh_time = now
        self.page_token, self.stumbled = next_page_token, False

    def stumble(self) -> None:
        """Take note that a page could not be listed: ask again, but not for ever, for its token may be the reason."""
        if self.stumbled:
            self.page_token = ""
        self.stumbled = True

    def is_exhausted(self, order: PlatformOrder) -> bool:
        """Tell whether the order was looked at often enough as it is listed."""
        looked = self.looked.get(order.order_id)
        return looked is not None and looked.listed == order and looked.times >= LOOKS_MAX

    def note_look(self, order: PlatformOrder) -> None:
        """Take note that the order was looked at because of how it is listed."""
        before = self.looked.pop(order.order_id, None)
        times = before.times if before is not None and before.listed == order else 0
        self.looked[order.order_id] = Looked(order, times + 1)
        if len(self.looked) > LOOKED_MAX:
            del self.looked[next(iter(self.looked))]

    def forget_look(self, order_id: str) -> None:
        """Take note that the list brings no news of the order any more."""
        self.looked.pop(order_id, None)

    def miss(self, order_id: str, update_time: datetime | None, now: datetime) -> None:
        """Take note of an order that could not be seen."""
        self.missed[order_id] = Missed(update_time or self.until, now)

    def miss_again(self, order_id: str, now: datetime) -> bool:
        """Take note of a try that failed: others come first now. Tell whether the order is given up."""
        missed = self.missed.pop(order_id)
        given_up = now - missed.first_time > GIVE_UP_AFTER
        if not given_up:
            self.missed[order_id] = missed
        return given_up

    def safe_until(self, now: datetime) -> datetime:
        """Return where to begin after a restart, which forgets the orders that were missed: not behind them."""
        first_missed = min((missed.place for missed in self.missed.values()), default=self.until)
        return min(self.until, max(first_missed, now - GIVE_UP_AFTER))
