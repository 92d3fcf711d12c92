"""The operations of the API: what each does to the world, and what its reply holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from . import authorizing, capturing, ordering, refunding
from .details import (
    Tree,
    authorization_details,
    capture_details,
    nothing,
    order_reference_details,
    refund_details,
    timestamp,
)
from .objects import Authorization, Capture, Refund
from .parameters import Parameters
from .world import World

#: Executes a call and returns what is in its result element; None if the reply has no such element.
Operation = Callable[[World, Parameters], Tree | None]


def _set_order_reference_details(world: World, parameters: Parameters) -> Tree:
    order = ordering.set_details(world, parameters)
    return {"OrderReferenceDetails": order_reference_details(order, buyer_known=False)}


def _confirm_order_reference(world: World, parameters: Parameters) -> None:
    ordering.confirm(world, parameters)


def _get_order_reference_details(world: World, parameters: Parameters) -> Tree:
    order, buyer_known = ordering.details(world, parameters)
    return {"OrderReferenceDetails": order_reference_details(order, buyer_known=buyer_known)}


def _authorize(world: World, parameters: Parameters) -> Tree:
    authorization, new = authorizing.authorize(world, parameters)
    details = authorization_details(world, authorization)
    if new:
        # Amazon's samples of a synchronous CaptureNow reply say Closed, CapturedAmount 0; a Get tells more.
        details = {**details, "CapturedAmount": nothing(authorization)}
    return {"AuthorizationDetails": details}


def _get_authorization_details(world: World, parameters: Parameters) -> Tree:
    authorization = parameters.target(world, Authorization)
    return {"AuthorizationDetails": authorization_details(world, authorization)}


def _close_authorization(world: World, parameters: Parameters) -> Tree:
    authorizing.close(world, parameters)
    return {}


def _capture(world: World, parameters: Parameters) -> Tree:
    return {"CaptureDetails": capture_details(world, capturing.capture(world, parameters))}


def _get_capture_details(world: World, parameters: Parameters) -> Tree:
    return {"CaptureDetails": capture_details(world, parameters.target(world, Capture))}


def _refund(world: World, parameters: Parameters) -> Tree:
    return {"RefundDetails": refund_details(refunding.refund(world, parameters))}


def _get_refund_details(world: World, parameters: Parameters) -> Tree:
    return {"RefundDetails": refund_details(parameters.target(world, Refund))}


def _cancel_order_reference(world: World, parameters: Parameters) -> Tree:
    ordering.cancel(world, parameters)
    return {}


def _close_order_reference(world: World, parameters: Parameters) -> Tree:
    ordering.close(world, parameters)
    return {}


def _get_service_status(world: World, _parameters: Parameters) -> Tree:
    return {"Status": "GREEN", "Timestamp": timestamp(world.now)}


OPERATIONS: Final[dict[str, Operation]] = {
    "SetOrderReferenceDetails": _set_order_reference_details,
    "ConfirmOrderReference": _confirm_order_reference,
    "GetOrderReferenceDetails": _get_order_reference_details,
    "Authorize": _authorize,
    "GetAuthorizationDetails": _get_authorization_details,
    "CloseAuthorization": _close_authorization,
    "Capture": _capture,
    "GetCaptureDetails": _get_capture_details,
    "Refund": _refund,
    "GetRefundDetails": _get_refund_details,
    "CancelOrderReference": _cancel_order_reference,
    "CloseOrderReference": _close_order_reference,
    "GetServiceStatus": _get_service_status,
}
