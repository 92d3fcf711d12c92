"""The table of moves: every status is reached, nothing comes back, and the buttons are read from it."""

import itertools

import pytest

from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.domain.transitions import MOVES, forward, mermaid, offered, reachable

# Written down here once more, by hand: what lies ahead of each status.
AHEAD = {
    "PENDING": {
        "AUTHORIZED", "PARTIALLY_CAPTURED", "CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "VOIDED", "DECLINED",
        "EXPIRED",
    },
    "AUTHORIZED": {
        "PARTIALLY_CAPTURED", "CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED", "VOIDED", "DECLINED", "EXPIRED",
    },
    "PARTIALLY_CAPTURED": {"CAPTURED", "PARTIALLY_REFUNDED", "REFUNDED"},
    "CAPTURED": {"PARTIALLY_REFUNDED", "REFUNDED"},
    "PARTIALLY_REFUNDED": {"REFUNDED"},
    "REFUNDED": set(),
    "VOIDED": set(),
    "DECLINED": set(),
    "EXPIRED": set(),
}  # fmt: skip
ACTIONS = {
    "PENDING": set(),
    "AUTHORIZED": {"CAPTURE", "VOID"},
    "PARTIALLY_CAPTURED": {"CAPTURE", "VOID", "REFUND"},
    "CAPTURED": {"REFUND"},
    "PARTIALLY_REFUNDED": {"REFUND"},
    "REFUNDED": set(),
    "VOIDED": set(),
    "DECLINED": set(),
    "EXPIRED": set(),
}
PAIRS = list(itertools.product(PaymentStatus, PaymentStatus))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_move_is_allowed_exactly_if_the_target_lies_ahead(source, target):
    assert forward(source, target) == (target is source or target in AHEAD[source])


def test_every_status_is_reached_from_the_first():
    assert reachable(PaymentStatus.PENDING) | {PaymentStatus.PENDING} == set(PaymentStatus)


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] is not pair[1]])
def test_no_two_statuses_lead_to_each_other(source, target):
    assert not (forward(source, target) and forward(target, source))


@pytest.mark.parametrize("status", PaymentStatus)
def test_no_status_leads_back_to_itself(status):
    assert status not in reachable(status)


@pytest.mark.parametrize("status", PaymentStatus)
def test_actions_that_move_a_payment_on(status):
    assert offered(status) == ACTIONS[status]


def test_no_move_stands_twice_and_none_is_made_by_looking():
    assert len(set(MOVES)) == len(MOVES)
    assert Action.REFRESH not in {move.action for move in MOVES}


def test_diagram_shows_every_move_once_and_where_it_ends():
    lines = [line.strip() for line in mermaid().splitlines()]
    assert lines[:2] == ["stateDiagram-v2", "[*] --> PENDING"]
    assert "AUTHORIZED --> CAPTURED: CAPTURE" in lines
    assert "AUTHORIZED --> EXPIRED" in lines
    ends = {line for line in lines if line.endswith("--> [*]")}
    assert ends == {f"{status} --> [*]" for status in ("REFUNDED", "VOIDED", "DECLINED", "EXPIRED")}
    assert len(lines) == len(set(lines)) == 2 + len(MOVES) + 4
