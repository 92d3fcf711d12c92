"""Order statuses are rows of the shop's database: orders point to a row, and a row's code can change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import InvalidArgument

CODE_LENGTH_MAX: Final = 4  # The column is CHAR(4): MySQL cuts a longer code without an error.


@dataclass(eq=False)
class StatusRow:
    """One payment or shipping status; the add-on *Custom order statuses* makes rows without a code."""

    id: int
    code: str | None
    name: str
    customer_name: str
    position: int

    def as_json(self) -> dict[str, Any]:
        """Return the row as the control interface tells it."""
        return {"id": self.id, "code": self.code, "name": self.name, "position": self.position}


class StatusTable:
    """The rows of one kind of status."""

    def __init__(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        self._rows = {
            number: StatusRow(number, code, name, customer_name, position=10 * number)
            for number, code, name, customer_name in rows
        }
        self._last_id = max(self._rows)

    def rows(self) -> list[StatusRow]:
        """Return every row, by position."""
        return sorted(self._rows.values(), key=lambda row: (row.position, row.id))

    def by_id(self, number: int) -> StatusRow | None:
        """Return the row with this id."""
        return self._rows.get(number)

    def by_code(self, code: str) -> StatusRow | None:
        """Return the row with exactly this code."""
        return next((row for row in self._rows.values() if row.code == code), None)

    def match(self, code: str) -> StatusRow | None:
        """Return the row that MySQL finds for a code: case and trailing spaces do not count."""
        wanted = code.rstrip(" ").casefold()
        return next(
            (row for row in self._rows.values() if row.code is not None and row.code.casefold() == wanted), None
        )

    def add(self, code: str | None, name: str) -> StatusRow:
        """Add a row at the end; its code is cut to the column's length.

        :raises InvalidArgument: another row has the code.
        """
        stored = None if code is None else self.fit_code(code, None)
        self._last_id += 1
        row = StatusRow(self._last_id, stored, name, name, position=10 * self._last_id)
        self._rows[row.id] = row
        return row

    def rename(self, row: StatusRow, code: str) -> None:
        """Change a row's code; every order that points to the row reads as the new code.

        :raises InvalidArgument: another row has the code.
        """
        row.code = self.fit_code(code, row)

    def remove(self, number: int) -> StatusRow:
        """Remove a row and return it; the caller detaches the orders that point to it.

        :raises InvalidArgument: there is no such row.
        """
        if number not in self._rows:
            raise InvalidArgument(f"Status with ID {number} not found")
        return self._rows.pop(number)

    def fit_code(self, code: str, row: StatusRow | None) -> str:
        """Return ``code`` as the column keeps it.

        :raises InvalidArgument: a row other than ``row`` has it; the column is unique.
        """
        stored = code[:CODE_LENGTH_MAX].rstrip(" ")
        if self.match(stored) not in (None, row):
            raise InvalidArgument(f"Duplicate entry '{stored}' for key 'code'")
        return stored


def choose(table: StatusTable, record: Mapping[str, Any], present: StatusRow | None) -> tuple[StatusRow, str | None]:
    """Return the row that X-Cart's loader links for ``record``, and the code that it then writes into this row.

    The loader looks for the id where one is given, else for the code. If it finds nothing, it takes the row of the
    order's ``present`` status; an order without a status gets a new row.

    :raises InvalidArgument: the code cannot be written, for another row has it.
    """
    code = None if record.get("code") is None else str(record["code"])
    found = _find(table, record, code) or present
    if found is None:
        return table.add(code, ""), None
    return found, None if code is None else table.fit_code(code, found)


def _find(table: StatusTable, record: Mapping[str, Any], code: str | None) -> StatusRow | None:
    if record.get("id") is not None:
        number = str(record["id"])
        return table.by_id(int(number)) if number.isascii() and number.isdecimal() else None
    return None if code is None else table.match(code)
