"""Amazon Pay for payment-actions: the gateway adapter ``amazon_pay_v1`` (the MWS API) and its simulator."""

from collections.abc import Mapping

from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import GatewayFactory, hookimpl


@hookimpl
def payment_actions_gateways() -> Mapping[str, GatewayFactory]:
    """Name the gateway adapters of Amazon Pay."""
    return {"amazon_pay_v1": AmazonPayV1.from_settings}
