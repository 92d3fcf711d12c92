"""The adapters as the engine uses them: what they say is told on without the configuration's secrets.

An adapter may quote an address, a header or an answer with a secret in it. Its words are cleaned here, before callers,
the history and the database have them. Ids, references and names of payment methods stay as they are: the service finds
payments by them. An answer without words, which is the usual one, costs next to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from payment_actions_server.domain.concealment import Concealer
from payment_actions_server.domain.snapshot import Snapshot
from payment_actions_server.plugins.answers import Unsound, sound, text
from payment_actions_server.plugins.errors import (
    NotExecuted,
    NotificationRefused,
    OrderMissing,
    SettingsError,
    StateConflict,
    Throttled,
    Unavailable,
)
from payment_actions_server.plugins.gateway import (
    GatewayCapabilities,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    Notification,
    PaymentGateway,
)
from payment_actions_server.plugins.platform import (
    OrderPage,
    PlatformKind,
    PlatformOrder,
    StatusApplied,
    StatusUpdate,
    StorePlatform,
)

T = TypeVar("T")

_WORDS: Final[Mapping[type, tuple[str, ...]]] = {
    GatewayResult: ("reason_code", "message"),
    Snapshot: ("reason_code", "message"),
    Notification: ("subject",),
    PlatformOrder: ("platform_status", "total_text"),
    StatusApplied: ("platform_status", "notice"),
}


class AdapterFailed(Exception):
    """An adapter raised something of its own that quotes a secret; this tells the rest of it. Proves nothing."""


class _Guard:
    """One adapter, asked in such a way that nothing it answers or raises quotes a secret."""

    def __init__(self, adapter: Any, concealer: Concealer) -> None:
        self._adapter = adapter
        self._concealer = concealer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self._adapter).__name__})"

    async def aclose(self) -> None:
        """Give up connections."""
        await self._ask(object, "aclose")

    async def check_online(self) -> Sequence[SettingsError]:
        """Return what is wrong with the settings as the other side is now; nothing where the adapter cannot tell.

        The adapter's own answer, or error: the check of the configuration cleans what it shows of it.
        """
        check: Any = getattr(self._adapter, "check_online", None)
        found: Sequence[SettingsError] = () if check is None else await check()
        return found

    async def _ask(self, shape: type[T], method: str, *arguments: Any, **options: Any) -> T:
        """Call a method; only an answer of type ``shape`` has words, all others are for the engine to refuse."""
        try:
            answer: T = await getattr(self._adapter, method)(*arguments, **options)
            return self._cleaned(shape, answer)
        except Exception as error:
            told = concealed(error, self._concealer)
            if told is error:
                raise
            raise told from error

    def _cleaned(self, shape: type[T], answer: T) -> T:
        """Return an answer without secrets; the very same if it quotes none."""
        words = _WORDS.get(shape, ())
        if not isinstance(answer, shape) or not any(self._is_unfit(getattr(answer, name)) for name in words):
            return answer
        validated: Any = sound(shape, answer)
        changes = {name: self._concealer(getattr(validated, name)) for name in words}
        cleaned: T = validated._replace(**changes) if hasattr(validated, "_replace") else replace(validated, **changes)
        return cleaned

    def _is_unfit(self, word: object) -> bool:
        """Tell whether a word may quote a secret. What is no text is first to become one."""
        return bool(word) and (type(word) is not str or self._concealer.is_needed(word))


class GuardedGateway(_Guard):
    """A `PaymentGateway` whose words quote no secret, and whose capabilities stay as they were at the start."""

    def __init__(self, adapter: PaymentGateway, capabilities: GatewayCapabilities, concealer: Concealer) -> None:
        super().__init__(adapter, concealer)
        self._capabilities = capabilities

    @property
    def capabilities(self) -> GatewayCapabilities:
        """Say what is guaranteed, as it was declared when the store was opened."""
        return self._capabilities

    async def capture(self, request: GatewayRequest) -> GatewayResult:
        """Collect an amount; see `PaymentGateway.capture`."""
        return await self._ask(GatewayResult, "capture", request)

    async def void(self, request: GatewayRequest) -> GatewayResult:
        """Give up an authorization; see `PaymentGateway.void`."""
        return await self._ask(GatewayResult, "void", request)

    async def refund(self, request: GatewayRequest) -> GatewayResult:
        """Return an amount; see `PaymentGateway.refund`."""
        return await self._ask(GatewayResult, "refund", request)

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        """Return what became of a reference; see `PaymentGateway.look_up`."""
        return await self._ask(GatewayResult, "look_up", request)

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        """Return what is true now; see `PaymentGateway.snapshot`."""
        return await self._ask(Snapshot, "snapshot", payment)

    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return a notification whose origin is proved; see `PaymentGateway.verify_notification`."""
        return await self._ask(Notification, "verify_notification", headers, body)


class GuardedPlatform(_Guard):
    """A `StorePlatform` whose words quote no secret."""

    def __init__(self, adapter: StorePlatform, kind: PlatformKind, concealer: Concealer) -> None:
        super().__init__(adapter, concealer)
        self._kind = kind

    @property
    def kind(self) -> PlatformKind:
        """Say who moves the money, as it was declared when the store was opened."""
        return self._kind

    async def read_order(self, order_id: str) -> PlatformOrder:
        """Return an order; see `StorePlatform.read_order`."""
        return await self._ask(PlatformOrder, "read_order", order_id)

    async def list_orders(self, *, changed_after: datetime | None, page_token: str, page_size: int) -> OrderPage:
        """Return orders by their last change; see `StorePlatform.list_orders`."""
        asked = {"changed_after": changed_after, "page_token": page_token, "page_size": page_size}
        page = sound(OrderPage, await self._ask(OrderPage, "list_orders", **asked))
        return page._replace(orders=[self._listed(order) for order in page.orders])

    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        """Make the platform hold a status; see `StorePlatform.apply_status`."""
        return await self._ask(StatusApplied, "apply_status", update)

    def _listed(self, order: PlatformOrder) -> PlatformOrder:
        try:
            return self._cleaned(PlatformOrder, order)
        except Unsound:
            return order  # It hides no other order: discovery reads it by itself.


def concealed(error: Exception, concealer: Concealer) -> Exception:
    """Return an adapter's error as it may be told: itself, unless its words quote a secret or cannot be read."""
    words, reason_code, kind = _message(error), _attribute(error, "reason_code"), _attribute(error, "kind")
    if words is not None and not any(concealer.is_needed(word) for word in (words, reason_code, kind)):
        return error
    return _retold(error, concealer(words or "its text cannot be read"), concealer(reason_code), concealer(kind))


def _retold(error: Exception, message: str, reason_code: str, kind: str) -> Exception:
    """Return an error with other words, which proves the same as ``error``."""
    if isinstance(error, Throttled):
        pause_seconds = getattr(error, "retry_after_seconds", 0.0)
        return Throttled(message, retry_after_seconds=pause_seconds, reason_code=reason_code)
    for known in (Unavailable, NotExecuted, StateConflict):
        if isinstance(error, known):
            return known(message, reason_code=reason_code)
    if isinstance(error, NotificationRefused):
        return NotificationRefused(message, kind=kind)
    if isinstance(error, OrderMissing):
        return OrderMissing(message)
    return AdapterFailed(f"{type(error).__name__}: {message}")


def _message(error: Exception) -> str | None:
    """Return an error's text; None if it cannot be read."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - it is another's class
        return None


def _attribute(error: Exception, name: str) -> str:
    try:
        return text(getattr(error, name, ""))
    except Exception:  # noqa: BLE001 - it is another's class
        return ""
