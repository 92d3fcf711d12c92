"""Wiring: the one place that knows every concrete class. Starts the service, and stops it."""

import asyncio
import gc
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import structlog

from payment_actions_server import __version__, log
from payment_actions_server.config import Config, ConfigError, Problem, StoreConfig, closest, read_config
from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.errors import GatewayUnavailable, PaymentActionsError, PlatformUnavailable
from payment_actions_server.domain.event import Event
from payment_actions_server.engine import Clock, Engine, EnginePolicy, Store, SystemClock
from payment_actions_server.event_loop import new_event_loop
from payment_actions_server.online import OnlineChecks
from payment_actions_server.plugins import (
    GatewayCapabilities,
    PaymentGateway,
    PlatformKind,
    ReviewRequest,
    SettingsError,
    StorePlatform,
)
from payment_actions_server.plugins.answers import Unsound, sound
from payment_actions_server.plugins.loader import Plugins, load_plugins
from payment_actions_server.storage import Storage, open_storage
from payment_actions_server.transport.grpc_server import GrpcServer
from payment_actions_server.transport.http import HttpApplication, HttpServer
from payment_actions_server.transport.metrics import Metrics
from payment_actions_server.transport.origins import Origins

T = TypeVar("T")

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = structlog.get_logger()


# -- Stores ---------------------------------------------------------------------------------------------------------


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
    opened = Opened({}, {}, {}, [])
    for store_id, store_config in config.stores.items():
        _StoreOpener(config.file, store_id, store_config, plugins, opened).open()
    opened.problems.extend(_account_conflicts(config, opened))
    opened.problems.extend(_short_leases(config, opened))
    return opened


class _Adapter(NamedTuple, Generic[T]):
    """An adapter, and what it declares of itself: read once, for it may say something else the next time."""

    adapter: Any
    declared: T


class _StoreOpener:
    """Opens one store's adapters, and sorts what goes wrong into mistakes and broken plugins."""

    def __init__(self, file: str, store_id: str, config: StoreConfig, plugins: Plugins, opened: Opened) -> None:
        self._file = file
        self._store_id = store_id
        self._config = config
        self._plugins = plugins
        self._opened = opened

    def open(self) -> None:
        """Open the store, or record why it cannot be."""
        platform = self._adapter("platform", self._plugins.store_platforms, _kind, PlatformUnavailable)
        gateway = self._adapter("gateway", self._plugins.gateways, _capabilities, GatewayUnavailable)
        if platform is None or gateway is None or self._moves_money_twice(platform.declared):
            return
        self._opened.capabilities[self._store_id] = gateway.declared
        self._opened.stores[self._store_id] = self._store(platform.adapter, gateway.adapter, gateway.declared)

    def _adapter(
        self,
        side: str,
        found: Mapping[str, Any],
        declared: Callable[[Any], T],
        unavailable: type[PaymentActionsError],
    ) -> "_Adapter[T] | None":
        """Return one side's adapter, opened; None when a problem was recorded instead."""
        wanted = getattr(self._config, side)
        try:
            adapter = self._factory(wanted.adapter, found)(wanted.settings)
            if adapter is None:
                raise _Unavailable("its factory returned None")
            return _Adapter(adapter, declared(adapter))
        except _UnknownAdapter as unknown:
            self._mistake(f"{side}.adapter", str(unknown), closest(wanted.adapter, found, "adapters that were found"))
        except SettingsError as error:
            for one in error.all:
                remedy = one.remedy or f"The documentation of the adapter {wanted.adapter} says what it wants"
                self._mistake(f"{side}.{one.key}" if one.key else side, one.problem, remedy)
        except (_Unavailable, Unsound) as error:
            self._out_of_service(side, str(error), unavailable)
        except Exception as error:
            logger.error("adapter failed", store=self._store_id, adapter=wanted.adapter, exc_info=error)
            self._out_of_service(side, f"it failed with {type(error).__name__}", unavailable)
        return None

    def _factory(self, adapter: str, found: Mapping[str, Any]) -> Any:
        if adapter in found:
            return found[adapter]
        broken = [plugin for plugin in self._plugins.found if plugin.error]
        if not broken:
            raise _UnknownAdapter(f'no plugin brings an adapter "{adapter}"')
        # It may be one of theirs: whoever cannot be loaded cannot say what it would have brought.
        reasons = "; ".join(f"{plugin.name} ({plugin.origin}): {plugin.error}" for plugin in broken)
        raise _Unavailable(f"it was not found, and not every plugin could be loaded: {reasons}")

    def _store(self, platform: StorePlatform, gateway: PaymentGateway, capabilities: GatewayCapabilities) -> Store:
        config = self._config
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

    def _out_of_service(self, side: str, why: str, unavailable: type[PaymentActionsError]) -> None:
        adapter = getattr(self._config, side).adapter
        self._opened.unavailable[self._store_id] = unavailable(
            f"Store {self._store_id} is out of service: its {side} adapter {adapter} cannot be used: {why.rstrip('.')}."
            " Mend the plugin and restart the service; nothing was done.",
            store=self._store_id,
            adapter=adapter,
        )


