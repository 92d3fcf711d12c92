"""Whole lives of payments, against the simulator process."""

from dataclasses import replace

import pytest

from payment_actions_server.plugins import Action, PaymentStatus, ResultState, StateConflict

S = PaymentStatus
PENDING_CAPTURE = '{"SandboxSimulation":{"State":"Pending"}}'
DECLINED_CAPTURE = '{"SandboxSimulation":{"State":"Declined","ReasonCode":"AmazonRejected"}}'
DECLINED_REFUND = DECLINED_CAPTURE


async def status(gateway, about):
    snapshot = await gateway.snapshot(about)
    assert snapshot.problem() is None
    return snapshot.status


async def captured(simulator, gateway, known, ask):
    about = await known(gateway, await simulator.authorized())
    result = await gateway.capture(ask(Action.CAPTURE, about))
    assert result.state is ResultState.SUCCEEDED
    return await known(gateway, about)


async def test_capture_and_refund(simulator, gateway, known, ask):
    about = await captured(simulator, gateway, known, ask)
    assert await status(gateway, about) is S.CAPTURED
    asked = ask(Action.REFUND, about)
    result = await gateway.refund(asked)
    assert result.state is ResultState.PENDING  # Always, and no error.
    during = await gateway.snapshot(about)
    assert (during.status, during.under_way, during.refunded_minor) == (S.CAPTURED, Action.REFUND, 0)
    await simulator.finish_all()
    settled = await gateway.look_up(replace(asked, gateway_id=result.gateway_id))
    assert settled.state is ResultState.SUCCEEDED
    assert await status(gateway, about) is S.REFUNDED


async def test_void(simulator, gateway, known, ask):
    about = await known(gateway, await simulator.authorized())
    asked = ask(Action.VOID, about, note="customer changed their mind")
    assert await gateway.look_up(asked) is None
    for result in (await gateway.void(asked), await gateway.look_up(asked)):
        # Amazon tells our note back, which is no word of Amazon's.
        assert (result.state, result.message) == (ResultState.SUCCEEDED, "")
    assert await status(gateway, about) is S.VOIDED


async def test_partial_refunds(simulator, gateway, known, ask):
    about = await captured(simulator, gateway, known, ask)
    for amount, expected in ((2_990, S.PARTIALLY_REFUNDED), (10_000, S.REFUNDED)):
        await gateway.refund(ask(Action.REFUND, about, amount))
        await simulator.finish_all()
        assert await status(gateway, about) is expected


async def test_declined_refund_leaves_the_payment_captured(simulator, gateway, known, ask):
    about = await captured(simulator, gateway, known, ask)
    asked = ask(Action.REFUND, about, note=DECLINED_REFUND)
    await gateway.refund(asked)
    await simulator.finish_all()
    found = await gateway.look_up(asked)
    assert (found.state, found.reason_code) == (ResultState.DECLINED, "AmazonRejected")
    assert await status(gateway, about) is S.CAPTURED


async def test_declined_capture_is_a_result_and_a_new_one_may_follow(simulator, gateway, known, ask):
    """X-Cart: one fixed reference would only replay the decline."""
    about = await known(gateway, await simulator.authorized())
    refused = ask(Action.CAPTURE, about, note=DECLINED_CAPTURE)
    for _ in range(2):  # The decline is replayed too.
        assert (await gateway.capture(refused)).state is ResultState.DECLINED
    assert (await gateway.look_up(refused)).state is ResultState.DECLINED
    assert await status(gateway, about) is S.AUTHORIZED
    assert (await gateway.capture(ask(Action.CAPTURE, about))).state is ResultState.SUCCEEDED


async def test_pending_capture_is_no_failure(simulator, gateway, known, ask):
    """Magento issue 139: a capture later than seven days is Pending, and was taken for an error."""
    about = await known(gateway, await simulator.authorized())
    asked = ask(Action.CAPTURE, about, note=PENDING_CAPTURE)
    result = await gateway.capture(asked)
    assert result.state is ResultState.PENDING
    during = await gateway.snapshot(about)
    assert (during.status, during.under_way, during.captured_minor) == (S.AUTHORIZED, Action.CAPTURE, 0)
    with pytest.raises(StateConflict):  # X-Cart offers Void meanwhile.
        await gateway.void(ask(Action.VOID, about))
    await simulator.finish_all()
    assert (await gateway.look_up(asked)).state is ResultState.SUCCEEDED
    assert await status(gateway, about) is S.CAPTURED


async def test_pending_capture_that_is_declined_takes_the_authorization_with_it(simulator, gateway, known, ask):
    about = await known(gateway, await simulator.authorized())
    asked = ask(Action.CAPTURE, about, note=PENDING_CAPTURE)
    result = await gateway.capture(asked)
    await simulator.post("settle", object=result.gateway_id, state="Declined", reason_code="AmazonRejected")
    assert (await gateway.look_up(asked)).state is ResultState.DECLINED
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.reason_code) == (S.DECLINED, "AmazonRejected")


async def test_authorization_expires(simulator, gateway, known):
    """Woo issue 233: an expiry revived a cancelled order. Here it is a status of its own, and final."""
    about = await known(gateway, await simulator.authorized())
    assert (await gateway.snapshot(about)).authorization_expire_time is not None
    await simulator.post("clock/advance", days=2, hours=1)
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.reason_code) == (S.EXPIRED, "ExpiredUnused")


