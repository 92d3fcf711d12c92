"""Ask the gateway to do an operation, or what became of it; and conclude what the answer proves."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

import structlog

from payment_actions_server.domain.operation import Operation, Outcome
from payment_actions_server.domain.payment import Payment, Verdict
from payment_actions_server.domain.snapshot import Snapshot
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.store import Store, gateway_payment
from payment_actions_server.plugins import GatewayRequest, GatewayResult, NotExecuted, PaymentGateway, StateConflict
from payment_actions_server.plugins.answers import reason_code_of, sound
from payment_actions_server.storage import PaymentWork

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOOKS_MAX = 3
"""How often a snapshot that lies behind is asked for again before it is believed."""
LAST_LOOK_SECONDS: Final = 1.0
"""How long the last of them waits: what a gateway shows may lag behind what it did."""


class Attempts:
    """One attempt at an operation, from the call to what it proves. Writes nothing but snapshots."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger

    async def send(
        self, store: Store, payment: Payment, operation: Operation, *, first: bool
    ) -> tuple[Outcome, NotExecuted | None]:
        """Ask the gateway to do ``operation``.

        :param first: no earlier attempt can have reached the gateway: then "did nothing" means that it never happened.
        :return: what that proves and, if the gateway certainly did nothing, why.
        """
        request = gateway_request(payment, operation)
        try:
            result = sound(GatewayResult, await self._bounded(store, _call(store.gateway, request)))
        except StateConflict as conflict:
            return await self._reconcile(store, payment, operation, conflict, first=first), None
        except NotExecuted as refusal:
            state = OperationState.FAILED if first else OperationState.UNKNOWN
            return Outcome(state, reason_code=reason_code_of(refusal), message=str(refusal)), refusal
        except Exception as error:  # noqa: BLE001 - whatever it was, it does not prove that nothing happened
            return self._unknown(operation, error), None
        return await self._concluded(store, payment, operation, result), None

    async def look_up(self, store: Store, payment: Payment, operation: Operation) -> Outcome | None:
        """Return what became of the operation's reference; None when the gateway shows no trace of it."""
        try:
            answer = await self._bounded(store, store.gateway.look_up(gateway_request(payment, operation)))
            result = None if answer is None else sound(GatewayResult, answer)
        except StateConflict as conflict:
            return await self._judge_by_snapshot(store, payment, operation, conflict, first=False)
        except Exception as error:  # noqa: BLE001 - not knowing is what UNKNOWN says
            return self._unknown(operation, error)
        return None if result is None else await self._concluded(store, payment, operation, result)

    async def _concluded(self, store: Store, payment: Payment, operation: Operation, result: GatewayResult) -> Outcome:
        """Return what the gateway's answer proves.

        Of an authorization that is given up a part may have been collected elsewhere, untold, before that: it is looked
        for first, so that the payment ends as CAPTURED then. Where only whole amounts are captured there is none.
        """
        outcome = _outcome(result)
        gave_up = operation.action is Action.VOID and outcome.state is OperationState.SUCCEEDED
        if not (gave_up and payment.status is PaymentStatus.AUTHORIZED and store.gateway.capabilities.capture.partial):
            return outcome
        try:
            snapshot = await self.snapshot(store, payment)
            if snapshot.captured_minor:
                await self._follow(payment, snapshot, Cause(actor="gateway", details={}), last_look=False)
        except Exception as error:  # noqa: BLE001 - we could not look
            self._unknown(operation, error)
            if store.gateway.capabilities.void.lookup:  # It is asked about again, and then looked at.
                return outcome._replace(state=OperationState.PENDING, definite=False)
        return outcome

    async def look_for_result(self, store: Store, payment: Payment, operation: Operation) -> Outcome:
        """Return what became of an operation that the gateway accepted, where references cannot be looked up.

        What it works on, a snapshot must show as under way: when it shows nothing of the kind, and nothing that was
        done since, it was declined.
        """
        pending = Outcome(operation.state, operation.gateway_id, operation.reason_code, operation.message)
        try:
            verdict, snapshot, now_true = await self.look(store, payment, Cause(actor="gateway", details={}))
        except Exception as error:  # noqa: BLE001 - we could not look: it stays as it is
            self._unknown(operation, error)
            return pending
        if verdict is Verdict.CONTRADICTION:
            return pending
        if now_true.shows_done(operation):
            return pending._replace(state=OperationState.SUCCEEDED)
        if snapshot.under_way is not None:
            return pending
        if hidden := _hidden(now_true, operation):
            return pending._replace(state=OperationState.NEEDS_REVIEW, message=hidden)
        return pending._replace(
            state=OperationState.DECLINED, message="The gateway works on it no more, and nothing came of it."
        )

    async def snapshot(self, store: Store, payment: Payment) -> Snapshot:
        """Return the gateway's truth.

        :raises NotExecuted: it could not be asked. Whatever else goes wrong is raised as it is.
        :raises Unsound: it answered what is none.
        """
        return sound(Snapshot, await self._bounded(store, store.gateway.snapshot(gateway_payment(payment))))

    async def _reconcile(
        self, store: Store, payment: Payment, operation: Operation, conflict: StateConflict, *, first: bool
    ) -> Outcome:
        # A void carries no reference of its own: a look cannot tell ours from another's, unless ours was sent before.
        names_itself = operation.action is not Action.VOID or not first
        seeing = names_itself and store.gateway.capabilities.of(operation.action).lookup
        found = await self.look_up(store, payment, operation) if seeing else None
        if found is not None:
            return found
        judged = await self._judge_by_snapshot(store, payment, operation, conflict, first=first)
        if seeing and judged.state is OperationState.ALREADY_DONE:
            # What the snapshot shows may be an earlier attempt of ours, done since it was looked up in vain.
            found = await self.look_up(store, payment, operation)
        return found or judged

    async def _judge_by_snapshot(
        self, store: Store, payment: Payment, operation: Operation, conflict: StateConflict, *, first: bool
    ) -> Outcome:
        """The gateway refused because of the payment's state: follow its truth and end the operation by it."""
        told = Outcome(OperationState.DECLINED, reason_code=reason_code_of(conflict), message=str(conflict))
        try:
            verdict, snapshot, now_true = await self.look(store, payment, Cause(actor="gateway", details={}))
        except Exception as error:  # noqa: BLE001 - refused, but we cannot see why: ask again later
            unknown = self._unknown(operation, error)
            # The only attempt was refused, that is certain; a later look could not tell it from another's void.
            return told if first and operation.action is Action.VOID else unknown
        if verdict is Verdict.CONTRADICTION and not first:
            return told._replace(state=OperationState.NEEDS_REVIEW)
        if now_true.shows_done(operation):
            return told._replace(state=OperationState.ALREADY_DONE)
        if snapshot.under_way is operation.action and not first:
            return told._replace(state=OperationState.UNKNOWN)  # Perhaps our own earlier attempt: wait for its result.
        blind = not store.gateway.capabilities.of(operation.action).lookup
        if blind and not first and (hidden := _hidden(now_true, operation)):
            return told._replace(state=OperationState.NEEDS_REVIEW, message=hidden)
        if not first and snapshot.under_way is None and now_true.has_room_for(operation):
            # Nothing that is shown says why: it may be refused for an earlier attempt's sake, which is still on its way
            # or done and not shown yet.
            return told._replace(state=OperationState.UNKNOWN)
        return told

    async def look(self, store: Store, payment: Payment, cause: Cause) -> tuple[Verdict, Snapshot, Payment]:
        """Take a snapshot and follow it; ask again while it lies behind, for it may merely be late.

        :return: what it meant, the snapshot, and the payment as it is now.
        """
        verdict, now_true = Verdict.CONTRADICTION, payment
        for look in range(1, LOOKS_MAX + 1):
            if look == LOOKS_MAX:
                await asyncio.sleep(LAST_LOOK_SECONDS)
            snapshot = await self.snapshot(store, now_true)
            verdict, now_true = await self._follow(now_true, snapshot, cause, last_look=look == LOOKS_MAX)
            if verdict is not Verdict.CONTRADICTION:
                break
        return verdict, snapshot, now_true

    async def _follow(
        self, payment: Payment, snapshot: Snapshot, cause: Cause, *, last_look: bool
    ) -> tuple[Verdict, Payment]:
        def body(work: PaymentWork) -> tuple[Verdict, Payment]:
            verdict = self._ledger.follow(work, snapshot, asked=payment, cause=cause, last_look=last_look)
            return verdict, work.known()

        return await self._context.storage.change(payment.key, body)

    async def _bounded(self, store: Store, call: Awaitable[T]) -> T:
        async with asyncio.timeout(store.gateway.capabilities.call_seconds_max):
            return await call

    def _unknown(self, operation: Operation, error: Exception) -> Outcome:
        log.warning(
            "gateway gave no answer",
            store=operation.store,
            order_id=operation.order_id,
            operation_id=operation.operation_id,
            action=operation.action.value,
            error=in_words(error),
        )
        return Outcome(OperationState.UNKNOWN, message="The gateway gave no answer that tells whether it happened.")


