"""What X-Cart's later module would have written: only what is missing, and nothing twice."""

import random
from decimal import Decimal

import pytest

from payment_actions_server.plugins import GatewayReference, PaymentStatus, StatusUpdate
from payment_actions_xcart.module_rows import (
    CAPTURES,
    REFUND_LIVE,
    REFUNDS,
    missing_entries,
    module_transaction,
    notice,
)

S = PaymentStatus
REFERENCES = (GatewayReference("capture", "C1"), GatewayReference("capture", "C2"), GatewayReference("refund", "R1"))


def transaction(*rows, cells=(), status="S", currency="EUR"):
    names = enumerate({"amazonAuthorizationId": "A1", **dict(cells)}.items())
    return {
        "transaction_id": 7, "status": status, "currency": {"code": currency},
        "data": [{"data_id": number, "name": name, "value": value} for number, (name, value) in names],
        "backend_transactions": [
            {"id": number, "type": kind, "status": state, "value": Decimal(value)}
            for number, (kind, state, value) in enumerate(rows, start=100)
        ],
    }  # fmt: skip


def update(status, *, captured=0, refunded=0, currency="EUR"):
    return StatusUpdate(
        order_id="1", status=status, currency_code=currency, authorized_minor=10000, captured_minor=captured,
        refunded_minor=refunded, references=REFERENCES,
    )  # fmt: skip


def entries(raw, wanted):
    return missing_entries(module_transaction(raw), wanted, date=1)


def applied(raw, found):
    """Return the transaction as X-Cart's loader leaves it."""
    rows = {str(row["id"]): dict(row) for row in raw["backend_transactions"]}
    cells = {str(cell["data_id"]): dict(cell) for cell in raw["data"]}
    for number, record in enumerate(found.rows):
        rows.setdefault(record.get("id", f"{len(rows)}{number}9"), {}).update(record)
    for number, record in enumerate(found.cells):
        cells.setdefault(record.get("data_id", f"{len(cells)}{number}9"), {}).update(record)
    return raw | {
        "status": found.status or raw["status"],
        "backend_transactions": [{"id": number, **row} for number, row in rows.items()],
        "data": [{"data_id": number, **cell} for number, cell in cells.items()],
    }


AUTH = ("auth", "S", "100")


def test_an_order_without_the_modules_cells_or_first_row_is_not_the_modules():
    assert module_transaction({"transaction_id": 7, "backend_transactions": []}) is None
    assert module_transaction(transaction()) is None
    assert module_transaction({**transaction(AUTH), "data": []}) is None


def test_the_amounts_of_several_captures_add_up():
    found = entries(transaction(AUTH, ("capture", "S", "60")), update(S.CAPTURED, captured=10000))
    assert found.rows == [{"type": "capture", "status": "S", "value": "40.00", "date": "1"}]
    assert {"name": "amazonCaptureId", "value": "C2"} in found.cells


def test_a_row_that_failed_or_was_only_begun_counts_for_nothing():
    rows = AUTH, ("capture", "F", "100"), ("capture", "I", "100")
    assert [row["value"] for row in entries(transaction(*rows), update(S.CAPTURED, captured=10000)).rows] == ["100.00"]


def test_a_row_that_waits_is_completed_and_the_rest_is_added():
    raw = transaction(AUTH, ("capture", "S", "100"), ("refund", "W", "30"))
    found = entries(raw, update(S.PARTIALLY_REFUNDED, captured=10000, refunded=5000))
    assert [(row.get("id"), row["value"]) for row in found.rows] == [("102", "30"), (None, "20.00")]


def test_a_row_that_waits_for_more_than_was_refunded_is_left_waiting():
    raw = transaction(AUTH, ("capture", "S", "100"), ("refund", "W", "100"))
    found = entries(raw, update(S.PARTIALLY_REFUNDED, captured=10000, refunded=1000))
    assert [(row.get("id"), row["value"]) for row in found.rows] == [(None, "10.00")]


