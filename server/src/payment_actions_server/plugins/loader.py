"""Finds the plugins, takes those that are sound, and asks and tells them, so that none harms another."""

import difflib
import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pluggy
import structlog

from payment_actions_server.domain.decision import Objection
from payment_actions_server.domain.event import Event
from payment_actions_server.domain.text import keepable
from payment_actions_server.plugins import hookspecs
from payment_actions_server.plugins.gateway import GatewayFactory
from payment_actions_server.plugins.hookspecs import PROJECT_NAME, AtMost, ReviewRequest
from payment_actions_server.plugins.platform import PlatformFactory

log = structlog.get_logger(__name__)

EVENTS_WAITING_MAX: Final = 10_000
DROPS_PER_LOG_LINE: Final = 1_000
CLOSE_SECONDS_MAX: Final = 5.0
_SAME_NAME: Final = "#"  # Before the number of a plugin whose name another one has too.

PLATFORMS_HOOK: Final = "payment_actions_store_platforms"
GATEWAYS_HOOK: Final = "payment_actions_gateways"
REVIEW_HOOK: Final = "payment_actions_review"
EVENT_HOOK: Final = "payment_actions_event"

ROLES: Final = ("adapters", "reviews", "observes", "none")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin that was found, sound or not."""

    name: str  #: Of its entry point.
    version: str  #: Of the distribution that brings it; empty when none does.
    origin: str  #: Distribution and location.
    error: str = ""  #: What is wrong with it; empty when all of it is in use.
    store_platforms: tuple[str, ...] = ()  #: Names of its adapters that are in use.
    gateways: tuple[str, ...] = ()
    reviews: bool = False  #: Whether its policy is asked.
    observes: bool = False  #: Whether it is told of events.

    @property
    def roles(self) -> tuple[str, ...]:
        """Return what it is used for, of `ROLES`; "none" of a plugin that is used for nothing."""
        adapters = bool(self.store_platforms or self.gateways)
        used = (adapters, self.reviews, self.observes, not (adapters or self.reviews or self.observes))
        return tuple(role for role, has_it in zip(ROLES, used, strict=True) if has_it)


class _Candidate(NamedTuple):
    info: PluginInfo
    load: Callable[[], object]


class _Brought(NamedTuple):
    """What the discovery hooks of one plugin returned."""

    info: PluginInfo
    store_platforms: Mapping[str, PlatformFactory] = MappingProxyType({})
    gateways: Mapping[str, GatewayFactory] = MappingProxyType({})


class _Hook(NamedTuple):
    """One plugin's implementation of a hook. ``call`` returns a list of at most one result; None is left out."""

    plugin: str
    call: Callable[..., list[Any]]


class _Broken(Exception):
    """What is wrong with a plugin, in our words."""


def load_plugins(group: str = PROJECT_NAME) -> "Plugins":
    """Return the plugins of all installed distributions, by the entry points of ``group``.

    Never raises: what is wrong with a plugin stands in its `PluginInfo.error` and in the log.
    """
    points = sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    return Plugins([_Candidate(_info_of(point), point.load) for point in points])


