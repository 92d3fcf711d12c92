"""What both of X-Cart's APIs can do."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from payment_actions_server.plugins import SettingsError

from .listing import Listed, Position
from .module_rows import Entries, ModuleTransaction
from .orders import Named, StoredOrder
from .statuses import ShopStatus


class HeldOrder(NamedTuple):
    """An order as it is before its status is written."""

    order_id: str
    status: ShopStatus
    paid: Mapping[str, Any] = MappingProxyType({})  #: 5.0-5.4: the payment transaction, without its associations.
    details: Named = MappingProxyType({})  #: 5.0-5.4: where the first Amazon module keeps its ids.


class Api(Protocol):
    """One of X-Cart's APIs. Order ids are checked by the caller."""

    async def order(self, order_id: str) -> StoredOrder:
        """Return one order."""
        ...

    async def held(self, order_id: str) -> HeldOrder:
        """Return what a write of the status needs to know."""
        ...

    async def find_status(self, spelling: str) -> ShopStatus:
        """Return the shop's status of that code or id.

        :raises UnknownStatus: the shop has no such status.
        """
        ...

    async def write_status(self, order_id: str, target: ShopStatus) -> ShopStatus:
        """Write the payment status; return the one that the order has according to the answer.

        :raises UnknownStatus: the shop has no such status.
        """
        ...

    def forget_statuses(self) -> None:
        """Have the shop's statuses read again before the next write."""
        ...

    async def module_transaction(self, held: HeldOrder) -> ModuleTransaction | None:
        """Return what X-Cart's later Amazon module goes by; None where it does not look after the order."""
        ...

    async def record(self, own: ModuleTransaction, entries: Entries) -> ModuleTransaction | None:
        """Write entries into the transaction and return it as it is then; None where the API has no such call."""
        ...

    async def changed(self, after: Position, size: int) -> Listed:
        """Return some orders whose last change lies after ``after``, oldest first."""
        ...

    # -- For `check_online` ------------------------------------------------------------------------------------

    async def misplaced(self) -> SettingsError:
        """Return what is wrong with the address, after the shop answered that this API is not there."""
        ...

    async def newest(self, count: int) -> Sequence[StoredOrder]:
        """Return the orders that changed last, as far as they can be read."""
        ...

    async def payment_statuses(self) -> Sequence[ShopStatus] | None:
        """Return every payment status of the shop; None where the API does not show them."""
        ...

    async def may_write(self) -> bool:
        """Tell whether the key may write, without writing."""
        ...
