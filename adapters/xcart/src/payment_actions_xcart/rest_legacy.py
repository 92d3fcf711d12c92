r"""The client of X-Cart 5.0-5.4's API: ``/admin.php?target=RESTAPI``, module ``XC\RESTAPI``.

Only ``target`` is in the address. The key goes in the body of a POST, which no access log keeps; the real
method goes in ``_method``. No answer is ever logged: a profile carries fields of the customer's password.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from payment_actions_server.plugins import AdapterError, OrderMissing, Secret, SettingsError, Unavailable

from . import answers
from .api import HeldOrder
from .catalogue import Catalogue
from .completing import Completing, require_one
from .errors import Misconfigured, ShopFailed
from .listing import ROWS, Listed, Position, Row, key_of, search
from .module_rows import Entries, ModuleTransaction, backend_rows, module_transaction
from .orders import StoredOrder, refunded_sum, total_of
from .settings import DEFAULT_SCRIPT
from .statuses import ShopStatus
from .transport import NO_JSON, Reply, Transport

_PAGE_SIZE_MAX = 50
_AT_ONCE_MAX = 4
_REST_ERROR_LENGTH_MAX = 300

_STATUSES: Final = "order-status-payment"

#: X-Cart adds these up in one SQL query: the same order as `Key` has, and complete, so that equal times are no tie.
_NEWEST_FIRST: Final = {
    f"_cnd[orderBy][{part}][{number}]": text
    for number, column in enumerate(("o.lastRenewDate", "o.date", "o.order_id"))
    for part, text in enumerate((column, "desc"))
}

_NO_ORDER: Final = "2147483647"  # The largest id that X-Cart's table can hold.


class _Uncut(Exception):
    """The shop does not cut and sort lists as asked: X-Cart 5.1 does not know how."""

    def __init__(self, rows: Sequence[Row] | None) -> None:
        super().__init__()
        self.rows = rows  #: Every order, if the answer had them all.


class LegacyApi:
    """The calls this adapter needs of X-Cart 5.0-5.4. Ids are checked by the caller."""

    def __init__(self, transport: Transport, key: Secret, patience_seconds: float, script: str) -> None:
        self._transport = transport
        self._key = key
        self._patience_seconds = patience_seconds
        self._script = script
        self._has_cut = False
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)
        self._completing = Completing(self._listed, _stored)
        self._catalogue = Catalogue(self.payment_statuses, self._status_of_some_order)

    # -- One order -------------------------------------------------------------------------------------------

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        order = await self._order(order_id)
        return _stored(order, await self._transaction(_brief(order)))

    async def held(self, order_id: str) -> HeldOrder:
        """Return what a write of the status needs to know."""
        order = await self._order(order_id)
        details = answers.named(order.get("details"))
        status = self._catalogue.note(_status(order))
        return HeldOrder(order_id=order_id, status=status, paid=_brief(order), details=details)

    async def find_status(self, spelling: str) -> ShopStatus:
        """Return the shop's status of that code or id."""
        return await self._catalogue.find(spelling)

    async def write_status(self, order_id: str, target: ShopStatus) -> ShopStatus:
        """Write the payment status; return the one that the order has according to the answer.

        The status goes by its id and never by its code: X-Cart gives an unknown code to the order's present status.
        """
        reply = await self._call("put", f"order/{order_id}", {"model[paymentStatus][id]": str(target.id)})
        return _status(_found(reply, order_id))

    def forget_statuses(self) -> None:
        """Have the shop's statuses read again before the next write."""
        self._catalogue.forget()

    # -- What X-Cart's own section goes by -------------------------------------------------------------------

    async def module_transaction(self, held: HeldOrder) -> ModuleTransaction | None:
        """Return what X-Cart's later Amazon module goes by; None where it does not look after the order."""
        return module_transaction(await self._transaction(held.paid))

    async def record(self, own: ModuleTransaction, entries: Entries) -> ModuleTransaction | None:
        """Write entries into the transaction and return it as it is then."""
        reply = await self._call("put", f"payment-transaction/{own.id}", entries.fields())
        return module_transaction(answers.mapping(_found(reply, own.id), "payment transaction"))

    # -- Lists -----------------------------------------------------------------------------------------------

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first."""
        until = asyncio.get_running_loop().time() + self._patience_seconds
        size = min(size, _PAGE_SIZE_MAX)
        try:
            found = await search(self._page, after=after.key, size=size, guess=after.guess)
            page, next_page = found.rows, found.next_page
        except _Uncut as uncut:
            rows = uncut.rows if uncut.rows is not None else await self._rows("order", {})
            ahead = sorted((row for row in rows if key_of(row) > after.key), key=key_of)
            page, next_page = ahead[:size], int(len(ahead) > size)
        done = await self._completing.orders(page, until=until)
        more = next_page if done.rows == len(page) else next_page or 1
        return Listed(done.orders, Position(key_of(page[done.rows - 1]), more) if more and page else None)

    async def newest(self, count: int) -> Sequence[StoredOrder]:
        """Return the orders that changed last, as far as they can be read."""
        try:
            rows = await self._page(1)
        except _Uncut as uncut:
            every = uncut.rows if uncut.rows is not None else await self._rows("order", {})
            rows = sorted(every, key=key_of, reverse=True)
        found = await asyncio.gather(*(self._listed(row) for row in rows[:count]), return_exceptions=True)
        return require_one(found)

    async def payment_statuses(self) -> Sequence[ShopStatus] | None:
        """Return every payment status of the shop; None where it does not show them."""
        try:
            told = _usable(await self._call("get", _STATUSES))
        except Misconfigured:
            return None  # The order itself was shown, so the key is right; this entity is not opened to it.
        return [_shop_status(row) for row in answers.rows(told)] or None

    async def may_write(self) -> bool:
        """Tell whether the key may write, by a write to an order that cannot be: it changes nothing."""
        try:
            await self._call("put", f"order/{_NO_ORDER}")
        except Misconfigured as error:
            return error.key != "api_key"
        return True

    async def misplaced(self) -> SettingsError:
        """Return what is wrong with the address, after the shop answered that the module is not there."""
        if self._script == DEFAULT_SCRIPT and await self._transport.refuses_strangers("GET", "api/orders"):
            return SettingsError(
                "api", "it is for X-Cart 5.0-5.4; the shop is an X-Cart 5.5", remedy='Set api = "rest"'
            )
        problem = f"{self._script} leads to no REST API module (HTTP 404)"
        remedy = "Give the file name of the shop's admin script, and see that the module XC\\RESTAPI is on"
        return SettingsError("admin_script", problem, remedy=remedy)

    async def _page(self, number: int) -> Sequence[Row]:
        """Return a page of the orders, newest change first."""
        reply = await self._call("get", "order", _cut(number))
        if reply.status == HTTPStatus.BAD_REQUEST and not self._has_cut:
            raise _Uncut(None)  # Perhaps an X-Cart that cannot sort by several columns.
        rows = _rows_of(reply)
        keys = [key_of(row) for row in rows]
        if len(rows) > ROWS:
            raise _Uncut(rows)
        if keys != sorted(keys, reverse=True):
            raise _Uncut(None)
        self._has_cut = True  # From now on HTTP 400 is an error inside the shop, and no reason to list every order.
        return rows

    async def _rows(self, entity: str, fields: Mapping[str, str]) -> Sequence[Row]:
        return _rows_of(await self._call("get", entity, fields))

    async def _listed(self, row: Row) -> StoredOrder:
        return await self.order(answers.required(row, "order_id", "orderId", "id"))

    async def _status_of_some_order(self, spelling: str) -> ShopStatus | None:
        """Return a status as one of the shop's orders shows it."""
        one = {"_cnd[limit][0]": "0", "_cnd[limit][1]": "1"}
        condition = {"_cnd[paymentStatus]": spelling.removeprefix("id:")}
        for row in (await self._rows("order", condition | one))[:1]:
            status = _status(await self._order(answers.required(row, "order_id", "orderId", "id")))
            return status if status.spelling == spelling else None
        return None

    # -- Requests --------------------------------------------------------------------------------------------

    async def _order(self, order_id: str) -> Row:
        reply = await self._call("get", f"order/{order_id}")
        order = answers.mapping(_found(reply, order_id), f"order {order_id}")
        if not answers.text(order, "orderNumber", "order_number"):
            raise OrderMissing(f"X-Cart has no order with id {order_id}: it is a cart that was never placed")
        return order

    async def _transaction(self, brief: Row) -> Row:
        """Return the transaction with its associations; as it was where the module does not show it.

        Only a transaction on its own comes with its data cells and its backend transactions.
        """
        number = answers.text(brief, "transaction_id", "transactionId")
        if not number.isdecimal():
            return brief
        try:
            reply = await self._call("get", f"payment-transaction/{number}")
            return answers.mapping(_found(reply, number), "payment transaction")
        except (Misconfigured, OrderMissing):
            return brief  # the order itself was shown, so the key is right; this entity is not opened to it

    async def _call(self, method: str, path: str, fields: Mapping[str, str] = MappingProxyType({})) -> Reply:
        body = {"_key": self._key.get_secret_value(), "_method": method, "_path": path, **fields}
        async with self._gate:
            return await self._transport.send("POST", self._script, headers={}, params={"target": "RESTAPI"}, data=body)


