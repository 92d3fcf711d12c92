"""A store: one configured shop."""

from dataclasses import dataclass

from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import OrderCheck
from payment_actions_server.plugins import GatewayPayment, PaymentGateway, StorePlatform


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One shop: its two adapters, opened, and what its configuration allows."""

    store_id: str
    platform: StorePlatform
    platform_adapter: str
    gateway: PaymentGateway
    gateway_adapter: str
    payment_methods: frozenset[str]  #: The platform's codes or names of the methods that are this gateway's.
    terms: Terms
    order_check: OrderCheck = OrderCheck.BEFORE_MONEY  #: When the order is read again.

    def takes(self, method_code: str, method_name: str) -> bool:
        """Tell whether a payment method is the gateway's."""
        return not self.payment_methods.isdisjoint((method_code, method_name))


def gateway_payment(payment: Payment) -> GatewayPayment:
    """Return what a gateway adapter is told of a payment."""
    return GatewayPayment(
        store=payment.store,
        order_id=payment.order_id,
        order_number=payment.order_number,
        currency_code=payment.currency_code,
        order_total_minor=payment.order_total_minor,
        references=payment.references,
    )
