"""Money as integers of minor units, and the ISO 4217 exponents that give them meaning."""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

# ISO 4217, list one: the codes in use, by the digits of their minor unit.
_CODES_BY_DIGITS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
    SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

NO_CURRENCY: Final = "XXX"
"""ISO 4217's word for no currency. A payment has it whose order is in none; its amounts are 0."""

EXPONENTS: Final = {code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()}
"""Currency code -> digits after the decimal point. Amounts are in one of these."""

# Far above any order, far below what a 64-bit column holds; a larger number is a mistake, not a price.
AMOUNT_MINOR_MAX: Final = 10**15

# The default context rounds at 28 digits, and overflows with an error that is no ValueError.
_EXACT: Final = Context(traps=[InvalidOperation, Inexact])


def exponent(currency_code: str) -> int:
    """Return how many digits the currency's minor unit has.

    :raises ValueError: ``currency_code`` is not an ISO 4217 code in use.
    """
    try:
        return EXPONENTS[currency_code]
    except KeyError:
        raise ValueError(f"{currency_code!r} is not an ISO 4217 currency code in use") from None


def to_minor(amount: str | Decimal, currency_code: str) -> int:
    """Return a decimal amount of major units as minor units: ``"129.90", "USD"`` -> ``12990``.

    Trailing zeros beyond the exponent are fine (``"5.000"`` USD is 500); a fraction of a minor unit is not.

    :raises ValueError: not a finite number, finer than the minor unit, out of bounds, or an unknown currency.
    """
    try:
        scaled = Decimal(amount).scaleb(exponent(currency_code), _EXACT)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not a decimal amount") from None
    except Inexact:
        raise ValueError(f"{amount!r} is no amount that {currency_code} can express") from None
    if not scaled.is_finite():
        raise ValueError(f"{amount!r} is not a finite amount")
    if abs(scaled) > AMOUNT_MINOR_MAX:
        raise ValueError(f"{amount} {currency_code} is larger than any amount this service handles")
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} is finer than the minor unit of {currency_code}")
    return int(scaled)


def to_decimal(amount_minor: int, currency_code: str) -> Decimal:
    """Return minor units as an exact decimal of major units, with all the digits of the currency."""
    return Decimal(amount_minor).scaleb(-exponent(currency_code))


def format_amount(amount_minor: int, currency_code: str) -> str:
    """Return an amount for people and messages: ``12990, "USD"`` -> ``"129.90 USD"``."""
    digits = 0 if currency_code == NO_CURRENCY else exponent(currency_code)
    if not digits:
        return f"{amount_minor} {currency_code}"
    units, rest = divmod(abs(amount_minor), 10**digits)
    return f"{'-' if amount_minor < 0 else ''}{units}.{rest:0{digits}} {currency_code}"
