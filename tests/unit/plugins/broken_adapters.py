"""Adapters that are wrong in one way each. Not tests of ours: `test_conformance_kit_can_fail` runs the kit on them."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from payment_actions_server.plugins import (
    Action,
    ActionCapability,
    AdapterError,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    NotExecuted,
    Notification,
    OrderMissing,
    OrderPage,
    PaymentStatus,
    PlatformKind,
    PlatformOrder,
    ResultState,
    Snapshot,
    StateConflict,
    StatusApplied,
    StatusUpdate,
    Throttled,
    Unavailable,
)
from payment_actions_server.plugins.conformance import (
    GatewayConformance,
    InMemoryGatewayHarness,
    InMemoryPlatformHarness,
    PlatformConformance,
)
from payment_actions_server.plugins.fakes import (
    WORDS,
    AnswerLost,
    InMemoryGateway,
    InMemoryPlatform,
    Write,
    full_capabilities,
)

# -- Gateways ---------------------------------------------------------------------------------------------------------


class _Gateway(InMemoryGateway):
    """One place to break for all three calls that move money."""

    async def _act(self, request: GatewayRequest, action: Action) -> GatewayResult:
        return await self.move(request)

    async def move(self, request: GatewayRequest) -> GatewayResult:
        return await InMemoryGateway._act(self, request, request.action)


class NewReferenceForEachAttempt(_Gateway):
    """The classic: the idempotency handle is made where the call is made."""

    def _refuse_impossible(self, held: Any, request: GatewayRequest, now: Any) -> None:
        pass  # Nor does this gateway look what it has captured already.

    async def move(self, request: GatewayRequest) -> GatewayResult:
        return await super().move(replace(request, reference=f"try-{len(self.calls)}"))


class TakesNoAnswerForNothingHappened(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        try:
            return await super().move(request)
        except AnswerLost:
            raise NotExecuted("timed out") from None


class TakesALostRequestForAConflict(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        try:
            return await super().move(request)
        except (AnswerLost, Unavailable, Throttled):
            raise StateConflict("something went wrong") from None


class RaisesDeclines(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        result = await super().move(request)
        if result.state is ResultState.DECLINED:
            raise NotExecuted(result.reason_code)
        return result


class TakesAConflictForNothingHappened(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        try:
            return await super().move(request)
        except StateConflict as conflict:
            raise NotExecuted(str(conflict)) from None


class FindsEveryReference(_Gateway):
    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        return await super().look_up(request) or GatewayResult(state=ResultState.SUCCEEDED)


class CountsWhatIsPending(_Gateway):
    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        snapshot = await super().snapshot(payment)
        if snapshot.under_way is Action.CAPTURE:
            return replace(snapshot, captured_minor=snapshot.authorized_minor)
        return snapshot


class LosesTheThirdDigit(_Gateway):
    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        snapshot = await super().snapshot(payment)
        whole = snapshot.authorized_minor
        return replace(snapshot, authorized_minor=whole // 10 * 10, captured_minor=snapshot.captured_minor // 10 * 10)


class CallsAVoidADecline(_Gateway):
    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        snapshot = await super().snapshot(payment)
        return replace(snapshot, status=PaymentStatus.DECLINED) if snapshot.status is PaymentStatus.VOIDED else snapshot


class RemembersTheFirstSnapshot(_Gateway):
    """A cache without an end."""

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        if payment.order_id not in self.__dict__:
            self.__dict__[payment.order_id] = await super().snapshot(payment)
        return self.__dict__[payment.order_id]


class CapturesOnlyTheFirstPart(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        return await super().move(replace(request, amount_minor=min(request.amount_minor, 1_000)))


class ChangesItsCapabilities(_Gateway):
    @property
    def capabilities(self) -> Any:
        return replace(super().capabilities, call_seconds_max=20.0 + len(self.effects))


class ChecksItselfAtOnce(_Gateway):
    def check_online(self) -> list[str]:
        return []


class TellsItsSecret(_Gateway):
    def __repr__(self) -> str:
        return f"Gateway({self._token})"


class HidesThatItIsDown(_Gateway):
    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        try:
            return await super().snapshot(payment)
        except NotExecuted:
            raise TimeoutError from None


class AnswersWithNulls(_Gateway):
    """As one does who passes on what the gateway's JSON holds."""

    async def move(self, request: GatewayRequest) -> GatewayResult:
        nothing: Any = None
        return replace(await super().move(request), message=nothing)


