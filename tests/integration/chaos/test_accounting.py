"""The account of a campaign can fail: whatever is planted in a right record is named, with the order's story."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from support.chaos.accounting import Kind, stories, violations
from support.chaos.record import Attempt, Effect, Key, Order, Record, Told, Watched

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import to_money
from payment_actions_server.domain.event import GENESIS, Event, EventType
from payment_actions_server.domain.operation import reference_of
from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.transport import mapping

KEY = Key("eu-shop", "1")
CAPTURE, REFUND, VOID = (f"{number:026}" for number in (1, 2, 3))
SUCCEEDED, FAILED = pb.OPERATION_STATE_SUCCEEDED, pb.OPERATION_STATE_FAILED


def operation(operation_id, action, request_id, amount="10.00", state=SUCCEEDED):
    return pb.Operation(
        operation_id=operation_id,
        store=KEY.store,
        order_id=KEY.order_id,
        action=action,
        amount=to_money(amount, "EUR"),
        state=state,
        request_id=request_id,
        reference=reference_of(operation_id),
    )


def attempt(request_id, operation_id="", told=Told.OPERATION, state="SUCCEEDED", begin=1.0):
    facts = {"operation_id": operation_id, "state": state if operation_id else ""}
    return Attempt(
        key=KEY, request_id=request_id, action="CAPTURE", replica=0, begin=begin, end=begin + 1, told=told, **facts
    )


def effect(kind, operation_id, amount_minor=1000, number=1):
    return Effect(
        kind=kind,
        object_id=f"S02-{kind}-{number}",
        reference=reference_of(operation_id),
        amount_minor=amount_minor,
        state="Completed",
        time="2026-01-05T09:00:00Z",
    )


def history():
    types = [(EventType.PAYMENT_SEEN, "")]
    for operation_id in (CAPTURE, REFUND):
        types += [(EventType.OPERATION_STARTED, operation_id), (EventType.OPERATION_ENDED, operation_id)]
    lines, previous_hash = [], GENESIS
    for number, (event_type, operation_id) in enumerate(types, 1):
        line = Event(
            store=KEY.store,
            order_id=KEY.order_id,
            number=number,
            type=event_type,
            time=datetime(2026, 1, 5, 9, tzinfo=UTC),
            actor="test",
            operation_id=operation_id,
            status_before=PaymentStatus.AUTHORIZED,
            status_after=PaymentStatus.AUTHORIZED,
            previous_hash=previous_hash,
            sequence=10 * number,
        )
        previous_hash = line.sealed_hash()
        lines.append(pb.Event(**mapping.event(replace(line, hash=previous_hash))))
    return lines


@pytest.fixture
def record():
    """A record in which all is right: an order of 10.00 captured, and refunded after a retry."""
    events = history()
    capture = operation(CAPTURE, pb.ACTION_CAPTURE, "a")
    refund = operation(REFUND, pb.ACTION_REFUND, "b")
    payment = pb.Payment(
        status=pb.PAYMENT_STATUS_REFUNDED,
        captured_amount=to_money("10.00", "EUR"),
        refunded_amount=to_money("10.00", "EUR"),
        store_update=pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_IN_SYNC),
    )
    right = Record(
        orders=[Order(key=KEY, order_reference="S02", scenario="capture, refund")],
        attempts=[
            attempt("a", CAPTURE),
            attempt("b", told=Told.UNANSWERED),
            attempt("b", REFUND, begin=3.0),
            attempt("c", told=Told.NOTHING_STARTED),
        ],
        payments={KEY: payment},
        operations={CAPTURE: capture, REFUND: refund},
        asked_again={(KEY.store, "a"): capture, (KEY.store, "b"): refund},
        events={KEY: events},
        effects={"S02": [effect("capture", CAPTURE), effect("refund", REFUND)]},
        held={KEY: "R"},
        watched=[Watched(name="a watcher", events=list(events))],
    )
    assert violations(right) == []
    return right


PLANTS = {
    "a lost effect": (lambda r: r.effects["S02"].pop(), Kind.LOST, f"REFUND pa-{REFUND} (SUCCEEDED) has no effect"),
    "a doubled effect": (
        lambda r: r.effects["S02"].append(effect("refund", REFUND, number=2)),
        Kind.DOUBLED,
        f"REFUND pa-{REFUND} (SUCCEEDED) has 2 effects",
    ),
    "a second reference for one intent": (
        lambda r: r.effects["S02"].append(effect("refund", VOID, number=2)),
        Kind.UNEXPLAINED,
        f"nobody asked for the refund S02-refund-2 (pa-{VOID})",
    ),
    "an effect of what is said to have failed": (
        lambda r: setattr(r.operations[REFUND], "state", FAILED),
        Kind.UNEXPLAINED,
        f"REFUND pa-{REFUND} (FAILED) has an effect",
    ),
    "an effect of another amount": (
        lambda r: r.effects.update(S02=[effect("capture", CAPTURE, 999), r.effects["S02"][1]]),
        Kind.UNEXPLAINED,
        "has another effect: capture of 999",
    ),
    "a void that nobody asked for": (
        lambda r: r.effects["S02"].append(effect("void", VOID)),
        Kind.UNEXPLAINED,
        "Amazon knows a void: there was no intent",
    ),
    "a lost void": (
        lambda r: r.operations.update({VOID: operation(VOID, pb.ACTION_VOID, "c")}),
        Kind.LOST,
        "1 voids SUCCEEDED, Amazon knows 0",
    ),
    "a payment that says too little": (
        lambda r: setattr(r.payments[KEY], "status", pb.PAYMENT_STATUS_CAPTURED),
        Kind.RECORD,
        "it says CAPTURED, 1000 captured, 1000 refunded; true is REFUNDED, 1000 captured, 1000 refunded",
    ),
    "a shop that was not told": (lambda r: r.held.update({KEY: "P"}), Kind.STORE, "X-Cart holds P, not R"),
    "an operation that was forgotten": (
        lambda r: r.payments[KEY].operation_in_flight.CopyFrom(r.operations[REFUND]),
        Kind.UNREST,
        "is in flight",
    ),
    "an operation that came to rest only when Refresh was pressed": (
        lambda r: r.late.update({KEY: ["CAPTURE (UNKNOWN) is in flight"]}),
        Kind.UNREST,
        "until Refresh was pressed, if not longer: CAPTURE (UNKNOWN) is in flight",
    ),
    "a shop that nobody tells any more": (
        lambda r: setattr(r.payments[KEY].store_update, "state", pb.STORE_UPDATE_STATE_PENDING),
        Kind.UNREST,
        "store update pending",
    ),
    "an authorization whose result was never looked for": (
        lambda r: setattr(r.payments[KEY], "status", pb.PAYMENT_STATUS_PENDING),
        Kind.UNREST,
        "the result of its authorization is not known",
    ),
    "a notification that was taken and not followed": (
        lambda r: (r.orders[0].told.append("S02-C1"), r.payments[KEY].ClearField("captured_amount")),
        Kind.UNREST,
        "told of the capture S02-C1, it has not followed",
    ),
    "an effect on what nobody placed": (
        lambda r: r.effects.update(S99=[effect("refund", REFUND)]),
        Kind.UNEXPLAINED,
        f"nobody placed S99, yet there is the refund S02-refund-1 (pa-{REFUND})",
    ),
    "an authorization of what nobody placed": (
        lambda r: r.effects.update(S99=[effect("authorize", CAPTURE)]),
        Kind.UNEXPLAINED,
        "nobody placed S99, yet there is the authorize S02-authorize-1",
    ),
    "a missing line": (lambda r: r.events[KEY].pop(1), Kind.CHAIN, "its history is broken at event 2"),
    "a changed line": (
        lambda r: setattr(r.events[KEY][3], "actor", "mallory"),
        Kind.CHAIN,
        "its history is broken at event 4",
    ),
    "an event that a watcher missed": (lambda r: r.watched[0].events.pop(2), Kind.WATCH, "missed event 3"),
    "an event that a watcher saw twice": (
        lambda r: r.watched[0].events.append(r.events[KEY][4]),
        Kind.WATCH,
        "twice or out of order",
    ),
    "two events in the wrong order": (lambda r: r.watched[0].events.reverse(), Kind.WATCH, "twice or out of order"),
    "a request that was told of two operations": (
        lambda r: r.attempts.append(attempt("a", VOID)),
        Kind.ANSWER,
        "request a was told of two operations",
    ),
    "a request that was refused and yet done": (
        lambda r: r.attempts.__setitem__(0, attempt("a", told=Told.NOTHING_STARTED)),
        Kind.ANSWER,
        "request a was refused, yet there is CAPTURE",
    ),
    "a request that was told FAILED and yet succeeded": (
        lambda r: r.attempts.append(attempt("a", CAPTURE, Told.NEVER_HAPPENED, "")),
        Kind.ANSWER,
        "request a was told FAILED; it is SUCCEEDED",
    ),
    "a final answer that changed": (
        lambda r: r.attempts.append(attempt("a", CAPTURE, state="DECLINED")),
        Kind.ANSWER,
        "request a was told DECLINED; it is SUCCEEDED",
    ),
    "another answer to the same request in the end": (
        lambda r: r.asked_again.update({(KEY.store, "a"): r.operations[REFUND]}),
        Kind.ANSWER,
        "request a, asked again, is told REFUND",
    ),
    "an operation that nobody asked for": (
        lambda r: setattr(r.operations[REFUND], "request_id", "z"),
        Kind.ANSWER,
        "nobody made request z",
    ),
}


@pytest.mark.parametrize("what", PLANTS)
def test_the_account_names(record, what):
    plant, kind, text = PLANTS[what]
    plant(record)
    found = violations(record)
    assert any(violation.kind is kind and text in violation.text for violation in found), [*map(str, found)]


def test_the_story_of_a_violated_order_has_its_requests_its_events_and_its_effects(record):
    record.effects["S02"].append(effect("refund", REFUND, number=2))
    told = stories(record, violations(record))
    assert "The story of order eu-shop/1" in told
    assert "asked" in told
    assert "OPERATION_STARTED" in told
    assert "refund 1000 Completed S02-refund-2" in told
