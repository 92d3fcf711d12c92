"""X-Cart 5 as a store platform of payment-actions: reads orders, records what became of their payment."""

from collections.abc import Mapping

from payment_actions_server.plugins import PlatformFactory, hookimpl

from .platform import create


@hookimpl
def payment_actions_store_platforms() -> Mapping[str, PlatformFactory]:
    """Bring the adapter ``xcart``."""
    return {"xcart": create}
