"""What the engine relies on in a payment gateway adapter, as tests to subclass."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import uuid4

import pytest

from payment_actions_server.domain.operation import reference_of
from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins.answers import PAUSE_SECONDS_MAX
from payment_actions_server.plugins.conformance.answers import as_it_is
from payment_actions_server.plugins.conformance.harness import WHOLE_AMOUNTS, GatewayHarness
from payment_actions_server.plugins.errors import NotExecuted, NotificationRefused, StateConflict, Throttled
from payment_actions_server.plugins.gateway import (
    ActionCapability,
    GatewayCapabilities,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    Notification,
    NotificationKind,
    PaymentGateway,
    ResultState,
)
from payment_actions_server.plugins.shape import shape_problems

MOVING: Final = (Action.CAPTURE, Action.VOID, Action.REFUND)
each_action = pytest.mark.parametrize("action", MOVING)

GARBAGE: Final = {
    "empty": b"",
    "no text": b"\xff\xfe\x00\x81",
    "no JSON": b"<html>",
    "another shape": b"[]",
    "empty object": b"{}",
    "nested": b"[" * 100_000,
}


class WrongState(NamedTuple):
    """A call that the payment's state bars: what was done first, and what is then asked for."""

    first: tuple[Action, ...]
    then: Action


WRONG_STATES: Final = (
    WrongState((Action.VOID,), Action.CAPTURE),
    WrongState((Action.CAPTURE,), Action.CAPTURE),
    WrongState((Action.CAPTURE,), Action.VOID),
    WrongState((), Action.REFUND),
    WrongState((Action.VOID,), Action.REFUND),
    WrongState((Action.CAPTURE, Action.REFUND), Action.REFUND),
)


