"""The shop's admin pages: a list of orders and the order page, into which a section of somebody else's can be put.

They look as a shop's admin does and know nothing of who is embedded: script and tag come from the command line or the
control interface.
"""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .amazon_module import Notice
from .amazon_page import find_module, render_section
from .errors import InvalidArgument, OrderMissing
from .shop import Order, Shop

ADMIN: Final = "/admin/"
ANYBODY: Final = "anna@shop.example"

_FOLDER: Final = Path(__file__).parent
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_ADMIN_NAME: Final = re.compile(r"[A-Za-z0-9.@_-]{1,64}")
_GOODS: Final = ("Walnut desk organiser", "Linen notebook, A5", "Brass desk lamp")


@dataclass
class Section:
    """What the order page embeds; nothing unless told.

    :param script: the address of an ES module.
    :param tag: HTML; ``{order_id}``, ``{order_number}`` and ``{admin}`` stand for the order's and who is signed in.
    """

    script: str = ""
    tag: str = ""

    def set(self, script: Any, tag: Any) -> None:
        """Embed something else from now on.

        :raises InvalidArgument: the script is at no address that a browser can load.
        """
        if not isinstance(script, str) or not isinstance(tag, str):
            raise InvalidArgument("script and tag are texts")
        if script and (urlsplit(script).scheme not in ("http", "https") or set(script) & set("\"'<>; ,")):
            raise InvalidArgument("script is the http or https address of a module")
        self.script, self.tag = script, tag

    def as_json(self) -> dict[str, Any]:
        """Return it as the control interface tells it."""
        return asdict(self)

    @property
    def origin(self) -> str:
        """Return whose script it is."""
        address = urlsplit(self.script)
        return f"{address.scheme}://{address.netloc}" if self.script else ""

    def html(self, order: Order, admin: str) -> str:
        """Return it for one order, under a line that says whose it is."""
        values = {"order_id": str(order.id), "order_number": order.number or "", "admin": admin}
        tag = self.tag
        for name, value in values.items():
            tag = tag.replace(f"{{{name}}}", escape(value))
        if not self.script:
            return ""
        whose = f"Another service's section ({urlsplit(self.script).netloc})"
        return f"""<section class="embedded" aria-label="{escape(whose)}"><p class="whose">{escape(whose)}</p>
<script type="module" src="{self.script}"></script>
{tag}</section>"""


class Admin:
    """The handlers of ``/admin/``."""

    def __init__(self, shop: Shop, section: Section) -> None:
        self._shop = shop
        self._section = section
        self._notices: dict[int, Notice] = {}  # Order id -> the notice for the next page.

    def routes(self) -> list[Route]:
        """Return the routes; all but the buttons of X-Cart's own module only read."""
        return [
            Route("/admin/orders", self._list),
            Route("/admin/orders/{id:int}", self._order),
            Route("/admin/orders/{id:int}/statuses", self._statuses),
            Route("/admin/orders/{id:int}/amazon", self._press, methods=["POST"]),
            Route("/admin/admin.css", lambda _: FileResponse(_FOLDER / "admin.css")),
            Route("/admin/admin.js", lambda _: FileResponse(_FOLDER / "admin.js", media_type="text/javascript")),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
        ]

    async def _list(self, request: Request) -> Response:
        rows = "".join(map(_row, reversed(self._shop.orders.values())))
        head = "<tr><th>Order</th><th>Date</th><th>Customer</th><th>Payment method</th><th>Payment status</th>"
        table = f'<table><thead>{head}<th class="number">Total</th></tr></thead><tbody>{rows}</tbody></table>'
        return self._page(request, "Orders", f'<h1>Orders</h1><div class="card">{table}</div>')

    async def _order(self, request: Request) -> Response:
        try:
            order = self._shop.order(request.path_params["id"])
        except OrderMissing as missing:
            return self._page(request, "Not found", f"<h1>{escape(str(missing))}</h1>", code=404)
        own = render_section(self._shop, order, self._notices.pop(order.id, None), _query(request))
        section = self._section.html(order, _admin(request))
        body = f"""<h1>Order #{escape(_title(order))}</h1>
<div class="columns">
<div>{_invoice(order)}{own}{section}</div>
<div>{_statuses_card(order)}{_customer(order)}</div>
</div>"""
        return self._page(request, f"Order #{_title(order)}", body, statuses=f"/admin/orders/{order.id}/statuses")

    async def _press(self, request: Request) -> Response:
        """Run the action of a button of X-Cart's own module, then show the order's page."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return JSONResponse({"error": "a button of the admin is pressed on its own page"}, 403)
        try:
            order = self._shop.order(request.path_params["id"])
        except OrderMissing as missing:
            return JSONResponse({"error": str(missing)}, 404)
        button = dict(parse_qsl((await request.body()).decode(errors="replace"))).get("button", "")
        module = find_module(self._shop, order)
        if module is None or button not in module.list_buttons():
            notice = Notice("warning", "This action is not offered any more")
        else:
            notice = await module.press(button)
        self._notices[order.id] = notice
        return RedirectResponse(f"/admin/orders/{order.id}?{_query(request)}", 303)

    async def _statuses(self, request: Request) -> Response:
        try:
            return JSONResponse(_status_names(self._shop.order(request.path_params["id"])))
        except OrderMissing as missing:
            return JSONResponse({"error": str(missing)}, 404)

    def _page(self, request: Request, title: str, body: str, *, statuses: str = "", code: int = 200) -> Response:
        lang, direction = _language(request), _direction(request)
        text = f"""<!doctype html>
