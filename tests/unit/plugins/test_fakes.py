"""What the fakes do beyond the kit: the strictness and the faults that the engine's tests lean on."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payment_actions_server.plugins import (
    Action,
    GatewayPayment,
    GatewayRequest,
    NotExecuted,
    NotificationRefused,
    PaymentStatus,
    ResultState,
    StateConflict,
    StatusUpdate,
    Unavailable,
)
from payment_actions_server.plugins.fakes import (
    COMPLETED,
    HANG,
    HANG_AFTER,
    LOSE_ANSWER,
    LOSE_REQUEST,
    AnswerLost,
    InMemoryGateway,
    InMemoryPlatform,
    full_capabilities,
    slow,
    slow_answer,
)


class Clock:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def gateway(clock):
    gateway = InMemoryGateway(clock, capabilities=full_capabilities(partial=True))
    gateway.authorize("1", 12_990)
    return gateway


@pytest.fixture
def platform(clock):
    return InMemoryPlatform(clock)


def request(action=Action.CAPTURE, reference="pa-1", amount_minor=12_990, **changes) -> GatewayRequest:
    payment = GatewayPayment(
        store="shop", order_id="1", order_number="#1", currency_code="USD", order_total_minor=12_990, references=()
    )
    return replace(
        GatewayRequest(
            action=action, payment=payment, reference=reference, amount_minor=amount_minor, currency_code="USD"
        ),
        **changes,
    )


def update(order_id: str, status: PaymentStatus) -> StatusUpdate:
    return StatusUpdate(
        order_id=order_id, status=status, currency_code="USD", authorized_minor=0, captured_minor=0, refunded_minor=0
    )


# -- Strictness -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"amount_minor": 1_000}, {"action": Action.VOID}], ids=["amount", "action"])
async def test_reference_with_other_parameters_is_a_conflict(gateway, other):
    await gateway.capture(request())
    again = request(**other)
    with pytest.raises(StateConflict) as conflict:
        await (gateway.void(again) if again.action is Action.VOID else gateway.capture(again))
    assert conflict.value.reason_code == "ReferenceReused"
    assert len(gateway.effects) == 1


async def test_reference_is_forgotten_when_its_window_is_over(gateway, clock):
    await gateway.capture(request(amount_minor=4_000))
    clock.now += timedelta(days=7) - timedelta(microseconds=1)
    await gateway.capture(request(amount_minor=4_000))
    assert len(gateway.effects) == 1
    clock.now += timedelta(microseconds=1)
    await gateway.capture(request(amount_minor=4_000))
    assert len(gateway.effects) == 2, "this is why the engine never repeats a call after the window"


async def test_part_is_refused_where_it_is_not_declared(clock):
    gateway = InMemoryGateway(clock)
    gateway.authorize("1", 12_990)
    with pytest.raises(NotExecuted) as refused:
        await gateway.capture(request(amount_minor=1_000))
    assert (refused.value.reason_code, gateway.effects) == ("PartialAmount", [])


@pytest.mark.parametrize("amount_minor", [0, -1, 12_991])
async def test_amount_that_is_not_there_is_a_conflict(gateway, amount_minor):
    with pytest.raises(StateConflict):
        await gateway.capture(request(amount_minor=amount_minor))
    assert gateway.effects == []


async def test_other_currency_is_refused(gateway):
    with pytest.raises(NotExecuted):
        await gateway.capture(request(currency_code="EUR"))


async def test_authorization_runs_out(gateway, clock):
    gateway.authorize("1", expire_time=clock.now + timedelta(days=30))
    assert (await gateway.snapshot(request().payment)).status is PaymentStatus.AUTHORIZED
    clock.now += timedelta(days=30)
    assert (await gateway.snapshot(request().payment)).status is PaymentStatus.EXPIRED
    with pytest.raises(StateConflict):
        await gateway.capture(request())


async def test_authorization_has_no_result_at_first_and_then_one(gateway):
    gateway.place("2", 5_000, "JPY")
    payment = replace(request().payment, order_id="2")
    assert (await gateway.snapshot(payment)).status is PaymentStatus.PENDING
    gateway.close("2", PaymentStatus.DECLINED, "AmazonRejected")
    snapshot = await gateway.snapshot(payment)
    assert (snapshot.status, snapshot.reason_code) == (PaymentStatus.DECLINED, "AmazonRejected")


async def test_rest_can_be_voided_after_a_part_is_captured(gateway):
    await gateway.capture(request(amount_minor=4_000))
    assert (await gateway.snapshot(request().payment)).status is PaymentStatus.PARTIALLY_CAPTURED
    await gateway.void(request(Action.VOID, "pa-2", 8_990))
    snapshot = await gateway.snapshot(request().payment)
    assert (snapshot.status, snapshot.captured_minor) == (PaymentStatus.CAPTURED, 4_000)


async def test_unknown_payment_is_not_found(gateway):
    with pytest.raises(NotExecuted) as missing:
        await gateway.snapshot(replace(request().payment, order_id="2"))
    assert missing.value.reason_code == "NotFound"


async def test_pending_call_that_the_console_overtook_is_declined(gateway):
    gateway.pend_next(Action.CAPTURE)
    assert (await gateway.capture(request())).state is ResultState.PENDING
    gateway.console(Action.VOID, "1")
    gateway.finish("pa-1")
    result = await gateway.look_up(request())
    assert (result.state, result.reason_code) == (ResultState.DECLINED, "NoLongerPossible")
    assert [effect.action for effect in gateway.effects] == [Action.VOID]


async def test_other_call_while_one_is_pending_is_a_conflict(gateway):
    gateway.pend_next(Action.CAPTURE)
    await gateway.capture(request())
    with pytest.raises(StateConflict) as conflict:
        await gateway.void(request(Action.VOID, "pa-2"))
    assert conflict.value.reason_code == "Pending"


async def test_pending_call_can_be_declined(gateway):
    gateway.pending.add(Action.CAPTURE)
    await gateway.capture(request())
    assert gateway.pending_references() == gateway.pending_references("1") == ["pa-1"]
    gateway.decline("pa-1", "AmazonRejected")
    assert (await gateway.capture(request())).reason_code == "AmazonRejected"
    assert gateway.effects == []


async def test_snapshot_can_be_made_to_lie_once(gateway):
    truth = await gateway.snapshot(request().payment)
    lie = replace(truth, status=PaymentStatus.VOIDED)
    gateway.show_next(lie)
    assert await gateway.snapshot(request().payment) == lie
    assert await gateway.snapshot(request().payment) == truth


async def test_look_up_that_was_not_declared_is_a_mistake_of_the_caller(clock):
    capabilities = full_capabilities()
    gateway = InMemoryGateway(clock, capabilities=replace(capabilities, void=capabilities.void._replace(lookup=False)))
    with pytest.raises(AssertionError):
        await gateway.look_up(request(Action.VOID))


async def test_effects_and_calls_tell_what_happened_and_what_was_tried(gateway, clock):
    gateway.faults.inject("capture", LOSE_REQUEST)
    with pytest.raises(AnswerLost):
        await gateway.capture(request())
    await gateway.capture(request())
    assert gateway.calls == [("capture", "pa-1"), ("capture", "pa-1")]
    assert gateway.effects == [("1", Action.CAPTURE, "pa-1", 12_990, clock.now)]


@pytest.mark.parametrize("account", ["foreign", "in-memory"])
async def test_notification_is_for_one_account(gateway, account):
    headers, body = gateway.make_notification("1", account=account, message_id="M")
    if account == "foreign":
        with pytest.raises(NotificationRefused) as refused:
            await gateway.verify_notification(headers, body)
        assert refused.value.kind == "account"
    else:
        assert (await gateway.verify_notification(headers, body)).message_id == "M"


# -- Faults -----------------------------------------------------------------------------------------------------------


async def test_faults_come_in_the_order_injected_and_then_none(gateway):
    gateway.faults.inject("capture", LOSE_REQUEST, times=2)
    gateway.faults.inject("capture", LOSE_ANSWER)
    for effects in (0, 0, 1):
        with pytest.raises(AnswerLost):
            await gateway.capture(request())
        assert len(gateway.effects) == effects
    assert (await gateway.capture(request())).state is ResultState.SUCCEEDED
    assert len(gateway.effects) == 1


async def test_refusal_can_get_lost_too(gateway):
    gateway.console(Action.VOID, "1")
    gateway.faults.inject("capture", LOSE_ANSWER)
    with pytest.raises(AnswerLost):
        await gateway.capture(request())


def test_fault_of_a_call_that_does_not_exist_is_a_mistake(gateway):
    with pytest.raises(KeyError):
        gateway.faults.inject("captur", LOSE_ANSWER)


async def test_read_without_an_answer_was_simply_not_made(gateway):
    for call in ("snapshot", "look_up"):
        gateway.faults.inject(call, LOSE_ANSWER)
    with pytest.raises(Unavailable):
        await gateway.snapshot(request().payment)
    with pytest.raises(Unavailable):
        await gateway.look_up(request())


@pytest.mark.parametrize(("fault", "effects"), [(HANG, 0), (HANG_AFTER, 1)])
async def test_call_that_hangs_ends_when_the_caller_gives_up(gateway, fault, effects):
    gateway.faults.inject("capture", fault)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gateway.capture(request()), 0.01)
    assert len(gateway.effects) == effects


@pytest.mark.parametrize(("fault", "effects"), [(slow, 0), (slow_answer, 1)])
async def test_slow_call_waits_for_what_the_test_says(gateway, fault, effects):
    go = asyncio.Event()
    gateway.faults.inject("capture", fault(go.wait))
    call = asyncio.create_task(gateway.capture(request()))
    await asyncio.sleep(0)
    assert len(gateway.effects) == effects
    go.set()
    assert (await call).state is ResultState.SUCCEEDED


async def test_simulation_chooses_faults_for_what_was_not_injected(gateway):
    asked = []
    gateway.faults.choose = lambda call: asked.append(call) or (LOSE_REQUEST if call == "capture" else None)
    gateway.faults.inject("capture", LOSE_ANSWER)
    for _ in range(2):
        with pytest.raises(AnswerLost):
            await gateway.capture(request())
    await gateway.snapshot(request().payment)
    assert asked == ["capture", "snapshot"]


# -- The platform -----------------------------------------------------------------------------------------------------


async def test_status_is_written_unless_what_is_held_lies_ahead(platform, clock):
    """A status beside ours (cancelled by hand, captured in truth) is no step back: the gateway's truth is written."""
    platform.place("1", status=PaymentStatus.VOIDED)
    assert (await platform.apply_status(update("1", PaymentStatus.AUTHORIZED)))[:2] == ("Voided", False)
    assert (await platform.apply_status(update("1", PaymentStatus.CAPTURED)))[:2] == ("Paid", True)
    assert platform.writes == [("1", PaymentStatus.CAPTURED, "Paid", clock.now)]


