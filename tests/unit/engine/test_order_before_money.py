"""Before money moves the order is read again: it may be another than the one that was authorized."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, TOTAL, world

from payment_actions_server.domain.errors import (
    ActionNotAvailable,
    ErrorReason,
    GatewayUnavailable,
    NotOurPaymentMethod,
    OrderCancelled,
    OrderChanged,
    OrderTotalInvalid,
    PlatformUnavailable,
)
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import OrderCheck, OrderState
from payment_actions_server.engine import EnginePolicy, PaymentQuery
from payment_actions_server.plugins import Action, GatewayReference, OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import HANG, UNAVAILABLE

MONEY = ("capture", "void", "refund")


def reads(here):
    return [order_id for call, order_id in here.platform.calls if call == "read_order"]


def refused(view, action):
    """Return the reason and message with which an action is refused."""
    return next((each.reason, each.message) for each in view.decision.refusals if each.action is action)


def cancel(here):
    here.platform.cancel("1")


def delete(here):
    here.platform.remove("1")


def reprice(here):
    here.platform.change("1", total_minor=9_000)


def move_to_another_method(here):
    here.platform.change("1", method_code="phone", method_name="Phone Ordering")


def move_to_another_currency(here):
    here.platform.change("1", currency_code="EUR")


def make_total_invalid(here):
    here.platform.change("1", total_minor=None, total_text="129.905 USD")


CHANGES = {
    cancel: (OrderCancelled, OrderState.CANCELLED, "closed the order; its status there is Cancelled"),
    delete: (OrderCancelled, OrderState.DELETED, "no such order any more"),
    reprice: (OrderChanged, OrderState.PLACED, "The order's total is 90.00 USD, but 129.90 USD is authorized"),
    move_to_another_method: (OrderChanged, OrderState.OTHER_METHOD, "to be paid by Phone Ordering now"),
    move_to_another_currency: (OrderChanged, OrderState.OTHER_CURRENCY, "in EUR now, and its authorization in USD"),
    make_total_invalid: (OrderTotalInvalid, OrderState.TOTAL_INVALID, "129.905 USD, is no amount"),
}
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


# -- Capture ----------------------------------------------------------------------------------------------------------


@every_change
@in_virtual_time
async def test_order_that_changed_a_moment_ago_is_not_captured(tmp_path, change):
    error, state, words = CHANGES[change]
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        change(here)
        with pytest.raises(error, match=words):
            await here.capture()
        assert here.asked(*MONEY) == []
        assert EventType.OPERATION_STARTED not in await here.told()
        view = await here.view()
        assert view.payment.order_state is state
        assert refused(view, Action.CAPTURE)[0] is error.reason
        assert words in refused(view, Action.CAPTURE)[1]


@every_change
@in_virtual_time
async def test_order_that_may_not_be_captured_can_be_voided(tmp_path, change):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        change(here)
        with pytest.raises((OrderCancelled, OrderChanged, OrderTotalInvalid)):
            await here.capture()
        assert await here.offered() == {Action.VOID}
        assert (await here.void()).operation.state is OperationState.SUCCEEDED
        assert (await here.view()).payment.order_state is OrderState.PLACED, "it bars nothing any more"


@pytest.mark.parametrize("change", [cancel, delete], ids=lambda change: change.__name__)
@in_virtual_time
async def test_void_is_the_advice_for_an_order_that_is_gone(tmp_path, change):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        change(here)
        await here.refresh()
        offer = next(offer for offer in (await here.view()).decision.offers if offer.action is Action.VOID)
        assert "This is the advice" in offer.effect


@in_virtual_time
async def test_status_that_the_shop_is_shown_to_hold_is_that_of_the_cancelled_order(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        cancel(here)
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert (await here.view()).store_update.platform_status == "Cancelled"


@in_virtual_time
async def test_refused_capture_is_told_even_to_a_caller_with_an_etag(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        etag = (await here.view()).payment.etag
        cancel(here)
        with pytest.raises(OrderCancelled):
            await here.capture(etag=etag)


@in_virtual_time
async def test_capture_of_an_order_that_was_set_right_again_goes_on(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        cancel(here)
        await here.refresh()
        here.platform.change("1", status=PaymentStatus.AUTHORIZED, platform_status="Authorized", cancelled=False)
        assert (await here.capture()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_cheaper_order_is_captured_for_its_new_total_once_the_caller_can_have_seen_it(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.view()
        reprice(here)
        with pytest.raises(OrderChanged, match=r"its total was 129\.90 USD and is 90\.00 USD.*Read the payment again"):
            await here.capture()
        assert here.asked(*MONEY) == []
        result = await here.capture()
        assert (result.operation.state, result.operation.amount_minor) == (OperationState.SUCCEEDED, 9_000)


@pytest.mark.parametrize("fault", [UNAVAILABLE, HANG])
@pytest.mark.parametrize("action", [Action.CAPTURE, Action.REFUND])
@in_virtual_time
async def test_nothing_moves_while_the_shop_cannot_be_asked(tmp_path, fault, action):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        if action is Action.REFUND:
            await here.capture()
        moved = here.asked(*MONEY)
        here.platform.faults.inject("read_order", fault)
        with pytest.raises(PlatformUnavailable):
            await here.act(action)
        assert here.asked(*MONEY) == moved
        assert (await here.view()).operation is None
        assert (await here.act(action)).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_void_needs_no_shop(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.platform.faults.down = True
        assert (await here.void()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_repeated_request_is_answered_without_the_shop(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        first = await here.capture(request_id="one")
        cancel(here)
        here.platform.faults.down = True
        again = await here.capture(request_id="one")
        assert again.operation.operation_id == first.operation.operation_id


@pytest.mark.parametrize("shop", ["slow", "down"])
@in_virtual_time
async def test_request_that_another_replica_began_meanwhile_is_answered_with_its_operation(tmp_path, shop):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        other, read_order = here.replica(), here.platform.read_order

        async def late(order_id):
            await asyncio.sleep(5)
            if shop == "down":
                raise ConnectionError("no answer")
            return await read_order(order_id)

        here.platform.read_order = late
        waiting = asyncio.ensure_future(here.capture(request_id="one", engine=other))
        await asyncio.sleep(1)
        here.platform.read_order = read_order
        first = await here.capture(request_id="one")
        assert (await waiting).operation.operation_id == first.operation.operation_id
        assert here.asked("capture") == [first.operation.reference]


@in_virtual_time
async def test_action_that_is_refused_anyhow_does_not_ask_the_shop(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        before = reads(here)
        with pytest.raises(ActionNotAvailable):
            await here.capture()
        assert reads(here) == before


@in_virtual_time
async def test_store_that_trusts_its_lists_does_not_read_the_order_again(tmp_path):
    async with world(tmp_path, order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await here.view()
        before = reads(here)
        cancel(here)
        assert (await here.capture()).operation.state is OperationState.SUCCEEDED
        assert reads(here) == before


@in_virtual_time
async def test_order_whose_record_changes_between_reading_and_intent_is_read_again(tmp_path):
    """A scheduled look finds the cancellation after the capture has read the order, and before its intent."""
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        read_order, began = here.platform.read_order, []

        async def cancelled_meanwhile(order_id):
            order = await read_order(order_id)
            if not began:
                began.append(order_id)
                cancel(here)
                await here.refresh()
            return order

        here.platform.read_order = cancelled_meanwhile
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert here.asked(*MONEY) == []


@in_virtual_time
async def test_dry_run_shows_the_order_as_it_is_recorded(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        before = reads(here)
        offer, _ = await here.engine.preview(ActionRequest(STORE, "1", Action.CAPTURE, "dry"))
        assert (offer.amount_minor, reads(here)) == (TOTAL, before)


# -- Refund -----------------------------------------------------------------------------------------------------------


@every_change
@in_virtual_time
async def test_order_is_refunded_whatever_became_of_it(tmp_path, change):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(1)
        change(here)
        assert (await here.refund()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_refund_that_the_shop_shows_and_we_do_not_know_is_looked_for_first(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1")
        here.platform.change("1", refunded_minor=TOTAL)
        with pytest.raises(ActionNotAvailable, match="REFUNDED"):
            await here.refund()
        assert here.asked("refund") == []
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_refund_that_only_the_shop_shows_is_not_believed(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.platform.change("1", refunded_minor=TOTAL)
        assert (await here.refund()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_refund_waits_while_the_gateway_cannot_say_what_the_shop_means(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.platform.change("1", refunded_minor=TOTAL)
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        with pytest.raises(GatewayUnavailable):
            await here.refund()
        assert here.asked("refund") == []


@in_virtual_time
async def test_refund_that_the_shop_shows_is_asked_about_again_and_again_but_not_for_ever(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60)) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        looked = len(here.asked("snapshot"))
        here.platform.change("1", refunded_minor=TOTAL)
        await asyncio.sleep(3_600)
        looks = len(here.asked("snapshot")) - looked
        assert 3 <= looks <= 40, "the list shows it for five minutes, and the schedule backs off"
        here.gateway.console(Action.REFUND, "1")
        await asyncio.sleep(8 * 3_600)
        assert await here.status() is PaymentStatus.REFUNDED
        looked = len(here.asked("snapshot"))
        await asyncio.sleep(8 * 3_600)
        assert len(here.asked("snapshot")) == looked


@in_virtual_time
async def test_refund_that_the_shop_shows_is_asked_about_however_often_staff_refreshed_before(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60, refund_looks_max=2)) as here:
        here.authorized()
        await here.capture()
        for _ in range(3):
            await here.refresh()
        here.gateway.console(Action.REFUND, "1")
        here.platform.change("1", refunded_minor=TOTAL)
        await asyncio.sleep(65)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_refund_that_the_shop_shows_is_asked_about_although_a_look_is_planned_for_next_month(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60), partial=True) as here:
        here.authorized(expire_time=here.clock.now() + timedelta(days=29))
        await here.capture(amount_minor=1_000, currency_code="USD")
        here.gateway.console(Action.REFUND, "1", 500)
        here.platform.change("1", refunded_minor=500)
        await asyncio.sleep(65)
        assert (await here.view()).payment.refunded_minor == 500


# -- What the lists of changed orders tell ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [change for change in CHANGES if change is not delete], ids=lambda change: change.__name__
)
@in_virtual_time
async def test_change_of_a_known_order_is_news(tmp_path, change):
    error, state, _ = CHANGES[change]
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60), order_check=OrderCheck.AS_LISTED) as here:
        here.authorized()
        await asyncio.sleep(1)
        change(here)
        await asyncio.sleep(61)
        view = await here.view()
        assert view.payment.order_state is state
        with pytest.raises(error):
            await here.capture()
        assert here.asked(*MONEY) == []


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        ({"order_number": "#2026-1"}, "order_number", "#2026-1"),
        (
            {"references": (GatewayReference("order_reference", "P01-NEW"),)},
            "references",
            GatewayReference("order_reference", "P01-NEW"),
        ),
    ],
    ids=["number", "ids"],
)
@in_virtual_time
async def test_new_number_and_ids_of_a_known_order_are_news(tmp_path, changed, field, expected):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60)) as here:
        here.authorized()
        await asyncio.sleep(1)
        here.platform.change("1", **changed)
        await asyncio.sleep(61)
        value = getattr((await here.view()).payment, field)
        assert value == expected or expected in value


@in_virtual_time
async def test_order_that_is_known_as_it_is_listed_is_no_news(tmp_path):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=60)) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(200)
        assert reads(here) == ["1", "1"], "at first sight, and before the capture"


@in_virtual_time
async def test_snapshot_of_an_order_that_moved_to_another_method_meanwhile_is_not_followed(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.platform.cancel("1")
        other, snapshot = here.replica(), here.gateway.snapshot

        async def slow_snapshot(payment):
            shown = await snapshot(payment)
            await asyncio.sleep(5)
            return shown

        here.gateway.snapshot = slow_snapshot
        looking = asyncio.ensure_future(here.refresh())
        await asyncio.sleep(1)
        move_to_another_method(here)
        await other.refresh(STORE, "1")
        await looking
        payment = (await here.view()).payment
        assert (payment.ours, payment.status, payment.anomaly) == (False, PaymentStatus.VOIDED, "")


# -- A total that is no amount ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"total_minor": None, "total_text": "129.905 EUR"}, "129.905 EUR"),
        ({"total_minor": None, "total_text": "1000.4 JPY"}, "1000.4 JPY"),
        ({"currency_code": "BTC", "total_minor": 1, "total_text": "1 BTC"}, "1 BTC"),
        ({"currency_code": "", "total_minor": 1}, "in no currency"),
        ({"currency_code": 1}, "in 1"),
        ({"total_minor": 10**16}, "in USD"),
    ],
    ids=str,
)
@in_virtual_time
async def test_order_whose_total_is_no_amount_is_known_shown_and_can_be_voided(tmp_path, fields, words):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.change("1", **fields)
        view = await here.view()
        reason, message = refused(view, Action.CAPTURE)
        assert reason is ErrorReason.ORDER_TOTAL_INVALID
        assert words in message
        assert view.payment.currency_code == "USD"
        with pytest.raises(OrderTotalInvalid):
            await here.capture()
        attention = (await here.engine.list_payments(PaymentQuery(needing_attention=True))).items
        assert [each.payment.order_id for each in attention] == ["1"]
        assert (await here.void()).operation.state is OperationState.SUCCEEDED
        assert (await here.engine.list_payments(PaymentQuery(needing_attention=True))).items == []


@in_virtual_time
async def test_total_that_was_corrected_can_be_captured(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.change("1", total_minor=None, total_text="129.905 USD")
        await here.view()
        here.platform.change("1", total_minor=TOTAL, total_text="")
        assert (await here.capture()).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_order_of_another_method_in_no_known_currency_is_remembered_too(tmp_path):
    async with world(tmp_path) as here:
        here.platform.place("9", 1, "BTC", method_name="Coins")
        view = await here.view("9")
        assert (view.payment.ours, view.payment.currency_code, view.payment.order_total_minor) == (False, "XXX", 0)
        with pytest.raises(NotOurPaymentMethod):
            await here.capture("9")


@in_virtual_time
async def test_authorization_in_another_currency_than_the_order_is_refused_in_words(tmp_path):
    """The shop's module charges in its region's currency, whatever currency the order is in."""
    async with world(tmp_path) as here:
        reference = here.gateway.authorize("1", TOTAL, "EUR")
        here.platform.place(
            "1", TOTAL, "GBP", method_name=METHOD, status=PaymentStatus.AUTHORIZED, references=(reference,)
        )
        with pytest.raises(ActionNotAvailable, match="the gateway reports EUR, the payment is in GBP"):
            await here.capture()
        assert here.asked(*MONEY) == []


@in_virtual_time
async def test_order_that_was_cancelled_before_its_first_sight_is_not_captured(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        cancel(here)
        with pytest.raises(OrderCancelled):
            await here.capture()
        assert here.asked(*MONEY) == []
        assert "closed the order" in (await here.events())[0].message


@in_virtual_time
async def test_missing_order_is_told_in_the_words_of_its_platform(tmp_path):
    async with world(tmp_path) as here:
        with pytest.raises(Exception, match="Store shop has no order '7': there is no order 7"):
            await here.view("7")


@in_virtual_time
async def test_what_an_operation_began_with_is_finished_although_the_order_is_cancelled_since(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("capture", HANG)
        task = asyncio.ensure_future(here.capture())
        await asyncio.sleep(1)
        here.platform._orders["1"] = replace(here.platform.order("1"), cancelled=True)
        await task
        await asyncio.sleep(120)
        assert await here.status() is PaymentStatus.CAPTURED
