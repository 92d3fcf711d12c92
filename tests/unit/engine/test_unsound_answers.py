"""What an adapter answers may be of the wrong type: moved money is recorded all the same, and nothing is guessed."""

import asyncio
import math
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from support.virtual_time import START, in_virtual_time
from support.world import METHOD, STORE, TOTAL, world

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.errors import GatewayThrottled, GatewayUnavailable, PlatformUnavailable
from payment_actions_server.domain.event import EventType
from payment_actions_server.engine import EnginePolicy, PaymentQuery
from payment_actions_server.plugins import (
    GatewayReference,
    NotExecuted,
    OperationState,
    PaymentStatus,
    StateConflict,
    Throttled,
)
from payment_actions_server.plugins.fakes import LOSE_ANSWER, UNAVAILABLE, InMemoryGateway
from payment_actions_server.transport import mapping

MINUTE = 60.0
ZONELESS = START.replace(tzinfo=None)


def answering(adapter, call, change):
    """Have an adapter's answers changed."""
    inner = getattr(adapter, call)

    async def changed(*arguments, **options):
        answer = await inner(*arguments, **options)
        return answer and change(answer)

    setattr(adapter, call, changed)


def raising(adapter, call, error):
    """Have an adapter fail before it asks anybody."""

    async def fail(*arguments, **options):
        raise error

    setattr(adapter, call, fail)


def warned(logged, event):
    return [entry["store"] for entry in logged if entry["event"] == event]


# -- What the gateway says of an operation ----------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["gateway_id", "message", "reason_code"])
@pytest.mark.parametrize(("given", "kept"), [(None, ""), (12345, "12345"), (b"x", "b'x'")])
@in_virtual_time
async def test_capture_answered_with_another_thing_than_text_is_recorded(tmp_path, field, given, kept):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "capture", lambda result: replace(result, **{field: given}))
        result = await here.capture()
        assert (result.operation.state, getattr(result.operation, field)) == (OperationState.SUCCEEDED, kept)
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_payment_with_a_numeric_id_can_be_read_and_listed(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.authorized("2")
        await here.view("2")
        answering(here.gateway, "capture", lambda result: replace(result, gateway_id=12345))
        result = await here.capture()
        pb.GetOperationResponse(operation=mapping.operation(result.operation))
        pb.GetPaymentResponse(payment=mapping.payment(await here.view()))
        page = await here.engine.list_payments(PaymentQuery())
        assert len(pb.ListPaymentsResponse(payments=map(mapping.payment, page.items)).payments) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda result: None,
        lambda result: {"state": "SUCCEEDED"},
        lambda result: SimpleNamespace(state=result.state),
        lambda result: replace(result, state=None),
        lambda result: replace(result, state="Completed"),
        lambda result: replace(result, state=True),
    ],
    ids=["nothing", "mapping", "another class", "no state", "a word of its own", "a truth"],
)
@in_virtual_time
async def test_answer_that_says_nothing_is_looked_up_later(tmp_path, logged, change):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "capture", change)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        assert warned(logged, "gateway gave no answer") == [STORE]
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_state_given_as_its_plain_word_is_understood(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "capture", lambda result: replace(result, state="SUCCEEDED"))
        assert (await here.capture()).operation.state is OperationState.SUCCEEDED


class WithoutVoid(InMemoryGateway):
    @property
    def void(self):
        raise AttributeError("void")


@in_virtual_time
async def test_gateway_that_lacks_one_call_is_asked_the_others(tmp_path):
    async with world(tmp_path) as here:
        here.gateway.__class__ = WithoutVoid
        here.authorized()
        assert (await here.void()).operation.state is OperationState.UNKNOWN
        here.authorized("2")
        assert (await here.capture("2")).operation.state is OperationState.SUCCEEDED


@in_virtual_time
async def test_lookup_that_says_nothing_ends_nothing(tmp_path, logged):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        inner = here.gateway.look_up
        answering(here.gateway, "look_up", lambda result: replace(result, state="Completed"))
        result = await here.capture()
        await asyncio.sleep(MINUTE)
        assert (await here.operation(result)).state is OperationState.UNKNOWN
        here.gateway.look_up = inner
        await here.refresh()
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert len(here.gateway.effects) == 1


