"""Control calls about payments: the checkout, Seller Central, the buyer, and Amazon's own decisions."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Final

from payment_actions_amazon_pay.simulator.closing import cancel_order, close_authorization
from payment_actions_amazon_pay.simulator.due import mend_payment_method, promised, settle
from payment_actions_amazon_pay.simulator.money import Money, parse_money
from payment_actions_amazon_pay.simulator.objects import (
    Authorization,
    Capture,
    Environment,
    OrderReference,
    Outcome,
    PaymentObject,
)
from payment_actions_amazon_pay.simulator.operations import OPERATIONS
from payment_actions_amazon_pay.simulator.ordering import create_draft
from payment_actions_amazon_pay.simulator.parameters import Parameters
from payment_actions_amazon_pay.simulator.simulator import Simulator
from payment_actions_amazon_pay.simulator.states import Kind, Reason, State, legal

from .body import Body, ControlError, find
from .views import Json, effect_view, object_view


class Region(StrEnum):
    """Where the seller is at home; it shows in the order reference's id."""

    NA = "na"
    EU = "eu"
    JP = "jp"


class Decided(StrEnum):
    """The calls whose outcome can be planned."""

    AUTHORIZE = "Authorize"
    CAPTURE = "Capture"
    REFUND = "Refund"


_REGION_NUMBERS: Final = {Region.NA: "01", Region.EU: "02", Region.JP: "03"}
_KINDS: Final = {
    Decided.AUTHORIZE: Kind.AUTHORIZATION,
    Decided.CAPTURE: Kind.CAPTURE,
    Decided.REFUND: Kind.REFUND,
}
#: Moves from Pending that are not Amazon's to decide: somebody else makes them, by acting.
_NOT_AMAZONS: Final = {
    (Kind.AUTHORIZATION, State.CLOSED, Reason.MAX_CAPTURES_PROCESSED),
    (Kind.AUTHORIZATION, State.CLOSED, Reason.SELLER_CLOSED),
    (Kind.AUTHORIZATION, State.CLOSED, Reason.ORDER_REFERENCE_CANCELED),
}
#: What takes two moves from Pending.
_TWO_MOVES: Final = {(Kind.CAPTURE, State.CLOSED, Reason.AMAZON_CLOSED)}
#: What can only be decided beforehand.
_ONLY_PLANNED: Final = {
    (Kind.AUTHORIZATION, State.CLOSED, Reason.EXPIRED_UNUSED),
    (Kind.CAPTURE, State.PENDING, Reason.NONE),
    (Kind.CAPTURE, State.PENDING, Reason.STOP_SHIPMENT),
}
#: Action of the API, and the parameter that names its object, by console action.
_CONSOLE: Final = {
    "capture": ("Capture", "AmazonAuthorizationId"),
    "refund": ("Refund", "AmazonCaptureId"),
    "close-authorization": ("CloseAuthorization", "AmazonAuthorizationId"),
    "cancel-order-reference": ("CancelOrderReference", "AmazonOrderReferenceId"),
    "close-order-reference": ("CloseOrderReference", "AmazonOrderReferenceId"),
}


async def create_order_reference(simulator: Simulator, body: Body, _name: str) -> Json:
    """Be the buyer who chose Amazon Pay at the checkout."""
    total = _money(body, "amount") if "amount" in body else None
    order = create_draft(
        simulator.catch_up(),
        body.seller_id(simulator),
        body.choice("environment", Environment, Environment.SANDBOX),
        total=total,
        region_number=_REGION_NUMBERS[body.choice("region", Region, Region.NA)],
    )
    return object_view(simulator.world, order)


async def list_objects(simulator: Simulator, body: Body, _name: str) -> Json:
    """List what there is, oldest first."""
    world = simulator.catch_up()
    kinds = {body.choice("kind", Kind)} if "kind" in body else set(Kind)
    order_id = body.text("order_reference", "")
    things = (each for each in world.objects.values() if each.kind in kinds)
    return {"objects": [object_view(world, each) for each in things if each.id.startswith(order_id)]}


async def read_object(simulator: Simulator, _body: Body, name: str) -> Json:
    """Show one object."""
    world = simulator.catch_up()
    return object_view(world, find(world, name))


async def list_effects(simulator: Simulator, body: Body, _name: str) -> Json:
    """List what was done to money, by whomever, in order; what was declined is not there."""
    world = simulator.catch_up()
    order_id = body.text("order_reference", "")
    effects = (each for each in world.effects if each.object_id.startswith(order_id))
    views = (effect_view(world, each) for each in effects)
    return {"effects": [view for view in views if view is not None]}


