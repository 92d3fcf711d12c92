"""An order has one record: the one under the id that the platform itself gives it, however it is asked for."""

import pytest
from support.virtual_time import in_virtual_time
from support.world import STORE, world

from payment_actions_server.domain.errors import OrderNotFound


@in_virtual_time
async def test_order_under_another_spelling_of_its_id_is_not_found_and_its_id_is_told(tmp_path):
    # With a record for each spelling, two refunds could be under way at once.
    async with world(tmp_path) as here:
        here.authorized()
        read_order = here.platform.read_order
        # As a database does that compares numbers.
        here.platform.read_order = lambda order_id: read_order(order_id.lstrip("0"))
        with pytest.raises(OrderNotFound, match="knows order '01' as '1'") as error:
            await here.view("01")
        assert error.value.metadata == {"store": STORE, "order_id": "01", "platform_order_id": "1"}
        assert (await here.view("1")).payment.order_id == "1"
