"""The transactions that change a payment: each appends its event, tells the store, and plans the next look."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from msgspec.structs import replace

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import Operation, Outcome
from payment_actions_server.domain.payment import Payment, Verdict
from payment_actions_server.domain.snapshot import Snapshot
from payment_actions_server.domain.status import OperationState, OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.domain.text import keepable
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.view import PaymentView
from payment_actions_server.storage import PaymentWork, Record

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who made us look, and what to note of it."""

    actor: str
    details: Mapping[str, str]
    unless_new: str = ""
    """What a notification's event says if the look shows nothing new; empty: no notification made us look."""
    asked: bool = False  #: Whether staff asked for the look.


class Ledger:
    """What is written together. Every method that takes a `PaymentWork` runs inside its transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context

    # -- reading ----------------------------------------------------------------------------------------------------

    def view(self, known: Record | PaymentWork) -> PaymentView:
        """Return what callers see of a payment that was seen."""
        payment, operation, store_update = known.payment, known.operation, known.store_update
        assert payment is not None
        assert store_update is not None, f"{payment.key} has no store update"
        decision = self._context.decide(payment, operation)
        if store_update.state is StoreUpdateState.DISPUTED:
            decision = decision.with_refresh(payment)
        return PaymentView(
            payment=payment,
            operation=operation,
            decision=decision,
            capture_mode=self._context.capture_mode(payment.store),
            store_update=store_update,
        )

    # -- changing ---------------------------------------------------------------------------------------------------

    def change(
        self,
        work: PaymentWork,
        payment: Payment,
        event_type: EventType,
        *,
        before: PaymentStatus,
        cause: Cause,
        operation_id: str = "",
        message: str = "",
        looked: Payment | None = None,
    ) -> Payment:
        """Save ``payment`` with the event that says why, and let the store know what it shall hold now.

        A change that breaks a rule which always holds is not made: the payment keeps its facts and shows an anomaly.

        :param looked: the payment before the look that brings the change, if one does; see `next_look`.
        """
        now, details, order_state = self._context.clock.now(), cause.details, payment.order_state
        if not payment.collectable and payment.order_state is not OrderState.PLACED:
            payment = replace(payment, order_state=OrderState.PLACED, order_detail="")  # It bars nothing any more.
        breach = payment.breach(work.known())
        known = work.known()
        if breach:
            log.error("rule broken", store=payment.store, order_id=payment.order_id, breach=breach)
            payment, details = replace(known, anomaly=breach), {**details, "anomaly": breach}
        if payment.amounts != known.amounts:
            details = {**details, **payment.newly_moved(known)}
        changed, event = payment.recorded(
            event_type,
            now=now,
            actor=cause.actor,
            before=before,
            operation_id=operation_id,
            message=message,
            details=details,
            next_refresh_time=self.next_look(payment, 0, looked),
            refreshes=0,
        )
        work.save_payment(changed, event)
        if changed.anomaly and changed.anomaly != known.anomaly and event_type is not EventType.ANOMALY:
            # It came with something else; whoever waits for anomalies is to hear of it all the same.
            changed, event = changed.recorded(
                EventType.ANOMALY,
                now=now,
                actor=cause.actor,
                before=changed.status,
                operation_id=operation_id,
                message=changed.anomaly,
            )
            work.save_payment(changed, event)
        if _is_left_to_the_shop(changed, order_state):
            self._withdraw(work, order_state)
        elif changed.status is not before or _is_to_be_told(known, changed):
            self.tell_store(work, changed)
        return changed

    def _withdraw(self, work: PaymentWork, order_state: OrderState) -> None:
        """Let be what waits to be written: the shop shall not hold it any more."""
        known = work.known_store_update()
        if order_state is not OrderState.CANCELLED:
            known = replace(known, platform_status="")  # Should the order be the payment's again, its status is news.
        if known.state is StoreUpdateState.PENDING:
            known = replace(
                known,
                state=StoreUpdateState.IN_SYNC,
                generation=known.generation + 1,
                attempts=0,
                next_attempt_time=None,
                last_error="",
            )
        work.put_store_update(known)

    def tell_store(self, work: PaymentWork, payment: Payment, *, reverts: int = 0) -> None:
        """Make the payment's status the one that the store platform shall hold.

        :param reverts: how often the store has changed this very status back.
        """
        if payment.status is PaymentStatus.PENDING or not payment.ours:
            return  # Until the result is known the checkout is the order's master.
        known = work.known_store_update()
        update = replace(
            known,
            state=StoreUpdateState.PENDING,
            generation=known.generation + 1,
            attempts=0,
            reverts=reverts,
            last_error="" if known.state is StoreUpdateState.DISPUTED else known.last_error,
            # Else `last_error` stays: a write that failed may still be carried out, after this one; see `StoreUpdates`.
            next_attempt_time=self._context.clock.now(),
        )
        work.put_store_update(update)

    def answer_store(self, work: PaymentWork, payment: Payment, was: str, cause: Cause) -> None:
        """Have the payment's status written again, which the store changed by itself; after some times, no more.

        :param was: the store's status before, in its own word; empty where nothing of it was remembered.
        """
        known, most = work.known_store_update(), self._context.policy.store_reverts_max
        held, reverts = known.platform_status, known.reverts + 1
        since = f"held {was!r} and now holds" if was else "holds"
        message = f"The store {since} {held!r}, although the payment is {payment.status}."
        if reverts <= most:
            self.tell_store(work, payment, reverts=reverts)
            message += f" The payment's status is to be written again ({reverts} of {most})."
        else:
            message += (
                f" It has changed its status back {reverts} times, and nothing more is written. Do not use the store's"
                " own buttons for this payment, then refresh it here."
            )
            disputed = replace(
                known, state=StoreUpdateState.DISPUTED, reverts=reverts, next_attempt_time=None, last_error=message
            )
            work.put_store_update(disputed)
            log.error("store disputes the status", store=payment.store, order_id=payment.order_id, problem=message)
        details = {**cause.details, "platform_status": held, "platform_status_before": was}
        self.change(
            work,
            payment,
            EventType.STORE_STATUS_CHANGED,
            before=payment.status,
            cause=dataclasses.replace(cause, details=details),
            message=message,
        )

    def follow(
        self,
        work: PaymentWork,
        snapshot: Snapshot,
        *,
        asked: Payment,
        cause: Cause,
        last_look: bool,
    ) -> Verdict:
        """Move the payment to where ``snapshot`` shows it, if that lies ahead.

        :param asked: the payment when the snapshot was asked for. One that lies behind a payment that has changed since
            is merely late; behind an unchanged payment it is a contradiction.
        :param last_look: whether a contradiction is to be believed, and becomes an ANOMALY.
        :return: CONTRADICTION when nothing was followed; look again unless this was the last look.
        """
        payment = work.known()
        if not payment.ours:
            return Verdict.SAME  # The order moved to another method meanwhile: its status is the shop's own word.
        late = payment.version != asked.version
        if work.operation is not None:
            # What is under way is most likely our own operation, which tells of itself.
            snapshot = dataclasses.replace(snapshot, under_way=None)
        elif late and snapshot.under_way is not payment.under_way:
            # It may have ended meanwhile, or have been our own operation, which did.
            if not last_look:
                return Verdict.CONTRADICTION
            snapshot = dataclasses.replace(snapshot, under_way=payment.under_way)
        followed = payment.follow(snapshot)
        if followed.verdict is Verdict.CONTRADICTION:
            if last_look and not late and payment.anomaly != followed.problem:
                self._raise_anomaly(work, payment, followed.problem, cause, looked=asked)
        elif followed.verdict is not Verdict.SAME:
            message = _followed_message(payment, followed.payment)
            self.change(
                work,
                followed.payment,
                EventType.SNAPSHOT_FOLLOWED,
                before=payment.status,
                cause=cause,
                message=message,
                looked=asked,
            )
        return followed.verdict

    def _raise_anomaly(
        self, work: PaymentWork, payment: Payment, problem: str, cause: Cause, *, looked: Payment
    ) -> None:
        shown = replace(payment, anomaly=problem)
        self.change(work, shown, EventType.ANOMALY, before=payment.status, cause=cause, message=problem, looked=looked)

    def finish(
        self,
        work: PaymentWork,
        operation: Operation,
        outcome: Outcome,
        *,
        cause: Cause,
        check_by: datetime | None = None,
    ) -> Operation:
        """Record what an attempt at ``operation`` proved; ``work`` asked for it by its id.

        :param operation: as it was when the attempt began; its lease says that the attempt is ours.
        :param check_by: when it must be looked at next at the latest, if it stays as it is.
        :return: the operation as it is now, which is not as ``outcome`` says when somebody else was first.
        """
        payment, current, outcome = work.known(), work.asked, keepable(outcome)
        assert current is not None
        assert current.operation_id == operation.operation_id
        now = self._context.clock.now()
        if not current.state.in_flight:
            if outcome.state is OperationState.SUCCEEDED and current.state is not OperationState.SUCCEEDED:
                # Money moved after somebody, an operator perhaps, had ended it otherwise: see what is true.
                work.reschedule(now, payment.refreshes)
            return current
        overtaken = current.lease_id != operation.lease_id
        if overtaken and not _proves_an_end(outcome):
            return current
        same = outcome.state is current.state
        settled = current.settled(
            outcome,
            now=now,
            next_check_time=self._next_check(current, outcome, now, check_by),
            attempts=max(current.attempts, operation.attempts),
            checks=current.checks if same else 0,
        )
        work.save_operation(settled)
        if settled.gateway_id:
            work.index_references((settled.gateway_id,))
        news = (settled.state, settled.reason_code, settled.gateway_id)
        if news == (current.state, current.reason_code, current.gateway_id):
            return settled  # Looked again, still the same: no event.
        self._record_outcome(work, payment, settled, cause)
        return settled

    def _record_outcome(self, work: PaymentWork, payment: Payment, operation: Operation, cause: Cause) -> None:
        event_type = EventType.OPERATION_UPDATED if operation.state.in_flight else EventType.OPERATION_ENDED
        done = payment.after(operation) if operation.state is OperationState.SUCCEEDED else payment
        if operation.state is OperationState.DECLINED or done.refund_unconfirmed:
            # A refused capture may have taken the authorization with it; more may have been collected elsewhere.
            done = self._look_soon(done)
        amount = format_amount(operation.amount_minor, operation.currency_code)
        message = f"{operation.action} of {amount}: {operation.state}"
        details = dict(cause.details) | {
            "action": operation.action.value,
            "operation_state": operation.state.value,
            "reference": operation.reference,
        }
        if operation.reason_code:
            details["reason_code"] = operation.reason_code
        if operation.message:
            details["gateway_message"] = operation.message
        self.change(
            work,
            done,
            event_type,
            before=payment.status,
            cause=Cause(actor=cause.actor, details=details),
            operation_id=operation.operation_id,
            message=message,
        )

    def resolve(self, work: PaymentWork, operation: Operation, outcome: Outcome, actor: str) -> None:
        """End an operation that NEEDS_REVIEW by an operator's word, which becomes part of the history."""
        payment = work.known()
        settled = operation.settled(outcome, now=self._context.clock.now(), next_check_time=None)
        work.save_operation(settled)
        done = payment.after(settled) if settled.state is OperationState.SUCCEEDED else payment
        done = self._look_soon(done)  # The gateway may know better than the operator.
        amount = format_amount(operation.amount_minor, operation.currency_code)
        details = {
            "action": settled.action.value,
            "operation_state": settled.state.value,
            "reason": outcome.message,
        }
        self.change(
            work,
            done,
            EventType.OPERATION_RESOLVED,
            before=payment.status,
            cause=Cause(actor=actor, details=details),
            operation_id=operation.operation_id,
            message=f"{operation.action} of {amount}: {settled.state}, by an operator's decision",
        )

    # -- planning ---------------------------------------------------------------------------------------------------

    def plan_next_look(self, work: PaymentWork, looked: Payment, *, counting: bool) -> None:
        """Space the next scheduled look after one that showed nothing new.

        :param looked: the payment before that look.
        :param counting: whether the looks so far still count although none is planned for long: the shop may show a
            refund that the gateway does not know, and only so many looks are for that.
        """
        payment = work.known()
        refreshes = payment.refreshes + 1
        due = self.next_look(payment, refreshes, looked)
        far = self._context.policy.is_far(due, self._context.clock.now())
        work.reschedule(due, refreshes if counting or not far else 0)

    def note_nothing_new(self, work: PaymentWork, cause: Cause) -> None:
        """Note that a notification told nothing that was not known."""
        payment = work.known()
        self.change(
            work,
            payment,
            EventType.NOTIFICATION_IGNORED,
            before=payment.status,
            cause=cause,
            message=cause.unless_new,
        )

    def plan_look_again(self, work: PaymentWork) -> None:
        """Space the next look after one that failed: whatever asked for it still waits for its answer."""
        payment = work.known()
        wait = self._context.policy.refresh.after(payment.refreshes, self._context.random)
        work.reschedule(self._context.clock.now() + wait, payment.refreshes + 1)

    def next_look(self, payment: Payment, refreshes: int, looked: Payment | None = None) -> datetime | None:
        """Return the time of the schedule's next look at ``payment``.

        A look that is planned already was asked for, most likely by a notification, and may have been put off because
        the gateway could not be reached: it stays so unless it is the look that just ended.

        :param refreshes: scheduled looks since the payment changed; they space the next one.
        :param looked: the payment before the look that just ended, if one did.
        """
        context, due = self._context, payment.next_refresh_time
        now = context.clock.now()
        answered = looked is not None and looked.next_refresh_time == due
        if due is not None and due <= now + timedelta(seconds=context.policy.poll_seconds) and not answered:
            return due
        terms = context.store(payment.store).terms
        planned = context.policy.next_look(payment, terms, now, context.random, refreshes)
        expiry = payment.authorization_expire_time
        if due is None or answered or (expiry is not None and due == context.policy.expired(expiry)):
            return planned  # What becomes of an authorization is no longer of interest once it is used.
        return min(due, planned or due)

    def _look_soon(self, payment: Payment) -> Payment:
        return replace(payment, next_refresh_time=self._context.clock.now())

    def _next_check(
        self, operation: Operation, outcome: Outcome, now: datetime, check_by: datetime | None
    ) -> datetime | None:
        policy = self._context.policy
        backoff = {
            OperationState.UNKNOWN: policy.unknown,
            OperationState.PENDING: policy.pending,
            OperationState.NEEDS_REVIEW: policy.review,
        }.get(outcome.state)
        if backoff is None:
            return None
        if operation.state is not outcome.state:
            return now + backoff.after(0, self._context.random)
        next_check = now + backoff.after(operation.checks, self._context.random)
        return min(next_check, check_by) if check_by is not None else next_check