class AnswersInItsOwnWords(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        word: Any = (await super().move(request)).state.capitalize()
        return GatewayResult(state=word)


class NumbersItsIds(_Gateway):
    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        number: Any = 12_345
        found = await super().look_up(request)
        return found and replace(found, gateway_id=number)


class RefusesWithoutAWord(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        nothing: Any = None
        try:
            return await super().move(request)
        except NotExecuted as refusal:
            refusal.reason_code = nothing
            raise


class CountsInFloats(_Gateway):
    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        snapshot = await super().snapshot(payment)
        amount: Any = float(snapshot.captured_minor)
        return replace(snapshot, captured_minor=amount)


class NeverComesBack(_Gateway):
    async def move(self, request: GatewayRequest) -> GatewayResult:
        try:
            return await super().move(request)
        except Throttled as throttled:
            throttled.retry_after_seconds = math.inf
            raise


class DeclaresInWords(_Gateway):
    @property
    def capabilities(self) -> Any:
        return replace(super().capabilities, void=ActionCapability(timedelta.max, lookup="no"))  # type: ignore[arg-type]


class NamesPaymentsByNumber(_Gateway):
    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        numbers: Any = [7]
        notification = await super().verify_notification(headers, body)
        return replace(notification, identifiers=(*notification.identifiers, *numbers))


class BelievesEveryNotification(_Gateway):
    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        return await super().verify_notification({"x-signature": self._signature(body)}, body)


class BreaksOnGarbage(_Gateway):
    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        json.loads(body)
        return await super().verify_notification(headers, body)


class NumbersDeliveries(_Gateway):
    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        self._count += 1
        return replace(await super().verify_notification(headers, body), message_id=str(self._count))


class _GatewayKit(GatewayConformance):
    kind: Callable[..., InMemoryGateway]

    @pytest.fixture
    def harness(self) -> InMemoryGatewayHarness:
        return InMemoryGatewayHarness(full_capabilities(partial=True), kind=type(self).kind)


def _gateway_kit(broken: type[InMemoryGateway]) -> type:
    return type(f"Test{broken.__name__}", (_GatewayKit,), {"kind": broken, "__module__": __name__})


# -- Platforms --------------------------------------------------------------------------------------------------------


class WritesWhatever(InMemoryPlatform):
    """Neither looks what the order holds nor where it stands."""

    def _apply(self, update: StatusUpdate) -> StatusApplied:
        order = self._existing(update.order_id)
        self.change(order.order_id, status=update.status, platform_status=WORDS[update.status])
        self.writes.append(Write(order.order_id, update.status, WORDS[update.status], self._clock()))
        return StatusApplied(WORDS[update.status], written=True)


class GoesThroughFloats(InMemoryPlatform):
    async def read_order(self, order_id: str) -> PlatformOrder:
        order = await super().read_order(order_id)
        return replace(order, total_minor=int(order.total_minor / 100 * 100.0000001) // 10 * 10)


class NumbersItsOrders(InMemoryPlatform):
    async def read_order(self, order_id: str) -> PlatformOrder:
        number: Any = 1_001
        return replace(await super().read_order(order_id), order_number=number)


class TellsTimeWithoutAZone(InMemoryPlatform):
    async def list_orders(self, **query: Any) -> OrderPage:
        page = await super().list_orders(**query)
        orders = [replace(order, update_time=order.update_time.replace(tzinfo=None)) for order in page.orders]
        return page._replace(orders=orders)


class CallsAMissingOrderUnavailable(InMemoryPlatform):
    async def read_order(self, order_id: str) -> PlatformOrder:
        try:
            return await super().read_order(order_id)
        except OrderMissing:
            raise Unavailable("not found") from None


class EchoesTheIdItIsAskedFor(InMemoryPlatform):
    """As one does whose database compares numbers, and who trusts what was asked."""

    async def read_order(self, order_id: str) -> PlatformOrder:
        return replace(await super().read_order(order_id.strip(" +0")), order_id=order_id)


class MakesUpItsWords(InMemoryPlatform):
    async def read_order(self, order_id: str) -> PlatformOrder:
        return replace(await super().read_order(order_id), platform_status="OK")


class ForgetsTheLastOfAPage(InMemoryPlatform):
    async def list_orders(self, **query: Any) -> OrderPage:
        page = await super().list_orders(**query)
        return OrderPage(page.orders[:-1] if page.next_page_token else page.orders, page.next_page_token)


class LeavesOutTheTimeItself(InMemoryPlatform):
    async def list_orders(self, *, changed_after: Any, page_token: str, page_size: int) -> OrderPage:
        later = changed_after and changed_after + timedelta(microseconds=1)
        return await super().list_orders(changed_after=later, page_token=page_token, page_size=page_size)


class TellsItsSecretToo(InMemoryPlatform):
    def __repr__(self) -> str:
        return "Platform(platform-secret)"


class TakesItsPageByPlace(InMemoryPlatform):
    async def list_orders(self, changed_after: Any, page_token: str, size: int) -> Any:
        return await super().list_orders(changed_after=changed_after, page_token=page_token, page_size=size)


class ChangesItsKind(InMemoryPlatform):
    @property
    def kind(self) -> PlatformKind:
        return PlatformKind.EXECUTING if self._orders else PlatformKind.RECORDING


class HidesTrouble(InMemoryPlatform):
    async def apply_status(self, update: StatusUpdate) -> StatusApplied:
        try:
            return await super().apply_status(update)
        except Unavailable:
            raise AdapterError("some trouble") from None


class _PlatformKit(PlatformConformance):
    kind: Callable[..., InMemoryPlatform]

    @pytest.fixture
    def harness(self) -> InMemoryPlatformHarness:
        harness = InMemoryPlatformHarness(kind=type(self).kind)
        harness.secrets = ("platform-secret",)
        return harness


def _platform_kit(broken: type[InMemoryPlatform]) -> type:
    return type(f"Test{broken.__name__}", (_PlatformKit,), {"kind": broken, "__module__": __name__})


# What pytest collects: one Test... class for each adapter above.
globals().update(
    {
        f"Test{broken.__name__}": make(broken)
        for make, base in ((_gateway_kit, _Gateway), (_platform_kit, InMemoryPlatform))
        for broken in base.__subclasses__()
    }
)
