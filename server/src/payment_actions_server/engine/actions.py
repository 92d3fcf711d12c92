"""Run an action: commit the intent, ask the gateway, commit the outcome."""

import asyncio
from datetime import timedelta
from typing import NamedTuple
from weakref import WeakValueDictionary

from payment_actions_server.domain.decision import Offer, resolve_amount
from payment_actions_server.domain.errors import ActionNotAvailable, EtagMismatch, PaymentActionsError
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import ActionRequest, Operation, reference_of
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import Action, OperationState
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.sight import Sight, unavailable
from payment_actions_server.engine.view import ActionResult
from payment_actions_server.plugins import NotExecuted
from payment_actions_server.storage import UnitOfWork


class _Started(NamedTuple):
    operation: Operation
    payment: Payment
    new: bool  #: False: the request is known and this is its answer.


class Actions:
    """Captures, voids and refunds, each exactly once."""

    def __init__(
        self, context: Context, ledger: Ledger, attempts: Attempts, sight: Sight, background: Background
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._attempts = attempts
        self._sight = sight
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
        :raises GatewayUnavailable, GatewayThrottled: nothing happened; the operation, if one was started, is FAILED.
        """
        assert request.action is not Action.REFRESH
        self._context.expect_configured(request.store)
        task = self._background.spawn(self._run(request), f"{request.action} {request.store}/{request.order_id}")
        return await asyncio.shield(task)

    async def preview(self, request: ActionRequest) -> tuple[Offer, Payment]:
        """Return what `run` would do now, with the amount it would move; start nothing. Errors as for `run`."""
        payment = await self._sight.see(PaymentKey(request.store, request.order_id))
        operation = await self._context.storage.read(lambda work: work.operation_in_flight(payment.key))
        return self._checked(payment, operation, request), payment

    async def _run(self, request: ActionRequest) -> ActionResult:
        # Whoever repeats a request while its first run is under way here gets its turn when that has its answer.
        turn = self._turns.setdefault((request.store, request.request_id), asyncio.Lock())
        async with turn:
            known = await self._context.storage.read(
                lambda work: work.operation_by_request_id(request.store, request.request_id)
            )
            if known is None:
                await self._sight.see(PaymentKey(request.store, request.order_id))
                started = await self._context.storage.transact(lambda work: self._start(work, request))
                if started.new:
                    return await self._carry_through(started)
                known = started.operation  # Another process was faster.
            known.answer_to(request)
            return await self.result_of(known.store, known.operation_id)

    async def result_of(self, store: str, operation_id: str) -> ActionResult:
        """Return an operation and its payment as they are now."""

        async def body(work: UnitOfWork) -> ActionResult:
            operation = await work.operation(store, operation_id)
            assert operation is not None
            payment = await work.payment(PaymentKey(store, operation.order_id))
            assert payment is not None
            in_flight = await work.operation_in_flight(payment.key)
            return ActionResult(operation, await self._ledger.view(work, payment, in_flight))

        return await self._context.storage.read(body)

    # -- 1. Intent --------------------------------------------------------------------------------------------------

    async def _start(self, work: UnitOfWork, request: ActionRequest) -> _Started:
        payment = await work.lock_payment(PaymentKey(request.store, request.order_id))
        assert payment is not None, "sight came first"
        known = await work.operation_by_request_id(request.store, request.request_id)
        if known is not None:
            return _Started(known.answer_to(request), payment, new=False)
        in_flight = await work.operation_in_flight(payment.key)
        offer = self._checked(payment, in_flight, request)
        operation = self._intent(payment, request, offer)
        await work.add_operation(operation)
        details = {"request_id": request.request_id, "reference": operation.reference}
        payment = await self._ledger.change(
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
        whole = self._context.decide(payment, in_flight, request.actor).offer(request.action)
        offer = whole._replace(amount_minor=resolve_amount(whole, request.amount_minor, request.currency_code))
        if offer.amount_minor != whole.amount_minor:
            self._review_part(payment, offer, request.actor)
        return offer

    def _review_part(self, payment: Payment, offer: Offer, actor: str) -> None:
        """Ask the policies about the amount that is really to move: what was offered, and reviewed, is the whole."""
        objection = self._context.review(payment, offer, actor)
        if objection is not None:
            policy, why = objection
            raise ActionNotAvailable(why, action=offer.action.value, policy=policy)

    def _intent(self, payment: Payment, request: ActionRequest, offer: Offer) -> Operation:
        now = self._context.clock.now()
        lease_end = now + timedelta(seconds=self._context.policy.lease_seconds)
        operation_id = self._context.new_id()
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
            lease_id=self._context.new_id(),
            lease_expire_time=lease_end,
            next_check_time=lease_end,
        )

    # -- 2. Act, and 3. Outcome -------------------------------------------------------------------------------------

    async def _carry_through(self, started: _Started) -> ActionResult:
        operation, payment = started.operation, started.payment
        store = self._context.store(operation.store)
        outcome, refusal = await self._attempts.send(store, payment, operation, first=True)

        async def commit(work: UnitOfWork) -> ActionResult:
            ended, after = await self._ledger.finish(
                work, operation, outcome, cause=Cause(actor=operation.actor, details={})
            )
            in_flight = await work.operation_in_flight(after.key)
            return ActionResult(ended, await self._ledger.view(work, after, in_flight))

        result = await self._context.storage.transact(commit)
        self._context.wake_store_updates(operation.store)
        if result.operation.state is OperationState.FAILED and refusal is not None:
            raise _nothing_happened(refusal, operation)
        return result


def _nothing_happened(refusal: NotExecuted, operation: Operation) -> PaymentActionsError:
    return unavailable(refusal, operation.store, operation.order_id, operation_id=operation.operation_id)
