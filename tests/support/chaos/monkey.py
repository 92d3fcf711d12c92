"""Carries the plan of faults out, in the main thread; starts again what is down."""

import time
from collections import Counter
from random import Random

from support.chaos.plan import Fault, Strike
from support.chaos.replicas import Replica
from support.chaos.stage import ChaosStage
from support.proxy import Proxy

STEP_SECONDS = 0.05
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
        self.done: Counter[str] = Counter()
        self.restarts = 0  #: Of replicas.

    def run(self, seconds: float) -> None:
        """Strike until the time is over."""
        begin = time.monotonic()
        plan = iter(self._plan)
        fault = next(plan, None)
        while (now := time.monotonic() - begin) < seconds:
            while fault is not None and fault.at_seconds <= now:
                self._strike(fault)
                fault = next(plan, None)
            self._tend()
            time.sleep(STEP_SECONDS)
        for number in self._resume:
            self._stage.replicas[number].resume()

    def _tend(self) -> None:
        for number, due in list(self._resume.items()):
            if time.monotonic() >= due:
                self._stage.replicas[number].resume()
                del self._resume[number]
        for replica in self._stage.replicas:
            self.restarts += replica.look_after()

    def _strike(self, fault: Fault) -> None:
        stage = self._stage
        proxies = {
            Strike.CUT_DATABASE: stage.database_proxies,
            Strike.SWALLOW_DATABASE: stage.database_proxies,
            Strike.DELAY_DATABASE: stage.database_proxies,
            Strike.CUT_AMAZON: stage.amazon_proxies,
            Strike.SWALLOW_AMAZON: stage.amazon_proxies,
            Strike.CUT_NOTIFICATIONS: [stage.notification_proxy] * len(stage.replicas),
        }
        if fault.strike in {Strike.KILL, Strike.PAUSE, Strike.LONG_PAUSE}:
            if not self._down(stage.replicas[fault.target], fault):
                return
        elif fault.strike is Strike.RESTART_DATABASE:
            assert stage.postgres is not None
            stage.postgres.restart(fault.what)
        elif fault.strike in proxies:
            self._disturb(proxies[fault.strike][fault.target], fault)
        else:
            self._by_simulator(fault)
        self.done[fault.strike] += 1

    def _down(self, replica: Replica, fault: Fault) -> bool:
        """Kill or pause a replica; tell whether there was one to strike."""
        until = time.monotonic() + fault.seconds
        if fault.strike is Strike.KILL and replica.running:
            self._resume.pop(replica.number, None)
            replica.kill()
            replica.start_time = until
            return True
        if fault.strike is not Strike.KILL and replica.serving:
            replica.pause()
            self._resume[replica.number] = until
            return True
        return False

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
            case Strike.TIME:
                amazon.send("POST", "clock/advance", seconds=seconds)

    def _send_stray(self, count: int) -> None:
        known = self._authorizations[-200:]
        for name in self._random.sample(known, min(3, len(known))):
            self._stage.amazon.send("POST", "notifications/send", object=name, count=count)

    def _in_loop(self, call, *arguments) -> None:
        self._stage.loop.call_soon_threadsafe(call, *arguments)