@pytest.mark.asyncio
class GatewayConformance:
    """Subclass as ``TestMyGateway`` and give it a ``harness`` fixture that returns a `GatewayHarness`."""

    @pytest.fixture
    def harness(self) -> GatewayHarness:
        """Be overridden."""
        raise NotImplementedError("give your test class a `harness` fixture; docs/plugins.md says how")

    # -- What it declares ------------------------------------------------------------------------------------

    async def test_capabilities_are_sane_and_never_change(self, harness: GatewayHarness) -> None:
        """The engine reads the capabilities once and trusts them for ever."""
        capabilities = as_it_is(GatewayCapabilities, harness.gateway.capabilities)
        assert 0 < capabilities.call_seconds_max <= 60
        assert all(capabilities.of(action).idempotency_window >= timedelta(0) for action in MOVING)
        assert not capabilities.void.partial, "a void always gives up all that is left"
        await _pay(harness, Action.CAPTURE)
        assert harness.gateway.capabilities == capabilities

    async def test_every_method_can_be_called_and_awaited(self, harness: GatewayHarness) -> None:
        """A store whose adapter has another shape is out of service: it would show only when money moves."""
        assert shape_problems(harness.gateway, PaymentGateway) == []

    async def test_secrets_never_show(self, harness: GatewayHarness) -> None:
        """What is logged or compared of an adapter tells nothing of its secrets."""
        gateway = harness.gateway
        _assert_no_secret(harness, repr(gateway), str(gateway), repr(gateway.capabilities))

    # -- Money moves once ------------------------------------------------------------------------------------

    @each_action
    async def test_action_moves_the_whole_amount_once(self, harness: GatewayHarness, action: Action) -> None:
        """One call, one effect, of exactly the amount that was asked for."""
        request = await _ready(harness, action)
        result = await _finish(harness, request, await _call(harness, request))
        assert result.state is ResultState.SUCCEEDED
        assert _moved(harness, request) == [0 if action is Action.VOID else request.amount_minor]

    @each_action
    async def test_repeat_under_the_same_reference_is_one_effect(self, harness: GatewayHarness, action: Action) -> None:
        """A repeat answers with what became of the first attempt, or says that the payment moved on."""
        request = await _ready(harness, action)
        await _finish(harness, request, await _call(harness, request))
        if _repeatable(harness, action):
            answer = await _attempt(harness, request)
            assert isinstance(answer, StateConflict) or _not_declined(answer), answer
        assert len(_moved(harness, request)) == 1

    @each_action
    async def test_simultaneous_repeat_is_one_effect(self, harness: GatewayHarness, action: Action) -> None:
        """Two replicas that both believe to own an operation send it twice at once."""
        request = await _ready(harness, action)
        attempts = 2 if _repeatable(harness, action) else 1
        await asyncio.gather(*(_attempt(harness, request) for _ in range(attempts)))
        await harness.settle()
        assert len(_moved(harness, request)) == 1

    @each_action
    async def test_lost_answer_moves_money_once(self, harness: GatewayHarness, action: Action) -> None:
        """Without an answer the adapter claims neither that nothing happened nor that it was refused."""
        request = await _ready(harness, action)
        await harness.lose_next_answer(action)
        answer = await _attempt(harness, request)
        assert not isinstance(answer, (NotExecuted, StateConflict)), f"it did happen: {answer!r}"
        assert isinstance(answer, Exception) or _not_declined(answer)
        if not _capability(harness, action).lookup and _repeatable(harness, action):
            await _attempt(harness, request)
        await harness.settle()
        assert (await _found_out(harness, request)).state is ResultState.SUCCEEDED
        assert len(_moved(harness, request)) == 1

    @each_action
    async def test_lost_request_leaves_no_trace_and_can_be_repeated(
        self, harness: GatewayHarness, action: Action
    ) -> None:
        """What never arrived is looked up as None, and happens when it is sent again under its reference."""
        request = await _ready(harness, action)
        await harness.lose_next_request(action)
        answer = await _attempt(harness, request)
        assert not isinstance(answer, StateConflict), "the gateway was never asked"
        if isinstance(answer, Exception):
            assert _moved(harness, request) == []
            await _assert_repeat_acts(harness, request)
        else:
            assert (await _finish(harness, request, answer)).state is ResultState.SUCCEEDED
            assert len(_moved(harness, request)) == 1

    @each_action
    async def test_throttled_call_moves_nothing(self, harness: GatewayHarness, action: Action) -> None:
        """A refusal for quota says when to come back, and is certain."""
        request = await _ready(harness, action)
        await harness.throttle_next(action)
        answer = await _attempt(harness, request)
        if isinstance(answer, GatewayResult):  # The adapter waited and sent it again by itself.
            await _finish(harness, request, answer)
            assert len(_moved(harness, request)) == 1
            return
        assert isinstance(answer, Throttled), repr(answer)
        assert 0 < answer.retry_after_seconds <= PAUSE_SECONDS_MAX
        assert _moved(harness, request) == []
        await _assert_repeat_acts(harness, request)

    @each_action
    async def test_gateway_that_is_down_moves_nothing(self, harness: GatewayHarness, action: Action) -> None:
        """Nothing happens while the gateway is down, and the very same call works when it is back."""
        request = await _ready(harness, action)
        await harness.go_down()
        answer = await _attempt(harness, request)
        with pytest.raises(NotExecuted) as not_asked:
            await harness.gateway.snapshot(request.payment)
        await harness.come_back()
        assert isinstance(answer, Exception), answer
        assert not isinstance(answer, StateConflict), "nobody can have refused"
        assert _moved(harness, request) == []
        _assert_no_secret(harness, str(answer), repr(answer), str(not_asked.value))
        await _assert_repeat_acts(harness, request)

    # -- Results ---------------------------------------------------------------------------------------------

    @each_action
    async def test_decline_is_a_result_not_an_error(self, harness: GatewayHarness, action: Action) -> None:
        """A decline is returned, never raised, and stays what it is when looked up."""
        request = await _ready(harness, action)
        if not await harness.decline_next(action):
            return  # This gateway never declines it: there is nothing to hold it to.
        result = await _finish(harness, request, await _call(harness, request))
        assert result.state is ResultState.DECLINED
        assert result.reason_code or result.message, "staff is told why"
        assert _moved(harness, request) == []
        snapshot = await _snapshot(harness, request.payment)
        assert _done_minor(snapshot, request) == 0

    @each_action
    async def test_pending_is_no_fact_until_settled(self, harness: GatewayHarness, action: Action) -> None:
        """Until then amounts and status stay; afterwards the snapshot and the reference tell."""
        request = await _ready(harness, action)
        before = await _snapshot(harness, request.payment)
        await harness.pend_next(action)
        result = await _call(harness, request)
        if result.state is ResultState.PENDING:
            during = await _snapshot(harness, request.payment)
            assert (during.status, _amounts(during)) == (before.status, _amounts(before))
            assert during.under_way is action
        assert (await _finish(harness, request, result)).state is ResultState.SUCCEEDED
        after = await _snapshot(harness, request.payment)
        assert after.under_way is None
        assert _done_minor(after, request) == request.amount_minor

    @pytest.mark.parametrize("case", WRONG_STATES, ids=lambda case: "-".join([*case.first, "then", case.then]).lower())
    async def test_call_in_wrong_state_is_a_conflict(self, harness: GatewayHarness, case: WrongState) -> None:
        """A refusal for the payment's state says so: the engine then looks what is true."""
        payment = await _pay(harness, *case.first)
        request = _request(payment, case.then)
        before = [tuple(effect) for effect in harness.effects(payment)]
        answer = await _attempt(harness, request)
        if isinstance(answer, GatewayResult):
            answer = await _finish(harness, request, answer)
            assert answer.state is ResultState.DECLINED, answer
        else:
            assert isinstance(answer, StateConflict), f"neither a conflict nor a decline: {answer!r}"
        assert [tuple(effect) for effect in harness.effects(payment)] == before

    @each_action
    async def test_unknown_reference_looks_up_as_none(self, harness: GatewayHarness, action: Action) -> None:
        """A reference that the gateway never heard of is neither an error nor somebody else's result."""
        request = await _ready(harness, action)
        if _capability(harness, action).lookup:
            assert await harness.gateway.look_up(request) is None
        assert _moved(harness, request) == []

    @pytest.mark.parametrize("action", [Action.CAPTURE, Action.REFUND])
    async def test_parts_add_up_where_partial_amounts_are_declared(
        self, harness: GatewayHarness, action: Action
    ) -> None:
        """Two parts under two references are two effects, and the snapshot adds them."""
        whole = await _ready(harness, action)
        if not _capability(harness, action).partial:
            return  # The engine never asks this adapter for a part.
        first = replace(whole, amount_minor=1_000)
        rest = replace(whole, reference=_new_reference(), amount_minor=whole.amount_minor - 1_000)
        for part, status, done in (
            (first, _PARTLY[action], 1_000),
            (rest, _REACHED[action], whole.amount_minor),
        ):
            result = await _finish(harness, part, await _call(harness, part))
            snapshot = await _snapshot(harness, part.payment)
            assert (result.state, snapshot.status) == (ResultState.SUCCEEDED, status)
            assert _done_minor(snapshot, part) == done
        assert _moved(harness, whole) == [1_000, whole.amount_minor - 1_000]

    # -- The truth -------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("currency_code", WHOLE_AMOUNTS)
    async def test_snapshots_tell_the_exact_truth_through_a_life(
        self, harness: GatewayHarness, currency_code: str
    ) -> None:
        """Authorized, captured, refunded: status and amounts fit at every step, in every currency."""
        if currency_code not in harness.currency_codes:
            return  # The account does not take it.
        whole = WHOLE_AMOUNTS[currency_code]
        payment = await harness.authorized_payment(whole, currency_code)
        for action, status, amounts in (
            (None, PaymentStatus.AUTHORIZED, (whole, 0, 0)),
            (Action.CAPTURE, PaymentStatus.CAPTURED, (whole, whole, 0)),
            (Action.REFUND, PaymentStatus.REFUNDED, (whole, whole, whole)),
        ):
            payment = payment if action is None else await _act(harness, payment, action)
            snapshot = await _snapshot(harness, payment)
            assert (snapshot.status, _amounts(snapshot)) == (status, amounts)
            assert snapshot.currency_code == currency_code
            assert snapshot.under_way is None

    async def test_snapshot_of_a_voided_payment_says_so(self, harness: GatewayHarness) -> None:
        """A void is no decline and no expiry, and nothing was collected."""
        snapshot = await _snapshot(harness, await _pay(harness, Action.VOID))
        assert (snapshot.status, snapshot.captured_minor) == (PaymentStatus.VOIDED, 0)

    @each_action
    async def test_change_made_at_the_console_shows(self, harness: GatewayHarness, action: Action) -> None:
        """What somebody did past this service is in the snapshot, and bars doing it again."""
        request = await _ready(harness, action)
        await harness.console(action, request.payment)
        assert (await _snapshot(harness, request.payment)).status is _REACHED[action]
        answer = await _attempt(harness, request)
        if isinstance(answer, GatewayResult) and action is not Action.VOID:  # Voiding what is void is done already.
            assert (await _finish(harness, request, answer)).state is ResultState.DECLINED
        assert len(_moved(harness, request)) == 1

    # -- Notifications ---------------------------------------------------------------------------------------

    @each_action
    async def test_genuine_notification_names_its_payment(self, harness: GatewayHarness, action: Action) -> None:
        """It is verified, leads to the payment by an id we know, and keeps its id when redelivered."""
        request = await _ready(harness, action)
        await _finish(harness, request, await _call(harness, request))
        delivery = await harness.notification_about(request.payment)
        verified = [await harness.gateway.verify_notification(delivery.headers, delivery.body) for _ in range(2)]
        first, again = [as_it_is(Notification, notification) for notification in verified]
        snapshot = await _snapshot(harness, request.payment)
        known = {request.reference} | {value for _, value in request.payment.references + snapshot.references}
        assert first == again
        assert first.kind is NotificationKind.CHANGE
        assert known & set(first.identifiers) or first.order_id == request.payment.order_id

    async def test_forged_notifications_are_refused(self, harness: GatewayHarness) -> None:
        """Unsigned, altered, foreign: each is refused for good, with a word to count it by."""
        payment = await _pay(harness, Action.CAPTURE)
        forged = await harness.forged_notifications(payment)
        assert {"unsigned", "altered", "foreign"} <= set(forged)
        for delivery in forged.values():
            with pytest.raises(NotificationRefused) as refused:
                await harness.gateway.verify_notification(delivery.headers, delivery.body)
            assert refused.value.kind

    @pytest.mark.parametrize("body", GARBAGE.values(), ids=[name.replace(" ", "-") for name in GARBAGE])
    async def test_garbage_is_refused_as_a_notification(self, harness: GatewayHarness, body: bytes) -> None:
        """The port is open to the world: whatever arrives is refused, nothing breaks the adapter."""
        genuine = await harness.notification_about(await _pay(harness, Action.CAPTURE))
        for headers in (genuine.headers, {}):
            with pytest.raises(NotificationRefused):
                await harness.gateway.verify_notification(headers, body)


