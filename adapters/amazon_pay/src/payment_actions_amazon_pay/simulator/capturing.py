"""What becomes of a capture."""

from __future__ import annotations

from .closing import close_exhausted_order
from .durations import PROMPT_CAPTURE, RESULT_DELAY
from .limits import check_capture
from .money import Money
from .objects import Authorization, Capture, EffectKind, OrderReference, Outcome, pending
from .parameters import Parameters, require_permit
from .replay import remember, replayed
from .simulation_strings import outcome_of
from .states import Kind, Reason, State
from .world import Task, World


def capture(world: World, parameters: Parameters) -> Capture:
    """Capture: one for an authorization; what it leaves needs a new Authorize."""
    authorization = parameters.target(world, Authorization)
    reference_id = parameters.reference("CaptureReferenceId")
    amount = parameters.money("CaptureAmount")
    note = parameters.note("SellerCaptureNote")
    soft_descriptor = parameters.soft_descriptor()
    wanted = outcome_of("Capture", note, parameters.environment)
    if known := replayed(world, parameters, "Capture", authorization.id, reference_id, Capture):
        return known
    require_permit("Capture", authorization)
    check_capture(authorization, amount)
    new = add_capture(
        world,
        authorization,
        reference_id=reference_id,
        amount=amount,
        note=note,
        soft_descriptor=soft_descriptor,
        outcome=wanted or world.take_planned("Capture"),
    )
    remember(world, parameters, "Capture", authorization.id, reference_id, new.id)
    _start(world, new, authorization)
    return new


def add_capture(
    world: World,
    authorization: Authorization,
    *,
    reference_id: str,
    amount: Money,
    note: str,
    soft_descriptor: str,
    outcome: Outcome | None,
) -> Capture:
    """Add a Pending capture; nothing is collected yet."""
    new = Capture(
        id=world.new_transaction_id(authorization.order_reference_id, Kind.CAPTURE),
        seller_id=authorization.seller_id,
        environment=authorization.environment,
        creation_time=world.now,
        status=pending(world.now, outcome),
        order_reference_id=authorization.order_reference_id,
        reference_id=reference_id,
        amount=amount,
        note=note,
        soft_descriptor=soft_descriptor,
        outcome=outcome,
        authorization_id=authorization.id,
    )
    world.add(new, EffectKind.CAPTURE)
    authorization.capture_ids.append(new.id)
    return new


def settle(world: World, thing: Capture, outcome: Outcome | None = None) -> None:
    """Let Amazon decide about a Pending capture: as it was asked to, or else in the seller's favour.

    A capture that is declined at once leaves its authorization Open, for another try. One that was Pending
    has closed it already.
    """
    decided = outcome or thing.outcome or Outcome(State.COMPLETED)
    if decided.state is State.DECLINED:
        world.change(thing, State.DECLINED, decided.reason)
        return
    warned = decided.reason is Reason.STOP_SHIPMENT
    world.change(thing, State.COMPLETED, Reason.STOP_SHIPMENT if warned else Reason.NONE)
    _use_up(world, thing)
    if decided.state is State.CLOSED:
        world.change(thing, State.CLOSED, decided.reason)


def _start(world: World, new: Capture, authorization: Authorization) -> None:
    asked_to_wait = new.outcome is not None and new.outcome.state is State.PENDING
    if not asked_to_wait and world.now - authorization.creation_time <= PROMPT_CAPTURE:
        settle(world, new)
        return
    if asked_to_wait:
        new.outcome = None
    # UNCONFIRMED: the authorization closes with MaxCapturesProcessed as soon as a capture is accepted, though
    # nothing is collected yet and the capture may still be declined. A client must look at the capture too.
    _use_up(world, new)
    world.schedule(Task.RESULT, new.id, world.now + RESULT_DELAY[Kind.CAPTURE, new.environment])


def _use_up(world: World, thing: Capture) -> None:
    authorization = world.get(thing.authorization_id, Authorization)
    if authorization.status.state is State.OPEN:
        world.change(authorization, State.CLOSED, Reason.MAX_CAPTURES_PROCESSED)
    close_exhausted_order(world, world.get(thing.order_reference_id, OrderReference))
