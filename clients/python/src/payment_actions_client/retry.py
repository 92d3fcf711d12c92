"""When to ask again, after what pause, and what the caller hears when that is over. Decides; waits for nothing."""

import random
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc

from payment_actions_client.calls import Call, Repeat
from payment_actions_client.errors import (
    ConnectionFailed,
    GatewayThrottled,
    GatewayUnavailable,
    OutcomeUnknown,
    PaymentActionsError,
    PlatformUnavailable,
    error_of_rpc,
    of_this_attempt,
)
from payment_actions_client.streams import Stream

STREAM_SECONDS_MAX: Final = 900.0
"""How long one connection of a stream lasts before it is made anew: a peer that is gone unnoticed is found so."""

# What gRPC says by itself when the connection is lost or the service stops.
_LOST: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_NO_ANSWER: Final = _LOST | {grpc.StatusCode.DEADLINE_EXCEEDED}

# Refused on the doorstep, by gRPC or by a proxy: the service has not heard of it.
_DOORSTEP: Final = frozenset(
    {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
)


class RetryPolicy(NamedTuple):
    """How patient a client is. Pauses double from the first to the longest, each cut by up to half at random."""

    attempts_max: int = 6  #: Of one call, the first included.
    pause_seconds_first: float = 0.1
    pause_seconds_max: float = 2.0
    patience_seconds: float = 300.0  #: How long a stream tries to come back before it gives up.

    def pause_seconds(self, failures: int, chance: float) -> float:
        """Return how long to pause after so many failures in a row; ``chance`` is from 0 to 1."""
        longest = self.pause_seconds_first * 2.0 ** min(failures - 1, 32)
        return min(longest, self.pause_seconds_max) * (1 - chance / 2)


class Attempts:
    """The attempts at one unary call, all within one deadline."""

    def __init__(
        self,
        call: Call[Any],
        policy: RetryPolicy,
        timeout: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._call = call
        self._policy = policy
        self._timeout = timeout if call.timeout is None else call.timeout
        self._clock = clock
        self._chance = chance
        self._deadline = clock() + self._timeout
        self._failures = 0
        self._unanswered = False

    @property
    def seconds_left(self) -> float:
        """Return how long the next attempt may take."""
        return max(self._deadline - self._clock(), 0.0)

    def failed(self, rpc_error: grpc.RpcError) -> float:
        """Return how long to pause before the next attempt.

        :raises PaymentActionsError: there is none.
        """
        error = error_of_rpc(rpc_error, request_id=self._call.request_id)
        self._failures += 1
        self._unanswered |= not error.reason and error.code not in _DOORSTEP
        pause = max(self._policy.pause_seconds(self._failures, self._chance()), error.retry_after or 0.0)
        again = self._call.repeat is not Repeat.UNCLEAR and _passing(error)
        if again and self._failures < self._policy.attempts_max and pause < self.seconds_left:
            return pause
        raise self._final(error) from rpc_error

    def _final(self, error: PaymentActionsError) -> PaymentActionsError:
        acts = self._call.repeat is not Repeat.HARMLESS
        if acts and self._unanswered and (not error.reason or of_this_attempt(error)):
            return OutcomeUnknown(self._unknown_message(error), code=error.code, request_id=error.request_id)
        if error.reason or error.code not in _NO_ANSWER:
            return error
        return ConnectionFailed(f"No answer about {self._call.subject}: {self._tried(error)}.", code=error.code)

    def _unknown_message(self, error: PaymentActionsError) -> str:
        what_to_do = (
            f"Ask again with the same request_id, {error.request_id}: it acts once, however often it is asked."
            if error.request_id
            else "Look before you ask again."
        )
        return f"No answer to {self._call.subject}: {self._tried(error)}. It may have happened. {what_to_do}"

    def _tried(self, error: PaymentActionsError) -> str:
        if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"none came within {self._timeout:g} seconds"
        times = "once" if self._failures == 1 else f"{self._failures} times"
        return f"tried {times}, at last {error.code.name} ({error.message})"


class Lifeline:
    """The connections of one stream: when to make the next, and when to give up."""

    def __init__(
        self,
        stream: Stream[Any],
        policy: RetryPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._stream = stream
        self._policy = policy
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._lost_since: float | None = None
        self._unanswered = False

    def alive(self) -> None:
        """Take note that something came."""
        self._failures, self._lost_since = 0, None

    def lost(self, rpc_error: grpc.RpcError | None) -> float:
        """Return how long to pause before the next connection.

        :param rpc_error: how the last one ended; None: in good order, though not everything has come.
        :raises PaymentActionsError: there is none.
        """
        error = error_of_rpc(rpc_error) if rpc_error else ConnectionFailed("the service ended it")
        now, unanswered = self._clock(), self._unanswered
        self._unanswered |= not error.reason
        self._lost_since = now if self._lost_since is None else self._lost_since
        self._failures += 1
        pause = max(self._policy.pause_seconds(self._failures, self._chance()), error.retry_after or 0.0)
        resumable = rpc_error is None or _passing(error) or error.code is grpc.StatusCode.DEADLINE_EXCEEDED
        if resumable and now + pause - self._lost_since < self._policy.patience_seconds:
            return pause
        definite = error.reason and not (self._stream.acts and unanswered and of_this_attempt(error))
        if definite or (not resumable and not self._stream.acts):
            raise error from rpc_error
        kind = OutcomeUnknown if self._stream.acts else ConnectionFailed
        message = f"{self._stream.rpc} broke off: {error.code.name} ({error.message}). {self._stream.stands}"
        raise kind(message, code=error.code) from rpc_error


def _passing(error: PaymentActionsError) -> bool:
    """Tell whether the same request, sent again, may fare better and can do no harm."""
    if isinstance(error, GatewayThrottled | GatewayUnavailable | PlatformUnavailable):
        # With an operation id, that operation is FAILED for good: the same request id can only say so again.
        return "operation_id" not in error.metadata
    return not error.reason and error.code in _LOST
