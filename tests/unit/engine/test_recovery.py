"""An answer that did not come: found out, never guessed, and never a second reference for one intent."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import START, in_virtual_time
from support.world import STORE, TOTAL, blind, world

from payment_actions_server.domain.errors import ActionNotAvailable, OperationNotFound
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.engine import Backoff, EnginePolicy
from payment_actions_server.engine.recovery import Recovery
from payment_actions_server.plugins import Action, ActionCapability, OperationState, PaymentStatus, StateConflict
from payment_actions_server.plugins.fakes import (
    HANG,
    HANG_AFTER,
    LOSE_ANSWER,
    LOSE_REQUEST,
    UNAVAILABLE,
    Fault,
    full_capabilities,
    slow_answer,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# Over weeks, looking each second for what is due would take long even in virtual time.
UNHURRIED = EnginePolicy(discovery_seconds=0, poll_seconds=3600, unknown=Backoff(first_seconds=2, max_seconds=DAY))


# -- Found out -------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_lost_answer_is_found_out_under_the_same_reference(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(MINUTE)
        settled = await here.operation(result)
        assert (settled.state, settled.reference) == (OperationState.SUCCEEDED, result.operation.reference)
        assert len(here.gateway.effects) == len(here.asked("capture")) == 1
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_lost_request_is_sent_again_under_the_same_reference(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST, times=3)
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        settled = await here.operation(result)
        assert (settled.state, settled.attempts) == (OperationState.SUCCEEDED, 4)
        assert here.asked("capture") == [settled.reference] * 4
        assert len(here.gateway.effects) == 1


@pytest.mark.parametrize(("fault", "effects"), [(HANG, 0), (HANG_AFTER, 1)])
@in_virtual_time
async def test_call_that_hangs_is_given_up_in_time(tmp_path, fault, effects):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", fault)
        result = await here.capture()
        assert here.clock.now() - START == timedelta(seconds=here.gateway.capabilities.call_seconds_max)
        assert result.operation.state is OperationState.UNKNOWN
        assert len(here.gateway.effects) == effects
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_pending_result_is_found_by_schedule(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        assert result.operation.state is OperationState.PENDING
        assert await here.offered() == {Action.REFRESH}
        here.gateway.finish(result.operation.reference)
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_pending_result_that_is_declined_leaves_the_payment_as_it_was(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        here.gateway.decline(result.operation.reference)
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.DECLINED
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


@in_virtual_time
async def test_refresh_finds_out_at_once_and_sends_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        assert await here.refresh() == [EventType.OPERATION_ENDED]
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_refresh_does_not_send_what_was_lost(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        result = await here.capture()
        await here.refresh()
        assert (await here.operation(result)).state is OperationState.UNKNOWN
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_refreshing_again_and_again_does_not_keep_recovery_from_sending(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, poll_seconds=5)) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST, times=4)
        result = await here.capture()
        for _ in range(80):
            await here.refresh()
            await asyncio.sleep(1)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


# -- Where references cannot be looked up ----------------------------------------------------------------------------


@in_virtual_time
async def test_blind_gateway_is_asked_again_while_a_repeat_is_safe(tmp_path):
    async with world(tmp_path, capabilities=blind(timedelta(days=1))) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert here.asked("capture") == [result.operation.reference] * 2
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_blind_gateways_pending_result_is_read_from_the_payment(tmp_path):
    async with world(tmp_path, capabilities=blind()) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.PENDING
        here.gateway.finish(result.operation.reference)
        await asyncio.sleep(5 * MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_blind_gateways_pending_result_that_came_to_nothing_is_declined(tmp_path):
    async with world(tmp_path, capabilities=blind()) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        here.gateway.decline(result.operation.reference)
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.DECLINED
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


@in_virtual_time
async def test_blind_gateways_result_among_others_alike_is_not_guessed(tmp_path):
    capabilities = replace(blind(), refund=ActionCapability(timedelta(0), lookup=False, partial=True))
    async with world(tmp_path, capabilities=capabilities, partial=True) as here:
        here.authorized()
        await here.capture()
        here.gateway.pend_next(Action.REFUND)
        result = await here.refund(amount_minor=4_000)
        here.gateway.console(Action.REFUND, "1", 1_000)
        here.gateway.finish(result.operation.reference)
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        assert (await here.view()).payment.refunded_minor == 5_000


@in_virtual_time
async def test_blind_gateways_void_of_the_rest_is_not_guessed_once_what_was_collected_is_returned(tmp_path):
    parts = ActionCapability(timedelta(0), lookup=False, partial=True)
    async with world(tmp_path, capabilities=replace(blind(), capture=parts, refund=parts), partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=4_000)
        here.gateway.pend_next(Action.VOID)
        result = await here.void()
        here.gateway.finish(result.operation.reference)
        here.gateway.console(Action.REFUND, "1", 4_000)
        await asyncio.sleep(MINUTE)
        assert (await here.view()).payment.status is PaymentStatus.REFUNDED
        operation = await here.operation(result)
        assert operation.state is OperationState.NEEDS_REVIEW
        assert "still reserved" in operation.message


@in_virtual_time
async def test_blind_gateways_refusal_of_a_repeat_is_no_decline_while_money_moved(tmp_path):
    capabilities = replace(blind(), refund=ActionCapability(timedelta(days=1), lookup=False, partial=True))
    async with world(tmp_path, capabilities=capabilities, partial=True) as here:
        here.authorized()
        await here.capture()
        here.gateway.faults.inject("refund", LOSE_ANSWER)
        here.gateway.faults.inject("refund", Fault(before=_refuse))
        result = await here.refund(amount_minor=4_000)
        here.gateway.console(Action.REFUND, "1", 1_000)
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        assert len(here.asked("refund")) == 2


async def _refuse():
    raise StateConflict("the amount exceeds what is left", reason_code="AmountExceeded")


# -- Not to be found out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("capabilities", [blind(), blind(timedelta(seconds=15))])
@in_virtual_time
async def test_without_trace_and_safe_repeat_an_operator_is_asked(tmp_path, capabilities):
    async with world(tmp_path, capabilities=capabilities, policy=UNHURRIED) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        result = await here.capture()
        await asyncio.sleep(5 * DAY)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        assert len(here.asked("capture")) == 1
        assert (await here.engine.counts())["operations_needing_review"] == 1
        assert await here.offered() == {Action.REFRESH}


@in_virtual_time
async def test_operation_that_nobody_looks_after_shows_as_overdue(tmp_path, monkeypatch):
    monkeypatch.setattr(Recovery, "recover_due", nobody)
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        assert (await here.engine.counts())["operations_overdue"] == 0
        await asyncio.sleep(600)
        assert (await here.engine.counts())["operations_overdue"] == 1


async def nobody(recovery, store_id):
    return False


@in_virtual_time
async def test_repeat_that_could_arrive_after_the_window_is_not_sent(tmp_path):
    window = timedelta(minutes=3)
    capabilities = replace(full_capabilities(), capture=ActionCapability(window, lookup=True))
    policy = EnginePolicy(discovery_seconds=0, unknown=Backoff(first_seconds=3, max_seconds=3))
    async with world(tmp_path, policy=policy, capabilities=capabilities) as here:
        here.authorized()
        sent = []

        def lose_captures(call):
            if call != "capture":
                return None
            sent.append(here.clock.now())
            return LOSE_REQUEST

        here.gateway.faults.choose = lose_captures
        await here.capture()
        await asyncio.sleep(5 * MINUTE)
        assert len(sent) > 30
        assert max(sent) - START < window - timedelta(seconds=here.gateway.capabilities.call_seconds_max)


@pytest.mark.parametrize(
    ("word", "status", "offered"),
    [
        (OperationState.SUCCEEDED, PaymentStatus.CAPTURED, {Action.REFUND}),
        (OperationState.FAILED, PaymentStatus.AUTHORIZED, {Action.CAPTURE, Action.VOID}),
    ],
)
@in_virtual_time
async def test_operators_word_ends_it_and_is_an_event(tmp_path, word, status, offered):
    async with world(tmp_path, capabilities=blind()) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER if word is OperationState.SUCCEEDED else LOSE_REQUEST)
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        resolved = await here.engine.resolve_operation(STORE, result.operation.operation_id, word, "I looked.", "ann")
        assert (resolved.operation.state, resolved.view.payment.status) == (word, status)
        assert await here.offered() == offered
        event = next(event for event in await here.events() if event.type is EventType.OPERATION_RESOLVED)
        assert (event.actor, event.details["reason"]) == ("ann", "I looked.")
        await asyncio.sleep(MINUTE)
        assert here.platform.order("1").status is status


@in_virtual_time
async def test_operators_word_against_the_truth_is_found_out(tmp_path):
    async with world(tmp_path, capabilities=blind()) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        await here.engine.resolve_operation(
            STORE, result.operation.operation_id, OperationState.SUCCEEDED, "I think so.", "ann"
        )
        await asyncio.sleep(MINUTE)
        assert "AUTHORIZED" in (await here.view()).payment.anomaly


@in_virtual_time
async def test_only_what_needs_review_can_be_resolved(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        done = (await here.capture()).operation
        with pytest.raises(ActionNotAvailable, match="SUCCEEDED"):
            await here.engine.resolve_operation(STORE, done.operation_id, OperationState.FAILED, "no", "ann")
        with pytest.raises(OperationNotFound):
            await here.engine.resolve_operation(STORE, "none", OperationState.FAILED, "no", "ann")


@in_virtual_time
async def test_what_needs_review_ends_by_itself_once_the_gateway_tells(tmp_path):
    async with world(tmp_path, policy=replace(UNHURRIED, pending_days_max=1)) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        await asyncio.sleep(2 * DAY)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        here.gateway.finish(result.operation.reference)
        await asyncio.sleep(2 * DAY)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


@in_virtual_time
async def test_what_stays_unknown_for_weeks_wants_an_operator(tmp_path):
    async with world(tmp_path, policy=UNHURRIED) as here:
        here.authorized()
        here.gateway.faults.inject("void", LOSE_REQUEST)
        result = await here.void()
        here.gateway.faults.choose = lambda call: UNAVAILABLE
        await asyncio.sleep(23 * DAY)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW


# -- What proves nothing ---------------------------------------------------------------------------------------------


@in_virtual_time
async def test_unavailable_on_a_repeat_never_concludes_that_it_failed(tmp_path):
    async with world(tmp_path, capabilities=blind(timedelta(days=1))) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        here.gateway.faults.inject("capture", UNAVAILABLE, times=5)
        result = await here.capture()
        await asyncio.sleep(20)
        assert (await here.operation(result)).state is OperationState.UNKNOWN
        await asyncio.sleep(10 * MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_look_that_fails_takes_nothing_back_of_what_was_accepted(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        here.gateway.faults.down = True
        await asyncio.sleep(10 * MINUTE)
        assert (await here.operation(result)).state is OperationState.PENDING
        assert EventType.OPERATION_UPDATED not in (await here.told())[3:]
        assert len(here.asked("capture")) == 1


@in_virtual_time
async def test_looks_are_spaced_further_and_further_and_shown(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=0, poll_seconds=10)) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        await here.capture()
        times = []
        here.gateway.faults.choose = lambda call: (times.append(here.clock.now()), UNAVAILABLE)[1]
        for _ in range(50):
            await asyncio.sleep(100)
            assert (await here.in_flight()).next_check_time > here.clock.now() - timedelta(seconds=10)
        waits = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
        assert waits[0] < 20
        assert 480 <= max(waits) <= 735
        assert len(times) < 25


@in_virtual_time
async def test_spacing_begins_anew_when_the_state_changes(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_REQUEST, times=6)
        here.gateway.pend_next(Action.CAPTURE)
        result = await here.capture()
        while (await here.operation(result)).state is OperationState.UNKNOWN:
            await asyncio.sleep(1)
        wait = (await here.operation(result)).next_check_time - here.clock.now()
        assert wait <= timedelta(seconds=25)
        await asyncio.sleep(30)
        assert (await here.operation(result)).checks == 1


@in_virtual_time
async def test_gateway_that_hangs_holds_up_no_other_store(tmp_path):
    async with world(tmp_path, started=False) as here:
        other = here.another_store("other")
        here.engine = here.replica()
        await here.engine.start()
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        await here.capture()
        here.gateway.faults.choose = lambda call: HANG
        other.gateway.faults.inject("capture", LOSE_ANSWER)
        other.platform.place("1", method_name="Amazon Pay", references=(other.gateway.authorize("1", 12_990),))
        await asyncio.sleep(4)
        result = await here.engine.run_action(ActionRequest("other", "1", Action.CAPTURE, "r"))
        await asyncio.sleep(5)
        found = await here.engine.get_operation("other", result.operation.operation_id)
        assert found.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_slow_answer_within_the_lease_is_waited_for_by_all(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(lambda: asyncio.sleep(18)))
        task = asyncio.create_task(here.capture())
        await asyncio.sleep(17)
        await here.refresh()
        assert here.asked("look_up") == []
        assert (await task).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_every_attempt_names_the_same_payment_at_the_gateway(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        other = here.gateway.authorize("1 once more", TOTAL)
        await here.view()
        told = []
        capture = here.gateway.capture

        async def listening(request):
            told.append(request.payment.reference("payment"))
            return await capture(request)

        here.gateway.capture = listening
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        await here.capture()
        order = here.platform.order("1")
        here.platform.change("1", references=(*order.references, other))  # The shop authorized once more.
        await here.refresh()
        await asyncio.sleep(120)
        assert len(told) > 1
        assert set(told) == {told[0]}
