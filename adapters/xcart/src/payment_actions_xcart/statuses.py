"""Our payment statuses and X-Cart 5's payment status codes, both ways, and which way is forward.

This is X-Cart 5's vocabulary, where ``C`` is Cancelled. In X-Cart 4 Classic ``C`` is Complete: a shop of that
version has no API, and its codes must never be read through this table.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

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
    _S.PARTIALLY_REFUNDED: "PP",  # X-Cart's own word for it, and for partly captured.
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


# An order in one of these is closed: no money is to be collected for it.
_CANCELLED: Final = frozenset({_S.VOIDED, _S.DECLINED, _S.EXPIRED, _S.REFUNDED})


class ShopStatus(NamedTuple):
    """One of the shop's payment statuses, as an answer tells it."""

    id: int  #: 0: an order without a status, or an API that does not tell.
    code: str  #: Empty where X-Cart keeps none: the add-on *Custom order statuses* makes such.
    name: str = ""

    @property
    def spelling(self) -> str:
        """Return how the setting ``statuses`` names it: by its code, else by its id; empty for no status."""
        return self.code or (f"id:{self.id}" if self.id else "")


class Wanted(NamedTuple):
    """What shall replace an order's status."""

    status: PaymentStatus  #: Ours.
    spellings: tuple[str, ...]  #: The shop's, the best first: the next one is for a shop that lacks the one before.


class StatusMap:
    """One store's words: X-Cart's own, with the store's overrides."""

    def __init__(self, overrides: Mapping[PaymentStatus, str]) -> None:
        self._overrides = overrides
        self._codes = CODES | dict(overrides)

    def code(self, status: PaymentStatus) -> str:
        """Return the spelling of the status to write for ``status``."""
        return self._codes[status]

    def spellings(self, status: PaymentStatus) -> tuple[str, ...]:
        """Return what may be written for ``status``, the best first."""
        if status is _S.PARTIALLY_REFUNDED and status not in self._overrides:
            return self._codes[status], CODES[_S.CAPTURED]
        return (self._codes[status],)

    def meaning(self, spelling: str) -> PaymentStatus:
        """Return what a status says. X-Cart's own meaning first; a status that nothing explains is PENDING."""
        return next(iter(self._meanings(spelling)), PaymentStatus.PENDING)

    def is_cancelled(self, spelling: str) -> bool:
        """Tell whether a status closes an order, so that no money is to be collected for it."""
        meanings = [MEANINGS[spelling]] if spelling in MEANINGS else self._meanings(spelling)
        return any(status in _CANCELLED for status in meanings)

    def to_write(self, held: str, update: StatusUpdate) -> Wanted | None:
        """Return what shall replace ``held``; None to let the order be.

        An order is let be if it holds the wanted status or one as far along, and if neither X-Cart nor the
        store's overrides explain the held status: a write might then take the order back. "Partially paid" opens no
        closed order again: the rest could be captured then. What follows it shows the money.
        """
        if update.status is _S.PARTIALLY_CAPTURED and self.is_cancelled(held):
            return None
        wanted = self._recorded_as(update)
        rank = self._rank(held)
        if self.code(wanted) == held or rank is None or _RANKS[wanted] <= rank:
            return None
        return Wanted(wanted, self.spellings(wanted))

    def is_beyond(self, held: str, update: StatusUpdate) -> bool:
        """Tell whether ``held`` says that more money moved than did."""
        wanted, rank = self._recorded_as(update), self._rank(held)
        if rank is None or self.code(wanted) == held:
            return False
        return rank > _RANKS[wanted] and rank >= _RANKS[_S.PARTIALLY_CAPTURED]

    def _recorded_as(self, update: StatusUpdate) -> PaymentStatus:
        """Return the status to write; "Paid" would overstate an order that was never captured whole."""
        status = update.status
        partly = update.captured_minor < update.authorized_minor
        if status is _S.PARTIALLY_REFUNDED and partly and status not in self._overrides:
            return _S.PARTIALLY_CAPTURED
        return status

    def _meanings(self, spelling: str) -> list[PaymentStatus]:
        """Return all that a status can mean in this store, X-Cart's own meaning first.

        A status of open orders closes none, also where the store writes it to closed ones: each would be cancelled.
        """
        own = [MEANINGS[spelling]] if spelling in MEANINGS else []
        others = [status for status, known in self._overrides.items() if known == spelling]
        if own and own[0] in (_S.PENDING, _S.AUTHORIZED):
            others = [status for status in others if status not in _CANCELLED]
        return own + others

    def _rank(self, held: str) -> int | None:
        """Return how far along ``held`` may be: the furthest of all that it can mean in this store."""
        if not held:  # X-Cart leaves an order without a status where the shop deleted a status of its own.
            return _RANKS[_S.PENDING] - 1
        return max((_RANKS[status] for status in self._meanings(held)), default=None)
