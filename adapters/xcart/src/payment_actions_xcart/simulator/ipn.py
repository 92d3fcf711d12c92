"""Amazon's notifications to the shop itself (IPN), as X-Cart's later module takes them.

The signature is not checked: no notification moves money here.
"""

import asyncio
import json
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .mws import Details, parse_xml, read_details
from .recompute import REFUNDS, recompute
from .shop import Order, Received, Shop
from .transactions import BackendTransaction

PATH: Final = "/ipn"

#: NotificationType -> its subject, and the beginning of X-Cart's own references.
_KINDS: Final = {
    "PaymentAuthorize": ("Authorization", "auth_"),
    "PaymentCapture": ("Capture", "capture_"),
    "PaymentRefund": ("Refund", "refund_"),
}


class Ipn:
    """The shop's callback address."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[Route]:
        """Return the one route."""
        return [Route(PATH, self._receive, methods=["POST"])]

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        await asyncio.sleep(self._shop.settings.ipn_delay_seconds)
        try:
            kind, found = _read(body)
        except (ValueError, KeyError, TypeError, AttributeError):
            return Response(status_code=400)
        order = self._find(kind, found) if found else None
        self._shop.notifications.append(
            Received(
                type=kind, reference=found.reference if found else "", state=found.state if found else "",
                order_id=order.id if order else None, date=int(time.time()),
            )
        )  # fmt: skip
        if order is not None and found is not None:
            self._apply(order, kind, found)
        return Response(status_code=200)

    def _find(self, kind: str, found: Details) -> Order | None:
        """Return the order of one of X-Cart's own references; the first module takes no notifications here."""
        orders = (order for order in self._shop.orders.values() if order.amazon_module == "later")
        wanted = found.reference
        return next((order for order in orders if wanted == _KINDS[kind][1] + order.transaction.public_id), None)

    def _apply(self, order: Order, kind: str, found: Details) -> None:
        if kind == "PaymentAuthorize":
            if self._shop.settings.capture_mode == "C":
                return  # The module waits for the capture's own notification.
            self._authorized(order, found)
        elif kind == "PaymentCapture":
            self._captured(order, found)
        else:
            self._refunded(order, found)
        recompute(self._shop, order, via="ipn")

    def _authorized(self, order: Order, found: Details) -> None:
        rows = [row for row in order.transaction.backend if row.type == order.transaction.type]
        if found.state == "Closed":
            # Amazon announces Closed after every capture; X-Cart takes it for a void that it has not made.
            self._add(order, "void", "I")
        elif rows and found.state in ("Open", "Declined"):
            rows[0].status = "S" if found.state == "Open" else "F"
        self._shop.set_cell(order, "authorizationStatus", found.state)

    def _captured(self, order: Order, found: Details) -> None:
        if found.state not in ("Completed", "Declined"):
            return
        rows = [row for row in order.transaction.backend if row.type in ("capture", "sale")]
        row = rows[-1] if rows else self._add(order, "capture", "I")
        row.status = "S" if found.state == "Completed" else "F"
        if found.state == "Completed":
            self._shop.set_cell(order, "amazonCaptureId", found.id)

    def _refunded(self, order: Order, found: Details) -> None:
        if found.state not in ("Completed", "Pending"):
            return
        rows = [row for row in order.transaction.backend if row.type in REFUNDS]
        row = rows[-1] if rows else self._add(order, "refund", "I")
        row.status = "S" if found.state == "Completed" else "W"
        self._shop.set_cell(order, "amazonRefundId", found.id)
        self._shop.set_cell(order, "refundStatus", found.state)

    def _add(self, order: Order, kind: str, status: str) -> BackendTransaction:
        (row,) = self._shop.backend_transactions([{"type": kind, "status": status, "value": order.transaction.value}])
        order.transaction.backend.append(row)
        return row


def _read(body: bytes) -> tuple[str, Details | None]:
    """Return a notification's type and its details; no details where X-Cart ignores the type.

    :raises ValueError: it is no notification of Amazon's (or one of the other errors of a malformed document).
    """
    envelope = json.loads(body)
    if envelope["Type"] != "Notification":
        return str(envelope["Type"]), None  # SNS asks whether the shop subscribes.
    message = json.loads(envelope["Message"])
    kind = str(message["NotificationType"])
    if kind not in _KINDS:
        return kind, None
    name = _KINDS[kind][0]
    found = parse_xml(message["NotificationData"]).find(f".//{name}Details")
    if found is None:
        raise ValueError(f"no {name}Details")
    return kind, read_details(found, name)
