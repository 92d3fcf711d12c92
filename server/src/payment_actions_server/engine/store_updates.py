"""Bring each payment's status to the store platform: at least once, in the background, until it holds it."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.domain.text import in_words, keepable
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.plugins import StatusApplied, StatusUpdate
from payment_actions_server.plugins.answers import sound
from payment_actions_server.storage import PaymentWork

log = structlog.get_logger(__name__)


class Claimed(NamedTuple):
    """A write that is ours to do, and what the store is to hold."""

    update: StoreUpdate
    payment: Payment


class StoreUpdates:
    """Delivers pending writes. A payment's writes never run side by side, nor does an older one follow a newer."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._under_way: Counter[str] = Counter()

    async def deliver_due(self, store_id: str) -> bool:
        """Deliver a store's writes that are due. Tell whether there may be more."""
        now, limit = self._context.clock.now(), self._context.policy.batch_max
        due = await self._context.storage.due_store_updates(store_id, now, limit)
        results = await asyncio.gather(*(self._deliver_one(key, now) for key in due), return_exceptions=True)
        for key, result in zip(due, results, strict=True):
            if isinstance(result, BaseException):
                log.error("store update failed", store=key.store, order_id=key.order_id, exc_info=result)
        return True in results  # A newer status may have come meanwhile. Where all failed, time must pass.

    async def _deliver_one(self, key: PaymentKey, now: datetime) -> bool:
        """Deliver a write; tell whether it was ours to do."""
        found = await self._context.storage.change(key, lambda work: self.claim(work, now))
        if found is not None:
            self._under_way[key.store] += 1
            await self.deliver(found)
        return found is not None

    def claim(self, work: PaymentWork, now: datetime) -> "Claimed | None":
        """Take the payment's write, if it is due and nobody has it; whoever claims it delivers it."""
        update = work.known_store_update()
        if update.next_attempt_time is None or update.next_attempt_time > now:
            return None
        if update.lease_expire_time is not None and update.lease_expire_time > now:
            return None
        until = now + timedelta(seconds=self._context.policy.lease_seconds)
        claimed = replace(update, lease_expire_time=until, attempts=update.attempts + 1)
        work.put_store_update(claimed)
        return Claimed(claimed, work.known())

    def reserve(self, store_id: str) -> bool:
        """Take a place for a write that is still to be claimed; `deliver` gives it back, or `release`.

        :return: False when a batch is under way: what comes on top is left to the loop.
        """
        if self._under_way[store_id] >= self._context.policy.batch_max:
            return False
        self._under_way[store_id] += 1
        return True

    def release(self, store_id: str) -> None:
        """Give a place back."""
        self._under_way[store_id] -= 1

    async def deliver(self, found: "Claimed") -> None:
        """Write a claimed status to the store, and note what came of it. Its place is taken already."""
        try:
            await self._deliver(*found)
        finally:
            self.release(found.payment.store)

    async def _deliver(self, claimed: StoreUpdate, payment: Payment) -> None:
        key, store = payment.key, self._context.store(claimed.store)
        assert claimed.lease_expire_time is not None
        if claimed.lease_expire_time <= self._context.clock.now():
            return  # Somebody may be writing a newer status by now; if nobody is, the loop claims it anew.
        try:
            async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
                applied = sound(StatusApplied, await store.platform.apply_status(_update(payment)))
        except Exception as error:  # noqa: BLE001 - whatever it was, the write is idempotent: try again
            problem = keepable(in_words(error))
            await self._context.storage.change(key, lambda work: self._put_off(work, claimed, problem))
        else:
            await self._context.storage.change(key, lambda work: self._delivered(work, claimed, applied))

    def _delivered(self, work: PaymentWork, claimed: StoreUpdate, applied: StatusApplied) -> None:
        payment, current = work.known(), work.known_store_update()
        if _overtaken(claimed, current):
            if current.generation != claimed.generation:
                # What we wrote so late may lie over the newer status that somebody wrote meanwhile: write that again.
                self._ledger.tell_store(work, payment, reverts=current.reverts)
            return
        if current.generation != claimed.generation:
            # A newer status waits: it is due at once.
            released = replace(current, lease_expire_time=None, platform_status=applied.platform_status)
            work.put_store_update(released)
            return
        in_sync = replace(
            current,
            lease_expire_time=None,
            platform_status=applied.platform_status,
            state=StoreUpdateState.IN_SYNC,
            next_attempt_time=None,
            last_error="",
            attempts=claimed.attempts,
            notice=applied.notice,
        )
        work.put_store_update(in_sync)
        if not (applied.written or current.last_error):
            return  # It held the status already: nothing happened that would be worth a line.
        self._ledger.change(
            work,
            payment,
            EventType.STORE_UPDATED,
            before=payment.status,
            cause=Cause(actor="service", details={"platform_status": applied.platform_status}),
            message=f"The store holds {applied.platform_status}",
        )
        if current.last_error:
            self._look_later(work)

    def _look_later(self, work: PaymentWork) -> None:
        """Have the order read once more: a write that failed before this one may lie over it by then."""
        payment, due = work.known(), work.known().next_refresh_time
        later = self._context.clock.now() + timedelta(seconds=self._context.policy.store_doubt_seconds)
        work.reschedule(later if due is None else min(due, later), payment.refreshes)

    def _put_off(self, work: PaymentWork, claimed: StoreUpdate, problem: str) -> None:
        payment, current = work.known(), work.known_store_update()
        if _overtaken(claimed, current):
            if current.generation != claimed.generation:
                self._look_later(work)  # It may still be carried out, and lie over the newer status then.
            return
        if current.next_attempt_time is None:  # It was withdrawn meanwhile.
            work.put_store_update(replace(current, lease_expire_time=None))
            return
        wait = self._context.policy.store_update.after(claimed.attempts - 1, self._context.random)
        later = replace(
            current,
            lease_expire_time=None,
            last_error=problem,
            next_attempt_time=self._context.clock.now() + wait,
        )
        work.put_store_update(later)
        log.warning(
            "store could not be updated",
            store=claimed.store,
            order_id=claimed.order_id,
            attempts=claimed.attempts,
            error=problem,
        )
        if not current.last_error:  # The first failure is news; that it goes on is told by the store update itself.
            self._ledger.change(
                work,
                payment,
                EventType.STORE_UPDATE_DELAYED,
                before=payment.status,
                cause=Cause(actor="service", details={"error": problem}),
                message="The store could not be updated; it is tried again",
            )


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
        change_time=payment.update_time,
    )
