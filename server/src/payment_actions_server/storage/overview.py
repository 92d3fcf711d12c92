"""The questions of a front end's first page, none of which looks at every payment or every event."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from payment_actions_server.storage.rows import Row, to_microseconds, to_time
from payment_actions_server.storage.tables import IN_FLIGHT_SQL, OPEN_AUTHORIZATION_SQL, UNUSUAL_ORDER_SQL

ATTENTION_AFTER_ATTEMPTS: Final = 3
"""A store update that failed this often wants a human's eye."""

TO_BE_TOLD: Final = "store_update_next_attempt_time IS NOT NULL"
FAILING: Final = f"{TO_BE_TOLD} AND store_update_attempts >= {ATTENTION_AFTER_ATTEMPTS}"
DISPUTED: Final = f"{UNUSUAL_ORDER_SQL} AND (store_update_state = 'DISPUTED' OR order_state = 'TOTAL_INVALID')"
REVIEW: Final = "next_check_time IS NOT NULL AND state = 'NEEDS_REVIEW'"

MOVED: Final = "newly_"
"""What the keys of an event's details begin with that say how much moved."""

_DAY_MICROSECONDS: Final = 86_400_000_000
_MOVEMENTS: Final = f"""SELECT sequence, store, time, status_before, status_after, details FROM events
    WHERE sequence > $1 AND sequence <= $2
    AND (status_before IS NULL OR status_before <> status_after OR details LIKE '%"{MOVED}%') ORDER BY sequence"""
_DAY_NAME: Final = "day || '@' || up_to_sequence"
_PUT_DAILY_TOTALS: Final = """INSERT INTO daily_totals (day, up_to_sequence, totals) VALUES ($1, $2, $3)
    ON CONFLICT (day) DO UPDATE SET up_to_sequence = excluded.up_to_sequence, totals = excluded.totals
    WHERE daily_totals.up_to_sequence < excluded.up_to_sequence"""


class Movement(NamedTuple):
    """An event by which money moved or a status changed."""

    sequence: int
    store: str
    time: datetime
    status_before: str | None  #: None at first sight.
    status_after: str
    details: dict[str, str]


class DayRow(NamedTuple):
    """What moved on one day: all of its events up to a sequence, whatever else is kept."""

    day: str
    up_to_sequence: int
    totals: list[tuple[str, str, str, int]] | None  #: None: known, and not read again.

    @property
    def name(self) -> str:
        """What tells it from other days, and from what was counted of its day before or later."""
        return f"{self.day}@{self.up_to_sequence}"


class Expiring(NamedTuple):
    """Open authorizations of one currency that run out on one day."""

    day: datetime
    currency_code: str
    payments: int
    open_minor: int


class Waiting(NamedTuple):
    """How much waits, of some stores."""

    needing_attention: int
    operations_in_flight: int
    store_updates: int
    refreshes_overdue: int


class OverviewQueries(ABC):
    """These reads of a `Storage`, and the write of what was counted."""

    @abstractmethod
    async def _rows(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run a query over the last committed state; ``$1`` stands for the first argument."""

    async def _listed(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run a query that may take its time, as the lists that people ask for may: it holds up no `_rows`."""
        return await self._rows(sql, *arguments)

    @abstractmethod
    async def _execute(self, sql: str, *arguments: Any) -> int:
        """Run a write that can be repeated without harm; return how many rows it touched once that is on disk."""

    @abstractmethod
    def _any_of(self, placeholder: str) -> str:
        """Return SQL for "is one of the strings of the argument"; `_strings` makes the argument."""

    @abstractmethod
    def _strings(self, values: Iterable[str]) -> Any:
        """Return strings as one argument."""

    async def waiting(self, stores: Collection[str], due_before: datetime) -> Waiting:
        """Return how much waits in some stores. Each count reads a small index of its own.

        :param due_before: a look that has been due since before this time is overdue.
        """
        of_stores = f"store {self._any_of('$1')}"
        attention = f"""SELECT store, order_id FROM payments WHERE anomaly <> '' AND store || '' {self._any_of("$1")}
            UNION SELECT store, order_id FROM payments WHERE {DISPUTED} AND store || '' {self._any_of("$1")}
            UNION SELECT store, order_id FROM operations WHERE {REVIEW} AND {of_stores}
            UNION SELECT store, order_id FROM payments WHERE {FAILING} AND {of_stores}"""
        sql = f"""SELECT (SELECT count(*) FROM ({attention}) a),
            (SELECT count(*) FROM operations WHERE {IN_FLIGHT_SQL} AND {of_stores}),
            (SELECT count(*) FROM payments WHERE {TO_BE_TOLD} AND {of_stores}),
            (SELECT count(*) FROM payments WHERE next_refresh_time < $2 AND {of_stores})"""
        rows = await self._listed(sql, self._strings(stores), to_microseconds(due_before))
        return Waiting(*rows[0])

    async def expiring(self, stores: Collection[str], after: datetime, before: datetime) -> list[Expiring]:
        """Return what runs out from a time on, before another, by day and currency, the soonest first."""
        sql = f"""SELECT authorization_expire_time / {_DAY_MICROSECONDS}, currency_code,
            count(*), sum(authorized_minor - captured_minor) FROM payments
            WHERE {OPEN_AUTHORIZATION_SQL} AND authorization_expire_time >= $2 AND authorization_expire_time < $3
            AND store || '' {self._any_of("$1")} GROUP BY 1, 2 ORDER BY 1, 2"""  # Not by the store: by the time.
        found = await self._listed(sql, self._strings(stores), to_microseconds(after), to_microseconds(before))
        return [
            Expiring(to_time(day * _DAY_MICROSECONDS), currency, count, int(open_minor))
            for day, currency, count, open_minor in found
        ]

    async def movements(self, after: int, up_to: int) -> list[Movement]:
        """Return the events of a range of sequences by which money moved or a status changed, in order."""
        return [
            Movement(sequence, store, to_time(time), status_before, status_after, json.loads(details))
            for sequence, store, time, status_before, status_after, details in await self._listed(
                _MOVEMENTS, after, up_to
            )
        ]

    async def daily_totals(self, known: Collection[str] = ()) -> list[DayRow]:
        """Return what is kept of every day, read at one moment.

        :param known: the names of rows whose totals need not be read.
        """
        sql = f"""SELECT day, up_to_sequence, CASE WHEN {_DAY_NAME} {self._any_of("$1")} THEN NULL ELSE totals END
            FROM daily_totals"""
        return [
            DayRow(day, up_to, None if totals is None else [tuple(entry) for entry in json.loads(totals)])
            for day, up_to, totals in await self._listed(sql, self._strings(known))
        ]

    async def put_daily_totals(self, row: DayRow) -> None:
        """Keep what was counted of a day, unless more of it was counted already."""
        assert row.totals is not None, "a row that was not read is not written"
        await self._execute(_PUT_DAILY_TOTALS, row.day, row.up_to_sequence, json.dumps(row.totals))
