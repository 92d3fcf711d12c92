"""What control calls answer: everything about an object, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from payment_actions_amazon_pay.simulator.details import Tree, details_of, timestamp
from payment_actions_amazon_pay.simulator.money import Money, api_text
from payment_actions_amazon_pay.simulator.objects import Authorization, Effect, OrderReference, PaymentObject
from payment_actions_amazon_pay.simulator.states import State
from payment_actions_amazon_pay.simulator.world import World

Json = Mapping[str, Any]


def object_view(world: World, thing: PaymentObject) -> Json:
    """Return an object with its state, what it belongs to, and what a Get call shows of it."""
    view: dict[str, Any] = {
        "id": thing.id,
        "kind": thing.kind.value,
        "seller_id": thing.seller_id,
        "environment": thing.environment.value,
        "state": thing.status.state.value,
        "reason_code": thing.status.reason.value,
        "creation_time": timestamp(thing.creation_time),
        "update_time": timestamp(thing.status.update_time),
        "details": _plain(details_of(world, thing)),
    }
    if isinstance(thing, OrderReference):
        amount = {} if thing.total is None else _amount(thing.total)
        return {**view, **amount, "address_consent_token": thing.address_consent_token}
    belongs_to = {"order_reference": thing.order_reference_id, "reference_id": thing.reference_id}
    if isinstance(thing, Authorization):
        return {**view, **belongs_to, **_amount(thing.amount), "capture_now": thing.capture_now}
    return {**view, **belongs_to, **_amount(thing.amount)}


def effect_view(world: World, effect: Effect) -> Json | None:
    """Return what was done to money and what has become of it; None if declined: nothing was done."""
    thing = world.objects[effect.object_id]
    assert not isinstance(thing, OrderReference)
    if thing.status.state is State.DECLINED:
        return None
    return {
        "kind": effect.kind.value,
        "object": thing.id,
        "order_reference": thing.order_reference_id,
        "reference_id": thing.reference_id,
        **_amount(thing.amount),
        "time": timestamp(effect.time),
        "state": thing.status.state.value,
        "reason_code": thing.status.reason.value,
    }


def _amount(money: Money) -> dict[str, str]:
    return {"amount": api_text(money), "currency": money.currency}


def _plain(tree: Tree) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in tree.items()}


def _plain_value(value: str | Money | list[str] | Tree) -> Any:
    if isinstance(value, Money):
        return _amount(value)
    return value if isinstance(value, str | list) else _plain(value)
