"""X-Cart 5's own words: status codes, transaction types, and the names its Amazon modules store ids under."""

from typing import Final

#: Payment status code -> (database id, name in the admin, name the customer sees).
PAYMENT_STATUSES: Final = {
    "A": (1, "Authorized", "Authorized"),
    "PP": (2, "Partially paid", "Partially paid"),
    "P": (3, "Paid", "Paid"),
    "D": (4, "Declined", "Declined"),
    "C": (5, "Cancelled", "Cancelled"),
    "Q": (6, "Awaiting payment", "Awaiting payment"),
    "R": (7, "Refunded", "Refunded"),
}

#: Shipping status code -> (database id, name in the admin, name the customer sees).
SHIPPING_STATUSES: Final = {
    "N": (1, "New", "New"),
    "P": (2, "Processing", "Processing"),
    "S": (3, "Shipped", "Shipped"),
    "D": (4, "Delivered", "Delivered"),
    "WND": (5, "Will not deliver", "Will not deliver"),
    "R": (6, "Returned", "Returned"),
    "WFA": (7, "Waiting for approval", "Waiting for approval"),
    "NBA": (8, "New (backordered)", "New"),
}

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

#: What X-Cart 5 calls the event in an order's history.
HISTORY_CODES: Final = {
    "payment_status": "CHANGE PAYMENT STATUS ORDER",
    "shipping_status": "CHANGE SHIPPING STATUS ORDER",
}
