"""Compare every effect with every intent. Pure: from what was recorded to what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import in_flight, to_decimal
from payment_actions_server.cli.history import broken_at
from payment_actions_server.cli.words import event_type
from payment_actions_server.domain.operation import REFERENCE_PREFIX
from payment_actions_server.plugins import PaymentStatus
from payment_actions_xcart.statuses import CODES
from support.chaos.record import Effect, Key, Order, Record, Told


class Kind(StrEnum):
    """What may be wrong."""

    LOST = "lost"  #: An operation SUCCEEDED and left no effect.
    DOUBLED = "doubled"  #: An intent has more than one effect.
    UNEXPLAINED = "unexplained"  #: An effect that no intent accounts for, or whose operation says that it never was.
    RECORD = "record"  #: The payment does not say what is true.
    STORE = "store"  #: X-Cart does not hold the status.
    CHAIN = "chain"  #: A history is broken.
    WATCH = "watch"  #: A watcher missed something, or saw it twice, or out of order.
    ANSWER = "answer"  #: Clients were told things that do not go together.
    UNREST = "unrest"  #: Something did not come to rest, or not by itself.


class Violation(NamedTuple):
    """One thing that is wrong."""

    kind: Kind
    key: Key | None  #: None when it is about no single order.
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {f'order {self.key}: ' if self.key else ''}{self.text}"


def violations(record: Record) -> list[Violation]:
    """Return everything that is wrong."""
    intents: defaultdict[Key, list[pb.Operation]] = defaultdict(list)
    for operation in record.operations.values():
        intents[Key(operation.store, operation.order_id)].append(operation)
    found: list[Violation] = []
    for order in record.orders:
        effects = record.effects.get(order.order_reference, [])
        for check in (
            _moved(order, intents[order.key], effects),
            _voided(order, intents[order.key], effects),
            _at_rest(order, record),
            _as_the_gateway_says(order, record, effects),
            _history(order, record, intents[order.key]),
        ):
            found += check
    return [*found, *_of_nobody(record), *_answers(record), *_watchers(record)]


# -- Effects against intents ----------------------------------------------------------------------------------------


def _moved(order: Order, intents: list[pb.Operation], effects: list[Effect]) -> Iterator[Violation]:
    """Captures and refunds carry their intent's reference."""
    moves = [effect for effect in effects if effect.kind in {"capture", "refund"}]
    by_reference: defaultdict[str, list[Effect]] = defaultdict(list)
    for effect in moves:
        by_reference[effect.reference].append(effect)
    for operation in intents:
        if operation.action == pb.ACTION_VOID:
            continue
        made = by_reference.pop(operation.reference, [])
        if len(made) > 1:
            yield Violation(Kind.DOUBLED, order.key, f"{_told(operation)} has {len(made)} effects")
        if operation.state == pb.OPERATION_STATE_SUCCEEDED:
            if not made:
                yield Violation(Kind.LOST, order.key, f"{_told(operation)} has no effect")
            for effect in made:
                yield from _as_intended(order, operation, effect)
        elif made and not in_flight(operation):
            yield Violation(Kind.UNEXPLAINED, order.key, f"{_told(operation)} has an effect: {made[0].object_id}")
    yield from _foreign(order, by_reference)


def _as_intended(order: Order, operation: pb.Operation, effect: Effect) -> Iterator[Violation]:
    said = (_action(operation).lower(), _minor(operation.amount), "Completed")
    if (effect.kind, effect.amount_minor, effect.state) != said:
        is_ = f"{effect.kind} of {effect.amount_minor}, {effect.state}"
        yield Violation(Kind.UNEXPLAINED, order.key, f"{_told(operation)} has another effect: {is_}")


def _foreign(order: Order, by_reference: dict[str, list[Effect]]) -> Iterator[Violation]:
    """What is left must be the checkout's capture, or have been done in Seller Central."""
    allowance = Counter(order.elsewhere)
    at_checkout = int(order.captured_at_checkout)
    for effect in (each for made in by_reference.values() for each in made):
        if allowance[effect.object_id]:
            allowance[effect.object_id] -= 1
        elif effect.kind == "capture" and at_checkout and not effect.reference.startswith(REFERENCE_PREFIX):
            at_checkout -= 1
        else:
            text = f"nobody asked for the {effect.kind} {effect.object_id} ({effect.reference})"
            yield Violation(Kind.UNEXPLAINED, order.key, text)


def _of_nobody(record: Record) -> Iterator[Violation]:
    """An effect on what no checkout placed has no order whose account would show it."""
    placed = {order.order_reference for order in record.orders}
    for reference, effects in record.effects.items():
        if reference not in placed:
            for effect in effects:
                text = f"nobody placed {reference}, yet there is the {effect.kind} {effect.object_id}"
                yield Violation(Kind.UNEXPLAINED, None, f"{text} ({effect.reference})")


