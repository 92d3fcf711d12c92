"""The client of X-Cart 5.5's API: ``/api/...`` with the header ``X-AUTH-TOKEN``."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from payment_actions_server.plugins import AdapterError, OrderMissing, Secret, SettingsError, Unavailable

from . import answers
from .api import HeldOrder
from .completing import Completing, require_one
from .errors import Misconfigured, ShopFailed, UnknownStatus
from .gaps import NO_CODE, GapReader, is_gap
from .listing import ROWS, Listed, Position, Row, key_of, search
from .module_rows import Entries, ModuleTransaction, backend_rows, module_transaction
from .orders import Named, StoredOrder, refunded_sum, total_of
from .statuses import ShopStatus
from .transport import NO_JSON, Reply, Transport

_PAGE_SIZE_MAX = 50  # two more requests an order: what a page costs must stay within one call's patience
_PAGES_MAX = 20  # of what hangs on one order
_PAGE_ROWS_MIN = 30  # X-Cart's own page size: a page with fewer is the last, however many were asked for
_AT_ONCE_MAX = 4  # requests to one shop; it has customers to serve
_SEEN_MAX = 50

_NO_ORDER: Final = "2147483647"  # The largest id that X-Cart's table can hold.


class RestApi:
    """The calls this adapter needs of X-Cart 5.5. Ids are checked by the caller."""

    def __init__(self, transport: Transport, token: Secret, patience_seconds: float) -> None:
        self._transport = transport
        self._token = token
        self._patience_seconds = patience_seconds
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)
        self._completing = Completing(self._completed, _stored)
        self._gaps = GapReader(self._page, self._fails_for, self._check_alive)
        self._seen: dict[str, None] = {}

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        return await self._completed(await self._order(order_id))

    async def held(self, order_id: str) -> HeldOrder:
        """Return what a write of the status needs to know.

        The order is asked for and not its status, which X-Cart cannot tell of an order without one.
        """
        return HeldOrder(order_id=order_id, status=self._note(_status(await self._order(order_id))))

    async def find_status(self, spelling: str) -> ShopStatus:
        """Return the shop's status of that code. Only the write tells whether the shop has it: no call lists them."""
        return ShopStatus(0, spelling)

    async def write_status(self, order_id: str, target: ShopStatus) -> ShopStatus:
        """Write the payment status; return the one that the order has according to the answer.

        :raises UnknownStatus: the shop has no such payment status.
        """
        path = f"api/orders/{order_id}/payment_status"
        reply = await self._request("PUT", path, json={"code": target.code})
        if reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            # The order was read a moment ago, so the code is at fault.
            seen = f"; its orders show {', '.join(sorted(self._seen))}" if self._seen else ""
            raise UnknownStatus(f"the shop has no payment status {target.code!r} ({_detail(reply)}){seen}")
        return _shop_status(self._found(reply, order_id))

    def forget_statuses(self) -> None:
        """Have the shop's statuses read again before the next write: here they never are."""

    async def module_transaction(self, held: HeldOrder) -> ModuleTransaction | None:
        """Return what X-Cart's later Amazon module goes by; None where it does not look after the order."""
        path = f"api/orders/{held.order_id}/payment_transactions"
        return module_transaction(answers.latest(await self._every(path, held.order_id)))

    async def record(self, own: ModuleTransaction, entries: Entries) -> ModuleTransaction | None:  # noqa: ARG002
        """Return None: X-Cart 5.5 has no call that writes a transaction."""
        return None

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first."""
        until = asyncio.get_running_loop().time() + self._patience_seconds
        found = await search(self._gaps.page, after=after.key, size=min(size, _PAGE_SIZE_MAX), guess=after.guess)
        done = await self._completing.orders(found.rows, until=until)
        more = found.next_page if done.rows == len(found.rows) else found.next_page or 1
        return Listed(done.orders, Position(key_of(found.rows[done.rows - 1]), more) if more and found.rows else None)

    async def newest(self, count: int) -> Sequence[StoredOrder]:
        """Return the orders that changed last, as far as they can be read."""
        rows = (await self._gaps.page(1))[:count]
        found = await asyncio.gather(*(self._completed(row) for row in rows), return_exceptions=True)
        return require_one(found)

    async def payment_statuses(self) -> Sequence[ShopStatus] | None:
        """Return None: X-Cart 5.5 has no call that lists them."""
        return None

    async def may_write(self) -> bool:
        """Tell whether the token may write, by a write to an order that cannot be: it changes nothing."""
        try:
            await self._request("PUT", f"api/orders/{_NO_ORDER}/payment_status", json={"code": "Q"})
        except Misconfigured as error:
            return error.key != "api_key"
        except ShopFailed:
            pass
        return True

    async def misplaced(self) -> SettingsError:
        """Return what is wrong with the address, after the shop answered that this API is not there."""
        older = {"params": {"target": "RESTAPI"}, "data": {"_method": "get", "_path": "order"}}
        if await self._transport.refuses_strangers("POST", "admin.php", **older):
            problem = "it is for X-Cart 5.5; the shop is an older one"
            return SettingsError("api", problem, remedy='Set api = "rest_legacy"')
        return SettingsError("url", _no_api().problem, remedy="Give the shop's address, with its path if it has one")

    async def _page(self, number: int, size: int) -> Sequence[Row]:
        order = {"order[lastRenewDate]": "desc", "order[date]": "desc"}
        return await self._orders({**order, "page": number, "itemsPerPage": size})

    async def _orders(self, query: dict[str, Any]) -> Sequence[Row]:
        reply = await self._get("api/orders", params=query)
        if reply.status == HTTPStatus.NOT_FOUND and reply.data is NO_JSON:
            raise _no_api()
        if reply.status != HTTPStatus.OK or not isinstance(reply.data, list):
            raise _unexpected(reply)
        return answers.rows(reply.data)

    async def _check_alive(self) -> None:
        """Raise what the shop answers to a list without orders that it cannot tell."""
        await self._orders({"page": 1, "itemsPerPage": 1, "paymentStatus.code": "Q", "shippingStatus.code": "N"})

    async def _fails_for(self, order_id: int) -> bool:
        try:
            await self._get(f"api/orders/{order_id}")
        except ShopFailed:
            return True
        return False

    async def _order(self, order_id: str) -> Row:
        try:
            reply = await self._get(f"api/orders/{order_id}")
        except ShopFailed as error:
            raise ShopFailed(f"{error} for order {order_id}; {NO_CODE}") from None
        return answers.mapping(self._found(reply, order_id), f"order {order_id}")

    async def _completed(self, order: Row) -> StoredOrder:
        """Add what X-Cart tells only in resources of their own: the payment method and Amazon's ids."""
        order_id = answers.required(order, "id")
        if is_gap(order):
            raise OrderMissing("X-Cart cannot tell this order")
        transactions, details = await asyncio.gather(
            self._every(f"api/orders/{order_id}/payment_transactions", order_id),
            self._every(f"api/orders/{order_id}/details", order_id),
        )
        if not transactions:
            # X-Cart answers an empty list also below an order that was deleted: make sure that the order is there.
            await self._order(order_id)
        self._note(_status(order))
        return _stored(order, transactions, answers.named(details))

    def _note(self, status: ShopStatus) -> ShopStatus:
        if status.code and len(self._seen) < _SEEN_MAX:
            self._seen[status.code] = None
        return status

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
            raise _no_api()
        if reply.status in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
            raise OrderMissing(f"X-Cart has no order with id {order_id}")
        if reply.status != HTTPStatus.OK or reply.data is NO_JSON:
            raise _unexpected(reply)
        return reply.data


