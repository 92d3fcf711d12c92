"""A PUT to ``payment-transaction``: X-Cart's loader adds and changes backend transactions and data cells."""

import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import InvalidArgument
from .legacy_request import read_records
from .shop import Order, Shop
from .transactions import BackendTransaction, Cell


def load_transaction(shop: Shop, order: Order, model: Mapping[str, Any], *, who: str) -> None:
    """Write into a transaction. A record without an id is a new row or cell, also when the same one exists.

    :raises InvalidArgument: a value that the database does not take; nothing was changed.
    """
    rows = [_row_fields(record) for record in read_records(model, "backend_transactions")]
    cells = [{name: str(value) for name, value in record.items()} for record in read_records(model, "data")]
    fields = {name: str(model[name]) for name in ("status", "type", "note") if name in model}
    for name, value in fields.items():
        setattr(order.transaction, name, value)
    for row in rows:
        _load_row(shop, order, row)
    for cell in cells:
        _load_cell(shop, order, cell)
    shop.note_cells(order)
    order.touch()
    shop.transaction_writes.append(
        {
            "order_id": order.id,
            "transaction_id": order.transaction.id,
            "fields": fields,
            "backend_transactions": [{name: str(value) for name, value in row.items()} for row in rows],
            "data": cells,
            "who": who,
            "date": int(time.time()),
        }
    )


def _row_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: str(record[name]) for name in ("id", "type", "status") if name in record}
    try:
        value = Decimal(str(record.get("value", "0")))
    except InvalidOperation:
        raise InvalidArgument(f"Incorrect decimal value: '{record['value']}' for column 'value'") from None
    date = str(record.get("date", int(time.time())))
    if not date.isdecimal():
        raise InvalidArgument(f"Incorrect integer value: '{date}' for column 'date'")
    return known | {"value": value, "date": int(date)}


def _load_row(shop: Shop, order: Order, fields: Mapping[str, Any]) -> None:
    """Change the row with this id, of whichever transaction it is, or add one."""
    for other in shop.orders.values():
        for row in other.transaction.backend:
            if str(row.id) == fields.get("id"):
                other.transaction.backend.remove(row)
                changed = {name: value for name, value in fields.items() if name != "id"}
                order.transaction.backend.append(BackendTransaction(**{**vars(row), **changed}))
                return
    rest = {name: value for name, value in fields.items() if name != "id"}
    order.transaction.backend.append(BackendTransaction(shop.next_id(), **{"type": "", "status": "I", **rest}))


def _load_cell(shop: Shop, order: Order, fields: Mapping[str, str]) -> None:
    """Change the cell with this ``data_id``, of whichever transaction it is, or add one."""
    for other in shop.orders.values():
        for cell in other.transaction.cells:
            if str(cell.id) == fields.get("data_id"):
                cell.name, cell.value = fields.get("name", cell.name), fields.get("value", cell.value)
                if other is not order:
                    other.transaction.cells.remove(cell)
                    order.transaction.cells.append(cell)
                return
    order.transaction.cells.append(Cell(shop.next_id(), fields.get("name", ""), fields.get("value", "")))
