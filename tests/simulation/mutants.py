"""Planted faults: each breaks one rule of the real code, and must be found within its number of seeds."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from payment_actions_server.domain import payment as payments
from payment_actions_server.domain.errors import GatewayUnavailable
from payment_actions_server.domain.event import GENESIS, EventType
from payment_actions_server.domain.operation import Outcome, reference_of
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.transitions import forward
from payment_actions_server.engine import (
    ActionResult,
    EnginePolicy,
    StorageUnavailable,
    actions,
    attempts,
    store_updates,
)
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
from simulation import order_mutants  # noqa: F401 - it registers its own
from simulation import simulate as simulation
from simulation.auditor import Auditor
from simulation.planting import MUTANTS, Patches, mutant

MONTH = timedelta(days=30)
GUARD = "the engine's own guard lets all pass"
"""`Payment.breach`, which is to find in production what no test has: there the fault goes no further."""


def _unguarded(name: str = "") -> Patches:
    """Plant a fault where the engine's own guard says nothing: what it would stop is for the auditor to find."""
    yield patch.object(Payment, "breach", lambda *_: "")
    if name:
        yield from MUTANTS[name].patches()


# -- Intents -----------------------------------------------------------------------------------------------------------


@mutant("intent not durable before the call", within=5, found_by="the gateway hears only of durable intents")
def _() -> Patches:
    class _Dry(Exception):
        pass

    async def started(self: Actions, request: Any, terms: Any) -> Any:
        context, operation_id = self._context, self._context.new_id()
        key = actions.PaymentKey(request.store, request.order_id)

        def dry(work: PaymentWork) -> None:
            raise _Dry(self._start(work, request, operation_id, terms))

        try:
            await context.storage.change(key, dry, request_id=request.request_id)
        except _Dry as undone:
            (found,) = undone.args
        if found is not None and found.new:
            await self._attempts.send(context.store(request.store), found.payment, found.operation, first=True)
        return await context.storage.change(
            key, lambda work: self._start(work, request, operation_id, terms), request_id=request.request_id
        )

    yield patch.object(Actions, "_started", started)


@mutant("request_id not de-duplicated", within=20, found_by="a request is answered with its operation")
def _() -> Patches:
    original = Actions._start

    def start(self: Actions, work: PaymentWork, request: Any, operation_id: str, terms: Any) -> Any:
        if work.asked is not None and work.asked.operation_id != operation_id:
            request = request._replace(request_id=f"{request.request_id}, again {operation_id[-6:]}")
            work.asked = None
        return original(self, work, request, operation_id, terms)

    yield patch.object(Actions, "_start", start)


@mutant("one in flight dropped", within=10, found_by="one in flight")
def _() -> Patches:
    offer, add = Context.offer, PaymentWork.add_operation

    def offer_blindly(self: Context, payment: Payment, operation: Any, request: Any) -> Any:
        return offer(self, payment, None, request)

    def add_beside(self: PaymentWork, operation: Any) -> None:
        self.operation = None
        add(self, operation)

    yield patch.object(Context, "offer", offer_blindly)
    yield patch.object(PaymentWork, "add_operation", add_beside)
    yield patch.object(simulation, "SCHEMA_CHANGES", ("DROP INDEX uq_operations_in_flight",))


@mutant("amount not checked again", within=20, found_by="an intent asks for no more than there is")
def _() -> Patches:
    original = Context.offer

    def offer(self: Context, payment: Payment, operation: Any, request: Any) -> Any:
        whole = original(self, payment, operation, request._replace(amount_minor=None, currency_code=None))
        return whole if request.amount_minor is None else whole._replace(amount_minor=request.amount_minor)

    yield patch.object(Context, "offer", offer)


@mutant("etag not checked", within=50, found_by="nothing starts under a stale etag")
def _() -> Patches:
    original = Actions._checked

    def checked(self: Actions, payment: Payment, in_flight: Any, request: Any) -> Any:
        return original(self, payment, in_flight, request._replace(etag=None))

    yield patch.object(Actions, "_checked", checked)


@mutant("lost commit taken for 'nothing happened'", within=50, found_by="a request is answered with its operation")
def _() -> Patches:
    original = Actions._started

    async def started(self: Actions, request: Any, terms: Any) -> Any:
        try:
            return await original(self, request, terms)
        except StorageUnavailable as error:
            raise GatewayUnavailable(str(error), store=request.store, order_id=request.order_id) from error

    yield patch.object(Actions, "_started", started)


@mutant("operation of a dead worker forgotten", within=50, found_by="no operation is forgotten")
def _() -> Patches:
    original = Actions._intent

    def intent(self: Actions, *arguments: Any) -> Any:
        operation = original(self, *arguments)
        return replace(operation, next_check_time=operation.create_time + MONTH)

    yield patch.object(Actions, "_intent", intent)


