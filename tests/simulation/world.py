"""A world: gateway, platform, database, replicas, clients and mishaps, all drawn from one seed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from support.virtual_time import VirtualClock

from payment_actions_server.plugins import (
    Action,
    CaptureMode,
    GatewayRequest,
    GatewayResult,
    NotificationRefused,
    PaymentStatus,
    ResultState,
)
from simulation.auditor import Auditor
from simulation.faults import NOTIFICATION, FaultPlan
from simulation.replica import Replica
from simulation.scheduler import OWNER
from simulation.setting import Setting
from simulation.shop import Shop
from simulation.sides import ObedientPlatform, RecordedPlatform, RefusesRepeats, gateway_of
from simulation.story import Story

MOVING = (Action.CAPTURE, Action.VOID, Action.REFUND)


class Silence:
    """Hooks of no plugin."""

    reviewing = False

    def review(self, request: Any) -> None:
        return None

    def event(self, event: Any) -> None:
        return None


class World:
    """Everything there is."""

    store_id = "shop"
    method = "Amazon Pay"

    def __init__(
        self,
        random: Random,
        shop_random: Random,
        story: Story,
        storages: list[Any],
        setting: Setting,
        path: Path,
    ) -> None:
        self.random, self.story, self.storages, self.setting = random, story, storages, setting
        self.hooks = Silence()
        self.faults = FaultPlan(random, barred=setting.barred, rates=setting.theme.rates)
        clock = VirtualClock()
        self.gateway = gateway_of(
            setting.gateway,
            clock.now,
            random,
            partial=setting.terms.partial_refund,
            lenient=setting.lenient,
            moody=setting.moody,
        )
        self.platform = (ObedientPlatform if setting.obedient else RecordedPlatform)(clock.now)
        self.shop = Shop(self, setting.mood, shop_random)
        self.auditor = Auditor(path, self)
        self.slots: list[Replica | None] = [None] * setting.replicas
        self._lives = [0] * setting.replicas
        self._context = copy_context()
        self._context.run(OWNER.set, None)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.changes: Counter[str] = Counter()  #: Order: how often the gateway told of a change.
        self.acknowledged: Counter[str] = Counter()  #: Order: up to which of them somebody here has taken notice.
        self.told: Counter[str] = Counter()  #: The same, also of orders that nobody here had seen.
        self.made_at_console: Counter[str] = Counter()  #: Order: the last of them that somebody made at the console.
        self.up = asyncio.Event()
        self.last_expiry = 0.0

    # -- Time and chance --------------------------------------------------------------------------------------------

    def latency(self) -> float:
        """Return how long the database takes, one way."""
        return self.random.uniform(0.001, 0.05)

    def distance(self) -> float:
        """Return how long a call of somebody else's service takes, one way."""
        share = self.random.random()
        shortest, longest = (0.02, 0.3) if share < 0.75 else (0.3, 2.0) if share < 0.95 else (2.0, 4.5)
        return self.random.uniform(shortest, longest)

    def slow(self) -> float:
        """Return how long something takes that nearly outlasts a lease, or does, or even an idempotency window."""
        lease_seconds = self.setting.policy.lease_seconds
        if self.setting.theme.slow_leases is not None:
            return self.random.uniform(*self.setting.theme.slow_leases) * lease_seconds
        share = self.random.random()
        shortest, longest = (0.2, 1.0) if share < 0.35 else (1.0, 2.0) if share < 0.8 else (2.0, 12.0)
        return self.random.uniform(shortest, longest) * lease_seconds

    def spawn(self, work: Any) -> "asyncio.Task[Any]":
        """Start something that belongs to no replica."""
        task = asyncio.get_running_loop().create_task(self._guarded(work), context=self._context)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def _guarded(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except Exception as error:  # Of the simulation, not of what it simulates.
            self.story.violate("the simulation itself works", f"{type(error).__name__}: {error}")
            raise

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something after a while."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            do()

        self.spawn(wait())

    async def close(self) -> None:
        """End everything."""
        for replica in self.slots:
            if replica is not None:
                replica.alive = False
                for task in replica._tasks:
                    task.cancel()
        for task in list(self._tasks):
            task.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        self.auditor.close()

    # -- Replicas ---------------------------------------------------------------------------------------------------

    async def bring_up(self, slot: int) -> Replica:
        """Start a replica in a slot that is free."""
        self._lives[slot] += 1
        replica = Replica(self, slot, self._lives[slot], self.setting.skews[slot])
        self.slots[slot] = replica
        self.story.tell(replica.name, "comes up")
        self.up.set()
        await asyncio.wait([replica.spawn(replica.engine.start())])
        return replica

    def came_down(self, replica: Replica) -> None:
        """Have another one come up after a while."""
        self.slots[replica.slot] = None
        if not self.living():
            self.up.clear()
        self.spawn(self._bring_up_again(replica.slot, self.random.choice((0.5, 3.0, 20.0, 60.0))))

    async def _bring_up_again(self, slot: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.slots[slot] is None and (self.faults.on or not self.living()):
            await self.bring_up(slot)

    def living(self) -> list[Replica]:
        """Return the replicas that are up."""
        return [replica for replica in self.slots if replica is not None]

    async def any_replica(self) -> Replica:
        """Return one that is up, when there is one."""
        while not self.living():
            await self.up.wait()
        return self.random.choice(self.living())

    # -- The shop and the gateway -----------------------------------------------------------------------------------

    def place(self, order_id: str) -> None:
        """Place an order, and perhaps authorize its payment."""
        amount = self.random.choice(self.setting.theme.amounts)
        paid = self.random.random()
        if paid < 0.05:
            self.platform.place(order_id, amount, method_name="Cash", status=PaymentStatus.PENDING)
            self.story.tell("shop", f"order {order_id} of {amount}, cash")
            return
        now, expire_time = VirtualClock().now(), None
        if self.random.random() < 0.15:
            seconds = self.random.uniform(20, 200)
            expire_time = now + timedelta(seconds=seconds)
            self.last_expiry = max(self.last_expiry, asyncio.get_running_loop().time() + seconds)
        reference = self.gateway.place(order_id, amount)
        status = PaymentStatus.PENDING
        if paid < 0.8:
            self.gateway.authorize(order_id, expire_time=expire_time)
            status = self.random.choice((PaymentStatus.AUTHORIZED, PaymentStatus.AUTHORIZED, status))
        references = (reference,) if self.random.random() < 0.7 else ()
        self.platform.place(order_id, amount, method_name=self.method, status=status, references=references)
        until = f", until {expire_time:%H:%M:%S}" if expire_time else ""
        self.story.tell("shop", f"order {order_id} of {amount}: {self.gateway.truth(order_id)}{until}")

    def end_checkout(self, order_id: str) -> None:
        """Give a payment that was only placed its result."""
        truth = self.gateway.truth(order_id)
        if truth is None or truth.status is not PaymentStatus.PENDING:
            return
        if self.random.random() < 0.8:
            self.gateway.authorize(order_id)
            if self.setting.terms.capture_mode is CaptureMode.IMMEDIATE_CAPTURE and self.random.random() < 0.7:
                self.gateway.console(Action.CAPTURE, order_id)
        else:
            self.gateway.close(order_id, PaymentStatus.DECLINED, "Declined")
        self.story.tell("checkout", f"order {order_id} ends as {self.gateway.truth(order_id)}")
        self.auditor.look_at_effects()
        self.notify(order_id)

    def act_at_console(self, order_id: str) -> None:
        """Do something where nothing here hears of it, but for a notification."""
        if self.gateway.truth(order_id) is None or self.gateway.pending_references(order_id):
            return
        action = self.random.choice(MOVING)
        left = self.gateway.left_minor(action, order_id)
        if not left or (self.setting.lenient and action is Action.REFUND):
            return
        whole = action is Action.VOID or not self.setting.terms.partial_refund or self.random.random() < 0.6
        amount = left if whole else self.random.randint(1, left)
        self.story.tell("console", f"{action} {order_id} of {amount}")
        self.story.count("console actions")
        self.gateway.console(action, order_id, amount)
        self.auditor.look_at_effects()
        self.made_at_console[order_id] = self.changes[order_id] + 1
        self.notify(order_id)

    def refund_untold(self, order_id: str, amount_minor: int) -> None:
        """Return money where nothing here hears of it; its notification gets lost."""
        self.story.tell("console", f"REFUND {order_id} of {amount_minor}, untold")
        self.story.count("console actions")
        self.gateway.console(Action.REFUND, order_id, amount_minor)
        self.auditor.look_at_effects()
        self.changes[order_id] += 1
        self.made_at_console[order_id] = self.changes[order_id]

    async def at_gateway(
        self, request: GatewayRequest, call: Callable[[GatewayRequest], Awaitable[GatewayResult]]
    ) -> GatewayResult:
        """Carry a request out; what is accepted without a result gets it some time later."""
        if isinstance(self.gateway, RefusesRepeats):
            self.gateway.take_up(request)
            await asyncio.sleep(self.random.choice((0.0, 0.0, 5.0, 25.0)))
        result = await call(request)
        self.auditor.look_at_effects()
        if result.state is ResultState.PENDING:
            self.later(self.random.choice((2.0, 15.0, 60.0, 200.0)), lambda: self.end_pending(request.reference))
        else:
            self.notify(request.payment.order_id)
        return result

    def end_pending(self, reference: str) -> None:
        """Give what was accepted its result."""
        if reference not in self.gateway.pending_references():
            return
        order_id = self.gateway.order_of(reference)
        done = self.random.random() < 0.7
        self.story.tell("gateway", f"{reference[-6:]} of {order_id} is {'done' if done else 'declined'} at last")
        (self.gateway.finish if done else self.gateway.decline)(reference)
        self.auditor.look_at_effects()
        self.notify(order_id)

    # -- Notifications ----------------------------------------------------------------------------------------------

    def notify(self, order_id: str) -> None:
        """Have the gateway say that a payment changed: lost, late, twice, or in time."""
        headers, body = self.gateway.make_notification(order_id, name_order=self.random.random() < 0.5)
        self.changes[order_id] += 1
        fault = self.faults.draw(NOTIFICATION)
        if fault:
            self.story.count(f"fault {fault}")
        if fault == "notification: lost":
            self.story.tell("network", f"loses what was to tell of {order_id}")
            return
        late = self.random.uniform(5, 90) if fault == "notification: late" else 0.0
        for _ in range(2 if fault == "notification: twice" else 1):
            self.spawn(self._deliver(order_id, headers, body, late))

    def notify_falsely(self, order_id: str) -> None:
        """Have somebody else send what the gateway never signed."""
        headers, body = self.gateway.make_notification(order_id)
        headers = {name: "0" * len(value) for name, value in headers.items()}
        self.spawn(self._deliver(order_id, headers, body, 0.0, forged=True))

    async def _deliver(
        self, order_id: str, headers: dict[str, str], body: bytes, late: float, *, forged: bool = False
    ) -> None:
        change = 0 if forged else self.changes[order_id]
        await asyncio.sleep(late + self.random.expovariate(1 / 0.5))
        for _ in range(4):  # Whoever sends it tries again, though not for ever.
            replica = await self.any_replica()
            findable = order_id in self.auditor.payments
            self.story.tell(replica.name, f"is notified of {order_id}{', falsely' if forged else ''}")
            self.story.count("notifications")
            work = replica.spawn(replica.engine.take_notification(self.store_id, headers, body))
            await asyncio.wait([work], timeout=30)
            if not work.done():
                continue
            error = None if work.cancelled() else work.exception()
            if isinstance(error, NotificationRefused):
                self.story.check(forged, "what is signed is taken", f"of {order_id}: {error}")
                return
            if not work.cancelled() and error is None:
                self.story.check(not forged, "what is not signed is refused", f"of {order_id}")
                self.told[order_id] = max(self.told[order_id], change)
                if findable:
                    self.acknowledged[order_id] = max(self.acknowledged[order_id], change)
                return
            await asyncio.sleep(self.random.uniform(1, 20))
