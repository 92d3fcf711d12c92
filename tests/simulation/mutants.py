"""Planted faults: each breaks one rule of the real code, and must be found within its number of seeds.

They are patches from outside. The product itself has no switch that breaks it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec.structs import replace

from payment_actions_server.domain.errors import GatewayUnavailable
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import Outcome, reference_of
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.engine import ActionResult, StorageUnavailable, actions, attempts, store_updates
from payment_actions_server.engine.actions import Actions
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.notifications import Notifications
from payment_actions_server.engine.recovery import Recovery
from payment_actions_server.engine.sight import Sight
from payment_actions_server.engine.store_updates import StoreUpdates
from payment_actions_server.engine.watch import Watch
from payment_actions_server.storage import PaymentWork
from payment_actions_server.storage.sqlite import SqliteStorage
from payment_actions_server.storage.sqlite_sql import Statement
from simulation import simulate as simulation

Patches = Iterator[AbstractContextManager[Any]]
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    name: str
    within: int  #: Seeds, from the first on, within which it must be found.
    patches: Callable[[], Patches]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Break the rule for a while."""
        with ExitStack() as stack:
            for each in self.patches():
                stack.enter_context(each)
            yield


MUTANTS: dict[str, Mutant] = {}


class Finding(NamedTuple):
    """What became of a planted fault."""

    name: str
    seeds: int  #: How many it took; 0: not found.
    within: int
    invariant: str


def find(name: str) -> Finding:
    """Look for a planted fault, seed by seed."""
    mutant = MUTANTS[name]
    with mutant.planted():
        for seed in range(mutant.within):
            result = simulation.simulate(seed)
            if result.invariant:
                return Finding(name, seed + 1, mutant.within, result.invariant)
    return Finding(name, 0, mutant.within, "")


def mutant(name: str, *, within: int) -> Callable[[Callable[[], Patches]], Callable[[], Patches]]:
    """Register what the function patches."""

    def register(patches: Callable[[], Patches]) -> Callable[[], Patches]:
        MUTANTS[name] = Mutant(name, within, patches)
        return patches

    return register


# -- Intents -----------------------------------------------------------------------------------------------------------


@mutant("intent not durable before the call", within=5)
def _() -> Patches:
    class _Dry(Exception):
        pass

    async def started(self: Actions, request: Any) -> Any:
        context, operation_id = self._context, self._context.new_id()
        key = actions.PaymentKey(request.store, request.order_id)

        def dry(work: PaymentWork) -> None:
            raise _Dry(self._start(work, request, operation_id))

        try:
            await context.storage.change(key, dry, request_id=request.request_id)
        except _Dry as undone:
            (found,) = undone.args
        if found.new:
            await self._attempts.send(context.store(request.store), found.payment, found.operation, first=True)
        return await context.storage.change(
            key, lambda work: self._start(work, request, operation_id), request_id=request.request_id
        )

    yield patch.object(Actions, "_started", started)


@mutant("request_id not de-duplicated", within=20)
def _() -> Patches:
    original = Actions._start

    def start(self: Actions, work: PaymentWork, request: Any, operation_id: str) -> Any:
        if work.asked is not None and work.asked.operation_id != operation_id:
            request = request._replace(request_id=f"{request.request_id}, again {operation_id[-6:]}")
            work.asked = None
        return original(self, work, request, operation_id)

    yield patch.object(Actions, "_start", start)


@mutant("one in flight dropped", within=10)
def _() -> Patches:
    decide, add = Context.decide, PaymentWork.add_operation

    def decide_blindly(self: Context, payment: Payment, operation: Any, actor: str = "") -> Any:
        return decide(self, payment, None, actor)

    def add_beside(self: PaymentWork, operation: Any) -> None:
        self.operation = None
        add(self, operation)

    yield patch.object(Context, "decide", decide_blindly)
    yield patch.object(PaymentWork, "add_operation", add_beside)
    yield patch.object(simulation, "SCHEMA_CHANGES", ("DROP INDEX uq_operations_in_flight",))


