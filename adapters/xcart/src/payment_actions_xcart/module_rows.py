"""What X-Cart's later Amazon module keeps of a payment, and what it would have written for an outcome. Pure.

The module decides by its own backend transactions and data cells, never by the order's status. It offers Capture and
Void as long as no row says otherwise, and recomputes the order's status from the rows after each click.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from payment_actions_server.plugins import PaymentStatus, StatusUpdate, to_decimal

from . import answers

CAPTURES: Final = frozenset({"capture", "capturePart", "captureMulti", "sale"})
REFUNDS: Final = frozenset({"refund", "refundPart", "refundMulti"})
_VOIDS: Final = frozenset({"void", "voidPart", "voidMulti"})
_INITIAL: Final = frozenset({"auth", "sale"})

_SUCCESS: Final = "S"
_WAITING: Final = "W"
_VOID: Final = "V"

_DECIMALS: Final = 4  # Of an amount in X-Cart's database.

_CLOSED: Final = frozenset({PaymentStatus.VOIDED, PaymentStatus.EXPIRED, PaymentStatus.DECLINED})
_REFUNDED: Final = frozenset({PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})

ORDER_REFERENCE_CELL: Final = "amazonOrderReferenceId"
_AUTHORIZATION_CELL: Final = "amazonAuthorizationId"
_CAPTURE_CELL: Final = "amazonCaptureId"
_REFUND_CELL: Final = "amazonRefundId"

CAPTURE_LIVE: Final = (
    "X-Cart's own Capture and Void buttons still show for this order: do not use them. "
    "Any click there sets the order back to Authorized"
)
REFUND_LIVE: Final = (
    "X-Cart's own Refund button still returns the full amount: do not use it. Amazon may return more than was paid"
)

DOUBLED: Final = (
    "X-Cart's own section shows one call to Amazon twice, so that its amounts are too high: go by the amounts here"
)


class BackendRow(NamedTuple):
    """One call to the gateway that X-Cart recorded."""

    id: str
    type: str
    status: str
    value: Decimal


class Cell(NamedTuple):
    """One data cell of a transaction."""

    id: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleTransaction:
    """A payment transaction of an order that the later module looks after."""

    id: str
    status: str
    currency_code: str
    rows: Sequence[BackendRow]
    cells: Mapping[str, Cell]  #: By name. Of cells with one name, X-Cart goes by the first.

    def succeeded(self, types: Iterable[str]) -> Decimal:
        """Return the sum of the succeeded rows of some types."""
        return sum((row.value for row in self.rows if row.type in types and row.status == _SUCCESS), Decimal(0))

    def has_succeeded(self, types: Iterable[str]) -> bool:
        """Tell whether a row of one of the types succeeded."""
        return any(row.type in types and row.status == _SUCCESS for row in self.rows)

    def initial(self) -> BackendRow | None:
        """Return the row with which the module began; migrated orders have none, and the module offers nothing."""
        return next((row for row in self.rows if row.type in _INITIAL), None)

    def value(self, cell: str) -> str:
        """Return a cell's value; empty without one."""
        return self.cells[cell].value if cell in self.cells else ""


@dataclass(slots=True)
class Entries:
    """What a transaction lacks. A record with an id changes the row or the cell that has it."""

    rows: list[dict[str, str]] = field(default_factory=list)
    cells: list[dict[str, str]] = field(default_factory=list)
    status: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows or self.cells or self.status)

    def fields(self) -> dict[str, str]:
        """Return the form fields of a PUT to ``payment-transaction``."""
        found = {"model[status]": self.status} if self.status else {}
        for name, records in (("backend_transactions", self.rows), ("data", self.cells)):
            for number, record in enumerate(records):
                found |= {f"model[{name}][{number}][{key}]": value for key, value in record.items()}
        return found


def backend_rows(transaction: Mapping[str, Any]) -> list[BackendRow]:
    """Return what X-Cart did about a transaction; a row without a usable value says nothing."""
    found = answers.rows(answers.pick(transaction, "backend_transactions", "backendTransactions"))
    return [
        BackendRow(
            answers.text(row, "id"),
            answers.text(row, "type"),
            answers.text(row, "status"),
            answers.without_noise(value, _DECIMALS),
        )
        for row in found
        if (value := answers.decimal(row, "value")) is not None
    ]


def module_transaction(transaction: Mapping[str, Any]) -> ModuleTransaction | None:
    """Return the transaction if the later module looks after it; None for any other."""
    cells: dict[str, Cell] = {}
    for row in answers.rows(transaction.get("data")):
        found = Cell(answers.text(row, "data_id", "dataId", "id"), answers.text(row, "value"))
        cells.setdefault(answers.text(row, "name"), found)
    own = ModuleTransaction(
        id=answers.text(transaction, "transaction_id", "transactionId", "id"),
        status=answers.text(transaction, "status"),
        currency_code=answers.currency_of(transaction.get("currency")),
        rows=backend_rows(transaction),
        cells=cells,
    )
    known = own.value(_AUTHORIZATION_CELL) or own.value(ORDER_REFERENCE_CELL)
    return own if known and own.initial() else None


