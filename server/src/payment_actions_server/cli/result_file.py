"""What became of each line of a run, kept in a file: the request ids before anything is sent, the answers as they come.

The whole plan is on the disk before the first request: whoever is killed goes on with the same request ids, and
nothing acts twice. Each answer is added as a line; of several about one line of the plan the last counts. A run that
comes to its end writes the file anew, with one line each.
"""

import csv
import io
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

if sys.platform != "win32":
    import fcntl


_FORMULA = ("=", "+", "-", "@")


class Row(NamedTuple):
    """One line of a run; the fields are the file's columns."""

    line: int  #: Of the file of orders.
    store: str
    order_id: str
    action: str
    amount: str  #: What was asked for; empty: the whole.
    note: str
    request_id: str
    state: str = ""  #: Empty: no answer yet.
    reason: str = ""
    message: str = ""
    operation_id: str = ""
    operation_amount: str = ""  #: What the operation moves.
    etag: str = ""  #: Of the payment that somebody was shown and agreed to; empty: nobody was.

    @property
    def asked(self) -> tuple[str, ...]:
        """Return what the line asks for, whatever became of it."""
        return (self.store, self.order_id, self.action, self.amount, self.note)


class BadResultFile(Exception):
    """The file cannot be used; the message says why and what to do."""


# A run that was begun before there were etags goes on, under the ids that it has.
_WIDTHS = (len(Row._fields) - 1, len(Row._fields))


class ResultFile:
    """An open result file, of which one process at a time takes hold."""

    def __init__(self, path: Path) -> None:
        """Take up the file of a run that was begun.

        :raises BadResultFile: it is something else, or another process has it.
        :raises OSError: it cannot be read or written.
        """
        self.path = path
        self._file: IO[bytes] = path.open("r+b")
        try:
            self._take_hold()
            self.rows = self._read()
        except BaseException:
            self._file.close()
            raise

    @classmethod
    def begin(cls, path: Path, plan: Iterable[Row]) -> Self:
        """Make the file of a new run; when this returns, its request ids outlive a crash of the machine.

        :raises BadResultFile: another process has just made it.
        :raises OSError: it cannot be written.
        """
        draft = _written(path, plan)
        try:
            path.hardlink_to(draft)  # Unlike a rename, it fails when the file is there.
        except FileExistsError:
            raise BadResultFile(f"{path} was made by another run just now; name another file with --result") from None
        finally:
            draft.unlink()
        _keep_name(path)
        return cls(path)

    def note(self, row: Row) -> None:
        """Add what became of a line.

        :raises OSError: it cannot be written; what was noted before is there.
        """
        self.rows[row.line] = row
        self._file.write(_text([_disarmed(row)]))
        self._file.flush()

    def finish(self) -> None:
        """Write the file anew, with one line for each of the plan.

        :raises OSError: it cannot be written; the file is as it was, and says the same.
        """
        _written(self.path, self.rows.values()).replace(self.path)
        _keep_name(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # What could not be written was told when it was noted.
            self._file.close()

    def _take_hold(self) -> None:
        if sys.platform == "win32":
            return
        busy = BadResultFile(f"another run is under way with {self.path}; wait until it has ended")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise busy  # That run has just ended, and put a new file in the place of the one that was opened here.

    def _read(self) -> dict[int, Row]:
        whole, _, torn = self._file.read().rpartition(b"\n")
        rows = _rows(whole)
        if rows is None:
            raise BadResultFile(f"{self.path} is not the result file of a run; name another file with --result")
        if torn:  # Whoever wrote it was killed in the middle of a line: that answer is asked for again.
            self._file.truncate(len(whole) + 1)
        self._file.seek(0, os.SEEK_END)
        return rows


def _rows(whole: bytes) -> dict[int, Row] | None:
    """Return the last row of each line; None when this was not written here."""
    try:
        lines = list(csv.reader(io.StringIO(whole.decode(), newline=""), strict=True))
        if (
            not lines
            or any(len(line) not in _WIDTHS for line in lines)
            or tuple(lines[0]) != Row._fields[: len(lines[0])]
        ):
            return None
        rows = [Row(int(line[0]), *line[1:]) for line in lines[1:]]
    except (ValueError, csv.Error):
        return None
    return {row.line: row for row in rows}


def _disarmed(row: Row) -> Row:
    """Return a row in which no stranger's word is one that a spreadsheet would run."""
    reason, message = (f"'{text}" if text.startswith(_FORMULA) else text for text in (row.reason, row.message))
    return row._replace(reason=reason, message=message)


def one_line(text: str) -> str:
    """Return text as it can stand in a cell: each line of the file is one of the run's."""
    return " ".join(text.split())


def _written(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows to a new file beside ``path``, on the disk, and return it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as draft:
        draft.write(_text([Row._fields, *map(_disarmed, rows)]))
        draft.flush()
        os.fsync(draft.fileno())
    return Path(draft.name)


def _keep_name(path: Path) -> None:
    """See to it that the file is found under its name after a crash of the machine."""
    if sys.platform == "win32":
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _text(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
