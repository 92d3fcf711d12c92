"""Our statuses and X-Cart 5's codes: both ways, with overrides, and never back."""

import itertools

import pytest

from payment_actions_server.plugins import PaymentStatus, StatusUpdate
from payment_actions_xcart.statuses import CODES, MEANINGS, NAMES, ShopStatus, StatusMap

S = PaymentStatus
PLAIN = StatusMap({})


def spelling(statuses, held, update):
    """Return the spelling that is to replace ``held``, if any."""
    wanted = statuses.to_write(held, update)
    return wanted.spellings[0] if wanted else None


def update(status, *, authorized=100, captured=0, refunded=0):
    return StatusUpdate(
        order_id="1", status=status, currency_code="EUR",
        authorized_minor=authorized, captured_minor=captured, refunded_minor=refunded,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (S.PENDING, "Q"), (S.AUTHORIZED, "A"), (S.PARTIALLY_CAPTURED, "PP"), (S.CAPTURED, "P"),
        (S.PARTIALLY_REFUNDED, "PP"), (S.REFUNDED, "R"), (S.VOIDED, "C"), (S.DECLINED, "D"), (S.EXPIRED, "D"),
    ],
)  # fmt: skip
def test_every_status_has_a_code(status, code):
    assert PLAIN.code(status) == code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Q", S.PENDING), ("A", S.AUTHORIZED), ("PP", S.PARTIALLY_CAPTURED), ("P", S.CAPTURED),
        ("R", S.REFUNDED), ("C", S.VOIDED), ("D", S.DECLINED),
    ],
)  # fmt: skip
def test_every_code_of_x_cart_5_has_a_meaning(code, status):
    assert PLAIN.meaning(code) == status


def test_the_tables_are_complete():
    assert set(CODES) == set(PaymentStatus)
    assert set(MEANINGS) == set(NAMES)
    assert set(CODES.values()) <= set(MEANINGS)


def test_c_is_cancelled_and_not_classics_complete():
    assert PLAIN.meaning("C") is S.VOIDED
    assert spelling(PLAIN, "C", update(S.CAPTURED, captured=100)) == "P"


def test_an_override_replaces_the_code():
    statuses = StatusMap({S.VOIDED: "D", S.EXPIRED: "C"})
    assert spelling(statuses, "A", update(S.VOIDED)) == "D"
    assert spelling(statuses, "A", update(S.EXPIRED)) == "C"
    assert statuses.code(S.DECLINED) == "D"


def test_a_code_of_the_shops_own_is_read_by_its_override():
    statuses = StatusMap({S.EXPIRED: "EXP"})
    assert statuses.meaning("EXP") is S.EXPIRED
    assert statuses.meaning("D") is S.DECLINED
    assert PLAIN.meaning("EXP") is S.PENDING


# What may replace what: every pair that is not here is left alone.
FORWARD = {
    "Q": {S.AUTHORIZED, S.PARTIALLY_CAPTURED, S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED}
    | {S.VOIDED, S.DECLINED, S.EXPIRED},
    "A": {S.PARTIALLY_CAPTURED, S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED, S.VOIDED, S.DECLINED, S.EXPIRED},
    "C": {S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED},
    "D": {S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED},
    "PP": {S.CAPTURED, S.REFUNDED},  # Part refunded, too: X-Cart's own word for it once a gateway has told it so.
    "P": {S.PARTIALLY_REFUNDED, S.REFUNDED},
    "R": set(),
}


@pytest.mark.parametrize(("held", "status"), list(itertools.product(FORWARD, PaymentStatus)))
def test_an_order_is_only_taken_forward(held, status):
    captured = 100 if status in (S.CAPTURED, S.PARTIALLY_REFUNDED, S.REFUNDED) else 0
    expected = CODES[status] if status in FORWARD[held] else None
    assert spelling(PLAIN, held, update(status, captured=captured)) == expected