async def test_word_of_staff_is_kept(platform):
    platform.place("1", status=PaymentStatus.CAPTURED)
    platform.change("1", platform_status=COMPLETED)
    assert (await platform.apply_status(update("1", PaymentStatus.CAPTURED)))[:2] == (COMPLETED, False)


async def test_changed_order_is_listed_anew(platform, clock):
    for order_id in ("1", "2", "3"):
        platform.place(order_id)
        clock.now += timedelta(seconds=1)
    platform.change("1", total_minor=9_990)
    first = await platform.list_orders(changed_after=None, page_token="", page_size=2)
    last = await platform.list_orders(changed_after=None, page_token=first.next_page_token, page_size=2)
    assert [order.order_id for order in (*first.orders, *last.orders)] == ["2", "3", "1"]
    assert last.next_page_token == ""


async def test_orders_of_one_time_are_all_listed(platform):
    for number in range(12):
        platform.place(str(number))
    page = await platform.list_orders(changed_after=None, page_token="", page_size=5)
    rest = await platform.list_orders(changed_after=None, page_token=page.next_page_token, page_size=20)
    assert len({order.order_id for order in (*page.orders, *rest.orders)}) == 12


async def test_closing_is_noted(gateway, platform):
    await gateway.aclose()
    await platform.aclose()
    assert (gateway.closed, platform.closed) == (True, True)