_OTHER_AMOUNT: Final = (
    "Another amount than this one was moved meanwhile, and the gateway cannot say whether this one is part of it."
    " Look there, then resolve it."
)
_RETURNED: Final = (
    "Collected money was returned meanwhile, and the gateway cannot say whether the rest is still reserved."
    " Look there, then resolve it."
)


def _hidden(payment: Payment, operation: Operation) -> str:
    """Return why nobody can see whether ``operation`` was done, which ``payment`` does not show; empty if one can."""
    if operation.action is not Action.VOID:
        return _OTHER_AMOUNT if payment.done_minor(operation.action) != operation.base_minor else ""
    if payment.captured_minor + operation.amount_minor <= payment.authorized_minor:
        # Once some was returned, a status does not say any more what became of the part that was never collected.
        return _RETURNED if payment.refunded_minor else ""
    # More was collected since. If the rest is no longer open, it was given up, by us or by whoever collected.
    open_still = payment.status is PaymentStatus.PARTIALLY_CAPTURED
    return "" if open_still or payment.captured_minor == payment.authorized_minor else _OTHER_AMOUNT


def gateway_request(payment: Payment, operation: Operation) -> GatewayRequest:
    """Return the call that an operation makes: for every attempt the same but for ids that became known meanwhile."""
    return GatewayRequest(
        action=operation.action,
        payment=gateway_payment(payment),
        reference=operation.reference,
        amount_minor=operation.amount_minor,
        currency_code=operation.currency_code,
        gateway_id=operation.gateway_id,
        note=operation.note,
    )


def _call(gateway: PaymentGateway, request: GatewayRequest) -> Awaitable[GatewayResult]:
    match request.action:
        case Action.CAPTURE:
            return gateway.capture(request)
        case Action.VOID:
            return gateway.void(request)
        case Action.REFUND:
            return gateway.refund(request)
    raise AssertionError(f"{request.action} is not sent")


def _outcome(result: GatewayResult) -> Outcome:
    return Outcome(
        result.state.operation_state,
        gateway_id=result.gateway_id,
        reason_code=result.reason_code,
        message=result.message,
        definite=True,
    )