@pytest.mark.parametrize(("told", "minor"), [("19.989999999999998", 1999), ("129.90000000000001", 12990)])
def test_the_noise_of_a_float_is_no_amount_that_is_missing(told, minor):
    """PHP before 7.1 writes 19.99 as 19.989999999999998: a row for the rest would be added at each attempt."""
    raw = transaction(("auth", "S", told), ("capture", "S", told), ("refund", "S", told))
    assert entries(raw, update(S.REFUNDED, captured=minor, refunded=minor)).rows == []


def test_the_noise_of_a_float_keeps_no_row_from_being_completed():
    raw = transaction(AUTH, ("capture", "S", "129.90"), ("refund", "W", "129.90000000000001"))
    found = entries(raw, update(S.REFUNDED, captured=12990, refunded=12990))
    assert [(row.get("id"), row["status"], Decimal(row["value"])) for row in found.rows] == [
        ("102", "S", Decimal("129.90"))
    ]


@pytest.mark.parametrize(
    ("status", "captured", "words"),
    [(S.PARTIALLY_CAPTURED, 9000, True), (S.CAPTURED, 9000, True), (S.CAPTURED, 10000, False)],
)
def test_staff_are_told_of_a_refund_button_that_returns_more_than_was_captured(status, captured, words):
    wanted = update(status, captured=captured)
    own = module_transaction(applied(transaction(AUTH), entries(transaction(AUTH), wanted)))
    assert ("Refund button" in notice(own, wanted)) is words


@pytest.mark.parametrize(("held", "changed"), [("", True), ("C9", False)])
def test_only_an_empty_cell_is_filled_and_by_its_id(held, changed):
    found = entries(transaction(AUTH, cells=[("amazonCaptureId", held)]), update(S.CAPTURED, captured=10000))
    expected = {"data_id": "1", "name": "amazonCaptureId", "value": "C2"}
    assert (expected in found.cells) is changed
    assert any(cell["name"] == "amazonCaptureId" for cell in found.cells) is changed


def test_a_transaction_in_another_currency_gets_no_entries():
    assert not entries(transaction(AUTH, currency="JPY"), update(S.CAPTURED, captured=10000))


def test_the_fields_of_a_put_name_each_record():
    found = entries(transaction(AUTH), update(S.VOIDED))
    assert found.fields() == {
        "model[status]": "V", "model[backend_transactions][0][type]": "void",
        "model[backend_transactions][0][status]": "S", "model[backend_transactions][0][value]": "100",
        "model[backend_transactions][0][date]": "1",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_after_any_outcome_nothing_is_missing_and_no_button_is_left_that_undoes_it_untold(seed):
    chance = random.Random(seed)
    kind = chance.choice(["auth", "sale"])
    others = [(other, chance.choice("SWFI"), str(chance.randrange(1, 60))) for other in ("capture", "refund", "void")]
    others = [row for row in others if row[0] != "void" or row[1] != "S"]
    raw = transaction((kind, chance.choice("SW"), "100"), *chance.sample(others, chance.randrange(len(others))))
    status, captured, refunded = chance.choice(
        [
            (S.CAPTURED, 10000, 0), (S.REFUNDED, 10000, 10000), (S.PARTIALLY_REFUNDED, 10000, 2500),
            (S.PARTIALLY_CAPTURED, 6000, 0), (S.VOIDED, 0, 0), (S.EXPIRED, 0, 0),
        ]
    )  # fmt: skip
    wanted = update(status, captured=captured, refunded=refunded)
    after = applied(raw, entries(raw, wanted))
    assert not entries(after, wanted)
    own = module_transaction(after)
    assert own.succeeded(CAPTURES) >= Decimal(captured) / 100
    assert own.succeeded(REFUNDS) >= Decimal(refunded) / 100
    captured_here = own.has_succeeded(CAPTURES) and own.value("amazonCaptureId")
    partly = captured_here and not own.has_succeeded(REFUNDS) and own.succeeded(CAPTURES) < 100
    assert notice(own, wanted) == (REFUND_LIVE if partly else "")
