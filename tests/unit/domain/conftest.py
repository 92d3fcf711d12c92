import dataclasses
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.snapshot import Snapshot
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Authorized, captured, refunded that fit each status, of an order of 129.90.
AMOUNTS = {
    "PENDING": (0, 0, 0),
    "AUTHORIZED": (12_990, 0, 0),
    "PARTIALLY_CAPTURED": (12_990, 4_000, 0),
    "CAPTURED": (12_990, 12_990, 0),
    "PARTIALLY_REFUNDED": (12_990, 12_990, 4_000),
    "REFUNDED": (12_990, 12_990, 12_990),
    "VOIDED": (12_990, 0, 0),
    "DECLINED": (0, 0, 0),
    "EXPIRED": (12_990, 0, 0),
}


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def payment_in():
    """Return what makes a payment in a status, with amounts that fit it."""

    def make(status: PaymentStatus | str, **changes) -> Payment:
        authorized, captured, refunded = AMOUNTS[status]
        payment = Payment(
            store="shop",
            order_id="4711",
            order_number="#4711",
            method_code="amazon",
            method_name="Amazon Pay",
            ours=True,
            gateway="amazon_pay_v1",
            status=PaymentStatus(status),
            currency_code="USD",
            order_total_minor=12_990,
            authorized_minor=authorized,
            captured_minor=captured,
            refunded_minor=refunded,
            create_time=NOW,
            update_time=NOW,
        )
        return replace(payment, **changes)

    return make


@pytest.fixture
def snapshot_in():
    """Return what makes a snapshot of a status, with amounts that fit it."""

    def make(status: PaymentStatus | str, **changes) -> Snapshot:
        authorized, captured, refunded = AMOUNTS[status]
        snapshot = Snapshot(
            status=PaymentStatus(status),
            currency_code="USD",
            authorized_minor=authorized,
            captured_minor=captured,
            refunded_minor=refunded,
        )
        return dataclasses.replace(snapshot, **changes)

    return make


@pytest.fixture
def operation_of():
    """Return what makes an operation on the payment of the same name."""

    def make(action: Action, state: OperationState = OperationState.SUCCEEDED, **changes) -> Operation:
        operation = Operation(
            operation_id="01k0m7v4x2q8r6t3y9z5b1c7d4",
            store="shop",
            order_id="4711",
            action=action,
            amount_minor=12_990,
            currency_code="USD",
            requested_amount_minor=None,
            request_id="request-1",
            reference="pa-01k0m7v4x2q8r6t3y9z5b1c7d4",
            state=state,
            actor="ann",
            note="",
            base_minor=0,
            create_time=NOW,
            update_time=NOW,
        )
        return replace(operation, **changes)

    return make
