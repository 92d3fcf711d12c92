"""One replica: a real engine behind boundaries at which everything can go wrong, and which can die at any of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from support.virtual_time import START

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.engine import Engine, StorageUnavailable, Store
from payment_actions_server.plugins import (
    GatewayCapabilities,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    Notification,
    OrderMissing,
    OrderPage,
    PlatformKind,
    PlatformOrder,
    Snapshot,
    StatusApplied,
    StatusUpdate,
    Throttled,
    Unavailable,
)
from payment_actions_server.plugins.fakes import AnswerLost
from payment_actions_server.storage import Body, PaymentWork, Record
from simulation.faults import COMMIT, GATEWAY, LOOK, PLATFORM, READ
from simulation.order_audit import CALL, Call
from simulation.scheduler import OWNER

if TYPE_CHECKING:
    from simulation.world import World

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]


class SkewedClock:
    """A replica's wall clock: the true time, give or take what its machine is off by."""

    def __init__(self, skew_seconds: float) -> None:
        self._skew_seconds = skew_seconds

    def now(self) -> datetime:
        """Return what the machine takes for the present."""
        return START + timedelta(seconds=asyncio.get_running_loop().time() + self._skew_seconds)


class Replica:
    """An engine, from its start to its crash. All its tasks are its own and die with it."""

    def __init__(self, world: "World", slot: int, life: int, skew_seconds: float) -> None:
        self.name = f"{'abc'[slot]}{life}"
        self.world = world
        self.slot = slot
        self.alive = True
        self._frozen_until = 0.0
        self._tasks: list[asyncio.Task[Any]] = []
        self._context = copy_context()
        self._context.run(OWNER.set, self)
        self.storage = SimulatedStorage(self, world.storages[slot])
        store = Store(
            store_id=world.store_id,
            platform=SimulatedPlatform(self),
            platform_adapter="simulated",
            gateway=SimulatedGateway(self),
            gateway_adapter="simulated",
            payment_methods=frozenset({world.method}),
            terms=world.setting.terms,
            order_check=world.setting.order_check,
        )
        self.engine = Engine(
            storage=self.storage,
            stores={world.store_id: store},
            clock=SkewedClock(skew_seconds),
            random=Random(world.random.getrandbits(64)),
            hooks=world.hooks,
            policy=world.setting.policy,
        )

    def own(self, task: "asyncio.Task[Any]") -> None:
        """Take a task in."""
        if len(self._tasks) > 256:
            self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(task)

    def spawn(self, work: Any, call: Call | None = None) -> "asyncio.Task[Any]":
        """Start something that lives and dies with this replica.

        :param call: what a client asks for with it.
        """
        context = self._context
        if call is not None:
            context = context.copy()
            context.run(CALL.set, call)
        return asyncio.get_running_loop().create_task(work, context=context)

    def die(self, why: str) -> None:
        """End all that this replica is doing, on the spot, as a power cut would; another comes up in its place."""
        if not self.alive:
            return
        self.alive = False
        self.world.story.tell(self.name, f"dies {why}")
        self.world.story.count("crashes")
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.world.came_down(self)

    def freeze(self, seconds: float) -> None:
        """Stop for a while, as a process that is swapped out or suspended would."""
        self._frozen_until = max(self._frozen_until, asyncio.get_running_loop().time() + seconds)

    def thaw(self) -> None:
        """Go on."""
        self._frozen_until = 0.0

    async def breathe(self, seconds: float = 0.0) -> None:
        """Let time pass at a boundary; the dead do not come back from it."""
        if not self.alive:
            raise asyncio.CancelledError
        if seconds:
            await asyncio.sleep(seconds)
        while (rest := self._frozen_until - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(rest, 5.0) + 1e-6)

    async def crash(self, why: str) -> None:
        """Die in the midst of one of its own tasks."""
        self.die(why)
        raise asyncio.CancelledError


class _Conflict(Exception):
    """Another replica changed the payment meanwhile: the transaction is undone and its body runs again."""


def _undone(body: Body[Any], work: PaymentWork) -> None:
    body(work)
    raise _Conflict


_CHANGES = frozenset({"add_notification", "forget_notifications", "put_daily_totals", "put_discovered_until"})


