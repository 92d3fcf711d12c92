"""The section of X-Cart's own Amazon module on an order page: amounts, buttons, backend transactions."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

from .amazon_module import LABELS, SERVICE_NAME, LaterModule, Notice
from .first_module import FirstModule
from .recompute import CAPTURES, REFUNDS, VOIDS
from .shop import Order, Shop
from .transactions import BackendTransaction, Transaction

_TITLES: Final = {"later": "Amazon Pay", "first": "Pay with Amazon"}
_STATES: Final = {"I": "Initialized", "P": "In progress", "S": "Success", "W": "Pending", "F": "Failed"}


def find_module(shop: Shop, order: Order) -> LaterModule | FirstModule | None:
    """Return the module that looks after an order; none for another payment method."""
    if order.method_code != SERVICE_NAME:
        return None
    return LaterModule(shop, order) if order.amazon_module == "later" else FirstModule(shop, order)


def render_section(shop: Shop, order: Order, notice: Notice | None, query: str) -> str:
    """Return X-Cart's own section of the order page; empty where X-Cart hides it.

    :param query: the query of the page, which its forms keep.
    """
    module = find_module(shop, order)
    if module is None:
        return ""
    buttons = module.list_buttons()
    if order.amazon_module == "first" and not buttons and notice is None:
        return ""
    later = order.amazon_module == "later"
    parts = (
        f'<p class="notice {notice.kind}" role="status">{escape(notice.text)}</p>' if notice else "",
        _amounts(order) if later else "",
        _buttons(order, buttons, query),
        _rows(order) if later else "",
    )
    return f"""<section class="card own" aria-label="X-Cart's own Amazon module">
<p class="whose">X-Cart's own module ({order.amazon_module})</p>
<h2>{_TITLES[order.amazon_module]}</h2>{"".join(parts)}</section>"""


def _amounts(order: Order) -> str:
    paid = order.transaction
    amounts = (
        ("Authorized", paid.sum_succeeded("auth", "sale")),
        ("Captured", paid.sum_succeeded(*CAPTURES)),
        ("Voided", paid.sum_succeeded(*VOIDS)),
        ("Refunded", paid.sum_succeeded(*REFUNDS)),
    )
    lines = "".join(_amount(name, amount, paid) for name, amount in amounts if amount)
    return f'<ul class="amounts">{lines or "<li>Nothing authorized</li>"}</ul>'


def _amount(name: str, amount: Decimal, paid: Transaction) -> str:
    return f"<li>{name} amount <bdi>{_digits(amount, paid)} {escape(paid.currency)}</bdi></li>"


def _digits(amount: Decimal, paid: Transaction) -> str:
    """Return an amount with as many decimals as the value at checkout has: an API may have written fewer."""
    return f"{amount.quantize(paid.value):,}"


def _buttons(order: Order, buttons: Sequence[str], query: str) -> str:
    if not buttons:
        return '<p class="muted">No action is offered now.</p>'
    shown = "".join(f'<button name="button" value="{name}">{LABELS[name]}</button>' for name in buttons)
    return f'<form method="post" action="/admin/orders/{order.id}/amazon?{escape(query)}">{shown}</form>'


def _rows(order: Order) -> str:
    paid = order.transaction
    rows = "".join(_row(row, paid) for row in paid.backend)
    head = '<thead><tr><th>Backend transaction</th><th>Status</th><th class="number">Value</th></tr></thead>'
    cells = "".join(f"<dt>{escape(cell.name)}</dt><dd>{escape(cell.value)}</dd>" for cell in paid.cells)
    return f"""<details><summary>Transaction {escape(paid.public_id)}</summary>
<table>{head}<tbody>{rows}</tbody></table><dl>{cells}</dl></details>"""


def _row(row: BackendTransaction, paid: Transaction) -> str:
    state = escape(_STATES.get(row.status, row.status))
    return f'<tr><td>{escape(row.type)}</td><td>{state}</td><td class="number">{_digits(row.value, paid)}</td></tr>'
