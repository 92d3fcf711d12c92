"""What becomes of an authorization."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from . import capturing
from .closing import CONFIRMED, close_authorization, fail_promised_captures
from .durations import AUTHORIZATION_LIFETIME, AUTHORIZATION_TIMEOUT_MINUTES_MAX, RESULT_DELAY
from .limits import captures_of, check_authorization
from .objects import Authorization, EffectKind, OrderReference, Outcome, pending
from .parameters import Parameters, require_permit
from .refusals import Code, Refusal
from .replay import remember, replayed
from .simulation_strings import outcome_of
from .states import Kind, Reason, State
from .world import Task, World


class _Wish(NamedTuple):
    """What an Authorize call asks for beside its amount."""

    note: str
    soft_descriptor: str
    timeout_minutes: int
    capture_now: bool
    outcome: Outcome | None


def authorize(world: World, parameters: Parameters) -> tuple[Authorization, bool]:
    """Authorize; return the authorization and whether this call has made it."""
    order = parameters.target(world, OrderReference)
    reference_id = parameters.reference("AuthorizationReferenceId")
    amount = parameters.money("AuthorizationAmount")
    wish = _read(parameters)
    if known := replayed(world, parameters, "Authorize", order.id, reference_id, Authorization):
        return known, False
    require_permit("Authorize", order)
    check_authorization(world, order, amount)
    outcome = wish.outcome or world.take_planned("Authorize")
    authorization = Authorization(
        id=world.new_transaction_id(order.id, Kind.AUTHORIZATION),
        seller_id=order.seller_id,
        environment=order.environment,
        creation_time=world.now,
        status=pending(world.now, outcome),
        order_reference_id=order.id,
        reference_id=reference_id,
        amount=amount,
        note=wish.note,
        soft_descriptor=wish.soft_descriptor,
        outcome=outcome,
        expiration_time=_expiration_time(world, order, outcome),
        capture_now=wish.capture_now,
    )
    world.add(authorization, EffectKind.AUTHORIZE)
    order.authorization_ids.append(authorization.id)
    remember(world, parameters, "Authorize", order.id, reference_id, authorization.id)
    _start(world, authorization, wish.timeout_minutes)
    return authorization, True


def settle(world: World, authorization: Authorization, outcome: Outcome | None = None) -> None:
    """Let Amazon decide about a Pending authorization: as it was asked to, or else in the seller's favour."""
    decided = outcome or authorization.outcome or Outcome(State.OPEN)
    if decided.reason is Reason.EXPIRED_UNUSED:  # It opens like any other; only its end comes early.
        decided = Outcome(State.OPEN)
    if decided.state is State.DECLINED:
        _decline(world, authorization, decided)
    elif decided.state is State.CLOSED:
        close_authorization(world, authorization, decided.reason)
    elif authorization.capture_now:
        _open_and_capture(world, authorization)
    else:
        world.change(authorization, decided.state, decided.reason)


def close(world: World, parameters: Parameters) -> None:
    """CloseAuthorization: a repeat is refused, for it has no reference id."""
    authorization = parameters.target(world, Authorization)
    why = parameters.note("ClosureReason")
    require_permit("CloseAuthorization", authorization)
    close_authorization(world, authorization, Reason.SELLER_CLOSED, why)
    world.record(EffectKind.VOID, authorization)


def _read(parameters: Parameters) -> _Wish:
    note = parameters.note("SellerAuthorizationNote")
    capture_now = parameters.flag("CaptureNow")
    soft_descriptor = parameters.soft_descriptor()
    if soft_descriptor and not capture_now:
        message = "SoftDescriptor is only allowed with CaptureNow."
        raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
    return _Wish(
        note=note,
        soft_descriptor=soft_descriptor,
        timeout_minutes=parameters.minutes("TransactionTimeout", most=AUTHORIZATION_TIMEOUT_MINUTES_MAX),
        capture_now=capture_now,
        outcome=outcome_of("Authorize", note, parameters.environment, capture_now=capture_now),
    )


def _expiration_time(world: World, order: OrderReference, outcome: Outcome | None) -> datetime:
    if outcome is not None and outcome.reason is Reason.EXPIRED_UNUSED and outcome.minutes:
        return world.now + timedelta(minutes=outcome.minutes)
    return world.now + AUTHORIZATION_LIFETIME[order.environment]


def _start(world: World, authorization: Authorization, timeout_minutes: int) -> None:
    world.schedule(Task.EXPIRE, authorization.id, authorization.expiration_time)
    if timeout_minutes == 0:
        settle(world, authorization)
        return
    if authorization.capture_now:
        _promise_capture(world, authorization)
    delay = RESULT_DELAY[Kind.AUTHORIZATION, authorization.environment]
    world.schedule(Task.RESULT, authorization.id, world.now + delay)
    world.schedule(Task.TIME_OUT, authorization.id, world.now + timedelta(minutes=timeout_minutes))


def _promise_capture(world: World, authorization: Authorization) -> None:
    """List a capture that has not happened yet, as Amazon does in asynchronous mode."""
    capturing.add_capture(
        world,
        authorization,
        reference_id=authorization.reference_id,
        amount=authorization.amount,
        note=authorization.note,
        soft_descriptor=authorization.soft_descriptor,
        outcome=None,
    )


def _open_and_capture(world: World, authorization: Authorization) -> None:
    if not authorization.capture_ids:
        _promise_capture(world, authorization)
    world.change(authorization, State.CLOSED, Reason.MAX_CAPTURES_PROCESSED)
    for capture in captures_of(world, authorization):
        capturing.settle(world, capture)


def _decline(world: World, authorization: Authorization, outcome: Outcome) -> None:
    world.change(authorization, State.DECLINED, outcome.reason)
    authorization.soft_decline = outcome.soft_decline
    fail_promised_captures(world, authorization)
    order = world.get(authorization.order_reference_id, OrderReference)
    if outcome.reason is Reason.INVALID_PAYMENT_METHOD and order.status.state is State.OPEN:
        world.change(order, State.SUSPENDED, Reason.INVALID_PAYMENT_METHOD)
        if outcome.minutes:
            mended = world.now + timedelta(minutes=outcome.minutes)
            world.schedule(Task.MEND_PAYMENT_METHOD, order.id, mended)
    if outcome.reason is Reason.AMAZON_REJECTED and order.status.state in CONFIRMED:
        world.change(order, State.CLOSED, Reason.AMAZON_CLOSED)
