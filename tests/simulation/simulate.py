"""Live through one world, from its seed to its end, and say whether all that must hold held."""

import asyncio
import logging
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import structlog

from payment_actions_server.domain.errors import PaymentActionsError
from payment_actions_server.domain.event import EventType, chain_break
from payment_actions_server.domain.status import OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import StorageUnavailable, open_storage, sqlite, sqlite_file
from simulation.auditor import Row
from simulation.clients import Clients, Watcher
from simulation.end_of_shop import STORE_HOLDS, EndOfShop
from simulation.order_audit import REFUND_FOUND
from simulation.scheduler import ShuffledLoop
from simulation.setting import Setting, setting_of
from simulation.sides import SEES_ALL, Truth
from simulation.stopwatch import drawn_stopwatch
from simulation.story import Story
from simulation.themes import theme_of
from simulation.world import World

REST_SECONDS_MAX = 3 * 3600.0
LOOK_SECONDS_MAX = 600
WATCH_SECONDS_MAX = 900  # A read that began before the last fault may take twelve leases.
ORDERS_MAX = 12
ORDERS_OPEN_MAX = 3
"""How many orders, the latest ones, are of interest at a time."""


@dataclass(frozen=True)
class Result:
    """What became of one seed."""

    seed: int
    invariant: str  #: The one that does not hold; empty: all hold.
    why: str
    counts: Counter[str]
    digest: str
    story: tuple[str, ...]
    virtual_seconds: float
    seconds: float


def simulate(seed: int, *, tell: bool = False) -> Result:
    """Live through the world of a seed.

    :param tell: whether to return its story even if all went well.
    """
    begun = time.process_time()
    random, shop_random, story = Random(seed), Random(f"shop of {seed}"), Story()
    setting = setting_of(random, shop_random, theme_of(seed))
    loop = ShuffledLoop(Random(random.getrandbits(64)))
    loop.set_exception_handler(lambda *_: None)  # Of tasks that died with their replica.
    _listen(story)
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        with drawn_stopwatch(Random(random.getrandbits(64))), asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_live(random, shop_random, story, setting, folder))
            virtual_seconds = loop.time()
    finally:
        shutil.rmtree(folder)
    failed = story.violation
    return Result(
        seed=seed,
        invariant=failed.invariant if failed else "",
        why=str(failed) if failed else "",
        counts=story.counts,
        digest=story.digest(),
        story=tuple(story.lines) if failed or tell else (),
        virtual_seconds=virtual_seconds,
        seconds=time.process_time() - begun,
    )


async def _live(random: Random, shop_random: Random, story: Story, setting: Setting, folder: Path) -> None:
    path = folder / "payments.db"
    storages = await _storages(path, setting.replicas)
    world = World(random, shop_random, story, storages, setting, path)
    try:
        with suppress(_Over):
            await _Life(world).live()
    finally:
        await world.close()
        for storage in storages:
            await storage.aclose()


class _Over(Exception):
    """An invariant was broken: there is nothing to be learned from what follows."""