@in_virtual_time
async def test_refusal_without_a_reason_code_is_recorded(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        raising(here.gateway, "capture", NotExecuted("No.", reason_code=None))
        with pytest.raises(GatewayUnavailable, match="Nothing happened"):
            await here.capture()
        assert (await here.view()).operation is None


@in_virtual_time
async def test_refusal_by_an_error_that_forgot_its_reason_code_is_recorded(tmp_path):
    class TooLate(NotExecuted):
        def __init__(self):
            Exception.__init__(self, "too late")

    async with world(tmp_path) as here:
        here.authorized()
        raising(here.gateway, "capture", TooLate())
        with pytest.raises(GatewayUnavailable, match="too late"):
            await here.capture()
        assert (await here.view()).operation is None


@in_virtual_time
async def test_conflict_with_a_numeric_reason_code_is_recorded(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        raising(here.gateway, "void", StateConflict("No.", reason_code=409))
        operation = (await here.void()).operation
        assert (operation.state, operation.reason_code) == (OperationState.DECLINED, "409")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (2.5, 2.5),
        (-1, 0),
        (math.inf, 86_400),
        (-math.inf, 0),
        (1e19, 86_400),
        pytest.param(10**400, 86_400, id="no float"),
        (math.nan, 10),
        (None, 10),
        ("30", 10),
    ],
)
@in_virtual_time
async def test_pause_that_a_gateway_asks_for_is_told_as_far_as_it_can_be(tmp_path, given, told):
    async with world(tmp_path) as here:
        here.authorized()
        raising(here.gateway, "capture", Throttled("quota", retry_after_seconds=given))
        with pytest.raises(GatewayThrottled, match="Nothing happened") as caught:
            await here.capture()
        assert caught.value.retry_after_seconds == told
        assert (await here.view()).operation is None


# -- What it says of a payment ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [float(TOTAL), str(TOTAL), True, Decimal(TOTAL), None])
@in_virtual_time
async def test_amount_of_a_snapshot_that_is_no_whole_number_is_not_believed(tmp_path, logged, amount):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        before = (await here.view()).payment
        here.gateway.console("CAPTURE", "1")
        answering(here.gateway, "snapshot", lambda snapshot: replace(snapshot, captured_minor=amount))
        with pytest.raises(GatewayUnavailable):
            await here.refresh()
        assert warned(logged, "gateway could not be read") == [STORE]
        assert (await here.view()).payment.amounts == before.amounts


@pytest.mark.parametrize(
    "change",
    [
        lambda snapshot: None,
        lambda snapshot: replace(snapshot, status="Open"),
        lambda snapshot: replace(snapshot, under_way="CHARGE"),
        lambda snapshot: replace(snapshot, references="S01-1"),
        lambda snapshot: replace(snapshot, references=None),
    ],
    ids=["nothing", "status", "under way", "references", "no references"],
)
@in_virtual_time
async def test_order_whose_snapshot_cannot_be_read_is_not_seen_yet(tmp_path, logged, change):
    async with world(tmp_path) as here:
        here.authorized()
        inner = here.gateway.snapshot
        here.gateway.snapshot = lambda payment: changed(inner(payment), change)
        with pytest.raises(GatewayUnavailable):
            await here.view()
        assert warned(logged, "gateway could not be read") == [STORE]
        here.gateway.snapshot = inner
        assert await here.status() is PaymentStatus.AUTHORIZED


async def changed(answer, change):
    return change(await answer)


@in_virtual_time
async def test_other_things_than_text_in_a_snapshot_are_taken_for_text(tmp_path):
    def odd(snapshot):
        references = [("authorization", 42), ("charge", None)]
        texts = {"references": references, "message": None, "reason_code": 7}
        return replace(snapshot, authorization_expire_time=ZONELESS, **texts)

    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "snapshot", odd)
        payment = (await here.view()).payment
        assert payment.references[-1] == GatewayReference("authorization", "42")
        assert "" not in dict(payment.references).values()
        assert (payment.reason_message, payment.reason_code) == ("", "7")
        assert payment.authorization_expire_time is None
        pb.GetPaymentResponse(payment=mapping.payment(await here.view()))


