"""All that an adapter imports: hooks, protocols, their types and errors."""

from payment_actions_server.domain.event import Event, EventType
from payment_actions_server.domain.money import exponent, format_amount, to_decimal, to_minor
from payment_actions_server.domain.snapshot import GatewayReference, Snapshot
from payment_actions_server.domain.status import Action, CaptureMode, OperationState, PaymentStatus
from payment_actions_server.plugins.errors import (
    AdapterError,
    NotExecuted,
    NotificationRefused,
    OrderMissing,
    SettingsError,
    StateConflict,
    Throttled,
    Unavailable,
)
from payment_actions_server.plugins.gateway import (
    ActionCapability,
    GatewayCapabilities,
    GatewayFactory,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    Notification,
    NotificationKind,
    PaymentGateway,
    ResultState,
)
from payment_actions_server.plugins.hookspecs import PROJECT_NAME, AtMost, ReviewRequest, hookimpl
from payment_actions_server.plugins.platform import (
    ChecksOnline,
    OrderPage,
    PlatformFactory,
    PlatformKind,
    PlatformOrder,
    StatusApplied,
    StatusUpdate,
    StorePlatform,
)
from payment_actions_server.plugins.settings import NO_UNKNOWN_KEYS, Secret, parse_settings

__all__ = [
    "NO_UNKNOWN_KEYS",
    "PROJECT_NAME",
    "Action",
    "ActionCapability",
    "AdapterError",
    "AtMost",
    "CaptureMode",
    "ChecksOnline",
    "Event",
    "EventType",
    "GatewayCapabilities",
    "GatewayFactory",
    "GatewayPayment",
    "GatewayReference",
    "GatewayRequest",
    "GatewayResult",
    "NotExecuted",
    "Notification",
    "NotificationKind",
    "NotificationRefused",
    "OperationState",
    "OrderMissing",
    "OrderPage",
    "PaymentGateway",
    "PaymentStatus",
    "PlatformFactory",
    "PlatformKind",
    "PlatformOrder",
    "ResultState",
    "ReviewRequest",
    "Secret",
    "SettingsError",
    "Snapshot",
    "StateConflict",
    "StatusApplied",
    "StatusUpdate",
    "StorePlatform",
    "Throttled",
    "Unavailable",
    "exponent",
    "format_amount",
    "hookimpl",
    "parse_settings",
    "to_decimal",
    "to_minor",
]
