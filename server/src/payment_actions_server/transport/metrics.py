"""What the service counts, in a registry of its own, as Prometheus reads it."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.plugins.loader import ROLES, PluginInfo

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

# From a read out of memory to a gateway that takes all the time it is given.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

ENDED: Final = frozenset({EventType.OPERATION_ENDED, EventType.OPERATION_RESOLVED})

# What `Engine.counts` tells, by its keys.
GAUGES: Final[Mapping[str, str]] = {
    "operations_in_flight": "Operations that have no final state yet.",
    "operations_overdue": "Of these, the ones that should have been looked after over a minute ago.",
    "operations_needing_review": "Operations that wait for ResolveOperation.",
    "store_updates_pending": "Statuses that a store platform does not hold yet.",
    "store_updates_failing": "Of these, the ones that failed three times or more.",
    "anomalies": "Payments with a contradiction that waits for a human.",
    "orders_disputed": "Payments whose shop keeps changing the status back, or whose order total is no amount.",
}


class Metrics:
    """Counters, and gauges that are set when somebody looks."""

    def __init__(self, stores: Collection[str] = ()) -> None:
        self._stores = frozenset(stores)
        self.registry = CollectorRegistry(auto_describe=True)
        self._rpcs = Histogram(
            "payment_actions_rpc_seconds",
            "How long calls took, by method and code.",
            ["method", "code"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._notifications = Counter(
            "payment_actions_notifications",
            "Notifications that came in, by store and outcome.",
            ["store", "outcome"],
            registry=self.registry,
        )
        self._operations = Counter(
            "payment_actions_operations",
            "Operations that ended, by store, action and final state.",
            ["store", "action", "state"],
            registry=self.registry,
        )
        self._events = Counter(
            "payment_actions_events", "Events that became durable.", ["store", "type"], registry=self.registry
        )
        self._plugins = Gauge(
            "payment_actions_plugins",
            "Plugins that were found, by state and role; one with several roles counts in each.",
            ["state", "role"],
            registry=self.registry,
        )
        self._gauges = {
            key: Gauge(f"payment_actions_{key}", says, registry=self.registry) for key, says in GAUGES.items()
        }
        # `labels` takes a lock and checks the names: once for each combination is enough.
        self._rpc: dict[tuple[str, str], Histogram] = {}
        self._event: dict[tuple[str, str], Counter] = {}

    def rpc(self, method: str, code: str, seconds: float) -> None:
        """Count one call."""
        key = (method, code)
        child = self._rpc.get(key)
        if child is None:
            child = self._rpc[key] = self._rpcs.labels(method, code)
        child.observe(seconds)

    def known(self, store: str) -> str:
        """Return the name of a configured store, and nothing for all others."""
        return store if store in self._stores else ""

    def notification(self, store: str, outcome: str) -> None:
        """Count one notification. Strangers' store names do not become labels."""
        self._notifications.labels(self.known(store), outcome).inc()

    def event(self, event: Event) -> None:
        """Count one event, and the operation that it ended."""
        key = (event.store, event.type.value)
        child = self._event.get(key)
        if child is None:
            child = self._event[key] = self._events.labels(*key)
        child.inc()
        if event.type in ENDED:
            action, state = event.details.get("action", ""), event.details.get("operation_state", "")
            self._operations.labels(event.store, action, state).inc()

    def plugins(self, found: Collection[PluginInfo]) -> None:
        """Show which plugins there are. A combination without any is shown as 0, so that an alarm can rely on it."""
        for state, members in (
            ("in_use", [plugin for plugin in found if not plugin.error]),
            ("broken", [plugin for plugin in found if plugin.error]),
        ):
            for role in ROLES:
                count = sum(role in plugin.roles for plugin in members)
                self._plugins.labels(state, role).set(count)

    def dropped_events(self, count: Callable[[], int]) -> None:
        """Show, whenever somebody looks, how many events the plugins were too slow for."""
        name, says = "payment_actions_plugin_events_dropped", "Events that no plugin was told of."
        gauge = Gauge(name, says, registry=self.registry)
        gauge.set_function(count)

    def render(self, counts: Mapping[str, int]) -> bytes:
        """Return everything in Prometheus' text format.

        :param counts: what the engine counts now, by the keys of `GAUGES`; what it does not tell stays as it was.
        """
        for key in self._gauges.keys() & counts.keys():
            self._gauges[key].set(counts[key])
        return generate_latest(self.registry)
