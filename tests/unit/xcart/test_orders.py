"""What X-Cart stores of an order, in the plugin API's words."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from payment_actions_server.plugins import PaymentStatus
from payment_actions_xcart import answers
from payment_actions_xcart.module_rows import BackendRow, backend_rows
from payment_actions_xcart.orders import StoredOrder, minor_units, platform_order, references, refunded_sum, total_of
from payment_actions_xcart.statuses import StatusMap

STORED = StoredOrder(
    order_id="7", order_number="00007", total=Decimal("129.90"), total_text="129.9", currency_code="EUR",
    charged_currency_code="", code="P", word="", method_code="PayWithAmazon", method_name="Amazon Pay",
    transaction_type="auth", cells={}, details={}, refunded=Decimal(0), refunded_or_waiting=Decimal(0),
    update_time=None,
)  # fmt: skip


def parsed(text):
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("129.90", "EUR", 12990), ("129.9", "USD", 12990), ("0.1", "EUR", 10), ("1e2", "EUR", 10000),
        ("100", "EUR", 10000), ("5000.0", "JPY", 5000), ("12.345", "KWD", 12345),
        ("9007199254740.93", "EUR", 900719925474093),
        ("129.90000000000001", "EUR", 12990), ("0.29999999999999999", "EUR", 30),
    ],
)  # fmt: skip
def test_a_json_number_is_read_to_the_last_digit(text, currency, minor):
    assert minor_units(Decimal(parsed(text)), currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"), [("1.005", "EUR"), ("0.5", "JPY"), ("NaN", "EUR"), ("1", "BTC"), ("1e30", "EUR")]
)
def test_an_amount_that_is_none_in_its_currency_is_refused(text, currency):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the domain's
        minor_units(Decimal(text), currency)


@pytest.mark.parametrize(
    ("total", "currency", "text"),
    [
        ("129.905", "EUR", "129.905 EUR"), ("1000.4", "JPY", "1000.4 JPY"), ("129.90", "BTC", "129.90 BTC"),
        ("1e30", "EUR", "1E+30 EUR"), ("129.90", "", "129.90"),
    ],
)  # fmt: skip
def test_a_total_that_is_no_amount_is_told_in_the_shops_digits(total, currency, text):
    total, total_text = total_of({"total": Decimal(total)})
    order = platform_order(replace(STORED, total=total, total_text=total_text, currency_code=currency), StatusMap({}))
    assert (order.total_minor, order.total_text) == (None, text)


@pytest.mark.parametrize("told", [None, "a lot", float("nan"), True, "NaN", "Infinity"])
def test_a_total_that_says_nothing_is_no_amount(told):
    total, total_text = total_of({"total": told})
    order = platform_order(replace(STORED, total=total, total_text=total_text), StatusMap({}))
    assert order.total_minor is None
    assert order.total_text


def test_an_order_that_was_paid_in_another_currency_has_no_total_that_a_capture_could_go_by():
    order = platform_order(replace(STORED, charged_currency_code="USD"), StatusMap({}))
    assert (order.total_minor, order.total_text) == (None, "129.9 EUR, paid in USD")
    assert platform_order(replace(STORED, charged_currency_code="EUR"), StatusMap({})).total_minor == 12990


@pytest.mark.parametrize(
    ("waiting", "currency", "minor"), [("10", "EUR", 1000), ("10.001", "EUR", 1001), ("7", "JPY", 7), ("10", "BTC", 0)]
)
def test_what_x_cart_shows_as_refunded_or_waiting_is_told(waiting, currency, minor):
    stored = replace(STORED, refunded_or_waiting=Decimal(waiting), currency_code=currency)
    assert platform_order(stored, StatusMap({})).refunded_minor == minor


@pytest.mark.parametrize(("code", "cancelled"), [*zip("QAPDCR", [False] * 3 + [True] * 3, strict=True), ("PP", False)])
def test_a_closed_order_is_cancelled(code, cancelled):
    assert platform_order(replace(STORED, code=code), StatusMap({})).cancelled is cancelled


@pytest.mark.parametrize(("status", "cancelled"), [("VOIDED", True), ("EXPIRED", True), ("CAPTURED", False)])
def test_a_status_of_the_shops_own_closes_an_order_by_what_it_stands_for(status, cancelled):
    statuses = StatusMap({PaymentStatus(status): "OWN"})
    assert platform_order(replace(STORED, code="OWN"), statuses).cancelled is cancelled
    assert not platform_order(replace(STORED, code="OWN"), StatusMap({})).cancelled


@pytest.mark.parametrize(
    ("code", "refunded", "status"),
    [
        ("P", "0", PaymentStatus.CAPTURED), ("P", "10", PaymentStatus.PARTIALLY_REFUNDED),
        ("PP", "10", PaymentStatus.PARTIALLY_REFUNDED), ("P", "129.90", PaymentStatus.PARTIALLY_REFUNDED),
        ("R", "10", PaymentStatus.REFUNDED), ("A", "10", PaymentStatus.AUTHORIZED),
    ],
)  # fmt: skip
def test_a_part_refunded_is_told_by_the_refunds(code, refunded, status):
    order = platform_order(replace(STORED, code=code, refunded=Decimal(refunded)), StatusMap({}))
    assert order.status is status


def test_only_refunds_in_the_states_asked_for_count():
    kinds = ("refundPart", "S", "10"), ("refundMulti", "S", "5"), ("refundPart", "F", "90"), ("refund", "W", "7")
    rows = [BackendRow("1", kind, status, Decimal(value)) for kind, status, value in (*kinds, ("capture", "S", "80"))]
    assert refunded_sum(rows, states="S") == 15
    assert refunded_sum(rows, states="SW") == 22


FIRST_MODULE = {
    "AmazonOrderReferenceId": "S02-1", "amazon_pa_auth_id": "S02-1-A1", "amazon_pa_auth_status": "Closed",
    "amazon_pa_capture_id": "S02-1-C1", "amazon_pa_refund_id": "S02-1-R1",
}  # fmt: skip
LATER_MODULE = {
    "amazonOrderReferenceId": "S02-1", "amazonAuthorizationId": "S02-1-A1", "authorizationStatus": "Closed",
    "amazonCaptureId": "S02-1-C1", "amazonRefundId": "S02-1-R1",
}  # fmt: skip


@pytest.mark.parametrize("source", [FIRST_MODULE, LATER_MODULE])
def test_amazon_ids_are_found_under_every_spelling(source):
    assert dict(references(source)) == {
        "order_reference": "S02-1", "authorization": "S02-1-A1", "capture": "S02-1-C1", "refund": "S02-1-R1",
    }  # fmt: skip


def test_the_transactions_id_wins_over_the_orders():
    found = references({"amazonCaptureId": "new"}, {"amazon_pa_capture_id": "old", "amazon_pa_refund_id": "R"})
    assert dict(found) == {"capture": "new", "refund": "R"}


def test_an_empty_cell_is_no_id():
    assert references({"amazonCaptureId": "  ", "amazonRefundId": ""}) == ()


@pytest.mark.parametrize(
    ("code", "name", "word"), [("P", "Processed", "Processed"), ("P", "", "Paid"), ("EXP", "", "EXP")]
)
def test_the_platforms_word_is_the_shops_own_if_it_tells_it(code, name, word):
    assert platform_order(replace(STORED, code=code, word=name), StatusMap({})).platform_status == word


def test_the_latest_transaction_that_was_not_abandoned_paid_the_order():
    rows = [
        {"id": 1, "date": "2026-01-01T10:00:00+0000", "status": "S", "name": "first"},
        {"id": 2, "date": "2026-01-01T11:00:00+0000", "status": "W", "name": "second"},
        {"id": 3, "date": "2026-01-01T12:00:00+0000", "status": "F", "name": "failed"},
    ]
    assert answers.latest(rows)["name"] == "second"
    assert answers.latest(rows[2:])["name"] == "failed"
    assert answers.latest([]) == {}


def test_a_time_is_read_in_either_spelling():
    assert answers.moment("2026-01-01T10:00:00+0000") == answers.moment(1767261600)
    assert answers.moment("2026-01-01T10:00:00").utcoffset().total_seconds() == 0
    assert answers.moment("yesterday") is answers.moment(None) is None


def test_the_noise_of_a_float_is_no_refund_beyond_the_order():
    rows = backend_rows({"backend_transactions": [{"type": "refund", "status": "S", "value": "129.90000000000001"}]})
    refunded = refunded_sum(rows, states="SW")
    stored = replace(STORED, refunded=refunded, refunded_or_waiting=refunded)
    assert platform_order(stored, StatusMap({})).refunded_minor == 12990
