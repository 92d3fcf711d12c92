from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

from .refusals import Code, Refusal

_AMOUNT: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")

# ISO 4217 minor digits of the currencies a v1 merchant may be paid in.
MINOR_DIGITS: Final = {
    **dict.fromkeys(("AUD", "CHF", "DKK", "EUR", "GBP", "HKD", "NOK", "NZD", "SEK", "USD", "ZAR"), 2),
    "JPY": 0,
}
_TOLERANCE_SHARE: Final = Decimal("0.15")
_TOLERANCE_MAX: Final = {"JPY": Decimal(8400)}
# UNCONFIRMED for currencies that the guide does not name: the figure it gives for USD, GBP and EUR is used.
_TOLERANCE_MAX_ELSEWHERE: Final = Decimal(75)


class Money(NamedTuple):
    """An exact amount in one currency."""

    amount: Decimal
    currency: str


def parse_money(amount: str, currency: str) -> Money:
    """Return what a caller wrote as an amount above zero.

    :raises Refusal: CurrencyUnsupported, or InvalidParameterValue for an amount that is no plain decimal, is
        zero, or has digits that the currency does not have (``100.00`` JPY is refused, not read as 100).
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise Refusal(Code.CURRENCY_UNSUPPORTED, f"The currency {currency!r} is not supported.")
    _, _, fraction = amount.partition(".")
    if not _AMOUNT.fullmatch(amount) or len(fraction) > digits or Decimal(amount) <= 0:
        message = f"The amount {amount!r} is not valid in {currency}."
        raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
    return Money(Decimal(amount), currency)


def tolerance(money: Money) -> Decimal:
    """Return by how much more than ``money`` may be charged or refunded: 15 %, at most 75 (8,400 JPY)."""
    step = Decimal(1).scaleb(-MINOR_DIGITS[money.currency])
    share = (money.amount * _TOLERANCE_SHARE).quantize(step, rounding=ROUND_DOWN)
    return min(share, _TOLERANCE_MAX.get(money.currency, _TOLERANCE_MAX_ELSEWHERE))


def ceiling(money: Money) -> Decimal:
    """Return the most that may be charged on an order of, or refunded on a capture of, ``money``."""
    return money.amount + tolerance(money)


def api_text(money: Money) -> str:
    """Write an amount as API replies do: ``1.00``, but a zero as plain ``0``."""
    if money.amount == 0:
        return "0"
    return f"{money.amount:.{MINOR_DIGITS[money.currency]}f}"


def notification_text(money: Money) -> str:
    """Write an amount as notifications do: ``5.0`` for what replies call ``5.00``."""
    text = api_text(money)
    if MINOR_DIGITS[money.currency] == 0:
        return text
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