@mutant("amount not checked again", within=20)
def _() -> Patches:
    def trust(offer: Any, amount_minor: int | None, currency_code: str | None) -> int:
        return offer.amount_minor if amount_minor is None else amount_minor

    yield patch.object(actions, "resolve_amount", trust)


@mutant("etag not checked", within=50)
def _() -> Patches:
    original = Actions._checked

    def checked(self: Actions, payment: Payment, in_flight: Any, request: Any) -> Any:
        return original(self, payment, in_flight, request._replace(etag=None))

    yield patch.object(Actions, "_checked", checked)


@mutant("lost commit taken for 'nothing happened'", within=50)
def _() -> Patches:
    original = Actions._started

    async def started(self: Actions, request: Any) -> Any:
        try:
            return await original(self, request)
        except StorageUnavailable as error:
            raise GatewayUnavailable(str(error), store=request.store, order_id=request.order_id) from error

    yield patch.object(Actions, "_started", started)


@mutant("operation of a dead worker forgotten", within=50)
def _() -> Patches:
    original = Actions._intent

    def intent(self: Actions, *arguments: Any) -> Any:
        operation = original(self, *arguments)
        return replace(operation, next_check_time=operation.create_time + MONTH)

    yield patch.object(Actions, "_intent", intent)


# -- Outcomes ----------------------------------------------------------------------------------------------------------


@mutant("outcome not durable before the answer", within=20)
def _() -> Patches:
    async def carry_through(self: Actions, started: Any) -> Any:
        operation, payment, context = started.operation, started.payment, self._context
        outcome, _ = await self._attempts.send(context.store(operation.store), payment, operation, first=True)

        def commit(work: PaymentWork) -> None:
            self._ledger.finish(work, operation, outcome, cause=Cause(actor=operation.actor, details={}))

        self._background.spawn(
            context.storage.change(payment.key, commit, operation_id=operation.operation_id), "outcome"
        )
        view = self._ledger.view(await context.storage.record(payment.key))
        return ActionResult(replace(operation, state=outcome.state), view)

    yield patch.object(Actions, "_carry_through", carry_through)


@mutant("no answer taken for a failure", within=20)
def _() -> Patches:
    def unknown(self: Attempts, operation: Any, error: Exception) -> Outcome:
        return Outcome(OperationState.FAILED, message=str(error))

    yield patch.object(Attempts, "_unknown", unknown)


@mutant("conflict taken for success without proof", within=200)
def _() -> Patches:
    async def reconcile(self: Attempts, *_: Any, **__: Any) -> Outcome:
        return Outcome(OperationState.SUCCEEDED, definite=True)

    yield patch.object(Attempts, "_reconcile", reconcile)


@mutant("lease not checked when an outcome is written", within=200)
def _() -> Patches:
    original = Ledger.finish

    def finish(self: Ledger, work: PaymentWork, operation: Any, *arguments: Any, **options: Any) -> Any:
        assert work.asked is not None
        return original(self, work, replace(operation, lease_id=work.asked.lease_id), *arguments, **options)

    yield patch.object(Ledger, "finish", finish)


@mutant("effects counted twice", within=50)
def _() -> Patches:
    original = Payment.after

    def after(self: Payment, operation: Any) -> Payment:
        return original(self, replace(operation, base_minor=self.done_minor(operation.action)))

    yield patch.object(Payment, "after", after)


@mutant("pending result forgotten", within=50)
def _() -> Patches:
    original = Ledger._next_check

    def next_check(self: Ledger, operation: Any, outcome: Outcome, now: Any, check_by: Any) -> Any:
        planned = original(self, operation, outcome, now, check_by)
        return now + MONTH if outcome.state is OperationState.PENDING else planned

    yield patch.object(Ledger, "_next_check", next_check)


