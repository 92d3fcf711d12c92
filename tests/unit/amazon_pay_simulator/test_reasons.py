"""Every state and reason code that the table of moves knows can really be reached."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from payment_actions_amazon_pay.simulator.closing import cancel_order, close_authorization
from payment_actions_amazon_pay.simulator.states import MOVES, Kind, Reason, State

ORDER, AUTHORIZATION, CAPTURE, REFUND = Kind

Goal = tuple[Kind, State, Reason]


def _order_suspended(shop):
    order = shop.order()
    shop.plan("Authorize", State.DECLINED, Reason.INVALID_PAYMENT_METHOD)
    shop.authorize(order)
    return order


def _order_seller_canceled(shop):
    order = shop.order()
    shop.call("CancelOrderReference", AmazonOrderReferenceId=order)
    return order


def _order_amazon_canceled(shop):
    order = shop.order()
    cancel_order(shop.world, shop.thing(order), Reason.AMAZON_CANCELED)
    return order


def _order_stale(shop):
    order = shop.draft("10.00")
    shop.wait(hours=3)
    return order


def _order_expired(shop):
    order = shop.order()
    shop.wait(days=180)
    return order


def _order_exhausted(shop):
    order = shop.order("100.00")
    shop.capture(shop.authorize(order, "115.00"), "115.00")
    return order


def _order_often_captured(shop):
    order = shop.order("100.00")
    for _ in range(10):
        shop.capture(shop.authorize(order, "1.00"), "1.00")
    return order


def _order_amazon_closed(shop):
    order = shop.order()
    shop.plan("Authorize", State.DECLINED, Reason.AMAZON_REJECTED)
    shop.authorize(order)
    return order


def _order_seller_closed(shop):
    order = shop.order()
    shop.call("CloseOrderReference", AmazonOrderReferenceId=order)
    return order


def _authorization_decided(state, reason):
    def reach(shop):
        shop.plan("Authorize", state, reason)
        return shop.authorize(shop.order())

    return reach


def _authorization_pending(shop):
    return shop.authorize(shop.order(), TransactionTimeout="60")


def _authorization_pending_with_warning(shop):
    shop.plan("Authorize", State.OPEN, Reason.STOP_SHIPMENT)
    return _authorization_pending(shop)


def _authorization_timed_out(shop):
    shop.world.held.add(AUTHORIZATION)
    authorization = _authorization_pending(shop)
    shop.wait(minutes=60)
    return authorization


def _authorization_captured(shop):
    authorization = shop.authorize(shop.order())
    shop.capture(authorization)
    return authorization


def _authorization_seller_closed(shop):
    authorization = shop.authorize(shop.order())
    shop.call("CloseAuthorization", AmazonAuthorizationId=authorization)
    return authorization


def _authorization_order_canceled(shop):
    order = shop.order()
    authorization = shop.authorize(order)
    shop.call("CancelOrderReference", AmazonOrderReferenceId=order)
    return authorization


def _authorization_amazon_closed(shop):
    authorization = shop.authorize(shop.order())
    close_authorization(shop.world, shop.thing(authorization), Reason.AMAZON_CLOSED)
    return authorization


def _authorization_expired(shop):
    authorization = shop.authorize(shop.order())
    shop.wait(days=2)
    return authorization


def _capture_decided(state, reason):
    def reach(shop):
        shop.plan("Capture", state, reason)
        return shop.captured()

    return reach


def _capture_refunded(shop):
    capture = shop.captured("100.00")
    shop.refund(capture, "115.00")
    shop.wait(minutes=1)
    return capture


def _capture_often_refunded(shop):
    capture = shop.captured("100.00")
    for _ in range(10):
        shop.refund(capture, "1.00")
    shop.wait(minutes=1)
    return capture


def _refund_settled(state, reason):
    def reach(shop):
        refund = shop.refund(shop.captured())
        shop.settle(refund, state, reason)
        return refund

    return reach


def _refund_pending(shop):
    return shop.refund(shop.captured())


WAYS: dict[Goal, Callable[..., str]] = {
    (ORDER, State.DRAFT, Reason.NONE): lambda shop: shop.draft(),
    (ORDER, State.OPEN, Reason.NONE): lambda shop: shop.order(),
    (ORDER, State.SUSPENDED, Reason.INVALID_PAYMENT_METHOD): _order_suspended,
    (ORDER, State.CANCELED, Reason.SELLER_CANCELED): _order_seller_canceled,
    (ORDER, State.CANCELED, Reason.AMAZON_CANCELED): _order_amazon_canceled,
    (ORDER, State.CANCELED, Reason.STALE): _order_stale,
    (ORDER, State.CLOSED, Reason.EXPIRED): _order_expired,
    (ORDER, State.CLOSED, Reason.MAX_AMOUNT_CHARGED): _order_exhausted,
    (ORDER, State.CLOSED, Reason.MAX_AUTHORIZATIONS_CAPTURED): _order_often_captured,
    (ORDER, State.CLOSED, Reason.AMAZON_CLOSED): _order_amazon_closed,
    (ORDER, State.CLOSED, Reason.SELLER_CLOSED): _order_seller_closed,
    (AUTHORIZATION, State.PENDING, Reason.NONE): _authorization_pending,
    (AUTHORIZATION, State.PENDING, Reason.STOP_SHIPMENT): _authorization_pending_with_warning,
    (AUTHORIZATION, State.DECLINED, Reason.TRANSACTION_TIMED_OUT): _authorization_timed_out,
    **{
        (AUTHORIZATION, state, reason): _authorization_decided(state, reason)
        for state, reason in (
            (State.OPEN, Reason.NONE),
            (State.OPEN, Reason.STOP_SHIPMENT),
            (State.DECLINED, Reason.INVALID_PAYMENT_METHOD),
            (State.DECLINED, Reason.AMAZON_REJECTED),
            (State.DECLINED, Reason.PROCESSING_FAILURE),
        )
    },
    (AUTHORIZATION, State.CLOSED, Reason.MAX_CAPTURES_PROCESSED): _authorization_captured,
    (AUTHORIZATION, State.CLOSED, Reason.SELLER_CLOSED): _authorization_seller_closed,
    (AUTHORIZATION, State.CLOSED, Reason.ORDER_REFERENCE_CANCELED): _authorization_order_canceled,
    (AUTHORIZATION, State.CLOSED, Reason.AMAZON_CLOSED): _authorization_amazon_closed,
    (AUTHORIZATION, State.CLOSED, Reason.EXPIRED_UNUSED): _authorization_expired,
    **{
        (CAPTURE, state, reason): _capture_decided(state, reason)
        for state, reason in (
            (State.PENDING, Reason.NONE),
            (State.PENDING, Reason.STOP_SHIPMENT),
            (State.COMPLETED, Reason.NONE),
            (State.COMPLETED, Reason.STOP_SHIPMENT),
            (State.DECLINED, Reason.AMAZON_REJECTED),
            (State.DECLINED, Reason.PROCESSING_FAILURE),
            (State.CLOSED, Reason.AMAZON_CLOSED),
        )
    },
    (CAPTURE, State.CLOSED, Reason.MAX_AMOUNT_REFUNDED): _capture_refunded,
    (CAPTURE, State.CLOSED, Reason.MAX_REFUNDS_PROCESSED): _capture_often_refunded,
    (REFUND, State.PENDING, Reason.NONE): _refund_pending,
    **{
        (REFUND, state, reason): _refund_settled(state, reason)
        for state, reason in (
            (State.COMPLETED, Reason.NONE),
            (State.COMPLETED, Reason.AMAZON_A_TO_Z_REFUND),
            (State.COMPLETED, Reason.BUYER_CANCELED),
            (State.DECLINED, Reason.AMAZON_REJECTED),
            (State.DECLINED, Reason.PROCESSING_FAILURE),
        )
    },
}


@pytest.mark.parametrize("goal", WAYS, ids="-".join)
def test_reason_is_reached(goal, shop):
    kind, state, reason = goal
    object_id = WAYS[goal](shop)
    assert shop.thing(object_id).kind is kind
    assert shop.stands(object_id) == (state, reason)


def test_no_reason_of_the_table_is_left_out():
    known = {(move.kind, move.target, reason) for move in MOVES for reason in move.reasons}
    assert set(WAYS) == known


def test_every_reason_code_belongs_to_some_move():
    assert {reason for move in MOVES for reason in move.reasons} == set(Reason)


def test_no_state_leads_back_but_suspended():
    later = {(move.kind, move.source, move.target) for move in MOVES if move.source}
    back = {(kind, source, target) for kind, source, target in later if (kind, target, source) in later}
    assert back == {
        (Kind.ORDER_REFERENCE, State.OPEN, State.SUSPENDED),
        (Kind.ORDER_REFERENCE, State.SUSPENDED, State.OPEN),
    }
