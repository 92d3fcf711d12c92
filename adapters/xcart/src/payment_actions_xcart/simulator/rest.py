"""The API of X-Cart 5.5: ``/api/...``, API Platform, header ``X-AUTH-TOKEN``.

Source of the shapes: the 5.5 tree published as iidevv/xc55, ``classes/XLite/API/Endpoint/Order*``.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .errors import InvalidArgument, OrderMissing
from .rest_shapes import ServerError, iso, order_json, status_json, transaction_json
from .shop import PAYMENT, SHIPPING, Order, Shop
from .statuses import StatusRow

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

_PAGE_SIZE_DEFAULT = 30
_PAGE_SIZE_MAX = 100
_CODE_LENGTH_MAX = 4
_SORTABLE = {"order[lastRenewDate]": "renewed", "order[date]": "date"}


class _Invalid(Exception):
    """The body breaks a rule of its fields, which API Platform checks before anything else."""


class _NotFound(Exception):
    """API Platform finds no item: its own 404, which is no invalid argument."""


def problem(status: int, detail: str) -> JSONResponse:
    """Return an error as API Platform words it."""
    body = {"type": "https://tools.ietf.org/html/rfc2616#section-10", "title": "An error occurred"}
    return JSONResponse(body | {"detail": detail}, status_code=status)


def unauthorized() -> JSONResponse:
    """Return what a missing or wrong token gets: 401, a body with the single key ``message``."""
    return JSONResponse({"message": "Invalid credentials."}, status_code=401)


@dataclass(frozen=True)
class Tokens:
    """The two tokens of the admin's API settings."""

    read: str
    write: str

    def who(self, request: Request) -> str | None:
        """Tell which token the request carries, if any."""
        given = request.headers.get("x-auth-token", "").encode()
        for name, token in (("write token", self.write), ("read token", self.read)):
            if hmac.compare_digest(given, token.encode()):
                return name
        return None


