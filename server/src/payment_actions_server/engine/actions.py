"""Run an action: commit the intent, ask the gateway, commit the outcome."""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

from payment_actions_server.domain.decision import Offer, refresh_of
from payment_actions_server.domain.errors import EtagMismatch, OrderChanged, PaymentActionsError
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import ActionRequest, Operation, reference_of
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import Action, OperationState, OrderCheck
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.order_guard import READS_MAX, OrderGuard
from payment_actions_server.engine.orders import OrderTerms, terms_of
from payment_actions_server.engine.sight import Sight, unavailable
from payment_actions_server.engine.store import Store
from payment_actions_server.engine.store_updates import Claimed, StoreUpdates
from payment_actions_server.engine.view import ActionResult
from payment_actions_server.plugins import NotExecuted
from payment_actions_server.storage import PaymentWork


class _Started(NamedTuple):
    operation: Operation
    payment: Payment | None  #: None only where the request is known, and names another order.
    new: bool  #: False: the request is known and this is its answer.


class Actions:
    """Captures, voids and refunds, each exactly once."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        attempts: Attempts,
        sight: Sight,
        guard: OrderGuard,
        store_updates: StoreUpdates,
        background: Background,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._attempts = attempts
        self._sight = sight
        self._guard = guard
        self._store_updates = store_updates
        self._background = background
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def run(self, request: ActionRequest) -> ActionResult:
        """Run one action.

        Dying between the commits leaves an operation in flight; when its lease runs out, `Recovery` finishes it under
        the same reference, never a second one. The caller hanging up changes nothing: the work is the engine's.

        :return: the operation, and the payment after it. A refusal by the gateway is DECLINED here, not an error.
        :raises RequestIdReused: the id is known, with other parameters.
        :raises EtagMismatch, ActionNotAvailable, OperationInFlight, NotOurPaymentMethod, PartialAmountNotSupported,
            AmountOutOfRange, CurrencyMismatch: nothing was started.
        :raises OrderCancelled, OrderChanged, OrderTotalInvalid, PlatformUnavailable: the order bars it, or could not be
            read; nothing was started.
        :raises GatewayUnavailable, GatewayThrottled: nothing happened; the operation, if one was started, is FAILED.
        """
        assert request.action is not Action.REFRESH
        self._context.expect_configured(request.store)
        task = self._background.spawn(self._run(request), f"{request.action} {request.store}/{request.order_id}")
        return await asyncio.shield(task)

    async def preview(self, request: ActionRequest) -> tuple[Offer, Payment]:
        """Return what `run` would do now, with the amount it would move; start nothing. Errors as for `run`.

        A REFRESH is not run but looked after by `Refresh`, and is never refused.
        """
        record = await self._sight.see(PaymentKey(request.store, request.order_id))
        assert record.payment is not None
        if request.action is Action.REFRESH:
            return refresh_of(record.payment), record.payment
        return self._checked(record.payment, record.operation, request), record.payment

    async def _run(self, request: ActionRequest) -> ActionResult:
        # Whoever repeats a request while its first run is under way here gets its turn when that has its answer.
        turn = self._turns.setdefault((request.store, request.request_id), asyncio.Lock())
        async with turn:
            started = await self._begun(request)
            if started.new:
                return await self._carry_through(started)
            return await self.result_of(started.operation)

    async def _begun(self, request: ActionRequest) -> _Started:
        """Commit the intent, once the order is known and read again; or find the operation of a repeated request."""
        key, store = PaymentKey(request.store, request.order_id), self._context.stores.get(request.store)
        known = await self._context.storage.record(key, request_id=request.request_id)
        if known.asked is None and known.payment is None:
            await self._sight.see(key)
        checked = request.action is not Action.VOID and known.asked is None
        if store is None or not checked or store.order_check is OrderCheck.AS_LISTED:
            started = await self._started(request, None)
            assert started is not None
            return started
        try:
            return await self._begun_checked(store, request)
        except PaymentActionsError:
            # Another replica may have begun this very request since: then its operation is the answer.
            known = await self._context.storage.record(key, request_id=request.request_id)
            if known.asked is None:
                raise
            return _Started(known.asked.answer_to(request), known.payment, new=False)

    async def _begun_checked(self, store: Store, request: ActionRequest) -> _Started:
        """Commit the intent while the record says of the order what the shop says."""
        seen = None
        for _ in range(READS_MAX):
            terms, seen = await self._guard.confirm(store, request, self._checked, seen)
            started = await self._started(request, terms)
            if started is not None:
                return started
        raise OrderChanged(
            f"Order {request.order_id} changes faster than it can be read. Nothing was started; try again later.",
            order_id=request.order_id,
        )

    async def result_of(self, operation: Operation) -> ActionResult:
        """Return an operation and its payment as they are now."""
        key = PaymentKey(operation.store, operation.order_id)
        record = await self._context.storage.record(key, operation_id=operation.operation_id)
        assert record.asked is not None
        return ActionResult(record.asked, self._ledger.view(record))

    # -- 1. Intent --------------------------------------------------------------------------------------------------

    async def _started(self, request: ActionRequest, terms: OrderTerms | None) -> _Started | None:
        """Commit the intent.

        :param terms: what the record must say of the order; None: anything.
        :return: None where the record says something else of the order by now.
        """
        operation_id = self._context.new_id()  # Here, so that a second run of the transaction knows the first one's.
        return await self._context.storage.change(
            PaymentKey(request.store, request.order_id),
            lambda work: self._start(work, request, operation_id, terms),
            request_id=request.request_id,
        )

    def _start(
        self, work: PaymentWork, request: ActionRequest, operation_id: str, terms: OrderTerms | None
    ) -> _Started | None:
        payment, known = work.payment, work.asked
        if known is not None:
            # Ours if a first run of this very transaction made it, and nobody has taken it over since.
            return _Started(known.answer_to(request), payment, new=known.lease_id == operation_id)
        self._context.store(request.store)
        assert payment is not None, "only what was seen is acted on"
        if terms is not None and terms_of(payment) != terms:
            return None
        offer = self._checked(payment, work.operation, request)
        operation = self._intent(payment, request, offer, operation_id)
        work.add_operation(operation)
        details = {"request_id": request.request_id, "reference": operation.reference}
        payment = self._ledger.change(
            work,
            payment,
            EventType.OPERATION_STARTED,
            before=payment.status,
            cause=Cause(actor=request.actor, details=details | ({"note": request.note} if request.note else {})),
            operation_id=operation.operation_id,
            message=f"{request.action} of {format_amount(operation.amount_minor, operation.currency_code)} started",
        )
        return _Started(operation, payment, new=True)

    def _checked(self, payment: Payment, in_flight: Operation | None, request: ActionRequest) -> Offer:
        if request.etag and request.etag != payment.etag:
            raise EtagMismatch(
                f"Order {payment.order_id} changed since it was read. Read it again and decide anew.",
                etag=request.etag,
                current_etag=payment.etag,
                order_id=payment.order_id,
            )
        return self._context.offer(payment, in_flight, request)

    def _intent(self, payment: Payment, request: ActionRequest, offer: Offer, operation_id: str) -> Operation:
        now = self._context.clock.now()
        lease_end = now + timedelta(seconds=self._context.policy.lease_seconds)
        return Operation(
            operation_id=operation_id,
            store=payment.store,
            order_id=payment.order_id,
            action=request.action,
            amount_minor=offer.amount_minor,
            currency_code=offer.currency_code,
            requested_amount_minor=request.amount_minor,
            request_id=request.request_id,
            reference=reference_of(operation_id),
            state=OperationState.UNKNOWN,
            actor=request.actor,
            note=request.note,
            base_minor=payment.done_minor(request.action),
            create_time=now,
            update_time=now,
            attempts=1,
            lease_id=operation_id,  # The first lease; those that follow have ids of their own.
            lease_expire_time=lease_end,
            next_check_time=lease_end,
        )

    # -- 2. Act, and 3. Outcome -------------------------------------------------------------------------------------

    async def _carry_through(self, started: _Started) -> ActionResult:
        operation, payment = started.operation, started.payment
        assert payment is not None
        if not operation.held_at(self._context.clock.now()):
            # Somebody may have taken it over while its intent was on its way to the disk, and ended it so long ago that
            # the gateway would take our call for a new one.
            return await self.result_of(operation)
        store = self._context.store(operation.store)
        outcome, refusal = await self._attempts.send(store, payment, operation, first=True)

        # Before the commit: of those that commit together only so many go on to the store as it shall meet at once.
        reserved, claimed = self._store_updates.reserve(operation.store), None

        def commit(work: PaymentWork) -> tuple[ActionResult, Claimed | None]:
            ended = self._ledger.finish(work, operation, outcome, cause=Cause(actor=operation.actor, details={}))
            # Claimed with the outcome, in one commit: the store is told at once.
            claimed = self._store_updates.claim(work, self._context.clock.now()) if reserved else None
            return ActionResult(ended, self._ledger.view(work)), claimed

        try:
            result, claimed = await self._context.storage.change(
                payment.key, commit, operation_id=operation.operation_id
            )
        finally:
            if reserved and claimed is None:
                self._store_updates.release(operation.store)
        if claimed is not None:
            self._background.spawn(self._store_updates.deliver(claimed), f"store update of {payment.key}")
        else:
            self._context.wake_store_updates(operation.store)
        if result.operation.state is OperationState.FAILED and refusal is not None:
            raise _nothing_happened(refusal, operation)
        return result


def _nothing_happened(refusal: NotExecuted, operation: Operation) -> PaymentActionsError:
    return unavailable(refusal, operation.store, operation.order_id, operation_id=operation.operation_id)
