"""Wiring: the one place that knows every concrete class. Starts the service, and stops it."""

import asyncio
import gc
import os
import random
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import structlog

from payment_actions_server import __version__, log
from payment_actions_server.config import Config, ConfigError, Problem, read_config
from payment_actions_server.domain.concealment import Concealer
from payment_actions_server.domain.decision import Objection
from payment_actions_server.domain.event import Event
from payment_actions_server.engine import Clock, Engine, EnginePolicy, Store, SystemClock
from payment_actions_server.event_loop import new_event_loop
from payment_actions_server.online import OnlineChecks
from payment_actions_server.plugins import ReviewRequest
from payment_actions_server.plugins.loader import PluginInfo, Plugins, load_plugins
from payment_actions_server.storage import Storage, open_storage
from payment_actions_server.stores import open_stores, try_stores
from payment_actions_server.transport.grpc_server import GrpcServer
from payment_actions_server.transport.http import HttpApplication, HttpServer
from payment_actions_server.transport.metrics import Metrics
from payment_actions_server.transport.origins import Origins

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = structlog.get_logger()


def storage_of(config: Config) -> Storage:
    """Return the database's storage, not yet started.

    :raises ConfigError: no such kind of database.
    """
    try:
        return open_storage(config.server.database)
    except ValueError as error:
        problem = Concealer(config.secrets)(str(error))  # It shows the address, and there may be a password in that.
        remedy = "Correct server.database"
        raise ConfigError([Problem(config.file, "server.database", problem, remedy)]) from None


# -- Checking -------------------------------------------------------------------------------------------------------


def check(path: str | os.PathLike[str]) -> list[Problem]:
    """Return everything that is wrong with a configuration file and with the installed plugins; see `check_config`."""
    config, problems = read_config(path)
    return problems + check_config(config)


def check_config(config: Config) -> list[Problem]:
    """Return everything that is wrong with a configuration that was read, and with the installed plugins.

    Opens the adapters (which does no I/O), not the database.
    """
    problems = []
    plugins = load_plugins()
    try:
        opened = try_stores(config, plugins)
        asyncio.run(_close_adapters(opened.stores))
    finally:
        plugins.close()
    problems += [_broken_plugin(config, plugin) for plugin in plugins.broken]
    try:
        storage_of(config)
    except ConfigError as error:
        problems += error.problems
    problems += opened.problems
    problems += [
        Problem(config.file, f"stores.{store_id}", error.message, "The other stores are not affected")
        for store_id, error in opened.unavailable.items()
    ]
    return problems


def _broken_plugin(config: Config, plugin: PluginInfo) -> Problem:
    """Return a broken plugin as a problem, whether or not a store needs it: its policy may not be asked."""
    problem = Concealer(config.secrets)(f"the plugin {plugin.name} ({plugin.origin}) is broken: {plugin.error}")
    remedy = "Mend or uninstall it. Stores that rely on it name it in required_plugins"
    return Problem(config.file, "", problem, remedy)


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
    """The plugins' hooks, with every event counted on its way, and no secret in what a policy says."""

    def __init__(self, plugins: Plugins, metrics: Metrics, conceal: Concealer) -> None:
        self._plugins = plugins
        self._metrics = metrics
        self._conceal = conceal
        self.reviewing = plugins.reviewing

    def review(self, request: ReviewRequest) -> Objection | None:
        objection = self._plugins.review(request)
        # A plugin may quote a setting of its own.
        return None if objection is None else objection._replace(why=self._conceal(objection.why))

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
        storage = storage_of(self._config)
        self._resources.push_async_callback(storage.aclose)
        await storage.start()
        metrics = Metrics(self._config.stores)
        metrics.dropped_events(lambda: plugins.events_dropped)
        metrics.plugins(plugins.found)
        engine = Engine(
            storage=storage,
            stores=stores,
            clock=self._clock,
            random=random.Random(),  # noqa: S311 - ids are to be unique, not secret; the seed is the system's randomness
            policy=self._policy,
            hooks=_Hooks(plugins, metrics, Concealer(self._config.secrets)),
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
