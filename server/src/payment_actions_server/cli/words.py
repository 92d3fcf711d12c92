"""The contract's values as a person reads them."""

import unicodedata
from datetime import UTC
from decimal import Decimal
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.error_reason_pb2 import ErrorReason
from payment_actions_client import Money, to_decimal
from payment_actions_server.domain.money import EXPONENTS

_STEERING: Final = frozenset({"Cc", "Cf"})  # Control and format characters: escape sequences, text that runs backwards.
_INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """Return text from elsewhere with nothing in it that steers a terminal: an order's number may hold anything."""
    return "".join(_INSTEAD if unicodedata.category(letter) in _STEERING else letter for letter in text)


def status(value: int) -> str:
    """Return a payment's status."""
    return _word(pb.PaymentStatus, value)


def action(value: int) -> str:
    """Return an action."""
    return _word(pb.Action, value)


def state(value: int) -> str:
    """Return an operation's state."""
    return _word(pb.OperationState, value)


def event_type(value: int) -> str:
    """Return what an event tells."""
    return _word(pb.EventType, value)


def reason(value: int) -> str:
    """Return why something was refused."""
    return _word(ErrorReason, value)


def order_state(value: int) -> str:
    """Return what became of an order in the shop."""
    return _word(pb.OrderState, value)


def _word(enum: Any, value: int) -> str:
    """Return a value's name without its enum's prefix; of one that this version does not know, the number."""
    if value not in enum.values():
        return f"({value})"
    prefix: str = enum.Name(0).removesuffix("UNSPECIFIED")
    name: str = enum.Name(value)
    return name.removeprefix(prefix)


def money(amount: Money) -> str:
    """Return an amount with all the digits of its currency: 129.90 USD."""
    exact = to_decimal(amount)
    padded = exact.quantize(Decimal(1).scaleb(-EXPONENTS.get(amount.currency_code, 0)))
    return f"{padded if padded == exact else exact:f} {plain(amount.currency_code)}"


def time(stamp: Timestamp) -> str:
    """Return a time to the second, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%SZ")
