"""What moved on which day, and how many payments stand where: added up from the events, beside what actions write.

The events are the one truthful source: money that the gateway's console or the checkout moved has its event too. They
are counted once, in the background, into one row a day; whoever asks adds the few that came since.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.engine.context import Context
from payment_actions_server.storage import MOVED, DayRow, Movement

CHUNK: Final = 1000
"""How many events are looked at in one go: SQLite answers in our own loop, and others wait for these milliseconds."""

CHUNKS_MAX: Final = 10
"""How many of these a question adds to what is kept; more is left to the background."""

SECONDS: Final = 15.0
"""How often the background counts."""

REST: Final = 9
"""How many times as long as a round took it rests while there is more: a first count of millions holds up nobody."""

MONEY: Final = ("authorized", "captured", "refunded")
_STATUS: Final = "status"

Tally = Counter[tuple[str, str, str]]
"""(store, what, currency or status) -> minor units, or how many payments more (or less) have the status."""


class Counted(NamedTuple):
    """What moved by day, up to a sequence."""

    days: Mapping[str, Tally]
    up_to_sequence: int

    def status_counts(self, stores: set[str]) -> dict[PaymentStatus, int]:
        """Return how many payments of some stores stand where."""
        counts: Counter[str] = Counter()
        for tally in self.days.values():
            for (store, what, word), number in tally.items():
                if what == _STATUS and store in stores:
                    counts[word] += number
        return {status: counts[status] for status in PaymentStatus if counts[status] > 0}

    def moved(self, day: str, stores: set[str]) -> dict[str, tuple[int, int, int]]:
        """Return what was authorized, captured and refunded on a day in some stores, by currency."""
        sums: Counter[tuple[str, str]] = Counter()
        for (store, what, currency), number in self.days.get(day, Counter()).items():
            if what != _STATUS and store in stores:
                sums[currency, what] += number
        currencies = sorted({currency for currency, _ in sums})
        return {one: (sums[one, MONEY[0]], sums[one, MONEY[1]], sums[one, MONEY[2]]) for one in currencies}


class Totals:
    """Counts events. Every replica does: what two of them keep of a day is the same, the further one stays."""

    def __init__(self, context: Context) -> None:
        self._storage = context.storage
        self._known: dict[str, Tally] = {}  # By the names of the rows as they were read last. Never changed within.

    async def counted(self, last: int) -> Counted:
        """Return what is kept, and the events since then added: at most so many that it takes no time to speak of.

        :param last: the last sequence to count.
        """
        days, position = await self._kept()
        for _ in range(CHUNKS_MAX):
            if position >= last:
                break
            up_to = min(position + CHUNK, last)
            for day, tally in _by_day(await self._storage.movements(position, up_to)):
                _count(days, day, tally)
            position = up_to
        return Counted(days, position)

    async def keep(self) -> bool:
        """Count some of the events that are not counted yet; return, after a rest, whether there are more."""
        clock = asyncio.get_running_loop().time
        started = clock()
        more = await self._count_some()
        if more:
            await asyncio.sleep(REST * (clock() - started))
        return more

    async def _count_some(self) -> bool:
        """Count the next events; return whether there are more.

        Each row that is written says all of its day up to its sequence, and is written before the next one begins:
        dying in between leaves what was counted right.
        """
        days, position = await self._kept()
        last = await self._storage.last_sequence()
        if position >= last:
            return False
        up_to = min(position + CHUNK, last)
        rows = [*_runs(await self._storage.movements(position, up_to))]
        for place, (day, tally, sequence) in enumerate(rows, 1):
            _count(days, day, tally)
            await self._put(day, days[day], up_to if place == len(rows) else sequence)
        if not rows:
            await self._put("", Counter(), up_to)
        return up_to < last

    async def _kept(self) -> tuple[dict[str, Tally], int]:
        """Return what is kept of every day, and how far. Years of it are read once, then what changed."""
        known = self._known
        rows = await self._storage.daily_totals(known)
        tallies = [known[row.name] if row.totals is None else _tally(row.totals) for row in rows]
        self._known = {row.name: tally for row, tally in zip(rows, tallies, strict=True)}
        days = {row.day: tally for row, tally in zip(rows, tallies, strict=True)}
        return days, max((row.up_to_sequence for row in rows), default=0)

    async def _put(self, day: str, tally: Tally, up_to_sequence: int) -> None:
        totals = [(*key, number) for key, number in tally.items() if number]
        await self._storage.put_daily_totals(DayRow(day, up_to_sequence, totals))


def _tally(totals: Iterable[tuple[str, str, str, int]]) -> Tally:
    return Counter({(store, what, word): number for store, what, word, number in totals})


def _count(days: dict[str, Tally], day: str, tally: Tally) -> None:
    """Add to a day what moved, in a tally of its own: the one that is there is remembered as it was read."""
    days[day] = Counter(days.get(day))
    days[day].update(tally)


def _by_day(movements: list[Movement]) -> Iterator[tuple[str, Tally]]:
    return ((day, tally) for day, tally, _ in _runs(movements))


def _runs(movements: list[Movement]) -> Iterator[tuple[str, Tally, int]]:
    """Yield (day, what moved, last sequence) of each stretch of events of one day; their times need not be in order."""
    day, tally, sequence = "", Counter[tuple[str, str, str]](), 0
    for movement in movements:
        its_day = movement.details.get("moved_date") or movement.time.date().isoformat()
        if its_day != day and sequence:
            yield day, tally, sequence
            tally = Counter()
        day, sequence = its_day, movement.sequence
        _add(tally, movement)
    if sequence:
        yield day, tally, sequence


def _add(tally: Tally, movement: Movement) -> None:
    store, details = movement.store, movement.details
    if movement.status_before != movement.status_after:
        tally[store, _STATUS, movement.status_after] += 1
        if movement.status_before is not None:
            tally[store, _STATUS, movement.status_before] -= 1
    for what in MONEY:
        moved = details.get(f"{MOVED}{what}_minor")
        if moved:
            tally[store, what, details["currency_code"]] += int(moved)
