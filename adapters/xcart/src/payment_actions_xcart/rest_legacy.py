r"""The client of X-Cart 5.0-5.4's API: ``/admin.php?target=RESTAPI``, module ``XC\RESTAPI``.

Only ``target`` is in the address. The key goes in the body of a POST, which no access log keeps; the real
method goes in ``_method``.
"""

import asyncio
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from payment_actions_server.plugins import OrderMissing, Secret, Unavailable

from . import answers
from .completing import Completing
from .errors import Misconfigured, UnknownCode
from .listing import Listed, Position, Row, key_of
from .orders import StoredOrder, refunded_sum
from .transport import NO_JSON, Reply, Transport

_PAGE_SIZE_MAX = 50
_AT_ONCE_MAX = 4
_REST_ERROR_LENGTH_MAX = 300


class LegacyApi:
    """The calls this adapter needs of X-Cart 5.0-5.4. Ids are checked by the caller."""

    def __init__(self, transport: Transport, key: Secret, patience_seconds: float) -> None:
        self._transport = transport
        self._key = key
        self._patience_seconds = patience_seconds
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)
        self._completing = Completing(self._listed, _stored)

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        return await self._completed(await self._order(order_id))

    async def status(self, order_id: str) -> tuple[str, str]:
        """Return the code and name of the order's payment status."""
        return _status(await self._order(order_id))

    async def write_status(self, order_id: str, code: str) -> tuple[str, str]:
        """Write the payment status; return the code and name that the order holds now.

        :raises UnknownCode: the shop has no such payment status.
        """
        reply = await self._call("put", f"order/{order_id}", {"model[paymentStatus][code]": code})
        if reply.status == HTTPStatus.BAD_REQUEST:
            raise UnknownCode(_rest_error(reply))
        return _status(_found(reply, order_id))

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first.

        The module lists every order of the shop at once, without their statuses; the page is cut here.
        """
        until = asyncio.get_running_loop().time() + self._patience_seconds
        reply = await self._call("get", "order")
        if reply.status != HTTPStatus.OK or not isinstance(reply.data, list):
            raise _unexpected(reply)
        ahead = sorted((row for row in answers.rows(reply.data) if key_of(row) > after.key), key=key_of)
        page = ahead[: min(size, _PAGE_SIZE_MAX)]
        done = await self._completing.orders(page, until=until)
        return Listed(done.orders, Position(key_of(page[done.rows - 1]), 1) if done.rows < len(ahead) else None)

    async def _listed(self, row: Row) -> StoredOrder:
        return await self.order(answers.required(row, "order_id", "orderId", "id"))

    async def _order(self, order_id: str) -> Row:
        reply = await self._call("get", f"order/{order_id}")
        return answers.mapping(_found(reply, order_id), f"order {order_id}")

    async def _completed(self, order: Row) -> StoredOrder:
        """Add what the module tells only of a transaction on its own: its data cells and refunds."""
        return _stored(order, await self._transaction(_brief(order)))

    async def _transaction(self, brief: Row) -> Row:
        """Return the transaction with its associations; as it was where the module does not show it."""
        number = answers.text(brief, "transaction_id", "transactionId")
        if not number.isdecimal():
            return brief
        try:
            reply = await self._call("get", f"payment-transaction/{number}")
            return answers.mapping(_found(reply, number), "payment transaction")
        except (Misconfigured, OrderMissing):
            return brief  # the order itself was shown, so the key is right; this entity is not opened to it

    async def _call(self, method: str, path: str, fields: dict[str, str] | None = None) -> Reply:
        body = {"_key": self._key.get_secret_value(), "_method": method, "_path": path, **(fields or {})}
        async with self._gate:
            return await self._transport.send("POST", "admin.php", headers={}, params={"target": "RESTAPI"}, data=body)


def _brief(order: Row) -> Row:
    """Return the transaction that paid the order, without its associations."""
    return answers.latest(answers.pick(order, "payment_transactions", "paymentTransactions", "transactions"))


def _stored(order: Row, paid: Row = MappingProxyType({})) -> StoredOrder:
    brief = _brief(order)
    method = answers.pick(paid, "payment_method", "paymentMethod")
    service_name = answers.text(method, "service_name", "serviceName") if isinstance(method, dict) else ""
    name = answers.text(order, "payment_method_name", "paymentMethodName", "paymentMethod")
    code, word = _status(order)
    order_id = answers.required(order, "order_id", "orderId", "id")
    return StoredOrder(
        order_id=order_id,
        order_number=answers.text(order, "orderNumber", "order_number") or order_id,
        total=answers.decimal(order, "total"),
        currency_code=answers.code_of(order.get("currency")),
        code=code,
        word=word,
        method_code=service_name or answers.text(brief, "method_name", "methodName", "method"),
        method_name=name or answers.text(brief, "method_local_name", "methodLocalName"),
        cells=answers.named(paid.get("data")),
        details=answers.named(order.get("details")),
        refunded=refunded_sum(answers.backend_rows(paid)),
        update_time=answers.moment(answers.pick(order, "lastRenewDate", "updateDate", "update_date")),
    )


def _found(reply: Reply, order_id: str) -> Any:
    """Return the answer's data, or say that there is no such order, for which the module answers null."""
    if reply.status == HTTPStatus.NOT_FOUND:
        raise Misconfigured("url", "leads to no REST API module of X-Cart 5.0-5.4 (HTTP 404); for 5.5 set api to rest")
    if reply.status == HTTPStatus.BAD_REQUEST:  # Whatever went wrong inside: its database, too.
        raise Unavailable(f"X-Cart failed: {_rest_error(reply)}")
    if reply.data is None:
        raise OrderMissing(f"X-Cart has no order with id {order_id}")
    if reply.status != HTTPStatus.OK or reply.data is NO_JSON:
        raise _unexpected(reply)
    return reply.data


def _rest_error(reply: Reply) -> str:
    return reply.headers.get("X-REST-Error", "HTTP 400")[:_REST_ERROR_LENGTH_MAX]


def _status(order: Any) -> tuple[str, str]:
    fields = answers.mapping(order, "order")
    status = answers.pick(fields, "paymentStatus", "payment_status")
    name = answers.text(status, "name") if isinstance(status, dict) else ""
    return answers.code_of(status), name


def _unexpected(reply: Reply) -> Unavailable:
    kind = "something that is no JSON" if reply.data is NO_JSON else "something unexpected"
    return Unavailable(f"X-Cart answered {kind} (HTTP {reply.status}); is the shop in maintenance?")