@pytest.mark.parametrize("status", PaymentStatus)
def test_a_code_that_nobody_explains_is_left_alone(status):
    assert spelling(PLAIN, "RECONCILED", update(status, captured=100)) is None


def test_a_code_of_the_shops_own_stands_where_its_status_does():
    statuses = StatusMap({S.PARTIALLY_REFUNDED: "PR"})
    assert spelling(statuses, "P", update(S.PARTIALLY_REFUNDED, captured=100)) == "PR"
    assert spelling(statuses, "PP", update(S.PARTIALLY_REFUNDED, captured=100)) == "PR"
    assert spelling(statuses, "PR", update(S.CAPTURED, captured=100)) is None
    assert spelling(statuses, "PR", update(S.REFUNDED, captured=100)) == "R"


def test_a_code_for_two_statuses_stands_where_the_further_one_does():
    statuses = StatusMap({S.REFUNDED: "D"})  # what X-Cart Classic's own module did
    assert spelling(statuses, "P", update(S.REFUNDED, captured=100)) == "D"
    assert spelling(statuses, "D", update(S.CAPTURED, captured=100)) is None


def test_an_order_that_was_never_captured_whole_is_not_called_paid():
    part = update(S.PARTIALLY_REFUNDED, captured=60, refunded=10)
    assert spelling(PLAIN, "A", part) == "PP"
    assert spelling(PLAIN, "PP", part) is None
    assert spelling(PLAIN, "P", part) is None


def test_a_shop_without_the_status_for_a_part_refunded_is_told_paid():
    assert PLAIN.to_write("A", update(S.PARTIALLY_REFUNDED, captured=100)).spellings == ("PP", "P")
    assert StatusMap({S.PARTIALLY_REFUNDED: "PR"}).spellings(S.PARTIALLY_REFUNDED) == ("PR",)


@pytest.mark.parametrize("status", PaymentStatus)
def test_an_order_that_lost_its_status_is_told_any(status):
    assert spelling(PLAIN, "", update(status, captured=100)) == CODES[status]


@pytest.mark.parametrize(
    ("status", "text"), [(ShopStatus(4, "P"), "P"), (ShopStatus(8, ""), "id:8"), (ShopStatus(0, ""), "")]
)
def test_a_status_is_named_by_its_code_else_by_its_id(status, text):
    assert status.spelling == text


def test_a_status_without_a_code_is_followed_where_it_is_named():
    statuses = StatusMap({S.VOIDED: "id:8"})
    assert statuses.meaning("id:8") is S.VOIDED
    assert statuses.is_cancelled("id:8")
    assert spelling(statuses, "A", update(S.VOIDED)) == "id:8"
    assert spelling(statuses, "id:8", update(S.CAPTURED, captured=100)) == "P"
    assert spelling(PLAIN, "id:8", update(S.CAPTURED, captured=100)) is None


@pytest.mark.parametrize(
    ("closing", "open_code"), [(S.DECLINED, "Q"), (S.VOIDED, "Q"), (S.EXPIRED, "A"), (S.DECLINED, "A")]
)
def test_a_closing_status_that_shares_the_code_of_an_open_order_closes_no_open_order(closing, open_code):
    """Such a shop has a declined order wait for payment again; each of its orders would count as cancelled."""
    statuses = StatusMap({closing: open_code})
    assert not statuses.is_cancelled(open_code)
    assert spelling(statuses, open_code, update(S.CAPTURED, captured=100)) == "P"
    other = S.VOIDED if closing is not S.VOIDED else S.EXPIRED
    assert spelling(statuses, open_code, update(other)) == statuses.code(other)
    if open_code == "Q":
        assert spelling(statuses, "Q", update(S.AUTHORIZED)) == "A"


def test_a_shop_that_leaves_refunded_orders_paid_has_no_cancelled_paid_order():
    assert not StatusMap({S.REFUNDED: "P"}).is_cancelled("P")