def _voided(order: Order, intents: list[pb.Operation], effects: list[Effect]) -> Iterator[Violation]:
    """A void has no reference at Amazon: they are counted."""
    made = sum(effect.kind == "void" for effect in effects)
    voids = [operation for operation in intents if operation.action == pb.ACTION_VOID]
    done = sum(operation.state == pb.OPERATION_STATE_SUCCEEDED for operation in voids)
    if made < done:
        yield Violation(Kind.LOST, order.key, f"{done} voids SUCCEEDED, Amazon knows {made}")
    elif made > max(done, 1):
        yield Violation(Kind.DOUBLED, order.key, f"Amazon knows {made} voids, {done} SUCCEEDED")
    elif made > done:
        states = ", ".join(map(_told, voids)) or "there was no intent"
        yield Violation(Kind.UNEXPLAINED, order.key, f"Amazon knows a void: {states}")


# -- The record against the truth -----------------------------------------------------------------------------------


def unrest(order: Order, payment: pb.Payment) -> Iterator[str]:
    """Yield what of a payment has not come to rest."""
    if payment.HasField("operation_in_flight"):
        yield f"{_told(payment.operation_in_flight)} is in flight"
    if payment.store_update.state != pb.STORE_UPDATE_STATE_IN_SYNC:
        yield f"store update pending: {payment.store_update.last_error}"
    if payment.status == pb.PAYMENT_STATUS_PENDING:
        yield "the result of its authorization is not known"
    if order.told and not _minor(payment.captured_amount):
        yield f"told of the capture {order.told[0]}, it has not followed"


def _at_rest(order: Order, record: Record) -> Iterator[Violation]:
    for matter in record.late.get(order.key, []):
        yield Violation(Kind.UNREST, order.key, f"until Refresh was pressed, if not longer: {matter}")
    payment = record.payments.get(order.key)
    if payment is None:
        yield Violation(Kind.UNREST, order.key, "the service did not tell of it")
        return
    for matter in unrest(order, payment):
        yield Violation(Kind.UNREST, order.key, matter)
    if payment.anomaly:
        yield Violation(Kind.RECORD, order.key, f"anomaly: {payment.anomaly}")


def _as_the_gateway_says(order: Order, record: Record, effects: list[Effect]) -> Iterator[Violation]:
    payment = record.payments.get(order.key)
    if payment is None:
        return
    done = [effect for effect in effects if effect.state in {"Completed", "Closed"}]
    captured = sum(effect.amount_minor for effect in done if effect.kind == "capture")
    refunded = sum(effect.amount_minor for effect in done if effect.kind == "refund")
    voided = any(effect.kind == "void" for effect in effects)
    true = (_status(captured, refunded, voided=voided), captured, refunded)
    name = PaymentStatus(pb.PaymentStatus.Name(payment.status).removeprefix("PAYMENT_STATUS_"))
    said = (name, _minor(payment.captured_amount), _minor(payment.refunded_amount))
    if said != true:
        yield Violation(Kind.RECORD, order.key, f"it says {_line(said)}; true is {_line(true)}")
    if record.held.get(order.key) != CODES[true[0]]:
        held = record.held.get(order.key)
        yield Violation(Kind.STORE, order.key, f"X-Cart holds {held}, not {CODES[true[0]]} ({true[0]})")


def _status(captured: int, refunded: int, *, voided: bool) -> PaymentStatus:
    if not captured:
        return PaymentStatus.VOIDED if voided else PaymentStatus.AUTHORIZED
    if not refunded:
        return PaymentStatus.CAPTURED
    return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED


def _line(facts: tuple[PaymentStatus, int, int]) -> str:
    return f"{facts[0]}, {facts[1]} captured, {facts[2]} refunded"


def _history(order: Order, record: Record, intents: list[pb.Operation]) -> Iterator[Violation]:
    events = record.events.get(order.key, [])
    if (number := broken_at(events)) is not None:
        yield Violation(Kind.CHAIN, order.key, f"its history is broken at event {number}")
    begun = Counter(event.operation_id for event in events if event.type == pb.EVENT_TYPE_OPERATION_STARTED)
    ended = Counter(event.operation_id for event in events if event.type == pb.EVENT_TYPE_OPERATION_ENDED)
    for operation in intents:
        counts = (begun[operation.operation_id], ended[operation.operation_id])
        if counts != (1, int(not in_flight(operation))):
            text = f"{_told(operation)} began {counts[0]} times and ended {counts[1]} times in its history"
            yield Violation(Kind.CHAIN, order.key, text)


# -- What was told --------------------------------------------------------------------------------------------------


