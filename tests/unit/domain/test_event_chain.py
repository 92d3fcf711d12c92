"""A payment's history is a chain: a changed, missing or moved line is found."""

import hashlib
import json
from datetime import timedelta

import pytest
from msgspec.structs import fields, replace

from payment_actions_server.domain.event import GENESIS, Event, EventType, chain_break
from payment_actions_server.domain.status import PaymentStatus

LENGTH = 5


@pytest.fixture
def history(payment_in, now):
    """Return a payment and its five events."""
    payment, events = payment_in("AUTHORIZED"), []
    for _ in range(LENGTH):
        payment, event = payment.recorded(
            EventType.OPERATION_STARTED,
            now=now,
            actor="ann",
            before=PaymentStatus.AUTHORIZED,
            operation_id="op",
            message="note",
            details={"b": "2", "a": "1"},
        )
        events.append(event)
    return payment, events


CHANGES = {
    "store": "other",
    "order_id": "other",
    "number": 99,
    "type": EventType.ANOMALY,
    "time": None,  # A microsecond later; see below.
    "actor": "bob",
    "operation_id": "other",
    "status_before": None,
    "status_after": PaymentStatus.CAPTURED,
    "message": "changed",
    "details": {"a": "1"},
    "previous_hash": "f" * 64,
    "hash": "f" * 64,
}


def changed(event: Event, name: str) -> Event:
    value = event.time + timedelta(microseconds=1) if name == "time" else CHANGES[name]
    return replace(event, **{name: value})


def test_untouched_history_holds(history):
    payment, events = history
    assert chain_break(events) is None
    assert [event.number for event in events] == [1, 2, 3, 4, 5]
    assert (events[0].previous_hash, payment.last_hash) == (GENESIS, events[-1].hash)
    assert (payment.version, payment.etag) == (LENGTH, '"5"')


def test_no_history_holds():
    assert chain_break([]) is None


@pytest.mark.parametrize("index", range(LENGTH))
@pytest.mark.parametrize("name", CHANGES)
def test_changed_line_is_found(history, name, index):
    events = history[1]
    events[index] = changed(events[index], name)
    assert chain_break(events) == index + 1


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in {"hash", "number"}])
def test_changed_line_that_is_sealed_anew_is_found_at_the_next(history, name):
    events = history[1]
    forged = changed(events[1], name)
    events[1] = replace(forged, hash=forged.sealed_hash())
    assert chain_break(events) == (2 if name == "previous_hash" else 3)


@pytest.mark.parametrize("index", range(LENGTH - 1))
def test_missing_line_is_found(history, index):
    events = history[1]
    del events[index]
    assert chain_break(events) == index + 1


def test_missing_last_line_shows_in_the_payment(history):
    payment, events = history
    del events[-1]
    assert chain_break(events) is None
    assert (payment.version, payment.last_hash) != (events[-1].number, events[-1].hash)


@pytest.mark.parametrize("index", range(LENGTH - 1))
def test_exchanged_lines_are_found(history, index):
    events = history[1]
    events[index], events[index + 1] = events[index + 1], events[index]
    assert chain_break(events) == index + 1


def test_doubled_line_is_found(history):
    events = history[1]
    assert chain_break([*events[:3], events[2], *events[3:]]) == 4


def test_history_that_was_sealed_anew_without_its_first_line_is_found(history):
    previous_hash, forged = GENESIS, []
    for event in history[1][1:]:
        unsealed = replace(event, previous_hash=previous_hash)
        forged.append(replace(unsealed, hash=unsealed.sealed_hash()))
        previous_hash = forged[-1].hash
    assert chain_break(forged) == 1


def test_line_of_another_payment_is_found(history, payment_in, now):
    _, event = payment_in("AUTHORIZED", order_id="4712").recorded(
        EventType.PAYMENT_SEEN, now=now, actor="ann", before=None
    )
    assert chain_break([event, *history[1][1:]]) == 2


def test_readers_sequence_and_order_of_details_are_not_sealed(history):
    event = history[1][0]
    same = replace(event, sequence=77, details={"a": "1", "b": "2"})
    assert same.sealed_hash() == event.hash


def test_everything_else_is_sealed():
    assert {field.name for field in fields(Event)} - {"sequence"} == CHANGES.keys()


def test_fields_cannot_be_shifted_into_one_another(history):
    event = history[1][0]
    shifted = replace(event, actor=f'{event.actor}","op', operation_id="")
    assert shifted.sealed_hash() != event.hash


def test_recording_changes_no_fact(payment_in, now):
    payment = payment_in("CAPTURED")
    later = now + timedelta(hours=1)
    recorded, event = payment.recorded(EventType.ANOMALY, now=later, actor="gateway", before=payment.status)
    assert replace(recorded, version=0, revision=0, last_hash=GENESIS, update_time=now) == payment
    assert (recorded.version, recorded.last_hash, recorded.update_time) == (1, event.hash, later)
    assert (event.status_before, event.status_after) == (payment.status, payment.status)


@pytest.mark.parametrize("event_type", EventType)
def test_etag_tells_what_matters_to_a_decision(payment_in, now, event_type):
    payment = payment_in("AUTHORIZED")
    recorded, _ = payment.recorded(event_type, now=now, actor="gateway", before=payment.status)
    incidental = {"NOTIFICATION_IGNORED", "STORE_UPDATED", "STORE_UPDATE_DELAYED", "STORE_STATUS_CHANGED"}
    assert (recorded.etag == payment.etag) == (event_type in incidental)


def test_seal_is_over_the_json_that_the_first_chains_were_sealed_with(history):
    """Every character that can be kept, each as the standard library's encoder writes it."""
    event = history[1][0]
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    for start in range(0, len(characters), 4096):
        odd = replace(event, message="".join(characters[start : start + 4096]), details={"note": '"\\/\b\x7f'})
        content = [
            *(odd.store, odd.order_id, odd.number, odd.type, odd.time.isoformat(timespec="microseconds"), odd.actor),
            *(odd.operation_id, odd.status_before, odd.status_after, odd.message, sorted(odd.details.items())),
            odd.previous_hash,
        ]
        encoded = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        assert odd.sealed_hash() == hashlib.sha256(encoded).hexdigest()
