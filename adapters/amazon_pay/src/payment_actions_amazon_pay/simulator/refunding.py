"""What becomes of a refund."""

from __future__ import annotations

from .durations import RESULT_DELAY
from .limits import REFUNDS_MAX, check_refund, refunded, refunds_of
from .money import ceiling
from .objects import Capture, EffectKind, Outcome, Refund, pending
from .parameters import Parameters, require_permit
from .replay import remember, replayed
from .simulation_strings import outcome_of
from .states import Kind, Reason, State
from .world import Task, World


def refund(world: World, parameters: Parameters) -> Refund:
    """Refund: always Pending first."""
    capture = parameters.target(world, Capture)
    reference_id = parameters.reference("RefundReferenceId")
    amount = parameters.money("RefundAmount")
    note = parameters.note("SellerRefundNote")
    soft_descriptor = parameters.soft_descriptor()
    wanted = outcome_of("Refund", note, parameters.environment)
    if known := replayed(world, parameters, "Refund", capture.id, reference_id, Refund):
        return known
    require_permit("Refund", capture)
    check_refund(world, capture, amount)
    new = Refund(
        id=world.new_transaction_id(capture.order_reference_id, Kind.REFUND),
        seller_id=capture.seller_id,
        environment=capture.environment,
        creation_time=world.now,
        status=pending(world.now),
        order_reference_id=capture.order_reference_id,
        reference_id=reference_id,
        amount=amount,
        note=note,
        soft_descriptor=soft_descriptor,
        outcome=wanted or world.take_planned("Refund"),
        capture_id=capture.id,
    )
    world.add(new, EffectKind.REFUND)
    capture.refund_ids.append(new.id)
    remember(world, parameters, "Refund", capture.id, reference_id, new.id)
    world.schedule(Task.RESULT, new.id, world.now + RESULT_DELAY[Kind.REFUND, new.environment])
    return new


def settle(world: World, thing: Refund, outcome: Outcome | None = None) -> None:
    """Let Amazon decide about a Pending refund: as it was asked to, or else in the seller's favour."""
    decided = outcome or thing.outcome or Outcome(State.COMPLETED)
    world.change(thing, decided.state, decided.reason)
    _close_if_exhausted(world, world.get(thing.capture_id, Capture))


def _close_if_exhausted(world: World, capture: Capture) -> None:
    """Close a capture that nothing more can be refunded of.

    Amazon's page counts the tolerance in: a capture refunded exactly its amount stays Completed, and a
    further refund within the tolerance succeeds.
    """
    if capture.status.state is not State.COMPLETED:
        return
    refunds = refunds_of(world, capture)
    if refunded(world, capture).amount >= ceiling(capture.amount):
        world.change(capture, State.CLOSED, Reason.MAX_AMOUNT_REFUNDED)
    elif len(refunds) >= REFUNDS_MAX and all(each.status.state is not State.PENDING for each in refunds):
        world.change(capture, State.CLOSED, Reason.MAX_REFUNDS_PROCESSED)
