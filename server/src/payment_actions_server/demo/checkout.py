"""A shop's checkout: a buyer's order in X-Cart, authorized at Amazon by Amazon's own SDK."""

import json
from dataclasses import dataclass
from itertools import count
from typing import Any

from amazon_pay.client import AmazonPayClient

from payment_actions_server.demo.stage import Control, Stage, shop_of

Details = dict[str, Any]
_attempts = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An order as the checkout left it."""

    store: str
    order_id: str
    order_reference: str
    authorization: str


class Checkout:
    """Places orders as buyers do."""

    def __init__(self, stage: Stage, store: str) -> None:
        self._amazon: Control = stage.amazon
        self._xcart: Control = stage.shops[store]
        self._sdk: AmazonPayClient = stage.sdk(store)
        self._shop = shop_of(store)

    def order(
        self,
        amount: str = "129.90",
        *,
        status: str = "A",
        asynchronous: bool = False,
        capture_now: bool = False,
        simulate: Details | None = None,
    ) -> PlacedOrder:
        """Place an order and authorize its payment.

        :param status: the payment status that the shop stores: A authorized, Q awaiting payment, P paid, D declined.
        :param asynchronous: Amazon decides later, and notifies.
        :param simulate: the sandbox's own simulation, e.g. ``{"State": "Declined", "ReasonCode": "AmazonRejected"}``.
        """
        reference = self._confirmed(amount)
        authorization = self._authorization(reference, amount, asynchronous, capture_now, simulate)
        amazon = {"order_reference": reference, "authorization": authorization["AmazonAuthorizationId"]}
        order = self._xcart.send(
            "POST",
            "orders",
            total=amount,
            currency=self._shop.currency_code,
            payment_status=status,
            storage="transaction_data",
            amazon=amazon,
        )
        return PlacedOrder(
            store=self._shop.store,
            order_id=str(order["id"]),
            order_reference=reference,
            authorization=authorization["AmazonAuthorizationId"],
        )

    def other_method(self, amount: str = "49.00") -> PlacedOrder:
        """Place an order that is paid by phone."""
        order = self._xcart.send(
            "POST",
            "orders",
            total=amount,
            currency=self._shop.currency_code,
            payment_status="Q",
            payment_method_code="PhoneOrdering",
        )
        return PlacedOrder(store=self._shop.store, order_id=str(order["id"]), order_reference="", authorization="")

    def _confirmed(self, amount: str) -> str:
        draft = self._amazon.send(
            "POST",
            "order-references",
            seller_id=self._shop.seller_id,
            environment="Sandbox",
            amount=amount,
            currency=self._shop.currency_code,
            region="eu",
        )
        reference: str = draft["id"]
        _succeeded(self._sdk.confirm_order_reference(reference))
        return reference

    def _authorization(
        self, reference: str, amount: str, asynchronous: bool, capture_now: bool, simulate: Details | None
    ) -> Details:
        answer = self._sdk.authorize(
            reference,
            f"{next(_attempts):02d}auth_{reference[-7:]}",
            amount,
            transaction_timeout=1440 if asynchronous else 0,
            capture_now=capture_now,
            seller_authorization_note=json.dumps({"SandboxSimulation": simulate}) if simulate else "",
        )
        result: Details = _succeeded(answer)["AuthorizeResponse"]["AuthorizeResult"]["AuthorizationDetails"]
        return result


def _succeeded(answer: Any) -> Details:
    if not answer.success:
        raise RuntimeError(f"Amazon's SDK got: {answer.to_xml()}")
    details: Details = answer.to_dict()
    return details
