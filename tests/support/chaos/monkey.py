"""Carries the plan of faults out, in the main thread; starts again what is down."""

import time
from collections import Counter, deque
from datetime import UTC, datetime
from random import Random

from support.chaos.plan import FIRST, Fault, Strike
from support.chaos.replicas import Replica
from support.chaos.stage import ChaosStage
from support.proxy import Proxy

STEP_SECONDS = 0.05
LATE_SECONDS_MAX = 0.5
TIME_SECONDS = 2.0  #: How often time passes at Amazon, which lets pending refunds be decided.
WAIT_FOR_ONE = 3.0  #: How many seconds a fault waits for a replica, or a connection, that it can strike.
OVERTIME_SECONDS = 60.0  #: How much longer it goes on where something is missing that every campaign must have seen.
OF_REPLICAS = {Strike.KILL, Strike.KILL_WAITING, Strike.PAUSE, Strike.LONG_PAUSE}
OF_PROXIES = {
    Strike.CUT_DATABASE: "database",
    Strike.SWALLOW_DATABASE: "database",
    Strike.DELAY_DATABASE: "database",
    Strike.CUT_AMAZON: "Amazon",
    Strike.SWALLOW_AMAZON: "Amazon",
    Strike.CUT_NOTIFICATIONS: "notifications",
}
WAIT_SECONDS = 0.7  #: From when Amazon is made slow until the replica that may wait for it is killed.
SLOW_SECONDS = 0.03  #: More for each piece that passes a slow database's proxy.


