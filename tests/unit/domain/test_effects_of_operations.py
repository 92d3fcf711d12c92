"""What an operation that succeeded makes of its payment: absolute, so that nothing counts twice."""

import pytest

from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus

# (status before, action, amount, base) -> (status, authorized, captured, refunded) after.
EFFECTS = [
    ("AUTHORIZED", "CAPTURE", 12_990, 0, ("CAPTURED", 12_990, 12_990, 0)),
    ("AUTHORIZED", "CAPTURE", 4_000, 0, ("PARTIALLY_CAPTURED", 12_990, 4_000, 0)),
    ("AUTHORIZED", "VOID", 12_990, 0, ("VOIDED", 12_990, 0, 0)),
    ("PARTIALLY_CAPTURED", "CAPTURE", 8_990, 4_000, ("CAPTURED", 12_990, 12_990, 0)),
    ("PARTIALLY_CAPTURED", "CAPTURE", 1_000, 4_000, ("PARTIALLY_CAPTURED", 12_990, 5_000, 0)),
    ("PARTIALLY_CAPTURED", "VOID", 8_990, 0, ("CAPTURED", 12_990, 4_000, 0)),
    # Somebody may have collected the rest elsewhere: that nothing is left, only the gateway can say.
    ("PARTIALLY_CAPTURED", "REFUND", 4_000, 0, ("PARTIALLY_REFUNDED", 12_990, 4_000, 4_000)),
    ("PARTIALLY_CAPTURED", "REFUND", 1_000, 0, ("PARTIALLY_REFUNDED", 12_990, 4_000, 1_000)),
    ("CAPTURED", "REFUND", 12_990, 0, ("REFUNDED", 12_990, 12_990, 12_990)),
    ("CAPTURED", "REFUND", 1_000, 0, ("PARTIALLY_REFUNDED", 12_990, 12_990, 1_000)),
    ("PARTIALLY_REFUNDED", "REFUND", 8_990, 4_000, ("REFUNDED", 12_990, 12_990, 12_990)),
    # A snapshot showed it first: the answer that comes after it adds nothing.
    ("CAPTURED", "CAPTURE", 12_990, 0, ("CAPTURED", 12_990, 12_990, 0)),
    ("PARTIALLY_CAPTURED", "CAPTURE", 4_000, 0, ("PARTIALLY_CAPTURED", 12_990, 4_000, 0)),
    ("VOIDED", "VOID", 12_990, 0, ("VOIDED", 12_990, 0, 0)),
    ("REFUNDED", "REFUND", 12_990, 0, ("REFUNDED", 12_990, 12_990, 12_990)),
    ("PARTIALLY_REFUNDED", "REFUND", 4_000, 0, ("PARTIALLY_REFUNDED", 12_990, 12_990, 4_000)),
    # A late answer never takes a payment back.
    ("REFUNDED", "CAPTURE", 12_990, 0, ("REFUNDED", 12_990, 12_990, 12_990)),
    ("PARTIALLY_REFUNDED", "CAPTURE", 12_990, 0, ("PARTIALLY_REFUNDED", 12_990, 12_990, 4_000)),
    ("REFUNDED", "REFUND", 4_000, 0, ("REFUNDED", 12_990, 12_990, 12_990)),
    ("EXPIRED", "VOID", 12_990, 0, ("EXPIRED", 12_990, 0, 0)),
]


@pytest.mark.parametrize(("status", "action", "amount", "base", "expected"), EFFECTS)
def test_effect_of_an_operation(payment_in, operation_of, status, action, amount, base, expected):
    operation = operation_of(Action(action), amount_minor=amount, base_minor=base)
    after = payment_in(status).after(operation)
    assert (str(after.status), *after.amounts) == expected


@pytest.mark.parametrize("status", ["VOIDED", "DECLINED", "EXPIRED"])
def test_money_collected_after_the_end_is_an_anomaly(payment_in, operation_of, status):
    after = payment_in(status).after(operation_of(Action.CAPTURE, amount_minor=12_990, base_minor=0))
    assert (after.status, after.captured_minor) == (PaymentStatus(status), 12_990)
    assert status in after.anomaly


