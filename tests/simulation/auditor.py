"""What must always hold, looked at after every commit, every effect and every answer.

It reads the database past the storage layer, and the gateway's truth past every adapter.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from support.virtual_time import VirtualClock

from payment_actions_server.domain.event import GENESIS, INCIDENTAL, EventType
from payment_actions_server.domain.operation import ActionRequest, Operation
from payment_actions_server.domain.status import Action, OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.domain.transitions import forward
from payment_actions_server.plugins import GatewayRequest
from payment_actions_server.storage.records import columns
from payment_actions_server.storage.rows import EVENT, to_event, to_time
from simulation.order_audit import OrderAuditor
from simulation.sides import BLIND, BLIND_FORGETS_SOON, BLIND_NO_REPEAT, VOID_WITHOUT_REFERENCE, Truth

if TYPE_CHECKING:
    from simulation.world import World

ENDS = (EventType.OPERATION_ENDED, EventType.OPERATION_RESOLVED)
INCIDENTAL_SQL = ", ".join(f"'{kind}'" for kind in sorted(INCIDENTAL))


class Row(NamedTuple):
    """A payment as the database has it."""

    order_id: str
    ours: bool
    status: PaymentStatus
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    anomaly: str
    version: int
    revision: int
    next_look_due: bool  #: Whether the schedule is going to look at it.
    order_state: OrderState
    order_total_minor: int
    order_number: str
    store_update_state: StoreUpdateState
    store_update_generation: int

    @property
    def facts(self) -> Truth:
        """Return what the gateway must say, too."""
        return Truth(self.status, self.authorized_minor, self.captured_minor, self.refunded_minor)

    def __str__(self) -> str:
        return f"{self.order_id}: {self.facts}"


class Intent(NamedTuple):
    """An operation as the database has it."""

    operation_id: str
    order_id: str
    request_id: str
    reference: str
    action: Action
    amount_minor: int
    base_minor: int
    state: OperationState
    message: str
    actor: str

    def __str__(self) -> str:
        return (
            f"{self.action} {self.order_id} of {self.amount_minor} after {self.base_minor} ({self.request_id}, under"
            f" {self.reference[-6:]}) {self.state}{f', {self.message}' if self.message else ''}"
        )


class Lease(NamedTuple):
    """Who works on an operation, as the database has it."""

    lease_id: str
    expire_time: int | None  #: In microseconds.
    update_time: int  #: Of the operation; what is given back in between shows in it.


class Auditor:
    """Knows what it saw last, and what may have become of it."""

    def __init__(self, path: Path, world: "World") -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._story = world.story
        self._gateway = world.gateway
        self._shop = world.shop
        kind = world.setting.gateway
        self._blind = kind in (BLIND, BLIND_FORGETS_SOON, BLIND_NO_REPEAT)
        self._skew = timedelta(seconds=max(abs(skew) for skew in world.setting.skews))
        self._names_its_voids = kind != VOID_WITHOUT_REFERENCE
        self.orders = OrderAuditor(world)
        self._data_version = 0
        self._sequence = 0
        self._tails: dict[str, tuple[int, str, str]] = {}  #: Order: number, hash and status of its last event.
        self._started: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._effects_seen = 0
        self._effects_of: Counter[str] = Counter()
        self._sent: dict[str, tuple[Any, ...]] = {}
        self._leases: dict[str, Lease] = {}
        self.payments: dict[str, Row] = {}
        self.intents: dict[str, Intent] = {}
        self.by_request: dict[str, str] = {}
        self.by_reference: dict[str, str] = {}
        self.requests: dict[str, ActionRequest] = {}
        self._named: dict[str, str] = {}  #: Request id: the operation that was named in answer to it.

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    # -- After a commit ---------------------------------------------------------------------------------------------

    def audit(self, who: str) -> None:
        """Look at what changed."""
        data_version = self._database.execute("PRAGMA data_version").fetchone()[0]
        if data_version == self._data_version:
            return
        self._data_version = data_version
        self._audit_events(who)
        self._audit_operations(who)
        self._audit_payments()

    def _audit_events(self, who: str) -> None:
        check = self._story.check
        for row in self._database.execute(
            f"SELECT {columns((*EVENT, 'sequence'))} FROM events WHERE sequence > ? ORDER BY sequence",
            (self._sequence,),
        ):
            event = to_event(row)
            self._sequence = event.sequence
            order_id, number, kind, operation_id = event.order_id, event.number, event.type, event.operation_id
            before, after = event.status_before, event.status_after
            self._story.tell(who, f"commits {order_id}#{number} {kind}: {event.message}")
            tail, tail_hash, tail_status = self._tails.get(order_id, (0, GENESIS, None))
            check(
                (number, event.previous_hash, before) == (tail + 1, tail_hash, tail_status),
                "the chain is unbroken",
                f"event {order_id}#{number} ({kind}, {before} before) does not follow #{tail} ({tail_status})",
            )
            check(event.hash == event.sealed_hash(), "the chain is unbroken", f"{order_id}#{number} is not as sealed")
            if before is not None and kind != EventType.ORDER_CHANGED:
                check(forward(before, after), "status never moves back", f"{order_id}: {before} became {after}")
            self._tails[order_id] = (number, event.hash, after)
            self.orders.check_event(event)
            if kind == EventType.OPERATION_STARTED:
                self._started[operation_id] += 1
                check(self._started[operation_id] == 1, "an operation starts once", operation_id)
                self._check_etag(order_id, number, operation_id)
            elif kind in ENDS:
                self._ended[operation_id] += 1
                check(self._ended[operation_id] == 1, "an operation ends once", operation_id)

    def _check_etag(self, order_id: str, number: int, operation_id: str) -> None:
        row = self._database.execute("SELECT request_id FROM operations WHERE operation_id = ?", (operation_id,))
        found = row.fetchone()
        request = self.requests.get(found[0]) if found else None
        if request is None or not request.etag:
            return
        (revision,) = self._database.execute(
            f"SELECT count(*) FROM events WHERE order_id = ? AND number < ? AND type NOT IN ({INCIDENTAL_SQL})",
            (order_id, number),
        ).fetchone()
        self._story.check(
            request.etag == f'"{revision}"',
            "nothing starts under a stale etag",
            f"{operation_id} of {order_id} started at revision {revision}, asked for at {request.etag}",
        )

    def _audit_operations(self, who: str) -> None:
        check = self._story.check
        in_flight: Counter[str] = Counter()
        for *row, lease_id, expire_time, update_time in self._database.execute(
            "SELECT operation_id, order_id, request_id, reference, action, amount_minor, base_minor, state, message,"
            " actor, lease_id, lease_expire_time, update_time FROM operations ORDER BY rowid"
        ):
            self._check_lease(row[0], Lease(lease_id, expire_time, update_time))
            known = self.intents.get(row[0])
            if known is not None and known.state == row[7]:
                if known.state.in_flight:
                    in_flight[known.order_id] += 1
                continue
            intent = Intent(*row)._replace(action=Action(row[4]), state=OperationState(row[7]))
            self.intents[intent.operation_id] = intent
            in_flight[intent.order_id] += intent.state.in_flight
            if known is None:
                self._check_new(intent)
            else:
                check(
                    known.state.in_flight,
                    "what has ended stays as it ended",
                    f"{intent.operation_id} was {known.state} and is {intent.state}",
                )
                check(
                    known[:6] == intent[:6],
                    "an intent never changes",
                    f"{known} became {intent}",
                )
            if not intent.state.in_flight:
                self._story.tell(who, f"{intent.action} {intent.order_id} ({intent.reference[-6:]}) is {intent.state}")
                self._check_end(intent)
        for order_id, number in in_flight.items():
            check(number <= 1, "one in flight", f"{order_id} has {number} operations in flight")

    def _check_lease(self, operation_id: str, lease: Lease) -> None:
        """Look who works on an operation: while somebody does, and by no clock has had his time, nobody else may."""
        known = self._leases.get(operation_id, lease)
        self._leases[operation_id] = lease
        taken = lease.lease_id and lease.lease_id != known.lease_id and lease.update_time == known.update_time
        if not taken or known.expire_time is None:
            return
        left = to_time(known.expire_time) - self._skew - VirtualClock().now()
        self._story.check(
            left <= timedelta(0),
            "an operation is in one pair of hands",
            f"{operation_id} was taken from whoever worked on it {left.total_seconds():.1f} s too early",
        )

    def _check_new(self, intent: Intent) -> None:
        check = self._story.check
        self._story.count("intents")
        check(self._started[intent.operation_id] == 1, "every change has its event", f"{intent} has not started")
        named = self.by_request.setdefault(intent.request_id, intent.operation_id)
        check(named == intent.operation_id, "one operation for a request id", f"{named} and {intent.operation_id}")
        named = self.by_reference.setdefault(intent.reference, intent.operation_id)
        check(named == intent.operation_id, "one operation for a reference", f"{named} and {intent.operation_id}")
        payment = self._payment(intent.order_id)
        ceiling = payment.captured_minor if intent.action is Action.REFUND else payment.authorized_minor
        check(
            intent.amount_minor > 0 and intent.base_minor + intent.amount_minor <= ceiling,
            "an intent asks for no more than there is",
            f"{intent.action} of {intent.amount_minor} after {intent.base_minor} of {ceiling}",
        )
        self.orders.check_intent(intent, payment)

    def _payment(self, order_id: str) -> Row:
        rows = self._payment_rows("WHERE order_id = ?", (order_id,))
        return next(iter(rows))

    def _check_end(self, intent: Intent) -> None:
        check = self._story.check
        check(self._ended[intent.operation_id] == 1, "every change has its event", f"{intent} ended without one")
        effects = self._effects_of[intent.reference]
        if intent.state is OperationState.SUCCEEDED:
            check(effects or self._done_elsewhere(intent), "SUCCEEDED is true", f"{intent}: the gateway did not do it")
        else:
            check(not effects, f"{intent.state} is true", f"{intent}: the gateway did it")

    def _done_elsewhere(self, intent: Intent) -> bool:
        """Tell whether somebody else did the very same, and the gateway cannot say who it was."""
        nameless = self._blind or (intent.action is Action.VOID and not self._names_its_voids)
        return nameless and any(
            (effect.order_id, effect.action, effect.amount_minor, effect.reference)
            == (intent.order_id, intent.action, intent.amount_minor, "")
            for effect in self._gateway.effects
        )

    def _payment_rows(self, where: str = "", parameters: tuple[Any, ...] = ()) -> Iterable[Row]:
        for row in self._database.execute(
            "SELECT order_id, ours, status, authorized_minor, captured_minor, refunded_minor, anomaly, version,"
            " revision, next_refresh_time IS NOT NULL, order_state, order_total_minor, order_number,"
            f" store_update_state, store_update_generation FROM payments {where}",
            parameters,
        ):
            yield Row(*row)._replace(
                status=PaymentStatus(row[2]),
                ours=bool(row[1]),
                next_look_due=bool(row[9]),
                order_state=OrderState(row[10]),
                store_update_state=StoreUpdateState(row[13]),
            )

    def _audit_payments(self) -> None:
        for payment in self._payment_rows():
            before = self.payments.get(payment.order_id)
            if payment != before:
                self._check_payment(payment, before or payment)
                self.payments[payment.order_id] = payment

    def _check_payment(self, payment: Row, before: Row) -> None:
        check, order_id = self._story.check, payment.order_id
        number, _, status = self._tails.get(order_id, (0, "", None))
        check(
            (payment.version, payment.status) == (number, status),
            "every change has its event",
            f"{order_id} is {payment.status} at version {payment.version}; its last event is #{number}, {status}",
        )
        wrong = order_id in self._shop.moved_to_another_currency
        check(payment.anomaly == "" or wrong, "no anomaly where nothing is wrong", f"{order_id}: {payment.anomaly}")
        check(
            0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor,
            "0 <= refunded <= captured <= authorized",
            f"{payment}",
        )
        self.orders.check_payment(payment, before)
        if not payment.ours or not before.ours:
            return
        check(forward(before.status, payment.status), "status never moves back", f"{before} became {payment}")
        check(
            before.captured_minor <= payment.captured_minor and before.refunded_minor <= payment.refunded_minor,
            "amounts never shrink",
            f"{before} became {payment}",
        )
        truth = self._gateway.truth(order_id)
        assert truth is not None
        check(
            forward(payment.status, truth.status)
            and payment.captured_minor <= truth.captured_minor
            and payment.refunded_minor <= truth.refunded_minor,
            "the record is never ahead of the gateway",
            f"{payment}; the gateway: {truth}",
        )

    # -- At the gateway ---------------------------------------------------------------------------------------------

    def heard_of(self, request: GatewayRequest) -> None:
        """Look at a request that is about to leave: its intent must be durable, and it the same at every attempt."""
        found = self._database.execute(
            "SELECT action, order_id, amount_minor FROM operations WHERE reference = ?", (request.reference,)
        ).fetchone()
        content = (request.action.value, request.payment.order_id, request.amount_minor)
        self._story.check(
            found == content,
            "the gateway hears only of durable intents",
            f"{content} under {request.reference}; on disk is {found}",
        )
        first = self._sent.setdefault(request.reference, content)
        self._story.check(first == content, "every attempt is the same", f"{first}, then {content}")

    def look_at_effects(self) -> None:
        """Look at what the gateway did since the last time."""
        effects = self._gateway.effects
        for effect in effects[self._effects_seen :]:
            self._story.count("effects")
            whose = effect.reference[-6:] or "at the console"
            self._story.tell("gateway", f"*** {effect.action} {effect.order_id} of {effect.amount_minor} ({whose})")
            truth = self._gateway.truth(effect.order_id)
            self._story.check(
                truth and 0 <= truth.refunded_minor <= truth.captured_minor <= truth.authorized_minor,
                "0 <= refunded <= captured <= authorized",
                f"{effect}: the gateway holds {truth}",
            )
            if effect.reference:
                self._check_effect(effect)
        self._effects_seen = len(effects)

    def _check_effect(self, effect: Any) -> None:
        self._effects_of[effect.reference] += 1
        times = self._effects_of[effect.reference]
        self._story.check(times == 1, "at most one effect for an intent", f"{effect}: for the {times}. time")
        operation_id = self.by_reference.get(effect.reference)
        self._story.check(operation_id, "at most one effect for an intent", f"{effect} belongs to no intent")
        if operation_id:
            intent = self.intents[operation_id]
            self._story.check(
                (effect.order_id, effect.action, effect.amount_minor)
                == (intent.order_id, intent.action, intent.amount_minor),
                "an effect is what was intended",
                f"{effect} for {intent}",
            )
            self._story.check(
                intent.state.in_flight or intent.state is OperationState.SUCCEEDED,
                f"{intent.state} is true",
                f"{intent} had ended, and now the gateway did it",
            )

    def written(self, order_id: str, status: PaymentStatus) -> None:
        """Look at what the store was told."""
        truth = self._gateway.truth(order_id)
        if truth is not None:
            true = forward(status, truth.status)
            self._story.check(true, "the store is told what is true", f"{order_id} is {truth.status}, not {status}")

    def done(self, reference: str) -> bool:
        """Tell whether the gateway did what a reference asked for."""
        return self._effects_of[reference] > 0

    # -- At the client ----------------------------------------------------------------------------------------------

    def answered(self, request: ActionRequest, operation: Operation) -> None:
        """Look at an answer."""
        check = self._story.check
        check(operation.request_id == request.request_id, "a request is answered with its operation", f"{operation}")
        named = self._named.setdefault(request.request_id, operation.operation_id)
        check(
            named == operation.operation_id,
            "a request is answered with its operation",
            f"{request.request_id}: {named}, then {operation.operation_id}",
        )
        intent = self.intents.get(operation.operation_id)
        if intent is None:
            self._story.violate("an answer is durable", f"{operation.operation_id} is not on disk")
        elif not operation.state.in_flight:
            check(
                operation.state is intent.state,
                "an answer is durable",
                f"{operation.operation_id} was told as {operation.state}, and is {intent.state}",
            )

    def told_nothing_happened(self, request: ActionRequest, error: Any, *, existed: bool) -> None:
        """Look at a refusal: what it denies must not be so."""
        operation_id = error.metadata.get("operation_id", "")
        if operation_id:
            intent = self.intents.get(operation_id)
            failed = intent is not None and intent.state is OperationState.FAILED
            self._story.check(failed, "'nothing happened' is true", f"{request.request_id}: {error}, but {intent}")
        else:
            self._story.check(
                not existed, "a request is answered with its operation", f"{request.request_id} was refused: {error}"
            )

    # -- For the end ------------------------------------------------------------------------------------------------

    def at_rest(self) -> bool:
        """Tell whether all that was begun has come to an end, or waits for an operator."""
        (open_operations,) = self._database.execute(
            "SELECT count(*) FROM operations WHERE state IN ('UNKNOWN', 'PENDING')"
        ).fetchone()
        to_write = self._database.execute(
            "SELECT order_id FROM payments WHERE store_update_next_attempt_time IS NOT NULL"
        ).fetchall()
        # No status can be written to an order that is deleted.
        return not open_operations and all(order_id in self._shop.deleted for (order_id,) in to_write)

    def events(self) -> list[tuple[int, str, int]]:
        """Return every event: sequence, order and number."""
        return self._database.execute("SELECT sequence, order_id, number FROM events ORDER BY sequence").fetchall()
