from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette

from payment_actions_amazon_pay.simulator.app import DEMO_ACCOUNT
from payment_actions_amazon_pay.simulator.control.routes import routes
from payment_actions_amazon_pay.simulator.simulator import Simulator


@pytest.mark.parametrize(
    ("caller", "from_anywhere", "status"),
    [
        ("127.0.0.1", False, 200),
        ("::1", False, 200),
        ("192.0.2.7", False, 403),
        ("192.0.2.7", True, 200),
    ],
)
async def test_control_serves_this_machine_only_unless_told_otherwise(caller, from_anywhere, status):
    async with httpx.AsyncClient() as outgoing:
        app = Starlette(routes=routes(from_anywhere=from_anywhere))
        app.state.simulator = Simulator([DEMO_ACCOUNT], outgoing, urls={}, throttling=True)
        transport = httpx.ASGITransport(app=app, client=(caller, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://simulator") as client:
            answer = await client.get("/control/state", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.status_code == status
