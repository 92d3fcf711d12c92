"""The decision that is shown is the one that is enforced: for every payment, set of policies and amount of a call."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.virtual_time import START, VirtualClock, in_virtual_time
from support.world import STORE, world

from payment_actions_server.domain.decision import Offer, Refusal, Terms, decide
from payment_actions_server.domain.errors import PaymentActionsError
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.payment import Payment
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.engine.context import Context
from payment_actions_server.plugins import Action, AtMost, CaptureMode, PaymentStatus, ReviewRequest, hookimpl
from payment_actions_server.plugins.loader import Plugins

MOVING = (Action.CAPTURE, Action.VOID, Action.REFUND)
AMOUNT_MAX = 30
amounts = st.integers(0, AMOUNT_MAX)


class Policy:
    """A policy that answers with ``word`` about amounts above ``above``."""

    def __init__(self, word, above):
        self.word, self.above = word, above

    def __repr__(self):
        return f"Policy({self.word!r}, above={self.above})"

    @hookimpl
    def payment_actions_review(self, request):
        if isinstance(self.word, AtMost):
            return self.word  # The same limit, whatever the amount.
        if request.amount_minor <= self.above:
            return None
        if isinstance(self.word, Exception):
            raise self.word
        return self.word


words = st.one_of(
    st.none(),
    st.builds(AtMost, st.integers(-1, AMOUNT_MAX + 2), st.sampled_from(["no more", ""])),
    st.sampled_from(["no", "", 7, RuntimeError("broken")]),
)
policies = st.lists(st.builds(Policy, words, amounts), max_size=3)


OFFERING = {
    Action.CAPTURE: (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED),
    Action.VOID: (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED),
    Action.REFUND: (PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.PARTIALLY_CAPTURED),
}
seldom = st.sampled_from([False] * 9 + [True])


@st.composite
def calls(draw):
    """Return an action, and a payment that keeps the rules and most often offers it."""
    action = draw(st.sampled_from(MOVING))
    status = draw(st.sampled_from(PaymentStatus if draw(seldom) else OFFERING[action]))
    authorized = draw(st.integers(AMOUNT_MAX // 2, AMOUNT_MAX))
    captured = {PaymentStatus.AUTHORIZED: 0, PaymentStatus.CAPTURED: authorized}.get(status)
    captured = draw(st.integers(0, authorized)) if captured is None else captured
    refunded = draw(st.integers(0, captured)) if status is PaymentStatus.PARTIALLY_REFUNDED else 0
    payment = Payment(
        store=STORE,
        order_id="1",
        order_number="#1",
        method_code="pay",
        method_name="Pay",
        ours=not draw(seldom),
        gateway="fake",
        status=status,
        currency_code="USD",
        order_total_minor=draw(amounts) if draw(seldom) else authorized,
        authorized_minor=authorized,
        captured_minor=captured,
        refunded_minor=refunded,
        create_time=START,
        update_time=START,
    )
    return action, payment


class _Store:
    def __init__(self, terms):
        self.terms = terms


def context_of(hooks, terms):
    return Context(
        storage=None,
        stores={STORE: _Store(terms)},
        unavailable_stores={},
        clock=VirtualClock(),
        random=Random(0),
        policy=EnginePolicy(),
        hooks=hooks,
        wake_store_updates=lambda store: None,
    )


def shown_as(decision, action):
    return next(one for one in (*decision.offers, *decision.refusals) if one.action is action)


def moved_by(context, payment, action, amount):
    """Return how much a call would move; None when it is refused."""
    try:
        return context.offer(payment, None, ActionRequest(STORE, "1", action, "r-1", amount_minor=amount)).amount_minor
    except PaymentActionsError:
        return None


def objects(plugins, payment, action, amount):
    request = ReviewRequest(STORE, "1", "#1", payment.status, action, amount, "USD", "")
    return plugins.review(request) is not None


def is_within(shown, amount):
    return amount <= (shown.amount_minor if shown.limit_minor is None else shown.limit_minor)


@settings(max_examples=800, deadline=None, derandomize=True)
@given(calls(), policies, st.integers(-1, AMOUNT_MAX + 1) | st.none(), st.booleans())
def test_call_is_accepted_exactly_if_the_shown_decision_says_so(call, policies, asked, partial):
    action, payment = call
    plugins = Plugins.of(*policies)
    terms = Terms(CaptureMode.AUTHORIZE_THEN_CAPTURE, partial_capture=partial, partial_refund=partial)
    context = context_of(plugins, terms)
    ruled = shown_as(decide(payment, None, terms), action)  # Without any policy.
    shown = shown_as(context.decide(payment, None), action)
    moved = moved_by(context, payment, action, asked)
    if isinstance(ruled, Refusal):
        assert (moved, shown) == (None, ruled)
        return
    amount = ruled.amount_minor if asked is None else asked
    is_whole = amount == ruled.amount_minor
    is_possible = is_whole or (ruled.partial and 0 < amount < ruled.amount_minor)
    if isinstance(shown, Offer):
        expected = is_within(shown, amount)
    else:  # No part is shown as allowed: each is reviewed by itself.
        expected = not is_whole and not objects(plugins, payment, action, amount)
    assert moved == (amount if is_possible and expected else None)
    if isinstance(shown, Offer):  # Whatever is shown as the most can be called for.
        assert moved_by(context, payment, action, shown.limit_minor) is not None
    if asked is None:
        assert (moved is not None) == (isinstance(shown, Offer) and shown.limit_minor is None)


class Fickle:
    """A policy that says something else about each amount."""

    def __init__(self, words):
        self.words = words

    @hookimpl
    def payment_actions_review(self, request):
        return self.words[request.amount_minor % len(self.words)]


fickle = st.lists(st.none() | st.just("no") | st.builds(AtMost, amounts, st.just("no more")), min_size=1, max_size=4)


@settings(max_examples=800, deadline=None, derandomize=True)
@given(calls(), fickle, st.integers(1, AMOUNT_MAX))
def test_no_policy_however_fickle_lets_more_move_than_is_shown_or_than_it_says_of_the_amount(call, words, amount):
    action, payment = call
    plugins = Plugins.of(Fickle(words))
    terms = Terms(CaptureMode.AUTHORIZE_THEN_CAPTURE, partial_capture=True, partial_refund=True)
    context = context_of(plugins, terms)
    shown = shown_as(context.decide(payment, None), action)
    if moved_by(context, payment, action, amount) is not None:
        assert not objects(plugins, payment, action, amount)
        assert isinstance(shown, Refusal) or is_within(shown, amount)


LIMITED = AtMost(20_00, "no more")


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize(
    "policies",
    [
        [],
        [Policy(LIMITED, 0)],
        [Policy("no", 20_00)],
        [Policy(LIMITED, 0), Policy("no", 15_00)],
        [Policy(LIMITED, 0), Policy(AtMost(10_00, "less"), 0)],
        [Policy(LIMITED, 0), Policy(RuntimeError("broken"), 0)],
    ],
    ids=repr,
)
@in_virtual_time
async def test_running_an_action_moves_exactly_what_the_shown_decision_allows(tmp_path, policies, partial):
    async with world(tmp_path, partial=partial, started=False) as here:
        plugins = Plugins.of(*policies)
        for number, asked in enumerate([None, 1, 9_99, 10_00, 10_01, 15_01, 20_00, 20_01, 24_99, 25_00]):
            order_id = here.authorized(str(number), 24_99)
            await here.view(order_id)
            here.hooks.objection = plugins.review
            view = await here.view(order_id)
            shown = shown_as(view.decision, Action.CAPTURE)
            amount = 24_99 if asked is None else asked
            if isinstance(shown, Offer):
                expected = is_within(shown, amount) and (partial or amount == 24_99)
            else:
                expected = partial and amount < 24_99 and not objects(plugins, view.payment, Action.CAPTURE, amount)
            try:
                moved = (await here.capture(order_id, amount_minor=asked)).operation.amount_minor
            except PaymentActionsError:
                moved = None
            assert (asked, moved) == (asked, amount if expected else None)
            assert [effect.amount_minor for effect in here.gateway.effects_of(order_id)] == ([moved] if moved else [])
