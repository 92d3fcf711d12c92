"""How a list of the older API is filtered, sorted and cut: the parameter ``_cnd``."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from .errors import InvalidArgument
from .legacy_request import to_number
from .shop import Order

#: A column in X-Cart's query -> our attribute.
_SORTABLE: Final = {
    "o.lastRenewDate": "renewed",
    "o.date": "date",
    "o.order_id": "id",
    "o.total": "total",
    "o.orderNumber": "number",
}
_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_DATE_RANGE: Final = re.compile(rf"({_DAY})\D+({_DAY})")


def select(orders: Iterable[Order], conditions: Mapping[str, Any]) -> list[Order]:
    """Return the orders that ``conditions`` let through; a condition that X-Cart does not know is ignored.

    :raises InvalidArgument: the database has no such column or direction.
    """
    found = [order for order in orders if _matches(order, conditions)]
    return _cut(_sort(found, conditions.get("orderBy")), conditions.get("limit"))


def _matches(order: Order, conditions: Mapping[str, Any]) -> bool:
    method = conditions.get("paymentMethodName")
    since, until = _date_range(conditions.get("dateRange"))
    return (
        _has_status(order, conditions.get("paymentStatus"))
        and (not method or order.method_name == method)
        and (since is None or order.date >= since)
        and (until is None or order.date <= until)
    )


def _has_status(order: Order, wanted: Any) -> bool:
    """Tell whether the order has the status: digits are an id, other texts a code, a list holds codes."""
    if not wanted:
        return True
    row = order.payment_status
    if isinstance(wanted, dict | list):
        codes = wanted.values() if isinstance(wanted, dict) else wanted
        return row is not None and row.code in [str(code) for code in codes]
    text = str(wanted)
    return row is not None and (row.id == to_number(text) if text.isdecimal() else row.code == text)


def _date_range(given: Any) -> tuple[int | None, int | None]:
    """Return the seconds of ``2026-01-01 ~ 2026-01-31``, both days included; X-Cart ignores any other text."""
    match = _DATE_RANGE.fullmatch(given.strip()) if isinstance(given, str) else None
    if match is None:
        return None, None
    try:
        since, until = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in match.groups())
    except ValueError:
        return None, None
    return int(since.timestamp()), int(until.timestamp()) + 86399


def _sort(orders: list[Order], order_by: Any) -> list[Order]:
    """Sort by one column or by several; rows that are equal in all of them come newest id first.

    MySQL promises no order for equal rows. The simulator takes the least expected one.
    """
    if not isinstance(order_by, dict | list) or not order_by:
        return orders
    columns, directions = _items(order_by, 0), _items(order_by, 1)
    found = sorted(orders, key=attrgetter("id"), reverse=True)
    for position, column in reversed(list(enumerate(columns))):
        direction = directions[position].lower() if position < len(directions) else "asc"
        if column not in _SORTABLE or direction not in ("asc", "desc"):
            raise InvalidArgument(f"[Semantical Error] near 'ORDER BY {column} {direction}'")
        found.sort(key=attrgetter(_SORTABLE[column]), reverse=direction == "desc")
    return found


def _items(pair: Any, position: int) -> list[str]:
    """Return the columns (0) or the directions (1) of ``orderBy``, of which there are one or several."""
    given = _member(pair, position)
    many = isinstance(given, dict | list)
    return [str(each) for each in _values(given)] if many else [] if given is None else [str(given)]


def _cut(orders: list[Order], limit: Any) -> list[Order]:
    """Return ``limit[1]`` orders from ``limit[0]`` on; without a count, all that follow."""
    if not isinstance(limit, dict | list):
        return orders
    start, count = to_number(_member(limit, 0)), to_number(_member(limit, 1))
    return orders[start : start + count] if count else orders[start:]


def _member(given: Any, position: int) -> Any:
    if isinstance(given, dict):
        return given.get(str(position))
    return given[position] if position < len(given) else None


def _values(given: Any) -> Iterable[Any]:
    return given.values() if isinstance(given, dict) else given