# -- Repeats -----------------------------------------------------------------------------------------------------------


@mutant("new reference on retry", within=20)
def _() -> Patches:
    original = attempts.gateway_request

    def request(payment: Payment, operation: Any) -> Any:
        made = original(payment, operation)
        again = f"{operation.operation_id[:-2]}{operation.attempts:02}"
        return made if operation.attempts < 2 else replace(made, reference=reference_of(again))

    yield patch.object(attempts, "gateway_request", request)


@mutant("no trace taken for a failure", within=100)
def _() -> Patches:
    original = Attempts.look_up

    async def look_up(self: Attempts, *arguments: Any) -> Outcome:
        found = await original(self, *arguments)
        return found or Outcome(OperationState.FAILED, message="no trace", definite=True)

    yield patch.object(Attempts, "look_up", look_up)


@mutant("refused repeat taken for a failure", within=300)
def _() -> Patches:
    original = Attempts.send

    async def send(self: Attempts, store: Any, payment: Any, operation: Any, *, first: bool) -> Any:
        return await original(self, store, payment, operation, first=True)

    yield patch.object(Attempts, "send", send)


@mutant("repeated beyond the idempotency window", within=300)
def _() -> Patches:
    yield patch.object(Recovery, "_too_late_to_repeat", lambda *_: False)


@mutant("worker sends although it stood still beyond its lease", within=400)
def _() -> Patches:
    original = Actions._carry_through

    async def carry_through(self: Actions, started: Any) -> Any:
        endless = self._context.clock.now() + timedelta(days=1)
        return await original(self, started._replace(operation=replace(started.operation, lease_expire_time=endless)))

    yield patch.object(Actions, "_carry_through", carry_through)


@mutant("guessed where an operator is needed", within=100)
def _() -> Patches:
    original = Recovery._find_out

    async def find_out(self: Recovery, *arguments: Any, **options: Any) -> Outcome:
        found = await original(self, *arguments, **options)
        guess = found.state is OperationState.NEEDS_REVIEW
        return Outcome(OperationState.FAILED, message="surely not", definite=True) if guess else found

    yield patch.object(Recovery, "_find_out", find_out)


@mutant("declined because it is not done yet", within=100)
def _() -> Patches:
    original = Attempts.look_for_result

    async def look_for_result(self: Attempts, *arguments: Any) -> Outcome:
        found = await original(self, *arguments)
        waits = found.state is OperationState.PENDING
        return found._replace(state=OperationState.DECLINED, definite=True) if waits else found

    yield patch.object(Attempts, "look_for_result", look_for_result)


# -- What others tell --------------------------------------------------------------------------------------------------


@mutant("notification's content trusted", within=20)
def _() -> Patches:
    async def look(self: Notifications, key: Any, cause: Cause) -> None:
        def body(work: PaymentWork) -> None:
            payment = work.known()
            told = replace(payment, status=PaymentStatus(cause.unless_new.rsplit(maxsplit=1)[-1]))
            self._ledger.change(work, told, EventType.SNAPSHOT_FOLLOWED, before=payment.status, cause=cause)

        await self._context.storage.change(key, body)

    yield patch.object(Notifications, "_look", look)


@mutant("acknowledged notification forgotten", within=500)
def _() -> Patches:
    async def remember(self: Notifications, store_id: str, notification: Any) -> list[Any]:
        storage = self._context.storage
        now = self._context.clock.now()
        if not await storage.add_notification(store_id, notification.message_id, now, notification.subject):
            return []
        orders = await storage.orders_of_references(store_id, notification.identifiers)
        return [actions.PaymentKey(store_id, order_id) for order_id in orders]

    yield patch.object(Notifications, "_remember", remember)


@mutant("look taken for answered by the order alone", within=600)
def _() -> Patches:
    original = Ledger.change

    def change(self: Ledger, work: PaymentWork, payment: Payment, event_type: Any, **options: Any) -> Payment:
        if event_type is EventType.ORDER_CHANGED:
            options["looked"] = work.known()
        return original(self, work, payment, event_type, **options)

    yield patch.object(Ledger, "change", change)


