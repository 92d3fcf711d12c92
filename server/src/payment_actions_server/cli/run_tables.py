"""What a run would do and what became of it, laid out for people."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from google.type.money_pb2 import Money
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import to_decimal, to_money
from payment_actions_server.cli import run_answers, words
from payment_actions_server.cli.result_file import Row

LINES_SHOWN_MAX = 20
"""How many lines of a kind are told before the rest is counted: the file of results has them all."""

Effects = Sequence[tuple[Row, pb.AvailableAction]]


def trial(effects: Effects, refusals: Sequence[Row]) -> RenderableType:
    """Return every line of a dry run."""
    table = _table("Line", "Store", "Order", "What it would do")
    told = [(row, offer.effect, "") for row, offer in effects] + [(row, row.message, "red") for row in refusals]
    for row, text, style in sorted(told, key=lambda each: each[0].line):
        table.add_row(*_cells(str(row.line), row.store, row.order_id), Text(words.plain(text), style=style))
    return table


def in_brief(effects: Effects, refusals: Sequence[Row]) -> Iterator[str]:
    """Yield what a person must know to agree: how many of what, how much, and what is left out."""
    totals: dict[tuple[str, str], list[Money]] = defaultdict(list)
    for row, offer in effects:
        asked = to_money(row.amount) if row.amount else offer.amount
        totals[row.action, asked.currency_code].append(asked)
    for (action, currency), amounts in sorted(totals.items()):
        total = to_money(sum(map(to_decimal, amounts), start=to_decimal(Money())), currency) if currency else None
        yield f"{action} for {len(amounts)} orders" + (f", {words.money(total)} in all" if total else "")
    if refusals:
        yield f"Left out, because the service would refuse it: {len(refusals)}"
    for row in refusals[:LINES_SHOWN_MAX]:
        yield f"  line {row.line}, order {row.order_id}: {row.message}"
    if len(refusals) > LINES_SHOWN_MAX:
        yield f"  ... and {len(refusals) - LINES_SHOWN_MAX} more; --dry-run shows all"


def ended(rows: Sequence[Row]) -> RenderableType:
    """Return how many lines came to what, and those that are not done."""
    parts: list[RenderableType] = [_sums(rows)]
    if others := [row for row in rows if not run_answers.done(row)]:
        table = _table("Line", "Store", "Order", "Action", "State", "Reason", "Message")
        for row in others[:LINES_SHOWN_MAX]:
            told = (str(row.line), row.store, row.order_id, row.action, row.state or "OPEN", row.reason, row.message)
            table.add_row(*_cells(*told))
        parts += [Text(), table]
        if len(others) > LINES_SHOWN_MAX:
            parts.append(Text(f"... and {len(others) - LINES_SHOWN_MAX} more"))
    return Group(*parts)


def _sums(rows: Iterable[Row]) -> Table:
    table = _table("State", "Lines", "Amount")
    amounts: dict[str, dict[str, Money]] = defaultdict(dict)
    rows = list(rows)
    for row in rows:
        if row.operation_amount:
            money = to_money(row.operation_amount)
            before = amounts[row.state].get(money.currency_code, Money(currency_code=money.currency_code))
            amounts[row.state][money.currency_code] = to_money(
                to_decimal(before) + to_decimal(money), money.currency_code
            )
    for state, count in run_answers.counts(rows).items():
        table.add_row(*_cells(state, str(count), ", ".join(map(words.money, amounts[state].values()))))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cells(*texts: str) -> list[Text]:
    return [Text(words.plain(text)) for text in texts]