def missing_entries(own: ModuleTransaction, update: StatusUpdate, *, date: int) -> Entries:
    """Return what the module would have written for ``update`` and the transaction does not show.

    Applied twice it adds nothing the second time. Amounts in another currency than the transaction's are not written.
    """
    entries = Entries()
    if own.currency_code not in ("", update.currency_code):
        return entries
    _add_amount(entries, own, CAPTURES, "capture", to_decimal(update.captured_minor, update.currency_code), date)
    _add_amount(entries, own, REFUNDS, "refund", to_decimal(update.refunded_minor, update.currency_code), date)
    if update.captured_minor > 0:
        _fill(entries, own, _CAPTURE_CELL, _last(update, "capture"), only_over=("",))
        _fill(entries, own, "authorizationStatus", "Completed", only_over=("", "Open", "Pending"))
    if update.refunded_minor > 0:
        _fill(entries, own, _REFUND_CELL, _last(update, "refund"), only_over=("",))
        _fill(entries, own, "refundStatus", "Completed", only_over=("", "Pending"))
    if update.status in _CLOSED:
        _add_void(entries, own, update, date)
    return entries


def notice(own: ModuleTransaction, update: StatusUpdate) -> str:
    """Return which of X-Cart's own buttons staff must not use; empty if the outcome left none of them on."""
    settled = own.has_succeeded(_VOIDS | CAPTURES | REFUNDS)
    authorized = any(row.type == "auth" and row.status == _SUCCESS for row in own.rows)
    if authorized and not settled and own.value(_AUTHORIZATION_CELL):
        return CAPTURE_LIVE
    if _is_doubled(own, CAPTURES, update.captured_minor, update) or _is_doubled(
        own, REFUNDS, update.refunded_minor, update
    ):
        return DOUBLED
    captured = own.has_succeeded(CAPTURES) and own.value(_CAPTURE_CELL)
    refunded = own.has_succeeded(REFUNDS) or own.value(_REFUND_CELL)
    initial = own.initial()
    partly = initial is not None and own.succeeded(CAPTURES) < initial.value
    return REFUND_LIVE if captured and not refunded and (partly or update.status in _REFUNDED) else ""


def _is_doubled(own: ModuleTransaction, types: frozenset[str], minor: int, update: StatusUpdate) -> bool:
    """Tell whether X-Cart shows more than moved, and one and the same row twice."""
    done = [(row.type, row.value) for row in own.rows if row.type in types and row.status == _SUCCESS]
    return len(set(done)) < len(done) and own.succeeded(types) > to_decimal(minor, update.currency_code)


def _add_amount(
    entries: Entries, own: ModuleTransaction, types: frozenset[str], kind: str, total: Decimal, date: int
) -> None:
    """Complete the rows that wait for a part of ``total``, and add one row for the rest."""
    missing = total - own.succeeded(types)
    for row in own.rows:
        if row.type in types and row.status == _WAITING and 0 < row.value <= missing and row.id:
            entries.rows.append({"id": row.id, "type": row.type, "status": _SUCCESS, "value": f"{row.value:f}"})
            missing -= row.value
    if missing > 0:
        entries.rows.append(_new_row(kind, missing, date))


def _add_void(entries: Entries, own: ModuleTransaction, update: StatusUpdate, date: int) -> None:
    """Add the void, without which the module goes on offering Capture. A decline that it knows needs none."""
    initial = own.initial()
    voidable = (_SUCCESS,) if update.status is PaymentStatus.DECLINED else (_SUCCESS, _WAITING)
    if initial is None or initial.type != "auth" or initial.status not in voidable:
        return
    if own.has_succeeded(CAPTURES | REFUNDS) or update.captured_minor:
        return
    if not own.has_succeeded(_VOIDS):
        entries.rows.append(_new_row("void", initial.value, date))
    if own.status != _VOID:
        entries.status = _VOID
    _fill(entries, own, "authorizationStatus", "Closed", only_over=("Pending",))  # Else X-Cart offers Refresh.


def _fill(entries: Entries, own: ModuleTransaction, name: str, value: str, *, only_over: tuple[str, ...]) -> None:
    """Have a cell say ``value``, unless it says something that is not in ``only_over``."""
    if not value or own.value(name) not in only_over or own.value(name) == value:
        return
    known = own.cells.get(name)
    by_id = {"data_id": known.id} if known and known.id else {}
    entries.cells.append(by_id | {"name": name, "value": value})


def _last(update: StatusUpdate, role: str) -> str:
    return next((known.value for known in reversed(update.references) if known.role == role), "")


def _new_row(kind: str, value: Decimal, date: int) -> dict[str, str]:
    return {"type": kind, "status": _SUCCESS, "value": f"{value:f}", "date": str(date)}
