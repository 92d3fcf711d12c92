"""Between ``google.type.Money`` and exact decimals. No floats: none of them is an amount."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

from google.type.money_pb2 import Money

# Wide enough for every int64 with nine digits behind the point; what does not fit is refused, never rounded.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])
_NANOS_MAX: Final = 2**63 * 10**9


def to_money(amount: Decimal | str, currency_code: str = "") -> Money:
    """Return an amount of major units as Money: ``to_money("129.90", "USD")`` or ``to_money("129.90 USD")``.

    Whether the currency has so fine a unit is for the service to judge.

    :raises ValueError: not a number, finer than a billionth, too large, or without a currency.
    :raises TypeError: a float or an int, which may mean minor units as well as major ones.
    """
    if not isinstance(amount, str | Decimal):
        raise TypeError(f"{amount!r} is neither a Decimal nor a string of major units, such as '129.90'")
    if isinstance(amount, str) and not currency_code:
        amount, _, currency_code = amount.strip().partition(" ")
    if not currency_code:
        raise ValueError(f"{amount} has no currency; give currency_code, or a string such as '129.90 USD'")
    try:
        nanos = int(_EXACT.quantize(_EXACT.create_decimal(amount), Decimal("1e-9")).scaleb(9, _EXACT))
    except (InvalidOperation, Inexact, ValueError):  # In this order: no number; too fine or too large; NaN.
        raise ValueError(f"{amount!r} is not a decimal amount that can be sent exactly") from None
    if abs(nanos) >= _NANOS_MAX:
        raise ValueError(f"{amount!r} is larger than any amount that can be sent")
    # Money wants both parts of one sign, so the division rounds towards zero.
    sign = -1 if nanos < 0 else 1
    units, rest = divmod(abs(nanos), 10**9)
    return Money(currency_code=currency_code.strip(), units=sign * units, nanos=sign * rest)


def to_decimal(money: Money) -> Decimal:
    """Return the amount as an exact decimal of major units, without trailing zeros: 129.9 for 129.90 USD."""
    exact = _EXACT.add(Decimal(money.units), Decimal(money.nanos).scaleb(-9, _EXACT)).normalize(_EXACT)
    return exact.quantize(Decimal(1), context=_EXACT) if exact == exact.to_integral_value() else exact


def as_money(amount: Money | Decimal | str | None, currency_code: str) -> Money | None:
    """Return a method's ``amount`` argument as the request's field; None means the whole.

    :raises ValueError: as `to_money`, or ``currency_code`` says another currency than the Money.
    """
    if amount is None:
        return None
    if not isinstance(amount, Money):
        return to_money(amount, currency_code)
    if currency_code not in ("", amount.currency_code):
        raise ValueError(f"the amount is in {amount.currency_code}, currency_code says {currency_code}")
    return amount
