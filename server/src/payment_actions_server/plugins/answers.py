"""Where adapters' answers are made sound, on their way in: whoever reads them later meets no wrong type.

What stands for a text is taken for one (a number for an id, None for nothing): money that was moved must not stay
unrecorded for its sake. A state or an amount that is none is refused: nobody guesses at those.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from payment_actions_server.domain.money import AMOUNT_MINOR_MAX
from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.domain.text import keepable
from payment_actions_server.plugins.errors import NotExecuted, StateConflict, Throttled
from payment_actions_server.plugins.gateway import (
    ActionCapability,
    GatewayCapabilities,
    GatewayResult,
    Notification,
    NotificationKind,
    ResultState,
)
from payment_actions_server.plugins.platform import OrderPage, PlatformOrder, StatusApplied

T = TypeVar("T")

PAUSE_SECONDS_MAX: Final = 86_400.0
_PAUSE_SECONDS_UNTOLD: Final = 10.0


class Unsound(Exception):
    """An adapter answered what its protocol does not allow, which proves nothing. No value shows: it may be secret."""


def sound(shape: type[T], answer: object) -> T:
    """Return an adapter's answer, every field of it as ``shape`` promises.

    :raises Unsound: it is no such thing, or a field cannot be taken for what it should be.
    """
    if not isinstance(answer, shape):
        raise Unsound(f"{type(answer).__name__} is no {shape.__name__}")
    fields = {}
    for name, read in _FIELDS[shape].items():
        value = getattr(answer, name)
        try:
            fields[name] = read(value)
        except (TypeError, ValueError, OverflowError):
            problem = f"{shape.__name__}.{name} cannot be read; it is of type {type(value).__name__}"
            raise Unsound(problem) from None
    return shape(**fields)


def text(value: object) -> str:
    """Return the text that a value stands for; None stands for none."""
    if value is None:
        return ""
    return keepable(value if type(value) is str else str(value))


def moment(value: object) -> datetime | None:
    """Return the time that a value tells: without a zone, none."""
    return value if isinstance(value, datetime) and value.utcoffset() is not None else None


def reason_code_of(error: NotExecuted | StateConflict) -> str:
    """Return the other side's word for why."""
    return text(getattr(error, "reason_code", ""))  # A subclass may have forgotten it.


def pause_seconds_of(error: Throttled) -> float:
    """Return when to come back, as a caller can be told it: what is no such time only says "later"."""
    seconds = getattr(error, "retry_after_seconds", None)
    if not isinstance(seconds, (int, float)):
        return _PAUSE_SECONDS_UNTOLD
    bounded = min(max(seconds, 0.0), PAUSE_SECONDS_MAX)
    return _PAUSE_SECONDS_UNTOLD if math.isnan(bounded) else bounded


# -- Fields: each returns what a value means, or raises ---------------------------------------------------------------


def _name(value: object) -> str:
    name = text(value)
    if not name:
        raise ValueError("nothing is named by it")
    return name


def _amount(value: object) -> int:
    if type(value) is not int:  # True is an int to isinstance, and a float may have lost the last digit.
        raise TypeError("not a whole number")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:  # The text "false" would be true.
        raise TypeError("neither true nor false")
    return value


def _total(value: object) -> int | None:
    if value is None:
        return None
    amount = _amount(value)
    return amount if abs(amount) <= AMOUNT_MINOR_MAX else None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise TypeError("not a time that ends")
    return float(value)


def _window(value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise TypeError("not a time")
    return value


def _under_way(value: Any) -> Action | None:
    return None if value is None else Action(value)


def _sequence(value: object) -> Sequence[Any]:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise TypeError("not a sequence")
    return value


def _names(value: object) -> tuple[str, ...]:
    return tuple(name for each in _sequence(value) if (name := text(each)))


def _references(value: object) -> tuple[GatewayReference, ...]:
    pairs = [GatewayReference(text(role), text(known)) for role, known in _sequence(value)]
    return tuple(pair for pair in pairs if pair.value)


def _capability(value: object) -> ActionCapability:
    return sound(ActionCapability, value)


_FIELDS: Final[Mapping[type, Mapping[str, Callable[[Any], Any]]]] = {
    GatewayResult: {
        "state": ResultState,
        "gateway_id": text,
        "reason_code": text,
        "message": text,
    },
    Snapshot: {
        "status": PaymentStatus,
        "currency_code": text,  # An odd one contradicts the payment's, which is shown.
        "authorized_minor": _amount,
        "captured_minor": _amount,
        "refunded_minor": _amount,
        "references": _references,
        "authorization_expire_time": moment,
        "under_way": _under_way,
        "reason_code": text,
        "message": text,
    },
    Notification: {
        "message_id": _name,  # By the same id, and be it none, all but the first would be repeats.
        "kind": NotificationKind,
        "subject": text,
        "identifiers": _names,
        "order_id": text,
    },
    GatewayCapabilities: {
        "capture": _capability,
        "void": _capability,
        "refund": _capability,
        "account": _name,
        "credentials_fingerprint": _name,
        "call_seconds_max": _seconds,
    },
    ActionCapability: {
        "idempotency_window": _window,
        "lookup": _flag,
        "partial": _flag,
    },
    PlatformOrder: {
        "order_id": _name,
        "order_number": text,
        "method_code": text,
        "method_name": text,
        "currency_code": text,  # An odd one makes the total no amount, which is shown.
        "total_minor": _total,
        "status": PaymentStatus,
        "platform_status": text,
        "references": _references,
        "update_time": moment,
        "total_text": text,
        "cancelled": _flag,
        "refunded_minor": _amount,
    },
    OrderPage: {
        "orders": _sequence,
        "next_page_token": text,
    },
    StatusApplied: {
        "platform_status": text,
        "written": bool,
        "notice": text,
    },
}