class Monkey:
    """Strikes when the plan says so."""

    def __init__(self, stage: ChaosStage, plan: list[Fault], seed: int, authorizations: list[str]) -> None:
        """Take note of the plan.

        :param authorizations: Amazon's ids of those that were made so far; grows meanwhile.
        """
        self._stage = stage
        self._authorizations = authorizations
        self._plan = plan
        self._random = Random(f"monkey of {seed}")
        self._resume: dict[int, float] = {}
        self._kill: dict[int, float] = {}
        self._time_passes = 0.0
        self.done: Counter[Strike] = Counter()
        self.kills = 0
        self.restarts = 0  #: Of replicas.

    def run(self, seconds: float) -> None:
        """Strike until the time is over, and what every campaign must have seen is done."""
        end = time.monotonic() + seconds
        plan, now = deque(self._plan), 0.0
        while (before := time.monotonic()) < end or (self._missing() and before < end + OVERTIME_SECONDS):
            due = [plan.popleft() for _ in range(sum(fault.at_seconds <= now for fault in plan))]
            plan.extendleft(fault for fault in due if not self._strikes(fault) and self._waits(fault, now))
            self._tend()
            time.sleep(STEP_SECONDS)
            # The plan's time stands still while this thread does: what was late would strike all at once.
            now += min(time.monotonic() - before, LATE_SECONDS_MAX)
        for number in self._resume:
            self._stage.replicas[number].resume()

    def _missing(self) -> set[Strike]:
        return FIRST & {fault.strike for fault in self._plan} - self.done.keys()

    def _waits(self, fault: Fault, now: float) -> bool:
        """Tell whether a fault that found nothing to strike tries again: not for ever, or all would strike at once."""
        return fault.at_seconds > now - WAIT_FOR_ONE or fault.strike in self._missing()

    def _tend(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._resume.items() if now >= due]:
            self._stage.replicas[number].resume()
            del self._resume[number]
        for number in [number for number, due in self._kill.items() if now >= due]:
            del self._kill[number]
            self._down(self._stage.replicas[number], Strike.KILL, seconds=1.0)
        if now >= self._time_passes:
            self._time_passes = now + TIME_SECONDS
            self._stage.amazon.send("POST", "clock/advance", seconds=35)
        for replica in self._stage.replicas:
            if replica.look_after():
                self._note(f"starts replica {replica.number} again")
                self.restarts += 1

    def _strikes(self, fault: Fault) -> bool:
        """Strike; tell whether there was anything to strike."""
        replica = self._to_strike(fault.target)
        if replica is None and fault.strike in OF_REPLICAS:
            return False
        proxy = self._to_disturb(fault)
        if proxy is None and fault.strike in OF_PROXIES:
            return False
        self._note(f"strikes: {fault}")
        self._strike(fault, replica, proxy)
        self.done[fault.strike] += 1
        return True

    def _to_strike(self, wanted: int) -> Replica | None:
        """Return a replica that serves, the wanted one if it does; None if no other would be left that serves."""
        replicas = self._stage.replicas
        ordered = replicas[wanted:] + replicas[:wanted]
        serving = [each for each in ordered if each.serving and each.number not in self._kill]
        return serving[0] if len(serving) >= min(len(replicas), 2) else None

    def _to_disturb(self, fault: Fault) -> Proxy | None:
        """Return a proxy that has connections, the wanted one if it does; None if no connection is open."""
        stage = self._stage
        proxies = {
            "database": stage.database_proxies,
            "Amazon": stage.amazon_proxies,
            "notifications": [stage.notification_proxy] * len(stage.replicas),
        }.get(OF_PROXIES.get(fault.strike, ""), [])
        ordered = proxies[fault.target :] + proxies[: fault.target]
        return next((each for each in ordered if each.connections), None)

    def _strike(self, fault: Fault, replica: Replica | None, proxy: Proxy | None) -> None:
        stage = self._stage
        if fault.strike is Strike.KILL_WAITING:
            assert replica is not None
            when = {"operation": fault.operation, "executes": fault.what, "seconds": 3 * WAIT_SECONDS}
            stage.amazon.send("POST", "faults/calls", kind="slow", count=2 * len(stage.replicas), **when)
            self._kill[replica.number] = time.monotonic() + WAIT_SECONDS
        elif fault.strike in OF_REPLICAS:
            assert replica is not None
            self._down(replica, fault.strike, fault.seconds)
        elif fault.strike is Strike.RESTART_DATABASE:
            assert stage.postgres is not None
            stage.postgres.restart(fault.what)
        elif fault.strike in OF_PROXIES:
            assert proxy is not None
            self._disturb(proxy, fault)
        else:
            self._by_simulator(fault)

    def _down(self, replica: Replica, strike: Strike, seconds: float) -> None:
        until = time.monotonic() + seconds
        if strike is Strike.KILL:
            self._resume.pop(replica.number, None)
            self.kills += replica.running
            replica.kill()
            replica.start_time = until
        else:
            replica.pause()
            self._resume[replica.number] = until

    def _disturb(self, proxy: Proxy, fault: Fault) -> None:
        def slow() -> None:
            proxy.delay_seconds = SLOW_SECONDS
            self._stage.loop.call_later(fault.seconds, proxy.heal)

        if fault.strike is Strike.DELAY_DATABASE:
            self._in_loop(slow)
        elif fault.strike in {Strike.SWALLOW_AMAZON, Strike.SWALLOW_DATABASE}:
            self._in_loop(proxy.swallow, fault.seconds)
        else:
            self._in_loop(proxy.cut)

    def _by_simulator(self, fault: Fault) -> None:
        amazon, seconds = self._stage.amazon, fault.seconds
        match fault.strike:
            case Strike.AMAZON_FAULT:
                path = "faults/calls"
                amazon.send(
                    "POST", path, operation=fault.operation, kind=fault.what, seconds=seconds, count=fault.count
                )
            case Strike.NOTIFICATION_FAULT:
                path, copies = "faults/notifications", fault.count + 1
                amazon.send("POST", path, kind=fault.what, seconds=seconds, count=fault.count + 1, copies=copies)
            case Strike.XCART_FAULT:
                shop = list(self._stage.shops.values())[fault.target % len(self._stage.shops)]
                shop.send("POST", "faults", kind=fault.what, count=fault.count, delay_seconds=seconds)
            case Strike.STRAY_NOTIFICATIONS:
                self._send_stray(fault.count)

    def _send_stray(self, count: int) -> None:
        known = self._authorizations[-200:]
        for name in self._random.sample(known, min(3, len(known))):
            self._stage.amazon.send("POST", "notifications/send", object=name, count=count)

    def _note(self, text: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with (self._stage.folder / "faults.log").open("a") as log:
            log.write(f"{now} {text}\n")

    def _in_loop(self, call, *arguments) -> None:
        self._stage.loop.call_soon_threadsafe(call, *arguments)
