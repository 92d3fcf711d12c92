"""Money is integers of minor units, exactly."""

from contextlib import suppress
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_actions_server.domain.money import (
    AMOUNT_MINOR_MAX,
    EXPONENTS,
    exponent,
    format_amount,
    to_decimal,
    to_minor,
)

any_currency = st.sampled_from(sorted(EXPONENTS))
any_minor = st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)


@pytest.mark.parametrize(
    ("text", "currency_code", "minor"),
    [
        ("129.90", "USD", 12_990),
        ("129.9", "USD", 12_990),
        ("129.9000", "USD", 12_990),
        ("0.01", "USD", 1),
        ("0", "USD", 0),
        ("-5.00", "USD", -500),
        ("1.299E+2", "USD", 12_990),
        ("5000", "JPY", 5_000),
        ("5000.00", "JPY", 5_000),
        ("12.345", "KWD", 12_345),
        ("0.001", "KWD", 1),
        ("1.0001", "CLF", 10_001),
        ("10000000000000.00", "USD", AMOUNT_MINOR_MAX),
    ],
)
def test_decimal_text_is_read_to_the_last_digit(text, currency_code, minor):
    assert to_minor(text, currency_code) == minor
    assert to_minor(Decimal(text), currency_code) == minor


@given(any_minor, any_currency)
def test_minor_units_survive_the_way_there_and_back(minor, currency_code):
    assert to_minor(to_decimal(minor, currency_code), currency_code) == minor
    assert to_minor(format_amount(minor, currency_code).split()[0], currency_code) == minor


@given(any_minor, any_currency, st.integers(0, 40))
def test_trailing_zeros_mean_nothing(minor, currency_code, zeros):
    text = f"{to_decimal(minor, currency_code):f}"
    padded = text + ("" if "." in text else ".") + "0" * zeros
    assert to_minor(padded, currency_code) == minor


@given(st.integers(1 - AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX - 1), any_currency, st.integers(1, 60))
def test_finer_than_the_minor_unit_is_refused_however_fine(minor, currency_code, digits):
    with localcontext(prec=100):
        finer = to_decimal(minor, currency_code) + Decimal(1).scaleb(-exponent(currency_code) - digits)
    with pytest.raises(ValueError, match=r"finer|express"):
        to_minor(finer, currency_code)


@pytest.mark.parametrize(("text", "currency_code"), [("0.005", "USD"), ("0.5", "JPY"), ("0.0005", "KWD")])
def test_half_a_minor_unit_is_not_rounded(text, currency_code):
    with pytest.raises(ValueError, match="finer than the minor unit"):
        to_minor(text, currency_code)


@pytest.mark.parametrize(
    "text",
    ["", "abc", "12,90", "NaN", "sNaN", "Infinity", "-inf", "$5", "1e999999", "1e9999999999", "10000000000000.01"],
)
def test_what_is_no_amount_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"amount"):
        to_minor(text, "USD")


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with suppress(ValueError):
        assert abs(to_minor(text, "USD")) <= AMOUNT_MINOR_MAX


def test_a_float_that_hides_a_fraction_is_refused():
    binary = 129.90
    with pytest.raises(ValueError, match=r"finer|express"):
        to_minor(Decimal(binary), "USD")


@pytest.mark.parametrize("currency_code", ["", "usd", "XYZ", "HRK", "US", "USDT"])
def test_unknown_currency_is_a_value_error(currency_code):
    for ask in (exponent, lambda code: to_minor("1", code), lambda code: format_amount(1, code)):
        with pytest.raises(ValueError, match="is not an ISO 4217 currency code in use"):
            ask(currency_code)


@pytest.mark.parametrize(
    ("minor", "currency_code", "text"),
    [
        (12_990, "USD", "129.90 USD"),
        (0, "USD", "0.00 USD"),
        (-1, "USD", "-0.01 USD"),
        (5_000, "JPY", "5000 JPY"),
        (12_345, "KWD", "12.345 KWD"),
        (AMOUNT_MINOR_MAX, "USD", "10000000000000.00 USD"),
    ],
)
def test_amounts_are_shown_with_all_digits_of_the_currency(minor, currency_code, text):
    assert format_amount(minor, currency_code) == text


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_currencies_without_two_digits(digits, codes):
    assert {code for code, known in EXPONENTS.items() if known == digits} == set(codes.split())


def test_all_others_have_two_digits_and_three_letters():
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in EXPONENTS)