class SimulatedStorage:
    """The real storage, at the end of a line that fails."""

    def __init__(self, replica: Replica, inner: Any) -> None:
        self._replica = replica
        self._world = replica.world
        self._inner = inner
        self.on_events: Callable[[list[Any]], None] = lambda events: None
        inner.on_events = self._announce

    def _announce(self, events: list[Any]) -> None:
        if self._replica.alive:
            self.on_events(events)

    async def start(self) -> None:
        """It is open already."""

    async def aclose(self) -> None:
        """It is closed with the world."""

    def __getattr__(self, name: str) -> Any:
        """Return one of the storage's own methods: those that change something, at the end of the same line."""
        method = getattr(self._inner, name)
        at_the_end = self._commit if name in _CHANGES else self._read
        return lambda *arguments: at_the_end(lambda: method(*arguments))

    async def change(self, key: PaymentKey, body: Body[T], *, request_id: str = "", operation_id: str = "") -> T:
        """Change a payment: perhaps at the second try, and perhaps again though the first had worked."""

        def once(body: Body[Any]) -> Awaitable[Any]:
            return self._inner.change(key, body, request_id=request_id, operation_id=operation_id)

        return await self._commit(lambda: once(body), in_vain=lambda: once(lambda work: _undone(body, work)))

    async def record(self, key: PaymentKey, *, request_id: str = "", operation_id: str = "") -> Record:
        """Return what is known of a payment."""
        return await self._read(lambda: self._inner.record(key, request_id=request_id, operation_id=operation_id))

    async def _commit(self, commit: Work[T], *, in_vain: Work[Any] | None = None) -> T:
        world, replica = self._world, self._replica
        fault = world.faults.draw(COMMIT)
        self._tell(fault)
        await replica.breathe(world.slow() if fault == "commit: slow before" else world.latency())
        if fault == "commit: crash before":
            await replica.crash("before a commit")
        if fault == "commit: refused":
            raise StorageUnavailable("the database is out of reach")
        if fault == "commit: conflict" and in_vain:
            with suppress(Exception):  # Whatever it was, it is undone.
                await in_vain()
            await replica.breathe(world.latency())
        value = await self._audited(commit)
        if fault == "commit: applied, then tried again" and in_vain:
            await replica.breathe(world.latency() * 5)
            value = await self._audited(commit)
        if fault == "commit: crash after":
            await replica.crash("after a commit")
        if fault == "commit: answer lost":
            raise StorageUnavailable("the commit's answer was lost")
        await replica.breathe(world.slow() if fault == "commit: slow after" else world.latency())
        return value

    async def _audited(self, commit: Work[T]) -> T:
        try:
            return await commit()
        finally:
            self._world.auditor.audit(self._replica.name)

    async def _read(self, read: Work[T]) -> T:
        world, replica = self._world, self._replica
        fault = world.faults.draw(READ)
        self._tell(fault)
        await replica.breathe()
        if fault == "read: refused":
            raise StorageUnavailable("the database is out of reach")
        value = await read()
        await replica.breathe(world.slow() if fault == "read: slow" else world.latency())
        return value

    def _tell(self, fault: str) -> None:
        if fault:
            self._world.story.tell(self._replica.name, f"fault at {fault}")
            self._world.story.count(f"fault {fault}")


