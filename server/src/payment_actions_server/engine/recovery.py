"""Finish what was begun: operations whose worker died, whose answer was lost, or whose result comes later."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog
from msgspec.structs import replace

from payment_actions_server.domain.operation import Operation, Outcome
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import OperationState
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.store import Store
from payment_actions_server.storage import PaymentWork

log = structlog.get_logger(__name__)


class Recovery:
    """Takes operations over, one lease at a time, and ends them by what is true."""

    def __init__(self, context: Context, ledger: Ledger, attempts: Attempts) -> None:
        self._context = context
        self._ledger = ledger
        self._attempts = attempts

    async def recover_due(self, store_id: str) -> bool:
        """Finish a store's operations that are due. Tell whether there may be more."""
        now, limit = self._context.clock.now(), self._context.policy.batch_max
        due = await self._context.storage.due_operations(store_id, now, limit)
        results = await asyncio.gather(*(self._recover(operation) for operation in due), return_exceptions=True)
        for operation, result in zip(due, results, strict=True):
            if isinstance(result, BaseException):
                log.error("recovery failed", operation_id=operation.operation_id, exc_info=result)
        return len(due) == limit and None in results  # Where all failed, time must pass.

    async def _recover(self, due: Operation) -> None:
        lease_id = self._context.new_id()

        def claim(work: PaymentWork) -> Operation | None:
            operation = work.operation
            if operation is None or operation.operation_id != due.operation_id:
                return None
            if operation.lease_id == lease_id:
                return operation  # Claimed by a first run of this very transaction.
            if operation.held_at(self._context.clock.now()) or operation.next_check_time != due.next_check_time:
                return None  # Another replica was faster.
            return self._lease(work, replace(operation, checks=operation.checks + 1), lease_id)

        claimed = await self._context.storage.change(_key(due), claim)
        if claimed is not None:
            await self._settle(claimed, Cause(actor="recovery", details={}), may_send=True)

    async def look_after(self, key: PaymentKey, cause: Cause) -> None:
        """Find out about the payment's operation in flight, if nobody works on it. Sends nothing.

        However often it is called, the schedule looks no later: it may send again what never arrived.
        """
        lease_id = self._context.new_id()

        def claim(work: PaymentWork) -> tuple[Operation, datetime | None] | None:
            operation = work.operation
            if operation is None or operation.held_at(self._context.clock.now()):
                return None
            return self._lease(work, operation, lease_id), operation.next_check_time

        claimed = await self._context.storage.change(key, claim)
        if claimed is not None:
            operation, check_by = claimed
            await self._settle(operation, cause, may_send=False, check_by=check_by)

    def _lease(self, work: PaymentWork, operation: Operation, lease_id: str) -> Operation:
        now = self._context.clock.now()
        until = now + timedelta(seconds=self._context.policy.lease_seconds)
        leased = replace(
            operation,
            lease_id=lease_id,
            lease_expire_time=until,
            next_check_time=until,
        )
        work.save_operation(leased)
        return leased

    async def _settle(
        self, operation: Operation, cause: Cause, *, may_send: bool, check_by: datetime | None = None
    ) -> None:
        store = self._context.store(operation.store)
        payment = (await self._context.storage.record(_key(operation))).payment
        assert payment is not None
        try:
            found = await self._find_out(store, payment, operation, may_send=may_send)
        except LeaseLost:
            log.info("operation is in other hands", operation_id=operation.operation_id)
            return
        outcome = self._impatient(operation, found)
        await self._context.storage.change(
            payment.key,
            lambda work: self._ledger.finish(work, operation, outcome, cause=cause, check_by=check_by),
            operation_id=operation.operation_id,
        )
        self._context.wake_store_updates(operation.store)

    async def _find_out(self, store: Store, payment: Payment, operation: Operation, *, may_send: bool) -> Outcome:
        capability = store.gateway.capabilities.of(operation.action)
        found = await self._attempts.look_up(store, payment, operation) if capability.lookup else None
        if found is not None and found.state is OperationState.UNKNOWN:
            return _unchanged(operation)  # We could not look: what is known of it stands.
        if found is not None:
            return found
        if operation.state is OperationState.PENDING and not capability.lookup:
            return await self._attempts.look_for_result(store, payment, operation)
        if operation.state is not OperationState.UNKNOWN:
            return _unchanged(operation)
        if self._too_late_to_repeat(store, operation):
            return _TOO_LATE
        if not may_send:
            return _unchanged(operation)
        again = await self._sent_again(operation)
        if self._too_late_to_repeat(store, operation):  # By now: that commit may have taken its time.
            return _TOO_LATE
        outcome, _ = await self._attempts.send(store, payment, again, first=False)
        return outcome

    async def _sent_again(self, operation: Operation) -> Operation:
        """Count the attempt before it is made: a crash in between must not make it look like the first."""
        again = replace(operation, attempts=operation.attempts + 1)

        def body(work: PaymentWork) -> None:
            current = work.operation
            if current is None or (current.operation_id, current.lease_id) != (again.operation_id, again.lease_id):
                raise LeaseLost(operation.operation_id)
            work.save_operation(again)

        await self._context.storage.change(_key(operation), body)
        if not again.held_at(self._context.clock.now()):
            raise LeaseLost(operation.operation_id)  # While we wrote that.
        return again

    def _too_late_to_repeat(self, store: Store, operation: Operation) -> bool:
        """Tell whether a repeat sent now could reach the gateway after it has forgotten the first attempt."""
        arrival = self._context.clock.now() + timedelta(seconds=store.gateway.capabilities.call_seconds_max)
        window = store.gateway.capabilities.of(operation.action).idempotency_window
        return arrival - operation.create_time >= window

    def _impatient(self, operation: Operation, outcome: Outcome) -> Outcome:
        # What an operator must look at stays so until the gateway says how it ended.
        if operation.state is OperationState.NEEDS_REVIEW and outcome.state.in_flight:
            return _unchanged(operation)
        age = self._context.clock.now() - operation.create_time
        if outcome.state.in_flight and age >= timedelta(days=self._context.policy.pending_days_max):
            return outcome._replace(
                state=OperationState.NEEDS_REVIEW,
                message=f"The gateway has had no result for {age.days} days. Ask it, then resolve the operation.",
            )
        return outcome


_TOO_LATE: Final = Outcome(
    OperationState.NEEDS_REVIEW,
    message="The gateway shows no trace of it and could take a repeat for a new one. Look there, then resolve it.",
)


class LeaseLost(Exception):
    """Somebody else took the operation over, or ended it: leave it to them."""


def _key(operation: Operation) -> PaymentKey:
    return PaymentKey(operation.store, operation.order_id)


def _unchanged(operation: Operation) -> Outcome:
    return Outcome(operation.state, operation.gateway_id, operation.reason_code, operation.message)
