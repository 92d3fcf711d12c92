"""Opens the configured stores: which can serve, which are out of service and why, and mistakes in the configuration."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import structlog

from payment_actions_server.config import Config, ConfigError, Problem, StoreConfig, closest
from payment_actions_server.domain.concealment import Concealer
from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.errors import GatewayUnavailable, PaymentActionsError, PlatformUnavailable
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine import Store
from payment_actions_server.plugins import (
    GatewayCapabilities,
    PaymentGateway,
    PlatformKind,
    SettingsError,
    StorePlatform,
)
from payment_actions_server.plugins.answers import Unsound, sound
from payment_actions_server.plugins.guarded import GuardedGateway, GuardedPlatform
from payment_actions_server.plugins.loader import Plugins
from payment_actions_server.plugins.shape import shape_problems, why_no_adapter

T = TypeVar("T")

logger = structlog.get_logger()


class _Unavailable(Exception):
    """A plugin, not the configuration, is at fault: the stores that need it are out of service, and only they."""


class Opened(NamedTuple):
    """What became of the configured stores."""

    stores: dict[str, Store]
    capabilities: dict[str, GatewayCapabilities]  #: Of each of these stores.
    unavailable: dict[str, PaymentActionsError]  #: Configured rightly, but a plugin that they need is broken.
    problems: list[Problem]  #: Mistakes in the configuration.


def open_stores(config: Config, plugins: Plugins) -> tuple[dict[str, Store], dict[str, PaymentActionsError]]:
    """Return the stores that can serve, and why the others cannot.

    :raises ConfigError: the configuration is wrong; with every problem.
    """
    opened = try_stores(config, plugins)
    if opened.problems:
        raise ConfigError(opened.problems)
    return opened.stores, opened.unavailable


def try_stores(config: Config, plugins: Plugins) -> Opened:
    """Return what became of every store, mistakes in the configuration included."""
    opened, conceal = Opened({}, {}, {}, []), Concealer(config.secrets)
    for store_id, store_config in config.stores.items():
        _StoreOpener(config.file, store_id, store_config, plugins, opened, conceal).open()
    opened.problems.extend(_account_conflicts(config, opened))
    opened.problems.extend(_short_leases(config, opened))
    # An adapter may have quoted one in any of them.
    opened.problems[:] = [Problem(*map(conceal, problem)) for problem in opened.problems]
    return opened


class _Side(NamedTuple, Generic[T]):
    """One of a store's two adapters: what it must be, and what it declares of itself."""

    name: str  #: Of its table in the configuration.
    protocol: type
    declares: str  #: The property that is read once, for the adapter may say something else the next time.
    read: Callable[[Any], T]  #: Returns what the property means.
    error: type[PaymentActionsError]  #: What callers hear while the adapter cannot be used.


class _Adapter(NamedTuple, Generic[T]):
    """An adapter, and what it declares of itself."""

    adapter: Any
    declared: T


class _Fault(NamedTuple):
    """Why a store is out of service."""

    why: str
    error: type[PaymentActionsError]
    metadata: Mapping[str, str]


