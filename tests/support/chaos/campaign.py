"""A whole campaign: strike while clients work, let everything come to rest, and hold effects against intents."""

import asyncio
import time
from collections import Counter
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from payment_actions.v1 import payment_actions_pb2 as pb
from support.chaos.accounting import Kind, Violation, stories, violations
from support.chaos.load import Load
from support.chaos.monkey import Monkey
from support.chaos.plan import Strike, faults
from support.chaos.record import Effect, Key, Order, Record, Watched
from support.chaos.stage import LEASE_SECONDS, ChaosStage
from support.postgres import Postgres

REST_SECONDS_MAX = 300.0
PATIENCE_SECONDS = 20.0  #: How long payments may take to come to rest by themselves; then staff presses Refresh.
WATCH_SECONDS_MAX = 120.0


@dataclass(kw_only=True)
class Report:
    """What came out."""

    seed: int
    seconds: float
    record: Record
    counts: dict[str, int]
    strikes: Counter[str]
    found: list[Violation] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.seconds:.0f} s of faults"]
        lines += [f"  {count:7}  {word}" for word, count in self.counts.items()]
        lines += [f"  {self.strikes[strike]:7}  {strike.value}" for strike in Strike if self.strikes[strike]]
        if self.found:
            lines += ["", *map(str, self.found[:50]), "", stories(self.record, self.found)]
        return "\n".join(lines)


def campaign(
    folder: Path, *, seed: int, seconds: float, clients: int = 6, replica_count: int = 3, postgres: bool = True
) -> Report:
    """Run one and return what came out.

    What is planned, faults and orders, comes from ``seed``; when exactly things happen is up to the machine, so that
    the same seed does not repeat the same run.

    :param postgres: otherwise one replica over SQLite.
    """
    with ExitStack() as stack:
        database = stack.enter_context(Postgres()) if postgres else None
        if database is not None:
            database.create_database("chaos")
        stage = stack.enter_context(ChaosStage(folder, replica_count=replica_count, postgres=database))
        return _Campaign(stage, seed, seconds).run(clients)


