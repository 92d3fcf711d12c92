"""The staff's work on orders in every state, and what must come of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import (
    ActionNotAvailable,
    Client,
    NotOurPaymentMethod,
    OperationInFlight,
    PartialAmountNotSupported,
)
from payment_actions_server.demo.checkout import Checkout
from payment_actions_server.demo.stage import Stage
from payment_actions_server.demo.steps import Steps
from payment_actions_server.demo.telling import Teller, state
from payment_actions_server.demo.xcart_story import XCartStory


class Story(Steps):
    """Plays every scene against the service's gRPC API, as a shop's admin page would."""

    def __init__(self, stage: Stage, client: Client, teller: Teller) -> None:
        super().__init__(stage, client, teller)
        self._shop = Checkout(stage, "eu-shop")
        self._outlet = Checkout(stage, "outlet")
        self._x_cart = XCartStory(stage, client, teller)
        self.left_to_capture = ""  #: An order of eu-shop that whoever comes next may capture.
        self.left_to_both = ""  #: An order of the older shop, for X-Cart's own buttons and ours.

    def play(self) -> None:
        """Play all scenes: first what ends well, then days pass, then what is left for whoever comes next."""
        scenes: list[Callable[[], None]] = [
            self._capture,
            self._void,
            self._refund,
            *self._x_cart.scenes(),
            self._no_notification,
            self._answer_lost,
            self._double_click,
            self._part_of_the_amount,
            self._capture_declined,
            self._capture_pending,
            self._declined_at_checkout,
            self._captured_elsewhere,
            self._other_method,
            self._immediate_capture,
            self._immediate_capture_unheard_of,
            self._expired,
            self._left_to_capture,
            self._left_to_both,
            self._left_pending,
            self._left_in_flight,
            self._left_with_a_shop_that_is_not_told,
        ]
        for scene in scenes:
            scene()

    # -- scenes -----------------------------------------------------------------------------------------------------

    def _capture(self) -> None:
        self._teller.scene("An authorized order is captured")
        order = self._shop.order()
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._end(order, "CAPTURED", "P", captures=1)

    def _void(self) -> None:
        self._teller.scene("An authorized order is voided")
        order = self._shop.order("59.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._act("Void", self._client.void, order, "SUCCEEDED")
        self._end(order, "VOIDED", "C", voids=1)

    def _refund(self) -> None:
        self._teller.scene("A captured order is refunded; Amazon takes its time")
        order = self._shop.order("75.50")
        self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._act("Refund", self._client.refund, order, "PENDING")
        self._see(order, "CAPTURED", "REFRESH")
        self._settle(order, "refund")
        self._end(order, "REFUNDED", "R", captures=1, refunds=1)

    def _no_notification(self) -> None:
        self._teller.scene("Amazon's notification gets lost: Refresh status")
        self._lose_notifications(2)
        order = self._shop.order("210.00", status="Q", asynchronous=True)
        self._see(order, "PENDING", "REFRESH")
        self._settle(order, "authorization")
        self._teller.line("action", "Refresh")
        self._client.refresh(order.store, order.order_id)
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._end(order, "CAPTURED", "P", captures=1)

    def _answer_lost(self) -> None:
        self._teller.scene("Amazon captures, and its answer gets lost")
        order = self._shop.order("19.99")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._stage.amazon.send("POST", "faults/calls", operation="Capture", kind="lose_answer", count=1)
        operation = self._act("Capture", self._client.capture, order, "UNKNOWN")
        self._see(order, None, "REFRESH")
        settled = self._settled(operation)
        self._teller.line("later", f"operation {state(settled)}, reference {settled.reference}: the same")
        self._teller.expect("the operation", state(settled), "SUCCEEDED")
        self._teller.expect("the reference", settled.reference, operation.reference)
        self._end(order, "CAPTURED", "P", captures=1)

    def _double_click(self) -> None:
        self._teller.scene("Two admins press Capture at the same moment")
        order = self._shop.order("33.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")

        def press(_: int) -> str:
            try:
                return state(self._client.capture(order.store, order.order_id).operation)
            except (OperationInFlight, ActionNotAvailable) as error:
                return type(error).__name__

        with ThreadPoolExecutor(2) as admins:
            answers = sorted(admins.map(press, range(2)))
        self._teller.line("answers", " and ".join(answers))
        self._teller.expect("how many captured", answers.count("SUCCEEDED"), 1)
        self._end(order, "CAPTURED", "P", captures=1)

    def _part_of_the_amount(self) -> None:
        self._teller.scene("Only the whole amount can be captured")
        order = self._shop.order("88.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._teller.line("action", "Capture 10.00 EUR")
        try:
            self._client.capture(order.store, order.order_id, "10.00 EUR")
            self._teller.expect("a partial capture", "accepted", "refused")
        except PartialAmountNotSupported as error:
            self._teller.refused(error)
            self._teller.expect("the advice", "have the customer place it again" in str(error), True)
        self._act("Void", self._client.void, order, "SUCCEEDED")
        self._end(order, "VOIDED", "C", voids=1)

    def _capture_declined(self) -> None:
        self._teller.scene("Amazon declines the capture; the staff may try again")
        order = self._shop.order("640.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        planned = {"operation": "Capture", "state": "Declined", "reason_code": "AmazonRejected", "count": 1}
        self._stage.amazon.send("POST", "plans", **planned)
        declined = self._act("Capture", self._client.capture, order, "DECLINED")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        again = self._act("Capture", self._client.capture, order, "SUCCEEDED")
        self._teller.expect("a new reference", again.reference != declined.reference, True)
        self._end(order, "CAPTURED", "P", captures=1)

    def _capture_pending(self) -> None:
        self._teller.scene("Amazon accepts the capture and decides later")
        order = self._shop.order("310.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._stage.amazon.send("POST", "plans", operation="Capture", state="Pending", count=1)
        self._act("Capture", self._client.capture, order, "PENDING")
        self._see(order, "AUTHORIZED", "REFRESH")
        self._settle(order, "capture")
        self._end(order, "CAPTURED", "P", captures=1)

    def _declined_at_checkout(self) -> None:
        self._teller.scene("The authorization was declined at the checkout")
        declined = {"State": "Declined", "ReasonCode": "AmazonRejected"}
        order = self._shop.order("999.00", status="D", simulate=declined)
        self._see(order, "DECLINED", "nothing")
        self._end(order, "DECLINED", "D")

    def _captured_elsewhere(self) -> None:
        self._teller.scene("Somebody captured it in Seller Central before, and nobody told us")
        order = self._shop.order("145.00")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._lose_notifications(3)
        self._stage.amazon.send("POST", "console/capture", object=order.authorization)
        self._act("Capture", self._client.capture, order, "ALREADY_DONE")
        self._end(order, "CAPTURED", "P", captures=1)

    def _other_method(self) -> None:
        self._teller.scene("An order that was not paid with Amazon Pay")
        order = self._shop.other_method()
        self._see(order, None, "nothing")
        try:
            self._client.capture(order.store, order.order_id)
            self._teller.expect("a capture", "accepted", "refused")
        except NotOurPaymentMethod as error:
            self._teller.refused(error)

    def _immediate_capture(self) -> None:
        self._teller.scene("A store that captures at once; a part is refunded, then the rest")
        order = self._outlet.order("50.00", status="P", capture_now=True)
        self._see(order, "CAPTURED", "REFUND")
        self._refund_part(order, "20.00 EUR")
        self._wait(order, "PARTIALLY_REFUNDED")
        self._see(order, "PARTIALLY_REFUNDED", "REFUND")
        self._refund_part(order, "30.00 EUR")
        self._end(order, "REFUNDED", "R", captures=1, refunds=2)

    def _immediate_capture_unheard_of(self) -> None:
        self._teller.scene("A store that captures at once, and the result has not reached it")
        self._lose_notifications(3)
        order = self._outlet.order("42.00", status="Q", capture_now=True, asynchronous=True)
        self._see(order, "PENDING", "REFRESH")
        self._settle(order, "authorization")
        self._teller.line("action", "Refresh")
        self._client.refresh(order.store, order.order_id)
        self._end(order, "CAPTURED", "P", captures=1)

    def _expired(self) -> None:
        self._teller.scene("Nobody captured it, and the authorization ran out")
        order = self._shop.order("12.34")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        self._teller.line("time", "three days pass at Amazon (a sandbox authorization lasts two)")
        self._stage.amazon.send("POST", "clock/advance", days=3)
        self._end(order, "EXPIRED", "D")

    def _left_to_capture(self) -> None:
        self._teller.scene("Two orders are left for you: capture or void them")
        for amount in ("1249.00", "129.90"):
            order = self._shop.order(amount)
            self._see(order, "AUTHORIZED", "CAPTURE, VOID")
            self.left_to_capture = order.order_id

    def _left_to_both(self) -> None:
        self.left_to_both = self._x_cart.leave_order().order_id

    def _left_pending(self) -> None:
        self._teller.scene("An authorization that Amazon has not decided about")
        order = self._shop.order("75.00", status="Q", asynchronous=True)
        self._see(order, "PENDING", "REFRESH")

    def _left_in_flight(self) -> None:
        self._teller.scene("A capture that Amazon takes its time with")
        order = self._shop.order("480.00")
        self._stage.amazon.send("POST", "plans", operation="Capture", state="Pending", count=1)
        self._stage.amazon.send("POST", "hold", kinds=["capture"])
        self._act("Capture", self._client.capture, order, "PENDING")
        self._see(order, "AUTHORIZED", "REFRESH")

    def _left_with_a_shop_that_is_not_told(self) -> None:
        self._teller.scene("A shop that does not take the news")
        order = self._shop.order("64.50")
        self._see(order, "AUTHORIZED", "CAPTURE, VOID")
        # Of this order alone: all others go on.
        path = f"/api/orders/{order.order_id}/payment_status"
        self._stage.shops[order.store].send("POST", "faults", kind="500", count=0, method="PUT", path=path)
        self._act("Capture", self._client.capture, order, "SUCCEEDED")

        def failing() -> pb.Payment | None:
            payment = self._client.get_payment(order.store, order.order_id)
            return payment if payment.store_update.last_error else None

        payment = self._until(failing, lambda: self._client.get_payment(order.store, order.order_id))
        self._teller.line("X-Cart", payment.store_update.last_error or "has been told")
        self._teller.expect("X-Cart's being told", bool(payment.store_update.last_error), True)
