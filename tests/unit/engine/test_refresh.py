"""Refresh: ask the gateway what is true, follow it forward, and never back."""

import asyncio
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, TOTAL, world

from payment_actions_server.domain.errors import GatewayThrottled, GatewayUnavailable, PlatformUnavailable
from payment_actions_server.domain.event import EventType
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.plugins import Action, CaptureMode, OperationState, PaymentStatus, Snapshot
from payment_actions_server.plugins.fakes import HANG, UNAVAILABLE, slow, slow_answer, throttled

STALE = Snapshot(status=PaymentStatus.AUTHORIZED, currency_code="USD", authorized_minor=TOTAL)


# -- What it brings --------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_result_that_no_notification_told_is_found(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        assert await here.offered() == {Action.REFRESH}
        here.gateway.authorize("1")
        assert await here.refresh() == [EventType.SNAPSHOT_FOLLOWED]
        assert await here.offered() == {Action.CAPTURE, Action.VOID}
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.AUTHORIZED


@pytest.mark.parametrize("status", [PaymentStatus.DECLINED, PaymentStatus.VOIDED, PaymentStatus.EXPIRED])
@in_virtual_time
async def test_authorization_that_came_to_nothing_offers_nothing(tmp_path, status):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.close("1", status, "ItsReason")
        await here.refresh()
        view = await here.view()
        assert (view.payment.status, view.payment.reason_code) == (status, "ItsReason")
        assert view.decision.offers == ()
        await asyncio.sleep(5)
        assert here.platform.order("1").status is status