# -- Outcomes ----------------------------------------------------------------------------------------------------------


@mutant("outcome not durable before the answer", within=20, found_by="an answer is durable")
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


@mutant("no answer taken for a failure", within=20, found_by="FAILED is true")
def _() -> Patches:
    def unknown(self: Attempts, operation: Any, error: Exception) -> Outcome:
        return Outcome(OperationState.FAILED, message=str(error))

    yield patch.object(Attempts, "_unknown", unknown)


@mutant("conflict taken for success without proof", within=200, found_by="SUCCEEDED is true")
def _() -> Patches:
    async def reconcile(self: Attempts, *_: Any, **__: Any) -> Outcome:
        return Outcome(OperationState.SUCCEEDED, definite=True)

    yield patch.object(Attempts, "_reconcile", reconcile)


@mutant("lease not checked when an outcome is written", within=200, found_by="FAILED is true")
def _() -> Patches:
    original = Ledger.finish

    def finish(self: Ledger, work: PaymentWork, operation: Any, *arguments: Any, **options: Any) -> Any:
        assert work.asked is not None
        return original(self, work, replace(operation, lease_id=work.asked.lease_id), *arguments, **options)

    yield patch.object(Ledger, "finish", finish)


@mutant("effects counted twice", within=50, found_by=GUARD)
def _() -> Patches:
    original = Payment.after

    def after(self: Payment, operation: Any) -> Payment:
        return original(self, replace(operation, base_minor=self.done_minor(operation.action)))

    yield patch.object(Payment, "after", after)


@mutant("effects counted twice, unguarded", within=50, found_by="0 <= refunded <= captured <= authorized")
def _() -> Patches:
    yield from _unguarded("effects counted twice")


@mutant("what is accepted counted as done", within=50, found_by="the record is never ahead of the gateway")
def _() -> Patches:
    original = Ledger.change

    def change(self: Ledger, work: PaymentWork, payment: Payment, event_type: Any, **options: Any) -> Payment:
        operation = work.operation
        if operation is not None and operation.state is OperationState.PENDING:
            payment = payment.after(replace(operation, state=OperationState.SUCCEEDED))
        return original(self, work, payment, event_type, **options)

    yield patch.object(Ledger, "change", change)


@mutant("pending result forgotten", within=300, found_by="no operation is forgotten")
def _() -> Patches:
    original = Ledger._next_check

    def next_check(self: Ledger, operation: Any, outcome: Outcome, now: Any, check_by: Any) -> Any:
        planned = original(self, operation, outcome, now, check_by)
        return now + MONTH if outcome.state is OperationState.PENDING else planned

    yield patch.object(Ledger, "_next_check", next_check)


# -- Repeats -----------------------------------------------------------------------------------------------------------


@mutant("new reference on retry", within=20, found_by="the gateway hears only of durable intents")
def _() -> Patches:
    original = attempts.gateway_request

    def request(payment: Payment, operation: Any) -> Any:
        made = original(payment, operation)
        again = f"{operation.operation_id[:-2]}{operation.attempts:02}"
        return made if operation.attempts < 2 else dataclasses.replace(made, reference=reference_of(again))

    yield patch.object(attempts, "gateway_request", request)


@mutant("new reference on retry, unguarded", within=20, found_by="at most one effect for an intent")
def _() -> Patches:
    yield patch.object(Auditor, "heard_of", lambda *_: None)  # It would see that the intent is not on disk.
    yield from MUTANTS["new reference on retry"].patches()


@mutant("claimed while another holds it", within=100, found_by="an operation is in one pair of hands")
def _() -> Patches:
    async def recover(self: Recovery, due: Any) -> None:
        lease_id, key = self._context.new_id(), actions.PaymentKey(due.store, due.order_id)

        def claim(work: PaymentWork) -> Any:
            operation = work.operation
            if operation is None or operation.operation_id != due.operation_id:
                return None
            return self._lease(work, replace(operation, checks=operation.checks + 1), lease_id)

        claimed = await self._context.storage.change(key, claim)
        if claimed is not None:
            await self._settle(claimed, Cause(actor="recovery", details={}), may_send=True)

    yield patch.object(Recovery, "_recover", recover)


@mutant("no trace taken for a failure", within=300, found_by="FAILED is true")
def _() -> Patches:
    original = Attempts.look_up

    async def look_up(self: Attempts, *arguments: Any) -> Outcome:
        found = await original(self, *arguments)
        return found or Outcome(OperationState.FAILED, message="no trace", definite=True)

    yield patch.object(Attempts, "look_up", look_up)


@mutant("refused repeat taken for a decline", within=150, found_by="DECLINED is true")
def _() -> Patches:
    yield patch.object(Payment, "has_room_for", lambda *_: False)


