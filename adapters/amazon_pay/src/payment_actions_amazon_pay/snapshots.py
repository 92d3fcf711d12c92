"""The snapshot rule: from all that was read of a payment to what is true of it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from payment_actions_amazon_pay.objects import Status
from payment_actions_amazon_pay.states import (
    AFTER_REPEATABLE_DECLINE,
    ORDERS_ALONE,
    REFUNDS,
    AuthorizationView,
    CaptureView,
    Money,
    Picture,
    Standing,
    Undecidable,
    meaning,
)
from payment_actions_server.plugins import Action, GatewayReference, PaymentStatus, Snapshot

LIVE: Final = frozenset({Standing.COLLECTED, Standing.COLLECTING, Standing.OPEN, Standing.WAITING})
"""What has money in it, or may still get some. Others count only where there is none of these."""

MONEY_IN: Final = frozenset({Standing.COLLECTED, Standing.COLLECTING})

RESERVED: Final = frozenset({Standing.OPEN, Standing.COLLECTING})

ENDED: Final[Mapping[Standing, PaymentStatus]] = {
    Standing.GIVEN_UP: PaymentStatus.VOIDED,
    Standing.RAN_OUT: PaymentStatus.EXPIRED,
    Standing.REFUSED: PaymentStatus.DECLINED,
}

_WEIGHT: Final = {Money.REFUSED: 0, Money.UNDER_WAY: 1, Money.MOVED: 2}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Sums(NamedTuple):
    """Minor units."""

    authorized: int
    captured: int
    refunded: int


def snapshot_of(picture: Picture, currency_code: str) -> Snapshot:
    """Return what is true of the payment that ``picture`` shows.

    :param currency_code: the order's, for an order reference whose total is not set yet.
    :raises Undecidable: Amazon's words are unknown, or contradict each other.
    """
    views = in_order(picture.views)
    if not views:
        return _order_alone(picture, currency_code)
    live = [view for view in views if view.standing in LIVE]
    deciding = live or views[-1:]
    sums = _sums(deciding)
    status = _live_status(deciding, sums) if live else _ended_status(views[-1], picture)
    why = _why(deciding[-1])
    return Snapshot(
        status=status,
        currency_code=_currency(views),
        authorized_minor=sums.authorized,
        captured_minor=sums.captured,
        refunded_minor=sums.refunded,
        references=_references(picture, views),
        authorization_expire_time=_expire_time(live),
        under_way=_under_way(live),
        reason_code=why.reason_code,
        message=why.description,
    )


def in_order(views: Iterable[AuthorizationView]) -> tuple[AuthorizationView, ...]:
    """Return the dead ones first, then by age: the last one is the one that matters most."""
    # Stable: without times, Amazon's own order stands.
    return tuple(sorted(views, key=lambda view: (view.standing in LIVE, _created(view))))


def newest(views: Iterable[AuthorizationView]) -> AuthorizationView:
    """Return the authorization that was made last, dead or not; without times, the last listed."""
    return max(enumerate(views), key=lambda numbered: (_created(numbered[1]), numbered[0]))[1]


def accounted_minor(views: Iterable[AuthorizationView], currency_code: str) -> int:
    """Return how much of an order in ``currency_code`` these authorizations hold, wait for or have collected."""
    live = [view for view in views if view.standing in LIVE and currency_of(view) == currency_code]
    return sum(_captured(view) if view.standing is Standing.COLLECTED else _reserved(view) for view in live)


def collected(view: AuthorizationView) -> list[CaptureView]:
    """Return the captures that hold money; none of an authorization whose captures are ghosts."""
    if view.standing is not Standing.COLLECTED:
        return []
    return [capture for capture in view.captures if capture.money is Money.MOVED]


def currency_of(view: AuthorizationView) -> str:
    """Return the currency of an authorization, or of the capture that stands for one."""
    return view.authorization.currency_code if view.authorization else view.captures[0].capture.currency_code


def refunded_minor(view: CaptureView) -> int:
    """Return how much of a capture has gone back for good.

    Amazon's own sum counts what no refund object of ours shows (disputes, A-to-z claims). Whether it counts
    pending refunds too is undocumented: below what is completed and pending together it cannot; at or above,
    it is taken to, so that a pending refund never counts. Both readings agree as soon as none is pending.
    """
    completed = _refunds_minor(view, Money.MOVED)
    pending = _refunds_minor(view, Money.UNDER_WAY)
    told = view.capture.refunded_minor
    return max(completed, told - pending if told >= completed + pending else told)


def refundable_minor(view: CaptureView) -> int:
    """Return how much of a capture is neither returned nor on its way back."""
    return view.capture.amount_minor - refunded_minor(view) - _refunds_minor(view, Money.UNDER_WAY)


def _created(view: AuthorizationView) -> datetime:
    created = view.authorization.creation_time if view.authorization else None
    return created or _EPOCH


def _refunds_minor(view: CaptureView, money: Money) -> int:
    return sum(
        refund.amount_minor for refund in view.refunds if meaning(REFUNDS, "refund", refund.id, refund.status) is money
    )


def _order_alone(picture: Picture, currency_code: str) -> Snapshot:
    order = picture.order
    if order is None:
        raise Undecidable("Amazon Pay was asked and showed neither an order reference nor an authorization")
    status = meaning(ORDERS_ALONE, "order reference", order.id, order.status)
    if status is None:
        raise Undecidable(
            f"order reference {order.id} is {order.status.state} ({order.status.reason_code})"
            " and lists no authorization"
        )
    return Snapshot(
        status=status,
        currency_code=order.currency_code or currency_code,
        references=_references(picture, ()),
        reason_code=order.status.reason_code,
        message=order.status.description,
    )


def _sums(views: Iterable[AuthorizationView]) -> _Sums:
    """Add up. A partial capture loses the rest of its authorization: that matters once there is another."""
    views = list(views)
    alone = len(views) == 1
    captured = sum(_captured(view) for view in views)
    authorized = sum(
        _captured(view) if view.standing is Standing.COLLECTED and not alone else _reserved(view)
        for view in views
        if view.standing not in {Standing.WAITING, Standing.REPEATABLE} and not _declined(view)
    )
    refunded = sum(refunded_minor(capture) for view in views for capture in collected(view))
    return _Sums(authorized, captured, refunded)


def _reserved(view: AuthorizationView) -> int:
    if view.authorization is None:
        return sum(capture.capture.amount_minor for capture in view.captures)
    return view.authorization.amount_minor


def _captured(view: AuthorizationView) -> int:
    return sum(capture.capture.amount_minor for capture in collected(view))


def _declined(view: AuthorizationView) -> bool:
    return view.authorization is not None and view.authorization.status.state == "Declined"


def _live_status(live: Iterable[AuthorizationView], sums: _Sums) -> PaymentStatus:
    standings = {view.standing for view in live}
    if Standing.COLLECTED in standings:
        if sums.refunded:
            whole = sums.refunded >= sums.captured
            return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
        return PaymentStatus.PARTIALLY_CAPTURED if standings & RESERVED else PaymentStatus.CAPTURED
    return PaymentStatus.AUTHORIZED if standings & RESERVED else PaymentStatus.PENDING


def _ended_status(view: AuthorizationView, picture: Picture) -> PaymentStatus:
    if view.standing is not Standing.REPEATABLE:
        return ENDED[view.standing]
    if picture.order is None:
        return PaymentStatus.PENDING  # DECLINED is final, so it needs proof that nobody can authorize again.
    try:
        return AFTER_REPEATABLE_DECLINE[picture.order.status.state]
    except KeyError:
        word = picture.order.status.state
        raise Undecidable(
            f"order reference {picture.order.id} is {word}, a state unknown here", word=word[:64]
        ) from None


def _why(view: AuthorizationView) -> Status:
    """Return the status that explains where the payment stands: the capture's once it is what counts."""
    refused_capture = view.standing is Standing.REFUSED and not _declined(view)
    if view.authorization is None or refused_capture or view.standing in MONEY_IN:
        return max(view.captures, key=lambda capture: _WEIGHT[capture.money]).capture.status
    return view.authorization.status


