"""The fields of the control interface: checked, and turned into the shop's own values."""

import time
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from starlette.requests import Request

from . import vocabulary as words
from .errors import InvalidArgument
from .shop import PAYMENT, SHIPPING, Order, Shop
from .statuses import StatusRow, StatusTable

CHANGEABLE: Final = frozenset(
    {
        "payment_status",
        "shipping_status",
        "amazon",
        "amazon_module",
        "backend_transactions",
        "storage",
        "total",
        "currency",
        "payment_method_code",
        "payment_method_name",
        "order_number",
    }
)
ORDER_FIELDS: Final = CHANGEABLE | {
    "cart",
    "email",
    "create_date",
    "update_date",
    "transaction_type",
    "transaction_status_is_method_name",
    "other_details",
}

#: A field, and its default: the rows of A and N, also where their codes were renamed.
_STATUS_FIELDS: Final = {PAYMENT: {"id": 2}, SHIPPING: {"id": 1}}


def create_order(shop: Shop, given: Mapping[str, Any]) -> Order:
    """Place the order that ``given`` describes; everything has a default.

    :raises InvalidArgument: names the field and its possible values.
    """
    now = int(time.time())
    method_code = _text(given, "payment_method_code", "PayWithAmazon")
    storage = _one_of(given.get("storage", "order_details"), words.STORAGE_STYLES)
    fields: dict[str, Any] = {
        "total": _amount(given.get("total", "129.90")),
        "currency": _text(given, "currency", "EUR"),
        "method_code": method_code,
        "method_name": _text(given, "payment_method_name", _method_name(method_code)),
        "email": _text(given, "email", "buyer@example.com"),
        "storage": storage,
        "amazon_module": _module(given, "first" if storage == "order_details" else "later"),
        "amazon": _amazon(given.get("amazon", {})),
        "other_details": _texts(given.get("other_details", {})),
        "transaction_status_is_method_name": bool(given.get("transaction_status_is_method_name", False)),
        "date": _timestamp(given, "create_date", now),
        "renewed": _timestamp(given, "update_date", now),
    }
    for name, default in _STATUS_FIELDS.items():
        fields[name] = _status(shop.statuses[name], given.get(name, default))
    rows = _backend_rows(given.get("backend_transactions", []))
    order = shop.create(fields | _number(given), _transaction(given, fields))
    order.transaction.backend = shop.backend_transactions(_initial_rows(order) + rows)
    return order


def update_order(shop: Shop, order: Order, given: Mapping[str, Any]) -> None:
    """Change the fields that ``given`` names; all of them are checked before any of them changes.

    :raises InvalidArgument: names the field and its possible values.
    """
    amazon = _amazon(given.get("amazon", {}))
    rows = _backend_rows(given.get("backend_transactions", []))
    changed: dict[str, Any] = {
        "storage": _one_of(given.get("storage", order.storage), words.STORAGE_STYLES),
        "amazon_module": _module(given, order.amazon_module),
        "total": _amount(given["total"]) if "total" in given else order.total,
        "currency": _text(given, "currency", order.currency),
        "method_code": _text(given, "payment_method_code", order.method_code),
        "method_name": _text(given, "payment_method_name", order.method_name),
        "number": _number(given).get("number", order.number),
    }
    statuses = {name: _status(shop.statuses[name], given[name]) for name in _STATUS_FIELDS if name in given}
    if changed["number"] != order.number:
        shop.require_free_number(changed["number"])
    for name, value in changed.items():
        setattr(order, name, value)
    shop.store_amazon(order, amazon)
    order.transaction.backend += shop.backend_transactions(rows)
    if given.keys() - statuses.keys():
        order.touch()
    for name, row in statuses.items():
        shop.link_status(order, name, row, who="checkout module", via="checkout")


def order_json(shop: Shop, order: Order) -> dict[str, Any]:
    """Return an order as the control interface tells it."""
    paid = order.transaction
    return {
        "id": order.id,
        "order_number": order.number,
        "total": str(order.total),
        "currency": order.currency,
        "payment_method_name": order.method_name,
        "payment_method_code": order.method_code,
        "payment_status": order.payment_status.code if order.payment_status else None,
        "payment_status_id": order.payment_status.id if order.payment_status else None,
        "shipping_status": order.shipping_status.code if order.shipping_status else None,
        "shipping_status_id": order.shipping_status.id if order.shipping_status else None,
        "storage": order.storage,
        "amazon_module": order.amazon_module,
        "amazon": order.amazon,
        "update_date": order.renewed,
        "transaction_id": paid.id,
        "public_id": paid.public_id,
        "transaction_type": paid.type,
        "transaction_status": paid.status,
        "transaction_value": str(paid.value),
        "cells": [{"id": cell.id, "name": cell.name, "value": cell.value} for cell in paid.cells],
        "backend_transactions": [row.as_json() | {"value": str(row.value)} for row in paid.backend],
        "history": order.history,
        "writes": [write.as_json() for write in shop.writes if write.order_id == order.id],
        "transaction_writes": [write for write in shop.transaction_writes if write["order_id"] == order.id],
    }