async def use_console(simulator: Simulator, body: Body, name: str) -> Json:
    """Do in Seller Central what the API could do: no signature, no quota, no fault."""
    if name not in _CONSOLE:
        raise ControlError(404, f"The console action must be one of {', '.join(sorted(_CONSOLE))}.")
    action, id_parameter = _CONSOLE[name]
    world = simulator.catch_up()
    thing = body.thing(world)
    values = {id_parameter: thing.id}
    if action in {Decided.CAPTURE, Decided.REFUND}:
        amount = body.text("amount", str(_amount_of(thing).amount))
        values |= {f"{action}ReferenceId": f"console-{uuid.uuid4().hex[:24]}"}
        values |= {f"{action}Amount.Amount": amount}
        values |= {f"{action}Amount.CurrencyCode": _amount_of(thing).currency}
    OPERATIONS[action](world, Parameters(values, thing.seller_id, thing.environment))
    world.flush()
    return object_view(world, _newest(simulator, thing, action))


async def mend(simulator: Simulator, body: Body, _name: str) -> Json:
    """Be the buyer who fixes the payment method of a Suspended order reference."""
    world = simulator.catch_up()
    order = body.thing(world)
    if order.status.state is not State.SUSPENDED:
        raise ControlError(409, f"{order.id} is {order.status.state}, not Suspended.")
    mend_payment_method(world, order.id)
    world.flush()
    return object_view(world, order)


async def act_as_amazon(simulator: Simulator, body: Body, name: str) -> Json:
    """Let Amazon close anything (AmazonClosed), or cancel an order reference (AmazonCanceled)."""
    if name not in {"close", "cancel"}:
        raise ControlError(404, "Amazon can close or cancel.")
    world = simulator.catch_up()
    thing = body.thing(world)
    if name == "cancel":
        if not isinstance(thing, OrderReference):
            raise ControlError(409, "Only an order reference can be canceled.")
        cancel_order(world, thing, Reason.AMAZON_CANCELED)
    elif isinstance(thing, Authorization):
        close_authorization(world, thing, Reason.AMAZON_CLOSED)
    else:
        world.change(thing, State.CLOSED, Reason.AMAZON_CLOSED)
    world.flush()
    return object_view(world, thing)


async def settle_now(simulator: Simulator, body: Body, _name: str) -> Json:
    """Let Amazon decide now about something Pending, held or not; as named, or as it would anyway."""
    world = simulator.catch_up()
    thing = body.thing(world)
    if thing.status.state is not State.PENDING or promised(world, thing):
        raise ControlError(409, f"{thing.id} is {thing.status.state} or waits for its authorization.")
    settle(world, thing, _outcome(body, thing.kind, planned=False) if "state" in body else None)
    world.flush()
    return object_view(world, thing)


async def plan(simulator: Simulator, body: Body, _name: str) -> Json:
    """Decide the next calls' outcome beforehand, also in the live environment and where no string can."""
    operation = body.choice("operation", Decided)
    outcome = _outcome(body, _KINDS[operation], planned=True)
    simulator.world.planned[operation].extend([outcome] * body.count("count"))
    return {"planned": len(simulator.world.planned[operation])}


def _outcome(body: Body, kind: Kind, *, planned: bool) -> Outcome:
    state = body.choice("state", State)
    reason = body.choice("reason_code", Reason, Reason.NONE)
    wanted = (kind, state, reason)
    one_move = legal(kind, State.PENDING, state, reason) and wanted not in _NOT_AMAZONS
    if not (one_move or wanted in _TWO_MOVES or (planned and wanted in _ONLY_PLANNED)):
        raise ControlError(409, f"Amazon never decides {state} ({reason or 'no reason'}) of a {kind} here.")
    minutes = body.count("minutes") if "minutes" in body else None
    return Outcome(state, reason, soft_decline=body.flag("soft_decline", default=False), minutes=minutes)


def _money(body: Body, name: str) -> Money:
    return parse_money(body.text(name), body.text("currency", "USD"))


def _amount_of(thing: PaymentObject) -> Money:
    if isinstance(thing, OrderReference):
        raise ControlError(409, f"{thing.id} is an order reference.")
    return thing.amount


def _newest(simulator: Simulator, thing: PaymentObject, action: str) -> PaymentObject:
    """Return what a console action has made, or else what it has changed."""
    if action == Decided.CAPTURE and isinstance(thing, Authorization):
        return simulator.world.objects[thing.capture_ids[-1]]
    if action == Decided.REFUND and isinstance(thing, Capture):
        return simulator.world.objects[thing.refund_ids[-1]]
    return thing
