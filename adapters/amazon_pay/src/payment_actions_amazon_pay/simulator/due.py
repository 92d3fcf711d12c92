"""What happens by itself once its time has come: one handler for each task."""

from __future__ import annotations

from typing import Final

from . import authorizing, capturing, refunding
from .closing import CONFIRMED, close_authorization
from .objects import Authorization, Capture, OrderReference, Outcome, PaymentObject, Refund
from .states import Reason, State
from .world import Handler, Task, World


def settle(world: World, thing: PaymentObject, outcome: Outcome | None = None) -> None:
    """Let Amazon decide about something Pending, now."""
    if isinstance(thing, Authorization):
        authorizing.settle(world, thing, outcome)
    elif isinstance(thing, Capture):
        capturing.settle(world, thing, outcome)
    elif isinstance(thing, Refund):
        refunding.settle(world, thing, outcome)


def promised(world: World, thing: PaymentObject) -> bool:
    """Tell whether this is a capture that an undecided CaptureNow authorization only lists."""
    if not isinstance(thing, Capture):
        return False
    return world.get(thing.authorization_id, Authorization).status.state is State.PENDING


def _result(world: World, object_id: str) -> None:
    thing = world.objects[object_id]
    if thing.status.state is State.PENDING:
        settle(world, thing)


def _time_out(world: World, object_id: str) -> None:
    authorization = world.get(object_id, Authorization)
    if authorization.status.state is State.PENDING:
        authorizing.settle(world, authorization, Outcome(State.DECLINED, Reason.TRANSACTION_TIMED_OUT))


def _expire(world: World, object_id: str) -> None:
    thing = world.objects[object_id]
    if isinstance(thing, Authorization) and thing.status.state is State.OPEN:
        close_authorization(world, thing, Reason.EXPIRED_UNUSED)
    if isinstance(thing, OrderReference) and thing.status.state in CONFIRMED:
        world.change(thing, State.CLOSED, Reason.EXPIRED)


def _go_stale(world: World, object_id: str) -> None:
    order = world.get(object_id, OrderReference)
    if order.status.state is State.DRAFT:
        world.change(order, State.CANCELED, Reason.STALE)


def _close_unused(world: World, object_id: str) -> None:
    order = world.get(object_id, OrderReference)
    if order.status.state is State.OPEN and not order.authorization_ids:
        # UNCONFIRMED: the reason code is not documented.
        world.change(order, State.CLOSED, Reason.AMAZON_CLOSED)


def mend_payment_method(world: World, object_id: str) -> None:
    """Let the buyer choose a payment method that works: the order reference opens again."""
    order = world.get(object_id, OrderReference)
    if order.status.state is State.SUSPENDED:
        world.change(order, State.OPEN)


DUE: Final[dict[Task, Handler]] = {
    Task.RESULT: _result,
    Task.TIME_OUT: _time_out,
    Task.EXPIRE: _expire,
    Task.GO_STALE: _go_stale,
    Task.CLOSE_UNUSED: _close_unused,
    Task.MEND_PAYMENT_METHOD: mend_payment_method,
}
