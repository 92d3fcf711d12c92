"""The control interface, ``/control/``: what a test or a demo does to the shop from behind the counter."""

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .admin import Section
from .checkout import check_out
from .control_fields import CHANGEABLE, ORDER_FIELDS, create_order, order_json, read_object, update_order
from .errors import InvalidArgument, OrderMissing
from .faults import KINDS, Fault
from .shop import PAYMENT, SHIPPING, Shop

_FAULT_FIELDS: Final = frozenset({"kind", "count", "method", "path", "delay_seconds"})
_KINDS_OF_STATUS: Final = {"payment": PAYMENT, "shipping": SHIPPING}


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
            ("DELETE", one, self._delete),
            ("POST", f"{one}/clone", self._clone),
            ("GET", "/control/statuses/{kind}", self._list_statuses),
            ("POST", "/control/statuses/{kind}", self._add_status),
            ("DELETE", "/control/statuses/{kind}/{id:int}", self._remove_status),
            ("GET", "/control/settings", self._settings),
            ("PUT", "/control/settings", self._change_settings),
            ("GET", "/control/backups", self._list_backups),
            ("POST", "/control/backups", self._back_up),
            ("POST", "/control/backups/{id:int}/restore", self._restore),
            ("POST", f"{one}/checkout", self._check_out),
            ("GET", "/control/mails", self._mails),
            ("GET", "/control/notifications", self._notifications),
            ("GET", "/control/writes", self._writes),
            ("GET", "/control/requests", self._requests),
            ("GET", "/control/faults", self._list_faults),
            ("POST", "/control/faults", self._add_fault),
            ("DELETE", "/control/faults", self._clear_faults),
            ("PUT", "/control/section", self._embed),
            ("POST", "/control/reset", self._reset),
        ]
        return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]

    # -- Orders ----------------------------------------------------------------------------------------------

    async def _list(self, _request: Request) -> Any:
        return [order_json(self._shop, order) for order in self._shop.orders.values()]

    async def _create(self, request: Request) -> Any:
        order = create_order(self._shop, await read_object(request, ORDER_FIELDS))
        return order_json(self._shop, order)

    async def _get(self, request: Request) -> Any:
        return order_json(self._shop, self._shop.order(request.path_params["id"]))

    async def _update(self, request: Request) -> Any:
        """Change an order as the checkout module, or X-Cart's own admin, would."""
        order = self._shop.order(request.path_params["id"])
        update_order(self._shop, order, await read_object(request, CHANGEABLE))
        return order_json(self._shop, order)

    async def _delete(self, request: Request) -> Any:
        order = self._shop.order(request.path_params["id"])
        del self._shop.orders[order.id]
        return {}

    async def _clone(self, request: Request) -> Any:
        order = self._shop.order(request.path_params["id"])
        return order_json(self._shop, self._shop.clone(order))

    async def _check_out(self, request: Request) -> Any:
        order = self._shop.order(request.path_params["id"])
        given = await read_object(request, ("order_reference", "synchronous"))
        reference, synchronous = given.get("order_reference"), given.get("synchronous", True)
        if not isinstance(reference, str) or not isinstance(synchronous, bool):
            raise InvalidArgument("order_reference is Amazon's id, synchronous is true or false")
        await check_out(self._shop, order, reference, synchronous=synchronous)
        return order_json(self._shop, order)

    # -- The shop --------------------------------------------------------------------------------------------

    async def _list_statuses(self, request: Request) -> Any:
        return [row.as_json() for row in self._shop.statuses[_field(request)].rows()]

    async def _add_status(self, request: Request) -> Any:
        given = await read_object(request, ("code", "name"))
        code, name = given.get("code"), given.get("name", "")
        if not isinstance(code, str | None) or not isinstance(name, str):
            raise InvalidArgument("code is a text or null, name is a text")
        return self._shop.statuses[_field(request)].add(code, name).as_json()

    async def _remove_status(self, request: Request) -> Any:
        return self._shop.remove_status(_field(request), request.path_params["id"]).as_json()

    async def _settings(self, _request: Request) -> Any:
        return self._shop.settings.as_json()

    async def _change_settings(self, request: Request) -> Any:
        self._shop.settings.change(await read_object(request, self._shop.settings.as_json()))
        return self._shop.settings.as_json()

    async def _list_backups(self, _request: Request) -> Any:
        return [{"id": number, "orders": len(state.orders)} for number, state in self._shop.backups.items()]

    async def _back_up(self, _request: Request) -> Any:
        return {"id": self._shop.back_up()}

    async def _restore(self, request: Request) -> Any:
        self._shop.restore(request.path_params["id"])
        return {}

    # -- Logs and faults ----------------------------------------------------------------------------------------

    async def _mails(self, _request: Request) -> Any:
        return list(self._shop.mails)

    async def _notifications(self, _request: Request) -> Any:
        return [received.as_json() for received in self._shop.notifications]

    async def _writes(self, _request: Request) -> Any:
        return [write.as_json() for write in self._shop.writes]

    async def _requests(self, _request: Request) -> Any:
        return list(self._shop.requests)

    async def _list_faults(self, _request: Request) -> Any:
        return {"pending": [fault.as_json() for fault in self._faults], "kinds": KINDS}

    async def _add_fault(self, request: Request) -> Any:
        given = await read_object(request, _FAULT_FIELDS)
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
        given = await read_object(request, ("script", "tag"))
        self._section.set(given.get("script", ""), given.get("tag", ""))
        return self._section.as_json()

    async def _reset(self, _request: Request) -> Any:
        self._shop.reset()
        self._faults.clear()
        return {}


def _field(request: Request) -> str:
    kind = request.path_params["kind"]
    if kind not in _KINDS_OF_STATUS:
        raise InvalidArgument(f"'{kind}' is no kind of status: take one of {', '.join(_KINDS_OF_STATUS)}")
    return _KINDS_OF_STATUS[kind]


def _guarded(handler: Callable[[Request], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if not _is_loopback(request):
            return JSONResponse({"error": "the control interface answers on loopback only"}, 403)
        try:
            created = request.method == "POST" and not request.url.path.endswith(("/reset", "/restore"))
            return JSONResponse(await handler(request), 201 if created else 200)
        except OrderMissing as error:
            return JSONResponse({"error": str(error)}, 404)
        except InvalidArgument as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


def _is_loopback(request: Request) -> bool:
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
