"""X-Cart's checkout with its own Amazon module: it authorizes an order reference that the buyer has confirmed."""

from .errors import InvalidArgument
from .mws import AmazonPay, AmazonRefused
from .shop import PAYMENT, Order, Shop
from .transactions import BackendTransaction


async def check_out(shop: Shop, order: Order, order_reference: str, *, synchronous: bool) -> None:
    """Call Authorize under X-Cart's own reference, store Amazon's answer, and place the order unless it declines.

    :raises InvalidArgument: Amazon refused the call.
    """
    amazon, paid = AmazonPay(shop.settings), order.transaction
    captures_now = shop.settings.capture_mode == "C"
    prefix = "auth_" + (paid.public_id if order.amazon_module == "later" else f"_{order.id}")
    parameters = {
        "AmazonOrderReferenceId": order_reference,
        "AuthorizationReferenceId": prefix,
        **amazon.write_money("AuthorizationAmount", paid.value),
        **({"CaptureNow": "true"} if captures_now else {}),
        **({"TransactionTimeout": "0"} if synchronous else {}),
    }
    try:
        found = await amazon.exchange("Authorize", "Authorization", parameters)
    except AmazonRefused as error:
        raise InvalidArgument(f"Amazon Pay refused the authorization: {error}") from None
    paid.type = "sale" if captures_now else "auth"
    status = {"Open": "S", "Closed": "S", "Pending": "W"}.get(found.state, "F")
    if order.amazon_module == "later":
        paid.backend = [BackendTransaction(shop.next_id(), paid.type, paid.value, status, paid.date)]
    facts = {"order_reference": order_reference, "authorization": found.id, "authorization_status": found.state}
    capture = {"capture": found.ids[0]} if captures_now and found.ids and status == "S" else {}
    shop.store_amazon(order, facts | ({"authorization_reason": found.reason} if found.reason else {}) | capture)
    paid.status = status
    code = {"S": "P" if captures_now else "A", "W": "Q"}.get(status, "D")
    order.number = None if status == "F" else order.number or f"{order.id:05d}"
    shop.link_status(order, PAYMENT, shop.statuses[PAYMENT].match(code), who="checkout module", via="checkout")
    order.touch()
