"""Which order references nobody needs any more, and how many wait to be closed at most."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay.closing import ORDERS_MAX, SYNCHRONOUS_MAX, Closing, is_collected, is_timed_out
from payment_actions_amazon_pay.mws import Mws
from payment_actions_amazon_pay.settings import settings_from
from payment_actions_amazon_pay.throttle import NO_QUOTAS, Throttle
from payment_actions_server.plugins import GatewayPayment

SPENT = ("Closed", "MaxCapturesProcessed")


def collected(make, *views, order=None, number=1):
    capture = make.capture(number=number).capture
    return is_collected(order or make.order(), views, capture)


def test_whole_order_captured_at_once_is_collected(make):
    assert collected(make, make.authorization(*SPENT, make.capture()))


def test_order_captured_in_parts_is_collected_with_the_last_of_them(make):
    first = make.authorization(*SPENT, make.capture(amount=4_000), amount=4_000)
    last = make.authorization(*SPENT, make.capture(number=2, amount=6_000), number=2, amount=6_000)
    assert not collected(make, first)
    assert collected(make, first, last)


@pytest.mark.parametrize("state", ["Open", "Pending"])
def test_order_with_an_authorization_that_may_still_be_captured_is_not_collected(make, state):
    captured = make.authorization(*SPENT, make.capture())
    assert not collected(make, captured, make.authorization(state, number=2, amount=500))


def test_order_with_a_capture_under_way_is_not_collected(make):
    captured = make.authorization(*SPENT, make.capture())
    under_way = make.authorization(*SPENT, make.capture("Pending", number=2, amount=500), number=2, amount=500)
    assert not collected(make, captured, under_way)


@pytest.mark.parametrize(
    "dead", [("Declined", "InvalidPaymentMethod"), ("Declined", "AmazonRejected"), ("Closed", "SellerClosed")]
)
def test_dead_authorization_does_not_keep_an_order_open(make, dead):
    assert collected(make, make.authorization(*dead, number=2), make.authorization(*SPENT, make.capture()))


def test_partial_capture_leaves_an_order_open(make):
    assert not collected(make, make.authorization(*SPENT, make.capture(amount=9_999)))


def test_order_that_does_not_show_the_capture_is_left_alone(make):
    assert not collected(make, make.authorization(*SPENT, make.capture()), number=2)


@pytest.mark.parametrize("total", [{"currency_code": "EUR"}, {"currency_code": "", "total_minor": 0}])
def test_order_of_another_currency_or_without_a_total_is_left_alone(make, total):
    order = replace(make.order(), **total)
    assert not collected(make, make.authorization(*SPENT, make.capture()), order=order)


def test_refunds_do_not_keep_an_order_open(make):
    assert collected(make, make.authorization(*SPENT, make.capture("Completed", "", make.refund())))


# -- Timed out ------------------------------------------------------------------------------------------------


def timed_out(make, reason="TransactionTimedOut", after=timedelta(days=1), number=1):
    view = make.authorization("Declined", reason, number=number)
    updated = view.authorization.creation_time + after if after is not None else None
    return view._replace(authorization=replace(view.authorization, update_time=updated))


def test_authorization_that_timed_out_unattended_ends_its_order(make):
    assert is_timed_out(make.order(), [timed_out(make)])


@pytest.mark.parametrize("after", [timedelta(seconds=8), SYNCHRONOUS_MAX, None])
def test_authorization_that_timed_out_at_the_checkout_is_the_checkouts_business(make, after):
    assert not is_timed_out(make.order(), [timed_out(make, after=after)])


@pytest.mark.parametrize("state", ["Suspended", "Canceled", "Closed", "Draft"])
def test_only_an_open_order_is_ended(make, state):
    assert not is_timed_out(make.order(state), [timed_out(make)])


@pytest.mark.parametrize("reason", ["InvalidPaymentMethod", "ProcessingFailure", "AmazonRejected"])
def test_other_declines_end_nothing(make, reason):
    assert not is_timed_out(make.order(), [timed_out(make, reason)])


@pytest.mark.parametrize("words", [("Open", ""), ("Pending", "")])
@pytest.mark.parametrize("number", [1, 3])
def test_other_authorization_that_may_still_be_captured_bars_the_end(make, words, number):
    assert not is_timed_out(make.order(), [timed_out(make, number=2), make.authorization(*words, number=number)])


def test_captured_order_is_never_cancelled(make):
    captured = make.authorization(*SPENT, make.capture())
    assert not is_timed_out(make.order(), [captured, timed_out(make, number=2)])


def test_newer_decline_of_another_kind_leaves_the_order_to_the_buyer(make):
    views = [timed_out(make), timed_out(make, "InvalidPaymentMethod", number=2)]
    assert not is_timed_out(make.order(), views)


def test_order_without_authorizations_is_left_alone(make):
    assert not is_timed_out(make.order(), [])


# -- How many -------------------------------------------------------------------------------------------------


async def test_number_of_orders_that_wait_is_bounded(make, caplog):
    caplog.set_level(logging.WARNING, "payment_actions_amazon_pay")
    keys = {"access_key": SecretStr("access"), "secret_key": SecretStr("secret")}
    settings = settings_from({"region": "us", "sandbox": True, "seller_id": "A1SELLER", **keys})

    def no_network():
        raise AssertionError("not reached: the test ends before the first request")

    closing = Closing(Mws(settings, no_network, Throttle(NO_QUOTAS), patient=True), enabled=True)
    capture = make.capture().capture
    for number in range(ORDERS_MAX + 1):
        closing.follow_capture(payment(str(number)), capture)
    assert [record.args[0] for record in caplog.records] == [f"A-{ORDERS_MAX}"]
    closing._task.cancel()
    await asyncio.wait({closing._task})


def payment(order_id):
    return GatewayPayment(
        store="shop",
        order_id=order_id,
        order_number=f"A-{order_id}",
        currency_code="USD",
        order_total_minor=10_000,
        references=(),
    )
