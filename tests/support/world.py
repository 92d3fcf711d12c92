"""A shop, a gateway and the real engine over a real database, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from payment_actions_server.domain.decision import Objection, Terms
from payment_actions_server.domain.event import Event, EventType, chain_break
from payment_actions_server.domain.operation import ActionRequest, Operation
from payment_actions_server.domain.status import OrderCheck
from payment_actions_server.engine import ActionResult, Engine, EnginePolicy, PaymentView, Store
from payment_actions_server.plugins import (
    Action,
    ActionCapability,
    CaptureMode,
    GatewayCapabilities,
    PaymentStatus,
    ReviewRequest,
)
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform, full_capabilities
from payment_actions_server.storage import Storage, open_storage, postgres
from support.databases import empty, new_sqlite_file
from support.virtual_time import VirtualClock, VirtualLoop

STORE = "shop"
METHOD = "Amazon Pay"
TOTAL = 12_990


@dataclass
class RecordingHooks:
    """Hooks that remember events, and object to what ``objection`` says."""

    events: list[Event] = field(default_factory=list)
    objection: Callable[[ReviewRequest], Objection | None] = lambda request: None
    reviewing = True

    def review(self, request: ReviewRequest) -> Objection | None:
        return self.objection(request)

    def event(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class World:
    """What a test acts in. ``engine`` is one replica; `replica` opens another over the same storage."""

    clock: VirtualClock
    gateway: InMemoryGateway
    platform: InMemoryPlatform
    storage: Storage
    hooks: RecordingHooks
    terms: Terms
    policy: EnginePolicy
    order_check: OrderCheck = OrderCheck.BEFORE_MONEY
    engine: Engine = None  # type: ignore[assignment]
    engines: list[Engine] = field(default_factory=list)
    more_stores: list[Store] = field(default_factory=list)  #: Beside the one; `replica` takes them up.
    _request_ids: "count[int]" = field(default_factory=count)
    _seeds: "count[int]" = field(default_factory=count)

    @property
    def store(self) -> Store:
        """Return the one store."""
        return Store(
            store_id=STORE,
            platform=self.platform,
            platform_adapter="fake",
            gateway=self.gateway,
            gateway_adapter="fake",
            payment_methods=frozenset({METHOD}),
            terms=self.terms,
            order_check=self.order_check,
        )

    def another_store(self, store_id: str) -> Store:
        """Add a store with fakes of its own; engines that are made from now on know it."""
        gateway, platform = InMemoryGateway(self.clock.now), InMemoryPlatform(self.clock.now)
        store = replace(self.store, store_id=store_id, gateway=gateway, platform=platform)
        self.more_stores.append(store)
        return store

    def replica(self, **changes: object) -> Engine:
        """Return another engine over the same storage, as a restarted or second process would have."""
        stores = {store.store_id: store for store in (self.store, *self.more_stores)}
        arguments = {"stores": stores, "policy": self.policy} | changes
        engine = Engine(
            storage=self.storage,
            clock=self.clock,
            random=Random(next(self._seeds)),
            hooks=self.hooks,
            **arguments,  # type: ignore[arg-type]
        )
        self.engines.append(engine)
        return engine

    async def crash(self, engine: Engine | None = None) -> None:
        """End all that an engine is doing, on the spot, as a power cut would."""
        background = (engine or self.engine)._background
        doomed = [*background._loops, *background._tasks]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    async def restart(self) -> None:
        """Crash, and go on with a new engine."""
        await self.crash()
        self.engine = self.replica()
        await self.engine.start()

    # -- At the shop ------------------------------------------------------------------------------------------------

    def authorized(
        self,
        order_id: str = "1",
        amount_minor: int = TOTAL,
        currency_code: str = "USD",
        *,
        expire_time: datetime | None = None,
    ) -> str:
        """Place an order and authorize its payment; return its id."""
        reference = self.gateway.authorize(order_id, amount_minor, currency_code, expire_time=expire_time)
        self._place(order_id, amount_minor, currency_code, PaymentStatus.AUTHORIZED, reference)
        return order_id

    def pending(self, order_id: str = "1", amount_minor: int = TOTAL, currency_code: str = "USD") -> str:
        """Place an order whose authorization has no result yet; return its id."""
        reference = self.gateway.place(order_id, amount_minor, currency_code)
        self._place(order_id, amount_minor, currency_code, PaymentStatus.PENDING, reference)
        return order_id

    def _place(self, order_id: str, amount_minor: int, currency_code: str, status: PaymentStatus, reference) -> None:
        self.platform.place(
            order_id,
            amount_minor,
            currency_code,
            method_name=METHOD,
            status=status,
            references=(reference,),
        )

    # -- At our door ------------------------------------------------------------------------------------------------

    async def act(
        self, action: Action, order_id: str = "1", *, engine: Engine | None = None, **request
    ) -> ActionResult:
        """Run an action, with a fresh request id unless one is given."""
        request_id = request.pop("request_id", None) or f"request-{next(self._request_ids)}"
        asked = ActionRequest(store=STORE, order_id=order_id, action=action, request_id=request_id, **request)
        return await (engine or self.engine).run_action(asked)

    async def capture(self, order_id: str = "1", **request) -> ActionResult:
        """Capture."""
        return await self.act(Action.CAPTURE, order_id, **request)

    async def refund(self, order_id: str = "1", **request) -> ActionResult:
        """Refund."""
        return await self.act(Action.REFUND, order_id, **request)

    async def void(self, order_id: str = "1", **request) -> ActionResult:
        """Void."""
        return await self.act(Action.VOID, order_id, **request)

    async def refresh(self, order_id: str = "1") -> list[EventType]:
        """Refresh; return what events that appended."""
        _, events = await self.engine.refresh(STORE, order_id)
        return [event.type for event in events]

    async def notify(self, order_id: str = "1", **options) -> None:
        """Have the gateway send a notification about a payment."""
        headers, body = self.gateway.make_notification(order_id, **options)
        await self.engine.take_notification(STORE, headers, body)

    async def view(self, order_id: str = "1") -> PaymentView:
        """Return the payment as callers see it."""
        return await self.engine.get_payment(STORE, order_id)

    async def status(self, order_id: str = "1") -> PaymentStatus:
        """Return where the payment stands."""
        return (await self.view(order_id)).payment.status

    async def offered(self, order_id: str = "1") -> set[Action]:
        """Return what may be done with the payment."""
        return {offer.action for offer in (await self.view(order_id)).decision.offers}

    async def operation(self, operation: Operation | ActionResult) -> Operation:
        """Return an operation as it is now."""
        known = operation.operation if isinstance(operation, ActionResult) else operation
        return await self.engine.get_operation(STORE, known.operation_id)

    async def in_flight(self, order_id: str = "1") -> Operation:
        """Return the payment's operation in flight; there must be one."""
        operation = (await self.view(order_id)).operation
        assert operation is not None
        return operation

    async def events(self, order_id: str = "1") -> list[Event]:
        """Return the payment's whole history, having checked its chain."""
        events = (await self.engine.list_events(STORE, order_id, 1000, "")).items
        assert chain_break(events) is None
        return events

    async def told(self, order_id: str = "1") -> list[EventType]:
        """Return the kinds of the payment's events."""
        return [event.type for event in await self.events(order_id)]

    def asked(self, *calls: str) -> list[str]:
        """Return the references (or order ids) of the gateway calls of these names, in order."""
        return [reference for call, reference in self.gateway.calls if call in calls]


