"""Order references that nobody needs any more: closed after the capture, cancelled after a time-out.

Without that they stay Open for 180 days. The adapter does it beside the engine's calls, one order after another. It is
best effort: a failure is logged and changes no result. Neither call moves money. Neither is sent while an authorization
of the order could still be captured.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from payment_actions_amazon_pay.mws import CANCEL_ORDER_REFERENCE, CLOSE_ORDER_REFERENCE, Mws
from payment_actions_amazon_pay.objects import Capture, OrderReference
from payment_actions_amazon_pay.reading import Reading, known_ids
from payment_actions_amazon_pay.snapshots import LIVE, accounted_minor, newest
from payment_actions_amazon_pay.states import AuthorizationView, CaptureView, Picture, Standing
from payment_actions_server.plugins import GatewayPayment

log = logging.getLogger(__name__)

ORDERS_MAX: Final = 10_000
"""How many orders wait at most; the order reference of a further one is left Open."""

ORDER_SECONDS_MAX: Final = 2 * 3600.0
"""How long one order takes at most. Most of it is waiting until the quota is idle."""

END_SECONDS_MAX: Final = 2.0
"""How long `Closing.aclose` waits for the orders under way."""

SYNCHRONOUS_MAX: Final = timedelta(seconds=20)
"""Amazon decides a synchronous authorization within 8 s; an asynchronous one times out after minutes.

After a synchronous one the buyer is still at the checkout, which may authorize again: nothing is cancelled.
"""

_CLOSABLE: Final = frozenset({"Open", "Suspended"})


class _Waiting(NamedTuple):
    """An order whose order reference is looked at; without a capture, for an authorization that timed out."""

    payment: GatewayPayment
    capture: Capture | None


class Closing:
    """Closes and cancels order references of one account. The `follow` methods return at once and raise nothing.

    :param mws: a patient connection: captures and snapshots need the quota first.
    """

    def __init__(self, mws: Mws, *, enabled: bool) -> None:
        self._mws = mws
        self._reading = Reading(mws)
        self._enabled = enabled
        self._waiting: dict[str, _Waiting] = {}
        self._task: asyncio.Task[None] | None = None

    def follow_capture(self, payment: GatewayPayment, capture: Capture) -> None:
        """Have the order reference closed if ``capture``, which is Completed, leaves nothing to collect."""
        self._add(_Waiting(payment, capture))

    def follow_picture(self, payment: GatewayPayment, picture: Picture) -> None:
        """Have the order reference cancelled if ``picture`` shows that its authorization timed out."""
        if picture.order and is_timed_out(picture.order, picture.views):
            self._add(_Waiting(payment, None))

    async def aclose(self) -> None:
        """Wait `END_SECONDS_MAX` for the orders under way, then give them up. Nothing is taken on any more."""
        self._enabled = False
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=END_SECONDS_MAX)
        if self._task.cancel():
            left = len(self._waiting) + 1
            log.warning("Amazon Pay: the service ends, so %d order references may be left Open", left)
        await asyncio.wait({self._task}, timeout=END_SECONDS_MAX)

    def _add(self, order: _Waiting) -> None:
        if not self._enabled:
            return
        if len(self._waiting) >= ORDERS_MAX:
            _log_left_open(order, f"{ORDERS_MAX} others wait already")
            return
        self._waiting[order.payment.order_id] = order
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting:
            order = self._waiting.pop(next(iter(self._waiting)))
            try:
                async with asyncio.timeout(ORDER_SECONDS_MAX):
                    await self._end(order)
            except Exception as error:  # noqa: BLE001 - it is best effort, and the other orders wait
                _log_left_open(order, str(error) or type(error).__name__)

    async def _end(self, order: _Waiting) -> None:
        """Read the order reference, and end it if nothing more is wanted of it.

        The wait for the quota may be long, so it comes before the order reference is read.
        """
        operation = CLOSE_ORDER_REFERENCE if order.capture else CANCEL_ORDER_REFERENCE
        await self._mws.admit(operation)
        found = await self._reading.order_reference(order.payment)
        if found is None or found.status.state not in _CLOSABLE:
            return
        views = await self._views(found, order)
        wanted = is_collected(found, views, order.capture) if order.capture else is_timed_out(found, views)
        if wanted:
            await self._mws.move(operation, {"AmazonOrderReferenceId": found.id}, admitted=True)
            log.info("Amazon Pay: %s of order %s", operation.name, order.payment.order_number)

    async def _views(self, found: OrderReference, order: _Waiting) -> tuple[AuthorizationView, ...]:
        """Return every authorization of the order reference; none if it changed while they were read.

        The only authorization of a known capture needs no request.
        """
        only = found.authorization_ids if len(found.authorization_ids) == 1 else None
        if order.capture and known_ids(order.payment, "authorization") == only:
            return (AuthorizationView(None, (CaptureView(order.capture),)),)
        views = await self._reading.listed(found)
        again = await self._reading.order_reference(order.payment)
        return views if again == found else ()


def is_collected(order: OrderReference, views: Sequence[AuthorizationView], capture: Capture) -> bool:
    """Tell whether the order reference's whole total is captured, ``capture`` is a part of it and nothing is open."""
    live = [view for view in views if view.standing in LIVE]
    captured_ids = {view.capture.id for each in live for view in each.captures}
    return (
        capture.id in captured_ids
        and all(view.standing is Standing.COLLECTED for view in live)
        and bool(order.currency_code)
        and accounted_minor(live, order.currency_code) >= order.total_minor
    )


def is_timed_out(order: OrderReference, views: Sequence[AuthorizationView]) -> bool:
    """Tell whether the last authorization timed out unattended, and no other one holds money or may still get some.

    A Suspended order reference is none: its buyer may still mend the payment method.
    """
    if order.status.state != "Open" or not views or any(view.standing in LIVE for view in views):
        return False
    last = newest(views).authorization
    if last is None or (last.status.state, last.status.reason_code) != ("Declined", "TransactionTimedOut"):
        return False
    return bool(last.creation_time and last.update_time and last.update_time - last.creation_time > SYNCHRONOUS_MAX)


def _log_left_open(order: _Waiting, why: str) -> None:
    number = order.payment.order_number or order.payment.order_id
    log.warning(
        "Amazon Pay: the order reference of order %s may be left Open; Amazon closes it after 180 days. %s", number, why
    )
