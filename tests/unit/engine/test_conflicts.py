"""The gateway refuses because the payment is not as we believed: its truth is followed, and ends the operation."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import TOTAL, world

from payment_actions_server.domain.event import EventType
from payment_actions_server.plugins import (
    Action,
    GatewayResult,
    OperationState,
    PaymentStatus,
    ResultState,
    Snapshot,
    StateConflict,
)
from payment_actions_server.plugins.fakes import (
    LOSE_ANSWER,
    UNAVAILABLE,
    Fault,
    InMemoryGateway,
    full_capabilities,
)


def conflict():
    """A call that is refused for the payment's state."""

    async def refuse():
        raise StateConflict("not in this state", reason_code="InvalidState")

    return Fault(before=refuse)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (Action.CAPTURE, PaymentStatus.CAPTURED),
        (Action.VOID, PaymentStatus.VOIDED),
        (Action.REFUND, PaymentStatus.REFUNDED),
    ],
)
@in_virtual_time
async def test_done_elsewhere_is_already_done_and_followed(tmp_path, action, status):
    async with world(tmp_path) as here:
        here.authorized()
        if action is Action.REFUND:
            await here.capture()
        await here.view()
        here.gateway.console(action, "1")
        result = await here.act(action)
        await asyncio.sleep(5)
        assert result.operation.state is OperationState.ALREADY_DONE
        assert result.view.payment.status is status
        assert here.platform.order("1").status is status
        assert [effect.reference for effect in here.gateway.effects if effect.action is action] == [""]


@pytest.mark.parametrize(
    ("done", "asked", "status"),
    [
        (Action.VOID, Action.CAPTURE, PaymentStatus.VOIDED),
        (Action.CAPTURE, Action.VOID, PaymentStatus.CAPTURED),
    ],
)
@in_virtual_time
async def test_something_else_done_elsewhere_declines_and_is_followed(tmp_path, done, asked, status):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.console(done, "1")
        result = await here.act(asked)
        assert (result.operation.state, result.operation.reason_code) == (OperationState.DECLINED, "InvalidState")
        assert result.view.payment.status is status
        await asyncio.sleep(5)
        assert here.platform.order("1").status is status


