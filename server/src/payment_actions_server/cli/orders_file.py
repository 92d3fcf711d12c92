"""The file that says what `run` is to do: CSV, a line an order."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import to_money
from payment_actions_server.transport.validation import check_item

COLUMNS: Final = ("store", "order_id", "action", "amount", "note")
PROBLEMS_MAX: Final = 20
"""How many problems are told at once: a file with a wrong column has one on every line."""

_DELIMITERS: Final = ",;\t"  # Spreadsheets write semicolons where the comma is the decimal point.

Cells = dict[str, str]


class Line(NamedTuple):
    """One order of the file; ``number`` is its line's, as an editor counts."""

    number: int
    item: pb.ActionItem


class Defaults(NamedTuple):
    """What is meant by a line that leaves it out."""

    store: str
    action: str
    note: str


class BadFile(Exception):
    """The file cannot be run; ``problems`` says why, line by line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read(path: Path, defaults: Defaults) -> list[Line]:
    """Return what the file asks for; every line is held against the rules that the service has.

    :raises BadFile: one is broken, or nothing is asked for.
    :raises OSError: the file cannot be read.
    """
    lines: list[Line] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for number, cells in _rows(path):
        item, wrong = _item(cells, defaults)
        # They run in no particular order, and an order that is listed twice is most often a mistake.
        if (first := seen.setdefault((item.store, item.order_id), number)) != number:
            wrong.append(f"order {item.order_id} stands on line {first} already; list an order once a run")
        problems += [f"line {number}: {problem}" for problem in wrong]
        if len(problems) >= PROBLEMS_MAX:
            break
        lines.append(Line(number, item))
    if not seen:
        problems.append("it lists no order")
    if problems:
        raise BadFile(problems[:PROBLEMS_MAX])
    return lines


def _rows(path: Path) -> Iterator[tuple[int, Cells]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _cells(file.read().splitlines(keepends=True))
    except UnicodeDecodeError:
        raise BadFile(["it is not UTF-8 text; save it as CSV in UTF-8"]) from None
    except csv.Error as error:
        raise BadFile([f"it is not CSV: {error}"]) from None


def _cells(text: list[str]) -> Iterator[tuple[int, Cells]]:
    delimiter = max(_DELIMITERS, key=text[0].count) if text else ","
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    header = [name.strip().lower() for name in next(rows, [])]
    _check_header(header)
    begin = rows.line_num + 1
    for row in rows:
        number, begin = begin, rows.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            raise BadFile([f"line {number}: it has {len(row)} cells under {len(header)} columns"])
        yield number, dict(zip(header, (cell.strip() for cell in row), strict=False))


def _check_header(header: list[str]) -> None:
    known = f"its first line names the columns, some of: {', '.join(COLUMNS)}"
    if unknown := [name for name in header if name not in COLUMNS]:
        raise BadFile([f"unknown column {', '.join(map(repr, unknown))}; {known}"])
    if "order_id" not in header:
        raise BadFile([f"it has no column order_id; {known}"])
    if len(set(header)) < len(header):
        raise BadFile([f"it has a column twice; {known}"])


def _item(cells: Cells, defaults: Defaults) -> tuple[pb.ActionItem, list[str]]:
    problems: list[str] = []
    item = pb.ActionItem(
        store=cells.get("store") or defaults.store,
        order_id=cells.get("order_id", ""),
        note=cells.get("note") or defaults.note,
    )
    if not item.store:
        problems.append("store is missing; fill the column or give --store")
    action = cells.get("action") or defaults.action
    if not action:
        problems.append("action is missing; fill the column or give --action")
    elif f"ACTION_{action.upper()}" in pb.Action.keys()[1:]:
        item.action = pb.Action.Value(f"ACTION_{action.upper()}")
    else:
        problems.append(f"action is {action!r}; it must be CAPTURE, VOID, REFUND or REFRESH")
    if amount := cells.get("amount"):
        try:
            item.amount.CopyFrom(to_money(amount))
        except ValueError:
            problems.append(f'{amount!r} is not an amount; write it as "10.00 EUR", or leave it out for the whole')
    told = {problem.split(" ", 1)[0] for problem in problems}
    # Without a request id: those are made once it is clear that the file can be run.
    for violation in check_item(item, 0, validate_only=True):
        field = violation.field.rpartition(".")[2]
        if field not in told:
            problems.append(f"{field} must be {violation.rule}")
    return item, problems