@in_virtual_time
async def test_look_that_found_out_before_it_failed_does_not_say_that_nothing_happened(tmp_path):
    policy = EnginePolicy(discovery_seconds=0)
    async with world(tmp_path, policy=policy) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        here.gateway.faults.inject("snapshot", UNAVAILABLE)
        with pytest.raises(GatewayUnavailable) as caught:
            await here.refresh()
        assert (await here.operation(result)).state is OperationState.SUCCEEDED
        assert "Nothing happened" not in caught.value.message
        assert "Whatever was found out before stands; try again later." in caught.value.message


# -- What the store says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"total_minor": 129.9}, {"total_minor": "12990"}, {"total_minor": True}, {"status": "paid"}],
    ids=str,
)
@in_virtual_time
async def test_order_that_cannot_be_read_is_not_seen_yet(tmp_path, logged, wrong):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.platform, "read_order", lambda order: replace(order, **wrong))
        with pytest.raises(PlatformUnavailable):
            await here.view()
        assert warned(logged, "platform could not be read") == [STORE]


@in_virtual_time
async def test_other_things_than_text_in_an_order_are_taken_for_text(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        odd = {"order_id": 1, "order_number": 1001, "method_code": None, "platform_status": 4}
        answering(here.platform, "read_order", lambda order: replace(order, **odd))
        view = await here.view()
        assert (view.payment.order_id, view.payment.order_number, view.payment.method_code) == ("1", "1001", "")
        assert view.store_update.platform_status == "4"
        pb.GetPaymentResponse(payment=mapping.payment(view))


@in_virtual_time
async def test_write_that_a_store_answers_with_nothing_is_tried_again(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        inner = here.platform.apply_status
        here.platform.apply_status = lambda update: changed(inner(update), lambda applied: None)
        await here.capture()
        await asyncio.sleep(1)
        assert EventType.STORE_UPDATE_DELAYED in await here.told()
        here.platform.apply_status = inner
        await asyncio.sleep(10 * MINUTE)
        assert (await here.view()).store_update.last_error == ""


@in_virtual_time
async def test_listed_order_that_makes_no_sense_hides_no_other_and_is_read_by_itself(tmp_path, logged):
    async with world(tmp_path, policy=EnginePolicy(discovery_seconds=10)) as here:
        for order_id in ("1", "2", "3"):
            here.authorized(order_id)
        spoil = {"1": {"total_minor": 129.9}, "2": {"update_time": ZONELESS}}

        def spoiled(page):
            orders = [replace(order, **spoil.get(order.order_id, {})) for order in page.orders]
            return page._replace(orders=[None, *orders])

        answering(here.platform, "list_orders", spoiled)
        await asyncio.sleep(MINUTE)
        page = await here.engine.list_payments(PaymentQuery())
        assert {view.payment.order_id for view in page.items} == {"1", "2", "3"}
        odd = [entry for entry in logged if entry["event"] == "listed order makes no sense"]
        assert {(entry["store"], entry["order_id"]) for entry in odd} == {(STORE, ""), (STORE, "1")}


# -- What a notification says -----------------------------------------------------------------------------------------


@in_virtual_time
async def test_notification_with_numeric_ids_leads_to_its_payment(tmp_path):
    async with world(tmp_path) as here:
        here.platform.place("7", TOTAL, "USD", method_name=METHOD, references=(here.gateway.place("7", TOTAL),))
        answering(
            here.gateway,
            "verify_notification",
            lambda note: replace(note, message_id=1, subject=None, identifiers=[7], order_id=7),
        )
        await here.notify("7")
        assert await here.told("7") == [EventType.PAYMENT_SEEN]


@pytest.mark.parametrize("wrong", [{"message_id": None}, {"kind": "NEWS"}, {"identifiers": "S01-1"}], ids=str)
@in_virtual_time
async def test_notification_that_cannot_be_read_is_to_be_sent_again(tmp_path, wrong):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "verify_notification", lambda note: replace(note, **wrong))
        with pytest.raises(Exception, match=next(iter(wrong))):
            await here.notify()
