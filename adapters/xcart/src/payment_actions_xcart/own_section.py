"""X-Cart's own Amazon section on the order page: its records are kept up to date, or staff are warned of its buttons.

The records are written before the status. If the adapter dies in between, the order still reads as before, and the
module offers no button that would undo the outcome; the next attempt finds the records there and writes the status.
The other way round, a click or a notification in between would set the order back.
"""

import logging
import time

from payment_actions_server.plugins import AdapterError, PaymentStatus, StatusUpdate

from .api import Api, HeldOrder
from .errors import Misconfigured, ShopFailed
from .module_rows import ORDER_REFERENCE_CELL, REFUND_LIVE, ModuleTransaction, missing_entries, notice

_OUT_OF_DATE = "X-Cart's own Amazon section could not be brought up to date: do not use its buttons for this order"

_BEFORE_AN_OUTCOME = (PaymentStatus.PENDING, PaymentStatus.AUTHORIZED)

_log = logging.getLogger(__name__)


class OwnSection:
    """What X-Cart's own section shows of a payment.

    :param records: whether its records are written, where the API has a call for it.
    """

    def __init__(self, api: Api, *, records: bool) -> None:
        self._api = api
        self._records = records

    async def follow(self, held: HeldOrder, update: StatusUpdate) -> str:
        """Have the section show the outcome; return what staff must not do there, empty if nothing.

        :raises Unavailable: the shop could not be asked.
        :raises AdapterError: the order is another one by now.
        """
        if update.status in _BEFORE_AN_OUTCOME:
            return ""
        try:
            own = await self._api.module_transaction(held)
            cell = own.value(ORDER_REFERENCE_CELL) if own else ""
            _require_same_payment(cell or held.details.get("AmazonOrderReferenceId", ""), update)
            if own is None:
                return ""
            return notice(await self._recorded(own, update) if self._records else own, update)
        except Misconfigured:
            raise
        except ShopFailed as error:
            _log.warning("order %s: X-Cart's own transactions are not up to date: %s", held.order_id, error)
            return _OUT_OF_DATE

    async def _recorded(self, own: ModuleTransaction, update: StatusUpdate) -> ModuleTransaction:
        date = int(update.change_time.timestamp() if update.change_time else time.time())
        entries = missing_entries(own, update, date=date)
        return await self._api.record(own, entries) or own if entries else own


def _require_same_payment(shown: str, update: StatusUpdate) -> None:
    """Refuse to write what became of one payment to the order of another.

    :param shown: the order reference that the order names; empty without one.
    :raises AdapterError: the order names another order reference than the payment.
    """
    ours = [known.value for known in update.references if known.role == "order_reference"]
    if shown and ours and shown not in ours:
        raise AdapterError(
            f"order {update.order_id} was paid by another order reference ({shown}) than this payment ({ours[-1]}); "
            "nothing is written. Was the shop restored from a backup? Then it gives order ids out again"
        )


def first_module_notice(held: HeldOrder, spelling: str, update: StatusUpdate) -> str:
    """Return what staff must not do in the section of X-Cart's first Amazon module.

    That module goes by the order's status: of a paid order it offers to refund the order's total.
    """
    first = "amazon_pa_capture_id" in held.details or "AmazonOrderReferenceId" in held.details
    partly = update.status is PaymentStatus.PARTIALLY_REFUNDED or 0 < update.captured_minor < update.authorized_minor
    return REFUND_LIVE if first and spelling == "P" and partly else ""