@mutant("refused repeat taken for a failure", within=300, found_by="FAILED is true")
def _() -> Patches:
    original = Attempts.send

    async def send(self: Attempts, store: Any, payment: Any, operation: Any, *, first: bool) -> Any:
        return await original(self, store, payment, operation, first=True)

    yield patch.object(Attempts, "send", send)


@mutant(
    "repeated beyond the idempotency window",
    within=300,
    found_by=("at most one effect for an intent", "ALREADY_DONE is true"),
)
def _() -> Patches:
    yield patch.object(Recovery, "_too_late_to_repeat", lambda *_: False)


@mutant(
    "worker sends although it stood still beyond its lease", within=900, found_by="at most one effect for an intent"
)
def _() -> Patches:
    original = Actions._carry_through

    async def carry_through(self: Actions, started: Any) -> Any:
        endless = self._context.clock.now() + timedelta(days=1)
        return await original(self, started._replace(operation=replace(started.operation, lease_expire_time=endless)))

    yield patch.object(Actions, "_carry_through", carry_through)


@mutant("guessed where an operator is needed", within=100, found_by="FAILED is true")
def _() -> Patches:
    original = Recovery._find_out

    async def find_out(self: Recovery, *arguments: Any, **options: Any) -> Outcome:
        found = await original(self, *arguments, **options)
        guess = found.state is OperationState.NEEDS_REVIEW
        return Outcome(OperationState.FAILED, message="surely not", definite=True) if guess else found

    yield patch.object(Recovery, "_find_out", find_out)


@mutant("declined because it is not done yet", within=100, found_by="DECLINED is true")
def _() -> Patches:
    original = Attempts.look_for_result

    async def look_for_result(self: Attempts, *arguments: Any) -> Outcome:
        found = await original(self, *arguments)
        waits = found.state is OperationState.PENDING
        return found._replace(state=OperationState.DECLINED, definite=True) if waits else found

    yield patch.object(Attempts, "look_for_result", look_for_result)


# -- What others tell --------------------------------------------------------------------------------------------------


@mutant("notification's content trusted", within=20, found_by=GUARD)
def _() -> Patches:
    async def look(self: Notifications, key: Any, cause: Cause) -> None:
        def body(work: PaymentWork) -> None:
            payment = work.known()
            told = replace(payment, status=PaymentStatus(cause.unless_new.rsplit(maxsplit=1)[-1]))
            self._ledger.change(work, told, EventType.SNAPSHOT_FOLLOWED, before=payment.status, cause=cause)

        await self._context.storage.change(key, body)

    yield patch.object(Notifications, "_look", look)


@mutant("notification's content trusted, unguarded", within=50, found_by="status never moves back")
def _() -> Patches:
    yield from _unguarded("notification's content trusted")


@mutant("acknowledged notification forgotten", within=500, found_by="what was acknowledged is looked at")
def _() -> Patches:
    async def remember(self: Notifications, store_id: str, notification: Any) -> list[Any]:
        storage = self._context.storage
        now = self._context.clock.now()
        if not await storage.add_notification(store_id, notification.message_id, now, notification.subject):
            return []
        orders = await storage.orders_of_references(store_id, notification.identifiers)
        return [actions.PaymentKey(store_id, order_id) for order_id in orders]

    yield patch.object(Notifications, "_remember", remember)


@mutant("look taken for answered by the order alone", within=600, found_by="what was acknowledged is looked at")
def _() -> Patches:
    original = Ledger.change

    def change(self: Ledger, work: PaymentWork, payment: Payment, event_type: Any, **options: Any) -> Payment:
        if event_type is EventType.ORDER_CHANGED:
            options["looked"] = work.known()
        return original(self, work, payment, event_type, **options)

    yield patch.object(Ledger, "change", change)


@mutant("out-of-order snapshot accepted", within=300, found_by=GUARD)
def _() -> Patches:
    yield patch.object(Payment, "_contradiction", lambda *_: None)


@mutant("out-of-order snapshot accepted, unguarded", within=50, found_by="status never moves back")
def _() -> Patches:
    yield from _unguarded("out-of-order snapshot accepted")


@mutant("snapshot of less money accepted, unguarded", within=300, found_by="amounts never shrink")
def _() -> Patches:
    def contradiction(self: Payment, snapshot: Any) -> str | None:
        return None if forward(self.status, snapshot.status) else "it lies behind"

    yield patch.object(Payment, "_contradiction", contradiction)
    yield from _unguarded()


@mutant("payment without a result not looked at", within=100, found_by="in the end the record is the gateway's truth")
def _() -> Patches:
    original = EnginePolicy.next_look

    def next_look(self: EnginePolicy, payment: Payment, *arguments: Any) -> Any:
        return None if payment.status is PaymentStatus.PENDING else original(self, payment, *arguments)

    yield patch.object(EnginePolicy, "next_look", next_look)


