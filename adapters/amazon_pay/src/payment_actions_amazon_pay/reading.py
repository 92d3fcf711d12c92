"""How a payment is read from Amazon: starting from the ids we know, with as few requests as the truth needs.

The quota for reads is small (live 20 at once and 2 a second, sandbox 5 and 1). An authorization that speaks
for the whole order is therefore enough; only when part of the order is unaccounted for is the order reference
asked whether there are others. Every list is bounded.
"""

import re
from collections.abc import Iterable
from typing import Final

from payment_actions_amazon_pay.mws import (
    GET_AUTHORIZATION,
    GET_CAPTURE,
    GET_ORDER_REFERENCE,
    GET_REFUND,
    Mws,
)
from payment_actions_amazon_pay.objects import OrderReference
from payment_actions_amazon_pay.snapshots import LIVE, accounted_minor, in_order
from payment_actions_amazon_pay.states import (
    AUTHORIZATIONS,
    AuthorizationView,
    CaptureView,
    Picture,
    Standing,
    Undecidable,
    meaning,
)
from payment_actions_server.plugins import GatewayPayment, NotExecuted, Throttled, Unavailable

IDS_MAX: Final = 25
"""Amazon allows 10 refunds a capture and 10 to 25 authorizations an order; more is not read halfway."""

_CAPTURABLE: Final = frozenset({Standing.OPEN, Standing.SPENT, Standing.GIVEN_UP, Standing.RAN_OUT})
"""Where listed captures are real. Before (waiting) or without (declined) an authorization they are ghosts."""

_TRANSACTION_ID: Final = re.compile(r"([A-Z][0-9]{2}-[0-9]{7}-[0-9]{7})-[A-Z][0-9]{6}")


def order_reference_hint(object_id: str) -> str:
    """Return the order reference that an id seems to belong to, or nothing. To be verified: no promise."""
    found = _TRANSACTION_ID.fullmatch(object_id)
    return found.group(1) if found else ""


def known_ids(payment: GatewayPayment, role: str) -> tuple[str, ...]:
    """Return every id of ``role`` that is stored with the payment, once."""
    return tuple(dict.fromkeys(value for known, value in payment.references if known == role and value))


class Reading:
    """Reads payments of one account. Every method raises `NotExecuted` when Amazon could not be asked."""

    def __init__(self, mws: Mws) -> None:
        self._mws = mws

    async def picture(self, payment: GatewayPayment) -> Picture:
        """Return all that is needed to say what is true of ``payment``."""
        views = [await self.authorization(known) for known in _bounded(known_ids(payment, "authorization"))]
        order = None
        if accounted_minor(views) < payment.order_total_minor:
            order = await self._order(payment, views)
            views += await self._unread(order, views)
        views += await self._lone_captures(payment, views)
        if order is None and not views:
            raise _nothing_known(payment)
        return Picture(order, tuple(views))

    async def authorizations(self, payment: GatewayPayment) -> tuple[AuthorizationView, ...]:
        """Return the payment's authorizations, the one that matters most last; at least one.

        :raises NotExecuted: none is known, and none could be found.
        """
        known = known_ids(payment, "authorization")
        order_id = payment.reference("order_reference")
        if not known and order_id:
            known = (await self._mws.read(GET_ORDER_REFERENCE, order_id)).authorization_ids
        if not known:
            raise _nothing_known(payment)
        return in_order([await self.authorization(authorization_id) for authorization_id in _bounded(known)])

    async def captures(self, payment: GatewayPayment) -> tuple[CaptureView, ...]:
        """Return the payment's captures, with their refunds."""
        known = known_ids(payment, "capture")
        if known:
            return tuple([await self.capture(capture_id) for capture_id in _bounded(known)])
        views = await self.authorizations(payment)
        return tuple(capture for view in views for capture in view.captures)

    async def authorization(self, authorization_id: str) -> AuthorizationView:
        """Return an authorization with its captures and their refunds."""
        read = await self._mws.read(GET_AUTHORIZATION, authorization_id)
        standing = meaning(AUTHORIZATIONS, "authorization", read.id, read.status)
        capture_ids = _bounded(read.capture_ids) if standing in _CAPTURABLE else ()
        return AuthorizationView(read, tuple([await self.capture(capture_id) for capture_id in capture_ids]))

    async def capture(self, capture_id: str) -> CaptureView:
        """Return a capture with its refunds."""
        read = await self._mws.read(GET_CAPTURE, capture_id)
        refund_ids = _bounded(read.refund_ids)
        return CaptureView(read, tuple([await self._mws.read(GET_REFUND, refund_id) for refund_id in refund_ids]))

    async def _order(self, payment: GatewayPayment, views: Iterable[AuthorizationView]) -> OrderReference | None:
        known = payment.reference("order_reference")
        if known:
            return await self._mws.read(GET_ORDER_REFERENCE, known)
        if any(view.standing in LIVE for view in views):
            return None
        return await self._hinted_order(payment)

    async def _hinted_order(self, payment: GatewayPayment) -> OrderReference | None:
        """Follow the shared prefix of an authorization's id; believe it only if the order lists that id."""
        authorization_id = payment.reference("authorization")
        hint = order_reference_hint(authorization_id)
        if not hint:
            return None
        try:
            order = await self._mws.read(GET_ORDER_REFERENCE, hint)
        except (Throttled, Unavailable):
            raise
        except NotExecuted:
            return None  # There is no such order: the prefix meant nothing.
        return order if authorization_id in order.authorization_ids else None

    async def _unread(
        self, order: OrderReference | None, views: Iterable[AuthorizationView]
    ) -> list[AuthorizationView]:
        read = {view.id for view in views}
        listed = _bounded(order.authorization_ids) if order else ()
        return [await self.authorization(known) for known in listed if known not in read]

    async def _lone_captures(
        self, payment: GatewayPayment, views: Iterable[AuthorizationView]
    ) -> list[AuthorizationView]:
        """Read captures that no authorization we know of lists, for a shop that stored nothing else."""
        read = {capture.capture.id for view in views for capture in view.captures}
        ghosts = {known for view in views if view.authorization for known in view.authorization.capture_ids}
        lone = [known for known in known_ids(payment, "capture") if known not in read | ghosts]
        return [AuthorizationView(None, (await self.capture(known),)) for known in _bounded(lone)]


def _bounded(ids: Iterable[str]) -> tuple[str, ...]:
    listed = tuple(ids)
    if len(listed) > IDS_MAX:
        raise Undecidable(f"{len(listed)} ids of one kind, more than Amazon Pay documents: {listed[0]}, ...")
    return listed


def _nothing_known(payment: GatewayPayment) -> NotExecuted:
    return NotExecuted(
        f"order {payment.order_number or payment.order_id} has no id of Amazon Pay stored with it"
        " (order_reference or authorization); the shop's checkout must have written one"
    )
