"""The staff's work on orders in every state, and what must come of it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import (
    ActionNotAvailable,
    Client,
    NotOurPaymentMethod,
    OperationInFlight,
    PartialAmountNotSupported,
    in_flight,
)
from payment_actions_server.demo.checkout import Checkout, PlacedOrder
from payment_actions_server.demo.stage import Stage
from payment_actions_server.demo.telling import Teller, offers, state, status

T = TypeVar("T")

WAIT_SECONDS_MAX: Final = 60.0


class Story:
    """Plays every scene against the service's gRPC API, as a shop's admin page would."""

    def __init__(self, stage: Stage, client: Client, teller: Teller) -> None:
        self._stage = stage
        self._client = client
        self._teller = teller
        self._shop = Checkout(stage, "eu-shop")
        self._outlet = Checkout(stage, "outlet")
        self.left_to_capture = ""  #: An order of eu-shop that whoever comes next may capture.

    def play(self) -> None:
        """Play all scenes: first what ends well, then days pass, then what is left for whoever comes next."""
        scenes: list[Callable[[], None]] = [
            self._capture,
            self._void,
            self._refund,
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

    # -- steps ------------------------------------------------------------------------------------------------------

    def _see(self, order: PlacedOrder, wanted_status: str | None, wanted_offers: str) -> None:
        payment = self._client.get_payment(order.store, order.order_id)
        self._teller.before(payment)
        if wanted_status is not None:
            self._teller.expect("the status", status(payment), wanted_status)
        self._teller.expect("what is offered", offers(payment), wanted_offers)

    def _act(self, name: str, call: Callable[..., Any], order: PlacedOrder, wanted: str) -> pb.Operation:
        self._teller.line("action", name)
        operation: pb.Operation = call(order.store, order.order_id, note="demo").operation
        self._teller.answer(operation)
        self._teller.expect("the operation", state(operation), wanted)
        return operation

    def _refund_part(self, order: PlacedOrder, amount: str) -> None:
        self._teller.line("action", f"Refund {amount}")
        operation = self._client.refund(order.store, order.order_id, amount).operation
        self._teller.answer(operation)
        self._settle(order, "refund")
        self._teller.expect("the operation", state(self._settled(operation)), "SUCCEEDED")

    def _settle(self, order: PlacedOrder, kind: str) -> None:
        """Let Amazon decide now about what it holds as Pending."""
        objects = self._stage.amazon.get("objects", kind=kind, order_reference=order.order_reference)["objects"]
        for pending in [thing for thing in objects if thing["state"] == "Pending"]:
            decided = self._stage.amazon.send("POST", "settle", object=pending["id"])
            self._teller.line("Amazon", f"decides: {kind} {decided['state']}")

    def _lose_notifications(self, how_many: int) -> None:
        self._stage.amazon.send("POST", "faults/notifications", kind="lose", count=how_many)

    def _settled(self, operation: pb.Operation) -> pb.Operation:
        def look() -> pb.Operation | None:
            current = self._client.get_operation(operation.store, operation.operation_id)
            return None if in_flight(current) else current

        return self._until(look, lambda: self._client.get_operation(operation.store, operation.operation_id))

    def _wait(self, order: PlacedOrder, wanted_status: str) -> pb.Payment:
        """Wait until the payment has its status and the store holds it."""

        def read() -> pb.Payment:
            return self._client.get_payment(order.store, order.order_id)

        def look() -> pb.Payment | None:
            payment = read()
            settled = status(payment) == wanted_status and not payment.HasField("operation_in_flight")
            return payment if settled and payment.store_update.state == pb.STORE_UPDATE_STATE_IN_SYNC else None

        return self._until(look, read)

    def _until(self, look: Callable[[], T | None], otherwise: Callable[[], T]) -> T:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.1)
        return otherwise()

    def _end(self, order: PlacedOrder, wanted: str, store_word: str, **effects: int) -> None:
        """Tell how it ended and check it on all three sides: our record, X-Cart's order, Amazon's money."""
        payment = self._wait(order, wanted)
        xcart = self._stage.shops[order.store].get(f"orders/{order.order_id}")
        moved = self._effects(order)
        told = ", ".join(
            f"{count} {kind.removesuffix('s') if count == 1 else kind}" for kind, count in moved.items() if count
        )
        self._teller.line(
            "after", f"{status(payment)}; X-Cart {xcart['payment_status']}; at Amazon: {told or 'nothing moved'}"
        )
        self._teller.expect("the status", status(payment), wanted)
        self._teller.expect("X-Cart's status", xcart["payment_status"], store_word)
        self._teller.expect("what moved", moved, {kind: effects.get(kind, 0) for kind in moved})

    def _effects(self, order: PlacedOrder) -> dict[str, int]:
        listed = self._stage.amazon.get("effects", order_reference=order.order_reference)["effects"]
        kinds = [effect["kind"] for effect in listed]
        return {f"{kind}s": kinds.count(kind) for kind in ("capture", "void", "refund")}
