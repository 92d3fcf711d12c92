"""Which of a payment's objects a call is about, and what became of a reference: asking, moving nothing."""

from payment_actions_amazon_pay.mws import GET_CAPTURE, GET_REFUND, Mws
from payment_actions_amazon_pay.objects import Capture, Refund
from payment_actions_amazon_pay.reading import Reading, known_ids
from payment_actions_amazon_pay.snapshots import refundable_minor
from payment_actions_amazon_pay.states import CaptureView, Money, Standing, Undecidable
from payment_actions_server.plugins import (
    GatewayPayment,
    GatewayRequest,
    NotExecuted,
    StateConflict,
    format_amount,
)


class Finding:
    """Finds objects of one account. Every method raises `NotExecuted` when Amazon could not be asked."""

    def __init__(self, mws: Mws, reading: Reading) -> None:
        self._mws = mws
        self._reading = reading

    # -- What a call is about -----------------------------------------------------------------------------

    async def authorization_to_capture(self, request: GatewayRequest) -> str:
        """Return the authorization to capture; for every attempt the one that the first attempt reached.

        :raises StateConflict: none is open, or it is in another currency.
        """
        known = known_ids(request.payment, "authorization")
        target = known[0] if len(known) == 1 else await self._open_authorization(request)
        currency_code = await self._reading.currency_code(target)
        if currency_code != request.currency_code:
            remedy = "Void it, set the shop's Amazon Pay region to the order's currency, and let the buyer order again"
            raise _other_currency(request, f"authorization {target}", currency_code, remedy)
        return target

    async def _open_authorization(self, request: GatewayRequest) -> str:
        views = await self._reading.authorizations(request.payment)
        for view in views:
            if any(capture.capture.reference == request.reference for capture in view.captures):
                return view.id
        still_open = [view for view in views if view.standing is Standing.OPEN]
        if not still_open:
            raise _none_open(request.payment)
        return still_open[-1].id

    async def authorizations_to_void(self, payment: GatewayPayment) -> tuple[str, ...]:
        """Return the authorizations that a void closes: at least one.

        :raises StateConflict: none is open.
        """
        known = known_ids(payment, "authorization")
        if len(known) == 1:
            return known
        views = await self._reading.authorizations(payment)
        closable = tuple(view.id for view in views if view.standing in {Standing.OPEN, Standing.WAITING})
        if not closable:
            raise _none_open(payment)
        return closable

    async def capture_to_refund(self, request: GatewayRequest) -> str:
        """Return the capture to refund, having seen that it still holds the amount.

        Amazon itself would return up to 15 % more than was captured, so a refund that somebody has just made
        in Seller Central would not bar ours.

        :raises StateConflict: nothing is captured, less is left, or it is in another currency.
        """
        captures = await self._reading.captures(request.payment)
        for view in captures:
            if any(refund.reference == request.reference for refund in view.refunds):
                return view.capture.id
        holding = [view for view in captures if view.money is Money.MOVED]
        for view in holding:
            if view.capture.currency_code != request.currency_code:
                remedy = "Refund it in Seller Central, in its own currency"
                raise _other_currency(request, f"capture {view.capture.id}", view.capture.currency_code, remedy)
        for view in holding:
            if refundable_minor(view) >= request.amount_minor:
                return view.capture.id
        raise _too_little(request, holding)

    # -- What became of a reference -----------------------------------------------------------------------

    async def captured(self, request: GatewayRequest) -> Capture | None:
        """Return the capture that ``request.reference`` made, if there is one."""
        if request.gateway_id:
            known = await self._mws.read(GET_CAPTURE, request.gateway_id)
            require_ours(known, request)
            return known
        views = await self._reading.authorizations(request.payment)
        found = (capture.capture for view in views for capture in view.captures)
        return next((capture for capture in found if capture.reference == request.reference), None)

    async def refunded(self, request: GatewayRequest) -> Refund | None:
        """Return the refund that ``request.reference`` made, if there is one."""
        if request.gateway_id:
            known = await self._mws.read(GET_REFUND, request.gateway_id)
            require_ours(known, request)
            return known
        views = await self._reading.captures(request.payment)
        found = (refund for view in views for refund in view.refunds)
        return next((refund for refund in found if refund.reference == request.reference), None)


def require_ours(found: Capture | Refund, request: GatewayRequest) -> None:
    """Believe an answer only if it is about this very request.

    :raises Undecidable: another reference, amount or currency.
    """
    ours = (request.reference, request.amount_minor, request.currency_code)
    if (found.reference, found.amount_minor, found.currency_code) != ours:
        raise Undecidable(
            f"{found.id} is about {found.reference or 'no reference'} and {found.amount_minor} minor units of"
            f" {found.currency_code}, not about {ours[0]} and {ours[1]} of {ours[2]}"
        )


def _none_open(payment: GatewayPayment) -> StateConflict:
    return StateConflict(f"no authorization of order {payment.order_number} is open")


def _other_currency(request: GatewayRequest, what: str, currency_code: str, remedy: str) -> StateConflict:
    return StateConflict(
        f"{request.action} of order {request.payment.order_number} was asked for in {request.currency_code}, and {what}"
        f" at Amazon Pay is in {currency_code}; nothing was sent. {remedy}",
        reason_code="CurrencyMismatch",
    )


def _too_little(request: GatewayRequest, holding: list[CaptureView]) -> StateConflict | NotExecuted:
    order = f"order {request.payment.order_number}"
    left = sum(max(0, refundable_minor(view)) for view in holding)
    if left < request.amount_minor:
        shown, asked = (format_amount(minor, request.currency_code) for minor in (left, request.amount_minor))
        return StateConflict(f"{order} has {shown} left to refund, {asked} were asked for")
    return NotExecuted(
        f"{order} was captured in {len(holding)} parts, and none holds the whole refund: refund them in Seller"
        " Central, or part by part where the store allows it"
    )
