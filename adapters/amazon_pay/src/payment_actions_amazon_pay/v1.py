"""The gateway ``amazon_pay_v1``: Amazon Pay over its MWS API, as the plugin contract wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import httpx

from payment_actions_amazon_pay.closing import Closing
from payment_actions_amazon_pay.exchange import AnswerUnclear
from payment_actions_amazon_pay.finding import Finding, require_ours
from payment_actions_amazon_pay.mws import (
    CAPTURE,
    CLOSE_AUTHORIZATION,
    REFUND,
    Mws,
    utc_now,
)
from payment_actions_amazon_pay.notifications import notification_of
from payment_actions_amazon_pay.objects import Capture
from payment_actions_amazon_pay.reading import Reading
from payment_actions_amazon_pay.settings import AmazonPayV1Settings, settings_from
from payment_actions_amazon_pay.snapshots import newest, snapshot_of
from payment_actions_amazon_pay.sns import SUBSCRIPTION_CONFIRMATION, Sns
from payment_actions_amazon_pay.states import (
    Undecidable,
    capture_result,
    refund_result,
    void_result,
)
from payment_actions_amazon_pay.throttle import (
    LIVE_QUOTAS,
    NO_QUOTAS,
    SANDBOX_QUOTAS,
    WAIT_SECONDS_MAX,
    Quotas,
    Throttle,
    shared_throttle,
)
from payment_actions_server.plugins import (
    Action,
    ActionCapability,
    GatewayCapabilities,
    GatewayPayment,
    GatewayRequest,
    GatewayResult,
    NotExecuted,
    Notification,
    ResultState,
    Snapshot,
    Unavailable,
    to_decimal,
)

NOTE_LENGTH_MAX: Final = 255

IDEMPOTENCY_WINDOW: Final = timedelta(days=7)
"""How long a capture or refund may be sent again.