def _is_to_be_told(before: Payment, after: Payment) -> bool:
    """Tell whether the store is to be told of a change although the payment's status stands."""
    moved = (after.captured_minor, after.refunded_minor) != (before.captured_minor, before.refunded_minor)
    # While an anomaly stands, what the store changed by itself is let be.
    passed = bool(before.anomaly) and not after.anomaly
    set_right = _is_left_to_the_shop(before, before.order_state)  # The store missed what was not written until now.
    return moved or passed or set_right


def _is_left_to_the_shop(payment: Payment, order_state: OrderState) -> bool:
    """Tell whether the payment's status is not to be written to its order, as far as the order is known.

    :param order_state: what became of the order, also where it bars nothing any more.
    """
    if payment.holds_money or not payment.ours:
        return False
    if order_state is OrderState.CANCELLED:
        return payment.collectable  # The status would open the order again.
    return order_state in (OrderState.DELETED, OrderState.OTHER_METHOD)


def _proves_an_end(outcome: Outcome) -> bool:
    # FAILED says only that *this* attempt did nothing, and what a snapshot shows may be another attempt's doing:
    # whoever took the operation over may have done it since.
    return outcome.definite and not outcome.state.in_flight


def _followed_message(before: Payment, after: Payment) -> str:
    changes = [f"{before.status} to {after.status}"] if before.status is not after.status else []
    for word, old, new in (
        ("authorized", before.authorized_minor, after.authorized_minor),
        ("captured", before.captured_minor, after.captured_minor),
        ("refunded", before.refunded_minor, after.refunded_minor),
    ):
        if old != new:
            changes.append(f"{format_amount(new, after.currency_code)} {word}")
    if after.under_way is not before.under_way and after.under_way is not None:
        changes.append(f"a {after.under_way.lower()} is under way")
    return "The gateway reports: " + (", ".join(changes) or "new details")
