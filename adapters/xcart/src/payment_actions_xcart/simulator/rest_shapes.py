"""Answers of the API of 5.5: orders, transactions and statuses."""

from datetime import UTC, datetime
from typing import Any

from .shop import Order
from .statuses import StatusRow


class ServerError(Exception):
    """X-Cart fails while it writes its answer: HTTP 500."""


def iso(timestamp: int) -> str:
    """Return a time as PHP's ``DATE_ISO8601`` writes it."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def status_json(row: StatusRow | None) -> dict[str, Any]:
    """Return a payment or shipping status resource.

    :raises ServerError: there is no status, or it has no code; the resource declares the code as a text.
    """
    if row is None or row.code is None:
        raise ServerError("the status has no code")
    return {"id": row.id, "code": row.code, "name": row.name, "customer_name": row.customer_name}


def order_json(order: Order) -> dict[str, Any]:
    """Return an order resource; its amounts are binary floats, as PHP writes them.

    :raises ServerError: one of its statuses has no code.
    """
    return {
        "id": order.id,
        "order_number": order.number,
        "total": float(order.total),
        "sub_total": float(order.total),
        "currency": order.currency,
        "email": order.email,
        "items": [],
        "billing_address": None,
        "shipping_address": None,
        "create_date": iso(order.date),
        "update_date": iso(order.renewed),
        "payment_status": status_json(order.payment_status) if order.payment_status else None,
        "shipping_status": status_json(order.shipping_status) if order.shipping_status else None,
        "customer_id": 1,
        "order_profile_id": 1,
        "shipping_id": 1,
        "shipping_method_name": "Courier",
        "notes": "",
        "admin_notes": "",
        "stock_status": "reduced",
        "surcharges": [],
        "tracking_numbers": [],
    }


def transaction_json(order: Order) -> dict[str, Any]:
    """Return the order's payment transaction.

    The published 5.5 source answers the method's name where the transaction's status belongs
    (``OrderPaymentTransaction/Transformer/OutputTransformer.php``); an order can be told to do the same.
    """
    paid = order.transaction
    return {
        "id": paid.id,
        "public_id": paid.public_id,
        "public_txn_id": paid.public_id,
        "method_id": 77,
        "type": paid.type,
        "date": iso(paid.date),
        "status": order.method_code if order.transaction_status_is_method_name else paid.status,
        "name": order.method_code,
        "local_name": order.method_name,
        "currency": paid.currency,
        "value": float(paid.value),
        "note": paid.note,
        "data": [
            {"id": cell.id, "name": cell.name, "label": cell.name, "value": cell.value, "access_level": "A"}
            for cell in paid.cells
        ],
        "backend_transactions": [row.as_json() | {"date": iso(row.date), "data": []} for row in paid.backend],
    }
