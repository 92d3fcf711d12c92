"""docs/statuses.md says what is so. Run as a script, it makes the page's diagram anew."""

import re
from pathlib import Path

import pytest

from payment_actions_server.domain.decision import Terms, decide
from payment_actions_server.domain.status import IN_FLIGHT, CaptureMode, OperationState, PaymentStatus
from payment_actions_server.domain.transitions import mermaid

PAGE = Path(__file__).parents[3] / "docs" / "statuses.md"
DIAGRAM = re.compile(r"```mermaid\n.*?```", re.DOTALL)
FRESH = f"```mermaid\n{mermaid()}\n```"


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, without its two head lines."""
    section = PAGE.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_diagram_is_the_transition_table():
    command = f".venv/bin/python {Path(__file__).relative_to(PAGE.parents[1])}"
    assert DIAGRAM.findall(PAGE.read_text()) == [FRESH], f"make it anew: {command}"
    assert command in PAGE.read_text()


def test_each_status_is_explained():
    assert [status for status, _ in rows("# Statuses and actions")] == list(PaymentStatus)


def test_each_operation_state_is_explained():
    told = {state: in_flight == "yes" for state, in_flight, _ in rows("## Operations")}
    assert told == {state: state in IN_FLIGHT for state in OperationState}


@pytest.mark.parametrize("mode", CaptureMode)
@pytest.mark.parametrize("status", PaymentStatus)
def test_what_is_said_to_be_offered_is(payment_in, status, mode):
    told = [offered for name, modes, offered in rows("## What is offered") if name == status and modes in {"any", mode}]
    decision = decide(payment_in(status), None, Terms(mode))
    assert told == [", ".join(offer.action for offer in decision.offers) or "nothing"]


if __name__ == "__main__":
    PAGE.write_text(DIAGRAM.sub(lambda _: FRESH, PAGE.read_text()))
