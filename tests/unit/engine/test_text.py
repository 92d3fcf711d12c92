"""A character that no database takes, in what an adapter says, keeps nothing from being recorded."""

import asyncio
from dataclasses import replace

import pytest
from support.virtual_time import in_virtual_time
from support.world import world

from payment_actions_server.domain.event import EventType
from payment_actions_server.plugins import NotExecuted, OperationState, PaymentStatus

MINUTE = 60.0
odd_text = pytest.mark.parametrize("odd", ["cut \ud83d", "nul \0"])


def answering(adapter, call, change):
    """Have an adapter's answers changed."""
    inner = getattr(adapter, call)

    async def changed(*arguments, **options):
        return change(await inner(*arguments, **options))

    setattr(adapter, call, changed)


@odd_text
@in_virtual_time
async def test_capture_whose_answer_has_it_is_recorded(tmp_path, odd):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.gateway, "capture", lambda result: replace(result, message=odd, gateway_id=f"C1{odd}"))
        result = await here.capture()
        assert result.operation.state is OperationState.SUCCEEDED
        assert result.operation.message == odd[:4] + "\ufffd"
        await asyncio.sleep(MINUTE)
        assert await here.status() is PaymentStatus.CAPTURED
        await here.events()


@odd_text
@in_virtual_time
async def test_refusal_whose_reason_has_it_is_recorded(tmp_path, odd):
    async with world(tmp_path) as here:
        here.authorized()

        async def refuse(request):
            raise NotExecuted(odd)

        here.gateway.capture = refuse
        with pytest.raises(Exception, match="Nothing happened"):
            await here.capture()
        assert (await here.view()).operation is None
        assert EventType.OPERATION_ENDED in await here.told()


@odd_text
@in_virtual_time
async def test_order_and_snapshot_that_have_it_are_seen(tmp_path, odd):
    async with world(tmp_path) as here:
        here.authorized()
        answering(here.platform, "read_order", lambda order: replace(order, order_number=odd, platform_status=odd))
        answering(here.gateway, "snapshot", lambda snapshot: replace(snapshot, message=odd))
        view = await here.view()
        assert {view.payment.order_number, view.payment.reason_message} == {odd[:4] + "\ufffd"}
        await here.refresh()
        await here.events()


@odd_text
@in_virtual_time
async def test_store_whose_error_has_it_is_told_later(tmp_path, odd):
    async with world(tmp_path) as here:
        here.authorized()
        inner = here.platform.apply_status

        async def fail(update):
            here.platform.apply_status = inner
            raise RuntimeError(odd)

        here.platform.apply_status = fail
        await here.capture()
        await asyncio.sleep(MINUTE)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED
        assert EventType.STORE_UPDATE_DELAYED in await here.told()


@odd_text
@in_virtual_time
async def test_notification_that_has_it_is_taken_once(tmp_path, odd):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        answering(here.gateway, "verify_notification", lambda note: replace(note, message_id=odd, subject=odd))
        await here.notify()
        await here.notify()
        await asyncio.sleep(1)
        assert (await here.told()).count(EventType.NOTIFICATION_IGNORED) == 1