async def read_object(request: Request, known: Iterable[str]) -> dict[str, Any]:
    """Return the request's JSON object.

    :raises InvalidArgument: it is none, or has a field that is not ``known``.
    """
    try:
        given = await request.json()
    except ValueError:
        raise InvalidArgument("the body is no JSON") from None
    if not isinstance(given, dict):
        raise InvalidArgument("the body is no JSON object")
    if unknown := sorted(given.keys() - set(known)):
        raise InvalidArgument(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return given


def _transaction(given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payment transaction that the checkout leaves: an order placed as paid was captured at once."""
    row: StatusRow | None = fields[PAYMENT]
    kind = "sale" if row is not None and row.code == "P" else "auth"
    return {
        "type": _one_of(given.get("transaction_type", kind), words.TRANSACTION_TYPES),
        "status": "I" if fields["amazon_module"] == "first" else "S",
        "value": fields["total"],
        "currency": fields["currency"],
        "date": fields["date"],
    }


def _initial_rows(order: Order) -> list[dict[str, Any]]:
    """Return the backend row with which the later module begins a transaction; migrated orders have none."""
    if order.amazon_module != "later" or order.storage != "transaction_data" or order.method_code != "PayWithAmazon":
        return []
    code = order.payment_status.code if order.payment_status else None
    status = {"Q": "W", "D": "F"}.get(code or "", "S")
    return [{"type": order.transaction.type, "value": order.transaction.value, "status": status, "date": order.date}]


def _number(given: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the number of an order where it is given; a cart has none."""
    if given.get("cart", False) is True or ("order_number" in given and given["order_number"] is None):
        return {"number": None}
    return {"number": _text(given, "order_number", "")} if "order_number" in given else {}


def _status(table: StatusTable, given: Any) -> StatusRow | None:
    """Return a status by its code or by ``{"id": 8}``; null is none at all."""
    if given is None:
        return None
    if isinstance(given, dict) and given.keys() == {"id"} and isinstance(given["id"], int):
        row = table.by_id(given["id"])
    else:
        row = table.by_code(given) if isinstance(given, str) else None
    if row is None:
        known = ", ".join(f"{row.id} ({row.code or 'no code'})" for row in table.rows())
        raise InvalidArgument(f"'{given}' is no status of this shop; it has the ids and codes {known}")
    return row


def _method_name(code: str) -> str:
    return "Amazon Pay" if code == "PayWithAmazon" else code


def _module(given: Mapping[str, Any], default: str) -> str:
    return _one_of(given.get("amazon_module", default), words.AMAZON_MODULES)


def _amount(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise InvalidArgument(f"'{value}' is no amount") from None
    if not amount.is_finite() or amount < 0:
        raise InvalidArgument(f"'{value}' is no amount")
    return amount


def _timestamp(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    if not isinstance(value, int):
        raise InvalidArgument(f"{name} is a number of seconds since 1970")
    return value


def _one_of(value: Any, known: Iterable[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise InvalidArgument(f"'{value}' is none of {', '.join(sorted(known))}")
    return value


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{name} is a text")
    return value


def _amazon(given: Any) -> dict[str, str]:
    known = sorted(words.CELL_NAMES)
    if not isinstance(given, dict) or not given.keys() <= set(known):
        raise InvalidArgument(f"amazon is an object with {', '.join(known)}")
    return {fact: str(value) for fact, value in given.items()}


def _texts(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise InvalidArgument("other_details is an object of names and values")
    return {name: str(value) for name, value in given.items()}


def _backend_rows(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise InvalidArgument("backend_transactions is a list of objects with type, value, status")
    return [
        {
            "type": _one_of(row.get("type"), words.BACKEND_TYPES),
            "value": _amount(row.get("value")),
            "status": _one_of(row.get("status", "S"), words.BACKEND_STATUSES),
        }
        for row in given
    ]
