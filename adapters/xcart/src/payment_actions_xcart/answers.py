"""Reading X-Cart's JSON: fields by any of their spellings, and errors that say which one is missing."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from payment_actions_server.plugins import AdapterError

#: PHP before 7.1 writes 129.90 as 129.90000000000001. Far above that noise, far below any minor unit.
NOISE: Final = Decimal("1e-6")

# More than any amount has. Rounding far more fails with an error that is no ValueError; such an amount has no noise.
_DIGITS_MAX: Final = 20

_CURRENCY_LETTERS = 3
_UNFINISHED = frozenset("ICF")  # initialised, cancelled, failed: an attempt that did not pay the order


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return ``value`` if it is an object."""
    if not isinstance(value, dict):
        raise AdapterError(f"X-Cart's answer has no usable {what}")
    return value


def rows(value: Any) -> Sequence[Mapping[str, Any]]:
    """Return the objects in a list; nothing where there is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def pick(source: Mapping[str, Any], *spellings: str) -> Any:
    """Return the first field that is there and not null; None without one."""
    return next((source[name] for name in spellings if source.get(name) is not None), None)


def text(source: Mapping[str, Any], *spellings: str) -> str:
    """Return a field as text; empty without one."""
    value = pick(source, *spellings)
    return str(value).strip() if isinstance(value, str | int) else ""


def required(source: Mapping[str, Any], *spellings: str) -> str:
    """Return a field as text that an order cannot be without."""
    found = text(source, *spellings)
    if not found:
        raise AdapterError(f"X-Cart's answer has no usable {spellings[0]}")
    return found


def decimal(source: Mapping[str, Any], *spellings: str) -> Decimal | None:
    """Return an amount; None where there is none. The parser has made a fraction a Decimal, never a binary float."""
    value = pick(source, *spellings)
    try:
        if isinstance(value, Decimal | int | str) and not isinstance(value, bool):
            amount = Decimal(value)
            return amount if amount.is_finite() else None
    except InvalidOperation:
        pass
    return None


def without_noise(amount: Decimal, places: int) -> Decimal:
    """Return an amount with a float's noise rounded away; a real fraction beyond ``places`` decimals stays."""
    if not amount.is_finite() or amount.adjusted() >= _DIGITS_MAX:
        return amount
    rounded = round(amount, places)
    return rounded if 0 < abs(amount - rounded) <= NOISE else amount


def code_of(value: Any) -> str:
    """Return the code of a status or currency, which is an object with a code or the bare code."""
    return text(value, "code") if isinstance(value, dict) else str(value or "")


def currency_of(value: Any) -> str:
    """Return the currency of a transaction; empty where it is told by anything but its code."""
    code = code_of(value)
    return code if len(code) == _CURRENCY_LETTERS and code.isalpha() else ""


def moment(value: Any) -> datetime | None:
    """Return a time that is a number of seconds or ISO 8601; None where it is neither."""
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value, UTC)
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def named(value: Any) -> Mapping[str, str]:
    """Return name/value rows as a mapping; of rows with one name the last counts."""
    return {text(row, "name"): text(row, "value") for row in rows(value) if text(row, "name")}


def latest(transactions: Any) -> Mapping[str, Any]:
    """Return the transaction that paid the order: the latest that was not abandoned; empty without any.

    5.5 as published answers the method's name where the status belongs, so a status that is no known letter
    says nothing.
    """
    found = rows(transactions)
    paid = [row for row in found if text(row, "status") not in _UNFINISHED] or found
    return max(paid, key=_age, default={})


def _age(row: Mapping[str, Any]) -> tuple[float, int]:
    when, number = moment(row.get("date")), text(row, "id", "transaction_id", "transactionId")
    return (when.timestamp() if when else 0.0, int(number) if number.isdecimal() else 0)
