"""The store platform ``xcart``, a recording one: X-Cart's API stores a status and never calls a gateway."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from payment_actions_server.plugins import (
    AdapterError,
    OrderMissing,
    OrderPage,
    PlatformKind,
    PlatformOrder,
    SettingsError,
    StatusApplied,
    StatusUpdate,
    StorePlatform,
    Unavailable,
)

from .completing import PATIENCE_SECONDS_MAX
from .errors import UnknownCode
from .listing import Listed, Position, position_of, start, token_of
from .orders import StoredOrder, platform_order, word
from .rest import RestApi
from .rest_legacy import LegacyApi
from .settings import read_settings
from .statuses import StatusMap
from .transport import Transport

_log = logging.getLogger(__name__)


class Api(Protocol):
    """What both of X-Cart's APIs can do."""

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        ...

    async def status(self, order_id: str) -> tuple[str, str]:
        """Return the code and name of the order's payment status."""
        ...

    async def write_status(self, order_id: str, code: str) -> tuple[str, str]:
        """Write the payment status; return the code and name that the order holds now."""
        ...

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first."""
        ...


class XCart:
    """One X-Cart 5 shop."""

    kind = PlatformKind.RECORDING

    def __init__(self, transport: Transport, api: Api, statuses: StatusMap) -> None:
        self._transport = transport
        self._api = api
        self._statuses = statuses

    async def read_order(self, order_id: str) -> PlatformOrder:
        """Return the order as it is now."""
        return platform_order(await self._api.order(_checked(order_id)), self._statuses)

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        """Return orders changed at or after a time, oldest change first."""
        after = position_of(page_token) if page_token else start(changed_after)
        listed = await self._api.changed(after, max(page_size, 1))
        orders = [order for stored in listed.orders if (order := self._readable(stored)) is not None]
        return OrderPage(orders, token_of(listed.last))

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        """Make the shop hold the status; write only what differs, never take an order back.

        Reading and writing are two requests: staff who change the status in between are overwritten once.
        """
        order_id = _checked(update.order_id)
        held, name = await self._api.status(order_id)
        code = self._statuses.to_write(held, update)
        if code is None:
            return StatusApplied(word(held, name), written=False)
        now, name = await self._write(order_id, code)
        return StatusApplied(word(now, name), written=True)

    async def aclose(self) -> None:
        """Close the connections to the shop."""
        await self._transport.aclose()

    async def _write(self, order_id: str, code: str) -> tuple[str, str]:
        try:
            now, name = await self._api.write_status(order_id, code)
        except UnknownCode as error:
            setting = self._statuses.setting_of(code)
            problem = f"the shop has no payment status with the code {code!r} ({error})"
            raise (SettingsError(setting, problem) if setting else AdapterError(problem)) from None
        if now != code:
            raise Unavailable(f"X-Cart took the status {code!r} for order {order_id} and still holds {now!r}")
        return now, name

    def _readable(self, stored: StoredOrder) -> PlatformOrder | None:
        """Return the order; None, with a warning, for one that must not keep the others from being listed."""
        try:
            return platform_order(stored, self._statuses)
        except AdapterError as error:
            _log.warning("order left out of a list: %s", error)
            return None


def create(settings: Mapping[str, Any]) -> StorePlatform:
    """Return the platform that ``settings`` describe; the factory of the adapter ``xcart``.

    :raises SettingsError: names the key at fault.
    """
    given = read_settings(settings)
    url = given.url if given.url.endswith("/") else f"{given.url}/"
    transport = Transport(url, given.timeout_seconds)
    api = RestApi if given.api == "rest" else LegacyApi
    patience_seconds = min(given.timeout_seconds, PATIENCE_SECONDS_MAX)
    return XCart(transport, api(transport, given.api_key, patience_seconds), StatusMap(given.overrides()))


def _checked(order_id: str) -> str:
    """Return the id if it can be one: digits, and nothing that would lead to another resource.

    X-Cart takes 007 for 7; one order with two ids would be two orders to whoever asks.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,17}", order_id):
        raise OrderMissing(f"X-Cart has no order with id {order_id!r}: its ids are numbers, without leading zeros")
    return order_id
