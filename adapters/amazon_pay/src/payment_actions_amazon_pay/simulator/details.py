"""Each object as Amazon shows it: the fields from which API replies and notifications are written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from .limits import captured, refunded
from .money import Money
from .objects import Authorization, Capture, OrderReference, PaymentObject, Refund, Status
from .ordering import constraints
from .states import Reason
from .world import World

#: Elements by name: a text, an amount, a list of ids, or more elements.
Tree = Mapping[str, "str | Money | list[str] | Tree"]

_CITY: Final = {"City": "London", "PostalCode": "SW1A 1AA", "CountryCode": "GB"}
_PERSON: Final = {"Name": "Test Buyer", "AddressLine1": "1 Sandbox Street", "Phone": "0000000000"}
_BUYER: Final = {"Name": "Test Buyer", "Email": "buyer@example.com"}
_CONSTRAINT_TEXTS: Final = {
    "AmountNotSet": "The seller has not set the amount for the Order Reference.",
    "PaymentMethodNotAllowed": "The payment method chosen is not allowed for this Order Reference.",
}


def timestamp(time: datetime) -> str:
    """Write a time as Amazon does: ``2015-10-30T21:02:38.508Z``."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def order_reference_details(order: OrderReference, *, buyer_known: bool) -> Tree:
    """Return an OrderReferenceDetails; without ``buyer_known`` it shows only where the buyer lives."""
    address = {**_PERSON, **_CITY} if buyer_known else _CITY
    tree: dict[str, str | Money | list[str] | Tree] = {
        "AmazonOrderReferenceId": order.id,
        "OrderReferenceStatus": _status(order.status),
        "SellerOrderAttributes": {k: v for k, v in order.attributes.items() if k != "PlatformId"},
        "Destination": {"DestinationType": "Physical", "PhysicalDestination": address},
        "IdList": list(order.authorization_ids),
        "CreationTimestamp": timestamp(order.creation_time),
        "ExpirationTimestamp": timestamp(order.expiration_time),
        "ReleaseEnvironment": order.environment.value,
        "RequestPaymentAuthorization": "false",
    }
    if order.total is not None:
        tree["OrderTotal"] = order.total
    if order.note:
        tree["SellerNote"] = order.note
    if "PlatformId" in order.attributes:
        tree["PlatformId"] = order.attributes["PlatformId"]
    if buyer_known:
        tree["Buyer"] = _BUYER
    if standing := constraints(order):
        # At most one is shown at a time; the others appear once it is gone.
        tree["Constraints"] = {"Constraint": _constraint(standing[0])}
    return tree


def authorization_details(world: World, authorization: Authorization) -> Tree:
    """Return an AuthorizationDetails; it does not tell its order reference."""
    return {
        "AmazonAuthorizationId": authorization.id,
        "AuthorizationReferenceId": authorization.reference_id,
        "SellerAuthorizationNote": authorization.note,
        "AuthorizationAmount": authorization.amount,
        "CapturedAmount": captured(world, authorization),
        "AuthorizationFee": nothing(authorization),
        "IdList": list(authorization.capture_ids),
        "CreationTimestamp": timestamp(authorization.creation_time),
        "ExpirationTimestamp": timestamp(authorization.expiration_time),
        "AuthorizationStatus": _status(authorization.status),
        "SoftDecline": str(authorization.soft_decline).lower(),
        "CaptureNow": str(authorization.capture_now).lower(),
        "SoftDescriptor": _descriptor(authorization),
    }


def capture_details(world: World, capture: Capture) -> Tree:
    """Return a CaptureDetails; it does not tell its authorization."""
    return {
        "AmazonCaptureId": capture.id,
        "CaptureReferenceId": capture.reference_id,
        "SellerCaptureNote": capture.note,
        "CaptureAmount": capture.amount,
        "RefundedAmount": refunded(world, capture),
        "CaptureFee": nothing(capture),
        "IdList": list(capture.refund_ids),
        "CreationTimestamp": timestamp(capture.creation_time),
        "CaptureStatus": _status(capture.status),
        "SoftDescriptor": _descriptor(capture),
    }


def refund_details(refund: Refund) -> Tree:
    """Return a RefundDetails; it does not tell its capture."""
    return {
        "AmazonRefundId": refund.id,
        "RefundReferenceId": refund.reference_id,
        "SellerRefundNote": refund.note,
        "RefundType": "SellerInitiated",
        "RefundAmount": refund.amount,
        "FeeRefunded": nothing(refund),
        "CreationTimestamp": timestamp(refund.creation_time),
        "RefundStatus": _status(refund.status),
        "SoftDescriptor": _descriptor(refund),
    }


def notified_order_reference(order: OrderReference) -> Tree:
    """Return the OrderReference of a notification: less than a reply tells, and the seller's id."""
    attributes = {"SellerId": order.seller_id}
    if "SellerOrderId" in order.attributes:
        attributes["SellerOrderId"] = order.attributes["SellerOrderId"]
    return {
        "AmazonOrderReferenceId": order.id,
        **({} if order.total is None else {"OrderTotal": order.total}),
        "SellerOrderAttributes": attributes,
        "OrderReferenceStatus": _status(order.status),
        "CreationTimestamp": timestamp(order.creation_time),
        "ExpirationTimestamp": timestamp(order.expiration_time),
    }


def details_of(world: World, thing: PaymentObject) -> Tree:
    """Return whatever a Get call would show of an object."""
    if isinstance(thing, OrderReference):
        return order_reference_details(thing, buyer_known=True)
    if isinstance(thing, Authorization):
        return authorization_details(world, thing)
    if isinstance(thing, Capture):
        return capture_details(world, thing)
    return refund_details(thing)


def nothing(thing: Authorization | Capture | Refund) -> Money:
    """Return no money, in the currency of a transaction."""
    return Money(Decimal(0), thing.amount.currency)


def _status(status: Status) -> Tree:
    optional = {"ReasonDescription": status.description} if status.description else {}
    if status.reason is not Reason.NONE:
        optional["ReasonCode"] = status.reason.value
    return {"State": status.state.value, "LastUpdateTimestamp": timestamp(status.update_time), **optional}


def _descriptor(thing: Authorization | Capture | Refund) -> str:
    return f"AMZ*{thing.soft_descriptor or thing.seller_id}"


def _constraint(name: str) -> Tree:
    return {"ConstraintID": name, "Description": _CONSTRAINT_TEXTS[name]}
