"""X-Cart's own Amazon module, the first one (until 5.3.3): its buttons decide by the order's payment status."""

from collections.abc import Awaitable, Callable

from .amazon_module import Notice
from .mws import AmazonPay, AmazonRefused
from .shop import PAYMENT, Order, Shop


class FirstModule:
    """The buttons of one order. It writes a status only where its own action succeeded."""

    def __init__(self, shop: Shop, order: Order) -> None:
        self._shop = shop
        self._order = order
        self._amazon = AmazonPay(shop.settings)

    def list_buttons(self) -> list[str]:
        """Return the buttons that the page shows now; with none, the section is hidden."""
        code = self._order.payment_status.code if self._order.payment_status else None
        refund = ["refresh_refund"] if self._order.amazon.get("refund") else ["refund"]
        return {"A": ["capture", "void"], "P": refund, "Q": ["refresh"]}.get(code or "", [])

    async def press(self, button: str) -> Notice:
        """Run a button's action."""
        actions: dict[str, Callable[[], Awaitable[Notice]]] = {
            "capture": self._capture,
            "void": self._void,
            "refund": self._refund,
            "refresh": self._refresh,
            "refresh_refund": self._refresh_refund,
        }
        try:
            return await actions[button]()
        except AmazonRefused as error:
            return Notice("error", f"Amazon Pay: {error}")

    async def _capture(self) -> Notice:
        parameters = {
            "AmazonAuthorizationId": self._order.amazon.get("authorization", ""),
            "CaptureReferenceId": f"capture_{self._order.id}",
            **self._amazon.write_money("CaptureAmount", self._order.total),
        }
        captured = await self._amazon.exchange("Capture", "Capture", parameters)
        if captured.state == "Completed":
            self._store(capture=captured.id, capture_status=captured.state)
            await self._write("P", "CloseOrderReference")
            return Notice("info", "Payment was captured")
        if captured.state == "Declined":
            await self._write("D", "CancelOrderReference")
        return Notice("warning", f"The capture is {captured.state} {captured.reason}".strip())

    async def _void(self) -> Notice:
        await self._amazon.call(
            "CloseAuthorization", {"AmazonAuthorizationId": self._order.amazon.get("authorization", "")}
        )
        await self._write("C", "CancelOrderReference")
        return Notice("info", "Payment was voided")

    async def _refund(self) -> Notice:
        parameters = {
            "AmazonCaptureId": self._order.amazon.get("capture", ""),
            "RefundReferenceId": f"refund_{self._order.id}",
            **self._amazon.write_money("RefundAmount", self._order.total),
        }
        refunded = await self._amazon.exchange("Refund", "Refund", parameters)
        self._store(refund=refunded.id, refund_status=refunded.state)
        if refunded.state == "Completed":
            await self._write("R")
        return Notice("info", f"The refund is {refunded.state}")

    async def _refresh(self) -> Notice:
        parameters = {"AmazonAuthorizationId": self._order.amazon.get("authorization", "")}
        found = await self._amazon.exchange("GetAuthorizationDetails", "Authorization", parameters)
        self._store(authorization_status=found.state)
        if found.state == "Open" and self._shop.settings.capture_mode == "A":
            await self._write("A")
        elif found.state == "Closed" and found.captured == found.amount > 0:
            self._store(capture=found.ids[0] if found.ids else "")
            await self._write("P", "CloseOrderReference")
        elif found.state == "Declined":
            await self._write("D", "CancelOrderReference")
        return Notice("info", f"The authorization is {found.state} {found.reason}".strip())

    async def _refresh_refund(self) -> Notice:
        parameters = {"AmazonRefundId": self._order.amazon.get("refund", "")}
        found = await self._amazon.exchange("GetRefundDetails", "Refund", parameters)
        self._store(refund_status=found.state)
        if found.state == "Completed":
            await self._write("R")
        return Notice("info", f"The refund is {found.state}")

    async def _write(self, code: str, then: str = "") -> None:
        """Write a status, then close or cancel the order reference; the module ignores a refusal of that."""
        row = self._shop.statuses[PAYMENT].match(code)
        self._shop.link_status(self._order, PAYMENT, row, who="Amazon Pay module", via="admin page")
        if then:
            try:
                reference = self._order.amazon.get("order_reference", "")
                await self._amazon.call(then, {"AmazonOrderReferenceId": reference})
            except AmazonRefused:
                return

    def _store(self, **facts: str) -> None:
        self._shop.store_amazon(self._order, facts)
        self._order.touch()
