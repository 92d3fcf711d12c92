"""Whatever happens, in whatever order: no money moves twice, and in the end all three sides agree.

Hypothesis plays staff, the gateway's console, lost and late calls, crashes, replicas and time; after every step it
holds the record against what the gateway really did. Deterministic, so that it fails for a reason and not by chance.
"""

import asyncio
import contextlib
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.virtual_time import VirtualLoop
from support.world import STORE, World, world

from payment_actions_server.domain.errors import PaymentActionsError
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import ActionRequest, Operation
from payment_actions_server.domain.payment import Payment, PaymentKey
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.domain.transitions import forward
from payment_actions_server.engine import EnginePolicy
from payment_actions_server.engine.store import gateway_payment
from payment_actions_server.plugins import Action, ActionCapability, OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import (
    HANG,
    HANG_AFTER,
    LOSE_ANSWER,
    LOSE_REQUEST,
    UNAVAILABLE,
    full_capabilities,
    slow,
    slow_answer,
    throttled,
)

ORDERS = ("1", "2")
MOVING = (Action.CAPTURE, Action.VOID, Action.REFUND)
REPLICAS_MAX = 3
# Leases are shorter than what a call may take, so that workers lose them all the time.
POLICY = EnginePolicy(discovery_seconds=0, poll_seconds=2, lease_seconds=12)
FAULTS = {
    "none": None,
    "answer lost": LOSE_ANSWER,
    "request lost": LOSE_REQUEST,
    "unavailable": UNAVAILABLE,
    "throttled": throttled(),
    "hangs": HANG,
    "hangs after": HANG_AFTER,
    "slow": slow(lambda: asyncio.sleep(15)),
    "slow answer": slow_answer(lambda: asyncio.sleep(15)),
}
order_ids = st.sampled_from(ORDERS)
waits = st.sampled_from([0.0, 1.0, 5.0, 25.0])


