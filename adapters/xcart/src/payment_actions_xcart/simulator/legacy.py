r"""The API of X-Cart 5.0-5.4: ``/admin.php?target=RESTAPI``, module ``XC\RESTAPI``.

Source of the behaviour: the module's controller and schemas (``Controller/Admin/RESTAPI.php``,
``Core/Schema/{ASchema,Native,Complex}.php``, ``Model/AEntity.php``).
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import vocabulary as words
from .rest import iso
from .shop import InvalidArgument, Order, Shop

_ENTITIES = ("order", "payment-transaction")
_METHODS = ("GET", "POST", "PUT", "DELETE")


class _Refused(Exception):
    def __init__(self, status: int, message: str | None = None) -> None:
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Keys:
    """The module's two keys; a read goes with either of them."""

    read: str
    write: str

    def who(self, given: str, *, writing: bool) -> str:
        """Name the key, or refuse it."""
        if hmac.compare_digest(given.encode(), self.write.encode()):
            return "write key"
        if not writing and hmac.compare_digest(given.encode(), self.read.encode()):
            return "read key"
        raise _Refused(403)


class LegacyApi:
    """The one endpoint, over one shop."""

    def __init__(self, shop: Shop, keys: Keys) -> None:
        self._shop = shop
        self._keys = keys

    def routes(self) -> list[Route]:
        """Return the one route of this API."""
        return [Route("/admin.php", self._answer, methods=list(_METHODS))]

    async def _answer(self, request: Request) -> Response:
        try:
            return _reply(self._process(await _input(request), request))
        except _Refused as refusal:
            headers = {"X-REST-Error": refusal.message} if refusal.message else {}
            body = "null" if refusal.message else ""
            return Response(body, refusal.status, headers, media_type="application/json")

    def _process(self, given: Mapping[str, Any], request: Request) -> Any:
        """Return the data the request asks for; None is what an unknown id gets, with status 200."""
        if given.get("target") != "RESTAPI":
            raise _Refused(404)
        method = _method(given, request)
        entity, _, identifier = str(given.get("_path", "")).partition("/")
        if entity not in _ENTITIES or given.get("_schema", "default") not in ("default", "complex"):
            raise _Refused(404)  # before the key: the module answers 403 only for a path it has
        who = self._keys.who(str(given.get("_key", "")), writing=method != "GET")
        if entity == "payment-transaction":
            return self._transaction(identifier, method)
        if method == "GET":
            return self._get(identifier, complex_schema=given.get("_schema") == "complex")
        if method != "PUT" or not identifier or given.get("_schema") == "complex":
            raise _Refused(403)
        return self._put(identifier, _model(given), who)

    def _get(self, identifier: str, *, complex_schema: bool) -> Any:
        if not identifier:
            return [_list_json(order) for order in self._shop.orders.values()]
        order = self._shop.orders.get(_number(identifier))
        if order is None:
            return None
        return _complex_json(order) if complex_schema else _order_json(order)

    def _put(self, identifier: str, model: Mapping[str, Any], who: str) -> Any:
        order = self._shop.orders.get(_number(identifier))
        if order is None:
            return None
        try:
            for key, field in (("paymentStatus", "payment_status"), ("shippingStatus", "shipping_status")):
                if key in model:
                    code = model[key].get("code") if isinstance(model[key], dict) else model[key]
                    self._shop.write_status(order, field, str(code), who=who, via="rest_legacy")
        except InvalidArgument as error:
            raise _Refused(400, str(error)) from None
        return _order_json(order)

    def _transaction(self, identifier: str, method: str) -> Any:
        if method != "GET" or not identifier:
            raise _Refused(403)
        wanted = _number(identifier)
        found = [order for order in self._shop.orders.values() if order.transaction_id == wanted]
        return _transaction_json(found[0]) if found else None


