"""One action, start to end: one effect, whoever asks, however often."""

import asyncio

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, TOTAL, world

from payment_actions_server.domain.decision import Objection
from payment_actions_server.domain.errors import (
    ActionNotAvailable,
    AmountOutOfRange,
    CurrencyMismatch,
    EtagMismatch,
    GatewayThrottled,
    GatewayUnavailable,
    NotOurPaymentMethod,
    OperationInFlight,
    OrderChanged,
    OrderNotFound,
    PartialAmountNotSupported,
    PlatformUnavailable,
    RequestIdReused,
    StoreNotFound,
)
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.plugins import Action, CaptureMode, OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import UNAVAILABLE, slow, slow_answer, throttled

CHANGED_BY_AN_ACTION = {
    Action.CAPTURE: PaymentStatus.CAPTURED,
    Action.VOID: PaymentStatus.VOIDED,
    Action.REFUND: PaymentStatus.REFUNDED,
}


# -- What it does ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", CHANGED_BY_AN_ACTION)
@in_virtual_time
async def test_action_moves_money_once_and_the_store_follows(tmp_path, action):
    async with world(tmp_path) as here:
        here.authorized()
        if action is Action.REFUND:
            await here.capture()
        result = await here.act(action)
        await asyncio.sleep(5)
        assert result.operation.state is OperationState.SUCCEEDED
        assert result.view.payment.status is CHANGED_BY_AN_ACTION[action]
        effects = [effect for effect in here.gateway.effects_of("1") if effect.action is action]
        assert [(effect.reference, effect.amount_minor) for effect in effects] == [(result.operation.reference, TOTAL)]
        assert here.platform.order("1").status is CHANGED_BY_AN_ACTION[action]