Amazon documents no end to a reference id. Should one be forgotten after all, a capture still cannot happen
twice (an authorization has one), and a refund is first looked for under its capture. Seven days outlast any
outage that nobody attends to, and after seven days a capture is no longer decided at once anyway.
"""

USER_AGENT: Final = "payment-actions-amazon-pay/0.1 (Language=Python)"
SIMULATION: Final = "SandboxSimulation"


class AmazonPayV1:
    """One store's Amazon Pay account.

    :param transport: for tests, what HTTP requests go through; None is the network.
    :param now: aware UTC.
    """

    def __init__(
        self,
        settings: AmazonPayV1Settings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        throttle: Throttle | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._transport = transport
        throttle = throttle or shared_throttle(settings.endpoint, settings.account, _quotas(settings))
        self._mws = Mws(settings, lambda: self._http, throttle, now)
        patient = Mws(settings, lambda: self._http, throttle, now, patient=True)
        self._closing = Closing(patient, enabled=settings.close_order_references)
        self._reading = Reading(self._mws)
        self._finding = Finding(self._mws, self._reading)
        self._sns = Sns(settings, lambda: self._http, now)
        self._seconds_max = settings.timeout_seconds + WAIT_SECONDS_MAX

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "AmazonPayV1":
        """Open a store's account. Does no I/O.

        :raises SettingsError: names the key at fault.
        """
        return cls(settings_from(settings))

    @property
    def capabilities(self) -> GatewayCapabilities:
        """Say what is guaranteed.

        A partial capture is not offered: Amazon allows one capture an authorization, so the rest would be
        lost.
        """
        return GatewayCapabilities(
            capture=ActionCapability(IDEMPOTENCY_WINDOW, lookup=True),
            void=ActionCapability(timedelta.max, lookup=True),
            refund=ActionCapability(IDEMPOTENCY_WINDOW, lookup=True, partial=True),
            account=self._settings.account,
            credentials_fingerprint=self._settings.fingerprint,
            call_seconds_max=self._seconds_max + 1.0,  # Our own bound comes first: its error says more.
        )

    # -- Moving money ----------------------------------------------------------------------------------------

    async def capture(self, request: GatewayRequest) -> GatewayResult:
        """Capture the authorization. Pending when that is older than seven days."""
        async with self._within(AnswerUnclear):
            with _only_asked():
                target = await self._finding.authorization_to_capture(request)
            parameters = {
                "AmazonAuthorizationId": target,
                "CaptureReferenceId": request.reference,
                **_money("CaptureAmount", request),
                **self._note("SellerCaptureNote", request),
                **self._soft_descriptor(),
            }
            captured = await self._mws.move(CAPTURE, parameters)
            with _already_sent():
                require_ours(captured, request)
                return self._capture_result(request, captured)

    async def void(self, request: GatewayRequest) -> GatewayResult:
        """Close what is open of the authorization, then read what became of it: the answer tells nothing."""
        async with self._within(AnswerUnclear):
            with _only_asked():
                targets = await self._finding.authorizations_to_void(request.payment)
            await self._close(targets[0], request)
            with _already_sent():
                for target in targets[1:]:
                    await self._close(target, request)
                views = [await self._reading.authorization(target) for target in targets]
                results = [void_result(view, self._note_text(request)) for view in views]
                if None in results:
                    raise AnswerUnclear(f"{targets[0]} was closed, and is still shown open")
                return next(result for result in results if result)

    async def refund(self, request: GatewayRequest) -> GatewayResult:
        """Refund the capture. Amazon always answers Pending first; the result takes up to hours."""
        async with self._within(AnswerUnclear):
            with _only_asked():
                target = await self._finding.capture_to_refund(request)
            parameters = {
                "AmazonCaptureId": target,
                "RefundReferenceId": request.reference,
                **_money("RefundAmount", request),
                **self._note("SellerRefundNote", request),
                **self._soft_descriptor(),
            }
            refunded = await self._mws.move(REFUND, parameters)
            with _already_sent():
                require_ours(refunded, request)
                return refund_result(refunded)

    async def _close(self, authorization_id: str, request: GatewayRequest) -> None:
        parameters = {"AmazonAuthorizationId": authorization_id, **self._note("ClosureReason", request)}
        await self._mws.move(CLOSE_AUTHORIZATION, parameters)

    # -- Asking ----------------------------------------------------------------------------------------------

    async def look_up(self, request: GatewayRequest) -> GatewayResult | None:
        """Return what became of a reference; of a void, which has none, what became of the authorization.

        :raises StateConflict: for a void: the authorization ended in another way.
        """
        async with self._within(Unavailable):
            with _only_asked():
                match request.action:
                    case Action.CAPTURE:
                        captured = await self._finding.captured(request)
                        return self._capture_result(request, captured) if captured else None
                    case Action.REFUND:
                        refunded = await self._finding.refunded(request)
                        return refund_result(refunded) if refunded else None
                    case _:
                        views = await self._reading.authorizations(request.payment)
                        return void_result(newest(views), self._note_text(request))

    async def snapshot(self, payment: GatewayPayment) -> Snapshot:
        """Return what is true now; an unknown word of Amazon's is an error, never a guess."""
        async with self._within(Unavailable):
            with _only_asked():
                picture = await self._reading.picture(payment)
                snapshot = snapshot_of(picture, payment.currency_code)
                self._closing.follow_picture(payment, picture)
                return snapshot

    # -- Notifications ---------------------------------------------------------------------------------------

    async def verify_notification(self, headers: Mapping[str, str], body: bytes) -> Notification:
        """Return a verified notification; a confirmed subscription is one that needs nothing more."""
        async with self._within(Unavailable):
            envelope = await self._sns.verified(headers, body)
            if envelope.type == SUBSCRIPTION_CONFIRMATION:
                await self._sns.confirm(envelope)
            return notification_of(envelope, self._settings)

    async def aclose(self) -> None:
        """End what is done beside the calls, and give up connections."""
        await self._closing.aclose()
        if "_http" in self.__dict__:
            await self._http.aclose()

    # -- Small parts -----------------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        """Made at the first call, for it reads the certificates that TLS is verified by."""
        seconds = self._settings.timeout_seconds
        return httpx.AsyncClient(
            transport=self._transport,
            # A connection that does not come about is certain, so it is given up before the whole exchange is.
            timeout=httpx.Timeout(seconds, connect=seconds / 2, pool=seconds / 4),
            trust_env=False,
            verify=self._settings.simulator is None,  # It speaks plain HTTP: no certificates to load.
            # Amazon drops idle connections; a request on a dropped one would be a needless UNKNOWN.
            limits=httpx.Limits(max_connections=20, keepalive_expiry=4.0),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},  # What is read is bounded as sent.
        )

    @asynccontextmanager
    async def _within(self, too_late: type[AnswerUnclear] | type[Unavailable]) -> AsyncIterator[None]:
        """Bound a whole call, however many requests it takes."""
        try:
            async with asyncio.timeout(self._seconds_max):
                yield
        except TimeoutError:
            raise too_late(f"Amazon Pay: not finished within {self._seconds_max:g} s") from None

    def _capture_result(self, request: GatewayRequest, captured: Capture) -> GatewayResult:
        result = capture_result(captured)
        if result.state is ResultState.SUCCEEDED:
            self._closing.follow_capture(request.payment, captured)
        return result

    def _note(self, name: str, request: GatewayRequest) -> dict[str, str]:
        """Return the note as a parameter, or none."""
        text = self._note_text(request)
        return {name: text} if text else {}

    def _note_text(self, request: GatewayRequest) -> str:
        """Return the note as Amazon takes it; a simulation string is dropped outside the sandbox."""
        note = "".join(letter if letter.isprintable() else " " for letter in request.note).strip()
        if not note or (SIMULATION in note and not self._settings.sandbox):
            return ""
        return note[:NOTE_LENGTH_MAX]

    def _soft_descriptor(self) -> dict[str, str]:
        text = self._settings.soft_descriptor
        return {"SoftDescriptor": text} if text else {}


@contextmanager
def _only_asked() -> Iterator[None]:
    """Nothing was sent so far that moves anything: what is unclear has at least not happened."""
    try:
        yield
    except Undecidable as error:
        raise NotExecuted(str(error), reason_code=error.word) from error


@contextmanager
def _already_sent() -> Iterator[None]:
    """From here on no error proves that nothing happened, not even one that would have before."""
    try:
        yield
    except (NotExecuted, Undecidable) as error:
        raise AnswerUnclear(f"sent and accepted, but: {error}") from error


def _quotas(settings: AmazonPayV1Settings) -> Quotas:
    if not settings.throttling:
        return NO_QUOTAS
    return SANDBOX_QUOTAS if settings.sandbox else LIVE_QUOTAS


def _money(name: str, request: GatewayRequest) -> dict[str, str]:
    amount = to_decimal(request.amount_minor, request.currency_code)
    return {f"{name}.Amount": f"{amount:f}", f"{name}.CurrencyCode": request.currency_code}
