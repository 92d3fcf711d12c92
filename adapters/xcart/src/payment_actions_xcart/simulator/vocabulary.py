"""X-Cart 5's own words: status codes, transaction types, and the names its Amazon modules store ids under."""

from typing import Final

#: Payment status: database id, code, name in the admin, name the customer sees. The position is ten times the id.
PAYMENT_STATUSES: Final = (
    (1, "Q", "Awaiting payment", "Awaiting payment"),
    (2, "A", "Authorized", "Authorized"),
    (3, "PP", "Partially paid", "Partially paid"),
    (4, "P", "Paid", "Paid"),
    (5, "D", "Declined", "Declined"),
    (6, "C", "Cancelled", "Cancelled"),
    (7, "R", "Refunded", "Refunded"),
)

#: Shipping status: the same.
SHIPPING_STATUSES: Final = (
    (1, "N", "New", "New"),
    (2, "P", "Processing", "Processing"),
    (3, "S", "Shipped", "Shipped"),
    (4, "D", "Delivered", "Delivered"),
    (5, "WND", "Will not deliver", "Will not deliver"),
    (6, "R", "Returned", "Returned"),
    (7, "WFA", "Waiting for approval", "Waiting for approval"),
    (8, "NBA", "New (backordered)", "New"),
)

BACKEND_TYPES: Final = frozenset(
    {
        "auth",
        "sale",
        "capture",
        "capturePart",
        "captureMulti",
        "void",
        "voidPart",
        "voidMulti",
        "refund",
        "refundPart",
        "refundMulti",
        "getInfo",
        "accept",
        "decline",
        "test",
    }
)
BACKEND_STATUSES: Final = frozenset("IPSWF")

#: What the control interface calls a stored fact -> the first module's order detail name.
DETAIL_NAMES: Final = {
    "order_reference": "AmazonOrderReferenceId",
    "authorization": "amazon_pa_auth_id",
    "authorization_status": "amazon_pa_auth_status",
    "capture": "amazon_pa_capture_id",
    "capture_status": "amazon_pa_capture_status",
    "refund": "amazon_pa_refund_id",
    "refund_status": "amazon_pa_refund_status",
}

#: The same facts -> the later module's payment transaction data cells.
CELL_NAMES: Final = {
    "order_reference": "amazonOrderReferenceId",
    "authorization": "amazonAuthorizationId",
    "authorization_status": "authorizationStatus",
    "authorization_reason": "authorizationReason",
    "capture": "amazonCaptureId",
    # The later module has one status cell for authorization and capture.
    "capture_status": "authorizationStatus",
    "refund": "amazonRefundId",
    "refund_status": "refundStatus",
}

#: Where an order keeps its Amazon ids. "both" is an order that the later module's migration has copied.
STORAGE_STYLES: Final = ("order_details", "transaction_data", "both")

#: Which of X-Cart's Amazon modules the shop has: the first one until 5.3.3, the later one since 5.3.4.
AMAZON_MODULES: Final = ("first", "later")

TRANSACTION_TYPES: Final = ("auth", "sale")

#: What X-Cart 5 calls the event in an order's history.
HISTORY_CODES: Final = {
    "payment_status": "CHANGE PAYMENT STATUS ORDER",
    "shipping_status": "CHANGE SHIPPING STATUS ORDER",
}