@in_virtual_time
async def test_rest_that_was_given_up_elsewhere_is_already_done(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=4_000)
        here.gateway.console(Action.VOID, "1")
        result = await here.void()
        assert result.operation.state is OperationState.ALREADY_DONE
        assert result.view.payment.status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_our_own_lost_void_is_found_as_ours(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("void", LOSE_ANSWER)
        result = await here.void()
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert await here.status() is PaymentStatus.VOIDED


@in_virtual_time
async def test_our_own_lost_refund_of_a_part_is_never_doubled(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture()
        here.gateway.faults.inject("refund", LOSE_ANSWER)
        result = await here.refund(amount_minor=4_000)
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert (await here.view()).payment.refunded_minor == 4_000
        assert len(here.gateway.effects) == 2


@in_virtual_time
async def test_refused_and_unable_to_see_why_is_unknown_until_seen(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        here.gateway.faults.inject("look_up", UNAVAILABLE)
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.ALREADY_DONE
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_refused_at_first_while_nothing_is_wrong_is_declined(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", conflict())
        result = await here.capture()
        assert result.operation.state is OperationState.DECLINED
        assert await here.offered() == {Action.CAPTURE, Action.VOID}


@in_virtual_time
async def test_repeat_refused_while_the_gateway_contradicts_itself_wants_an_operator(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", Fault(before=_lost), times=1)
        here.gateway.faults.inject("capture", conflict())
        result = await here.capture()
        odd = Snapshot(status=PaymentStatus.PENDING, currency_code="USD")
        for _ in range(3):
            here.gateway.show_next(odd)
        await asyncio.sleep(30)
        assert (await here.operation(result)).state is OperationState.NEEDS_REVIEW
        assert (await here.told()).count(EventType.ANOMALY) == 1


@in_virtual_time
async def test_repeat_refused_while_one_like_it_is_under_way_is_waited_for(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", Fault(before=_lost))
        here.gateway.faults.inject("capture", conflict())
        result = await here.capture()
        here.gateway.show_next(
            Snapshot(
                status=PaymentStatus.AUTHORIZED,
                currency_code="USD",
                authorized_minor=TOTAL,
                under_way=Action.CAPTURE,
            )
        )
        await asyncio.sleep(3)
        assert (await here.operation(result)).state is OperationState.UNKNOWN
        await asyncio.sleep(30)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


@in_virtual_time
async def test_notification_of_the_conflicting_change_comes_first_or_last_alike(tmp_path):
    ends = []
    for first in (True, False):
        (tmp_path / str(first)).mkdir()
        async with world(tmp_path / str(first)) as here:
            here.authorized()
            await here.view()
            here.gateway.console(Action.VOID, "1")
            if first:
                await here.notify()
                await asyncio.sleep(1)
            else:
                await here.capture()
                await here.notify()
            await asyncio.sleep(5)
            payment = (await here.view()).payment
            ends.append((payment.status, payment.amounts, payment.anomaly, here.platform.order("1").status))
    assert ends[0] == ends[1]


async def _lost():
    raise TimeoutError("no answer")


@pytest.mark.parametrize(
    ("captured_elsewhere", "status"),
    [(TOTAL - 4_000, PaymentStatus.PARTIALLY_REFUNDED), (0, PaymentStatus.REFUNDED)],
)
@in_virtual_time
async def test_refund_of_all_that_is_known_is_not_called_all_before_the_gateway_says_so(
    tmp_path, captured_elsewhere, status
):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=4_000)
        if captured_elsewhere:
            here.gateway.console(Action.CAPTURE, "1", captured_elsewhere)
        result = await here.refund()
        payment = result.view.payment
        assert (result.operation.state, payment.refunded_minor) == (OperationState.SUCCEEDED, 4_000)
        assert payment.status is PaymentStatus.PARTIALLY_REFUNDED
        assert {offer.action for offer in result.view.decision.offers} == {Action.REFRESH}
        await asyncio.sleep(5)
        payment = (await here.view()).payment
        assert (payment.status, payment.captured_minor, payment.anomaly) == (status, 4_000 + captured_elsewhere, "")
        assert await here.offered() == ({Action.REFUND} if captured_elsewhere else set())


@in_virtual_time
async def test_refund_of_all_that_is_known_is_looked_at_until_the_gateway_can_be_asked(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture(amount_minor=4_000)
        here.gateway.faults.inject("snapshot", UNAVAILABLE, times=3)
        await here.refund()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.PARTIALLY_REFUNDED
        await asyncio.sleep(600)
        assert await here.status() is PaymentStatus.REFUNDED


async def authorized_at(here, gateway):
    """Start an engine at that gateway, where an order is authorized."""
    here.gateway = gateway
    here.engine = here.replica()
    await here.engine.start()
    here.authorized()


async def captured_in_part_elsewhere(here, gateway):
    """Start an engine at a gateway of that kind, where somebody collects a part of an order that was seen."""
    await authorized_at(here, gateway(here.clock.now, capabilities=full_capabilities(partial=True)))
    await here.view()
    here.gateway.console(Action.CAPTURE, "1", 4_000)


class GivesUpTheRest(InMemoryGateway):
    """A gateway whose void names no amount: it gives up what is left, also after somebody collected a part."""

    def _carry_out(self, request):
        if request.action is Action.VOID:
            request = replace(request, amount_minor=self._find(request.payment).left_minor(Action.VOID, self._clock()))
        return super()._carry_out(request)


class KnowsNoVoids(InMemoryGateway):
    """A gateway whose voids carry no reference: asked about one, it tells whether any was made."""

    async def look_up(self, request):
        if request.action is not Action.VOID:
            return await super().look_up(request)
        made = [effect for effect in self.effects if effect.action is Action.VOID]
        return GatewayResult(state=ResultState.SUCCEEDED) if made else None


@in_virtual_time
async def test_void_that_was_refused_unseen_is_not_taken_for_the_one_that_somebody_else_made(tmp_path):
    async with world(tmp_path, partial=True, started=False) as here:
        await captured_in_part_elsewhere(here, KnowsNoVoids)
        here.gateway.console(Action.VOID, "1")
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        result = await here.void()
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.DECLINED
        assert await here.status() is PaymentStatus.CAPTURED


@pytest.mark.parametrize("found", ["at once", "by recovery", "though it cannot be asked at first"])
@in_virtual_time
async def test_void_of_what_somebody_had_collected_a_part_of_leaves_it_captured(tmp_path, found):
    async with world(tmp_path, partial=True, started=False) as here:
        await captured_in_part_elsewhere(here, GivesUpTheRest)
        if found == "by recovery":
            here.gateway.faults.inject("void", LOSE_ANSWER)
        if found == "though it cannot be asked at first":
            here.gateway.faults.inject("snapshot", UNAVAILABLE)
        result = await here.void()
        await asyncio.sleep(60)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        payment = (await here.view()).payment
        assert (payment.status, payment.captured_minor, payment.anomaly) == (PaymentStatus.CAPTURED, 4_000, "")


class LaggingGateway(InMemoryGateway):
    """Refuses a reference that it knows (as Amazon's DuplicateReferenceId), and shows results some seconds late."""

    lag = timedelta(seconds=10)

    def _replayed(self, known, request):
        raise StateConflict("the reference is used", reason_code="DuplicateReference")

    async def look_up(self, request):
        known = self._known(request)
        if known and self._clock() - known.time < self.lag:
            return None
        return await super().look_up(request)

    def _snapshot(self, payment):
        shown = super()._snapshot(payment)
        late = sum(
            effect.amount_minor
            for effect in self.effects_of(payment.order_id)
            if effect.action is Action.REFUND and self._clock() - effect.time < self.lag
        )
        if not late:
            return shown
        refunded = shown.refunded_minor - late
        status = PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.CAPTURED
        return replace(shown, refunded_minor=refunded, status=status, references=shown.references[:2])


@in_virtual_time
async def test_refused_repeat_that_no_snapshot_explains_is_no_decline(tmp_path):
    async with world(tmp_path, partial=True, started=False) as here:
        await authorized_at(here, LaggingGateway(here.clock.now, capabilities=full_capabilities(partial=True)))
        await here.capture()
        await asyncio.sleep(30)
        here.gateway.faults.inject("refund", LOSE_ANSWER)
        result = await here.refund(amount_minor=1_000, currency_code="USD")
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(60)
        state = (await here.operation(result)).state
        if state is OperationState.DECLINED:  # "Final, nothing moved": staff asks once more.
            await here.refund(amount_minor=1_000, currency_code="USD")
        returned = [effect.amount_minor for effect in here.gateway.effects if effect.action is Action.REFUND]
        assert (state, returned) == (OperationState.SUCCEEDED, [1_000])


class BusyGateway(InMemoryGateway):
    """Carries a capture out 14 s after it came, and refuses a repeat while it is at it. All it shows is true."""

    busy: "asyncio.Task[object] | None" = None

    async def capture(self, request):
        self.calls.append(("capture", request.reference))
        if self.busy is not None and not self.busy.done():
            raise StateConflict("a call under that reference is being worked on", reason_code="DuplicateRequest")

        async def work():
            await asyncio.sleep(14)
            return self._carry_out(request)

        self.busy = asyncio.create_task(work())
        await asyncio.sleep(10)
        raise TimeoutError("the adapter waits no longer")


@in_virtual_time
async def test_repeat_that_is_refused_while_the_first_attempt_is_worked_on_is_no_decline(tmp_path):
    async with world(tmp_path, started=False) as here:
        await authorized_at(here, BusyGateway(here.clock.now))
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(120)
        assert len(here.gateway.effects) == 1
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


class LateGateway(BusyGateway):
    """Carries a capture out just after it was looked up in vain, and refuses a repeat until then."""

    async def capture(self, request):
        if self.calls.count(("capture", request.reference)):
            raise StateConflict("the reference is known", reason_code="DuplicateReference")
        self.calls.append(("capture", request.reference))
        self.request = request
        raise TimeoutError("the adapter waits no longer")

    async def look_up(self, request):
        found = await super().look_up(request)
        if found is None and self.calls.count(("look_up", request.reference)) == 2:
            self._carry_out(self.request)
        return found


@in_virtual_time
async def test_what_our_first_attempt_did_late_is_not_taken_for_somebody_elses_doing(tmp_path):
    async with world(tmp_path, started=False) as here:
        await authorized_at(here, LateGateway(here.clock.now))
        result = await here.capture()
        await asyncio.sleep(120)
        assert len(here.gateway.effects) == 1
        assert (await here.operation(result)).state is OperationState.SUCCEEDED


class VoidsWhatIsLeft(GivesUpTheRest):
    """A gateway of that kind that refuses a void once nothing is left, whoever asks for it again."""

    def _replayed(self, known, request):
        raise StateConflict("nothing is left", reason_code="InvalidState")


@in_virtual_time
async def test_void_that_was_done_is_not_called_declined_where_a_part_had_been_captured(tmp_path):
    seeing = full_capabilities(partial=True)
    unseeing = replace(seeing, void=seeing.void._replace(lookup=False))
    async with world(tmp_path, partial=True, started=False) as here:
        await authorized_at(here, VoidsWhatIsLeft(here.clock.now, capabilities=unseeing))
        await here.view()
        here.gateway.console(Action.CAPTURE, "1", 4_000)
        here.gateway.faults.inject("void", LOSE_ANSWER)
        result = await here.void()
        await asyncio.sleep(120)
        operation = await here.operation(result)
        (voided,) = (effect for effect in here.gateway.effects if effect.action is Action.VOID)
        assert voided.reference == operation.reference
        assert operation.state is not OperationState.DECLINED