class _Campaign:
    def __init__(self, stage: ChaosStage, seed: int, seconds: float) -> None:
        self._stage = stage
        self._seed = seed
        self._seconds = seconds
        self._random = Random(f"campaign of {seed}")
        self._record = Record()
        self._load: Load
        self._pressed = 0

    def run(self, clients: int) -> Report:
        self._load = self._stage.work(self._loaded())
        watching = self._start_watchers()
        working = self._begin(self._load.work(clients))
        monkey = self._unleash()
        self._stage.loop.call_soon_threadsafe(self._load.stop)
        self._stage.heal()
        self._stage.wait_until_serving()
        self._finish(working)
        self._stage.work(self._rest(), REST_SECONDS_MAX + 30)
        self._stage.work(self._collect(), 120)
        self._stage.work(self._watchers_caught_up(), WATCH_SECONDS_MAX + 10)
        for watcher in watching:
            self._stage.loop.call_soon_threadsafe(watcher.cancel)
        self._stage.work(self._load.close())
        return self._report(monkey)

    async def _loaded(self) -> Load:
        return Load(self._stage, self._record, self._seed)

    def _begin(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._stage.loop)

    def _start_watchers(self) -> "list[Future[Any]]":
        all_stores: frozenset[str] = frozenset()
        self._record.watched = [
            Watched(name="a watcher of all stores", stores=all_stores),
            Watched(name="another watcher of all stores", stores=all_stores),
            Watched(name="a watcher of eu-shop", stores=frozenset({"eu-shop"})),
        ]
        return [
            self._begin(self._load.watch(each, Random(self._random.getrandbits(32)))) for each in self._record.watched
        ]

    def _unleash(self) -> Monkey:
        plan = faults(
            self._seed,
            self._seconds,
            replica_count=len(self._stage.replicas),
            postgres=self._stage.postgres is not None,
            pause_seconds=LEASE_SECONDS,
        )
        monkey = Monkey(self._stage, plan, self._seed, self._load.authorizations)
        monkey.run(self._seconds)
        return monkey

    def _finish(self, working: "Future[Any]") -> None:
        """Wait for the clients, while time passes at Amazon: some wait for a refund's result."""
        deadline = time.monotonic() + REST_SECONDS_MAX
        while not working.done():
            assert time.monotonic() < deadline, f"clients still wait after {REST_SECONDS_MAX} s"
            self._stage.amazon.send("POST", "clock/advance", seconds=60)
            for replica in self._stage.replicas:
                replica.look_after()
            time.sleep(0.2)
        working.result()

    # -- Rest -------------------------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        """Wait until nothing is in flight and every store holds its status. What does not rest is found later."""
        await asyncio.to_thread(self._stage.amazon.send, "POST", "clock/advance", seconds=60)
        begin = time.monotonic()
        # Nobody tells us of what was done in Seller Central while Amazon's notifications got lost: staff looks.
        restless = list(self._record.orders)
        for order in restless:
            if order.elsewhere:
                await self._press_refresh(order)
        while restless and time.monotonic() < begin + REST_SECONDS_MAX:
            restless = [order for order in restless if not await self._rests(order)]
            if time.monotonic() > begin + PATIENCE_SECONDS:
                for order in restless:
                    await self._press_refresh(order)
            await asyncio.sleep(0.3)

    async def _press_refresh(self, order: Order) -> None:
        self._pressed += 1
        await self._load.refresh(order.key, self._random)

    async def _rests(self, order: Order) -> bool:
        payment = await self._load.payment(order.key, self._random)
        in_sync = payment.store_update.state == pb.STORE_UPDATE_STATE_IN_SYNC
        pending = payment.status == pb.PAYMENT_STATUS_PENDING
        return in_sync and not pending and not payment.HasField("operation_in_flight")

    # -- Collect ----------------------------------------------------------------------------------------------------

    async def _collect(self) -> None:
        record = self._record
        await self._ask_again()
        for order in record.orders:
            record.payments[order.key] = await self._load.payment(order.key, self._random)
            record.events[order.key] = await self._load.ask(
                lambda client, key=order.key: _all(client, key), self._random
            )
            for event in record.events[order.key]:
                if event.type == pb.EVENT_TYPE_OPERATION_STARTED:
                    operation = await self._load.operation(order.key.store, event.operation_id, self._random)
                    record.operations[operation.operation_id] = operation
        for store, control in self._stage.shops.items():
            for held in await asyncio.to_thread(control.get, "orders"):
                record.held[Key(store, str(held["id"]))] = held["payment_status"]
        references = {order.order_reference: order.key for order in record.orders}
        for effect in (await asyncio.to_thread(self._stage.amazon.get, "effects"))["effects"]:
            if effect["kind"] != "authorize" and effect["order_reference"] in references:
                record.effects.setdefault(references[effect["order_reference"]], []).append(_effect(effect))

    async def _ask_again(self) -> None:
        """Ask once more under every request id that has an operation."""
        asked = {(each.key, each.request_id, each.action) for each in self._record.attempts if each.operation_id}
        for key, request_id, action in sorted(asked):
            self._record.asked_again[key.store, request_id] = await self._asked(key, request_id, action)

    async def _asked(self, key: Key, request_id: str, action: str) -> pb.Operation:
        options: dict[str, Any] = {"request_id": request_id}
        if request_id in self._load.amounts:
            options |= {"amount": self._load.amounts[request_id], "currency_code": "EUR"}
        answer = await self._load.ask(lambda client: getattr(client, action.lower())(*key, **options), self._random)
        return answer.operation

    async def _watchers_caught_up(self) -> None:
        due = {
            store: max(
                (
                    event.sequence
                    for key, events in self._record.events.items()
                    if key.store == store
                    for event in events
                ),
                default=0,
            )
            for store in self._stage.shops
        }
        deadline = time.monotonic() + WATCH_SECONDS_MAX
        for watched in self._record.watched:
            last = max((due[store] for store in watched.stores or due), default=0)
            while not (watched.events and watched.events[-1].sequence >= last) and time.monotonic() < deadline:
                await asyncio.sleep(0.1)

    # -- Report -----------------------------------------------------------------------------------------------------

    def _report(self, monkey: Monkey) -> Report:
        record, load = self._record, self._load
        found = violations(record)
        for replica in self._stage.replicas:
            found += [Violation(Kind.UNREST, None, death) for death in replica.deaths]
            found += [
                Violation(Kind.ANSWER, None, f"a mistake of the service's: {line}") for line in replica.incidents()
            ]
        kinds = Counter(violation.kind for violation in found)
        effects = [effect for made in record.effects.values() for effect in made]
        proxies = [*self._stage.amazon_proxies, *self._stage.database_proxies, self._stage.notification_proxy]
        restarts = monkey.done[Strike.RESTART_DATABASE]
        counts = {
            "orders": len(record.orders),
            "intents": len(record.operations),
            "intents that succeeded": sum(o.state == pb.OPERATION_STATE_SUCCEEDED for o in record.operations.values()),
            "intents whose outcome was unknown for a while": len(_unknown(record)),
            "intents that were sent again": sum(each.attempts > 1 for each in record.operations.values()),
            "effects": len(effects),
            "requests": len({(each.key, each.request_id) for each in record.attempts}),
            "attempts": len(record.attempts),
            "retries": load.retries,
            "attempts without an answer": load.told["unanswered"],
            "of these without one in time": sum(each.reason == "DEADLINE_EXCEEDED" for each in record.attempts),
            "orders whose client gave up": load.given_up,
            "batches": load.batches,
            "times that a batch was taken up again": load.batches_resumed,
            "refreshes": load.refreshes,
            "events": sum(map(len, record.events.values())),
            "times that a watcher went on elsewhere": load.switches,
            "kills": monkey.kills,
            "replica starts after kills": monkey.restarts,
            "pauses": monkey.done[Strike.PAUSE] + monkey.done[Strike.LONG_PAUSE],
            "database restarts": restarts,
            "cut connections": sum(proxy.cuts for proxy in proxies),
            "gateway faults": monkey.done[Strike.AMAZON_FAULT]
            + monkey.done[Strike.KILL_WAITING]
            + monkey.done[Strike.SWALLOW_AMAZON],
            "refreshes pressed to come to rest": self._pressed,
            "lost": kinds[Kind.LOST],
            "doubled": kinds[Kind.DOUBLED],
            "other violations": len(found) - kinds[Kind.LOST] - kinds[Kind.DOUBLED],
        }
        return Report(
            seed=self._seed, seconds=self._seconds, record=record, counts=counts, strikes=monkey.done, found=found
        )


def _unknown(record: Record) -> set[str]:
    """Return the operations that took a second look."""
    return {
        event.operation_id
        for events in record.events.values()
        for event in events
        if event.details.get("operation_state") == "UNKNOWN"
        or (event.type == pb.EVENT_TYPE_OPERATION_ENDED and event.actor == "recovery")
    }


async def _all(client: Any, key: Key) -> list[pb.Event]:
    return [event async for event in client.list_events(*key, page_size=1000)]


def _effect(effect: dict[str, str]) -> Effect:
    return Effect(
        kind=effect["kind"],
        object_id=effect["object"],
        reference=effect["reference_id"],
        amount_minor=int(effect["amount"].replace(".", "")),
        state=effect["state"],
        time=effect["time"],
    )
