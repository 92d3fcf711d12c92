"""Before money moves, the order is read again: it may have been cancelled, re-priced or deleted a moment ago."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from payment_actions_server.domain.errors import OrderCancelled, OrderChanged, OrderTotalInvalid
from payment_actions_server.domain.money import format_amount
from payment_actions_server.domain.operation import ActionRequest, Operation
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.status import Action, OrderState
from payment_actions_server.engine.attempts import Attempts
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause
from payment_actions_server.engine.orders import Orders, OrderTerms, as_ordered, terms_of
from payment_actions_server.engine.sight import unavailable
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import PlatformOrder

Refuse = Callable[[Payment, Operation | None, ActionRequest], object]
"""Raises what the record refuses a request with; returns where it refuses nothing."""

_UNTOLD_TOTAL: Final = frozenset({OrderState.TOTAL_INVALID, OrderState.OTHER_CURRENCY})
"""In these the payment shows no total that a caller could have taken for the amount."""

READS_MAX: Final = 3
"""How often an order is read for one request, if its record changes each time between the reading and the intent."""


class Confirmed(NamedTuple):
    """An order that was read for a request."""

    terms: OrderTerms | None  #: What the record must still say of it at the intent; None for a refund: anything.
    seen: OrderTerms  #: What the record said of it when the request came: the most that the caller can have seen.


class OrderGuard:
    """Holds a payment's order against the shop before a capture or a refund is begun."""

    def __init__(self, context: Context, attempts: Attempts, orders: Orders) -> None:
        self._context = context
        self._attempts = attempts
        self._orders = orders

    async def confirm(
        self, store: Store, request: ActionRequest, refuse: Refuse, seen: OrderTerms | None = None
    ) -> Confirmed:
        """Read the order again and let the record follow it before a capture.

        :param seen: what the record said of the order when the request came, if it was read before for this request.
        :return: what the record must still say of the order when a capture is begun; see `Confirmed`.
        :raises OrderCancelled, OrderChanged, OrderTotalInvalid: the order bars the capture, or is another than the
            caller can have seen. Nothing was started; the payment shows the order as it is now.
        :raises PlatformUnavailable: the shop could not be asked. Nothing was started.
        :raises GatewayUnavailable, GatewayThrottled: the shop shows a refund that is not known here, and the gateway
            could not be asked about it. Nothing was started.
        :raises PaymentActionsError: whatever ``refuse`` raises for another reason; the shop was not asked then.
        """
        key = PaymentKey(request.store, request.order_id)
        record = await self._context.storage.record(key)
        payment = record.payment
        assert payment is not None, "only what was seen is checked"
        shown = False
        with suppress(OrderCancelled, OrderChanged, OrderTotalInvalid):  # Staff may have set the order right since.
            refuse(payment, record.operation, request)
            shown = True
        order = await self._orders.read_known(store, payment)
        seen = seen or terms_of(payment)
        if request.action is Action.CAPTURE:
            now_true = await self._follow(store, payment, order, request)
            if terms_of(now_true) != seen:
                refuse(now_true, record.operation, request._replace(etag=None))
                if shown or payment.order_state not in _UNTOLD_TOTAL:
                    _refuse_other_terms(seen, terms_of(now_true))
            return Confirmed(terms_of(now_true), seen)
        # A refund is for any order. To record a change of it now would make the caller's etag stale for nothing.
        if order is not None and order.refunded_minor > payment.refunded_minor:
            await self._ask_gateway(store, payment, request)
        return Confirmed(None, seen)

    async def _follow(
        self, store: Store, payment: Payment, order: PlatformOrder | None, request: ActionRequest
    ) -> Payment:
        """Record what bears on money. The rest waits for the next look, for it would change the caller's etag."""
        if terms_of(as_ordered(store, payment, order)) == terms_of(payment):
            return payment
        cause = Cause(actor=request.actor, details={})
        return await self._context.storage.change(
            payment.key, lambda work: self._orders.follow(work, store, order, cause)
        )

    async def _ask_gateway(self, store: Store, payment: Payment, request: ActionRequest) -> None:
        """Look at the gateway, because the shop shows a refund that is not known here. The shop is not believed."""
        try:
            await self._attempts.look(store, payment, Cause(actor=request.actor, details={}))
        except Exception as error:
            raise unavailable(error, payment.store, payment.order_id) from error


def _refuse_other_terms(before: OrderTerms, after: OrderTerms) -> None:
    """Refuse a capture whose amount is another than the caller can have seen.

    :raises OrderChanged:
    """
    if (before.total_minor, before.currency_code) == (after.total_minor, after.currency_code):
        return  # The order stands again.
    was = format_amount(before.total_minor, before.currency_code)
    total = format_amount(after.total_minor, after.currency_code)
    raise OrderChanged(
        f"The shop changed the order since it was last shown: its total was {was} and is {total}. Nothing was started."
        " Read the payment again and decide anew.",
        action=Action.CAPTURE.value,
        order_total=total,
        order_total_before=was,
    )