class _UnknownAdapter(Exception):
    """Every plugin was loaded, and none brings the adapter."""


def _kind(platform: StorePlatform) -> PlatformKind:
    kind = platform.kind
    if not isinstance(kind, PlatformKind):
        raise _Unavailable(f"its kind, which says who moves the money, is of type {type(kind).__name__}")
    return kind


def _capabilities(gateway: PaymentGateway) -> GatewayCapabilities:
    return sound(GatewayCapabilities, gateway.capabilities)


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


def _storage(config: Config) -> Storage:
    """Return the database's storage, not yet started.

    :raises ConfigError: no such kind of database.
    """
    try:
        return open_storage(config.server.database)
    except ValueError as error:
        problem = str(error)  # It shows the address, and there may be a password in that.
        for secret in config.secrets:
            problem = problem.replace(secret, log.CONCEALED)
        remedy = "Correct server.database"
        raise ConfigError([Problem(config.file, "server.database", problem, remedy)]) from None


# -- Checking -------------------------------------------------------------------------------------------------------


def check(path: str | os.PathLike[str]) -> list[Problem]:
    """Return everything that is wrong with a configuration and with the plugins it needs, without serving.

    Opens the adapters (which does no I/O), not the database.
    """
    config, problems = read_config(path)
    plugins = load_plugins()
    try:
        opened = try_stores(config, plugins)
        asyncio.run(_close_adapters(opened.stores))
    finally:
        plugins.close()
    try:
        _storage(config)
    except ConfigError as error:
        problems += error.problems
    problems += opened.problems
    problems += [
        Problem(config.file, f"stores.{store_id}", error.message, "The other stores are not affected")
        for store_id, error in opened.unavailable.items()
    ]
    return problems


def check_online(path: str | os.PathLike[str], seconds_max: float) -> list[Problem]:
    """Return what the shops and gateways say is wrong with the settings of the stores that can be opened.

    Tells nothing that `check` tells. Writes nothing, here or there.

    :param seconds_max: how long one shop or gateway may take.
    """
    config, _ = read_config(path)
    plugins = load_plugins()

    async def ask(stores: Mapping[str, Store]) -> list[Problem]:
        try:
            return await OnlineChecks(config.file, config.secrets, seconds_max).run(stores)
        finally:
            await _close_adapters(stores)

    try:
        return asyncio.run(ask(try_stores(config, plugins).stores))
    finally:
        plugins.close()


async def _close_adapters(stores: Mapping[str, Store]) -> None:
    for store in stores.values():
        for adapter in (store.platform, store.gateway):
            try:
                await adapter.aclose()
            except Exception as error:
                logger.warning("adapter did not close", store=store.store_id, exc_info=error)


# -- Serving --------------------------------------------------------------------------------------------------------


class _Hooks:
    """The plugins' hooks, with every event counted on its way."""

    def __init__(self, plugins: Plugins, metrics: Metrics) -> None:
        self._plugins = plugins
        self._metrics = metrics
        self.reviewing = plugins.reviewing

    def review(self, request: ReviewRequest) -> tuple[str, str] | None:
        return self._plugins.review(request)

    def event(self, event: Event) -> None:
        self._metrics.event(event)
        self._plugins.event(event)


