"""From what X-Cart stores of an order to what the plugin API says of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from payment_actions_server.plugins import (
    AdapterError,
    GatewayReference,
    PaymentStatus,
    PlatformOrder,
    exponent,
    to_minor,
)

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

# PHP before 7.1 writes 129.90 as 129.90000000000001. Far above that noise, far below any minor unit.
_NOISE: Final = Decimal("1e-6")

# More than any amount has. Rounding far more fails with an error that is no ValueError; such an amount has no noise.
_DIGITS_MAX: Final = 20

Named = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """An order as either API of X-Cart tells it."""

    order_id: str
    order_number: str
    total: Decimal
    currency_code: str
    code: str
    word: str  #: The status's name, where the API tells it.
    method_code: str
    method_name: str
    cells: Named  #: Data cells of the payment transaction: where the later Amazon module keeps its ids.
    details: Named  #: Order details: where the first one did.
    refunded: Decimal  #: Sum of the refunds that X-Cart itself recorded.
    update_time: datetime | None


def platform_order(stored: StoredOrder, statuses: StatusMap) -> PlatformOrder:
    """Return the order in the plugin API's words.

    :raises AdapterError: its currency or its total cannot be expressed in minor units.
    """
    try:
        total_minor = minor_units(stored.total, stored.currency_code)
    except ValueError as error:
        raise AdapterError(f"X-Cart order {stored.order_id}: {error}") from None
    return PlatformOrder(
        order_id=stored.order_id,
        order_number=stored.order_number,
        method_code=stored.method_code,
        method_name=stored.method_name or stored.method_code,
        currency_code=stored.currency_code,
        total_minor=total_minor,
        status=_status(stored, statuses),
        platform_status=word(stored.code, stored.word),
        references=references(stored.cells, stored.details),
        update_time=stored.update_time,
    )


def word(code: str, name: str = "") -> str:
    """Return a status as the shop's staff know it: its name there, X-Cart's own name, or the bare code."""
    return name or NAMES.get(code, code)


def minor_units(amount: Decimal, currency_code: str) -> int:
    """Return a decimal amount as minor units; a float's noise is rounded away, a real fraction is not.

    :raises ValueError: finer than the minor unit, too large, or an unknown currency.
    """
    if amount.is_finite() and amount.adjusted() < _DIGITS_MAX:
        rounded = round(amount, exponent(currency_code))
        if abs(amount - rounded) <= _NOISE:
            amount = rounded
    return to_minor(amount, currency_code)


def references(*sources: Named) -> tuple[GatewayReference, ...]:
    """Return the Amazon ids found, one a role; the first source that has a role wins."""
    found: dict[str, str] = {}
    for source in sources:
        for name, value in source.items():
            role = _ROLES.get(name.lower())
            if role and value.strip():
                found.setdefault(role, value.strip())
    return tuple(GatewayReference(role, value) for role, value in sorted(found.items()))


def refunded_sum(backend: Iterable[tuple[str, str, Decimal]]) -> Decimal:
    """Return what backend transactions (type, status, value) refunded; only a success (``S``) counts."""
    refunds = ("refund", "refundPart", "refundMulti")
    return sum((value for kind, status, value in backend if kind in refunds and status == "S"), Decimal(0))


def _status(stored: StoredOrder, statuses: StatusMap) -> PaymentStatus:
    """Return the status that the code says; X-Cart has no code for a part refunded, so its refunds tell."""
    status = statuses.meaning(stored.code)
    collected = status in (PaymentStatus.CAPTURED, PaymentStatus.PARTIALLY_CAPTURED)
    if not collected or stored.refunded <= 0:
        return status
    whole = stored.refunded >= stored.total
    return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
