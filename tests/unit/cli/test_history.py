from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec.structs import replace

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.cli.history import broken_at
from payment_actions_server.domain.event import GENESIS, Event, EventType
from payment_actions_server.domain.status import PaymentStatus


def chain(count):
    """Return a sealed history as the service tells it."""
    told, before, previous = [], None, GENESIS
    for number in range(1, count + 1):
        event = Event(
            store="eu-shop",
            order_id="4711",
            number=number,
            type=EventType.OPERATION_ENDED if before else EventType.PAYMENT_SEEN,
            time=datetime(2026, 7, 1, 12, 0, 0, 123456, UTC) + timedelta(seconds=number),
            actor="zoë",
            operation_id="01k0" if before else "",
            status_before=before,
            status_after=PaymentStatus.CAPTURED,
            message="Captured.",
            details={"b": "2", "a": "1"},
            previous_hash=previous,
        )
        event = replace(event, hash=event.sealed_hash(), sequence=number * 7)
        told.append(message(event))
        before, previous = event.status_after, event.hash
    return told


def message(event):
    time = Timestamp()
    time.FromDatetime(event.time)
    before = pb.PaymentStatus.Value(f"PAYMENT_STATUS_{event.status_before or 'UNSPECIFIED'}")
    return pb.Event(
        sequence=event.sequence,
        store=event.store,
        order_id=event.order_id,
        number=event.number,
        type=pb.EventType.Value(f"EVENT_TYPE_{event.type}"),
        time=time,
        actor=event.actor,
        operation_id=event.operation_id,
        status_before=before,
        status_after=pb.PaymentStatus.Value(f"PAYMENT_STATUS_{event.status_after}"),
        message=event.message,
        details=event.details,
        previous_hash=event.previous_hash,
        hash=event.hash,
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_whole_history_holds(count):
    assert broken_at(chain(count)) is None


def test_a_missing_line_is_found():
    first, _, third = chain(3)
    assert broken_at([first, third]) == 2


@pytest.mark.parametrize("change", [{"message": "Refunded."}, {"actor": "eve"}, {"details": {"a": "9"}}])
def test_a_changed_line_is_found(change):
    events = chain(3)
    events[1].MergeFrom(pb.Event(**change))
    assert broken_at(events) == 2


def test_a_history_with_events_of_an_unknown_kind_is_not_called_broken():
    events = chain(2)
    events[1].type = 999
    with pytest.raises(ValueError, match="999"):
        broken_at(events)
