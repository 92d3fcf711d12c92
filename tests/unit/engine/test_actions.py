import asyncio

from payment_actions_server.plugins import OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import LOSE_ANSWER

from support.virtual_time import in_virtual_time
from support.world import world


@in_virtual_time
async def test_capture_collects_once_and_the_store_follows(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        result = await here.capture()
        await asyncio.sleep(5)
        assert result.operation.state is OperationState.SUCCEEDED
        assert result.view.payment.status is PaymentStatus.CAPTURED
        assert len(here.gateway.effects_of("1")) == 1
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_a_lost_answer_is_found_out_under_the_same_reference(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        result = await here.capture()
        assert result.operation.state is OperationState.UNKNOWN
        await asyncio.sleep(60)
        settled = await here.engine.get_operation("shop", result.operation.operation_id)
        assert settled.state is OperationState.SUCCEEDED
        assert settled.reference == result.operation.reference
        assert len(here.gateway.effects_of("1")) == 1
