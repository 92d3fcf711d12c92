"""The client of X-Cart 5.5's API: ``/api/...`` with the header ``X-AUTH-TOKEN``."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from payment_actions_server.plugins import AdapterError, OrderMissing, Secret, Unavailable

from . import answers
from .completing import Completing
from .errors import Misconfigured, UnknownCode
from .listing import ROWS, Listed, Position, Row, key_of, search
from .orders import Named, StoredOrder, refunded_sum
from .transport import NO_JSON, Reply, Transport

_PAGE_SIZE_MAX = 50  # two more requests an order: what a page costs must stay within one call's patience
_PAGES_MAX = 20  # of what hangs on one order
_PAGE_ROWS_MIN = 30  # X-Cart's own page size: a page with fewer is the last, however many were asked for
_AT_ONCE_MAX = 4  # requests to one shop; it has customers to serve


class RestApi:
    """The calls this adapter needs of X-Cart 5.5. Ids are checked by the caller."""

    def __init__(self, transport: Transport, token: Secret, patience_seconds: float) -> None:
        self._transport = transport
        self._token = token
        self._patience_seconds = patience_seconds
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)
        self._completing = Completing(self._completed, _stored)

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        reply = await self._get(f"api/orders/{order_id}")
        return await self._completed(self._found(reply, order_id))

    async def status(self, order_id: str) -> tuple[str, str]:
        """Return the code and name of the order's payment status."""
        return _status(self._found(await self._get(f"api/orders/{order_id}/payment_status"), order_id))

    async def write_status(self, order_id: str, code: str) -> tuple[str, str]:
        """Write the payment status; return the code and name that the order holds now.

        :raises UnknownCode: the shop has no such payment status.
        """
        path = f"api/orders/{order_id}/payment_status"
        reply = await self._request("PUT", path, json={"code": code})
        if reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise UnknownCode(_detail(reply))  # the order was read a moment ago, so the code is at fault
        return _status(self._found(reply, order_id))

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first."""
        until = asyncio.get_running_loop().time() + self._patience_seconds

        async def page(number: int) -> Sequence[Row]:
            order = {"order[lastRenewDate]": "desc", "order[date]": "desc"}
            query = {**order, "page": number, "itemsPerPage": ROWS}
            reply = await self._get("api/orders", params=query)
            if reply.status != HTTPStatus.OK or not isinstance(reply.data, list):
                raise _unexpected(reply)
            return answers.rows(reply.data)

        found = await search(page, after=after.key, size=min(size, _PAGE_SIZE_MAX), guess=after.guess)
        done = await self._completing.orders(found.rows, until=until)
        more = found.next_page if done.rows == len(found.rows) else found.next_page or 1
        return Listed(done.orders, Position(key_of(found.rows[done.rows - 1]), more) if more and found.rows else None)

    async def _completed(self, order: Row) -> StoredOrder:
        """Add what X-Cart tells only in resources of their own: the payment method and Amazon's ids."""
        order_id = answers.required(order, "id")
        transactions, details = await asyncio.gather(
            self._every(f"api/orders/{order_id}/payment_transactions", order_id),
            self._every(f"api/orders/{order_id}/details", order_id),
        )
        return _stored(order, transactions, answers.named(details))

    async def _every(self, path: str, order_id: str) -> Sequence[Row]:
        """Return all rows of what hangs on an order, which comes in pages as everything does."""
        found: list[Row] = []
        for number in range(1, _PAGES_MAX + 1):
            page = self._rows(await self._get(path, params={"page": number, "itemsPerPage": ROWS}), order_id)
            found += answers.rows(page)
            if len(page) < _PAGE_ROWS_MIN:
                return found
        raise AdapterError(f"X-Cart tells no end of {path}")

    async def _get(self, path: str, **options: Any) -> Reply:
        return await self._request("GET", path, **options)

    async def _request(self, method: str, path: str, **options: Any) -> Reply:
        headers = {"X-AUTH-TOKEN": self._token.get_secret_value()}
        async with self._gate:
            return await self._transport.send(method, path, headers=headers, **options)

    def _rows(self, reply: Reply, order_id: str) -> Sequence[Any]:
        """Return the answer's rows. What is no list is not an empty one: an order without any is not ours."""
        found = self._found(reply, order_id)
        if not isinstance(found, list):
            raise _unexpected(reply)
        return found

    def _found(self, reply: Reply, order_id: str) -> Any:
        """Return the answer's data, or say that there is no such order.

        X-Cart answers 404 for the order itself and 400 ("invalid argument") for what hangs on it. A 404 that
        is no JSON does not come from its API at all.
        """
        if reply.status == HTTPStatus.NOT_FOUND and reply.data is NO_JSON:
            raise Misconfigured("url", "leads to no X-Cart 5.5 API (HTTP 404); for 5.0-5.4 set api to rest_legacy")
        if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
            raise OrderMissing(f"X-Cart has no order with id {order_id}")
        if reply.status != HTTPStatus.OK or reply.data is NO_JSON:
            raise _unexpected(reply)
        return reply.data


def _stored(order: Row, transactions: Sequence[Row] = (), details: Named = MappingProxyType({})) -> StoredOrder:
    order_id = answers.required(order, "id")
    paid = answers.latest(transactions)
    backend = [row for transaction in transactions for row in answers.backend_rows(transaction)]
    status = order.get("payment_status")
    # Null where a status of the shop's own was deleted. A code that is empty says as little as an unknown one.
    code, name = ("", "") if status is None else _status(status)
    return StoredOrder(
        order_id=order_id,
        order_number=answers.text(order, "order_number") or order_id,
        total=answers.decimal(order, "total"),
        currency_code=answers.required(order, "currency"),
        code=code,
        word=name,
        method_code=answers.text(paid, "name"),
        method_name=answers.text(paid, "local_name"),
        cells=answers.named(paid.get("data")),
        details=details,
        refunded=refunded_sum(backend),
        update_time=answers.moment(order.get("update_date")),
    )


def _status(resource: Any) -> tuple[str, str]:
    fields = answers.mapping(resource, "payment status")
    return answers.required(fields, "code"), answers.text(fields, "name")


def _detail(reply: Reply) -> str:
    fields = reply.data if isinstance(reply.data, dict) else {}
    return answers.text(fields, "detail", "hydra:description", "message") or f"HTTP {reply.status}"


def _unexpected(reply: Reply) -> AdapterError:
    kind = "something that is no JSON" if reply.data is NO_JSON else "something unexpected"
    return Unavailable(f"X-Cart answered {kind} (HTTP {reply.status}); is the shop in maintenance?")
