"""Whether a payment's history is whole: the same check as the service's own, on what the service told."""

from collections.abc import Iterable
from datetime import UTC

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.cli import words
from payment_actions_server.domain.event import Event, EventType, chain_break
from payment_actions_server.domain.status import PaymentStatus


def broken_at(events: Iterable[pb.Event]) -> int | None:
    """Return the number of the first event that does not fit the hash chain; None when all fit.

    :param events: all of one payment's, in order.
    :raises ValueError: an event of a kind that this version does not know cannot be checked.
    """
    return chain_break(map(_event, events))


def _event(event: pb.Event) -> Event:
    return Event(
        store=event.store,
        order_id=event.order_id,
        number=event.number,
        type=EventType(words.event_type(event.type)),
        time=event.time.ToDatetime(tzinfo=UTC),
        actor=event.actor,
        operation_id=event.operation_id,
        status_before=PaymentStatus(words.status(event.status_before)) if event.status_before else None,
        status_after=PaymentStatus(words.status(event.status_after)),
        message=event.message,
        details=dict(event.details),
        previous_hash=event.previous_hash,
        hash=event.hash,
        sequence=event.sequence,
    )
