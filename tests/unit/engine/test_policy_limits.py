"""A policy that lets less than the whole move: parts below its limit are moved, and the offer shows the limit."""

import pytest
from support.virtual_time import in_virtual_time
from support.world import STORE, world

from payment_actions_server.domain.errors import ActionNotAvailable
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.plugins import Action, AtMost, OperationState, ReviewRequest, hookimpl
from payment_actions_server.plugins.loader import Plugins

WORDS = "Refunds above 20.00 are made by accounting."


class Sentence:
    """A policy that knows only yes and no."""

    @hookimpl
    def payment_actions_review(self, request: ReviewRequest) -> str | None:
        return WORDS if request.action is Action.REFUND and request.amount_minor > 20_00 else None


class Limit:
    """A policy that says how much it lets move."""

    @hookimpl
    def payment_actions_review(self, request: ReviewRequest) -> AtMost | None:
        return AtMost(20_00, WORDS) if request.action is Action.REFUND else None


async def captured(here, policy):
    """Place and capture an order of 24.99, with a policy in force."""
    here.hooks.objection = Plugins.of(policy).review
    here.authorized(amount_minor=24_99)
    await here.capture()


async def refund_shown(here):
    decision = (await here.view()).decision
    return next(one for one in (*decision.offers, *decision.refusals) if one.action is Action.REFUND)


@pytest.mark.parametrize("policy", [Sentence(), Limit()], ids=["sentence", "limit"])
@in_virtual_time
async def test_part_below_a_policys_limit_is_moved_though_the_whole_is_not(tmp_path, policy):
    async with world(tmp_path, partial=True) as here:
        await captured(here, policy)
        with pytest.raises(ActionNotAvailable, match="accounting"):
            await here.refund()
        with pytest.raises(ActionNotAvailable, match="accounting"):
            await here.refund(amount_minor=20_01)
        result = await here.refund(amount_minor=9_99)
        assert (result.operation.state, result.operation.amount_minor) == (OperationState.SUCCEEDED, 9_99)
        assert [effect.amount_minor for effect in here.gateway.effects if effect.action is Action.REFUND] == [9_99]


@in_virtual_time
async def test_limit_is_shown_with_the_offer_and_told_when_the_whole_is_asked_for(tmp_path):
    async with world(tmp_path, partial=True) as here:
        await captured(here, Limit())
        shown = await refund_shown(here)
        assert (shown.amount_minor, shown.limit_minor, shown.limit_reason) == (24_99, 20_00, WORDS)
        with pytest.raises(ActionNotAvailable) as refused:
            await here.refund()
        assert (
            refused.value.message == f"{WORDS} No more than 20.00 USD can be asked for now; name an amount up to that."
        )
        assert refused.value.metadata == {
            "action": "REFUND",
            "available_actions": "REFUND",
            "policy": "Limit",
            "amount_max": "20.00 USD",
        }
        assert (await here.refund(amount_minor=20_00)).operation.state is OperationState.SUCCEEDED
        assert (await refund_shown(here)).limit_minor is None  # What is left is within the limit.


@in_virtual_time
async def test_limit_refuses_where_only_the_whole_can_be_moved(tmp_path):
    async with world(tmp_path) as here:
        await captured(here, Limit())
        shown = await refund_shown(here)
        assert (shown.message, shown.policy) == (WORDS, "Limit")
        with pytest.raises(ActionNotAvailable) as refused:
            await here.refund()
        assert "amount_max" not in refused.value.metadata


@in_virtual_time
async def test_preview_of_a_part_says_what_the_part_will_do(tmp_path):
    async with world(tmp_path, partial=True) as here:
        await captured(here, Limit())
        offer, _ = await here.engine.preview(ActionRequest(STORE, "1", Action.REFUND, "r-1", amount_minor=9_99))
        assert (offer.amount_minor, offer.effect) == (9_99, "Returns 9.99 USD to the buyer.")