_PARTLY: Final = {
    Action.CAPTURE: PaymentStatus.PARTIALLY_CAPTURED,
    Action.REFUND: PaymentStatus.PARTIALLY_REFUNDED,
}
_REACHED: Final = {
    Action.CAPTURE: PaymentStatus.CAPTURED,
    Action.VOID: PaymentStatus.VOIDED,
    Action.REFUND: PaymentStatus.REFUNDED,
}


# -- Steps: what the engine would do -------------------------------------------------------------------------


async def _ready(harness: GatewayHarness, action: Action) -> GatewayRequest:
    """Return a request for the whole of ``action``, on a payment whose state offers it."""
    before = (Action.CAPTURE,) if action is Action.REFUND else ()
    return _request(await _pay(harness, *before), action)


async def _pay(harness: GatewayHarness, *actions: Action) -> GatewayPayment:
    """Return a new payment, authorized, on which ``actions`` have been carried out."""
    currency_code = harness.currency_codes[0]
    payment = await harness.authorized_payment(WHOLE_AMOUNTS[currency_code], currency_code)
    payment = _with(payment, (await _snapshot(harness, payment)).references)
    for action in actions:
        payment = await _act(harness, payment, action)
    return payment


async def _act(harness: GatewayHarness, payment: GatewayPayment, action: Action) -> GatewayPayment:
    request = _request(payment, action)
    result = await _finish(harness, request, await _call(harness, request))
    assert result.state is ResultState.SUCCEEDED, f"{action} did not succeed: {result}"
    named = (GatewayReference(action.lower(), result.gateway_id),) if result.gateway_id else ()
    return _with(payment, named + (await _snapshot(harness, payment)).references)


