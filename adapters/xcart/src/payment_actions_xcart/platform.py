"""The store platform ``xcart``, a recording one: X-Cart's API stores a status and never calls a gateway."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from payment_actions_server.plugins import (
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

from .api import Api, HeldOrder
from .catalogue import renamed_words
from .checking import findings
from .completing import PATIENCE_SECONDS_MAX
from .errors import UnknownStatus
from .listing import position_of, start, token_of
from .orders import platform_order, word
from .own_section import OwnSection, first_module_notice
from .rest import RestApi
from .rest_legacy import LegacyApi
from .settings import Settings, read_settings
from .statuses import ShopStatus, StatusMap, Wanted
from .transport import Transport

_log = logging.getLogger(__name__)


class XCart:
    """One X-Cart 5 shop."""

    kind = PlatformKind.RECORDING

    def __init__(self, transport: Transport, api: Api, statuses: StatusMap, *, record_transactions: bool) -> None:
        self._transport = transport
        self._api = api
        self._statuses = statuses
        self._section = OwnSection(api, records=record_transactions)

    async def read_order(self, order_id: str) -> PlatformOrder:
        """Return the order as it is now."""
        return platform_order(await self._api.order(_checked(order_id)), self._statuses)

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        """Return orders changed at or after a time, oldest change first."""
        after = position_of(page_token) if page_token else start(changed_after)
        listed = await self._api.changed(after, max(page_size, 1))
        orders = [platform_order(stored, self._statuses) for stored in listed.orders]
        return OrderPage(orders, token_of(listed.last))

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        """Make the shop hold the status; write only what differs, never take an order back.

        Reading and writing are two requests: staff who change the status in between are overwritten once.
        """
        held = await self._api.held(_checked(update.order_id))
        wanted = self._statuses.to_write(held.status.spelling, update)
        targets = await self._find(wanted) if wanted else []
        notice = await self._section.follow(held, update)
        now = await self._write_first(held, targets, wanted) if wanted else held.status
        shown = word(now.spelling, now.name)
        if self._statuses.is_beyond(now.spelling, update):
            notice = notice or (
                f"X-Cart shows {shown}, but the payment is {update.status}: no more money has moved. "
                "payment-actions never takes an order back; correct the status in X-Cart"
            )
        notice = notice or first_module_notice(held, now.spelling, update)
        return StatusApplied(shown, written=now is not held.status, notice=notice)

    async def check_online(self) -> Sequence[SettingsError]:
        """Return what is wrong with the settings as the shop is now; empty when all is well. Writes nothing."""
        return await findings(self._api, self._statuses)

    async def aclose(self) -> None:
        """Close the connections to the shop."""
        await self._transport.aclose()

    async def _find(self, wanted: Wanted) -> Sequence[ShopStatus]:
        """Return the statuses of ``wanted`` that the shop has, the best first.

        :raises SettingsError: the shop has none of them.
        """
        found: list[ShopStatus] = []
        problem = ""
        for spelling in wanted.spellings:
            try:
                found.append(await self._api.find_status(spelling))
            except UnknownStatus as error:
                problem = problem or str(error)
        if not found:
            raise SettingsError(f"statuses.{wanted.status}", problem)
        return found

    async def _write_first(self, held: HeldOrder, targets: Sequence[ShopStatus], wanted: Wanted) -> ShopStatus:
        """Write the first status that the shop takes, and return the one that the order has then.

        :raises SettingsError: the shop takes none of them.
        """
        problem = ""
        for target in targets:
            if target.spelling == held.status.spelling:
                return held.status
            try:
                return await self._write(held, target)
            except UnknownStatus as error:
                problem = problem or str(error)
        raise SettingsError(f"statuses.{wanted.status}", problem)

    async def _write(self, held: HeldOrder, target: ShopStatus) -> ShopStatus:
        now = await self._api.write_status(held.order_id, target)
        if not _is_other(now, target) and not _is_renamed(held.status, now):
            return now
        self._api.forget_statuses()
        # The answer may show what X-Cart was told instead of what it holds: ask again.
        now = (await self._api.held(held.order_id)).status
        for before in (held.status, target):
            if _is_renamed(before, now):
                _log.error("order %s: %s", held.order_id, renamed_words(before, now))
                raise Unavailable(renamed_words(before, now))
        if _is_other(now, target):
            problem = f"X-Cart took the status {target.spelling!r} for order {held.order_id}"
            raise Unavailable(f"{problem} and still holds {now.spelling!r}")
        return now


def create(settings: Mapping[str, Any]) -> StorePlatform:
    """Return the platform that ``settings`` describe; the factory of the adapter ``xcart``.

    :raises SettingsError: names the key at fault.
    """
    given = read_settings(settings)
    url = given.url if given.url.endswith("/") else f"{given.url}/"
    transport = Transport(url, given.timeout_seconds)
    api = _api(given, transport)
    return XCart(transport, api, StatusMap(given.overrides()), record_transactions=given.record_transactions)


def _api(given: Settings, transport: Transport) -> Api:
    patience_seconds = min(given.timeout_seconds, PATIENCE_SECONDS_MAX)
    if given.api == "rest":
        return RestApi(transport, given.api_key, patience_seconds)
    return LegacyApi(transport, given.api_key, patience_seconds, given.admin_script)


def _is_other(now: ShopStatus, target: ShopStatus) -> bool:
    """Tell whether an order has another status than the one that was written."""
    return now.spelling != target.spelling or (target.id not in (0, now.id))


def _is_renamed(before: ShopStatus, now: ShopStatus) -> bool:
    """Tell whether one and the same status of the shop has another code than before."""
    return before.id == now.id != 0 and before.code != now.code


def _checked(order_id: str) -> str:
    """Return the id if it can be one: digits, and nothing that would lead to another resource.

    X-Cart takes 007 for 7; one order with two ids would be two orders to whoever asks.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,17}", order_id):
        raise OrderMissing(f"X-Cart has no order with id {order_id!r}: its ids are numbers, without leading zeros")
    return order_id
