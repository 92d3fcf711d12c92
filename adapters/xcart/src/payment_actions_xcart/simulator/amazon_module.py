"""X-Cart's own Amazon module, the later one (5.3.4 and 5.4): its buttons decide by backend transactions alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from .mws import AmazonPay, AmazonRefused, Details
from .recompute import CAPTURES, REFUNDS, VOIDS, recompute
from .shop import Order, Shop
from .transactions import BackendTransaction

SERVICE_NAME: Final = "PayWithAmazon"

#: A button's name in an address -> its text.
LABELS: Final = {
    "capture": "Capture",
    "void": "Void",
    "refund": "Refund",
    "refresh": "Refresh",
    "refresh_refund": "Refresh refund",
}


@dataclass(frozen=True)
class Notice:
    """A line on the admin page after a button: an information, a warning or an error."""

    kind: str  # info, warning or error
    text: str


class LaterModule:
    """The buttons of one order."""

    def __init__(self, shop: Shop, order: Order) -> None:
        self._shop = shop
        self._order = order
        self._paid = order.transaction
        self._amazon = AmazonPay(shop.settings)

    def list_buttons(self) -> list[str]:
        """Return the buttons that the page shows now."""
        authorized = self._has_row("S", "auth")
        settled = self._has_row("S", *VOIDS, *REFUNDS, "capture", "capturePart", "captureMulti")
        refund_waits = self._has_row("W", *REFUNDS) and self._paid.read_cell("refundStatus") == "Pending"
        shown = {
            "capture": authorized and not settled and bool(self._paid.read_cell("amazonAuthorizationId")),
            "void": authorized and not settled and bool(self._paid.read_cell("amazonAuthorizationId")),
            "refund": self._can_refund(),
            "refresh": self._paid.read_cell("authorizationStatus") == "Pending",
            "refresh_refund": refund_waits,
        }
        return [name for name, holds in shown.items() if holds]

    async def press(self, button: str) -> Notice:
        """Run a button's action, then write the payment status anew, also after a refusal of Amazon's."""
        actions: dict[str, Callable[[], Awaitable[Notice]]] = {
            "capture": self._capture,
            "void": self._void,
            "refund": self._refund,
            "refresh": self._refresh,
            "refresh_refund": self._refresh_refund,
        }
        try:
            notice = await actions[button]()
        except AmazonRefused as error:
            notice = Notice("error", f"Amazon Pay: {error}")
        recompute(self._shop, self._order, via="admin page")
        return notice

    async def _capture(self) -> Notice:
        row = self._add_row("capture")
        parameters = {
            "AmazonAuthorizationId": self._paid.read_cell("amazonAuthorizationId"),
            "CaptureReferenceId": f"capture_{self._paid.public_id}",
            **self._amazon.write_money("CaptureAmount", self._paid.value),
        }
        captured = await self._amazon.exchange("Capture", "Capture", parameters)
        if captured.state != "Completed":  # The module drops the id, although the capture may still complete.
            return Notice("warning", f"The capture is {captured.state} {captured.reason}".strip())
        row.status = "S"
        self._set_cells(amazonCaptureId=captured.id, authorizationStatus="Completed")
        await self._close_order_reference()
        return Notice("info", "Payment was captured")

    async def _void(self) -> Notice:
        row = self._add_row("void")
        parameters = {"AmazonAuthorizationId": self._paid.read_cell("amazonAuthorizationId")}
        await self._amazon.call("CloseAuthorization", parameters)
        row.status, self._paid.status = "S", "V"
        return Notice("info", "Payment was voided")

    async def _refund(self) -> Notice:
        row = self._add_row("refund")
        parameters = {
            "AmazonCaptureId": self._paid.read_cell("amazonCaptureId"),
            "RefundReferenceId": f"refund_{self._paid.public_id}",
            **self._amazon.write_money("RefundAmount", self._paid.value),
        }
        refunded = await self._amazon.exchange("Refund", "Refund", parameters)
        row.status = {"Completed": "S", "Pending": "W"}.get(refunded.state, row.status)
        self._set_cells(amazonRefundId=refunded.id, refundStatus=refunded.state)
        if row.status == "I":
            return Notice("error", f"The refund is {refunded.state} {refunded.reason}".strip())
        return Notice("info", "Payment was refunded" if row.status == "S" else "The refund is in progress")

    async def _refresh(self) -> Notice:
        parameters = {"AmazonAuthorizationId": self._paid.read_cell("amazonAuthorizationId")}
        found = await self._amazon.exchange("GetAuthorizationDetails", "Authorization", parameters)
        notice = self._take_over(found)
        if found.state == "Declined" and found.reason == "TransactionTimedOut":
            await self._cancel_order_reference()
        if found.state == "Declined" and found.reason == "InvalidPaymentMethod":
            self._shop.mail(self._order, "Update your payment method")
        return notice

    def _take_over(self, found: Details) -> Notice:
        row = self._initial_row()
        if found.state == "Pending":
            return Notice("info", "The authorization is in progress")
        whole = found.captured > 0 and found.captured == found.amount
        if found.state == "Open":
            row.status = "S"
        elif found.state == "Closed" and whole and self._paid.type == "sale":
            row.status = "S"
            self._set_cells(amazonCaptureId=found.ids[0] if found.ids else "")
        elif found.state == "Declined":
            row.status = "F"
        else:
            return Notice("error", f"The authorization is {found.state} {found.reason}".strip())
        self._set_cells(authorizationStatus=found.state, authorizationReason=found.reason)
        return Notice("info", f"The authorization is {found.state}")

    async def _refresh_refund(self) -> Notice:
        parameters = {"AmazonRefundId": self._paid.read_cell("amazonRefundId")}
        found = await self._amazon.exchange("GetRefundDetails", "Refund", parameters)
        if found.state == "Completed":
            self._last_row("W", *REFUNDS).status = "S"
            self._set_cells(refundStatus=found.state)
        return Notice("info" if found.state in ("Completed", "Pending") else "error", f"The refund is {found.state}")

    async def _close_order_reference(self) -> None:
        await self._call_quietly("CloseOrderReference")

    async def _cancel_order_reference(self) -> None:
        await self._call_quietly("CancelOrderReference")

    async def _call_quietly(self, action: str) -> None:
        """Make a call whose refusal the module does not look at."""
        try:
            await self._amazon.call(action, {"AmazonOrderReferenceId": self._paid.read_cell("amazonOrderReferenceId")})
        except AmazonRefused:
            return

    def _can_refund(self) -> bool:
        captured = self._has_row("S", *CAPTURES) and bool(self._paid.read_cell("amazonCaptureId"))
        return captured and not self._has_row("S", *REFUNDS) and not self._paid.read_cell("amazonRefundId")

    def _has_row(self, status: str, *types: str) -> bool:
        return any(row.status == status and row.type in types for row in self._paid.backend)

    def _last_row(self, status: str, *types: str) -> BackendTransaction:
        return [row for row in self._paid.backend if row.status == status and row.type in types][-1]

    def _initial_row(self) -> BackendTransaction:
        """Return the row with which the transaction began; one is made where a migrated order has none."""
        found = [row for row in self._paid.backend if row.type == self._paid.type]
        return found[0] if found else self._add_row(self._paid.type)

    def _add_row(self, kind: str) -> BackendTransaction:
        (row,) = self._shop.backend_transactions([{"type": kind, "status": "I", "value": self._paid.value}])
        self._paid.backend.append(row)
        return row

    def _set_cells(self, **values: str) -> None:
        for name, value in values.items():
            self._shop.set_cell(self._order, name, value)
