"""What a seller does with an order reference."""

from __future__ import annotations

import secrets
from typing import Final

from .closing import cancel_order
from .durations import DRAFT_LIFETIME, IMMEDIATE_AUTHORIZATION_LIMIT, ORDER_LIFETIME
from .limits import authorizations_of, captures_of
from .money import Money
from .objects import EffectKind, Environment, OrderReference, Status
from .parameters import Parameters, require_permit
from .refusals import Code, Refusal
from .simulation_strings import constraint_of
from .states import Reason, State
from .world import Task, World

_SELLER_ATTRIBUTES: Final = "OrderReferenceAttributes.SellerOrderAttributes"
_ATTRIBUTES: Final = {
    "PlatformId": "OrderReferenceAttributes.PlatformId",
    "SellerOrderId": f"{_SELLER_ATTRIBUTES}.SellerOrderId",
    "StoreName": f"{_SELLER_ATTRIBUTES}.StoreName",
    "CustomInformation": f"{_SELLER_ATTRIBUTES}.CustomInformation",
    "SupplementaryData": f"{_SELLER_ATTRIBUTES}.SupplementaryData",
}
_TEXT_LENGTH_MAX: Final = 1024


def create_draft(
    world: World, seller_id: str, environment: Environment, *, total: Money | None, region_number: str
) -> OrderReference:
    """Create the Draft order reference that the buyer's checkout widget hands to the shop."""
    order = OrderReference(
        id=world.new_order_reference_id(environment, region_number),
        seller_id=seller_id,
        environment=environment,
        creation_time=world.now,
        status=Status(State.DRAFT, Reason.NONE, "", world.now),
        expiration_time=world.now + ORDER_LIFETIME,
        address_consent_token=secrets.token_urlsafe(16),
        total=total,
    )
    world.add(order)
    world.schedule(Task.GO_STALE, order.id, world.now + DRAFT_LIFETIME)
    world.schedule(Task.EXPIRE, order.id, order.expiration_time)
    return order


def set_details(world: World, parameters: Parameters) -> OrderReference:
    """SetOrderReferenceDetails."""
    order = parameters.target(world, OrderReference)
    total = parameters.money("OrderReferenceAttributes.OrderTotal")
    note = parameters.text("OrderReferenceAttributes.SellerNote", _TEXT_LENGTH_MAX)
    given = {name: parameters.text(source, _TEXT_LENGTH_MAX) for name, source in _ATTRIBUTES.items()}
    constraint = constraint_of(note, parameters.environment)
    require_permit("SetOrderReferenceDetails", order)
    order.total, order.note, order.constraint = total, note, constraint
    order.attributes.update({name: value for name, value in given.items() if value})
    return order


def constraints(order: OrderReference) -> list[str]:
    """Return what still stands between a Draft order reference and its Confirm."""
    if order.status.state is not State.DRAFT:
        return []
    missing = ["AmountNotSet"] if order.total is None else []
    return missing + ([order.constraint] if order.constraint else [])


def confirm(world: World, parameters: Parameters) -> None:
    """ConfirmOrderReference."""
    order = parameters.target(world, OrderReference)
    at_once = parameters.flag("ExpectImmediateAuthorization")
    require_permit("ConfirmOrderReference", order)
    if standing := constraints(order):
        message = f"OrderReference {order.id} has constraints {', '.join(standing)} and cannot be confirmed."
        raise Refusal(Code.CONSTRAINTS_EXIST, message)
    world.change(order, State.OPEN)
    if at_once:
        world.schedule(Task.CLOSE_UNUSED, order.id, world.now + IMMEDIATE_AUTHORIZATION_LIMIT)


def details(world: World, parameters: Parameters) -> tuple[OrderReference, bool]:
    """GetOrderReferenceDetails; return the order and whether the caller may see who the buyer is.

    A token from the buyer's login unlocks that at once, the Confirm for everybody.
    """
    order = parameters.target(world, OrderReference)
    names = ("AddressConsentToken", "AccessToken")
    tokens = [token for name in names if (token := parameters.text(name, _TEXT_LENGTH_MAX))]
    if len(tokens) > 1:
        message = "Give an AddressConsentToken or an AccessToken, not both."
        raise Refusal(Code.INVALID_PARAMETER_VALUE, message)
    if tokens and tokens != [order.address_consent_token]:
        message = f"The token given does not belong to {order.id}."
        raise Refusal(Code.INVALID_ADDRESS_CONSENT_TOKEN, message)
    return order, bool(tokens) or order.status.state is not State.DRAFT


def cancel(world: World, parameters: Parameters) -> None:
    """CancelOrderReference: voids every authorization; refused once anything was captured or may be."""
    order = parameters.target(world, OrderReference)
    why = parameters.text("CancelationReason", _TEXT_LENGTH_MAX)
    require_permit("CancelOrderReference", order)
    captures = [capture for each in authorizations_of(world, order) for capture in captures_of(world, each)]
    if any(capture.status.state is not State.DECLINED for capture in captures):
        message = f"OrderReference {order.id} has captures and cannot be canceled."
        raise Refusal(Code.INVALID_CANCEL_ATTEMPT, message)
    for authorization in cancel_order(world, order, Reason.SELLER_CANCELED, why):
        world.record(EffectKind.VOID, authorization)


def close(world: World, parameters: Parameters) -> None:
    """CloseOrderReference: no new Authorize; open authorizations can still be captured.

    UNCONFIRMED: the reason code that goes with it.
    """
    order = parameters.target(world, OrderReference)
    why = parameters.text("ClosureReason", _TEXT_LENGTH_MAX)
    require_permit("CloseOrderReference", order)
    world.change(order, State.CLOSED, Reason.SELLER_CLOSED, why)