@asynccontextmanager
async def world(
    tmp_path: Path,
    *,
    capture_mode: CaptureMode = CaptureMode.AUTHORIZE_THEN_CAPTURE,
    partial: bool = False,
    policy: EnginePolicy | None = None,
    capabilities: GatewayCapabilities | None = None,
    order_check: OrderCheck = OrderCheck.BEFORE_MONEY,
    started: bool = True,
) -> AsyncIterator[World]:
    """Open a world. ``started=False``: without the engine's background work, for tests that want to be alone."""
    clock = VirtualClock()
    storage = await _opened(tmp_path)
    here = World(
        clock=clock,
        gateway=InMemoryGateway(clock.now, capabilities=capabilities or full_capabilities(partial=partial)),
        platform=InMemoryPlatform(clock.now),
        storage=storage,
        hooks=RecordingHooks(),
        terms=Terms(capture_mode, partial_capture=partial, partial_refund=partial),
        policy=policy or EnginePolicy(discovery_seconds=0),
        order_check=order_check,
    )
    here.engine = here.replica()
    if started:
        await here.engine.start()
    try:
        yield here
    finally:
        for engine in here.engines:
            await engine.stop(grace_seconds=1)
        await storage.aclose()


def blind(window: timedelta = timedelta(0)) -> GatewayCapabilities:
    """Return the capabilities of a gateway that cannot look a reference up."""
    unseeing = ActionCapability(window, lookup=False)
    return replace(full_capabilities(), capture=unseeing, void=unseeing, refund=unseeing)


_postgres_url = ""  # Of the PostgreSQL database that worlds are made in; empty: each has a SQLite file of its own.


async def _opened(tmp_path: Path) -> Storage:
    """Return a storage with nothing in it."""
    if _postgres_url:
        empty(_postgres_url)
        storage, loop = open_storage(_postgres_url), asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.abroad():
            await storage.start()
        return storage
    path = tmp_path / "payment-actions.db"
    new_sqlite_file(path)
    storage = open_storage(f"sqlite:///{path}")
    await storage.start()
    return storage


def keep_worlds_in_postgres(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Make the worlds of a test in a PostgreSQL database; while it is asked, virtual time stands still."""
    use = postgres._Line.use

    async def use_abroad(line: postgres._Line, work: Callable[..., Any]) -> Any:
        with asyncio.get_running_loop().abroad():  # type: ignore[attr-defined]
            return await use(line, work)

    async def hear_nobody(storage: Storage) -> None:
        """There are no other replicas, and it would look for them four times in each virtual second."""

    monkeypatch.setattr("support.world._postgres_url", url)
    monkeypatch.setattr(postgres._Line, "use", use_abroad)
    monkeypatch.setattr(postgres.PostgresStorage, "_hear_others", hear_nobody)