def _stored(order: Row, transactions: Sequence[Row] = (), details: Named = MappingProxyType({})) -> StoredOrder:
    order_id = answers.required(order, "id")
    paid = answers.latest(transactions)
    backend = [row for transaction in transactions for row in backend_rows(transaction)]
    status = _status(order)
    total, total_text = total_of(order)
    return StoredOrder(
        order_id=order_id,
        order_number=answers.text(order, "order_number") or order_id,
        total=total,
        total_text=total_text,
        currency_code=answers.text(order, "currency"),
        charged_currency_code=answers.currency_of(paid.get("currency")),
        code=status.spelling,
        word=status.name,
        method_code=answers.text(paid, "name"),
        method_name=answers.text(paid, "local_name"),
        transaction_type=answers.text(paid, "type"),
        cells=answers.named(paid.get("data")),
        details=details,
        refunded=refunded_sum(backend, states="S"),
        refunded_or_waiting=refunded_sum(backend, states="SW"),
        update_time=answers.moment(order.get("update_date")),
    )


def _status(order: Row) -> ShopStatus:
    """Return the order's status. X-Cart tells null where a status of the shop's own was deleted."""
    return _shop_status(order.get("payment_status"))


def _shop_status(told: Any) -> ShopStatus:
    if not isinstance(told, dict):
        return ShopStatus(0, "")
    number = answers.text(told, "id")
    return ShopStatus(int(number) if number.isdecimal() else 0, answers.text(told, "code"), answers.text(told, "name"))


def _no_api() -> Misconfigured:
    return Misconfigured("url", "leads to no X-Cart 5.5 API (HTTP 404); for 5.0-5.4 set api to rest_legacy")


def _detail(reply: Reply) -> str:
    fields = reply.data if isinstance(reply.data, dict) else {}
    return answers.text(fields, "detail", "hydra:description", "message") or f"HTTP {reply.status}"


def _unexpected(reply: Reply) -> AdapterError:
    kind = "something that is no JSON" if reply.data is NO_JSON else "something unexpected"
    return Unavailable(f"X-Cart answered {kind} (HTTP {reply.status}); is the shop in maintenance?")