class _Life:
    """From the first order to the last look."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.order_ids: list[str] = []
        self.clients = Clients(world, self.order_ids)
        self.watchers = [Watcher(world)]

    async def live(self) -> None:
        world, story = self.world, self.world.story
        story.tell("world", world.setting.told())
        if world.setting.theme.name:
            story.count(f"theme: {world.setting.theme.name}")
        for slot in range(world.setting.replicas):
            await world.bring_up(slot)
        for watcher in self.watchers:
            world.spawn(watcher.watch())
        if not world.shop.quiet:
            story.count("lively shops")
            world.spawn(world.shop.live())
        for _ in range(world.setting.orders):
            self._place()
        for _ in range(world.setting.steps):
            self._step()
            story.count("steps")
            await self._pass(world.random.expovariate(1 / world.setting.pace_seconds))
        await self._settle()
        await self._check_end()

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.world.story.violation is not None:
            raise _Over

    # -- What happens -----------------------------------------------------------------------------------------------

    def _step(self) -> None:
        world, random, clients = self.world, self.world.random, self.clients
        order_id = random.choice(self.order_ids[-ORDERS_OPEN_MAX:])
        steps = {
            "place": (8, self._place),
            "act": (30, clients.act),
            "double click": (6, clients.double_click),
            "ask twice": (6, clients.ask_twice_at_once),
            "burst": (2, clients.burst),
            "repeat": (10, clients.repeat),
            "misuse": (2, clients.misuse),
            "refresh": (8, clients.refresh),
            "look": (8, clients.look),
            "console": (4, lambda: world.act_at_console(order_id)),
            "checkout": (5, lambda: world.end_checkout(order_id)),
            "notify": (4, lambda: world.gateway.truth(order_id) and world.notify(order_id)),
            "forge": (1, lambda: world.gateway.truth(order_id) and world.notify_falsely(order_id)),
            "crash": (3, self._crash),
            "freeze": (4, self._freeze),
            "storm": (3, self._storm),
            "change": (1, self._order_changes),
        }
        weights = [world.setting.theme.weights.get(name, weight) for name, (weight, _) in steps.items()]
        _, do = random.choices(list(steps.values()), weights)[0]
        do()

    def _place(self) -> None:
        if len(self.order_ids) < ORDERS_MAX:
            self.order_ids.append(f"o{len(self.order_ids) + 1}")
            self.world.place(self.order_ids[-1])

    def _crash(self) -> None:
        if living := self.world.living():
            self.world.random.choice(living).die("without a reason")

    def _freeze(self) -> None:
        if "commit: slow after" not in self.world.setting.barred and (living := self.world.living()):
            replica, seconds = self.world.random.choice(living), self.world.slow()
            self.world.story.tell(replica.name, f"stands still for {seconds:.0f} s")
            self.world.story.count("standstills")
            replica.freeze(seconds)

    def _storm(self) -> None:
        name, seconds = self.world.faults.storm()
        self.world.story.tell("weather", f"{name}, for {seconds:.0f} s")
        self.world.story.count(f"storm: {name}")

    def _order_changes(self) -> None:
        order_id = self.world.random.choice(self.order_ids)
        order = self.world.platform.present(order_id)
        if order is not None and order.total_minor is not None and order.total_minor > 10:
            self.world.platform.change(order_id, total_minor=order.total_minor - 10)
            self.world.story.tell("shop", f"order {order_id} becomes cheaper")

    # -- The end ----------------------------------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Let nothing go wrong any more, and everything come to rest."""
        world = self.world
        world.story.tell("world", "from now on nothing goes wrong")
        world.faults.end()
        world.shop.become_quiet()
        for replica in world.living():
            replica.thaw()
        if world.random.random() < 0.6:
            for replica in world.living():
                replica.die("in the last power cut")
        if not world.living():
            await world.bring_up(world.random.randrange(world.setting.replicas))
        for order_id in self.order_ids:
            world.end_checkout(order_id)
        await self._pass(max(0.0, world.last_expiry - asyncio.get_running_loop().time()) + 40)
        await self._come_to_rest()
        await self._come_to_know()
        await self._let_an_operator_look()
        await self._come_to_rest()
        await self._come_to_know()
        await self._refresh_what_nobody_told()
        await self._come_to_rest()
        await EndOfShop(world, self.clients, self._pass, self._come_to_rest).check()
        await self._pass(20.0)
        for _ in range(WATCH_SECONDS_MAX // 5):  # What was held up for long may have happened only now.
            seen = all(len(watcher.seen) == len(world.auditor.events()) for watcher in self.watchers)
            if seen and world.auditor.at_rest():
                return
            await self._pass(5.0)

    async def _come_to_rest(self) -> None:
        world = self.world
        begun = asyncio.get_running_loop().time()
        while True:
            await self._pass(15.0)
            for reference in world.gateway.pending_references():
                world.end_pending(reference)
            if not self.clients.open and world.auditor.at_rest():
                return
            if asyncio.get_running_loop().time() - begun > REST_SECONDS_MAX:
                world.story.violate("no operation is forgotten", "there is work left, and nobody does it")
                raise _Over

    async def _come_to_know(self) -> None:
        """What happened at the gateway must be found with nobody's help, but for what nobody told."""
        for _ in range(LOOK_SECONDS_MAX // 20):
            if not self._unknown():
                return
            await self._pass(20.0)
        for invariant, why in self._unknown():
            self.world.story.violate(invariant, why)

    def _unknown(self) -> list[tuple[str, str]]:
        """Return what should be known and is not, and which invariant that breaks."""
        world, unknown = self.world, []
        in_flight = {intent.order_id for intent in world.auditor.intents.values() if intent.state.in_flight}
        for order_id, payment in world.auditor.payments.items():
            truth, missing = world.gateway.truth(order_id), world.auditor.orders.find_missing_refund(payment)
            if missing and order_id not in in_flight:
                unknown.append((REFUND_FOUND, missing))
                continue
            if not payment.ours or order_id in in_flight or payment.facts == truth or self._nobody_told(payment):
                continue
            assert truth is not None
            told = world.acknowledged[order_id] == world.changes[order_id] and truth.status is not PaymentStatus.EXPIRED
            unknown.append(
                ("what was acknowledged is looked at", f"{payment}; the gateway: {truth}, and all of it was notified")
                if told
                else ("in the end the record is the gateway's truth", f"{payment}; the gateway: {truth}")
            )
        return unknown

    def _nobody_told(self, payment: Row) -> bool:
        """Tell whether something was done at the console that nobody here can know of.

        No schedule looks at a payment that is settled, and the notification of it was lost.
        """
        world, order_id = self.world, payment.order_id
        return not payment.next_look_due and world.made_at_console[order_id] > world.told[order_id]

    async def _refresh_what_nobody_told(self) -> None:
        world = self.world
        for payment in list(world.auditor.payments.values()):
            if self._nobody_told(payment):
                world.story.count("refreshed at the end")
                world.story.tell("client", f"refreshes {payment.order_id}: what was done at the console was not told")
                await self.clients.refresh_order(payment.order_id)
        await self._come_to_know()

    async def _let_an_operator_look(self) -> None:
        """Resolve what could not be found out, by what the gateway really did."""
        world = self.world
        for intent in list(world.auditor.intents.values()):
            if intent.state is OperationState.NEEDS_REVIEW:
                world.story.count("reviews")
                world.story.check(intent.message, "what needs review says why", f"{intent}")
                world.story.check(
                    world.setting.gateway != SEES_ALL,
                    "what can be found out is found out",
                    f"{intent} waits for an operator, although the gateway can be asked",
                )
                word = OperationState.SUCCEEDED if world.auditor.done(intent.reference) else OperationState.FAILED
                await self._ask(
                    lambda engine, intent=intent, word=word: engine.resolve_operation(
                        world.store_id, intent.operation_id, word, "I looked.", "ann"
                    )
                )

    async def _ask(self, ask: Any) -> Any:
        replica = await self.world.any_replica()
        return await replica.spawn(ask(replica.engine))

    async def _check_end(self) -> None:
        world, check = self.world, self.world.story.check
        world.auditor.audit("world")
        self._check_watchers()  # Before time passes: what is asked for below may let something else happen.
        for request_id, certain in self.clients.certain.items():
            begun = world.auditor.by_request.get(request_id)
            check(not (certain and begun), "'nothing happened' is true", f"{request_id} is {begun} all the same")
        for intent in world.auditor.intents.values():
            check(not intent.state.in_flight, "no operation is forgotten", f"{intent}")
        for order_id in self.order_ids:
            if order_id in world.auditor.payments:
                await self._check_order(order_id)
        if world.story.violation is not None:
            raise _Over

    async def _check_order(self, order_id: str) -> None:
        world, check = self.world, self.world.story.check
        view = await self._ask(lambda engine: engine.get_payment(world.store_id, order_id))
        payment, truth = view.payment, world.gateway.truth(order_id)
        facts = Truth(payment.status, *payment.amounts)
        events = (await self._ask(lambda engine: engine.list_events(world.store_id, order_id, 1000, ""))).items
        check(chain_break(events) is None, "the chain is unbroken", f"{order_id} at #{chain_break(events)}")
        check(len(events) == payment.version, "every change has its event", f"{order_id}: {len(events)} events")
        told = Counter(event.type for event in events)
        ended = told[EventType.OPERATION_ENDED] + told[EventType.OPERATION_RESOLVED]
        check(told[EventType.OPERATION_STARTED] == ended, "every change has its event", f"{order_id}: {told}")
        if not payment.ours:
            return
        check(
            facts == truth,
            "in the end the record is the gateway's truth",
            f"{order_id}: {facts}; the gateway: {truth}",
        )
        world.auditor.orders.check_view(view)
        other = world.auditor.orders.find_other_status(world.auditor.payments[order_id])
        in_sync = view.store_update.state is StoreUpdateState.IN_SYNC or order_id in world.shop.deleted
        check(in_sync and not other, STORE_HOLDS, other or f"{order_id}: {view.store_update.state}")

    def _check_watchers(self) -> None:
        happened = self.world.auditor.events()
        for watcher in self.watchers:
            seen = [(event.sequence, event.order_id, event.number) for event in watcher.seen]
            self.world.story.check(
                seen == happened,
                "a watcher sees each event once, in order",
                f"{len(seen)} seen, {len(happened)} happened; the first of them missed:"
                f" {next((event for event in happened if event not in seen), None)}",
            )


SCHEMA_CHANGES: tuple[str, ...] = ()
"""What planted faults take from the database."""
_TEMPLATE: dict[str, bytes] = {}


def _make_database(path: Path) -> None:
    """Make an empty database: the first run migrates, the others copy what it made."""
    if not _TEMPLATE:
        sqlite_file.migrate(str(path))
        _TEMPLATE["file"] = path.read_bytes()
    path.write_bytes(_TEMPLATE["file"])
    with closing(sqlite3.connect(path)) as database:
        for change in SCHEMA_CHANGES:
            database.execute(change)


async def _storages(path: Path, number: int) -> list[Any]:
    """Return one storage for each replica, over one file."""
    _make_database(path)
    storages = [open_storage(f"sqlite:///{path}") for _ in range(number)]
    with patch.object(sqlite, "migrate"):  # It is up to date, and to look takes a tenth of all the time.
        for storage in storages:
            await storage.start()
    return storages


DISPUTE = "store disputes the status"
"""What the engine tells operators of a shop that goes on changing a status; the auditor looks whether it is true."""


def _listen(story: Story) -> None:
    """Hear what the engine logs: an error that nobody promised is a bug."""

    def hear(logger: Any, method: str, entry: dict[str, Any]) -> Any:
        event, error = entry.pop("event", ""), entry.pop("exc_info", None)
        error = sys.exc_info()[1] if error is True else error  # As `log.exception` tells of it.
        details = ", ".join(f"{key}={value}" for key, value in entry.items())
        story.tell("log", f"{method}: {event} {details} {error!r}")
        if event == "rule broken":
            story.violate("the engine's own guard lets all pass", details)
        elif method in ("error", "critical", "exception") and not _promised(error) and event != DISPUTE:
            story.violate("nothing unexpected is logged", f"{event}: {error!r} {details}")
        raise structlog.DropEvent

    structlog.configure(
        processors=[hear],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )


def _promised(error: Any) -> bool:
    return isinstance(error, StorageUnavailable | PaymentActionsError)
