"""Order references that nothing more is wanted of are closed or cancelled, and nothing else comes of it."""

import asyncio
import logging
import time
from dataclasses import replace

import pytest

from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import Action, NotificationKind, PaymentStatus, ResultState, StateConflict

S = PaymentStatus
PENDING_CAPTURE = '{"SandboxSimulation":{"State":"Pending"}}'
CLOSING = ("CloseOrderReference", "CancelOrderReference")
OPEN, CLOSED, CANCELED = ("Open", ""), ("Closed", "SellerClosed"), ("Canceled", "SellerCanceled")


async def state(simulator, object_id):
    shown = await simulator.control("GET", f"objects/{object_id}")
    return shown["state"], shown["reason_code"]


async def becomes(simulator, object_id, wanted, seconds_max=10.0):
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if await state(simulator, object_id) == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{object_id} is {await state(simulator, object_id)}, not {wanted}")


async def closings(simulator):
    return [call["action"] for call in await simulator.calls() if call["action"] in CLOSING]


async def at_rest(gateway):
    """Wait until the adapter has done what it does beside its calls."""
    await gateway.aclose()


async def authorized(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    return about, about.reference("order_reference")


async def timed_out(simulator, minutes="1440", order_id=""):
    """Be a buyer whose asynchronous authorization Amazon did not decide in time."""
    await simulator.post("hold", kinds=["authorization"])
    order_id = order_id or await simulator.order()
    authorization = await simulator.authorize(order_id, TransactionTimeout=minutes)
    await simulator.post("clock/advance", minutes=int(minutes) + 1)
    assert await state(simulator, authorization) == ("Declined", "TransactionTimedOut")
    return order_id, authorization


# -- Closed after the capture ---------------------------------------------------------------------------------


async def test_order_reference_is_closed_after_a_completed_capture(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    assert (await gateway.capture(ask(Action.CAPTURE, about))).state is ResultState.SUCCEEDED
    await becomes(simulator, order_id, CLOSED)


async def test_order_reference_is_found_when_the_shop_stored_the_authorization_only(
    simulator, gateway, ask, make_payment
):
    order_id = await simulator.order()
    about = make_payment(authorization=await simulator.authorize(order_id))
    await gateway.capture(ask(Action.CAPTURE, about))
    await becomes(simulator, order_id, CLOSED)


async def test_capture_that_completes_later_closes_when_it_is_looked_up(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    asked = ask(Action.CAPTURE, about, note=PENDING_CAPTURE)
    result = await gateway.capture(asked)
    assert result.state is ResultState.PENDING
    assert (await gateway.look_up(asked)).state is ResultState.PENDING
    assert await closings(simulator) == []
    await simulator.finish_all()
    assert (await gateway.look_up(replace(asked, gateway_id=result.gateway_id))).state is ResultState.SUCCEEDED
    await becomes(simulator, order_id, CLOSED)


async def test_capture_whose_answer_was_lost_closes_when_it_is_looked_up(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    asked = ask(Action.CAPTURE, about)
    await simulator.fault("Capture", "lose_answer")
    with pytest.raises(Exception, match="lost"):
        await gateway.capture(asked)
    await gateway.look_up(asked)
    await becomes(simulator, order_id, CLOSED)


async def test_closed_order_reference_reads_captured_and_can_be_refunded(simulator, gateway, known, ask, make_payment):
    about, order_id = await authorized(simulator, gateway, known)
    await gateway.capture(ask(Action.CAPTURE, about))
    await becomes(simulator, order_id, CLOSED)
    for seen in (about, make_payment(order_reference=order_id)):
        snapshot = await gateway.snapshot(seen)
        assert (snapshot.status, snapshot.captured_minor, snapshot.problem()) == (S.CAPTURED, 12_990, None)
    about = await known(gateway, about)
    await gateway.refund(ask(Action.REFUND, about))
    await simulator.finish_all()
    assert (await gateway.snapshot(about)).status is S.REFUNDED


async def test_notification_of_the_closing_leads_to_a_look_that_shows_captured(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    await gateway.capture(ask(Action.CAPTURE, about))
    await becomes(simulator, order_id, CLOSED)
    found = await gateway.verify_notification(*await simulator.notification(object=order_id))
    assert (found.kind, found.identifiers) == (NotificationKind.CHANGE, (order_id,))
    assert (await gateway.snapshot(about)).status is S.CAPTURED


async def test_closing_is_sent_once_however_often_the_capture_is_seen(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    asked = ask(Action.CAPTURE, about)
    await gateway.capture(asked)
    await becomes(simulator, order_id, CLOSED)
    assert (await gateway.capture(asked)).state is ResultState.SUCCEEDED
    assert (await gateway.look_up(asked)).state is ResultState.SUCCEEDED
    await at_rest(gateway)
    assert await closings(simulator) == ["CloseOrderReference"]


async def test_two_adapters_that_close_at_once_do_no_harm(simulator, gateway, settings, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    asked, replica = ask(Action.CAPTURE, about), AmazonPayV1.from_settings(settings)
    results = await asyncio.gather(gateway.capture(asked), replica.capture(asked))
    assert {result.state for result in results} == {ResultState.SUCCEEDED}
    await asyncio.gather(at_rest(gateway), at_rest(replica))
    assert await state(simulator, order_id) == CLOSED
    assert await simulator.effects() == [("capture", asked.reference)]


# -- Not closed while the order reference may still be needed ---------------------------------------------------


async def test_declined_capture_closes_nothing(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    declined = '{"SandboxSimulation":{"State":"Declined","ReasonCode":"AmazonRejected"}}'
    assert (await gateway.capture(ask(Action.CAPTURE, about, note=declined))).state is ResultState.DECLINED
    await at_rest(gateway)
    assert await state(simulator, order_id) == OPEN


async def test_order_of_two_authorizations_stays_open_until_both_are_captured(
    simulator, gateway, settings, ask, make_payment
):
    order_id = await simulator.order()
    first = await simulator.authorize(order_id, "60.00")
    second = await simulator.authorize(order_id, "69.90")
    await gateway.capture(ask(Action.CAPTURE, make_payment(authorization=first, order_reference=order_id), 6_000))
    await at_rest(gateway)
    assert await state(simulator, order_id) == OPEN
    later = AmazonPayV1.from_settings(settings)
    await later.capture(ask(Action.CAPTURE, make_payment(authorization=second, order_reference=order_id), 6_990))
    await at_rest(later)
    assert await state(simulator, order_id) == CLOSED


async def test_order_whose_rest_is_not_authorized_yet_stays_open(simulator, gateway, ask, make_payment):
    order_id = await simulator.order()
    about = make_payment(authorization=await simulator.authorize(order_id, "60.00"))
    await gateway.capture(ask(Action.CAPTURE, about, 6_000))
    await at_rest(gateway)
    assert await state(simulator, order_id) == OPEN
    await simulator.authorize(order_id, "69.90")


async def test_part_of_an_authorization_closes_nothing(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    await gateway.capture(ask(Action.CAPTURE, about, 10_000))
    await at_rest(gateway)
    assert await state(simulator, order_id) == OPEN


async def test_open_authorization_beside_the_captured_one_keeps_the_order_open(simulator, gateway, ask, make_payment):
    """Amazon allows some more than the total; X-Cart's own module closes all the same."""
    order_id = await simulator.order()
    whole = await simulator.authorize(order_id)
    more = await simulator.authorize(order_id, "10.00")
    await gateway.capture(ask(Action.CAPTURE, make_payment(authorization=whole)))
    await at_rest(gateway)
    assert (await state(simulator, order_id), await state(simulator, more)) == (OPEN, OPEN)


async def test_order_reference_that_does_not_list_the_authorization_is_left_alone(
    simulator, gateway, ask, make_payment
):
    """A cloned order's cells may name the order reference of another order."""
    other = await simulator.order()
    await simulator.authorize(other)
    mine = await simulator.authorize(await simulator.order())
    await gateway.capture(ask(Action.CAPTURE, make_payment(order_reference=other, authorization=mine)))
    await at_rest(gateway)
    assert await state(simulator, other) == OPEN


# -- Harmless ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["CloseOrderReference", "GetOrderReferenceDetails"])
@pytest.mark.parametrize(
    "fault", ["lose_request", "lose_answer", "error_500_before", "error_500_after", "error_503_throttled"]
)
async def test_closing_that_fails_is_logged_and_changes_no_result(
    simulator, gateway, known, ask, caplog, operation, fault
):
    caplog.set_level(logging.WARNING, "payment_actions_amazon_pay")
    about, _ = await authorized(simulator, gateway, known)
    await simulator.fault(operation, fault, count=5)
    asked = ask(Action.CAPTURE, about)
    assert (await gateway.capture(asked)).state is ResultState.SUCCEEDED
    await at_rest(gateway)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "A-42" in caplog.text
    assert "180 days" in caplog.text
    assert await simulator.effects() == [("capture", asked.reference)]


async def test_closing_that_hangs_delays_neither_the_answer_nor_the_end(simulator, gateway, known, ask):
    about, order_id = await authorized(simulator, gateway, known)
    await simulator.fault("GetOrderReferenceDetails", "hang", seconds=60, executes="never")
    begun = time.monotonic()
    assert (await gateway.capture(ask(Action.CAPTURE, about))).state is ResultState.SUCCEEDED
    assert time.monotonic() - begun < 1.5
    await at_rest(gateway)
    assert time.monotonic() - begun < 5.0
    assert await state(simulator, order_id) == OPEN


async def test_nothing_is_closed_or_cancelled_when_the_setting_is_off(simulator, settings, known, ask, make_payment):
    plain = AmazonPayV1.from_settings({**settings, "close_order_references": False})
    about = await known(plain, await simulator.authorized())
    await plain.capture(ask(Action.CAPTURE, about))
    order_id, authorization = await timed_out(simulator)
    await plain.snapshot(make_payment(order_reference=order_id, authorization=authorization))
    await at_rest(plain)
    assert await closings(simulator) == []


async def test_captures_keep_their_quota_while_order_references_wait_to_be_closed(simulator, settings, known, ask):
    """The sandbox grants two captures at once, so that the closings come after both."""
    await simulator.control("PUT", "throttling", enabled=True)
    careful = AmazonPayV1.from_settings({**settings, "throttling": True})
    orders = [await authorized(simulator, careful, known) for _ in range(2)]
    for about, _ in orders:
        assert (await careful.capture(ask(Action.CAPTURE, about))).state is ResultState.SUCCEEDED
    for _, order_id in orders:
        await becomes(simulator, order_id, CLOSED, seconds_max=60)
    await at_rest(careful)
    calls = await simulator.calls()
    moves = [call["action"] for call in calls if call["action"] in {"Capture", *CLOSING}]
    assert moves == ["Capture"] * 2 + ["CloseOrderReference"] * 2
    assert [call for call in calls if call["error_code"] == "RequestThrottled"] == []


# -- Cancelled after a time-out ---------------------------------------------------------------------------------


async def test_order_reference_is_cancelled_after_its_authorization_timed_out(simulator, gateway, make_payment):
    order_id, authorization = await timed_out(simulator)
    about = make_payment(order_reference=order_id, authorization=authorization)
    assert (await gateway.snapshot(about)).status is S.PENDING  # Until Amazon shows it cancelled.
    await becomes(simulator, order_id, CANCELED)
    declined = await gateway.snapshot(about)
    assert (declined.status, declined.reason_code, declined.problem()) == (S.DECLINED, "TransactionTimedOut", None)
    found = await gateway.verify_notification(*await simulator.notification(object=order_id))
    assert found.identifiers == (order_id,)


async def test_cancelling_finds_the_order_reference_of_an_authorization(simulator, gateway, make_payment):
    order_id, authorization = await timed_out(simulator)
    await gateway.snapshot(make_payment(authorization=authorization))
    await becomes(simulator, order_id, CANCELED)


async def test_buyer_who_authorized_again_is_not_cancelled(simulator, gateway, known, ask, make_payment):
    order_id, first = await timed_out(simulator)
    await simulator.post("release", kinds=["authorization"])
    again = await simulator.authorize(order_id)
    about = make_payment(order_reference=order_id, authorization=first)
    assert (await gateway.snapshot(about)).status is S.AUTHORIZED
    assert (await gateway.capture(ask(Action.CAPTURE, await known(gateway, about)))).state is ResultState.SUCCEEDED
    await at_rest(gateway)
    assert "CancelOrderReference" not in await closings(simulator)
    assert (await state(simulator, again))[1] == "MaxCapturesProcessed"


async def test_checkout_that_is_told_of_a_time_out_at_once_keeps_its_order_reference(simulator, gateway, make_payment):
    """A synchronous authorization times out while the buyer looks on: the checkout may authorize again."""
    order_id = await simulator.order()
    await simulator.post("plans", operation="Authorize", state="Declined", reason_code="TransactionTimedOut")
    authorization = await simulator.authorize(order_id)
    await gateway.snapshot(make_payment(order_reference=order_id, authorization=authorization))
    await at_rest(gateway)
    assert await state(simulator, order_id) == OPEN
    await simulator.authorize(order_id)


@pytest.mark.parametrize("reason", ["InvalidPaymentMethod", "ProcessingFailure"])
async def test_other_declines_leave_the_order_reference_to_the_buyer(simulator, gateway, make_payment, reason):
    order_id = await simulator.order()
    await simulator.post("plans", operation="Authorize", state="Declined", reason_code=reason)
    authorization = await simulator.authorize(order_id, TransactionTimeout="1440")
    await simulator.finish_all()
    assert await state(simulator, authorization) == ("Declined", reason)
    await gateway.snapshot(make_payment(order_reference=order_id, authorization=authorization))
    await at_rest(gateway)
    assert await closings(simulator) == []


async def test_expired_or_voided_authorization_cancels_nothing(simulator, gateway, known, ask):
    about, _ = await authorized(simulator, gateway, known)
    await gateway.void(ask(Action.VOID, about))
    assert (await gateway.snapshot(about)).status is S.VOIDED
    with pytest.raises(StateConflict):
        await gateway.capture(ask(Action.CAPTURE, about))
    await at_rest(gateway)
    assert await closings(simulator) == []
