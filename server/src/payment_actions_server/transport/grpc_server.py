"""The gRPC port: the service, standard health, reflection."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from payment_actions_server.engine import Engine
from payment_actions_server.transport.boundary import Boundary, Stopping
from payment_actions_server.transport.metrics import Metrics
from payment_actions_server.transport.servicer import Servicer
from payment_actions_server.transport.validation import SERVICE

REQUEST_BYTES_MAX: Final = 16 * 1024 * 1024
"""Holds ten thousand items with notes of ordinary length."""

RPCS_MAX: Final = 4096
"""Calls under way at once, watchers included; one more is answered RESOURCE_EXHAUSTED."""

_HEALTH_SECONDS_MAX: Final = 1.0
_NEWS_SECONDS: Final = 0.1
_SERVED: Final = ("", SERVICE.full_name)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
    ("grpc.max_send_message_length", REQUEST_BYTES_MAX),
    # A watcher may see nothing for hours: find out when it is gone, and let it find out the same of us.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # Two services on one port would share the callers between them at random.
    ("grpc.so_reuseport", 0),
)


class GrpcServer:
    """One gRPC port. Start it once, stop it once."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._boundary = Boundary(metrics)
        self._health = _Health(self._boundary)
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=RPCS_MAX)
        handlers = Servicer(engine, self._boundary).handlers()
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE.full_name, handlers),))
        generic: Any = _GenericOnly(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, generic)
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((SERVICE.full_name, health, reflection.SERVICE_NAME), generic)

    async def start(self, address: str) -> int:
        """Listen and serve.

        :param address: host:port; port 0 takes a free one.
        :return: the port.
        :raises OSError: the address is taken, or is none of this machine's.
        """
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}: {error}") from error
        await self._server.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        return port

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing new, let the calls under way finish, cut off after ``grace_seconds`` those that have not."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await asyncio.sleep(_NEWS_SECONDS)  # Who watches our health hears of it before that stream ends too.
        self._boundary.drain()
        await self._server.stop(grace_seconds)

    async def _set_health(self, status: int) -> None:
        # The library writes to its watchers under a lock: one that does not read must not hold up our stop.
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEALTH_SECONDS_MAX):
                for service in _SERVED:
                    await self._health.set(service, status)


class _GenericOnly:
    """A server to which generated code adds handlers that are found by name.

    Of those that are registered with grpc itself it waits for each apart, anew with every call of any of them: with as
    many methods as ours that takes longer than all that this transport does.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Leave them to the generic ones, which generated code adds too."""


class _Health(HealthServicer):
    """Standard health, whose watchers do not hold up a graceful stop."""

    def __init__(self, boundary: Boundary) -> None:
        super().__init__()
        self._boundary = boundary

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802 - the library's name
        """Stream a service's health until the caller, or this server, has had enough."""
        with suppress(Stopping):
            async with self._boundary.until_drained():
                await super().Watch(request, context)