@mutant("out-of-order snapshot accepted", within=300)
def _() -> Patches:
    yield patch.object(Payment, "_contradiction", lambda *_: None)


@mutant("first sight written over a record", within=300)
def _() -> Patches:
    original = Sight._begin_record

    def begin_record(self: Sight, work: PaymentWork, seen: Payment, order: Any) -> Any:
        known = work.payment
        if known is not None:
            again = replace(seen, version=known.version, revision=known.revision, last_hash=known.last_hash)
            cause = Cause(actor="service", details={})
            self._ledger.change(work, again, EventType.SNAPSHOT_FOLLOWED, before=known.status, cause=cause)
        return original(self, work, seen, order)

    yield patch.object(Sight, "_begin_record", begin_record)


# -- What others are told ----------------------------------------------------------------------------------------------


@mutant("store update lost", within=20)
def _() -> Patches:
    original = Ledger.tell_store

    def tell_store(self: Ledger, work: PaymentWork, payment: Payment) -> None:
        if payment.status is not PaymentStatus.VOIDED:
            original(self, work, payment)

    yield patch.object(Ledger, "tell_store", tell_store)


@mutant("newer store update taken for delivered", within=100)
def _() -> Patches:
    original = StoreUpdates._delivered

    def delivered(self: StoreUpdates, work: PaymentWork, claimed: Any, applied: Any) -> None:
        current = work.known_store_update()
        original(self, work, replace(claimed, generation=current.generation), applied)

    yield patch.object(StoreUpdates, "_delivered", delivered)


@mutant("late store write over a newer one", within=900)
def _() -> Patches:
    async def deliver_one(self: StoreUpdates, key: Any, now: Any) -> None:
        def claim(work: PaymentWork) -> Any:
            update = work.known_store_update()
            if update.next_attempt_time is None or update.next_attempt_time > now:
                return None
            claimed = replace(update, attempts=update.attempts + 1)
            work.put_store_update(claimed)
            return claimed, work.known()

        found = await self._context.storage.change(key, claim)
        if found is not None:
            await self._deliver(*found)

    yield patch.object(StoreUpdates, "_deliver_one", deliver_one)
    yield patch.object(store_updates, "_overtaken", lambda *_: False)


@mutant("event appended outside its transaction", within=5)
def _() -> Patches:
    original = SqliteStorage._commit

    async def commit(self: SqliteStorage, statements: list[Statement]) -> None:
        late = [statement for statement in statements if statement.sql.startswith("INSERT INTO events")]
        await original(self, [statement for statement in statements if statement not in late])
        for statement in late:
            asyncio.get_running_loop().call_later(0.5, statement.run, self._writer)

    yield patch.object(SqliteStorage, "_commit", commit)


@mutant("resumed watcher skips events", within=20)
def _() -> Patches:
    original = Watch.events

    def events(self: Watch, stores: Any, after_sequence: Any) -> Any:
        return original(self, stores, None)

    yield patch.object(Watch, "events", events)


@mutant("store told what is hoped for", within=20)
def _() -> Patches:
    original = Actions._start

    def start(self: Actions, work: PaymentWork, request: Any, operation_id: str) -> Any:
        started = original(self, work, request, operation_id)
        if started.new and request.action is Action.VOID and work.payment is not None:
            self._ledger.tell_store(work, replace(work.payment, status=PaymentStatus.VOIDED))
        return started

    def update(payment: Payment) -> Any:
        hoped = payment.status is PaymentStatus.AUTHORIZED
        return told(replace(payment, status=PaymentStatus.VOIDED) if hoped else payment)

    told = store_updates._update
    yield patch.object(Actions, "_start", start)
    yield patch.object(store_updates, "_update", update)