def _answers(record: Record) -> Iterator[Violation]:
    by_request: defaultdict[tuple[Key, str], list] = defaultdict(list)
    for attempt in record.attempts:
        by_request[attempt.key, attempt.request_id].append(attempt)
    operations: defaultdict[tuple[Key, str], list[pb.Operation]] = defaultdict(list)
    for operation in record.operations.values():
        operations[Key(operation.store, operation.order_id), operation.request_id].append(operation)
    for (key, request_id), made in operations.items():
        if len(made) > 1:
            yield Violation(Kind.ANSWER, key, f"request {request_id} has {len(made)} operations")
        if (key, request_id) not in by_request:
            yield Violation(Kind.ANSWER, key, f"nobody made request {request_id}")
    for (key, request_id), attempts in by_request.items():
        operation = next(iter(operations[key, request_id]), None)
        again = record.asked_again.get((key.store, request_id))
        yield from _told_of_one(key, request_id, attempts, operation, again)


def _told_of_one(key, request_id, attempts, operation, again) -> Iterator[Violation]:
    if operation is None:
        for attempt in attempts:
            if attempt.operation_id:
                yield Violation(Kind.ANSWER, key, f"request {request_id} was told of an operation that is not there")
        return
    # What is refused before anything began may still begin by an earlier call of the same request that nobody heard
    # the end of. With none such, nothing may have begun.
    if all(attempt.told is Told.NOTHING_STARTED for attempt in attempts):
        yield Violation(Kind.ANSWER, key, f"request {request_id} was refused, yet there is {_told(operation)}")
    final = pb.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")
    for attempt in attempts:
        if attempt.operation_id not in {"", operation.operation_id}:
            yield Violation(Kind.ANSWER, key, f"request {request_id} was told of two operations")
        if attempt.told is Told.NEVER_HAPPENED and final != "FAILED":
            yield Violation(Kind.ANSWER, key, f"request {request_id} was told FAILED; it is {final}")
        if attempt.state in FINAL and attempt.state != final:
            yield Violation(Kind.ANSWER, key, f"request {request_id} was told {attempt.state}; it is {final}")
    if again is not None and (again.operation_id, again.state) != (operation.operation_id, operation.state):
        yield Violation(Kind.ANSWER, key, f"request {request_id}, asked again, is told {_told(again)}")


FINAL = frozenset({"SUCCEEDED", "DECLINED", "FAILED", "ALREADY_DONE"})


# -- What was watched -----------------------------------------------------------------------------------------------


def _watchers(record: Record) -> Iterator[Violation]:
    for watched in record.watched:
        sequences = [event.sequence for event in watched.events]
        if sequences != sorted(set(sequences)):
            yield Violation(Kind.WATCH, None, f"{watched.name} saw events twice or out of order")
        due = {
            (event.sequence, event.hash): event
            for key, events in record.events.items()
            if not watched.stores or key.store in watched.stores
            for event in events
        }
        seen = {(event.sequence, event.hash): event for event in watched.events}
        for word, events in (("missed", due.keys() - seen.keys()), ("dreamt", seen.keys() - due.keys())):
            for identity in sorted(events):
                event = due.get(identity) or seen[identity]
                key = Key(event.store, event.order_id)
                text = f"{watched.name} {word} event {event.number} (sequence {event.sequence})"
                yield Violation(Kind.WATCH, key, text)


# -- Words ----------------------------------------------------------------------------------------------------------


def story(record: Record, key: Key) -> str:
    """Return all that is known of an order: what was asked, its history, and what really happened."""
    orders = [order for order in record.orders if order.key == key]
    lines = [f"The story of order {key}", *(f"  scenario  {order.scenario}" for order in orders)]
    for attempt in sorted((each for each in record.attempts if each.key == key), key=lambda each: each.begin):
        said = " ".join(filter(None, (attempt.told, attempt.state, attempt.reason, attempt.message[:160])))
        lines.append(
            f"  asked     {_clock(attempt.begin)} to {_clock(attempt.end)} {attempt.action} {attempt.request_id}"
            f" of replica {attempt.replica}: {said}"
        )
    for event in record.events.get(key, []):
        when = _clock(event.time.ToNanoseconds() / 1e9)
        about = " ".join(f"{name}={value}" for name, value in sorted(event.details.items()))
        lines.append(f"  event {event.number:3} {when} {event_type(event.type)} {event.actor}: {event.message} {about}")
    for effect in (each for order in orders for each in record.effects.get(order.order_reference, [])):
        lines.append(
            f"  effect    {effect.time} {effect.kind} {effect.amount_minor} {effect.state} {effect.object_id}"
            f" {effect.reference}"
        )
    lines.append(f"  X-Cart    {record.held.get(key)}")
    return "\n".join(lines)


def stories(record: Record, found: Iterable[Violation], most: int = 5) -> str:
    """Return the stories of the first orders that something is wrong with."""
    keys = dict.fromkeys(violation.key for violation in found if violation.key)
    return "\n\n".join(story(record, key) for key in list(keys)[:most])


def _told(operation: pb.Operation) -> str:
    state = pb.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")
    return f"{_action(operation)} {operation.reference} ({state})"


def _action(operation: pb.Operation) -> str:
    return pb.Action.Name(operation.action).removeprefix("ACTION_")


def _minor(money) -> int:
    return int(to_decimal(money) * 100)


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S.%f")[:-3]