def _cut(number: int) -> dict[str, str]:
    return {"_cnd[limit][0]": str((number - 1) * ROWS), "_cnd[limit][1]": str(ROWS), **_NEWEST_FIRST}


def _brief(order: Row) -> Row:
    """Return the transaction that paid the order, without its associations."""
    return answers.latest(answers.pick(order, "payment_transactions", "paymentTransactions", "transactions"))


def _stored(order: Row, paid: Row = MappingProxyType({})) -> StoredOrder:
    brief = _brief(order)
    method = answers.pick(paid, "payment_method", "paymentMethod")
    service_name = answers.text(method, "service_name", "serviceName") if isinstance(method, dict) else ""
    name = answers.text(order, "payment_method_name", "paymentMethodName", "paymentMethod")
    status = _status(order)
    order_id = answers.required(order, "order_id", "orderId", "id")
    total, total_text = total_of(order)
    backend = backend_rows(paid)
    return StoredOrder(
        order_id=order_id,
        order_number=answers.text(order, "orderNumber", "order_number") or order_id,
        total=total,
        total_text=total_text,
        currency_code=answers.code_of(order.get("currency")),
        charged_currency_code=answers.currency_of(paid.get("currency")),
        code=status.spelling,
        word=status.name,
        method_code=service_name or answers.text(brief, "method_name", "methodName", "method"),
        method_name=name or answers.text(brief, "method_local_name", "methodLocalName"),
        transaction_type=answers.text(paid, "type") or answers.text(brief, "type"),
        cells=answers.named(paid.get("data")),
        details=answers.named(order.get("details")),
        refunded=refunded_sum(backend, states="S"),
        refunded_or_waiting=refunded_sum(backend, states="SW"),
        update_time=answers.moment(answers.pick(order, "lastRenewDate", "updateDate", "update_date")),
    )