class _StoreOpener:
    """Opens one store's adapters, and sorts what goes wrong into mistakes and broken plugins."""

    def __init__(
        self, file: str, store_id: str, config: StoreConfig, plugins: Plugins, opened: Opened, conceal: Concealer
    ) -> None:
        self._conceal = conceal
        self._file = file
        self._store_id = store_id
        self._config = config
        self._plugins = plugins
        self._opened = opened
        self._faults: list[_Fault] = []

    def open(self) -> None:
        """Open the store, or record why it cannot be."""
        for name in self._config.required_plugins:
            self._require_plugin(name)
        platform = self._adapter(_PLATFORM, self._plugins.store_platforms)
        gateway = self._adapter(_GATEWAY, self._plugins.gateways)
        if platform is None or gateway is None or self._moves_money_twice(platform.declared):
            return
        if self._faults:
            return
        self._opened.capabilities[self._store_id] = gateway.declared
        self._opened.stores[self._store_id] = self._store(
            GuardedPlatform(platform.adapter, platform.declared, self._conceal),
            GuardedGateway(gateway.adapter, gateway.declared, self._conceal),
        )

    def _adapter(self, side: _Side[T], found: Mapping[str, Any]) -> _Adapter[T] | None:
        """Return one side's adapter, opened; None when a problem was recorded instead."""
        wanted = getattr(self._config, side.name)
        try:
            adapter = self._factory(wanted.adapter, found)(wanted.settings)
            return _Adapter(adapter, self._declared(side, wanted.adapter, adapter))
        except _UnknownAdapter as unknown:
            known = closest(wanted.adapter, found, "adapters that were found")
            self._mistake(f"{side.name}.adapter", str(unknown), known)
        except SettingsError as error:
            for one in error.all:
                remedy = one.remedy or f"The documentation of the adapter {wanted.adapter} says what it wants"
                self._mistake(f"{side.name}.{one.key}" if one.key else side.name, one.problem, remedy)
        except _Unavailable as unavailable:
            self._adapter_fails(side, str(unavailable))
        except (Exception, SystemExit) as error:
            logger.error("adapter failed", store=self._store_id, adapter=wanted.adapter, exc_info=error)
            self._adapter_fails(side, f"it failed with {in_words(error)}")
        return None

    def _declared(self, side: _Side[T], name: str, adapter: object) -> T:
        """Return what an adapter declares of itself.

        :raises _Unavailable: with everything that is wrong with the adapter, as far as that shows before it is used.
        """
        if why := why_no_adapter(adapter):
            raise _Unavailable(why)
        problems = shape_problems(adapter, side.protocol)
        try:
            declared = side.read(getattr(adapter, side.declares))
        except Unsound as unsound:
            problems.append(str(unsound))
        except Exception as error:  # A property may raise anything.
            logger.error("adapter failed", store=self._store_id, adapter=name, exc_info=error)
            problems.append(f"its {side.declares} cannot be read: it failed with {in_words(error)}")
        if problems:
            raise _Unavailable("; ".join(problems))
        return declared

    def _factory(self, adapter: str, found: Mapping[str, Any]) -> Any:
        if adapter in found:
            return found[adapter]
        broken = self._plugins.broken
        if not broken:
            raise _UnknownAdapter(f'no plugin brings an adapter "{adapter}"')
        # It may be one of theirs: whoever cannot be loaded cannot say what it would have brought.
        reasons = "; ".join(f"{plugin.name} ({plugin.origin}): {plugin.error}" for plugin in broken)
        raise _Unavailable(f"it was not found, and not every plugin could be loaded: {reasons}")

    def _store(self, platform: StorePlatform, gateway: PaymentGateway) -> Store:
        config, capabilities = self._config, gateway.capabilities
        return Store(
            store_id=self._store_id,
            platform=platform,
            platform_adapter=config.platform.adapter,
            gateway=gateway,
            gateway_adapter=config.gateway.adapter,
            payment_methods=frozenset(config.payment_methods),
            terms=Terms(
                capture_mode=config.capture_mode,
                partial_capture=config.partial_capture and capabilities.capture.partial,
                partial_refund=config.partial_refund and capabilities.refund.partial,
            ),
            order_check=config.order_check,
        )

    def _moves_money_twice(self, kind: PlatformKind) -> bool:
        if kind is not PlatformKind.EXECUTING:
            return False
        own = self._config.platform.adapter, self._config.gateway.adapter
        for plugin in self._plugins.found:
            if own[0] in plugin.store_platforms and own[1] in plugin.gateways:
                return False
        self._mistake(
            "gateway.adapter",
            f"{own[0]} moves the money itself when it is told of a capture, and so would {own[1]}:"
            " both would move money",
            f"Name the gateway adapter that the plugin of {own[0]} brings",
        )
        return True

    def _mistake(self, key: str, problem: str, remedy: str) -> None:
        self._opened.problems.append(Problem(self._file, f"stores.{self._store_id}.{key}", problem, remedy))

    def _require_plugin(self, name: str) -> None:
        """Put the store out of service unless the plugin is sound; of several with that name, each of them."""
        meant = self._plugins.named(name)
        errors = "; ".join(f"{plugin.error} ({plugin.origin})" for plugin in meant if plugin.error)
        if meant and not errors:
            return
        why = f"which cannot be used: {errors}"
        if not meant:
            near = closest(name, (plugin.name for plugin in self._plugins.found), "plugins that were found")
            why = f"which is not installed. {near}"
        # The front ends' word for this reason is "This store is out of service".
        self._out_of_service(f"it requires the plugin {name}, {why}", PlatformUnavailable, plugin=name)

    def _adapter_fails(self, side: _Side[Any], why: str) -> None:
        adapter = getattr(self._config, side.name).adapter
        self._out_of_service(f"its {side.name} adapter {adapter} cannot be used: {why}", side.error, adapter=adapter)

    def _out_of_service(self, why: str, error: type[PaymentActionsError], **metadata: str) -> None:
        """Put the store out of service, for this reason too: an operator is told all of them at once."""
        self._faults.append(_Fault(self._conceal(why.rstrip(".")), error, metadata))
        told = "; ".join(fault.why for fault in self._faults)
        first = self._faults[0]
        self._opened.unavailable[self._store_id] = first.error(
            f"Store {self._store_id} is out of service: {told}. Mend that and restart the service; nothing was done.",
            store=self._store_id,
            **first.metadata,
        )


class _UnknownAdapter(Exception):
    """Every plugin was loaded, and none brings the adapter."""


def _kind(kind: object) -> PlatformKind:
    if not isinstance(kind, PlatformKind):
        raise Unsound(f"its kind, which says who moves the money, is of type {type(kind).__name__}")
    return kind


def _capabilities(capabilities: object) -> GatewayCapabilities:
    return sound(GatewayCapabilities, capabilities)


_PLATFORM: Final = _Side("platform", StorePlatform, "kind", _kind, PlatformUnavailable)
_GATEWAY: Final = _Side("gateway", PaymentGateway, "capabilities", _capabilities, GatewayUnavailable)


def _account_conflicts(config: Config, opened: Opened) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for store_id, capabilities in opened.capabilities.items():
        adapter = opened.stores[store_id].gateway_adapter
        other_id = first.setdefault(f"{adapter} {capabilities.account}", store_id)
        if opened.capabilities[other_id].credentials_fingerprint != capabilities.credentials_fingerprint:
            yield Problem(
                config.file,
                f"stores.{store_id}.gateway",
                f"the account {capabilities.account} is that of store {other_id} too, with other credentials",
                "Give both stores the same credentials: one of the two is out of date or a mistake",
            )


def _short_leases(config: Config, opened: Opened) -> Iterator[Problem]:
    lease_seconds = config.server.lease_seconds
    for store_id, capabilities in opened.capabilities.items():
        call_seconds_max = capabilities.call_seconds_max
        if lease_seconds <= call_seconds_max:
            yield Problem(
                config.file,
                "server.lease_seconds",
                f"{lease_seconds:g} is not longer than a call of store {store_id}'s gateway may take"
                f" ({call_seconds_max:g} s): a worker that is only slow would be taken for dead",
                f"Give more than {call_seconds_max:g}, or lower stores.{store_id}.gateway's time limit",
            )
