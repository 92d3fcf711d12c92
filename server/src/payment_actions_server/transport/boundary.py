"""The one boundary of every RPC: who calls, is the request valid, what went wrong, how long it took."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, nullcontext
from time import perf_counter
from typing import Any, Final, NamedTuple, TypeVar

import grpc
import structlog
from google.protobuf.message import Message
from google.rpc import status_pb2

from payment_actions_server.domain.errors import PaymentActionsError
from payment_actions_server.engine import StorageUnavailable
from payment_actions_server.transport import errors, validation
from payment_actions_server.transport.authentication import ANONYMOUS, actor_of
from payment_actions_server.transport.metrics import Metrics

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)

Unary = Callable[[Q, str], Awaitable[R]]
"""(valid request, actor) -> response; raises `PaymentActionsError`."""

Stream = Callable[[Q, str], AsyncGenerator[R, None]]
"""(valid request, actor) -> responses; raises `PaymentActionsError`."""

STATUS_KEY: Final = "grpc-status-details-bin"
_LOGGED_LENGTH_MAX: Final = 128  # An invalid request may carry anything, of any length.


class Stopping(Exception):
    """The service stops while an endless stream is being read."""


class _Call(NamedTuple):
    method: str
    request: Any
    context: Any
    started: float


class Boundary:
    """Wraps what answers an RPC into what grpc calls. Knows grpc, so that the servicer need not."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = structlog.get_logger().bind()
        self._endless: set[asyncio.Timeout] = set()
        self._draining = False

    def drain(self) -> None:
        """End the streams that have no end of their own, and begin no more; everything else may finish."""
        self._draining = True
        for scope in self._endless:
            scope.reschedule(0)

    def unary(self, method: str, answer: Unary[Q, R]) -> Callable[[Q, Any], Awaitable[R]]:
        """Return grpc's handler of an RPC with one response."""

        async def handle(request: Q, context: Any) -> R:
            call, actor = _Call(method, request, context, perf_counter()), ANONYMOUS
            try:
                actor = actor_of(context)
                validation.check(request)
                response = await answer(request, actor)
            except (Exception, asyncio.CancelledError) as error:
                await self._refuse(call, actor, error)
                raise  # Nobody is left to be told.
            self._ended(call, actor, "OK")
            return response

        return handle

    def stream(self, method: str, answer: Stream[Q, R], *, endless: bool) -> Callable[[Q, Any], Awaitable[None]]:
        """Return grpc's handler of an RPC with many responses.

        Memory stays bounded: the next response is asked for when the last one is on its way.

        :param endless: it only ends when somebody ends it; `drain` does.
        """

        async def handle(request: Q, context: Any) -> None:
            call, actor = _Call(method, request, context, perf_counter()), ANONYMOUS
            try:
                actor = actor_of(context)
                validation.check(request)
                async with (
                    self.until_drained() if endless else nullcontext(),
                    aclosing(answer(request, actor)) as responses,
                ):
                    async for response in responses:
                        await context.write(response)
            except (Exception, asyncio.CancelledError) as error:
                await self._refuse(call, actor, error)
                raise  # Nobody is left to be told.
            self._ended(call, actor, "OK")

        return handle

    @asynccontextmanager
    async def until_drained(self) -> AsyncIterator[None]:
        """Run what never ends by itself.

        :raises Stopping: `drain` ended it.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._endless.add(scope)
                if self._draining:
                    scope.reschedule(0)
                yield
        except TimeoutError:
            if not scope.expired():
                raise  # Somebody else's.
            raise Stopping from None
        finally:
            self._endless.discard(scope)

    async def _refuse(self, call: _Call, actor: str, error: BaseException) -> None:
        """End the call with the error's status; return only when the caller has gone."""
        status = self.status_of(error, call.method)
        if status is None:
            self._ended(call, actor, "DEADLINE_EXCEEDED" if call.context.time_remaining() == 0 else "CANCELLED")
            return
        self._ended(call, actor, errors.CODE_NAMES[status.code], message=status.message)
        details = ((STATUS_KEY, status.SerializeToString()),)
        await call.context.abort(errors.GRPC_CODES[status.code], status.message, details)

    def status_of(self, error: BaseException, method: str) -> status_pb2.Status | None:
        """Return what the caller is told of ``error``; None when the caller has gone.

        What is no `PaymentActionsError` is a mistake of ours: it is logged in full, and the caller gets the id to find
        it by. So is one that no status can tell, and a cancellation that nobody asked of this call: either would leave
        the caller without an answer.
        """
        if isinstance(error, PaymentActionsError):
            try:
                return errors.to_status(error)
            except Exception as untold:  # noqa: BLE001 - whatever is in it that cannot be told: the caller is waiting
                return self._incident(untold, method)
        task = asyncio.current_task()
        if isinstance(error, grpc.aio.InternalError) or (task is not None and task.cancelling()):
            return None
        if isinstance(error, Stopping):
            return errors.stopping()
        if isinstance(error, StorageUnavailable):
            self._log.error("storage unavailable", method=method, error=str(error))
            return errors.storage_unavailable()
        return self._incident(error, method)

    def _incident(self, error: BaseException, method: str) -> status_pb2.Status:
        incident_id = secrets.token_hex(8)
        self._log.error("incident", incident_id=incident_id, method=method, exc_info=error)
        return errors.internal(incident_id)

    def _ended(self, call: _Call, actor: str, code: str, **more: str) -> None:
        seconds = perf_counter() - call.started
        self._metrics.rpc(call.method, code, seconds)
        self._log.info(
            "rpc",
            method=call.method,
            code=code,
            store=getattr(call.request, "store", "")[:_LOGGED_LENGTH_MAX],
            order_id=getattr(call.request, "order_id", "")[:_LOGGED_LENGTH_MAX],
            duration_ms=round(seconds * 1000, 3),
            actor=actor,
            **more,
        )