async def test_closed_by_amazon_is_not_taken_for_paid(simulator, gateway, known, ask):
    about = await known(gateway, await simulator.authorized())
    await simulator.post("amazon/close", object=about.reference("authorization"))
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.captured_minor, snapshot.reason_code) == (S.VOIDED, 0, "AmazonClosed")
    with pytest.raises(StateConflict):
        await gateway.capture(ask(Action.CAPTURE, about))


async def test_capture_closed_by_amazon_is_still_captured_money(simulator, gateway, known, ask):
    about = await captured(simulator, gateway, known, ask)
    await simulator.post("amazon/close", object=about.reference("capture"))
    assert await status(gateway, about) is S.CAPTURED


async def test_canceled_order_reference_voids(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    await simulator.post("console/cancel-order-reference", object=about.reference("order_reference"))
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.reason_code) == (S.VOIDED, "OrderReferenceCanceled")


async def test_order_reference_alone(simulator, gateway, make_payment):
    draft = (await simulator.post("order-references", amount="129.90"))["id"]
    about = make_payment(order_reference=draft)
    assert await status(gateway, about) is S.PENDING
    await simulator.post("clock/advance", hours=4)  # Never confirmed: Stale.
    assert await status(gateway, about) is S.EXPIRED


async def test_asynchronous_authorization_is_pending_then_authorized(simulator, gateway, make_payment):
    order_id = await simulator.order()
    await simulator.authorize(order_id, TransactionTimeout="1440")
    about = make_payment(order_reference=order_id)
    assert await status(gateway, about) is S.PENDING
    await simulator.finish_all()
    assert await status(gateway, about) is S.AUTHORIZED


async def test_suspended_order_stays_pending_until_it_is_authorized_again(simulator, gateway, make_payment):
    """Magento issue 158: after a mended payment method the checkout authorizes anew."""
    order_id = await simulator.order()
    await simulator.post("plans", operation="Authorize", state="Declined", reason_code="InvalidPaymentMethod")
    declined = await simulator.authorize(order_id)
    about = make_payment(order_reference=order_id, authorization=declined)
    suspended = await gateway.snapshot(about)
    assert (suspended.status, suspended.reason_code) == (S.PENDING, "InvalidPaymentMethod")
    await simulator.post("buyer/mend-payment-method", object=order_id)
    again = await simulator.authorize(order_id)
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.references[-1].value) == (S.AUTHORIZED, again)


async def test_rejected_authorization_is_declined(simulator, gateway, make_payment):
    order_id = await simulator.order()
    await simulator.post("plans", operation="Authorize", state="Declined", reason_code="AmazonRejected")
    await simulator.authorize(order_id)
    assert await status(gateway, make_payment(order_reference=order_id)) is S.DECLINED


async def test_immediate_capture(simulator, gateway, make_payment):
    """Woo issue 134, Magento 352: what was paid is told by Amazon, not by the browser's session."""
    order_id = await simulator.order()
    await simulator.authorize(order_id, CaptureNow="true")
    snapshot = await gateway.snapshot(make_payment(order_reference=order_id))
    assert (snapshot.status, snapshot.captured_minor) == (S.CAPTURED, 12_990)


async def test_ghost_of_a_declined_immediate_capture_never_counts(simulator, gateway, make_payment):
    order_id = await simulator.order()
    await simulator.post("plans", operation="Authorize", state="Declined", reason_code="ProcessingFailure")
    await simulator.authorize(order_id, CaptureNow="true", TransactionTimeout="1440")
    about = make_payment(order_reference=order_id)
    waiting = await gateway.snapshot(about)
    assert (waiting.status, waiting.captured_minor, waiting.under_way) == (S.PENDING, 0, None)
    await simulator.finish_all()
    refused = await gateway.snapshot(about)
    assert (refused.status, refused.captured_minor) == (
        S.PENDING,
        0,
    )  # The order is open: it may be tried again.


async def test_capture_at_the_console_is_followed_and_bars_ours(simulator, gateway, known, ask):
    """Woo issue 338: already done is something to follow, not an error to show."""
    about = await known(gateway, await simulator.authorized())
    await simulator.post("console/capture", object=about.reference("authorization"))
    asked = ask(Action.CAPTURE, about)
    with pytest.raises(StateConflict):
        await gateway.capture(asked)
    assert await gateway.look_up(asked) is None  # It was not ours.
    assert await status(gateway, about) is S.CAPTURED


async def test_void_of_a_captured_payment_conflicts(simulator, gateway, known, ask):
    about = await captured(simulator, gateway, known, ask)
    with pytest.raises(StateConflict):
        await gateway.void(ask(Action.VOID, about))
    with pytest.raises(StateConflict):
        await gateway.look_up(ask(Action.VOID, about))
    assert await status(gateway, about) is S.CAPTURED


async def test_partial_capture_at_the_console_leaves_nothing_to_capture(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    await simulator.post("console/capture", object=about.reference("authorization"), amount="100.00")
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.authorized_minor, snapshot.captured_minor) == (
        S.CAPTURED,
        12_990,
        10_000,
    )


async def test_yen_have_no_minor_unit(simulator, gateway, known, ask):
    about = replace(await simulator.authorized("5000", "JPY"), currency_code="JPY", order_total_minor=5_000)
    about = await known(gateway, about)
    assert (await gateway.capture(ask(Action.CAPTURE, about, 5_000))).state is ResultState.SUCCEEDED
    snapshot = await gateway.snapshot(about)
    assert (snapshot.currency_code, snapshot.captured_minor) == ("JPY", 5_000)