async def _input(request: Request) -> dict[str, Any]:
    """Merge query and body as PHP does: ``model[a][b]=c`` becomes nested, the body wins."""
    pairs = list(request.query_params.multi_items())
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise _Refused(400, "Input data is incorrect")
        return _nested(pairs) | given
    return _nested(pairs + parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = re.findall(r"[^\[\]]+", name) or [name]
        target = result
        for key in path:
            inner = target.get(key)
            if not isinstance(inner, dict):
                inner = target[key] = {}
            target = inner
        target[last] = value
    return result


def _method(given: Mapping[str, Any], request: Request) -> str:
    """Return the method: the parameter first, then the header, then HTTP's own; an unknown one is GET."""
    override = request.headers.get("x-http-method-override", request.method)
    method = str(given.get("_method") or override).strip().upper()
    return method if method in _METHODS else "GET"


def _model(given: Mapping[str, Any]) -> Mapping[str, Any]:
    model = given.get("model", {})
    if isinstance(model, str):
        try:
            model = json.loads(model)
        except ValueError:
            raise _Refused(400, "Input data is incorrect") from None
    if not isinstance(model, dict):
        raise _Refused(400, "Input data is incorrect")
    return model


def _number(identifier: str) -> int:
    return int(identifier) if identifier.isdigit() else 0


def _reply(data: Any) -> Response:
    text = json.dumps(data).encode()
    digest = hashlib.md5(text, usedforsecurity=False)
    headers = {
        "ETag": digest.hexdigest(),
        "Last-Modified": formatdate(usegmt=True),
        "Content-MD5": base64.b64encode(digest.digest()).decode(),
    }
    return Response(text, headers=headers, media_type="application/json")


def _list_json(order: Order) -> dict[str, Any]:
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


def _order_json(order: Order) -> dict[str, Any]:
    payment, shipping = order.payment_status, order.shipping_status
    return _list_json(order) | {
        "paymentStatus": {"id": words.PAYMENT_STATUSES[payment][0], "code": payment, "position": 0},
        "shippingStatus": {"id": words.SHIPPING_STATUSES[shipping][0], "code": shipping, "position": 0},
        "currency": {"currency_id": 978, "code": order.currency, "symbol": "", "e": 2},
        "details": [
            {"detail_id": row, "name": name, "label": name, "value": value}
            for row, (name, value) in enumerate(order.details(), start=1)
        ],
        "payment_transactions": [_transaction_fields(order)],
    }


def _transaction_fields(order: Order) -> dict[str, Any]:
    return {
        "transaction_id": order.transaction_id,
        "date": order.date,
        "publicTxnId": f"{order.number}-XCRT",
        "method_name": order.method_code,
        "method_local_name": order.method_name,
        "status": "S",
        "value": float(order.total),
        "note": "",
        "type": "auth",
        "public_id": f"{order.number}-XCRT",
    }


def _transaction_json(order: Order) -> dict[str, Any]:
    """Return a transaction with its associations: only here does this API show the data cells."""
    cells = enumerate(order.cells(), start=1)
    return _transaction_fields(order) | {
        "currency": {"currency_id": 978, "code": order.currency},
        "payment_method": {"method_id": 77, "service_name": order.method_code, "name": order.method_name},
        "data": [
            {"data_id": row, "name": name, "label": name, "access_level": "A", "value": value}
            for row, (name, value) in cells
        ],
        "backend_transactions": [
            {
                "id": row.id,
                "date": row.date,
                "status": row.status,
                "value": float(row.value),
                "type": row.type,
            }
            for row in order.backend
        ],
    }


def _complex_json(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "orderNumber": order.number,
        "subtotal": float(order.total),
        "total": float(order.total),
        "currency": order.currency,
        "orderDate": iso(order.date),
        "updateDate": iso(order.renewed),
        "paymentMethod": order.method_name,
        "paymentStatus": order.payment_status,
        "shippingStatus": order.shipping_status,
        "transactions": [
            {"id": f"{order.number}-XCRT", "type": "auth", "value": float(order.total), "status": "S",
             "method": order.method_code, "note": ""},
        ],
        "details": [
            {"code": row, "label": name, "value": value}
            for row, (name, value) in enumerate(order.details(), start=1)
        ],
    }  # fmt: skip