def _found(reply: Reply, order_id: str) -> Any:
    """Return the answer's data, or say that there is no such order, for which the module answers null."""
    data = _usable(reply)
    if data is None:
        raise OrderMissing(f"X-Cart has no order with id {order_id}")
    return data


def _usable(reply: Reply) -> Any:
    """Return the answer's data, which is None for null."""
    if reply.status == HTTPStatus.NOT_FOUND:
        raise Misconfigured(
            "url",
            "leads to no REST API module of X-Cart 5.0-5.4 (HTTP 404); for 5.5 set api to rest, "
            "and where the shop renamed its admin script set admin_script",
        )
    if reply.status == HTTPStatus.BAD_REQUEST:  # Whatever went wrong inside: its database, too.
        raise ShopFailed(f"X-Cart failed: {_rest_error(reply)}")
    if reply.status != HTTPStatus.OK or reply.data is NO_JSON:
        raise _unexpected(reply)
    return reply.data


def _rows_of(reply: Reply) -> Sequence[Row]:
    if not isinstance(_usable(reply), list):
        raise _unexpected(reply)
    return answers.rows(reply.data)


def _rest_error(reply: Reply) -> str:
    return reply.headers.get("X-REST-Error", "HTTP 400, an error inside the shop")[:_REST_ERROR_LENGTH_MAX]


def _status(order: Any) -> ShopStatus:
    fields = answers.mapping(order, "order")
    return _shop_status(answers.pick(fields, "paymentStatus", "payment_status"))


def _shop_status(told: Any) -> ShopStatus:
    if not isinstance(told, dict):
        return ShopStatus(0, answers.code_of(told))
    number = answers.text(told, "id")
    return ShopStatus(int(number) if number.isdecimal() else 0, answers.text(told, "code"), answers.text(told, "name"))


def _unexpected(reply: Reply) -> AdapterError:
    kind = "something that is no JSON" if reply.data is NO_JSON else "something unexpected"
    return Unavailable(f"X-Cart answered {kind} (HTTP {reply.status}); is the shop in maintenance?")
