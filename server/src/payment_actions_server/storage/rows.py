"""Between rows and domain values: one function each way."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.operation import Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState

Row = Mapping[str, Any]

_PAYMENT = tuple(field.name for field in fields(Payment))
_OPERATION = tuple(field.name for field in fields(Operation))
_STORE_UPDATE = tuple(field.name for field in fields(StoreUpdate))
_EVENT = tuple(field.name for field in fields(Event) if field.name != "sequence")


def payment_row(payment: Payment) -> dict[str, Any]:
    """Return the columns of a payment."""
    row = {name: getattr(payment, name) for name in _PAYMENT}
    row["references"] = json.dumps(payment.references)
    return row


def to_payment(row: Row) -> Payment:
    """Return the payment of a row."""
    values = dict(row)
    values["status"] = PaymentStatus(values["status"])
    values["under_way"] = values["under_way"] and Action(values["under_way"])
    values["references"] = tuple(GatewayReference(*pair) for pair in json.loads(values["references"]))
    return Payment(**values)


def operation_row(operation: Operation) -> dict[str, Any]:
    """Return the columns of an operation."""
    return {name: getattr(operation, name) for name in _OPERATION}


def to_operation(row: Row) -> Operation:
    """Return the operation of a row."""
    values = dict(row)
    values["action"] = Action(values["action"])
    values["state"] = OperationState(values["state"])
    return Operation(**values)


def store_update_row(update: StoreUpdate) -> dict[str, Any]:
    """Return the columns of a store update."""
    return {name: getattr(update, name) for name in _STORE_UPDATE}


def to_store_update(row: Row) -> StoreUpdate:
    """Return the store update of a row."""
    values = dict(row)
    values["state"] = StoreUpdateState(values["state"])
    return StoreUpdate(**values)


def event_row(event: Event) -> dict[str, Any]:
    """Return the columns of an event, but for the sequence, which the database gives."""
    row = {name: getattr(event, name) for name in _EVENT}
    row["details"] = json.dumps(dict(event.details), ensure_ascii=False)
    return row


def to_event(row: Row) -> Event:
    """Return the event of a row."""
    values = dict(row)
    values["type"] = EventType(values["type"])
    values["status_before"] = values["status_before"] and PaymentStatus(values["status_before"])
    values["status_after"] = PaymentStatus(values["status_after"])
    values["details"] = json.loads(values["details"])
    return Event(**values)