class RestApi:
    """The handlers of ``/api``, over one shop."""

    def __init__(self, shop: Shop, tokens: Tokens) -> None:
        self._shop = shop
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Return the routes; API Platform also answers each with the suffix ``.json``."""
        one = "/api/orders/{id:int}"
        handlers: dict[str, tuple[list[str], Handler]] = {
            "/api/orders": (["GET"], self._list),
            "/api/orders/by_number/{number}": (["GET"], self._by_number),
            one: (["GET"], self._get),
            f"{one}/payment_status": (["GET", "PUT"], self._payment_status),
            f"{one}/shipping_status": (["GET", "PUT"], self._shipping_status),
            f"{one}/payment_transactions": (["GET"], self._transactions),
            f"{one}/details": (["GET"], self._details),
            f"{one}/history": (["GET"], self._history),
        }
        return [
            Route(path + suffix, self._guarded(handler), methods=methods)
            for suffix in (".json", "")
            for path, (methods, handler) in handlers.items()
        ]

    def _guarded(self, handler: Handler) -> Handler:
        """Wrap a handler with the token check and the two ways an argument can be wrong."""

        async def answer(request: Request) -> Response:
            who = self._tokens.who(request)
            if who is None:
                return unauthorized()
            if who == "read token" and request.method != "GET":
                return problem(403, "Access Denied.")
            request.state.who = who
            try:
                return await handler(request)
            except _Invalid as error:
                return problem(422, str(error))
            except _NotFound:
                return problem(404, "Not Found")
            except InvalidArgument as error:
                return problem(400, str(error))
            except ServerError:
                return problem(500, "Internal Server Error")

        return answer

    def _below(self, request: Request) -> Order:
        """Return the order below which something is asked for; a cart is none to this API."""
        order = self._shop.order(request.path_params["id"])
        if order.is_cart:
            raise _NotFound
        return order

    async def _get(self, request: Request) -> Response:
        try:
            return JSONResponse(order_json(self._below(request)))
        except OrderMissing:
            raise _NotFound from None

    async def _by_number(self, request: Request) -> Response:
        try:
            return JSONResponse(order_json(self._shop.by_number(request.path_params["number"])))
        except OrderMissing:
            raise _NotFound from None

    async def _list(self, request: Request) -> Response:
        found = [order for order in self._shop.list_placed() if _matches(order, request)]
        for name, direction in reversed(request.query_params.multi_items()):  # the first one named weighs most
            if name in _SORTABLE:
                found.sort(key=attrgetter(_SORTABLE[name]), reverse=direction.lower() == "desc")
        return JSONResponse([order_json(order) for order in _page(found, request)])

    async def _payment_status(self, request: Request) -> Response:
        return await self._status(request, PAYMENT)

    async def _shipping_status(self, request: Request) -> Response:
        return await self._status(request, SHIPPING)

    async def _status(self, request: Request, field: str) -> Response:
        order = self._below(request)
        if request.method == "PUT":
            await self._put_status(request, order, field)
        return JSONResponse(status_json(order.status(field)))

    async def _put_status(self, request: Request, order: Order, field: str) -> None:
        code = _body_code(await _body(request))
        self._shop.write_status(order, field, code, who=request.state.who, via="rest")

    async def _transactions(self, request: Request) -> Response:
        order = self._owner(request)
        return JSONResponse(_page([transaction_json(order)] if order else [], request))

    async def _details(self, request: Request) -> Response:
        order = self._owner(request)
        rows = enumerate(order.details() if order else [], start=1)
        every = [{"id": row, "name": name, "value": value} for row, (name, value) in rows]
        return JSONResponse(_page(every, request))

    def _owner(self, request: Request) -> Order | None:
        """Return the order of a collection; None where there is no such order, for then the collection is empty."""
        try:
            return self._below(request)
        except OrderMissing:
            return None

    async def _history(self, request: Request) -> Response:
        order = self._below(request)
        return JSONResponse([line | {"date": iso(line["date"])} for line in order.history])


async def _body(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise InvalidArgument("Syntax error") from None


def _body_code(body: Any) -> str:
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, str):
        raise InvalidArgument('The type of the "code" attribute must be "string"')
    if not 1 <= len(code) <= _CODE_LENGTH_MAX:
        raise _Invalid(f"code: This value is too long. It should have {_CODE_LENGTH_MAX} characters or less.")
    return code


def _page(rows: Sequence[T], request: Request) -> Sequence[T]:
    """Return one page of a collection: all of X-Cart's have pages, also what hangs on one order."""
    page, size = _paging(request.query_params)
    start = (page - 1) * size
    return rows[start : start + size]


def _paging(query: Mapping[str, str]) -> tuple[int, int]:
    try:
        page, size = int(query.get("page", 1)), int(query.get("itemsPerPage", _PAGE_SIZE_DEFAULT))
    except ValueError:
        raise InvalidArgument("Page and item counts are integers") from None
    if page < 1 or size < 0:
        raise InvalidArgument("Page should not be less than 1")
    return page, min(size, _PAGE_SIZE_MAX)


def _matches(order: Order, request: Request) -> bool:
    """Tell whether every filter of the query lets the order through."""
    query = request.query_params
    codes = query.getlist("paymentStatus.code") + query.getlist("paymentStatus.code[]")
    shipping = query.getlist("shippingStatus.code") + query.getlist("shippingStatus.code[]")
    return (
        (not codes or _code(order.payment_status) in codes)
        and (not shipping or _code(order.shipping_status) in shipping)
        and query.get("profile.login", "") in order.email
        and _timestamp(query.get("date[after]"), 0) <= order.date
        and order.date <= _timestamp(query.get("date[before]"), order.date)
    )


def _code(row: StatusRow | None) -> str | None:
    return row.code if row else None


def _timestamp(text: str | None, default: int) -> int:
    if text is None:
        return default
    try:
        return int(text) if text.isdigit() else int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        raise InvalidArgument(f"'{text}' is no date") from None