<html lang="{lang}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · X-Cart (simulated)</title>
<link rel="stylesheet" href="/admin/admin.css">
<script type="module" src="/admin/admin.js"></script>
</head>
<body data-statuses="{statuses}">
<header class="bar"><a href="/admin/orders">X-Cart (simulated)</a>
<span class="who">{escape(_admin(request))}</span></header>
<main>{body}</main>
</body>
</html>
"""
        return HTMLResponse(text, code, {"content-security-policy": self._policy(), "cache-control": "no-store"})

    def _policy(self) -> str:
        """Return what a careful shop allows its admin pages: itself, and whoever it embeds."""
        others = f" {self._section.origin}" if self._section.origin else ""
        return (
            f"default-src 'none'; script-src 'self'{others}; connect-src 'self'{others}; style-src 'self';"
            " img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )


def _admin(request: Request) -> str:
    name = request.query_params.get("admin", ANYBODY)
    return name if _ADMIN_NAME.fullmatch(name) else ANYBODY


def _language(request: Request) -> str:
    lang = request.query_params.get("lang", "en")
    return lang if _LANGUAGE.fullmatch(lang) else "en"


def _direction(request: Request) -> str:
    return "rtl" if request.query_params.get("dir") == "rtl" else "ltr"


def _query(request: Request) -> str:
    """Return the page's query as it was understood, for the page that follows a button."""
    return urlencode({"admin": _admin(request), "lang": _language(request), "dir": _direction(request)})


def _title(order: Order) -> str:
    return f"{order.id} (cart)" if order.number is None else order.number


def _row(order: Order) -> str:
    cells = (_date(order), order.email, order.method_name, _status_names(order)["payment_status"])
    link = f'<a href="/admin/orders/{order.id}">#{escape(_title(order))}</a>'
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><td>{link}</td>{rest}<td class="number">{_money(order.total, order.currency)}</td></tr>'


def _invoice(order: Order) -> str:
    rows = "".join(
        f'<tr><td>{name}</td><td class="number">1</td><td class="number">{_money(price, order.currency)}</td></tr>'
        for name, price in _goods(order.total)
    )
    total = f'<tr><th>Total</th><td></td><td class="number"><b>{_money(order.total, order.currency)}</b></td></tr>'
    head = '<tr><th>Item</th><th class="number">Qty</th><th class="number">Price</th></tr>'
    return f'<div class="card"><table><thead>{head}</thead><tbody>{rows}{total}</tbody></table></div>'


def _goods(total: Decimal) -> list[tuple[str, Decimal]]:
    """Return things to have been bought for so much."""
    first = (total * Decimal("0.6")).quantize(total)
    second = (total * Decimal("0.25")).quantize(total)
    return list(zip(_GOODS, (first, second, total - first - second), strict=True))


def _statuses_card(order: Order) -> str:
    names = _status_names(order)
    return f"""<section class="card" aria-label="Status"><h2>Status</h2><dl>
<dt>Payment</dt><dd data-status="payment_status">{escape(names["payment_status"])}</dd>
<dt>Fulfilment</dt><dd data-status="shipping_status">{escape(names["shipping_status"])}</dd></dl></section>"""


def _customer(order: Order) -> str:
    return f"""<section class="card" aria-label="Customer"><h2>Customer</h2><dl>
<dt>E-mail</dt><dd>{escape(order.email)}</dd>
<dt>Paid by</dt><dd>{escape(order.method_name)}</dd>
<dt>Placed</dt><dd><bdi>{_date(order)}</bdi></dd></dl></section>"""


def _status_names(order: Order) -> dict[str, str]:
    rows = {"payment_status": order.payment_status, "shipping_status": order.shipping_status}
    return {field: (row.name or row.code or f"Status {row.id}") if row else "-" for field, row in rows.items()}


def _money(amount: Decimal, currency: str) -> str:
    return f"<bdi>{amount:,} {escape(currency)}</bdi>"


def _date(order: Order) -> str:
    return datetime.fromtimestamp(order.date, UTC).strftime("%d %b %Y, %H:%M UTC")
