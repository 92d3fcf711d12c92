"""Rules that always hold are looked at once more whenever something is written."""

import pytest
from msgspec.structs import replace
from support.virtual_time import in_virtual_time
from support.world import TOTAL, world

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.payment import Payment
from payment_actions_server.plugins import PaymentStatus


@pytest.mark.parametrize(
    "wrong",
    [
        {"captured_minor": TOTAL + 1},
        {"captured_minor": TOTAL, "refunded_minor": TOTAL + 1},
        {"refunded_minor": 1},
        {"captured_minor": TOTAL, "status": PaymentStatus.PENDING},
    ],
    ids=["more captured than authorized", "more refunded than captured", "refund without capture", "status goes back"],
)
@in_virtual_time
async def test_change_that_breaks_a_rule_is_not_made_and_shows_an_anomaly(tmp_path, monkeypatch, wrong):
    async with world(tmp_path) as here:
        here.authorized()
        before = (await here.view()).payment
        monkeypatch.setattr(Payment, "after", lambda payment, operation: replace(payment, **wrong))
        result = await here.capture()
        payment = result.view.payment
        assert (payment.status, payment.amounts) == (before.status, before.amounts)
        assert payment.anomaly
        *_, ended, told = await here.events()
        assert (ended.type, ended.details["anomaly"]) == (EventType.OPERATION_ENDED, payment.anomaly)
        assert (told.type, told.message) == (EventType.ANOMALY, payment.anomaly)
        assert (told.operation_id, told.status_before) == (ended.operation_id, told.status_after)


@in_virtual_time
async def test_lifes_of_a_payment_break_no_rule(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await here.refund()
        assert (await here.view()).payment.anomaly == ""