@pytest.mark.parametrize(("status", "action", "amount", "base", "expected"), EFFECTS)
def test_effect_counts_once_however_often_it_is_told(payment_in, operation_of, status, action, amount, base, expected):
    operation = operation_of(Action(action), amount_minor=amount, base_minor=base)
    once = payment_in(status).after(operation)
    assert once.after(operation) == once


@pytest.mark.parametrize("state", sorted(set(OperationState) - {OperationState.SUCCEEDED}))
def test_only_what_succeeded_has_an_effect(payment_in, operation_of, state):
    with pytest.raises(AssertionError):
        payment_in("AUTHORIZED").after(operation_of(Action.CAPTURE, state))


def test_gateway_id_joins_the_references_once(payment_in, operation_of):
    operation = operation_of(Action.CAPTURE, gateway_id="C-1")
    after = payment_in("AUTHORIZED").after(operation)
    assert after.references == (GatewayReference("capture", "C-1"),)
    assert after.after(operation).references == after.references


def test_operation_without_a_gateway_id_adds_no_reference(payment_in, operation_of):
    assert payment_in("AUTHORIZED").after(operation_of(Action.VOID)).references == ()


# (status, changes, action, amount, base) -> whether what the operation wants is already so.
SHOWN = [
    ("AUTHORIZED", {}, "CAPTURE", 12_990, 0, False),
    ("PARTIALLY_CAPTURED", {}, "CAPTURE", 12_990, 0, False),
    ("PARTIALLY_CAPTURED", {}, "CAPTURE", 4_000, 0, True),
    ("PARTIALLY_CAPTURED", {}, "CAPTURE", 8_990, 4_000, False),
    ("CAPTURED", {}, "CAPTURE", 12_990, 0, True),
    ("REFUNDED", {}, "CAPTURE", 12_990, 0, True),
    ("VOIDED", {}, "CAPTURE", 12_990, 0, False),
    ("CAPTURED", {}, "REFUND", 12_990, 0, False),
    ("PARTIALLY_REFUNDED", {}, "REFUND", 8_990, 4_000, False),
    ("PARTIALLY_REFUNDED", {}, "REFUND", 4_000, 0, True),
    ("REFUNDED", {}, "REFUND", 8_990, 4_000, True),
    ("PARTIALLY_REFUNDED", {}, "REFUND", 1_000, 0, False),  # Somebody returned another amount.
    ("AUTHORIZED", {}, "VOID", 12_990, 0, False),
    ("VOIDED", {}, "VOID", 12_990, 0, True),
    ("CAPTURED", {}, "VOID", 12_990, 0, False),
    ("EXPIRED", {}, "VOID", 12_990, 0, False),
    ("PARTIALLY_CAPTURED", {}, "VOID", 8_990, 0, False),
    ("CAPTURED", {"captured_minor": 4_000}, "VOID", 8_990, 0, True),  # The rest was given up.
    ("CAPTURED", {}, "VOID", 8_990, 0, False),  # The rest was collected.
    ("PARTIALLY_REFUNDED", {"captured_minor": 5_000}, "VOID", 7_990, 0, False),  # The rest may still be open.
]


@pytest.mark.parametrize(("status", "changes", "action", "amount", "base", "done"), SHOWN)
def test_payment_shows_whether_it_is_done(payment_in, operation_of, status, changes, action, amount, base, done):
    operation = operation_of(Action(action), OperationState.UNKNOWN, amount_minor=amount, base_minor=base)
    assert payment_in(status, **changes).shows_done(operation) is done


@pytest.mark.parametrize(("status", "action", "amount", "base", "expected"), EFFECTS)
def test_after_an_operation_the_payment_shows_it_done(payment_in, operation_of, status, action, amount, base, expected):
    operation = operation_of(Action(action), amount_minor=amount, base_minor=base)
    after = payment_in(status).after(operation)
    more_was_done = after.done_minor(operation.action) > base + amount
    assert after.shows_done(operation) or more_was_done or after.status is PaymentStatus.EXPIRED


@pytest.mark.parametrize(("action", "done"), [("CAPTURE", 12_990), ("REFUND", 4_000), ("VOID", 0), ("REFRESH", 0)])
def test_what_an_action_has_achieved_so_far(payment_in, action, done):
    assert payment_in("PARTIALLY_REFUNDED").done_minor(Action(action)) == done
