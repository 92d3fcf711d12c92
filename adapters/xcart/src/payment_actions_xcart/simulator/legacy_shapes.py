r"""Answers of the older API: orders, transactions and statuses as the module ``XC\RESTAPI`` writes them."""

from typing import Any, Final

from .rest_shapes import iso
from .shop import Order
from .statuses import StatusRow

#: Secret fields of a profile: an answer of this API belongs in no log.
PROFILE_SECRETS: Final = ("password", "passwordResetKey", "password_hint_answer")


def list_json(order: Order) -> dict[str, Any]:
    """Return an order without associations: no status and no currency, as the module's lists have it."""
    return {
        "order_id": order.id,
        "shipping_id": 1,
        "shipping_method_name": "Courier",
        "payment_method_name": order.method_name,
        "tracking": "",
        "date": order.date,
        "lastRenewDate": order.renewed,
        "notes": "",
        "adminNotes": "",
        "orderNumber": order.number,
        "total": float(order.total),
        "subtotal": float(order.total),
    }


def order_json(order: Order) -> dict[str, Any]:
    """Return one order with its associations."""
    return list_json(order) | {
        "profile": _profile(order),
        "paymentStatus": status_json(order.payment_status),
        "shippingStatus": status_json(order.shipping_status),
        "currency": {"currency_id": 978, "code": order.currency, "symbol": "", "e": 2},
        "details": [
            {"detail_id": row, "name": name, "label": name, "value": value}
            for row, (name, value) in enumerate(order.details(), start=1)
        ],
        "payment_transactions": [_transaction_fields(order)],
    }


def transaction_json(order: Order) -> dict[str, Any]:
    """Return a transaction with its associations: only here does this API show the data cells."""
    paid = order.transaction
    return _transaction_fields(order) | {
        "order": list_json(order),
        "currency": {"currency_id": 978, "code": paid.currency},
        "payment_method": {"method_id": 77, "service_name": order.method_code, "name": order.method_name},
        "data": [
            {"data_id": cell.id, "name": cell.name, "label": cell.name, "access_level": "A", "value": cell.value}
            for cell in paid.cells
        ],
        "backend_transactions": [row.as_json() for row in paid.backend],
    }


def status_json(row: StatusRow | None) -> dict[str, Any] | None:
    """Return a status without its name: names are kept as translations."""
    return {"id": row.id, "code": row.code, "position": row.position} if row else None


def named_status_json(row: StatusRow) -> dict[str, Any]:
    """Return one status with its associations."""
    name = {"label_id": row.id, "name": row.name, "customerName": row.customer_name, "code": "en"}
    return {"id": row.id, "code": row.code, "position": row.position, "translations": [name]}


def complex_json(order: Order) -> dict[str, Any]:
    """Return an order in the schema ``complex``."""
    paid = order.transaction
    return {
        "orderId": order.id,
        "orderNumber": order.number,
        "subtotal": float(order.total),
        "total": float(order.total),
        "currency": order.currency,
        "orderDate": iso(order.date),
        "updateDate": iso(order.renewed),
        "paymentMethod": order.method_name,
        "paymentStatus": order.payment_status.code if order.payment_status else None,
        "shippingStatus": order.shipping_status.code if order.shipping_status else None,
        "transactions": [
            {"id": paid.public_id, "type": paid.type, "value": float(paid.value), "status": paid.status,
             "method": order.method_code, "note": paid.note},
        ],
        "details": [
            {"code": row, "label": name, "value": value}
            for row, (name, value) in enumerate(order.details(), start=1)
        ],
    }  # fmt: skip


def _profile(order: Order) -> dict[str, Any]:
    secrets = {name: f"{name} of {order.email}" for name in PROFILE_SECRETS}
    return {"profile_id": 1, "login": order.email, "password_hint": "", "anonymous": False, "status": "E"} | secrets


def _transaction_fields(order: Order) -> dict[str, Any]:
    paid = order.transaction
    return {
        "transaction_id": paid.id,
        "date": paid.date,
        "publicTxnId": paid.public_id,
        "method_name": order.method_code,
        "method_local_name": order.method_name,
        "status": paid.status,
        "value": float(paid.value),
        "note": paid.note,
        "type": paid.type,
        "public_id": paid.public_id,
    }