@in_virtual_time
async def test_history_tells_who_did_what_and_why(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        result = await here.capture(actor="ann", note="shipped", request_id="r-1")
        await asyncio.sleep(5)
        seen, started, ended, stored = await here.events()
        assert [event.type for event in (seen, started, ended, stored)] == [
            EventType.PAYMENT_SEEN,
            EventType.OPERATION_STARTED,
            EventType.OPERATION_ENDED,
            EventType.STORE_UPDATED,
        ]
        assert (started.actor, started.details["note"], started.details["request_id"]) == ("ann", "shipped", "r-1")
        assert started.operation_id == ended.operation_id == result.operation.operation_id
        assert (ended.status_before, ended.status_after) == (PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED)


@in_virtual_time
async def test_plugins_hear_of_every_event_in_order(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        assert here.hooks.events == await here.events()


@in_virtual_time
async def test_gateway_hears_of_it_only_after_the_intent_is_durable(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        seen = []

        async def look():
            seen.append((await here.view()).operation)

        here.gateway.faults.inject("capture", slow(look))
        result = await here.capture()
        assert [operation.reference for operation in seen] == [result.operation.reference]
        assert seen[0].state is OperationState.UNKNOWN


@in_virtual_time
async def test_decline_is_a_result_and_may_be_tried_anew(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.decline_next(Action.CAPTURE, "ProcessorDeclined")
        declined = await here.capture()
        assert declined.operation.state is OperationState.DECLINED
        assert declined.operation.reason_code == "ProcessorDeclined"
        again = await here.capture()
        assert again.operation.state is OperationState.SUCCEEDED
        assert again.operation.reference != declined.operation.reference


@in_virtual_time
async def test_decline_that_took_the_authorization_with_it_shows_soon(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.decline_next(Action.CAPTURE)
        await here.capture()
        here.gateway.close("1", PaymentStatus.DECLINED, "ProcessorClosed")
        await asyncio.sleep(3)
        assert await here.status() is PaymentStatus.DECLINED
        assert await here.offered() == set()


@in_virtual_time
async def test_immediate_capture_store_offers_no_capture(tmp_path):
    async with world(tmp_path, capture_mode=CaptureMode.IMMEDIATE_CAPTURE) as here:
        here.authorized()
        assert await here.offered() == {Action.REFRESH}
        for action in (Action.CAPTURE, Action.VOID):
            with pytest.raises(ActionNotAvailable, match="captures at once"):
                await here.act(action)
        assert here.gateway.effects == []


@in_virtual_time
async def test_immediate_capture_store_refunds(tmp_path):
    async with world(tmp_path, capture_mode=CaptureMode.IMMEDIATE_CAPTURE) as here:
        here.authorized()
        here.gateway.console(Action.CAPTURE, "1")
        assert await here.offered() == {Action.REFUND}
        assert (await here.refund()).view.payment.status is PaymentStatus.REFUNDED


# -- The same request ------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_same_request_id_answers_its_operation(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        first = await here.capture(request_id="r-1")
        second = await here.capture(request_id="r-1")
        assert second.operation == first.operation
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_same_request_id_waits_for_the_run_that_is_under_way(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(lambda: asyncio.sleep(5)))
        first = asyncio.create_task(here.capture(request_id="r-1"))
        await asyncio.sleep(1)
        second = await here.capture(request_id="r-1")
        assert second.operation.state is OperationState.SUCCEEDED
        assert second.operation == (await first).operation
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_same_request_id_answers_as_it_is_now_not_as_it_was_then(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        first = await here.capture(request_id="r-1")
        assert first.operation.state is OperationState.PENDING
        here.gateway.finish(first.operation.reference)
        await asyncio.sleep(60)
        later = await here.capture(request_id="r-1")
        assert later.operation.state is OperationState.SUCCEEDED
        assert later.view.payment.status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_same_request_id_after_a_failure_answers_failed_and_does_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", UNAVAILABLE)
        with pytest.raises(GatewayUnavailable):
            await here.capture(request_id="r-1")
        assert (await here.capture(request_id="r-1")).operation.state is OperationState.FAILED
        assert here.gateway.effects == []


@in_virtual_time
async def test_same_request_id_is_answered_while_the_gateway_and_the_store_are_down(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        first = await here.capture(request_id="r-1")
        here.gateway.faults.down = here.platform.faults.down = True
        assert (await here.capture(request_id="r-1")).operation == first.operation


@pytest.mark.parametrize(
    "other",
    [{"action": Action.VOID}, {"order_id": "2"}, {"amount_minor": TOTAL}, {"amount_minor": 1, "currency_code": "EUR"}],
)
@in_virtual_time
async def test_reused_request_id_is_refused_and_nothing_is_done(tmp_path, other):
    async with world(tmp_path) as here:
        here.authorized("1"), here.authorized("2")
        await here.capture(request_id="r-1")
        with pytest.raises(RequestIdReused):
            await here.act(**({"action": Action.CAPTURE, "request_id": "r-1"} | other))
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_request_id_belongs_to_its_store(tmp_path):
    async with world(tmp_path, started=False) as here:
        other = here.another_store("other")
        engine = here.replica()
        here.authorized()
        reference = other.gateway.authorize("1", 500)
        other.platform.place("1", 500, method_name=METHOD, references=(reference,))
        await here.capture(request_id="r-1", engine=engine)
        await engine.run_action(ActionRequest("other", "1", Action.CAPTURE, "r-1"))
        assert [len(gateway.effects) for gateway in (here.gateway, other.gateway)] == [1, 1]


# -- Many at once ----------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_double_click_has_one_effect(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(lambda: asyncio.sleep(5)))
        first = asyncio.create_task(here.capture())
        await asyncio.sleep(1)
        with pytest.raises(OperationInFlight) as refused:
            await here.capture()
        assert refused.value.metadata["available_actions"] == "REFRESH"
        assert (await first).operation.state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_ten_at_once_with_one_id_are_one(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        results = await asyncio.gather(*(here.capture(request_id="r-1") for _ in range(10)))
        assert {result.operation.state for result in results} == {OperationState.SUCCEEDED}
        assert len({result.operation.operation_id for result in results}) == 1
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_ten_at_once_with_ten_ids_have_one_effect(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        results = await asyncio.gather(*(here.capture() for _ in range(10)), return_exceptions=True)
        refusals = [result for result in results if isinstance(result, Exception)]
        assert len(refusals) == 9
        assert {type(refusal) for refusal in refusals} <= {OperationInFlight, ActionNotAvailable}
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_two_replicas_at_once_have_one_effect(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        other = here.replica()
        results = await asyncio.gather(here.capture(), here.void(engine=other), return_exceptions=True)
        # The first may have ended before the other one asks: then it is not offered any more.
        assert sum(isinstance(result, OperationInFlight | ActionNotAvailable) for result in results) == 1
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_orders_do_not_wait_for_one_another(tmp_path):
    async with world(tmp_path) as here:
        here.authorized("1"), here.authorized("2")
        here.gateway.faults.inject("capture", slow(lambda: asyncio.sleep(15)))
        slow_one = asyncio.create_task(here.capture("1"))
        await asyncio.sleep(1)
        before = here.clock.now()
        await here.capture("2")
        assert here.clock.now() == before
        await slow_one


@in_virtual_time
async def test_caller_who_hangs_up_does_not_stop_it(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow(lambda: asyncio.sleep(5)))
        call = asyncio.create_task(here.capture(request_id="r-1"))
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.sleep(10)
        assert call.cancelled()
        assert (await here.capture(request_id="r-1")).operation.state is OperationState.SUCCEEDED
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


# -- The etag --------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_etag_that_matches_lets_it_through(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        etag = (await here.view()).payment.etag
        assert (await here.capture(etag=etag)).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_etag_of_a_payment_that_changed_is_refused(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        etag = (await here.view()).payment.etag
        await here.capture()
        with pytest.raises(EtagMismatch) as refused:
            await here.refund(etag=etag)
        assert refused.value.metadata["current_etag"] == (await here.view()).payment.etag
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_etag_outlives_store_updates_and_ignored_notifications(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        etag = (await here.capture()).view.payment.etag
        await here.notify()
        await asyncio.sleep(10)
        assert {EventType.STORE_UPDATED, EventType.NOTIFICATION_IGNORED} <= set(await here.told())
        assert (await here.refund(etag=etag)).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_known_request_is_answered_whatever_its_etag(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        etag = (await here.view()).payment.etag
        first = await here.capture(request_id="r-1", etag=etag)
        assert (await here.capture(request_id="r-1", etag=etag)).operation == first.operation


# -- Nothing happened ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "error"), [(UNAVAILABLE, GatewayUnavailable), (throttled(7), GatewayThrottled)])
@in_virtual_time
async def test_call_that_certainly_did_nothing_fails_and_a_new_request_succeeds(tmp_path, fault, error):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", fault)
        with pytest.raises(error) as failed:
            await here.capture()
        operation = await here.engine.get_operation(STORE, failed.value.metadata["operation_id"])
        assert operation.state is OperationState.FAILED
        again = await here.capture()
        assert again.operation.state is OperationState.SUCCEEDED
        assert again.operation.reference != operation.reference


@in_virtual_time
async def test_throttled_says_when_to_come_back(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", throttled(7))
        with pytest.raises(GatewayThrottled) as failed:
            await here.capture()
        assert failed.value.retry_after_seconds == 7


@in_virtual_time
async def test_order_not_seen_yet_needs_the_platform_and_the_gateway(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.down = True
        with pytest.raises(PlatformUnavailable):
            await here.capture()
        here.platform.faults.down, here.gateway.faults.down = False, True
        with pytest.raises(GatewayUnavailable):
            await here.capture()
        here.gateway.faults.down = False
        assert (await here.capture()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_first_sight_of_many_callers_is_one(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await asyncio.gather(*(here.view() for _ in range(10)))
        assert (len(here.platform.calls), here.asked("snapshot")) == (1, ["1"])
        assert await here.told() == [EventType.PAYMENT_SEEN]


@in_virtual_time
async def test_unknown_store_and_order_are_told_apart(tmp_path):
    async with world(tmp_path) as here:
        with pytest.raises(StoreNotFound, match="shop"):
            await here.engine.get_payment("shap", "1")
        with pytest.raises(OrderNotFound):
            await here.view("no such order")


# -- Amounts ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_partial_amounts_add_up_where_they_are_allowed(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        steps = [
            (await here.capture(amount_minor=4_000)).view.payment,
            (await here.capture()).view.payment,
            (await here.refund(amount_minor=3_000)).view.payment,
            (await here.refund()).view.payment,
        ]
        assert [payment.status for payment in steps] == [
            PaymentStatus.PARTIALLY_CAPTURED,
            PaymentStatus.CAPTURED,
            PaymentStatus.PARTIALLY_REFUNDED,
            PaymentStatus.REFUNDED,
        ]
        assert [effect.amount_minor for effect in here.gateway.effects] == [4_000, 8_990, 3_000, 9_990]


@in_virtual_time
async def test_rest_of_a_partial_capture_can_be_given_up(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=4_000)
        payment = (await here.void()).view.payment
        assert (payment.status, payment.captured_minor) == (PaymentStatus.CAPTURED, 4_000)
        assert await here.refresh() == []


@pytest.mark.parametrize(
    ("partial", "amount", "error"),
    [
        (False, {"amount_minor": 1_000}, PartialAmountNotSupported),
        (True, {"amount_minor": TOTAL + 1}, AmountOutOfRange),
        (True, {"amount_minor": 0}, AmountOutOfRange),
        (False, {"amount_minor": TOTAL, "currency_code": "EUR"}, CurrencyMismatch),
    ],
)
@in_virtual_time
async def test_amount_that_may_not_be_moved_starts_nothing(tmp_path, partial, amount, error):
    async with world(tmp_path, partial=partial) as here:
        here.authorized()
        with pytest.raises(error):
            await here.capture(**amount)
        assert here.asked("capture") == []
        assert await here.told() == [EventType.PAYMENT_SEEN]


@in_virtual_time
async def test_order_whose_total_changed_cannot_be_captured_whole(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.platform.change("1", total_minor=9_990)
        assert await here.refresh() == [EventType.ORDER_CHANGED]
        assert await here.offered() == {Action.VOID}
        with pytest.raises(OrderChanged, match="Void this order and have the customer place it again"):
            await here.capture()


# -- Who may ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_order_of_another_method_is_remembered_and_offers_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.platform.place("9", method_name="Bank transfer")
        with pytest.raises(NotOurPaymentMethod, match="Bank transfer"):
            await here.capture("9")
        assert await here.offered("9") == set()
        assert here.gateway.calls == []


@in_virtual_time
async def test_policy_refuses_what_is_shown_and_what_is_called_alike(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.hooks.objection = lambda request: (
            Objection("guard", "Not today.") if request.action is Action.CAPTURE else None
        )
        view = await here.view()
        shown = next(refusal for refusal in view.decision.refusals if refusal.action is Action.CAPTURE)
        assert (shown.message, shown.policy) == ("Not today.", "guard")
        with pytest.raises(ActionNotAvailable, match="Not today"):
            await here.capture()
        assert (await here.void()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_policy_never_bars_a_refresh(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        here.hooks.objection = lambda request: Objection("guard", "Never.")
        assert await here.offered() == {Action.REFRESH}
        await here.refresh()


@in_virtual_time
async def test_policy_is_asked_about_the_amount_that_really_moves(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        here.hooks.objection = lambda request: Objection("guard", "Odd.") if request.amount_minor == 4_000 else None
        with pytest.raises(ActionNotAvailable, match="Odd") as refused:
            await here.capture(amount_minor=4_000)
        assert refused.value.metadata["policy"] == "guard"
        assert (await here.capture(amount_minor=4_001)).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_preview_says_what_would_be_done_and_does_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        offer, view = await here.engine.preview(ActionRequest(STORE, "1", Action.CAPTURE, "r-1"))
        assert (offer.amount_minor, view.payment.status) == (TOTAL, PaymentStatus.AUTHORIZED)
        assert await here.told() == [EventType.PAYMENT_SEEN]


@in_virtual_time
async def test_preview_of_a_refresh_is_not_refused_for_a_refresh_never_is(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        assert Action.REFRESH not in await here.offered()
        offer, _ = await here.engine.preview(ActionRequest(STORE, "1", Action.REFRESH, ""))
        assert (offer.action, offer.amount_minor) == (Action.REFRESH, 0)
