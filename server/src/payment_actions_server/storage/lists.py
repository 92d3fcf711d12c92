"""Lists of payments. A page costs what it shows, however many payments there are.

SQLite answers in the service's own loop, and knows nothing of how many rows there are: it is told where to begin.

- Each filter that few payments pass has a small index. A list with such filters begins with the orders that pass all of
  them, and looks at no other payment. (While a shop is down its updates are not few: one to three microseconds each.)
- Of the authorizations that run out before a time there may be as many as there are open ones. More than `EXPIRING_MAX`
  are not looked at one by one: the list is that of the open ones, less those that run out later.
- Any other list takes a page's worth from each status of each store, out of an index that has it in the list's order,
  and then the first of all these. (Indexes of all stores or statuses would have to be written with every change, too.)
- A payment method has no index: the payments of each store and status are looked through until there is a page of it.
  Where a method hardly occurs that is all of them, 300,000 payments in a quarter of a second; and so it is where many
  authorizations run out in time, but none of those that were changed last. To stop in between, a page would have to say
  how far it looked, and could be empty with more to come.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.storage.overview import DISPUTED, FAILING, REVIEW, TO_BE_TOLD, OverviewQueries
from payment_actions_server.storage.records import RECORD, RECORD_JOINS, to_record
from payment_actions_server.storage.rows import to_microseconds
from payment_actions_server.storage.tables import OPEN_AUTHORIZATION_SQL
from payment_actions_server.storage.work import PaymentFilter, Record

SEARCHED_MAX: Final = 1000
"""How many orders a search looks at, by name and by reference each."""
EXPIRING_MAX: Final = 20_000
"""How many authorizations that run out before a time are looked at one by one; it takes some 50 milliseconds."""
STORES_AT_ONCE: Final = 10
"""How many stores one statement lists; one for all of many takes more than its share for each."""

_NAME: Final = "#"
_AFTER_ALL: Final = "\U0010ffff"  # Sorts behind every character.

_STORES: Final = """WITH RECURSIVE stores (store) AS (
        SELECT min(store) FROM payments
        UNION ALL SELECT (SELECT min(p.store) FROM payments p WHERE p.store > stores.store) FROM stores
        WHERE stores.store IS NOT NULL
    ) SELECT store FROM stores WHERE store IS NOT NULL"""

_LAST_CHANGED_FIRST: Final = "ORDER BY p.update_time DESC, p.store DESC, p.order_id DESC"
_RECORDS: Final = f"""SELECT {RECORD} FROM page CROSS JOIN payments p {RECORD_JOINS}
    WHERE p.store = page.store AND p.order_id = page.order_id {_LAST_CHANGED_FIRST}"""


def _of_orders(orders: str) -> str:
    """Return the part of a list that some orders are; they are looked at before their payments."""
    return f"({orders}) few CROSS JOIN payments p WHERE p.store = few.store AND p.order_id = few.order_id"


# In parts that have no payment in common.
_ATTENTION: Final = (
    "payments p WHERE anomaly <> ''",
    f"payments p WHERE {DISPUTED} AND anomaly = ''",
    f"payments p WHERE {FAILING} AND anomaly = '' AND NOT ({DISPUTED})",
    _of_orders(f"SELECT store, order_id FROM operations WHERE {REVIEW}")
    + f" AND anomaly = '' AND NOT ({DISPUTED}) AND NOT ({FAILING})",
)
_OPEN: Final = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED})
_EXPIRES: Final = f"{OPEN_AUTHORIZATION_SQL} AND authorization_expire_time <"
_EXPIRING: Final = f"SELECT count(*) FROM (SELECT 1 FROM payments WHERE {_EXPIRES} $1 LIMIT $2) expiring"
_UPDATE_FAILED: Final = f"payments p WHERE {TO_BE_TOLD} AND store_update_last_error <> ''"


def names_of(order_id: str, order_number: str) -> tuple[str, ...]:
    """Return the references under which an order is found by the beginning of its id or number."""
    return tuple(dict.fromkeys((_NAME + order_id, _NAME + order_number)))


class _Arguments(list[Any]):
    """The arguments of a statement that is put together."""

    def place(self, value: Any) -> str:
        """Take one more; return what stands for it."""
        self.append(value)
        return f"${len(self)}"


class ListQueries(OverviewQueries):
    """Which payments a page of a list holds."""

    async def list_records(self, wanted: PaymentFilter) -> list[Record]:
        """Return payments, the last changed first."""
        many_expire = await self._many_expire(wanted.authorization_expire_before)
        if many_expire:
            wanted = wanted._replace(statuses=(wanted.statuses or _OPEN) & _OPEN)
            if not wanted.statuses:
                return []
        arguments = _Arguments()
        if few := list(self._few(wanted, arguments, many_expire=many_expire)):
            return await self._page(wanted, self._of_few(few, wanted, arguments), arguments)
        stores = await self._stores() if wanted.store is None else [wanted.store]
        place = {store: number for number, store in enumerate(stores)}  # As the database sorts them.
        found: list[Record] = []
        for begin in range(0, len(stores), STORES_AT_ONCE):
            arguments = _Arguments()
            parts = list(_of_each_status(stores[begin : begin + STORES_AT_ONCE], wanted.statuses, arguments))
            found += await self._page(wanted, parts, arguments)
            found.sort(key=lambda record: _position(record, place), reverse=True)
            del found[wanted.limit :]
        return found

    async def _page(self, wanted: PaymentFilter, parts: list[str], arguments: _Arguments) -> list[Record]:
        """Return the first page of several parts, "payments p WHERE ...", that have no payment in common."""
        rest = "".join(f" AND {condition}" for condition in _rest(wanted, arguments))
        first = f"{_LAST_CHANGED_FIRST} LIMIT {arguments.place(wanted.limit)}"
        firsts = " UNION ALL ".join(
            f"SELECT * FROM (SELECT p.store, p.order_id, p.update_time FROM {part}{rest} {first}) part"
            for part in parts
        )
        sql = f"WITH page AS (SELECT p.store, p.order_id FROM ({firsts}) p {first}) {_RECORDS}"
        return [to_record(row) for row in await self._listed(sql, *arguments)]

    async def _many_expire(self, before: datetime | None) -> bool:
        if before is None:
            return False
        rows = await self._listed(_EXPIRING, to_microseconds(before), EXPIRING_MAX + 1)
        return int(rows[0][0]) > EXPIRING_MAX

    async def _stores(self) -> list[str]:
        """Return the stores that have payments, in service or not; each costs one look into an index."""
        return [row[0] for row in await self._listed(_STORES)]

    def _of_few(self, few: list[tuple[str, ...]], wanted: PaymentFilter, arguments: _Arguments) -> list[str]:
        """Return what passes all of some filters. Store and status are looked at then, and no way to them."""
        parts = list(few[0])
        if len(few) > 1:
            sets = (" UNION ALL ".join(f"SELECT p.store, p.order_id FROM {part}" for part in each) for each in few)
            parts = [_of_orders(" INTERSECT ".join(f"SELECT * FROM ({orders}) one" for orders in sets))]
        sql = ""
        if wanted.store is not None:
            sql += f" AND p.store || '' = {arguments.place(wanted.store)}"
        if wanted.statuses:
            sql += f" AND p.status || '' {self._any_of(arguments.place(self._strings(sorted(wanted.statuses))))}"
        return [part + sql for part in parts]

    def _few(self, wanted: PaymentFilter, arguments: _Arguments, *, many_expire: bool) -> Iterator[tuple[str, ...]]:
        """Yield the parts of what passes each filter that few payments pass."""
        if wanted.needing_attention:
            yield _ATTENTION
        if wanted.store_update_failing:
            yield (_UPDATE_FAILED,)
        if wanted.authorization_expire_before is not None and not many_expire:
            before = arguments.place(to_microseconds(wanted.authorization_expire_before))
            yield (f"payments p WHERE {_EXPIRES} {before}",)
        stores = wanted.stores if wanted.store is None else (wanted.store,)
        if wanted.refresh_due_before is not None:
            of_stores = self._any_of(arguments.place(self._strings(stores)))
            before = arguments.place(to_microseconds(wanted.refresh_due_before))
            yield (f"payments p WHERE store {of_stores} AND next_refresh_time < {before}",)
        if wanted.order_search:
            of_stores = self._any_of(arguments.place(self._strings(stores)))
            found = " UNION ".join(
                f"""SELECT store, order_id FROM (SELECT store, order_id FROM gateway_references
                    WHERE store {of_stores} AND value >= {beginning} AND value < {beginning} || '{_AFTER_ALL}'
                    ORDER BY store, value, order_id LIMIT {SEARCHED_MAX}) {alias}"""
                for alias, beginning in (
                    ("by_name", arguments.place(_NAME + wanted.order_search)),
                    ("by_reference", arguments.place(wanted.order_search)),
                )
            )
            yield (_of_orders(found),)


def _of_each_status(stores: Sequence[str], statuses: Collection[PaymentStatus], arguments: _Arguments) -> Iterator[str]:
    placed = [arguments.place(status.value) for status in sorted(statuses or PaymentStatus)]
    for store in map(arguments.place, stores):
        for status in placed:
            yield f"payments p WHERE p.store = {store} AND p.status = {status}"


def _position(record: Record, place: Mapping[str, int]) -> tuple[datetime, int]:
    """Return where a record stands in a list; those of one store that changed at once are in their order already."""
    assert record.payment is not None
    return record.payment.update_time, place[record.payment.store]


def _rest(wanted: PaymentFilter, arguments: _Arguments) -> Iterator[str]:
    """Yield the conditions that a payment itself answers."""
    if wanted.payment_method:
        method = arguments.place(wanted.payment_method)
        yield f"(p.method_code = {method} OR p.method_name = {method})"
    if wanted.authorization_expire_before is not None:
        before = arguments.place(to_microseconds(wanted.authorization_expire_before))
        yield f"p.authorization_expire_time + 0 < {before}"  # As no index has it: this is no way to the payments.
    if wanted.before is not None:
        update_time, store, order_id = wanted.before
        position = (to_microseconds(update_time), store, order_id)
        yield f"(p.update_time, p.store, p.order_id) < ({', '.join(map(arguments.place, position))})"
