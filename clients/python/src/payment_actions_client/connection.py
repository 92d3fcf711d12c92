"""Where the service is and who calls it: what both clients are made with."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import Parameter, Signature, signature
from typing import Any, Final, TypeVar

import grpc

from payment_actions_client.retry import RetryPolicy

TARGET: Final = "127.0.0.1:50051"
TIMEOUT_SECONDS: Final = 60.0
ACTOR_KEY: Final = "payment-actions-actor"

OPTIONS: Final = (
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),  # A page of a thousand payments, as the service sends it.
    # gRPC waits a second, then up to two minutes, before it tries a lost connection again; our own pauses are bounded.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A watcher may hear nothing for a while: find out when the service is gone.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)

_PRINTABLE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")
M = TypeVar("M", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a client knows of the service.

    :raises ValueError: ``actor`` cannot be sent, or ``timeout`` is not above zero.
    """

    target: str = TARGET
    actor: str = ""
    timeout: float = TIMEOUT_SECONDS
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    credentials: grpc.ChannelCredentials | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.actor and not _PRINTABLE.fullmatch(self.actor):
            raise ValueError(f"actor must be 1 to 128 printable ASCII characters, not {self.actor!r}")
        if not self.timeout > 0:
            raise ValueError(f"timeout must be above 0 seconds, not {self.timeout}")

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes with every call."""
        return ((ACTOR_KEY, self.actor),) if self.actor else ()


def declared_by(build: Callable[..., Any], method: M) -> M:
    """Return ``method`` with the name, words and parameters of the function in `calls` that declares it.

    Not functools.wraps: with ``__wrapped__``, inspect takes the first parameter of a bound method for self.
    """
    declared = signature(build)
    parameters = [Parameter("self", Parameter.POSITIONAL_ONLY), *declared.parameters.values()]
    method.__name__, method.__doc__ = build.__name__, build.__doc__
    method.__signature__ = declared.replace(parameters=parameters, return_annotation=Signature.empty)  # type: ignore[attr-defined] # inspect reads it
    return method
