"""The client for programs without an event loop."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import grpc

from payment_actions.v1 import payment_actions_pb2_grpc
from payment_actions_client import calls
from payment_actions_client.calls import Call, Pages
from payment_actions_client.connection import (
    OPTIONS,
    TARGET,
    TIMEOUT_SECONDS,
    Connection,
    declared_by,
)
from payment_actions_client.retry import STREAM_SECONDS_MAX, Attempts, Lifeline, RetryPolicy
from payment_actions_client.streams import Stream

P = ParamSpec("P")
T = TypeVar("T")


def _unary(build: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._ask(build(*args, **kwargs))

    return declared_by(build, method)


def _paged(build: Callable[P, Pages[T]]) -> Callable[Concatenate["Client", P], Iterator[T]]:
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._turn(build(*args, **kwargs))

    return declared_by(build, method)


def _streamed(build: Callable[P, Stream[T]]) -> Callable[Concatenate["Client", P], Iterator[T]]:
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._follow(build(*args, **kwargs))

    return declared_by(build, method)


class Client:
    """A connection to the service; safe to share between threads. Close it, or use it in a ``with`` block.

    :param target: host:port of the service.
    :param actor: in whose name to act, for the history.
    :param timeout: seconds for one call, all its attempts together.
    :param retry: how patient to be.
    :param credentials: for TLS; None: no encryption, which suits loopback and nothing else.
    """

    def __init__(
        self,
        target: str = TARGET,
        *,
        actor: str = "",
        timeout: float = TIMEOUT_SECONDS,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008 - an immutable value
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._connection = Connection(target=target, actor=actor, timeout=timeout, retry=retry, credentials=credentials)
        self._channel = (
            grpc.secure_channel(target, credentials, OPTIONS) if credentials else grpc.insecure_channel(target, OPTIONS)
        )
        self._stub = payment_actions_pb2_grpc.PaymentActionsStub(self._channel)

    def close(self) -> None:
        """End the connection; calls under way end with an error."""
        self._channel.close()

    def on_connection(self, told: Callable[[bool], None]) -> None:
        """Have ``told`` called, by a thread of gRPC's, whenever the service comes within reach (True) or leaves it.

        A stream that goes on after a lost connection shows nothing of that; this does.
        """
        self._channel.subscribe(lambda state: told(state is grpc.ChannelConnectivity.READY))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    get_payment = _unary(calls.get_payment)
    list_payments = _paged(calls.list_payments)
    capture = _unary(calls.capture)
    void = _unary(calls.void)
    refund = _unary(calls.refund)
    refresh = _unary(calls.refresh)
    get_operation = _unary(calls.get_operation)
    resolve_operation = _unary(calls.resolve_operation)
    list_events = _paged(calls.list_events)
    get_overview = _unary(calls.get_overview)
    watch_events = _streamed(calls.watch_events)
    run_actions = _streamed(calls.run_actions)

    def _ask(self, call: Call[T]) -> T:
        attempts = Attempts(call, self._connection.retry, self._connection.timeout)
        send: Any = getattr(self._stub, call.rpc)
        while True:  # Bounded: `failed` raises when the attempts or the time are used up.
            try:
                response = send(call.request, timeout=attempts.seconds_left, metadata=self._connection.metadata)
            except grpc.RpcError as error:
                pause = attempts.failed(error)
            else:
                return call.result(response)
            time.sleep(pause)

    def _turn(self, pages: Pages[T]) -> Iterator[T]:
        while pages.next is not None:
            yield from pages.take(self._ask(pages.next))

    def _follow(self, stream: Stream[T]) -> Iterator[T]:
        lifeline = Lifeline(stream, self._connection.retry)
        send: Any = getattr(self._stub, stream.rpc)
        while not stream.done:
            responses = send(stream.request, timeout=STREAM_SECONDS_MAX, metadata=self._connection.metadata)
            lost: grpc.RpcError | None = None
            try:
                for response in responses:
                    lifeline.alive()
                    yield from stream.take(response)
            except grpc.RpcError as error:
                lost = error
            finally:
                responses.cancel()
            if not stream.done:
                time.sleep(lifeline.lost(lost))
