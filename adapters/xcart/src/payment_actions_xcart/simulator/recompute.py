"""How X-Cart's later Amazon module sets an order's payment status: anew, from its own backend transactions.

The write replaces any status, also a status that came through an API. Seen on a running shop
of 5.4.
"""

from typing import Final

from .shop import PAYMENT, Order, Shop
from .transactions import Transaction

CAPTURES: Final = ("sale", "capture", "capturePart", "captureMulti")
REFUNDS: Final = ("refund", "refundPart", "refundMulti")
VOIDS: Final = ("void", "voidPart", "voidMulti")


def recompute(shop: Shop, order: Order, *, via: str) -> None:
    """Write the payment status that the sums of the succeeded rows say.

    :param via: ``admin page`` or ``ipn``. A void that an IPN brings makes the order Declined.
    """
    code = compute_code(order.transaction, by_ipn=via == "ipn")
    # A status whose code was renamed is found no more: the order then has no status.
    row = shop.statuses[PAYMENT].match(code)
    shop.link_status(order, PAYMENT, row, who="Amazon Pay module", via=via)
    order.touch()


def compute_code(paid: Transaction, *, by_ipn: bool) -> str:
    """Return the code of the status that the module computes."""
    captured, refunded = paid.sum_succeeded(*CAPTURES), paid.sum_succeeded(*REFUNDS)
    failed = any(row.status == "F" and row.type in ("auth", *CAPTURES) for row in paid.backend)
    rules = (
        ("R", refunded > 0 and refunded >= paid.value),
        ("PP", refunded > 0),
        ("P", captured > 0 and captured >= paid.value),
        ("PP", captured > 0),
        ("D" if by_ipn else "C", paid.sum_succeeded(*VOIDS) > 0),
        ("D", failed),
        ("A", paid.sum_succeeded("auth") > 0),
    )
    return next((code for code, holds in rules if holds), "Q")
