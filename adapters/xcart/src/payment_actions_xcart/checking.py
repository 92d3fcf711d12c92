"""What `check_online` finds out: whether the settings fit the shop as it is. It writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from payment_actions_server.plugins import PaymentStatus, SettingsError

from .api import Api
from .catalogue import problem_of
from .errors import Misconfigured
from .orders import StoredOrder
from .statuses import ShopStatus, StatusMap

_NEWEST: Final = 20  # Orders that are looked at for one of Amazon's.

_KEY: Final = "Give the key of the shop's API settings that may read and write"
_STATUS: Final = "Name one of the shop's statuses, or add it to the shop"


async def findings(api: Api, statuses: StatusMap) -> Sequence[SettingsError]:
    """Return what is wrong with the settings; empty when all is well.

    :raises Unavailable: the shop could not be asked.
    """
    try:
        newest = await api.newest(_NEWEST)
        known = await api.payment_statuses()
        may_write = await api.may_write()
    except Misconfigured as error:
        return [await api.misplaced() if error.key == "url" else SettingsError(error.key, error.problem, remedy=_KEY)]
    found = [] if may_write else [SettingsError("api_key", "it may only read", remedy=_KEY)]
    found += _status_findings(statuses, known) if known is not None else []
    return [*found, *_capture_findings(newest)]


def _status_findings(statuses: StatusMap, known: Iterable[ShopStatus]) -> list[SettingsError]:
    by_spelling: Mapping[str, ShopStatus] = {status.spelling: status for status in known}
    return [
        SettingsError(f"statuses.{status}", problem_of(statuses.code(status), by_spelling.values()), remedy=_STATUS)
        for status in PaymentStatus
        if not any(spelling in by_spelling for spelling in statuses.spellings(status))
    ]


def _capture_findings(newest: Sequence[StoredOrder]) -> list[SettingsError]:
    """Tell of a checkout that captures at once: X-Cart's Amazon module does by default."""
    paid = [order for order in newest if order.method_code == "PayWithAmazon"]
    latest = max(paid, key=lambda order: int(order.order_id), default=None)  # An old one may have changed last.
    if latest is None or latest.transaction_type != "sale":
        return []
    number = latest.order_number
    problem = f"X-Cart's Amazon module captured the latest order (number {number}) at checkout"
    return [SettingsError("capture_mode", problem, remedy='Set capture_mode = "immediate_capture" for this store')]