@in_virtual_time
async def test_what_was_done_at_the_console_is_followed_step_by_step(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        for action, status in ((Action.CAPTURE, PaymentStatus.CAPTURED), (Action.REFUND, PaymentStatus.REFUNDED)):
            here.gateway.console(action, "1")
            assert await here.refresh() == [EventType.SNAPSHOT_FOLLOWED]
            assert await here.status() is status
            await asyncio.sleep(5)
            assert here.platform.order("1").status is status


@in_virtual_time
async def test_refresh_that_finds_nothing_new_records_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        assert await here.refresh() == []
        assert await here.refresh() == []
        assert await here.told() == [EventType.PAYMENT_SEEN]


@in_virtual_time
async def test_refresh_is_safe_in_every_status(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await here.refund()
        assert await here.refresh() == []
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_capture_under_way_elsewhere_bars_ours_until_it_ended(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.show_next(
            Snapshot(
                status=PaymentStatus.AUTHORIZED, currency_code="USD", authorized_minor=TOTAL, under_way=Action.CAPTURE
            )
        )
        await here.refresh()
        view = await here.view()
        assert {offer.action for offer in view.decision.offers} == {Action.REFRESH}
        assert view.operation is None
        here.gateway.console(Action.CAPTURE, "1")
        await asyncio.sleep(60)  # The schedule looks by itself.
        assert await here.offered() == {Action.REFUND}


@in_virtual_time
async def test_our_own_operation_under_way_is_not_shown_as_somebody_elses(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        await here.refresh()
        assert (await here.view()).payment.under_way is None
        here.gateway.finish(result.operation.reference)
        await here.refresh()
        assert await here.offered() == {Action.REFUND}


# -- One look for all, and late ones ---------------------------------------------------------------------------------


@in_virtual_time
async def test_concurrent_refreshes_are_one(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        asked = len(here.asked("snapshot"))
        here.gateway.faults.inject("snapshot", slow(lambda: asyncio.sleep(2)))
        results = await asyncio.gather(*(here.refresh() for _ in range(10)))
        assert results == [[EventType.SNAPSHOT_FOLLOWED]] * 10
        assert len(here.asked("snapshot")) - asked == 1


@in_virtual_time
async def test_caller_who_hangs_up_takes_the_look_from_nobody(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        here.gateway.faults.inject("snapshot", slow(lambda: asyncio.sleep(2)))
        first, second = asyncio.create_task(here.refresh()), asyncio.create_task(here.refresh())
        await asyncio.sleep(1)
        first.cancel()
        assert await second == [EventType.SNAPSHOT_FOLLOWED]


@in_virtual_time
async def test_look_that_failed_does_not_stand_in_the_way_of_the_next(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        with pytest.raises(GatewayUnavailable):
            await here.refresh()
        assert await here.refresh() == []


@in_virtual_time
async def test_first_sight_that_failed_does_not_stand_in_the_way_of_the_next(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("read_order", UNAVAILABLE)
        results = await asyncio.gather(*(here.view() for _ in range(3)), return_exceptions=True)
        assert {type(result) for result in results} == {PlatformUnavailable}
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_snapshot_overtaken_by_our_own_capture_is_late_not_wrong(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(5)))
        look = asyncio.create_task(here.refresh())
        await asyncio.sleep(1)
        await here.capture()
        await look
        payment = (await here.view()).payment
        assert (payment.status, payment.anomaly) == (PaymentStatus.CAPTURED, "")
        assert EventType.ANOMALY not in await here.told()


@in_virtual_time
async def test_gateway_whose_reads_lag_for_a_moment_is_no_contradiction(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        true, begun = here.gateway.snapshot, asyncio.get_running_loop().time()

        async def lagging(payment):
            return STALE if asyncio.get_running_loop().time() < begun + 0.8 else await true(payment)

        here.gateway.snapshot = lagging
        assert await here.refresh() == []
        assert (await here.view()).payment.anomaly == ""


@in_virtual_time
async def test_late_snapshot_does_not_show_our_ended_operation_as_somebody_elses(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(5)))
        look = asyncio.create_task(here.refresh())  # Sees it under way, which it is no more when that is told.
        await asyncio.sleep(1)
        here.gateway.decline(result.operation.reference)
        await here.replica().refresh(STORE, "1")
        assert (await here.operation(result)).state is OperationState.DECLINED
        await look
        assert (await here.view()).payment.under_way is None
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


# -- Contradictions --------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_true_contradiction_is_shown_once_and_changes_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        before = (await here.view()).payment
        for _ in range(9):
            here.gateway.show_next(STALE)
        assert await here.refresh() == [EventType.ANOMALY]
        assert await here.refresh() == await here.refresh() == []
        after = (await here.view()).payment
        assert (after.status, after.amounts) == (before.status, before.amounts)
        assert "AUTHORIZED" in after.anomaly
        assert (await here.engine.counts())["anomalies"] == 1


@in_virtual_time
async def test_contradiction_is_believed_only_when_it_is_repeated(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.show_next(STALE)
        assert await here.refresh() == []
        assert (await here.view()).payment.anomaly == ""


@in_virtual_time
async def test_anomaly_ends_when_the_gateway_agrees_again(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        for _ in range(3):
            here.gateway.show_next(STALE)
        await here.refresh()
        assert await here.refresh() == [EventType.SNAPSHOT_FOLLOWED]
        assert (await here.view()).payment.anomaly == ""


@in_virtual_time
async def test_order_that_is_odd_at_first_sight_is_remembered_as_such(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.change("1", currency_code="EUR")
        payment = (await here.view()).payment
        assert (payment.status, payment.currency_code) == (PaymentStatus.PENDING, "EUR")
        assert "USD" in payment.anomaly
        assert here.platform.writes == []


# -- When one side is down -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [(UNAVAILABLE, GatewayUnavailable), (throttled(3), GatewayThrottled), (HANG, GatewayUnavailable)],
)
@in_virtual_time
async def test_gateway_that_cannot_be_asked_is_an_error_and_nothing_changes(tmp_path, fault, error):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        here.gateway.faults.inject("snapshot", fault)
        with pytest.raises(error):
            await here.refresh()
        assert await here.status() is PaymentStatus.PENDING
        await here.refresh()
        assert await here.status() is PaymentStatus.AUTHORIZED


@pytest.mark.parametrize("fault", [UNAVAILABLE, HANG])
@in_virtual_time
async def test_store_that_is_down_does_not_keep_us_from_the_gateway(tmp_path, fault):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        here.platform.faults.inject("read_order", fault)
        assert await here.refresh() == [EventType.SNAPSHOT_FOLLOWED]
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_order_that_the_store_deleted_can_still_be_refunded(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        here.platform.remove("1")
        await here.refresh()
        assert (await here.refund()).view.payment.status is PaymentStatus.REFUNDED


# -- The order itself changes ----------------------------------------------------------------------------------------


@in_virtual_time
async def test_new_number_and_total_of_the_order_are_taken_over(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.platform.change("1", order_number="#2026-1", total_minor=9_990)
        assert await here.refresh() == [EventType.ORDER_CHANGED]
        payment = (await here.view()).payment
        assert (payment.order_number, payment.order_total_minor) == ("#2026-1", 9_990)


@in_virtual_time
async def test_order_that_comes_to_be_paid_through_the_gateway_becomes_ours(tmp_path):
    async with world(tmp_path) as here:
        here.platform.place("1", method_name="Bank transfer", status=PaymentStatus.PENDING)
        assert await here.offered() == set()
        here.platform.change("1", method_name=METHOD, references=(here.gateway.authorize("1", TOTAL),))
        assert await here.refresh() == [EventType.ORDER_CHANGED, EventType.SNAPSHOT_FOLLOWED]
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


@in_virtual_time
async def test_pending_order_that_is_paid_otherwise_is_no_longer_ours(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.platform.change("1", method_code="bank", method_name="Bank transfer", status=PaymentStatus.CAPTURED)
        await here.refresh()
        payment = (await here.view()).payment
        assert (payment.ours, payment.status, payment.next_refresh_time) == (False, PaymentStatus.CAPTURED, None)


@in_virtual_time
async def test_money_that_moved_stays_ours_whatever_method_the_order_names_now(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.platform.change("1", method_code="bank", method_name="Bank transfer")
        await here.refresh()
        assert await here.offered() == {Action.REFUND}


# -- By schedule -----------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_pending_payment_is_looked_at_by_schedule(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        await asyncio.sleep(45)
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


@in_virtual_time
async def test_schedule_backs_off_with_jitter_and_shows_its_next_look(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, poll_seconds=2)) as here:
        here.pending("1"), here.pending("2")
        for order_id in ("1", "2"):
            assert (await here.view(order_id)).payment.next_refresh_time > here.clock.now()
        times = {"1": [], "2": []}
        for _ in range(300):
            await asyncio.sleep(3)
            for order_id, looks in times.items():
                while len(looks) < here.asked("snapshot").count(order_id):
                    looks.append(here.clock.now())
        assert times["1"] != times["2"]
        waits = [(b - a).total_seconds() for a, b in zip(times["1"], times["1"][1:], strict=False)]
        assert all(0.8 * 30 * 2**n - 3 <= wait <= 1.2 * 30 * 2**n + 5 for n, wait in enumerate(waits))
        assert len(waits) >= 4


@in_virtual_time
async def test_schedule_leaves_settled_payments_alone(tmp_path):
    async with world(tmp_path) as here:
        here.authorized("1"), here.authorized("2")
        await here.capture("1")
        await here.view("2")
        asked = len(here.asked("snapshot"))
        await asyncio.sleep(200)
        assert len(here.asked("snapshot")) == asked
        assert (await here.view("2")).payment.next_refresh_time is None


@in_virtual_time
async def test_expiry_is_noticed_after_the_authorizations_end(tmp_path):
    async with world(tmp_path) as here:
        here.authorized(expire_time=here.clock.now() + timedelta(minutes=5))
        await here.view()
        await asyncio.sleep(4 * 60)
        assert (len(here.asked("snapshot")), await here.status()) == (1, PaymentStatus.AUTHORIZED)
        await asyncio.sleep(3 * 60)
        assert await here.status() is PaymentStatus.EXPIRED
        assert here.platform.order("1").status is PaymentStatus.EXPIRED


@in_virtual_time
async def test_gateway_that_was_down_when_the_schedule_looked_is_asked_again(tmp_path):
    async with world(tmp_path) as here:
        here.authorized(expire_time=here.clock.now() + timedelta(minutes=1))
        await here.view()
        await asyncio.sleep(90)
        here.gateway.faults.down = True
        await asyncio.sleep(120)
        asked = len(here.asked("snapshot"))
        assert 2 <= asked <= 5, "it is asked again, and not all the time"
        here.gateway.faults.down = False
        await asyncio.sleep(300)
        assert await here.status() is PaymentStatus.EXPIRED


@in_virtual_time
async def test_schedule_goes_on_where_a_dead_engine_stopped(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.faults.inject("snapshot", HANG)
        await asyncio.sleep(40)
        await here.restart()
        here.gateway.authorize("1")
        await asyncio.sleep(70)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_immediate_capture_whose_result_did_not_reach_us_is_looked_for(tmp_path):
    async with world(tmp_path, capture_mode=CaptureMode.IMMEDIATE_CAPTURE) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        await asyncio.sleep(45)
        assert await here.offered() == {Action.REFUND}


@in_virtual_time
async def test_result_names_the_payment_and_what_changed(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        view, (event,) = await here.engine.refresh(STORE, "1", actor="ann")
        assert view.payment.status is PaymentStatus.AUTHORIZED
        assert (event.actor, event.message) == (
            "ann",
            "The gateway reports: PENDING to AUTHORIZED, 129.90 USD authorized",
        )
