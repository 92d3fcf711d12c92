from payment_actions_server.domain.decision import Terms, decide
from payment_actions_server.domain.status import Action, CaptureMode


def test_refund_of_more_than_the_order_costs_says_so(payment_in):
    payment = payment_in("CAPTURED", order_total_minor=5_000)
    offer = decide(payment, None, Terms(CaptureMode.AUTHORIZE_THEN_CAPTURE)).offer(Action.REFUND)
    assert offer.effect == "Returns 129.90 USD to the buyer, more than the order's total of 50.00 USD."
