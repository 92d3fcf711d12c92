"""What a seed means: which orders are placed and acted on how, and which faults strike when. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple


class OrderPlan(NamedTuple):
    """One order's life."""

    number: int
    store: str
    scenario: str
    amount: str
    refreshes: bool  #: Whether its clients ever press Refresh; if not, all is left to the service.
    seed: int  #: Of what its clients choose on the way.


# How often each, for orders that are authorized and then captured.
SCENARIOS = {
    "capture": 2,
    "double click": 3,
    "two admins": 2,
    "capture against void": 4,
    "void": 2,
    "double void": 2,
    "capture, refund": 3,
    "capture, partial refunds": 4,
    "late authorization": 2,
    "captured elsewhere": 3,
    "batch": 3,
}
# And for those that the checkout captures.
AT_ONCE = {"refund": 2, "partial refunds": 3}


def orders(seed: int) -> Iterator[OrderPlan]:
    """Yield orders without end."""
    random = Random(f"orders of {seed}")
    number = 0
    while True:
        number += 1
        store, scenarios = ("outlet", AT_ONCE) if random.random() < 0.2 else ("eu-shop", SCENARIOS)
        scenario = random.choices(list(scenarios), list(scenarios.values()))[0]
        amount = f"{random.randint(40, 400)}.{random.randint(0, 99):02}"
        refreshes = random.random() < 0.5
        yield OrderPlan(number, store, scenario, amount, refreshes, random.getrandbits(32))


class Strike(StrEnum):
    """A fault."""

    KILL = "kill -9 of a replica"
    KILL_WAITING = "kill -9 of a replica that waits for Amazon"
    PAUSE = "pause of a replica"
    LONG_PAUSE = "pause of a replica beyond its leases"
    RESTART_DATABASE = "restart of PostgreSQL"
    CUT_DATABASE = "database connections cut"
    SWALLOW_DATABASE = "database answers swallowed"
    DELAY_DATABASE = "database slow"
    CUT_AMAZON = "connections to Amazon cut"
    SWALLOW_AMAZON = "Amazon's answers swallowed"
    AMAZON_FAULT = "Amazon's faults armed"
    XCART_FAULT = "X-Cart's faults armed"
    NOTIFICATION_FAULT = "notification faults armed"
    CUT_NOTIFICATIONS = "notification connections cut"
    STRAY_NOTIFICATIONS = "notifications sent again, late and out of turn"


WEIGHTS = {
    Strike.KILL: 3,
    Strike.KILL_WAITING: 4,
    Strike.PAUSE: 4,
    Strike.LONG_PAUSE: 1,
    Strike.RESTART_DATABASE: 2,
    Strike.CUT_DATABASE: 4,
    Strike.SWALLOW_DATABASE: 4,
    Strike.DELAY_DATABASE: 2,
    Strike.CUT_AMAZON: 3,
    Strike.SWALLOW_AMAZON: 4,
    Strike.AMAZON_FAULT: 12,
    Strike.XCART_FAULT: 4,
    Strike.NOTIFICATION_FAULT: 4,
    Strike.CUT_NOTIFICATIONS: 1,
    Strike.STRAY_NOTIFICATIONS: 3,
}
# What every campaign must have seen, however short it is.
FIRST = {
    Strike.KILL,
    Strike.LONG_PAUSE,
    Strike.RESTART_DATABASE,
    Strike.SWALLOW_DATABASE,
    Strike.CUT_AMAZON,
    Strike.AMAZON_FAULT,
}
OF_POSTGRES = {Strike.RESTART_DATABASE, Strike.CUT_DATABASE, Strike.SWALLOW_DATABASE, Strike.DELAY_DATABASE}

AMAZON_FAULTS = (
    "lose_request",
    "lose_answer",
    "lose_answer",
    "error_500_before",
    "error_500_after",
    "error_503_throttled",
    "slow",
    "hang",
)
MOVES = ("Capture", "Refund", "CloseAuthorization")
AMAZON_CALLS = (
    *MOVES * 3,
    "GetAuthorizationDetails",
    "GetCaptureDetails",
    "GetOrderReferenceDetails",
    "GetRefundDetails",
)
XCART_FAULTS = ("down", "500", "slow", "lose_answer", "lose_write_answer")
NOTIFICATION_FAULTS = ("lose", "delay", "duplicate", "reorder")
RESTARTS = ("fast", "immediate", "kill")


class Fault(NamedTuple):
    """One fault of the plan."""

    at_seconds: float
    strike: Strike
    target: int  #: Of whatever there are several of: replicas, shops.
    what: str  #: Which fault exactly.
    operation: str
    seconds: float
    count: int


def faults(seed: int, seconds: float, *, replica_count: int, postgres: bool, pause_seconds: float) -> list[Fault]:
    """Return the faults of so many seconds, in order. Every kind comes at least once, if there is time for that.

    :param pause_seconds: how long a pause must be to outlast a lease.
    """
    random = Random(f"faults of {seed}")
    kinds = [strike for strike in Strike if postgres or strike not in OF_POSTGRES]
    if replica_count == 1:
        kinds.remove(Strike.LONG_PAUSE)  # Nobody is there who would take anything over.
    due = random.sample(kinds, len(kinds))
    due.sort(key=lambda strike: strike in FIRST)  # They are taken from the end.
    plan = []
    at = 1.0
    while at < seconds:
        strike = due.pop() if due else random.choices(kinds, [WEIGHTS[each] for each in kinds])[0]
        plan.append(_fault(random, at, strike, replica_count, pause_seconds))
        at += random.uniform(0.4, 2.8) / min(replica_count, 2)  # A single replica needs time to come back.
    return plan


def _fault(random: Random, at: float, strike: Strike, replica_count: int, pause_seconds: float) -> Fault:
    what, operation = "", ""
    seconds = random.uniform(0.2, 2.0)
    match strike:
        case Strike.LONG_PAUSE:
            seconds = pause_seconds + random.uniform(0.5, 2.0)
        case Strike.AMAZON_FAULT:
            what, operation = random.choice(AMAZON_FAULTS), random.choice(AMAZON_CALLS)
        case Strike.KILL_WAITING:
            what, operation = random.choice(("before", "after")), random.choice(MOVES)
        case Strike.XCART_FAULT:
            what = random.choice(XCART_FAULTS)
        case Strike.NOTIFICATION_FAULT:
            what = random.choice(NOTIFICATION_FAULTS)
        case Strike.RESTART_DATABASE:
            what = random.choice(RESTARTS)
    target = random.randrange(replica_count)
    return Fault(at, strike, target, what, operation, seconds, random.randint(1, 3))
