"""Between rows and domain values: one function each way. A row's columns are in the order that is named here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.domain.values import made

Row = Sequence[Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

PAYMENT: Final = tuple(field.name for field in fields(Payment))
PAYMENT_CHANGES: Final = tuple(name for name in PAYMENT if name not in ("store", "order_id", "create_time"))
OPERATION: Final = tuple(field.name for field in fields(Operation))
OPERATION_CHANGES: Final = ("state", *OPERATION[OPERATION.index("update_time") :])  #: The rest stands for ever.
STORE_UPDATE: Final = tuple(field.name for field in fields(StoreUpdate))
EVENT: Final = tuple(field.name for field in fields(Event) if field.name != "sequence")


def to_microseconds(value: datetime) -> int:
    """Return a time as it is kept: microseconds since 1970."""
    assert value.tzinfo is not None, "a naive time has no meaning here"
    return (value - _EPOCH) // _MICROSECOND


def to_time(value: int) -> datetime:
    """Return the time of its microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


def _optional_microseconds(value: datetime | None) -> int | None:
    return None if value is None else to_microseconds(value)


def _optional_time(value: int | None) -> datetime | None:
    return None if value is None else to_time(value)


class _Codec:
    """Turns a dataclass into a row and back. ``kept_otherwise`` names what is not kept as it is, and how it is."""

    def __init__(
        self,
        kind: type,
        columns: tuple[str, ...],
        **kept_otherwise: tuple[Callable[[Any], Any], Callable[[Any], Any]],
    ) -> None:
        self._kind = kind
        self._values = attrgetter(*columns)
        kept = [(columns.index(name), both) for name, both in kept_otherwise.items()]
        self._encoders = [(place, encode) for place, (encode, _) in kept if encode is not _same]
        self._decoders = [(place, decode) for place, (_, decode) in kept]

    def row(self, value: Any) -> list[Any]:
        row = list(self._values(value))
        for index, encode in self._encoders:
            row[index] = encode(row[index])
        return row

    def value(self, row: Row) -> Any:
        values = list(row)
        for place, decode in self._decoders:
            values[place] = decode(values[place])
        return made(self._kind, values)


def _same(value: Any) -> Any:
    return value


_TIME: Final = (to_microseconds, to_time)
_OPTIONAL_TIME: Final = (_optional_microseconds, _optional_time)


def _optional_action(value: str | None) -> Action | None:
    return None if value is None else Action(value)


def _optional_status(value: str | None) -> PaymentStatus | None:
    return None if value is None else PaymentStatus(value)


@lru_cache(2048)  # A payment is read and written several times in a row.
def _references(text: str) -> tuple[GatewayReference, ...]:
    return tuple(GatewayReference(*pair) for pair in json.loads(text))


@lru_cache(2048)
def _references_text(references: tuple[GatewayReference, ...]) -> str:
    return json.dumps(references)


_encode: Final = json.JSONEncoder(ensure_ascii=False).encode


def _details(details: Any) -> str:
    return _encode(dict(details))


_PAYMENTS = _Codec(
    Payment,
    PAYMENT,
    ours=(_same, bool),
    status=(_same, PaymentStatus),
    references=(_references_text, _references),
    authorization_expire_time=_OPTIONAL_TIME,
    under_way=(_same, _optional_action),
    create_time=_TIME,
    update_time=_TIME,
    next_refresh_time=_OPTIONAL_TIME,
)
_OPERATIONS = _Codec(
    Operation,
    OPERATION,
    action=(_same, Action),
    state=(_same, OperationState),
    create_time=_TIME,
    update_time=_TIME,
    lease_expire_time=_OPTIONAL_TIME,
    next_check_time=_OPTIONAL_TIME,
)
_STORE_UPDATES = _Codec(
    StoreUpdate,
    STORE_UPDATE,
    state=(_same, StoreUpdateState),
    lease_expire_time=_OPTIONAL_TIME,
    next_attempt_time=_OPTIONAL_TIME,
)
_EVENTS = _Codec(
    Event,
    (*EVENT, "sequence"),
    type=(_same, EventType),
    time=_TIME,
    status_before=(_same, _optional_status),
    status_after=(_same, PaymentStatus),
    details=(_details, json.loads),
)


def payment_row(payment: Payment) -> list[Any]:
    """Return the columns `PAYMENT`."""
    return _PAYMENTS.row(payment)


def to_payment(row: Row) -> Payment:
    """Return the payment of the columns `PAYMENT`."""
    payment: Payment = _PAYMENTS.value(row)
    return payment


def operation_row(operation: Operation) -> list[Any]:
    """Return the columns `OPERATION`."""
    return _OPERATIONS.row(operation)


def to_operation(row: Row) -> Operation:
    """Return the operation of the columns `OPERATION`."""
    operation: Operation = _OPERATIONS.value(row)
    return operation


def store_update_row(update: StoreUpdate) -> list[Any]:
    """Return the columns `STORE_UPDATE`."""
    return _STORE_UPDATES.row(update)


def to_store_update(row: Row) -> StoreUpdate:
    """Return the store update of the columns `STORE_UPDATE`."""
    update: StoreUpdate = _STORE_UPDATES.value(row)
    return update


def event_row(event: Event) -> list[Any]:
    """Return the columns `EVENT`: all but the sequence, which the database gives."""
    return _EVENTS.row(event)[: len(EVENT)]


def to_event(row: Row) -> Event:
    """Return the event of the columns `EVENT`, and its sequence."""
    event: Event = _EVENTS.value(row)
    return event
