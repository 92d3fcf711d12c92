"""A payment transaction as X-Cart keeps it: its value at checkout, its data cells, and its backend transactions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import vocabulary as words


@dataclass
class Cell:
    """One data cell: a name and a value that a module stored."""

    id: int
    name: str
    value: str


@dataclass
class BackendTransaction:
    """One call to the gateway that X-Cart itself recorded, e.g. a partial refund from its admin."""

    id: int
    type: str
    value: Decimal
    status: str
    date: int

    def as_json(self) -> dict[str, Any]:
        """Return the row as both APIs of 5.0-5.4 and the control interface tell it."""
        return {
            "id": self.id,
            "date": self.date,
            "status": self.status,
            "value": float(self.value),
            "type": self.type,
        }


@dataclass
class Transaction:
    """A payment transaction of the checkout: X-Cart never changes its value or its currency again."""

    id: int
    public_id: str
    type: str  # auth or sale
    status: str
    value: Decimal
    currency: str
    date: int
    note: str = ""
    cells: list[Cell] = field(default_factory=list)
    backend: list[BackendTransaction] = field(default_factory=list)

    def read_cell(self, name: str) -> str:
        """Return the value of the first cell with this name, as X-Cart does; empty where there is none."""
        return next((cell.value for cell in self.cells if cell.name == name), "")

    def sum_succeeded(self, *types: str) -> Decimal:
        """Return the sum of the succeeded backend transactions of these types."""
        return sum((row.value for row in self.backend if row.type in types and row.status == "S"), Decimal(0))


def name_details(amazon: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return Amazon ids under the names of the first module's order details."""
    names = words.DETAIL_NAMES
    return [(names[fact], value) for fact, value in amazon.items() if fact in names]


def name_cells(amazon: Mapping[str, str]) -> dict[str, str]:
    """Return Amazon ids under the names of the later module's data cells."""
    return {words.CELL_NAMES[fact]: value for fact, value in amazon.items()}


def find_facts(cell_name: str, amazon: Mapping[str, str]) -> list[str]:
    """Return the control interface's names of a cell: those in ``amazon``, else the first one."""
    named = [fact for fact, name in words.CELL_NAMES.items() if name == cell_name]
    return [fact for fact in named if fact in amazon] or named[:1]
