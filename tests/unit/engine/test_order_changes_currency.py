"""An order that is changed to another currency: followed until money has moved, and not captured after."""

import asyncio

from support.virtual_time import in_virtual_time
from support.world import world

from payment_actions_server.plugins import Action, PaymentStatus


@in_virtual_time
async def test_pending_payment_takes_on_the_orders_currency(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.platform.change("1", currency_code="EUR", total_minor=11_000)
        here.gateway._held["1"].currency_code = "EUR"
        here.gateway.authorize("1")
        await here.notify()
        await asyncio.sleep(60)
        payment = (await here.view()).payment
        assert (payment.status, payment.currency_code, payment.anomaly) == (PaymentStatus.AUTHORIZED, "EUR", "")


@in_virtual_time
async def test_authorization_in_another_currency_than_the_order_has_now_is_not_captured(tmp_path):
    async with world(tmp_path) as here:
        here.authorized(amount_minor=10_000)
        await here.view()
        here.platform.change("1", currency_code="JPY", total_minor=10_000)
        await here.refresh()
        assert await here.offered() == {Action.VOID}
        assert (await here.view()).payment.currency_code == "USD"