@mutant("first sight written over a record", within=300, found_by=GUARD)
def _() -> Patches:
    original = Sight._begin_record

    def begin_record(self: Sight, work: PaymentWork, store: Any, seen: Payment, order: Any) -> Any:
        known = work.payment
        if known is not None:
            again = replace(seen, version=known.version, revision=known.revision, last_hash=known.last_hash)
            cause = Cause(actor="service", details={})
            self._ledger.change(work, again, EventType.SNAPSHOT_FOLLOWED, before=known.status, cause=cause)
        return original(self, work, store, seen, order)

    yield patch.object(Sight, "_begin_record", begin_record)


@mutant("first sight written over a record, unguarded", within=300, found_by="status never moves back")
def _() -> Patches:
    yield from _unguarded("first sight written over a record")


# -- What others are told ----------------------------------------------------------------------------------------------


@mutant("store update lost", within=20, found_by="in the end the store holds the status")
def _() -> Patches:
    original = Ledger.tell_store

    def tell_store(self: Ledger, work: PaymentWork, payment: Payment, **options: Any) -> None:
        if payment.status is not PaymentStatus.VOIDED:
            original(self, work, payment, **options)

    yield patch.object(Ledger, "tell_store", tell_store)


@mutant("newer store update taken for delivered", within=100, found_by="in the end the store holds the status")
def _() -> Patches:
    original = StoreUpdates._delivered

    def delivered(self: StoreUpdates, work: PaymentWork, claimed: Any, applied: Any) -> None:
        current = work.known_store_update()
        original(self, work, replace(claimed, generation=current.generation), applied)

    yield patch.object(StoreUpdates, "_delivered", delivered)


@mutant("late store write over a newer one", within=900, found_by="in the end the store holds the status")
def _() -> Patches:
    async def deliver_one(self: StoreUpdates, key: Any, now: Any) -> None:
        def claim(work: PaymentWork) -> Any:
            update = work.known_store_update()
            if update.next_attempt_time is None or update.next_attempt_time > now:
                return None
            claimed = replace(update, attempts=update.attempts + 1)
            work.put_store_update(claimed)
            return replace(claimed, lease_expire_time=now + MONTH), work.known()

        found = await self._context.storage.change(key, claim)
        if found is not None:
            await self._deliver(*found)

    yield patch.object(StoreUpdates, "_deliver_one", deliver_one)
    yield patch.object(store_updates, "_overtaken", lambda *_: False)


@mutant("event appended outside its transaction", within=5, found_by="every change has its event")
def _() -> Patches:
    original = SqliteStorage._commit

    async def commit(self: SqliteStorage, done: Any) -> None:
        late = [statement for statement in done.statements if statement.sql.startswith("INSERT INTO events")]
        await original(self, done._replace(statements=[each for each in done.statements if each not in late]))
        for statement in late:
            asyncio.get_running_loop().call_later(0.5, statement.run, self._writer)

    yield patch.object(SqliteStorage, "_commit", commit)


@mutant("event sealed over another one than the last", within=5, found_by="the chain is unbroken")
def _() -> Patches:
    original = Payment.recorded

    def recorded(self: Payment, *arguments: Any, **options: Any) -> Any:
        return original(replace(self, last_hash=GENESIS), *arguments, **options)

    yield patch.object(Payment, "recorded", recorded)


@mutant("event changed after it was sealed", within=5, found_by="the chain is unbroken")
def _() -> Patches:
    def sealed(**content: Any) -> Any:
        event = original(**content)
        return replace(event, message=f"{event.message}!")

    original = payments.sealed
    yield patch.object(payments, "sealed", sealed)


@mutant("resumed watcher skips events", within=20, found_by="a watcher sees each event once, in order")
def _() -> Patches:
    original = Watch.events

    def events(self: Watch, stores: Any, after_sequence: Any) -> Any:
        return original(self, stores, None)

    yield patch.object(Watch, "events", events)


@mutant("store told what is hoped for", within=20, found_by="the store is told what is true")
def _() -> Patches:
    original = Actions._start

    def start(self: Actions, work: PaymentWork, request: Any, operation_id: str, terms: Any) -> Any:
        started = original(self, work, request, operation_id, terms)
        if started is not None and started.new and request.action is Action.VOID and work.payment is not None:
            self._ledger.tell_store(work, replace(work.payment, status=PaymentStatus.VOIDED))
        return started

    def update(payment: Payment) -> Any:
        hoped = payment.status is PaymentStatus.AUTHORIZED
        return told(replace(payment, status=PaymentStatus.VOIDED) if hoped else payment)

    told = store_updates._update
    yield patch.object(Actions, "_start", start)
    yield patch.object(store_updates, "_update", update)
