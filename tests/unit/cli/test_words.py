import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Money
from payment_actions_server.cli import words


@pytest.mark.parametrize(
    ("units", "nanos", "currency_code", "shown"),
    [
        (129, 900_000_000, "USD", "129.90 USD"),
        (100, 0, "JPY", "100 JPY"),
        (1, 5_000_000, "KWD", "1.005 KWD"),
        (0, 0, "EUR", "0.00 EUR"),
        (-1, -500_000_000, "EUR", "-1.50 EUR"),
        (1, 1, "EUR", "1.000000001 EUR"),
        (7, 0, "XXQ", "7 XXQ"),
        (129, 900_000_000, "XXX", "129.9 XXX"),  # ISO 4217: no currency.
        (129, 905_000_000, "", "129.905 "),
    ],
)
def test_an_amount_is_shown_with_the_digits_of_its_currency_and_never_rounded(units, nanos, currency_code, shown):
    assert words.money(Money(units=units, nanos=nanos, currency_code=currency_code)) == shown


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\rb", "a\nb", "\u202egnp.exe", "\x9b31m"])
def test_text_from_elsewhere_cannot_steer_the_terminal(text):
    assert "\N{REPLACEMENT CHARACTER}" in words.plain(text)
    assert words.plain(text).isprintable()


def test_other_text_stays_as_it_is():
    assert words.plain("Zoë [bold]: 注文") == "Zoë [bold]: 注文"


def test_values_are_shown_without_their_prefix_and_unknown_ones_as_numbers():
    assert words.status(pb.PAYMENT_STATUS_CAPTURED) == "CAPTURED"
    assert words.state(pb.OPERATION_STATE_NEEDS_REVIEW) == "NEEDS_REVIEW"
    assert words.order_state(pb.ORDER_STATE_OTHER_METHOD) == "OTHER_METHOD"
    assert words.event_type(999) == words.reason(999) == "(999)"


def test_a_time_is_shown_in_utc():
    assert words.time(Timestamp(seconds=0)) == "1970-01-01 00:00:00Z"