def _with(payment: GatewayPayment, references: tuple[GatewayReference, ...]) -> GatewayPayment:
    return replace(payment, references=tuple(dict.fromkeys(payment.references + references)))


def _request(payment: GatewayPayment, action: Action) -> GatewayRequest:
    return GatewayRequest(
        action=action,
        payment=payment,
        reference=_new_reference(),
        amount_minor=payment.order_total_minor,
        currency_code=payment.currency_code,
    )


def _new_reference() -> str:
    return reference_of(uuid4().hex[:26])


async def _call(harness: GatewayHarness, request: GatewayRequest) -> GatewayResult:
    return as_it_is(GatewayResult, await _send(harness, request))


async def _send(harness: GatewayHarness, request: GatewayRequest) -> GatewayResult:
    """Send ``request``; it must be answered within the time that the adapter declares."""
    calls: dict[Action, Callable[[GatewayRequest], Awaitable[GatewayResult]]] = {
        Action.CAPTURE: harness.gateway.capture,
        Action.VOID: harness.gateway.void,
        Action.REFUND: harness.gateway.refund,
    }
    bound = asyncio.timeout(harness.gateway.capabilities.call_seconds_max)
    try:
        async with bound:
            return await calls[request.action](request)
    except TimeoutError:
        if bound.expired():
            pytest.fail(f"{request.action} took longer than call_seconds_max")
        raise


