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
from support.chaos.record import Effect, Key, Record, Watched
from support.chaos.rest import BY_ITSELF_SECONDS_MAX, PRESSED_SECONDS_MAX, Rest
from support.chaos.stage import LEASE_SECONDS, ChaosStage
from support.postgres import Postgres

FINISH_SECONDS_MAX = 300.0
COME_TO_REST_SECONDS_MAX = BY_ITSELF_SECONDS_MAX + PRESSED_SECONDS_MAX + 60
WATCH_SECONDS_MAX = 120.0
COUNTED = (Kind.LOST, Kind.DOUBLED, Kind.UNEXPLAINED, Kind.UNREST)


@dataclass(kw_only=True)
class Report:
    """What came out."""

    seed: int
    seconds: float
    record: Record
    counts: dict[str, int]
    strikes: Counter[Strike]
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
        self._rest: Rest

    def run(self, clients: int) -> Report:
        self._load = self._stage.work(self._loaded())
        watching = self._start_watchers()
        working = self._begin(self._load.work(clients))
        monkey = self._unleash()
        self._stage.loop.call_soon_threadsafe(self._load.stop)
        self._stage.heal()
        self._stage.wait_until_serving()
        self._finish(working)
        self._rest = Rest(self._stage, self._load, self._record, self._random)
        self._stage.work(self._rest.come(), COME_TO_REST_SECONDS_MAX)
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
        deadline = time.monotonic() + FINISH_SECONDS_MAX
        while not working.done():
            assert time.monotonic() < deadline, f"clients still wait after {FINISH_SECONDS_MAX} s"
            self._stage.amazon.send("POST", "clock/advance", seconds=60)
            for replica in self._stage.replicas:
                replica.look_after()
            time.sleep(0.2)
        working.result()

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
        for effect in (await asyncio.to_thread(self._stage.amazon.get, "effects"))["effects"]:
            record.effects.setdefault(effect["order_reference"], []).append(_effect(effect))

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
        effects = [effect for made in record.effects.values() for effect in made if effect.kind != "authorize"]
        elsewhere = [capture for order in record.orders for capture in order.elsewhere]
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
            "captures in Seller Central": len(elsewhere),
            "of these told of by no notification": self._rest.untold,
            "refreshes pressed in the end": self._rest.pressed,
            **{kind.value: kinds[kind] for kind in COUNTED},
            "other violations": sum(count for kind, count in kinds.items() if kind not in COUNTED),
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