class Shop(RuleBasedStateMachine):
    """Everything that can happen to two orders' payments."""

    blind_window: timedelta | None = None  #: How long a gateway that looks nothing up knows repeats; None: it looks up.

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.here: World = self.run(self.stack.enter_async_context(self.open()))
        self.requests: list[ActionRequest] = []
        self.calls: set[asyncio.Task] = set()
        self.payments: dict[str, Payment] = {}
        self.operations: dict[str, Operation] = {}

    def open(self):
        capabilities = full_capabilities(partial=True)
        if self.blind_window is not None:
            unseeing = ActionCapability(self.blind_window, lookup=False, partial=True)
            capabilities = replace(capabilities, capture=unseeing, void=unseeing, refund=unseeing)
        return world(Path(self.folder.name), partial=True, policy=POLICY, capabilities=capabilities)

    def run(self, work):
        return self.runner.run(work)

    async def after(self, seconds, *tasks):
        """Let time pass, or less of it if the tasks end before."""
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        else:
            await asyncio.sleep(seconds)

    # -- What happens -----------------------------------------------------------------------------------------------

    @initialize()
    def two_orders(self):
        async def place():
            self.here.authorized("1")
            self.here.pending("2")

        self.run(place())

    @rule(
        order_id=order_ids,
        action=st.sampled_from(MOVING),
        amount=st.sampled_from([None, None, 1, 5_000]),
        fault=st.sampled_from(sorted(FAULTS)),
        answer=st.sampled_from(["succeeds", "succeeds", "pends", "declines"]),
        seconds=waits,
    )
    def staff_acts(self, order_id, action, amount, fault, answer, seconds):
        amount = None if action is Action.VOID else amount
        request = ActionRequest(STORE, order_id, action, f"r-{len(self.requests)}", amount)
        self.requests.append(request)
        gateway = self.here.gateway
        if FAULTS[fault]:
            gateway.faults.inject(action.lower(), FAULTS[fault])
        if answer == "pends":
            gateway.pend_next(action)
        if answer == "declines":
            gateway.decline_next(action)
        self.call(request, seconds)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), seconds=waits)
    def staff_repeats(self, data, seconds):
        self.call(data.draw(st.sampled_from(self.requests)), seconds)

    def call(self, request, seconds):
        async def begin():
            call = asyncio.create_task(self.here.engine.run_action(request))
            self.calls.add(call)
            await self.after(seconds, call)

        self.run(begin())

    @rule(order_id=order_ids, seconds=waits)
    def staff_refreshes(self, order_id, seconds):
        async def begin():
            call = asyncio.create_task(self.here.engine.refresh(STORE, order_id))
            self.calls.add(call)
            await self.after(seconds, call)

        self.run(begin())

    @rule(order_id=order_ids, action=st.sampled_from(MOVING), whole=st.booleans(), notify=st.booleans())
    def something_is_done_at_the_console(self, order_id, action, whole, notify):
        async def do():
            held = self.here.gateway._held[order_id]
            left = held.left_minor(action, self.here.clock.now())
            if left:
                amount = left if whole or action is Action.VOID else (left + 1) // 2
                self.here.gateway.console(action, order_id, amount)
            if notify:
                await self.notify(order_id)

        self.run(do())

    @rule(order_id=order_ids, message_id=st.sampled_from([None, "m-1", "m-2"]))
    def notification_comes(self, order_id, message_id):
        self.run(self.notify(order_id, message_id))

    async def notify(self, order_id, message_id=None):
        with contextlib.suppress(PaymentActionsError):  # It is sent again, or not.
            await self.here.notify(order_id, message_id=message_id)

    @rule(finish=st.booleans())
    def pending_results_come(self, finish):
        async def end():
            for reference in self.here.gateway.pending_references():
                (self.here.gateway.finish if finish else self.here.gateway.decline)(reference)

        self.run(end())

    @rule(result=st.sampled_from(["authorized", "declined"]))
    def checkout_ends(self, result):
        if self.here.gateway._held["2"].base is PaymentStatus.PENDING:
            if result == "authorized":
                self.here.gateway.authorize("2")
            else:
                self.here.gateway.close("2", PaymentStatus.DECLINED, "Declined")

    @rule(call=st.sampled_from(["look_up", "snapshot"]), fault=st.sampled_from(sorted(FAULTS)))
    def looks_go_wrong(self, call, fault):
        if FAULTS[fault]:
            self.here.gateway.faults.inject(call, FAULTS[fault])

    @rule(call=st.sampled_from(["apply_status", "read_order"]), fault=st.sampled_from(sorted(FAULTS)))
    def store_goes_wrong(self, call, fault):
        if FAULTS[fault]:
            self.here.platform.faults.inject(call, FAULTS[fault])

    @rule()
    def power_fails(self):
        self.run(self.here.restart())

    @precondition(lambda self: len(self.here.engines) < REPLICAS_MAX)
    @rule()
    def replica_joins(self):
        self.run(self.here.replica().start())

    @rule(seconds=st.sampled_from([1.0, 13.0, 60.0]))
    def time_passes(self, seconds):
        self.run(self.after(seconds))

    # -- What always holds ------------------------------------------------------------------------------------------

    @invariant()
    def one_effect_for_each_reference(self):
        references = [effect.reference for effect in self.here.gateway.effects if effect.reference]
        assert len(references) == len(set(references))

    @invariant()
    def callers_meet_only_errors_that_are_promised(self):
        for call in [call for call in self.calls if call.done()]:
            self.calls.discard(call)
            if not call.cancelled() and call.exception() is not None:
                assert isinstance(call.exception(), PaymentActionsError), repr(call.exception())

    @invariant()
    def the_record_is_sound(self):
        self.run(self.check_record())

    async def check_record(self):
        # All that can go on now is to have done so: while we read, time stands still, and nothing moves between reads.
        await asyncio.sleep(0.000_001)
        for key in (PaymentKey(STORE, order_id) for order_id in ORDERS):
            payment = (await self.here.storage.record(key)).payment
            if payment is not None:
                await self.check_payment(payment)
        await self.check_operations()

    async def check_payment(self, payment):
        before = self.payments.get(payment.order_id, payment)
        self.payments[payment.order_id] = payment
        assert forward(before.status, payment.status), f"{before.status} became {payment.status}"
        assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor
        assert before.captured_minor <= payment.captured_minor
        assert before.refunded_minor <= payment.refunded_minor
        assert payment.anomaly == "", payment.anomaly
        events = await self.here.events(payment.order_id)  # Checks the chain.
        assert len(events) == payment.version
        assert all(forward(event.status_before, event.status_after) for event in events[1:])

    async def check_operations(self):
        keys = [(PaymentKey(STORE, request.order_id), request.request_id) for request in self.requests]
        records = [await self.here.storage.record(key, request_id=request_id) for key, request_id in keys]
        operations = [record.asked for record in records if record.asked is not None]
        for operation in operations:
            before = self.operations.get(operation.request_id, operation)
            self.operations[operation.request_id] = operation
            assert operation.reference == before.reference
            assert before.state.in_flight or operation.state is before.state, "a settled operation changed"
            self.check_truth(operation)
        asked = {reference for call, reference in self.here.gateway.calls if call != "snapshot"}
        assert asked <= {operation.reference for operation in operations}
        in_flight = [operation.order_id for operation in operations if operation.state.in_flight]
        assert len(in_flight) == len(set(in_flight))

    def check_truth(self, operation):
        effects = [effect for effect in self.here.gateway.effects if effect.reference == operation.reference]
        if operation.state is OperationState.SUCCEEDED:
            assert [(effect.action, effect.amount_minor) for effect in effects] == [
                (operation.action, operation.amount_minor)
            ]
        elif not operation.state.in_flight:
            assert effects == [], f"{operation.state}, and it happened"

    # -- And in the end ---------------------------------------------------------------------------------------------

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:  # Else a step failed, which is what is to be told.
                self.run(self.check_end())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()
            self.folder.cleanup()

    async def check_end(self):
        here = self.here
        faults = (*here.gateway.faults._queues.values(), *here.platform.faults._queues.values())
        for queue in (*faults, *here.gateway._answers.values()):
            queue.clear()
        for reference in here.gateway.pending_references():
            here.gateway.finish(reference)
        for engine in here.engines:
            await here.crash(engine)
        here.engine = here.replica(policy=replace(POLICY, poll_seconds=20))  # In no hurry, for the tests' sake.
        await here.engine.start()
        await asyncio.sleep(1_800)
        self.callers_meet_only_errors_that_are_promised()
        await self.let_an_operator_look()
        for order_id in here.gateway._held:
            await here.engine.refresh(STORE, order_id)  # What was done at the console without a notification.
        await asyncio.sleep(60)
        await self.check_record()
        for order_id in here.gateway._held:
            await self.check_agreement(order_id)

    async def let_an_operator_look(self):
        """Resolve what could not be found out, by what the gateway really did."""
        for operation in self.operations.values():
            if (await self.here.operation(operation)).state is OperationState.NEEDS_REVIEW:
                assert self.blind_window is not None, "a gateway that looks references up leaves nothing open"
                done = any(effect.reference == operation.reference for effect in self.here.gateway.effects)
                word = OperationState.SUCCEEDED if done else OperationState.FAILED
                await self.here.engine.resolve_operation(STORE, operation.operation_id, word, "I looked.", "ann")

    async def check_agreement(self, order_id):
        view = await self.here.view(order_id)
        payment, truth = view.payment, await self.here.gateway.snapshot(gateway_payment(view.payment))
        assert (payment.status, payment.amounts) == (
            truth.status,
            (truth.authorized_minor, truth.captured_minor, truth.refunded_minor),
        )
        assert view.operation is None
        assert view.store_update.state is StoreUpdateState.IN_SYNC
        assert self.here.platform.order(order_id).status is payment.status
        told = [event.type for event in await self.here.events(order_id)]
        ended = told.count(EventType.OPERATION_ENDED) + told.count(EventType.OPERATION_RESOLVED)
        assert told.count(EventType.OPERATION_STARTED) == ended


class BlindShop(Shop):
    """A gateway that cannot look references up, but takes repeats for what they are."""

    blind_window = timedelta(days=1)


class BlindForgetfulShop(Shop):
    """A gateway that does neither: what got lost needs an operator."""

    blind_window = timedelta(0)


def _bounded(examples):
    return settings(
        max_examples=examples,
        stateful_step_count=30,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TestShop, TestBlindShop, TestBlindForgetfulShop = Shop.TestCase, BlindShop.TestCase, BlindForgetfulShop.TestCase
TestShop.settings, TestBlindShop.settings, TestBlindForgetfulShop.settings = _bounded(16), _bounded(6), _bounded(6)


class TestShopOnPostgresql(Shop.TestCase):
    """The first of the same lives, over the other database."""

    database = "postgresql"
    settings = _bounded(6)