class _Line:
    """A line to somebody else's service. A request that is on its way arrives even when its sender is dead."""

    def __init__(self, replica: Replica, seconds_max: float) -> None:
        self._replica = replica
        self._world = replica.world
        self._seconds_max = seconds_max

    async def call(self, kinds: tuple[str, ...], what: str, carry_out: Work[T]) -> T:
        """Make a call; whoever calls bounds it."""
        replica, world = self._replica, self._world
        fault = world.faults.draw(kinds)
        if fault:
            world.story.count(f"fault {fault}")
        kind = fault.partition(": ")[2]
        world.story.tell(replica.name, f"-> {what}{f'   [fault: {fault}]' if fault else ''}")
        if not replica.alive:
            raise asyncio.CancelledError
        if kind == "crash before":
            await replica.crash(f"before {what}")
        if kind in ("unavailable", "throttled"):
            await replica.breathe(world.distance())
            raise Unavailable("no connection") if kind == "unavailable" else Throttled("quota", retry_after_seconds=2)
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        world.spawn(self._carry(kind, what, carry_out, answer, moves="gateway: crash before" in kinds))
        if kind == "crash during":
            world.later(world.random.uniform(0, self._seconds_max / 2), lambda: replica.die(f"during {what}"))
        value = await answer
        if kind == "crash after":
            await replica.crash(f"after {what}")
        await replica.breathe()
        return value

    async def _carry(
        self, kind: str, what: str, carry_out: Work[T], answer: "asyncio.Future[T]", *, moves: bool
    ) -> None:
        world = self._world
        if kind == "request lost":
            return
        late = kind == "request late" or (kind == "crash during" and world.random.random() < 0.5)
        # What has not arrived by then never does: nobody would know when to repeat it otherwise.
        latest = self._seconds_max * 0.85
        await asyncio.sleep(world.random.uniform(0.2, 1.0) * latest if late else world.distance())
        value, error = await _outcome(carry_out)
        if moves:
            world.story.tell("gateway", f"{what}: {_told(value, error)}")
        if kind == "request twice":
            await asyncio.sleep(world.distance() * 5)
            world.story.tell("network", f"{what}, once more: {_told(*await _outcome(carry_out))}")
        if kind == "answer lost":
            return
        if kind == "connection cut":
            value, error = None, AnswerLost("the connection was cut") if moves else Unavailable("connection cut")
        late_answer = self._seconds_max * world.random.uniform(0.1, 1.3) if kind == "answer late" else 0.0
        await asyncio.sleep(world.distance() + late_answer)
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
            answer.exception()  # Seen: its caller may be dead.
        else:
            answer.set_result(value)  # type: ignore[arg-type]


async def _outcome(carry_out: Work[T]) -> tuple[T | None, Exception | None]:
    try:
        return await carry_out(), None
    except Exception as error:
        return None, error


def _told(value: Any, error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}" if error is not None else str(getattr(value, "state", "done"))


class SimulatedGateway:
    """The gateway, as one replica reaches it."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._world = replica.world
        self._inner = replica.world.gateway
        self._line = _Line(replica, self._inner.capabilities.call_seconds_max)

    @property
    def capabilities(self) -> GatewayCapabilities:
        return self._inner.capabilities

    async def capture(self, request: GatewayRequest) -> GatewayResult:
        return await self._move(request, self._inner.capture)

    async def void(self, request: GatewayRequest) -> GatewayResult:
        return await self._move(request, self._inner.void)

    async def refund(self, request: GatewayRequest) -> GatewayResult:
        return await self._move(request, self._inner.refund)

    async def _move(
        self, request: GatewayRequest, call: Callable[[GatewayRequest], Awaitable[GatewayResult]]
    ) -> GatewayResult:
        if self._replica.alive:
            self._world.auditor.heard_of(request)
        what = f"{request.action} {request.payment.order_id} of {request.amount_minor} under {request.reference[-6:]}"
        return await self._line.call(GATEWAY, what, lambda: self._world.at_gateway(request, call))

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        what = f"look_up {request.reference[-6:]}"
        return await self._line.call(LOOK, what, lambda: self._inner.look_up(request))

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        return await self._line.call(LOOK, f"snapshot {payment.order_id}", lambda: self._inner.snapshot(payment))

    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        return await self._line.call(
            LOOK, "verify notification", lambda: self._inner.verify_notification(headers, body)
        )

    async def aclose(self) -> None: ...


class SimulatedPlatform:
    """The store platform, as one replica reaches it."""

    def __init__(self, replica: Replica) -> None:
        self._inner = replica.world.platform
        self._auditor = replica.world.auditor
        self._line = _Line(replica, replica.world.setting.policy.platform_call_seconds_max)

    @property
    def kind(self) -> PlatformKind:
        return self._inner.kind

    async def read_order(self, order_id: str) -> PlatformOrder:
        try:
            order = await self._line.call(PLATFORM, f"read order {order_id}", lambda: self._inner.read_order(order_id))
        except OrderMissing:
            self._auditor.orders.read(order_id, None)
            raise
        self._auditor.orders.read(order_id, order)
        return order

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        async def listed() -> OrderPage:
            return await self._inner.list_orders(
                changed_after=changed_after, page_token=page_token, page_size=page_size
            )

        return await self._line.call(PLATFORM, "list orders", listed)

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        self._auditor.written(update.order_id, update.status)
        self._auditor.orders.check_write(update.order_id, update.status)
        what = f"store {update.order_id} is {update.status}"
        return await self._line.call(PLATFORM, what, lambda: self._inner.apply_status(update))

    async def aclose(self) -> None: ...
