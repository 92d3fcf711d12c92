"""The control interface, ``/control/``: what a test or a demo does to the shop from behind the counter."""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import vocabulary as words
from .admin import Section
from .faults import KINDS, Fault
from .shop import InvalidArgument, Order, OrderMissing, Shop

_CHANGEABLE = frozenset({"payment_status", "shipping_status", "amazon", "backend_transactions", "storage", "total"})
_ORDER_FIELDS = _CHANGEABLE | {
    "order_number",
    "currency",
    "payment_method_name",
    "payment_method_code",
    "email",
    "create_date",
    "update_date",
    "transaction_status_is_method_name",
    "other_details",
}
_FAULT_FIELDS = frozenset({"kind", "count", "method", "path", "delay_seconds"})


class Control:
    """The handlers of ``/control``, over one shop and its pending faults."""

    def __init__(self, shop: Shop, faults: list[Fault], section: Section) -> None:
        self._shop = shop
        self._faults = faults
        self._section = section

    def routes(self) -> list[Route]:
        """Return the routes; each answers JSON, and only to loopback."""
        one = "/control/orders/{id:int}"
        table: list[tuple[str, str, Callable[[Request], Awaitable[Any]]]] = [
            ("GET", "/control/orders", self._list),
            ("POST", "/control/orders", self._create),
            ("GET", one, self._get),
            ("PATCH", one, self._update),
            ("GET", "/control/writes", self._writes),
            ("GET", "/control/requests", self._requests),
            ("GET", "/control/faults", self._list_faults),
            ("POST", "/control/faults", self._add_fault),
            ("DELETE", "/control/faults", self._clear_faults),
            ("PUT", "/control/section", self._embed),
            ("POST", "/control/reset", self._reset),
        ]
        return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]

    async def _list(self, _request: Request) -> Any:
        return [self._order_json(order) for order in self._shop.orders.values()]

    async def _create(self, request: Request) -> Any:
        order = create_order(self._shop, await _object(request, _ORDER_FIELDS))
        return self._order_json(order)

    async def _get(self, request: Request) -> Any:
        return self._order_json(self._shop.order(request.path_params["id"]))

    async def _update(self, request: Request) -> Any:
        """Change an order as the checkout module, or X-Cart's own admin, would."""
        order = self._shop.order(request.path_params["id"])
        update_order(self._shop, order, await _object(request, _CHANGEABLE))
        return self._order_json(order)

    async def _writes(self, _request: Request) -> Any:
        return [write.as_json() for write in self._shop.writes]

    async def _requests(self, _request: Request) -> Any:
        return list(self._shop.requests)

    async def _list_faults(self, _request: Request) -> Any:
        return {"pending": [fault.as_json() for fault in self._faults], "kinds": KINDS}

    async def _add_fault(self, request: Request) -> Any:
        given = await _object(request, _FAULT_FIELDS)
        try:
            fault = Fault(**given)
        except TypeError:
            raise InvalidArgument("kind is required") from None
        self._faults.append(fault)
        return fault.as_json()

    async def _clear_faults(self, _request: Request) -> Any:
        self._faults.clear()
        return {}

    async def _embed(self, request: Request) -> Any:
        given = await _object(request, frozenset({"script", "tag"}))
        self._section.set(given.get("script", ""), given.get("tag", ""))
        return self._section.as_json()

    async def _reset(self, _request: Request) -> Any:
        self._shop.reset()
        self._faults.clear()
        return {}

    def _order_json(self, order: Order) -> dict[str, Any]:
        return {
            "id": order.id,
            "order_number": order.number,
            "total": str(order.total),
            "currency": order.currency,
            "payment_method_name": order.method_name,
            "payment_method_code": order.method_code,
            "payment_status": order.payment_status,
            "shipping_status": order.shipping_status,
            "storage": order.storage,
            "amazon": order.amazon,
            "history": order.history,
            "writes": [write.as_json() for write in self._shop.writes if write.order_id == order.id],
        }


def create_order(shop: Shop, given: Mapping[str, Any]) -> Order:
    """Place the order that ``given`` describes; everything has a default."""
    method_code = _text(given, "payment_method_code", "PayWithAmazon")
    fields = {
        "total": _amount(given.get("total", "129.90")),
        "currency": _text(given, "currency", "EUR"),
        "method_code": method_code,
        "method_name": _text(given, "payment_method_name", _method_name(method_code)),
        "payment_status": _one_of(given.get("payment_status", "A"), words.PAYMENT_STATUSES),
        "shipping_status": _one_of(given.get("shipping_status", "N"), words.SHIPPING_STATUSES),
        "email": _text(given, "email", "buyer@example.com"),
        "storage": _one_of(given.get("storage", "order_details"), words.STORAGE_STYLES),
        "amazon": _amazon(given.get("amazon", {})),
        "other_details": _texts(given.get("other_details", {})),
        "transaction_status_is_method_name": bool(given.get("transaction_status_is_method_name", False)),
        "date": _timestamp(given, "create_date"),
        "renewed": _timestamp(given, "update_date"),
    }
    rows = _backend_rows(given.get("backend_transactions", []))
    number = _text(given, "order_number", "") if "order_number" in given else None
    order = shop.create(fields | {"number": number})
    order.backend = shop.backend_transactions(rows)
    return order


def update_order(shop: Shop, order: Order, given: Mapping[str, Any]) -> None:
    """Change what ``given`` names; the whole of it is checked before any of it is done."""
    amazon = _amazon(given.get("amazon", {}))
    rows = _backend_rows(given.get("backend_transactions", []))
    storage = _one_of(given.get("storage", order.storage), words.STORAGE_STYLES)
    total = _amount(given["total"]) if "total" in given else order.total
    statuses = {name: given[name] for name in ("payment_status", "shipping_status") if name in given}
    for name, code in statuses.items():
        _one_of(code, words.PAYMENT_STATUSES if name == "payment_status" else words.SHIPPING_STATUSES)
    order.amazon.update(amazon)
    order.storage, order.total = storage, total
    if rows:
        order.backend += shop.backend_transactions(rows)
        order.renewed = int(time.time())
    for name, code in statuses.items():
        shop.write_status(order, name, code, who="checkout module", via="checkout")


def _method_name(code: str) -> str:
    return "Amazon Pay" if code == "PayWithAmazon" else code


def _guarded(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if not _is_loopback(request):
            return JSONResponse({"error": "the control interface answers on loopback only"}, 403)
        try:
            created = request.method == "POST" and not request.url.path.endswith("/reset")
            return JSONResponse(await handler(request), 201 if created else 200)
        except OrderMissing as error:
            return JSONResponse({"error": str(error)}, 404)
        except InvalidArgument as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


def _is_loopback(request: Request) -> bool:
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback


async def _object(request: Request, known: frozenset[str]) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError:
        raise InvalidArgument("the body is no JSON") from None
    if not isinstance(given, dict):
        raise InvalidArgument("the body is no JSON object")
    if unknown := sorted(given.keys() - known):
        raise InvalidArgument(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return given


def _amount(value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise InvalidArgument(f"'{value}' is no amount") from None
    if not amount.is_finite() or amount < 0:
        raise InvalidArgument(f"'{value}' is no amount")
    return amount


def _timestamp(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name, int(time.time()))
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
