"""Bring each payment's status to the store platform: at least once, in the background, until it holds it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import structlog

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.plugins import StatusApplied, StatusUpdate
from payment_actions_server.storage import UnitOfWork

log = structlog.get_logger(__name__)


class StoreUpdates:
    """Delivers pending writes. A payment's writes never run side by side, nor does an older one follow a newer."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger

    async def deliver_due(self, store_id: str) -> bool:
        """Deliver a store's writes that are due. Tell whether there may be more."""
        now, limit = self._context.clock.now(), self._context.policy.batch_max
        stores = [store_id]
        if not await self._context.storage.read(lambda work: work.due_store_updates(stores, now, 1)):
            return False

        async def claim(work: UnitOfWork) -> list[StoreUpdate]:
            until = now + timedelta(seconds=self._context.policy.lease_seconds)
            due = await work.due_store_updates(stores, now, limit)
            claimed = [replace(update, lease_expire_time=until, attempts=update.attempts + 1) for update in due]
            for update in claimed:
                await work.put_store_update(update)
            return claimed

        claimed = await self._context.storage.transact(claim)
        results = await asyncio.gather(*(self._deliver(update) for update in claimed), return_exceptions=True)
        for update, result in zip(claimed, results, strict=True):
            if isinstance(result, BaseException):
                log.error("store update failed", store=update.store, order_id=update.order_id, exc_info=result)
        return bool(claimed)  # A newer status may have come meanwhile.

    async def _deliver(self, claimed: StoreUpdate) -> None:
        key = PaymentKey(claimed.store, claimed.order_id)
        payment = await self._context.storage.read(lambda work: work.payment(key))
        assert payment is not None
        store = self._context.store(claimed.store)
        try:
            async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
                applied = await store.platform.apply_status(_update(payment))
        except Exception as error:  # noqa: BLE001 - whatever it was, the write is idempotent: try again
            problem = f"{type(error).__name__}: {error}"
            await self._context.storage.transact(lambda work: self._put_off(work, claimed, problem))
        else:
            await self._context.storage.transact(lambda work: self._delivered(work, claimed, applied))

    async def _delivered(self, work: UnitOfWork, claimed: StoreUpdate, applied: StatusApplied) -> None:
        payment, current = await self._current(work, claimed)
        if _overtaken(claimed, current):
            if current.generation != claimed.generation:
                # What we wrote so late may lie over the newer status that somebody wrote meanwhile: write that again.
                await self._ledger.tell_store(work, payment)
            return
        released = replace(current, lease_expire_time=None, platform_status=applied.platform_status)
        if current.generation != claimed.generation:
            await work.put_store_update(released)  # A newer status waits: it is due at once.
            return
        in_sync = replace(
            released,
            state=StoreUpdateState.IN_SYNC,
            next_attempt_time=None,
            last_error="",
            attempts=claimed.attempts,
        )
        await work.put_store_update(in_sync)
        if not (applied.written or current.last_error):
            return  # It held the status already: nothing happened that would be worth a line.
        await self._ledger.change(
            work,
            payment,
            EventType.STORE_UPDATED,
            before=payment.status,
            cause=Cause(actor="service", details={"platform_status": applied.platform_status}),
            message=f"The store holds {applied.platform_status}",
        )

    async def _put_off(self, work: UnitOfWork, claimed: StoreUpdate, problem: str) -> None:
        payment, current = await self._current(work, claimed)
        if _overtaken(claimed, current):
            return
        wait = self._context.policy.store_update.after(claimed.attempts - 1, self._context.random)
        later = replace(
            current,
            lease_expire_time=None,
            last_error=problem,
            next_attempt_time=self._context.clock.now() + wait,
        )
        await work.put_store_update(later)
        log.warning(
            "store could not be updated",
            store=claimed.store,
            order_id=claimed.order_id,
            attempts=claimed.attempts,
            error=problem,
        )
        if not current.last_error:  # The first failure is news; that it goes on is told by the store update itself.
            await self._ledger.change(
                work,
                payment,
                EventType.STORE_UPDATE_DELAYED,
                before=payment.status,
                cause=Cause(actor="service", details={"error": problem}),
                message="The store could not be updated; it is tried again",
            )

    async def _current(self, work: UnitOfWork, claimed: StoreUpdate) -> tuple[Payment, StoreUpdate]:
        key = PaymentKey(claimed.store, claimed.order_id)
        payment, current = await work.lock_payment(key), await work.store_update(key)
        assert payment is not None
        assert current is not None
        return payment, current


def _overtaken(claimed: StoreUpdate, current: StoreUpdate) -> bool:
    """Tell whether our lease ran out and somebody else has it, or had it, since."""
    return current.lease_expire_time != claimed.lease_expire_time


def _update(payment: Payment) -> StatusUpdate:
    return StatusUpdate(
        order_id=payment.order_id,
        status=payment.status,
        currency_code=payment.currency_code,
        authorized_minor=payment.authorized_minor,
        captured_minor=payment.captured_minor,
        refunded_minor=payment.refunded_minor,
        references=payment.references,
        reason_code=payment.reason_code,
    )