def _currency(views: Iterable[AuthorizationView]) -> str:
    found = {view.authorization.currency_code for view in views if view.authorization}
    found |= {capture.capture.currency_code for view in views for capture in view.captures}
    found |= {refund.currency_code for view in views for capture in view.captures for refund in capture.refunds}
    if len(found) != 1:
        raise Undecidable(f"Amazon Pay reports one payment in several currencies: {', '.join(sorted(found))}")
    return found.pop()


def _expire_time(live: Iterable[AuthorizationView]) -> datetime | None:
    times = [
        view.authorization.expire_time
        for view in live
        if view.standing is Standing.OPEN and view.authorization and view.authorization.expire_time
    ]
    return min(times, default=None)


def _under_way(live: Iterable[AuthorizationView]) -> Action | None:
    live = list(live)
    if any(view.standing is Standing.COLLECTING for view in live):
        return Action.CAPTURE
    captures = [capture for view in live for capture in collected(view)]
    return Action.REFUND if any(_refunds_minor(capture, Money.UNDER_WAY) for capture in captures) else None


def _references(picture: Picture, views: Iterable[AuthorizationView]) -> tuple[GatewayReference, ...]:
    """Name every id that matters, the best of each role last, where `GatewayPayment.reference` looks.

    Refused captures and ghosts are left out: a refund must never be sent to one.
    """
    found: list[GatewayReference] = []
    if picture.order:
        found.append(GatewayReference("order_reference", picture.order.id))
    for view in views:
        if view.authorization:
            found.append(GatewayReference("authorization", view.authorization.id))
        if view.standing in MONEY_IN:
            found += _money_references(view)
    return tuple(found)


def _money_references(view: AuthorizationView) -> list[GatewayReference]:
    found = []
    for capture in view.captures:
        if capture.money is not Money.REFUSED:
            found.append(GatewayReference("capture", capture.capture.id))
            found += [GatewayReference("refund", refund.id) for refund in capture.refunds]
    return found
