"""The use cases: run an action, refresh, take a notification, recover, update stores, watch."""

from payment_actions_server.engine.clock import Clock, SystemClock
from payment_actions_server.engine.context import Hooks
from payment_actions_server.engine.engine import Engine
from payment_actions_server.engine.overview import DAYS_DEFAULT, DAYS_MAX
from payment_actions_server.engine.policy import Backoff, EnginePolicy
from payment_actions_server.engine.store import Store
from payment_actions_server.engine.view import (
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    ActionResult,
    Overview,
    Page,
    PaymentQuery,
    PaymentView,
)
from payment_actions_server.storage import StorageUnavailable

__all__ = [
    "DAYS_DEFAULT",
    "DAYS_MAX",
    "PAGE_SIZE_DEFAULT",
    "PAGE_SIZE_MAX",
    "ActionResult",
    "Backoff",
    "Clock",
    "Engine",
    "EnginePolicy",
    "Hooks",
    "Overview",
    "Page",
    "PaymentQuery",
    "PaymentView",
    "StorageUnavailable",
    "Store",
    "SystemClock",
]
