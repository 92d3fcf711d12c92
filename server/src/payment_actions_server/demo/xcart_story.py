"""An X-Cart 5.4, whose own Amazon module works on the same orders as the service."""

from collections.abc import Callable, Sequence

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client, OrderCancelled
from payment_actions_server.demo.checkout import Checkout, PlacedOrder
from payment_actions_server.demo.own_section import OwnSection, press_button, read_section
from payment_actions_server.demo.stage import OLDER_SHOP, Stage
from payment_actions_server.demo.steps import Steps
from payment_actions_server.demo.telling import Teller


class XCartStory(Steps):
    """Plays the scenes in which X-Cart and the service act on one order."""

    def __init__(self, stage: Stage, client: Client, teller: Teller) -> None:
        super().__init__(stage, client, teller)
        self._shop = Checkout(stage, OLDER_SHOP.store)

    def scenes(self) -> Sequence[Callable[[], None]]:
        """Return the scenes, in order."""
        return (
            self._captured_here,
            self._captured_by_x_cart,
            self._cancelled_before_the_capture,
            self._set_back_by_x_cart,
        )

    def leave_order(self) -> PlacedOrder:
        """Leave an order to try both sections by hand."""
        self._teller.scene("An order of X-Cart 5.4 is left for you: use X-Cart's own buttons, then ours, or ours first")
        order = self._shop.order("54.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._see_own(order, "Authorized amount 54.00 EUR", "Capture, Void")
        return order

    # -- scenes -----------------------------------------------------------------------------------------------------

    def _captured_here(self) -> None:
        self._teller.scene("X-Cart 5.4: a capture of ours is shown in X-Cart's own section")
        order = self._shop.order()
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._see_own(order, "Authorized amount 129.90 EUR", "Capture, Void")
        self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._end(order, "CAPTURED", "P", captures=1)
        self._see_own(order, "Authorized amount 129.90 EUR, Captured amount 129.90 EUR", "Refund")

    def _captured_by_x_cart(self) -> None:
        self._teller.scene("X-Cart 5.4: staff press X-Cart's own Capture, and our payment follows")
        order = self._shop.order("83.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._press(order, "Capture", "Payment was captured")
        self._end(order, "CAPTURED", "P", captures=1)
        self._see(order, "CAPTURED", "REFUND")

    def _cancelled_before_the_capture(self) -> None:
        self._teller.scene("X-Cart 5.4: staff cancel the order a moment before the capture")
        order = self._shop.order("47.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._teller.line("X-Cart", "staff set the order to Cancelled")
        self._stage.shops[order.store].send("PATCH", f"orders/{order.order_id}", payment_status="C")
        self._teller.line("action", "Capture")
        try:
            self._client.capture(order.store, order.order_id)
            self._teller.expect("a capture", "accepted", "refused")
        except OrderCancelled as error:
            self._teller.refused(error)
            self._teller.expect("the reason", error.reason, "ORDER_CANCELLED")
        self._see(order, "AUTHORIZED", "VOID")
        self._act("Void", self._client.void, order, "SUCCEEDED")
        self._end(order, "VOIDED", "C", voids=1)
        self._see_own(order, "Authorized amount 47.00 EUR, Voided amount 47.00 EUR", "none")

    def _set_back_by_x_cart(self) -> None:
        self._teller.scene("X-Cart 5.4: X-Cart sets a captured order back, and its status is written again")
        order = self._shop.order("68.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        # X-Cart fails for the rows that its own section goes by, so that its buttons stay as they were.
        fault = {"kind": "400", "method": "PUT", "path": "payment-transaction/", "count": 1}
        self._stage.shops[order.store].send("POST", "faults", **fault)
        self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._end(order, "CAPTURED", "P", captures=1)
        notice = self._client.get_payment(order.store, order.order_id).store_update.notice
        self._teller.line("notice", notice or "none")
        self._teller.expect("a warning of X-Cart's buttons", "do not use its buttons" in notice, True)
        self._press(order, "Capture", "Amazon Pay: ")
        self._teller.expect("X-Cart's status after the click", self._x_cart_status(order), "A")
        self._teller.line("action", "Refresh")
        self._client.refresh(order.store, order.order_id)
        self._end(order, "CAPTURED", "P", captures=1)
        self._tell_overruling(order)
        self._see_own(order, "Authorized amount 68.00 EUR, Captured amount 68.00 EUR", "Refund")

    # -- steps ------------------------------------------------------------------------------------------------------

    def _see_own(self, order: PlacedOrder, amounts: str, buttons: str) -> None:
        own = read_section(self._stage.order_page(order.store, order.order_id))
        self._tell_own(own)
        self._teller.expect("X-Cart's own section", own[:2], (amounts, buttons))

    def _press(self, order: PlacedOrder, button: str, notice: str) -> None:
        """Press a button of X-Cart's own section and check how its notice begins."""
        own = press_button(self._stage.order_page(order.store, order.order_id), button)
        self._teller.line("X-Cart", f"its own {button}: {own.notice}; status {self._x_cart_status(order)}")
        self._teller.expect("X-Cart's notice", own.notice[: len(notice)], notice)

    def _tell_own(self, own: OwnSection) -> None:
        self._teller.line("X-Cart", f"its own section: {own.amounts}; buttons: {own.buttons}")

    def _tell_overruling(self, order: PlacedOrder) -> None:
        changes = [
            event.message
            for event in self._client.list_events(order.store, order.order_id)
            if event.type == pb.EVENT_TYPE_STORE_STATUS_CHANGED
        ]
        for message in changes:
            self._teller.line("history", message)
        self._teller.expect("how often the status was written again", len(changes), 1)

    def _x_cart_status(self, order: PlacedOrder) -> str:
        status: str = self._stage.shops[order.store].get(f"orders/{order.order_id}")["payment_status"]
        return status
