"""A store whose plugin broke keeps its history: only what needs the adapters is refused."""

import pytest
from support.virtual_time import in_virtual_time
from support.world import STORE, world

from payment_actions_server.domain.errors import GatewayUnavailable
from payment_actions_server.plugins import OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import LOSE_ANSWER

BROKEN = {STORE: GatewayUnavailable("Its plugin is broken; nothing was done.")}


@in_virtual_time
async def test_known_request_is_answered_though_its_store_is_out_of_service(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        here.gateway.faults.inject("capture", LOSE_ANSWER)
        begun = await here.capture(request_id="the-one")
        replica = here.replica(stores={}, unavailable_stores=BROKEN)
        again = await here.capture(request_id="the-one", engine=replica)
        assert again.operation.operation_id == begun.operation.operation_id
        assert again.operation.state is OperationState.UNKNOWN


@in_virtual_time
async def test_history_of_a_store_out_of_service_can_be_read(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        operation = (await here.capture()).operation
        replica = here.replica(stores={}, unavailable_stores=BROKEN)
        view = await replica.get_payment(STORE, "1")
        assert view.payment.status is PaymentStatus.CAPTURED
        assert view.decision.offers == ()
        assert (await replica.get_operation(STORE, operation.operation_id)).state is OperationState.SUCCEEDED
        assert (await replica.list_events(STORE, "1", 10, "")).items


@in_virtual_time
async def test_new_action_on_a_store_out_of_service_is_refused_and_does_nothing(tmp_path):
    async with world(tmp_path, started=False) as here:
        here.authorized()
        await here.view()
        replica = here.replica(stores={}, unavailable_stores=BROKEN)
        with pytest.raises(GatewayUnavailable):
            await here.capture(engine=replica)
        assert here.gateway.effects_of("1") == []
