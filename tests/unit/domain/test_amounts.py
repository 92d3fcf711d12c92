"""Which amount an action moves, and why another is refused."""

import pytest

from payment_actions_server.domain.decision import Offer, resolve_amount
from payment_actions_server.domain.errors import AmountOutOfRange, CurrencyMismatch, PartialAmountNotSupported
from payment_actions_server.domain.status import Action


def offer(action=Action.CAPTURE, *, partial=False):
    return Offer(action, 12_990, "USD", partial, "")


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("currency_code", [None, "USD"])
@pytest.mark.parametrize("amount_minor", [None, 12_990])
def test_whole_is_meant_by_naming_it_or_nothing(amount_minor, currency_code, partial):
    assert resolve_amount(offer(partial=partial), amount_minor, currency_code) == 12_990


@pytest.mark.parametrize("amount_minor", [1, 1_000, 12_989])
def test_part_is_moved_where_parts_are_allowed(amount_minor):
    assert resolve_amount(offer(partial=True), amount_minor, "USD") == amount_minor


@pytest.mark.parametrize("amount_minor", [1, 12_989, 12_991])
@pytest.mark.parametrize(
    ("action", "advice"),
    [
        (Action.CAPTURE, "void this order and have the customer place it again"),
        (Action.VOID, "void this order and have the customer place it again"),
        (Action.REFUND, "refund this order and have the customer place it again"),
    ],
)
def test_other_amount_is_refused_with_what_to_do_instead(action, advice, amount_minor):
    with pytest.raises(PartialAmountNotSupported) as refused:
        resolve_amount(offer(action), amount_minor, "USD")
    assert advice in refused.value.message
    assert "only the whole amount of 129.90 USD" in refused.value.message


def test_refusal_has_its_variables_for_programs():
    with pytest.raises(PartialAmountNotSupported) as refused:
        resolve_amount(offer(), 1_000, "USD")
    assert refused.value.metadata == {"amount": "10.00 USD", "whole_amount": "129.90 USD", "action": "CAPTURE"}


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("amount_minor", [0, -1, -12_990])
def test_amount_not_above_zero_is_out_of_range(amount_minor, partial):
    with pytest.raises(AmountOutOfRange, match="is not above zero"):
        resolve_amount(offer(partial=partial), amount_minor, "USD")


@pytest.mark.parametrize("amount_minor", [12_991, 10**18])
def test_more_than_is_left_is_out_of_range_where_parts_are_allowed(amount_minor):
    with pytest.raises(AmountOutOfRange, match=r"is more than the 129\.90 USD that is left for CAPTURE"):
        resolve_amount(offer(partial=True), amount_minor, "USD")


@pytest.mark.parametrize("amount_minor", [None, 12_990, 1_000, 0])
def test_other_currency_is_refused_whatever_the_amount(amount_minor):
    with pytest.raises(CurrencyMismatch) as refused:
        resolve_amount(offer(partial=True), amount_minor, "EUR")
    assert refused.value.metadata == {"currency_code": "EUR", "expected_currency_code": "USD"}
