"""How a payment is read from Amazon: starting from the ids we know, with as few requests as the truth needs.

The quota for reads is small (live 20 at once and 2 a second, sandbox 5 and 1). An authorization that speaks
for the whole order is therefore enough; only when part of the order is unaccounted for is the order reference
asked whether there are others. Every list is bounded.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from payment_actions_amazon_pay.mws import (
    GET_AUTHORIZATION,
    GET_CAPTURE,
    GET_ORDER_REFERENCE,
    GET_REFUND,
    Mws,
    Operation,
)
from payment_actions_amazon_pay.objects import Authorization, OrderReference, Refund
from payment_actions_amazon_pay.snapshots import LIVE, accounted_minor, in_order
from payment_actions_amazon_pay.states import (
    AUTHORIZATIONS,
    AuthorizationView,
    CaptureView,
    Money,
    Picture,
    Standing,
    Undecidable,
    meaning,
)
from payment_actions_server.plugins import GatewayPayment, NotExecuted, Throttled, Unavailable

T = TypeVar("T")

IDS_MAX: Final = 25
"""Amazon allows 10 refunds a capture and 10 to 25 authorizations an order; more is not read halfway."""

_CAPTURABLE: Final = frozenset({Standing.OPEN, Standing.SPENT, Standing.GIVEN_UP, Standing.RAN_OUT})
"""Where listed captures are real. Before (waiting) or without (declined) an authorization they are ghosts."""

CURRENCIES_MAX: Final = 10_000
"""How many authorizations' currencies are remembered; it saves each of their captures a request."""

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
        self._currencies: dict[str, str] = {}

    async def picture(self, payment: GatewayPayment) -> Picture:
        """Return all that is needed to say what is true of ``payment``."""
        views = [await self.authorization(known) for known in _bounded(known_ids(payment, "authorization"))]
        order = None
        accounted = accounted_minor(views, payment.currency_code)
        # The total may be none that Amazon was asked for: no amount, or in another currency, it counts as nothing.
        if accounted == 0 or accounted < payment.order_total_minor:
            order = await self._order(payment, views)
            views += await self._unread(order, views)
        views += await self._lone_captures(payment, views)
        if order is None and not views:
            raise _nothing_known(payment)
        lone = await self._lone_refunds(payment, [capture for view in views for capture in view.captures])
        return Picture(order, tuple(view._replace(captures=_with_refunds(view.captures, lone)) for view in views))

    async def order_reference(self, payment: GatewayPayment) -> OrderReference | None:
        """Return the payment's order reference: the one that is stored, or that its authorization leads to."""
        known = payment.reference("order_reference")
        if known:
            return await self._mws.read(GET_ORDER_REFERENCE, known)
        return await self._hinted_order(payment)

    async def listed(self, order: OrderReference) -> tuple[AuthorizationView, ...]:
        """Return every authorization that an order reference lists."""
        return tuple([await self.authorization(known) for known in _bounded(order.authorization_ids)])

    async def currency_code(self, authorization_id: str) -> str:
        """Return the currency of an authorization, which never changes; asked for only if it was not seen yet."""
        if authorization_id not in self._currencies:
            await self._read_authorization(authorization_id)
        return self._currencies[authorization_id]

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
            captures = [await self.capture(capture_id) for capture_id in _bounded(known)]
        else:
            captures = [capture for view in await self.authorizations(payment) for capture in view.captures]
        lone = await self._lone_refunds(payment, captures)
        return _with_refunds(captures, lone)

    async def authorization(self, authorization_id: str) -> AuthorizationView:
        """Return an authorization with its captures and their refunds."""
        read = await self._read_authorization(authorization_id)
        standing = meaning(AUTHORIZATIONS, "authorization", read.id, read.status)
        capture_ids = _bounded(read.capture_ids) if standing in _CAPTURABLE else ()
        return AuthorizationView(read, tuple([await self.capture(capture_id) for capture_id in capture_ids]))

    async def capture(self, capture_id: str) -> CaptureView:
        """Return a capture with its refunds."""
        read = await self._mws.read(GET_CAPTURE, capture_id)
        refund_ids = _bounded(read.refund_ids)
        return CaptureView(read, tuple([await self._mws.read(GET_REFUND, refund_id) for refund_id in refund_ids]))

    async def _read_authorization(self, authorization_id: str) -> Authorization:
        read = await self._mws.read(GET_AUTHORIZATION, authorization_id)
        if len(self._currencies) >= CURRENCIES_MAX:
            del self._currencies[next(iter(self._currencies))]
        self._currencies[authorization_id] = read.currency_code
        return read

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
        order = await self._read_if_any(GET_ORDER_REFERENCE, hint)  # None: the prefix meant nothing.
        return order if order and authorization_id in order.authorization_ids else None

    async def _read_if_any(self, operation: Operation[T], object_id: str) -> T | None:
        """Return an object that may not exist."""
        try:
            return await self._mws.read(operation, object_id)
        except (Throttled, Unavailable):
            raise
        except NotExecuted:
            return None

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

    async def _lone_refunds(
        self, payment: GatewayPayment, captures: Iterable[CaptureView]
    ) -> Mapping[str, Sequence[Refund]]:
        """Read refunds that the shop names and no capture lists yet, by the capture that they belong to.

        A refund tells no capture: it counts for the last one of its order reference. The ids of another order, in the
        cells of a cloned one, count for none.
        """
        captures = list(captures)
        listed = {refund.id for capture in captures for refund in capture.refunds}
        holding = [capture.capture.id for capture in captures if capture.money is Money.MOVED]
        homes = {hint: capture_id for capture_id in holding if (hint := order_reference_hint(capture_id))}
        found: dict[str, list[Refund]] = {}
        for refund_id in _bounded(known for known in known_ids(payment, "refund") if known not in listed):
            home = homes.get(order_reference_hint(refund_id))
            if home and (refund := await self._read_if_any(GET_REFUND, refund_id)):
                found.setdefault(home, []).append(refund)
        return found


def _with_refunds(captures: Iterable[CaptureView], lone: Mapping[str, Sequence[Refund]]) -> tuple[CaptureView, ...]:
    return tuple(view._replace(refunds=(*view.refunds, *lone.get(view.capture.id, ()))) for view in captures)


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
