"""The steps that scenes are made of: look, act, wait, and check all three sides."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client, in_flight
from payment_actions_server.demo.checkout import PlacedOrder
from payment_actions_server.demo.stage import Stage
from payment_actions_server.demo.telling import Teller, offers, state, status

T = TypeVar("T")

WAIT_SECONDS_MAX: Final = 60.0


class Steps:
    """What each scene does with the service's gRPC API, as a shop's admin page would."""

    def __init__(self, stage: Stage, client: Client, teller: Teller) -> None:
        self._stage = stage
        self._client = client
        self._teller = teller

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