async def _attempt(harness: GatewayHarness, request: GatewayRequest) -> GatewayResult | Exception:
    answer: GatewayResult | Exception
    try:
        answer = await _send(harness, request)
    except Exception as error:  # noqa: BLE001 - an adapter may raise anything; the test judges what
        answer = error
    if isinstance(answer, (NotExecuted, StateConflict)):
        assert isinstance(answer.reason_code, str), repr(answer.reason_code)
    return answer if isinstance(answer, Exception) else as_it_is(GatewayResult, answer)


async def _finish(harness: GatewayHarness, request: GatewayRequest, result: GatewayResult) -> GatewayResult:
    """Return the final result: what is pending is settled, then found out as the engine does."""
    if result.state is not ResultState.PENDING:
        return result
    await harness.settle()
    return await _found_out(harness, replace(request, gateway_id=result.gateway_id))


async def _found_out(harness: GatewayHarness, request: GatewayRequest) -> GatewayResult:
    """Return what became of the reference: looked up where that is declared, else by the snapshot."""
    if _capability(harness, request.action).lookup:
        found = await harness.gateway.look_up(request)
        assert found is not None, f"{request.reference} happened and cannot be looked up"
        return as_it_is(GatewayResult, found)
    snapshot = await _snapshot(harness, request.payment)
    done = _done_minor(snapshot, request) >= request.amount_minor
    return GatewayResult(state=ResultState.SUCCEEDED if done else ResultState.DECLINED, message="by the snapshot")


async def _assert_repeat_acts(harness: GatewayHarness, request: GatewayRequest) -> None:
    """Nothing happened so far: there is no trace, and a repeat under the same reference is the one effect."""
    if _capability(harness, request.action).lookup:
        assert await harness.gateway.look_up(request) is None
    if not _repeatable(harness, request.action):
        return
    result = await _finish(harness, request, await _call(harness, request))
    assert result.state is ResultState.SUCCEEDED
    assert len(_moved(harness, request)) == 1


async def _snapshot(harness: GatewayHarness, payment: GatewayPayment) -> Snapshot:
    snapshot = as_it_is(Snapshot, await harness.gateway.snapshot(payment))
    assert snapshot.problem() is None
    return snapshot


def _capability(harness: GatewayHarness, action: Action) -> ActionCapability:
    return harness.gateway.capabilities.of(action)


def _repeatable(harness: GatewayHarness, action: Action) -> bool:
    return _capability(harness, action).idempotency_window > timedelta(0)


def _not_declined(answer: GatewayResult | Exception) -> bool:
    return isinstance(answer, GatewayResult) and answer.state is not ResultState.DECLINED


def _moved(harness: GatewayHarness, request: GatewayRequest) -> list[int]:
    """Return the amounts that really moved by such an action; 0 stands for a void, which moves none."""
    return [
        0 if effect.action is Action.VOID else effect.amount_minor
        for effect in harness.effects(request.payment)
        if effect.action is request.action
    ]


def _done_minor(snapshot: Snapshot, request: GatewayRequest) -> int:
    """Return how much of what ``request`` wants is so; a void is all or nothing."""
    if request.action is Action.VOID:
        return request.amount_minor if snapshot.status is PaymentStatus.VOIDED else 0
    return snapshot.captured_minor if request.action is Action.CAPTURE else snapshot.refunded_minor


def _amounts(snapshot: Snapshot) -> tuple[int, int, int]:
    return snapshot.authorized_minor, snapshot.captured_minor, snapshot.refunded_minor


def _assert_no_secret(harness: GatewayHarness, *texts: str) -> None:
    assert not [text for text in texts for secret in harness.secrets if secret in text]
