"""How objects come to their end through one another."""

from __future__ import annotations

from .limits import AUTHORIZATIONS_MAX, authorizations_of, captured_count, captures_of, charged
from .money import ceiling
from .objects import Authorization, OrderReference
from .states import Reason, State
from .world import World

UNFINISHED = frozenset({State.PENDING, State.OPEN})
CONFIRMED = frozenset({State.OPEN, State.SUSPENDED})


def close_authorization(world: World, authorization: Authorization, reason: Reason, description: str = "") -> None:
    """Close an authorization that will not be captured any more; a capture it has only promised fails."""
    world.change(authorization, State.CLOSED, reason, description)
    fail_promised_captures(world, authorization)


def fail_promised_captures(world: World, authorization: Authorization) -> None:
    """End the capture that an asynchronous CaptureNow authorization has listed and now cannot make."""
    for capture in captures_of(world, authorization):
        if capture.status.state is State.PENDING:
            world.change(capture, State.DECLINED, Reason.PROCESSING_FAILURE)


def cancel_order(world: World, order: OrderReference, reason: Reason, description: str = "") -> list[Authorization]:
    """Cancel an order reference; return the authorizations that were closed with it."""
    world.change(order, State.CANCELED, reason, description)
    unfinished = [each for each in authorizations_of(world, order) if each.status.state in UNFINISHED]
    for authorization in unfinished:
        close_authorization(world, authorization, Reason.ORDER_REFERENCE_CANCELED)
    return unfinished


def close_exhausted_order(world: World, order: OrderReference) -> None:
    """Close an order reference that nothing more can be charged on.

    UNCONFIRMED: MaxAmountCharged counts the tolerance in, as Amazon's page on captures does for refunds. An
    order charged exactly its total stays Open, and a second charge within the tolerance would succeed.
    """
    if order.status.state not in CONFIRMED or order.total is None:
        return
    if charged(world, order) >= ceiling(order.total):
        world.change(order, State.CLOSED, Reason.MAX_AMOUNT_CHARGED)
    elif captured_count(world, order) >= AUTHORIZATIONS_MAX:
        world.change(order, State.CLOSED, Reason.MAX_AUTHORIZATIONS_CAPTURED)
