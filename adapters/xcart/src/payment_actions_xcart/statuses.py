"""Our payment statuses and X-Cart 5's payment status codes, both ways, and which way is forward.

This is X-Cart 5's vocabulary, where ``C`` is Cancelled. In X-Cart 4 Classic ``C`` is Complete: a shop of that
version has no API, and its codes must never be read through this table.
"""

from collections.abc import Mapping
from typing import Final

from payment_actions_server.plugins import PaymentStatus, StatusUpdate

_S = PaymentStatus

#: X-Cart 5's code -> what it means.
MEANINGS: Final = {
    "Q": _S.PENDING,
    "A": _S.AUTHORIZED,
    "PP": _S.PARTIALLY_CAPTURED,
    "P": _S.CAPTURED,
    "D": _S.DECLINED,
    "C": _S.VOIDED,
    "R": _S.REFUNDED,
}

#: X-Cart 5's code -> its name in a shop that has not renamed it.
NAMES: Final = {
    "Q": "Awaiting payment",
    "A": "Authorized",
    "PP": "Partially paid",
    "P": "Paid",
    "D": "Declined",
    "C": "Cancelled",
    "R": "Refunded",
}

#: What is written unless the store's ``statuses`` say otherwise.
CODES: Final = {
    _S.PENDING: "Q",
    _S.AUTHORIZED: "A",
    _S.PARTIALLY_CAPTURED: "PP",
    _S.CAPTURED: "P",
    _S.PARTIALLY_REFUNDED: "P",  # X-Cart has no such code. "PP" it uses for both; alone that says too little.
    _S.REFUNDED: "R",
    _S.VOIDED: "C",
    _S.DECLINED: "D",
    _S.EXPIRED: "D",
}

# How far along an order is. What closes an order without money (2) ranks below every status that says money
# was collected: the shop must learn of money even where staff cancelled the order, and a paid order is never
# cancelled.
_RANKS: Final = {
    _S.PENDING: 0,
    _S.AUTHORIZED: 1,
    _S.VOIDED: 2,
    _S.DECLINED: 2,
    _S.EXPIRED: 2,
    _S.PARTIALLY_CAPTURED: 3,
    _S.CAPTURED: 4,
    _S.PARTIALLY_REFUNDED: 5,
    _S.REFUNDED: 6,
}


class StatusMap:
    """One store's words: X-Cart's own, with the store's overrides."""

    def __init__(self, overrides: Mapping[PaymentStatus, str]) -> None:
        self._overrides = overrides
        self._codes = CODES | dict(overrides)

    def code(self, status: PaymentStatus) -> str:
        """Return the code to write for ``status``."""
        return self._codes[status]

    def meaning(self, code: str) -> PaymentStatus:
        """Return what ``code`` says. X-Cart's own meaning first; a code that nobody explains is PENDING."""
        if code in MEANINGS:
            return MEANINGS[code]
        return next((status for status, known in self._overrides.items() if known == code), PaymentStatus.PENDING)

    def to_write(self, held: str, update: StatusUpdate) -> str | None:
        """Return the code that shall replace ``held``; None to let the order be.

        Let be: a code that is the wanted one, one that is as far along or further, and one that neither
        X-Cart nor the store's overrides explain: nobody can say that a write would not take that order back. Also
        "Partially paid" where a part was refunded, for X-Cart itself, or staff, may mean just that by it.
        """
        wanted = self._recorded_as(update)
        code = self.code(wanted)
        rank = self._rank(held)
        if code == held or rank is None or _RANKS[wanted] <= rank:
            return None
        if wanted is _S.PARTIALLY_REFUNDED and wanted not in self._overrides and held == CODES[_S.PARTIALLY_CAPTURED]:
            return None
        return code

    def setting_of(self, code: str) -> str | None:
        """Return the setting that brought ``code`` into play; None where it is X-Cart's own."""
        return next((f"statuses.{s}" for s, known in self._overrides.items() if known == code), None)

    def _recorded_as(self, update: StatusUpdate) -> PaymentStatus:
        """Return the status to write; "Paid" would overstate an order that was never captured whole."""
        status = update.status
        partly = update.captured_minor < update.authorized_minor
        if status is _S.PARTIALLY_REFUNDED and partly and status not in self._overrides:
            return _S.PARTIALLY_CAPTURED
        return status

    def _rank(self, held: str) -> int | None:
        """Return how far along ``held`` may be: the furthest of all that it can mean in this store."""
        meanings = [status for status, code in self._codes.items() if code == held]
        if held in MEANINGS:
            meanings.append(MEANINGS[held])
        return max((_RANKS[status] for status in meanings), default=None)
