from decimal import Decimal

import pytest

from payment_actions_client import Money, to_decimal, to_money


@pytest.mark.parametrize(
    ("amount", "currency_code", "units", "nanos"),
    [
        ("129.90", "USD", 129, 900_000_000),
        ("129.90 USD", "", 129, 900_000_000),
        (Decimal("0.01"), "USD", 0, 10_000_000),
        ("-0.5", "USD", 0, -500_000_000),
        ("-1.5", "USD", -1, -500_000_000),
        ("100", "JPY", 100, 0),
        ("1E+2", "JPY", 100, 0),
        ("1.234", "KWD", 1, 234_000_000),
        ("9223372036854775807.999999999", "USD", 9223372036854775807, 999_999_999),
    ],
)
def test_an_amount_becomes_money_exactly(amount, currency_code, units, nanos):
    money = to_money(amount, currency_code)
    assert (money.units, money.nanos) == (units, nanos)
    assert to_decimal(money) == Decimal(str(amount).split()[0])


@pytest.mark.parametrize(
    "amount", ["", "ten USD", "NaN USD", "Infinity USD", "0.0000000001 USD", "1e30 USD", "12,90 USD", "10", Decimal(10)]
)
def test_what_is_no_exact_amount_with_a_currency_is_refused(amount):
    with pytest.raises(ValueError, match=r"amount|currency|range"):
        to_money(amount)


@pytest.mark.parametrize("amount", [129.9, 129, True, None])
def test_a_float_or_an_int_is_refused(amount):
    with pytest.raises(TypeError, match="Decimal"):
        to_money(amount, "USD")


@pytest.mark.parametrize(
    ("units", "nanos", "text"), [(129, 900_000_000, "129.9"), (100, 0, "100"), (0, 0, "0"), (0, -1, "-1E-9")]
)
def test_money_becomes_a_decimal_without_trailing_zeros(units, nanos, text):
    assert str(to_decimal(Money(currency_code="USD", units=units, nanos=nanos))) == text
