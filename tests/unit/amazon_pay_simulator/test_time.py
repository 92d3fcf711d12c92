from __future__ import annotations

from payment_actions_amazon_pay.simulator.states import Kind, Reason, State


def test_everything_due_happens_in_due_order_at_its_own_time(live_shop):
    order = live_shop.order()
    authorization = live_shop.authorize(order, "10.00", TransactionTimeout="60")
    start = live_shop.world.now
    live_shop.announced.clear()
    live_shop.wait(days=365)
    assert live_shop.announced == [
        (authorization, State.OPEN),
        (authorization, State.CLOSED),
        (order, State.CLOSED),
    ]
    waited = [live_shop.thing(each).status.update_time - start for each in (authorization, order)]
    assert [each.days for each in waited] == [30, 180]


def test_held_refund_waits_for_its_release(shop):
    shop.world.held.add(Kind.REFUND)
    refund = shop.refund(shop.captured())
    shop.wait(days=10)
    assert shop.stands(refund) == (State.PENDING, Reason.NONE)
    shop.world.release({Kind.REFUND})
    shop.wait(seconds=0)
    assert shop.stands(refund) == (State.COMPLETED, Reason.NONE)


def test_settled_refund_is_not_settled_again_when_it_falls_due(shop):
    refund = shop.refund(shop.captured())
    shop.settle(refund, State.DECLINED, Reason.PROCESSING_FAILURE)
    shop.wait(days=1)
    assert shop.stands(refund) == (State.DECLINED, Reason.PROCESSING_FAILURE)


def test_synchronous_call_announces_each_object_once(shop):
    order = shop.order()
    shop.announced.clear()
    details = shop.call("Authorize", **shop.authorize_values(order, CaptureNow="true"))
    (capture,) = details["IdList"]
    assert shop.announced == [
        (details["AmazonAuthorizationId"], State.CLOSED),
        (capture, State.COMPLETED),
    ]


def test_object_that_is_still_pending_is_not_announced(shop):
    capture = shop.captured()
    shop.announced.clear()
    shop.refund(capture)
    assert shop.announced == []
