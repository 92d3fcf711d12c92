"""What an adapter raises. Each error answers two questions: did it happen, and may it be repeated.

AdapterError
├── SettingsError                   the store's settings are wrong; nothing was tried
├── NotExecuted                     certain that nothing happened
│   ├── Throttled                   ... because the quota is used up; come back later
│   └── Unavailable                 ... because the other side could not be reached
├── StateConflict                   refused because the payment is not in the state we believed; look again
├── OrderMissing                    the platform has no such order
└── NotificationRefused             not verified, or not for this store

Whatever else an adapter raises proves nothing: the engine takes it for "may have happened" (UNKNOWN).
A decline is no error but a result.
"""


class AdapterError(Exception):
    """Base of what adapters raise. The message reaches operators: no secrets in it."""


class SettingsError(AdapterError):
    """A store's setting is missing or wrong.

    :param key: the setting within the adapter's table, dotted.
    :param problem: what is wrong with it; never its value when that is a secret.
    :param remedy: what to do about it, beginning with a verb.
    :param more: what else is wrong, so that all of it is told at once.
    """

    def __init__(self, key: str, problem: str, *, remedy: str = "", more: "tuple[SettingsError, ...]" = ()) -> None:
        super().__init__(f"{key}: {problem}" if key else problem)
        self.key = key
        self.problem = problem
        self.remedy = remedy
        self.all = (self, *more)


class NotExecuted(AdapterError):
    """Certain: this attempt moved nothing. An earlier attempt under the same reference may still have.

    :param reason_code: the other side's word, if it gave one.
    """

    def __init__(self, message: str, *, reason_code: str = "") -> None:
        super().__init__(message)
        self.reason_code = reason_code


class Throttled(NotExecuted):
    """Refused, or held back here, because the quota is used up."""

    def __init__(self, message: str, *, retry_after_seconds: float, reason_code: str = "") -> None:
        super().__init__(message, reason_code=reason_code)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(NotExecuted):
    """The other side could not be reached (no connection was made), or said that it did nothing."""


class StateConflict(AdapterError):
    """The gateway refused because the payment is not in the state that the call needs.

    Raise it also when a lost earlier attempt could explain the refusal ("amount exceeded" after a first refund):
    the engine then looks up the reference, takes the snapshot and ends the operation by what is true.
    """

    def __init__(self, message: str, *, reason_code: str = "") -> None:
        super().__init__(message)
        self.reason_code = reason_code


class OrderMissing(AdapterError):
    """The store platform has no order of that id. The message tells staff why: never placed, deleted, no such id."""


class NotificationRefused(AdapterError):
    """A notification that cannot be trusted or is not for this store. Nothing in it is used.

    :param kind: a short word for counting: ``signature``, ``topic``, ``certificate``, ``size``, ``format``,
        ``seller``, ``environment``, ``type`` ...
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind
