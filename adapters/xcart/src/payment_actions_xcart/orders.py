"""From what X-Cart stores of an order to what the plugin API says of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from payment_actions_server.plugins import (
    GatewayReference,
    PaymentStatus,
    PlatformOrder,
    exponent,
    to_minor,
)

from . import answers
from .module_rows import REFUNDS, BackendRow
from .statuses import NAMES, StatusMap

#: Every name under which X-Cart's Amazon modules store an id, in small letters -> the id's role.
_ROLES: Final = {
    "amazonorderreferenceid": "order_reference",
    "amazon_pa_auth_id": "authorization",
    "amazonauthorizationid": "authorization",
    "amazon_pa_capture_id": "capture",
    "amazoncaptureid": "capture",
    "amazon_pa_refund_id": "refund",
    "amazonrefundid": "refund",
}

_TEXT_LENGTH_MAX: Final = 40

Named = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """An order as either API of X-Cart tells it."""

    order_id: str
    order_number: str
    total: Decimal | None  #: None where X-Cart tells none.
    total_text: str  #: In X-Cart's own digits.
    currency_code: str
    charged_currency_code: str  #: Of the payment transaction; empty where it is not told.
    code: str  #: The status's code, or its id as ``id:8``; empty for no status.
    word: str  #: The status's name, where the API tells it.
    method_code: str
    method_name: str
    transaction_type: str  #: ``sale`` where the checkout captured at once, else ``auth``; empty where it is not told.
    cells: Named  #: Data cells of the payment transaction: where the later Amazon module keeps its ids.
    details: Named  #: Order details: where the first one did.
    refunded: Decimal  #: Sum of the refunds that X-Cart itself recorded as succeeded.
    refunded_or_waiting: Decimal  #: The same, with the refunds that X-Cart waits for.
    update_time: datetime | None


def platform_order(stored: StoredOrder, statuses: StatusMap) -> PlatformOrder:
    """Return the order in the plugin API's words."""
    total_minor, total_text = _total(stored)
    return PlatformOrder(
        order_id=stored.order_id,
        order_number=stored.order_number,
        method_code=stored.method_code,
        method_name=stored.method_name or stored.method_code,
        currency_code=stored.currency_code,
        total_minor=total_minor,
        total_text=total_text,
        status=_status(stored, statuses),
        platform_status=word(stored.code, stored.word),
        cancelled=statuses.is_cancelled(stored.code),
        refunded_minor=_at_least(stored.refunded_or_waiting, stored.currency_code),
        references=references(stored.cells, stored.details),
        update_time=stored.update_time,
    )


def total_of(order: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """Return an order's total, and the text of it that staff see in X-Cart."""
    told = answers.pick(order, "total")
    total = answers.decimal(order, "total")
    return total, str(told)[:_TEXT_LENGTH_MAX] if told is not None else "no total"


def word(code: str, name: str = "") -> str:
    """Return a status as the shop's staff know it: its name there, X-Cart's own name, or the bare code."""
    return name or NAMES.get(code, code)


def minor_units(amount: Decimal, currency_code: str) -> int:
    """Return a decimal amount as minor units; a float's noise is rounded away, a real fraction is not.

    :raises ValueError: finer than the minor unit, too large, or an unknown currency.
    """
    return to_minor(answers.without_noise(amount, exponent(currency_code)), currency_code)


def references(*sources: Named) -> tuple[GatewayReference, ...]:
    """Return the Amazon ids found, one a role; the first source that has a role wins."""
    found: dict[str, str] = {}
    for source in sources:
        for name, value in source.items():
            role = _ROLES.get(name.lower())
            if role and value.strip():
                found.setdefault(role, value.strip())
    return tuple(GatewayReference(role, value) for role, value in sorted(found.items()))


def refunded_sum(backend: Iterable[BackendRow], *, states: str) -> Decimal:
    """Return what backend transactions in one of ``states`` (letters of X-Cart) refunded."""
    return sum((row.value for row in backend if row.type in REFUNDS and row.status in states), Decimal(0))


def _total(stored: StoredOrder) -> tuple[int | None, str]:
    """Return the total in minor units, and in words.

    The module asks Amazon for the transaction's amount. In another currency than the order's the two amounts cannot
    be compared, so the order has no total that a capture could go by.
    """
    text = f"{stored.total_text} {stored.currency_code}".strip()
    charged = stored.charged_currency_code
    if charged and charged != stored.currency_code:
        return None, f"{text}, paid in {charged}"
    try:
        return None if stored.total is None else minor_units(stored.total, stored.currency_code), text
    except ValueError:
        return None, text


def _at_least(amount: Decimal, currency_code: str) -> int:
    """Return an amount in minor units, a fraction rounded up; 0 in a currency that ISO 4217 lacks."""
    try:
        return minor_units(amount.quantize(Decimal(1).scaleb(-exponent(currency_code)), ROUND_CEILING), currency_code)
    except (ValueError, ArithmeticError):
        return 0


def _status(stored: StoredOrder, statuses: StatusMap) -> PaymentStatus:
    """Return the status that the code says; X-Cart has no code for a part refunded alone, so its refunds tell.

    Only ``R`` says refunded. An order that was refunded and then set to "Paid" by hand must read as changed.
    """
    status = statuses.meaning(stored.code)
    collected = status in (PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_CAPTURED)
    return PaymentStatus.PARTIALLY_REFUNDED if collected and stored.refunded > 0 else status