class Service:
    """The whole service, in this process and this loop: ``async with Service(config) as service: ...``.

    Leaving the block stops it: nothing new is accepted, calls and operations under way finish within
    ``grace_seconds``, storage closes last.

    :param plugins: those that are installed, unless given. The service closes them.
    :param policy: how patient the engine is; what the configuration says of it, unless given.
    """

    def __init__(
        self,
        config: Config,
        *,
        plugins: Plugins | None = None,
        clock: Clock | None = None,
        policy: EnginePolicy | None = None,
    ) -> None:
        self._config = config
        self._plugins = plugins
        self._clock = clock or SystemClock()
        self._policy = policy or EnginePolicy.of_lease(config.server.lease_seconds)
        self._resources = AsyncExitStack()
        self._ready = False
        self.grpc_port = 0
        self.http_port = 0

    async def __aenter__(self) -> Self:
        """Start everything.

        :raises ConfigError: a store's settings are wrong.
        :raises OSError: an address cannot be listened on.
        """
        try:
            await self._start()
        except BaseException:
            await self._resources.aclose()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything, the last started first."""
        self._ready = False
        logger.info("stopping", grace_seconds=self._config.server.grace_seconds)
        await self._resources.aclose()
        logger.info("stopped")

    async def _start(self) -> None:
        server = self._config.server
        plugins = self._plugins or load_plugins()
        self._resources.callback(plugins.close)
        stores, unavailable = open_stores(self._config, plugins)
        self._resources.push_async_callback(_close_adapters, stores)
        for store_id, error in unavailable.items():
            logger.error("store out of service", store=store_id, error=error.message)
        storage = _storage(self._config)
        self._resources.push_async_callback(storage.aclose)
        await storage.start()
        metrics = Metrics(self._config.stores)
        metrics.dropped_events(lambda: plugins.events_dropped)
        engine = Engine(
            storage=storage,
            stores=stores,
            clock=self._clock,
            random=random.Random(),  # noqa: S311 - ids are to be unique, not secret; the seed is the system's randomness
            policy=self._policy,
            hooks=_Hooks(plugins, metrics),
            unavailable_stores=unavailable,
        )
        self._resources.push_async_callback(engine.stop, server.grace_seconds)
        await self._listen(engine, metrics)  # First: who finds its ports taken must not work for the stores.
        await engine.start()
        self._ready = True
        logger.info(
            "serving",
            version=__version__,
            grpc_host=server.grpc.host,
            grpc_port=self.grpc_port,
            http_host=server.http.host,
            http_port=self.http_port,
            stores=sorted(stores),
            unavailable_stores=sorted(unavailable),
        )

    async def _listen(self, engine: Engine, metrics: Metrics) -> None:
        server = self._config.server
        grpc_server = GrpcServer(engine, metrics)
        origins = Origins(server.http_origins, server.http.host)
        http_server = HttpServer(HttpApplication(engine, metrics, lambda: self._ready, origins))

        async def stop() -> None:
            grace_seconds = server.grace_seconds
            await asyncio.gather(grpc_server.stop(grace_seconds), http_server.stop(grace_seconds))

        self._resources.push_async_callback(stop)
        self.http_port = await http_server.start(server.http.host, server.http.port)
        self.grpc_port = await grpc_server.start(str(server.grpc))


def _spare_the_collector() -> None:
    """Keep what lives as long as the service out of each garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT says otherwise; a second signal stops at once, unfinished calls and all."""
    log.configure(config.server.log_level, secrets=config.secrets)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve_until_signalled(config))


async def serve_until_signalled(config: Config) -> None:
    """Serve in the running loop until SIGTERM or SIGINT. One that comes while all starts ends the start."""
    signalled, started = asyncio.Event(), False
    serving = asyncio.current_task()
    assert serving is not None

    def stop(number: int) -> None:
        if signalled.is_set():
            # What is durable stays; recovery finishes the rest. Waiting is what was just refused.
            logger.warning("stopped at once")
            log.flush()
            os._exit(128 + number)
        signalled.set()
        if not started:
            serving.cancel()  # It may wait for a database that is away, or for another's change of the schema.

    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    logger.info("starting", version=__version__)
    try:
        async with Service(config):
            started = True
            _spare_the_collector()
            await signalled.wait()
    except asyncio.CancelledError:
        if started or not signalled.is_set():
            raise
        serving.uncancel()
        logger.info("stopped")
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