class Plugins:
    """The plugins in use: what they bring, and whom to ask and to tell."""

    def __init__(self, candidates: Iterable[_Candidate]) -> None:
        self._manager = pluggy.PluginManager(PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        self._names: set[str] = set()
        brought = [self._take(candidate) for candidate in candidates]
        clashes = _clashes(brought)
        self._reviews = self._hooks(REVIEW_HOOK)
        observing = self._hooks(EVENT_HOOK)
        self._observers = _Observers(observing)
        self.found: tuple[PluginInfo, ...] = tuple(
            replace(
                _judged(plugin, clashes),
                reviews=plugin.info.name in {hook.plugin for hook in self._reviews},
                observes=plugin.info.name in {hook.plugin for hook in observing},
            )
            for plugin in brought
        )
        """Every plugin, sound or not."""
        self.store_platforms: Mapping[str, PlatformFactory] = {
            name: plugin.store_platforms[name]
            for plugin, info in zip(brought, self.found, strict=True)
            for name in info.store_platforms
        }
        """Adapter name -> factory."""
        self.gateways: Mapping[str, GatewayFactory] = {
            name: plugin.gateways[name]
            for plugin, info in zip(brought, self.found, strict=True)
            for name in info.gateways
        }
        """Adapter name -> factory."""
        for info in self.found:
            if info.error:
                log.error("plugin_broken", plugin=info.name, origin=info.origin, error=info.error)

    @classmethod
    def of(cls, *plugins: object) -> "Plugins":
        """Return modules or objects that implement hooks as the plugins, for tests and for embedding."""
        return cls(_Candidate(_info_of_object(plugin), partial(_itself, plugin)) for plugin in plugins)

    @property
    def broken(self) -> tuple[PluginInfo, ...]:
        """Return the plugins with which something is wrong."""
        return tuple(info for info in self.found if info.error)

    def named(self, name: str) -> tuple[PluginInfo, ...]:
        """Return the plugins whose entry point has this name: two distributions may have chosen the same."""
        return tuple(info for info in self.found if name in (info.name, info.name.partition(_SAME_NAME)[0]))

    @property
    def reviewing(self) -> bool:
        """Tell whether any plugin reviews actions."""
        return bool(self._reviews)

    def review(self, request: ReviewRequest) -> Objection | None:
        """Return the first refusal, else the smallest limit below the request's amount, else None.

        A review that raises, or gives no reason, refuses: a broken policy must not open the till.
        """
        limits = []
        for hook in self._reviews:
            try:
                answers = hook.call(request=request)
            except (Exception, SystemExit):  # A plugin may raise anything.
                log.exception("plugin_review_failed", plugin=hook.plugin, order_id=request.order_id)
                return Objection(hook.plugin, f"The policy of plugin {hook.plugin} failed, which refuses the action.")
            for objection in [_objection(hook.plugin, answer) for answer in answers]:
                if objection.limit_minor <= 0:
                    return objection
                limits.append(objection)
        smallest = min(limits, key=lambda objection: objection.limit_minor, default=None)
        return smallest if smallest is not None and smallest.limit_minor < request.amount_minor else None

    def event(self, event: Event) -> None:
        """Hand a durable event to the plugins that observe. Returns at once and never raises."""
        self._observers.put(event)

    @property
    def events_dropped(self) -> int:
        """Return how many events were not handed on because the plugins were too slow."""
        return self._observers.dropped

    def close(self, seconds_max: float = CLOSE_SECONDS_MAX) -> None:
        """Wait until the plugins have taken note of what waits, but no longer than ``seconds_max``."""
        self._observers.close(seconds_max)

    def _take(self, candidate: _Candidate) -> _Brought:
        info = replace(candidate.info, name=self._free_name(candidate.info.name))
        try:
            plugin = candidate.load()
            self._register(plugin, info.name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - importing a plugin runs anything
            return _Brought(replace(info, error=_told(error)))
        try:
            return _Brought(info, self._discovered(plugin, PLATFORMS_HOOK), self._discovered(plugin, GATEWAYS_HOOK))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - and so does calling it
            # Its adapters are not taken, but it stays registered: the policy in it must not lapse.
            return _Brought(replace(info, error=_told(error)))

    def _free_name(self, name: str) -> str:
        """Return a name that no plugin has yet, a broken one neither."""
        names = (name, *(f"{name}{_SAME_NAME}{n}" for n in range(2, 10_000)))
        free = next(each for each in names if each not in self._names)
        self._names.add(free)
        return free

    def _register(self, plugin: object, name: str) -> None:
        hash(plugin)  # pluggy keeps them in sets.
        if known := self._manager.get_name(plugin):
            raise _Broken(f"is the plugin {known} once more")
        if unmarked := _unmarked(plugin):
            raise _Broken(f"{', '.join(unmarked)}: not marked @hookimpl, so never called")
        try:
            self._manager.register(plugin, name)
            if unknown := self._unknown_hooks():  # A misspelt hook would never be called either.
                raise _Broken("; ".join(map(_no_such_hook, unknown)))
            if not self._manager.get_hookcallers(plugin):
                raise _Broken("implements no hook of payment-actions")
        except Exception:
            if self._manager.get_name(plugin):  # Refused by pluggy itself, it never was registered.
                self._manager.unregister(plugin)
            raise

    def _unknown_hooks(self) -> list[str]:
        """Return the hooks that are implemented and that this version does not have."""
        callers = vars(self._manager.hook).items()
        return [name for name, each in callers if not name.startswith("_") and not each.has_spec() and _wanted(each)]

    def _discovered(self, plugin: object, hook: str) -> Mapping[str, Any]:
        factories: dict[str, Any] = {}
        for result in self._alone(plugin, hook)():
            if not isinstance(result, Mapping):
                raise _Broken(f"{hook} returned {type(result).__name__}, not a mapping of name -> factory")
            factories |= result
        for name, factory in factories.items():
            if not (isinstance(name, str) and name and callable(factory)):
                raise _Broken(f"{hook} returned {name!r}: {factory!r}, not a name and a factory")
        return factories

    def _alone(self, plugin: object, hook: str) -> pluggy.HookCaller:
        """Return a hook as if there were no other plugin."""
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        return self._manager.subset_hook_caller(hook, others)

    def _hooks(self, hook: str) -> Sequence[_Hook]:
        """Return who implements a hook, in the order in which pluggy calls them."""
        implementations = reversed(getattr(self._manager.hook, hook).get_hookimpls())
        return [_Hook(each.plugin_name, self._alone(each.plugin, hook)) for each in implementations]


def _info_of(point: EntryPoint) -> PluginInfo:
    if point.dist is None:
        return PluginInfo(point.name, "", point.value)
    return PluginInfo(point.name, point.dist.version, f"{point.dist.name} in {point.dist.locate_file('')}")


def _info_of_object(plugin: object) -> PluginInfo:
    name = getattr(plugin, "__name__", type(plugin).__name__)
    return PluginInfo(name, "", f"passed in ({getattr(plugin, '__module__', None) or name})")


def _itself(plugin: object) -> object:
    return plugin


def _objection(plugin: str, answer: object) -> Objection:
    """Return what an answer of a review means; an answer that makes no sense is a refusal."""
    limit_minor, why = 0, answer
    if isinstance(answer, AtMost) and type(answer.amount_minor) is int:  # True is an int to isinstance.
        limit_minor, why = answer
    if not isinstance(why, str) or not why.strip():
        return Objection(plugin, f"Plugin {plugin} refuses it and gives no reason.")
    return Objection(plugin, keepable(why), max(limit_minor, 0))


def _wanted(caller: pluggy.HookCaller) -> bool:
    """Tell whether an implementation wants the hook to exist."""
    return any(not implementation.optionalhook for implementation in caller.get_hookimpls())


def _no_such_hook(name: str) -> str:
    names = sorted(each for each, value in vars(hookspecs).items() if hasattr(value, f"{PROJECT_NAME}_spec"))
    near = difflib.get_close_matches(name, names, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{name}: no such hook.{meant} The hooks are: {', '.join(names)}"


def _unmarked(plugin: object) -> list[str]:
    """Return the functions that look like hooks and are none, for want of the marker."""
    names = [name for name in dir(plugin) if name.startswith(f"{PROJECT_NAME}_")]
    functions = {name: getattr(plugin, name) for name in names}
    return [
        name
        for name, function in functions.items()
        if inspect.isroutine(function) and not hasattr(function, f"{PROJECT_NAME}_impl")
    ]


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, _Broken) else f"{type(error).__name__}: {error}"


def _clashes(brought: Sequence[_Brought]) -> dict[tuple[str, str], str]:
    """Return (hook, adapter name) -> what is wrong, for every name that two plugins bring."""
    owners: dict[tuple[str, str], list[PluginInfo]] = {}
    for plugin in brought:
        for key in _names(plugin):
            owners.setdefault(key, []).append(plugin.info)
    return {
        (hook, name): f"{hook}: the name {name!r} is brought by "
        + " and by ".join(f"{info.name} ({info.origin})" for info in infos)
        + "; none of them is taken"
        for (hook, name), infos in owners.items()
        if len(infos) > 1
    }


def _judged(plugin: _Brought, clashes: Mapping[tuple[str, str], str]) -> PluginInfo:
    errors = [plugin.info.error, *(clashes[key] for key in _names(plugin) if key in clashes)]
    return replace(
        plugin.info,
        error="; ".join(filter(None, errors)),
        store_platforms=tuple(name for name in plugin.store_platforms if (PLATFORMS_HOOK, name) not in clashes),
        gateways=tuple(name for name in plugin.gateways if (GATEWAYS_HOOK, name) not in clashes),
    )


def _names(plugin: _Brought) -> list[tuple[str, str]]:
    platforms = [(PLATFORMS_HOOK, name) for name in plugin.store_platforms]
    return platforms + [(GATEWAYS_HOOK, name) for name in plugin.gateways]


class _Observers:
    """The thread that tells plugins of events, and the bounded queue before it."""

    def __init__(self, hooks: Sequence[_Hook]) -> None:
        self.dropped = 0
        self._hooks = hooks
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, event: Event) -> None:
        if not self._hooks:
            return
        with self._changed:
            if self._closed or len(self._waiting) >= EVENTS_WAITING_MAX:
                self._drop()
                return
            self._waiting.append(event)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="plugin-events", daemon=True)
                self._thread.start()

    def close(self, seconds_max: float) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is None:
            return
        self._thread.join(seconds_max)
        if self._thread.is_alive():
            log.warning("plugin_events_abandoned", waiting=len(self._waiting))

    def _drop(self) -> None:
        self.dropped += 1
        if self.dropped % DROPS_PER_LOG_LINE == 1:
            log.warning("plugin_events_dropped", dropped=self.dropped, waiting=len(self._waiting))

    def _run(self) -> None:
        while (event := self._next()) is not None:
            for hook in self._hooks:
                try:
                    hook.call(event=event)
                except (Exception, SystemExit):  # It may raise anything; the next plugin is told all the same.
                    log.exception("plugin_event_failed", plugin=hook.plugin, number=event.number)

    def _next(self) -> Event | None:
        """Wait for the next event; None: closed, and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None
