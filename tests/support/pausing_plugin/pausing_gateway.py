"""A third party's plugin, found through its entry point: Amazon Pay, stopped just before it is called.

While the file that ``PAUSE_FILE`` names exists, a capture says so in ``PAUSE_FILE.reached`` and waits.
"""

import asyncio
import os
from pathlib import Path

import payment_actions_amazon_pay
from payment_actions_server.plugins import hookimpl


class PausingGateway:
    """Everything as the gateway within, but for the pause."""

    def __init__(self, gateway):
        self._gateway = gateway
        self._file = Path(os.environ["PAUSE_FILE"])

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    async def capture(self, request):
        while self._file.exists():
            self._file.with_suffix(".reached").touch()
            await asyncio.sleep(0.02)
        return await self._gateway.capture(request)


@hookimpl
def payment_actions_gateways():
    factory = payment_actions_amazon_pay.payment_actions_gateways()["amazon_pay_v1"]
    return {"pausing_amazon_pay": lambda settings: PausingGateway(factory(settings))}
