"""Every move a payment can make: the one table that buttons, snapshots and the diagram are read from."""

from functools import cache
from typing import Final, NamedTuple

from payment_actions_server.domain.status import Action, PaymentStatus

_S = PaymentStatus


class Move(NamedTuple):
    """One step forward."""

    source: PaymentStatus
    target: PaymentStatus
    action: Action | None  #: None: only the gateway, the checkout or time makes this move.


# A pair that is not here is not an oversight but a refusal. There is no cycle: no payment ever comes back.
MOVES: Final = (
    Move(_S.PENDING, _S.AUTHORIZED, None),
    Move(_S.PENDING, _S.CAPTURED, None),  # Authorized and captured in one call (immediate capture).
    Move(_S.PENDING, _S.DECLINED, None),
    Move(_S.PENDING, _S.VOIDED, None),  # Given up before the result was known.
    Move(_S.PENDING, _S.EXPIRED, None),  # The buyer never finished.
    Move(_S.AUTHORIZED, _S.PARTIALLY_CAPTURED, Action.CAPTURE),
    Move(_S.AUTHORIZED, _S.CAPTURED, Action.CAPTURE),
    Move(_S.AUTHORIZED, _S.VOIDED, Action.VOID),
    Move(_S.AUTHORIZED, _S.EXPIRED, None),
    Move(_S.AUTHORIZED, _S.DECLINED, None),  # A refused capture took the authorization with it.
    Move(_S.PARTIALLY_CAPTURED, _S.CAPTURED, Action.CAPTURE),
    Move(_S.PARTIALLY_CAPTURED, _S.CAPTURED, Action.VOID),  # The rest is given up; what was collected stays.
    Move(_S.PARTIALLY_CAPTURED, _S.PARTIALLY_REFUNDED, Action.REFUND),
    Move(_S.PARTIALLY_CAPTURED, _S.REFUNDED, None),  # Only the gateway knows whether the rest was ever collected.
    Move(_S.CAPTURED, _S.PARTIALLY_REFUNDED, Action.REFUND),
    Move(_S.CAPTURED, _S.REFUNDED, Action.REFUND),
    Move(_S.PARTIALLY_REFUNDED, _S.REFUNDED, Action.REFUND),
)


@cache
def reachable(source: PaymentStatus) -> frozenset[PaymentStatus]:
    """Return every status that lies ahead of ``source``, however many moves away; never ``source`` itself."""
    found: set[PaymentStatus] = set()
    ahead = [source]
    while ahead:  # Bounded: each status enters `found` once.
        step = {move.target for move in MOVES if move.source is ahead[-1]} - found
        ahead.pop()
        found |= step
        ahead.extend(step)
    return frozenset(found)


def forward(source: PaymentStatus, target: PaymentStatus) -> bool:
    """Tell whether going from ``source`` to ``target`` is standing still or moving ahead."""
    return source is target or target in reachable(source)


@cache
def offered(status: PaymentStatus) -> frozenset[Action]:
    """Return the actions that move a payment on from ``status``."""
    return frozenset(move.action for move in MOVES if move.source is status and move.action is not None)


def mermaid() -> str:
    """Return the table as a Mermaid state diagram, as the documentation shows it."""
    lines = ["stateDiagram-v2", "    [*] --> PENDING"]
    for move in MOVES:
        label = f": {move.action}" if move.action else ""
        lines.append(f"    {move.source} --> {move.target}{label}")
    lines += [f"    {status} --> [*]" for status in PaymentStatus if not reachable(status)]
    return "\n".join(lines)
