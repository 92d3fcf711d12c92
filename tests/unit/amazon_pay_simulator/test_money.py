from __future__ import annotations

from decimal import Decimal

import pytest

from payment_actions_amazon_pay.simulator.money import (
    Money,
    api_text,
    ceiling,
    notification_text,
    parse_money,
)
from payment_actions_amazon_pay.simulator.refusals import Refusal


@pytest.mark.parametrize("amount", ["", "-1", "0.00", "1.001", "1,00", "1e2", "NaN", "+1", " 1", "1.", "\u0661"])
def test_what_is_no_plain_positive_decimal_is_refused(amount):
    with pytest.raises(Refusal):
        parse_money(amount, "USD")


def test_yen_has_no_minor_unit():
    assert parse_money("500", "JPY") == Money(Decimal(500), "JPY")
    with pytest.raises(Refusal):
        parse_money("500.00", "JPY")


@pytest.mark.parametrize(
    ("amount", "currency", "most"),
    [
        ("100.00", "USD", "115.00"),
        ("0.03", "EUR", "0.03"),
        ("500.00", "GBP", "575.00"),
        ("500.01", "GBP", "575.01"),
        ("1000", "JPY", "1150"),
        ("100000", "JPY", "108400"),
    ],
)
def test_ceiling_adds_fifteen_percent_up_to_a_fixed_sum(amount, currency, most):
    assert ceiling(parse_money(amount, currency)) == Decimal(most)


@pytest.mark.parametrize(
    ("amount", "currency", "in_reply", "in_notification"),
    [
        ("0", "USD", "0", "0.0"),
        ("5", "USD", "5.00", "5.0"),
        ("5.25", "USD", "5.25", "5.25"),
        ("500", "JPY", "500", "500"),
    ],
)
def test_replies_and_notifications_write_amounts_differently(amount, currency, in_reply, in_notification):
    money = Money(Decimal(amount), currency)
    assert (api_text(money), notification_text(money)) == (in_reply, in_notification)
