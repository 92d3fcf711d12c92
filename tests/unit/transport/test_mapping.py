"""Between domain and contract."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st
from integration.transport.fake_engine import NOON, OPERATION, PAYMENT, view
from msgspec.structs import replace

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.money import EXPONENTS
from payment_actions_server.domain.status import OperationState, OrderState
from payment_actions_server.transport import mapping


@given(st.integers(-(10**15), 10**15), st.sampled_from(sorted(EXPONENTS)))
def test_money_there_and_back_is_exact(amount_minor, currency_code):
    amount = mapping.money(amount_minor, currency_code)
    assert mapping.minor_units(amount) == amount_minor
    assert abs(amount.nanos) < 10**9
    assert amount.units * amount.nanos >= 0


@pytest.mark.parametrize(
    ("amount_minor", "currency_code", "units", "nanos"),
    [
        (12_990, "USD", 129, 900_000_000),
        (12_990, "JPY", 12_990, 0),
        (1, "KWD", 0, 1_000_000),
        (-150, "EUR", -1, -500_000_000),
    ],
)
def test_money_by_example(amount_minor, currency_code, units, nanos):
    assert mapping.money(amount_minor, currency_code) == Money(currency_code=currency_code, units=units, nanos=nanos)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_there_and_back_are_exact_and_what_protobuf_says(time):
    stamp = mapping.timestamp(time)
    assert mapping.moment(stamp) == time == stamp.ToDatetime(UTC)


def test_a_time_of_another_zone_is_the_same_moment():
    eastern = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5)))
    assert mapping.timestamp(eastern).ToDatetime(UTC) == eastern


def test_what_is_absent_stays_absent():
    payment = pb.Payment(**mapping.payment(view(replace(PAYMENT, authorization_expire_time=None))))
    assert not payment.HasField("authorization_expire_time")
    assert not payment.HasField("operation_in_flight")
    assert not payment.store_update.HasField("next_attempt_time")


def test_an_operation_in_flight_is_shown_with_the_payment():
    flying = replace(OPERATION, state=OperationState.UNKNOWN, next_check_time=NOON)
    payment = pb.Payment(**mapping.payment(view(operation=flying)))
    assert payment.operation_in_flight.state == pb.OPERATION_STATE_UNKNOWN
    assert payment.operation_in_flight.next_check_time.ToDatetime(UTC) == NOON


def test_a_refresh_on_offer_has_no_amount():
    (offer,) = pb.Payment(
        **mapping.payment(view(operation=replace(OPERATION, state=OperationState.PENDING)))
    ).available_actions
    assert offer.action == pb.ACTION_REFRESH
    assert not offer.HasField("amount")


def test_an_order_of_another_method_names_no_gateway():
    assert pb.Payment(**mapping.payment(view(replace(PAYMENT, ours=False)))).gateway == ""


def test_every_field_of_a_payment_is_filled_from_somewhere():
    full = replace(PAYMENT, reason_code="r", anomaly="a", next_refresh_time=NOON, order_state=OrderState.CANCELLED)
    payment = pb.Payment(**mapping.payment(view(full, replace(OPERATION, state=OperationState.UNKNOWN))))
    assert {field.name for field, _ in payment.ListFields()} == set(pb.Payment.DESCRIPTOR.fields_by_name)
