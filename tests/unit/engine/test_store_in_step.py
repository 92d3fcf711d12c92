"""In the end the store holds the payment's status and amounts, whatever it did late or by itself meanwhile."""

import asyncio

from support.virtual_time import in_virtual_time
from support.world import world

from payment_actions_server.plugins import PaymentStatus, Snapshot
from payment_actions_server.plugins.fakes import WORDS


async def contradicted(here):
    """Let the gateway lie behind for as long as one look asks it; return the payment then."""
    payment = (await here.view()).payment
    behind = Snapshot(
        status=PaymentStatus.AUTHORIZED,
        currency_code="USD",
        authorized_minor=payment.authorized_minor,
        references=payment.references,
    )
    for _ in range(3):
        here.gateway.show_next(behind)
    await here.refresh()
    payment = (await here.view()).payment
    assert payment.anomaly
    return payment


@in_virtual_time
async def test_write_that_the_store_carries_out_after_a_newer_one_is_put_right(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        applied, hung = here.platform.apply_status, []

        async def carried_out_late(update):
            await asyncio.sleep(25)
            here.platform.change(update.order_id, status=update.status, platform_status=WORDS[update.status])

        async def apply_status(update):
            if not hung:
                hung.append(asyncio.create_task(carried_out_late(update)))
                await asyncio.Event().wait()
            return await applied(update)

        here.platform.apply_status = apply_status
        await here.capture()
        await asyncio.sleep(1)
        await here.refund()
        await asyncio.sleep(30)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED, "the late write lies over the newer one"
        await asyncio.sleep(here.policy.store_doubt_seconds + 10)
        assert here.platform.order("1").status is PaymentStatus.REFUNDED


@in_virtual_time
async def test_what_the_store_lost_while_an_anomaly_stood_is_restored_when_it_has_passed(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await asyncio.sleep(5)
        await contradicted(here)
        here.platform.change("1", status=PaymentStatus.AUTHORIZED, platform_status="Authorized")
        await here.refresh()
        assert not (await here.view()).payment.anomaly
        await asyncio.sleep(5)
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_a_contradiction_that_passes_by_itself_is_not_shown_for_ever(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await contradicted(here)
        await asyncio.sleep(120)
        assert not (await here.view()).payment.anomaly


@in_virtual_time
async def test_store_is_told_of_each_part_that_is_refunded(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        told, apply_status = [], here.platform.apply_status

        async def noting(update):
            told.append(update.refunded_minor)
            return await apply_status(update)

        here.platform.apply_status = noting
        await here.capture()
        for amount in (1_000, 2_000):
            await here.refund(amount_minor=amount, currency_code="USD")
            await asyncio.sleep(5)
        assert told[-1] == 3_000
