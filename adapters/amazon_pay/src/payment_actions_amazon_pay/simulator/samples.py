"""The test messages that Seller Central sends: about nothing, with ids of no known shape."""

from __future__ import annotations

from typing import Any, Final

from .details import Tree
from .documents import notification_data
from .money import Money, parse_money
from .notifications import SHAPES

_ID: Final = "P01-0000000-0000000-000000"
_REFERENCE: Final = "P01-0000000-0000000-Ref"
_CREATED: Final = "2013-01-01T01:01:01.001Z"


def _usd(amount: str) -> Money:
    return parse_money(amount, "USD")


_TREES: Final[dict[str, Tree]] = {
    "OrderReferenceNotification": {
        "AmazonOrderReferenceId": _ID,
        "OrderTotal": _usd("5.0"),
        "SellerOrderAttributes": {},
        "OrderReferenceStatus": {
            "State": "Closed",
            "LastUpdateTimestamp": _CREATED,
            "ReasonCode": "AmazonClosed",
        },
        "CreationTimestamp": _CREATED,
        "ExpirationTimestamp": _CREATED,
    },
    "PaymentAuthorize": {
        "AmazonAuthorizationId": _ID,
        "AuthorizationReferenceId": _REFERENCE,
        "AuthorizationAmount": _usd("5.0"),
        "CapturedAmount": _usd("4.0"),
        "AuthorizationFee": _usd("0.4"),
        "IdList": [],
        "CreationTimestamp": _CREATED,
        "ExpirationTimestamp": "2013-03-01T01:01:01.001Z",
        "AuthorizationStatus": {
            "State": "Closed",
            "LastUpdateTimestamp": "2014-01-01T01:01:01.001Z",
            "ReasonCode": "MaxCapturesProcessed",
        },
        "CaptureNow": "true",
        "SoftDescriptor": "AMZ*softDescriptor",
    },
    "PaymentCapture": {
        "AmazonCaptureId": _ID,
        "CaptureReferenceId": _REFERENCE,
        "CaptureAmount": _usd("5.0"),
        "RefundedAmount": _usd("1.0"),
        "CaptureFee": _usd("0.5"),
        "IdList": [],
        "CreationTimestamp": _CREATED,
        # Amazon's sample really says None.
        "CaptureStatus": {
            "State": "Completed",
            "LastUpdateTimestamp": "2015-01-01T01:01:01.001Z",
            "ReasonCode": "None",
        },
        "SoftDescriptor": "AMZ*softDescriptor",
    },
    "PaymentRefund": {
        "AmazonRefundId": _ID,
        "RefundReferenceId": _REFERENCE,
        "RefundType": "SellerInitiated",
        "RefundAmount": _usd("5.0"),
        "FeeRefunded": _usd("0.5"),
        "CreationTimestamp": _CREATED,
        "RefundStatus": {"State": "Completed", "LastUpdateTimestamp": _CREATED, "ReasonCode": "None"},
        "SoftDescriptor": "AMZ*softDescriptor",
    },
}
SAMPLE_TYPES: Final = frozenset(_TREES)


def sample_message(seller_id: str, notification_type: str, timestamp: str) -> dict[str, Any]:
    """Return the Message of a Seller Central test notification of one type."""
    _, root, name = next(shape for shape in SHAPES.values() if shape[0] == notification_type)
    return {
        "MarketplaceID": "A3BXB0YN3XH17H",
        "ReleaseEnvironment": "Sandbox",
        "Version": "2013-01-01",
        "NotificationType": notification_type,
        "SellerId": seller_id,
        "NotificationReferenceId": "1111111-1111-11111-1111-11111EXAMPLE",
        "IsSample": True,
        "Timestamp": timestamp,
        "NotificationData": notification_data(root, name, _TREES[notification_type]),
    }
