"""What other programs say is kept, if not to the letter."""

import pytest

from payment_actions_server.domain.operation import Outcome
from payment_actions_server.domain.status import OperationState
from payment_actions_server.domain.text import keepable


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("Größe \udc00", "Größe \ufffd"),
        ("a\tb\n\x7f", "a\tb\n\x7f"),
        ("🎁", "🎁"),
    ],
)
def test_only_what_no_database_takes_is_replaced(said, kept):
    assert keepable(said) == kept


def test_all_that_is_within_is_kept():
    outcome = keepable(Outcome(OperationState.DECLINED, message="no\0", definite=True))
    assert outcome == Outcome(OperationState.DECLINED, message="no\ufffd", definite=True)


def test_what_can_be_kept_is_left_as_it_is():
    outcome = Outcome(OperationState.DECLINED, message="nö")
    assert keepable(outcome) is outcome
    assert keepable(OperationState.DECLINED) is OperationState.DECLINED
