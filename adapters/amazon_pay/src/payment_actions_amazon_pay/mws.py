"""The MWS client: a signed request out, a typed answer or an error of a known meaning back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar
from xml.etree.ElementTree import Element

import httpx

from payment_actions_amazon_pay.exchange import Answer, AnswerUnclear, exchange
from payment_actions_amazon_pay.objects import (
    Malformed,
    authorization_of,
    capture_of,
    order_reference_of,
    parse_xml,
    refund_of,
    text,
)
from payment_actions_amazon_pay.refusals import Proof, proof_of
from payment_actions_amazon_pay.settings import AmazonPayV1Settings
from payment_actions_amazon_pay.signature import signed_form
from payment_actions_amazon_pay.throttle import Throttle
from payment_actions_server.plugins import NotExecuted, StateConflict, Throttled, Unavailable

T = TypeVar("T")

API_VERSION: Final = "2013-01-01"
ANSWER_BYTES_MAX: Final = 1 << 20
MESSAGE_LENGTH_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One MWS operation, and how its answer is read."""

    name: str
    details: str  #: The element inside the result; empty where the answer tells nothing.
    reader: Callable[[Element], T]


def _nothing(_: Element) -> None:
    return None


CAPTURE: Final = Operation("Capture", "CaptureDetails", capture_of)
REFUND: Final = Operation("Refund", "RefundDetails", refund_of)
CLOSE_AUTHORIZATION: Final = Operation("CloseAuthorization", "", _nothing)
CLOSE_ORDER_REFERENCE: Final = Operation("CloseOrderReference", "", _nothing)
CANCEL_ORDER_REFERENCE: Final = Operation("CancelOrderReference", "", _nothing)
GET_ORDER_REFERENCE: Final = Operation("GetOrderReferenceDetails", "OrderReferenceDetails", order_reference_of)
GET_AUTHORIZATION: Final = Operation("GetAuthorizationDetails", "AuthorizationDetails", authorization_of)
GET_CAPTURE: Final = Operation("GetCaptureDetails", "CaptureDetails", capture_of)
GET_REFUND: Final = Operation("GetRefundDetails", "RefundDetails", refund_of)


def utc_now() -> datetime:
    """Return the present time; the default of every clock here."""
    return datetime.now(UTC)


class Mws:
    """One account's connection to MWS.

    :param patient: each request waits until the quota is not needed for others.
    """

    def __init__(
        self,
        settings: AmazonPayV1Settings,
        http: Callable[[], httpx.AsyncClient],
        throttle: Throttle,
        now: Callable[[], datetime] = utc_now,
        *,
        patient: bool = False,
    ) -> None:
        self._settings = settings
        self._http = http
        self._throttle = throttle
        self._admit = throttle.admit_when_idle if patient else throttle.admit
        self._now = now

    async def admit(self, operation: Operation[T]) -> None:
        """Wait until the quota allows the operation; it then counts as sent.

        :raises Throttled: it takes too long; it does not count.
        """
        await self._admit(operation.name)

    async def move(self, operation: Operation[T], parameters: Mapping[str, str], *, admitted: bool = False) -> T:
        """Make one attempt at an operation that may move something.

        :param admitted: `admit` has waited for the quota already.
        :raises NotExecuted: certain that this attempt did nothing.
        :raises StateConflict: refused, and a lost earlier attempt could be why.
        :raises AnswerUnclear: nothing is certain.
        """
        if not admitted:
            await self.admit(operation)
        answer = await exchange(
            self._http(),
            self._request(operation.name, parameters),
            seconds_max=self._settings.timeout_seconds,
            bytes_max=ANSWER_BYTES_MAX,
        )
        return self._read(operation, answer)

    async def read(self, operation: Operation[T], object_id: str) -> T:
        """Ask for an object; once more if the quota was used up by somebody else.

        :raises NotExecuted: it could not be asked, or has no such object. Nothing else, for asking moves
            nothing.
        """
        parameters = {f"Amazon{operation.details.removesuffix('Details')}Id": object_id}
        try:
            try:
                return await self.move(operation, parameters)
            except Throttled:
                return await self.move(operation, parameters)
        except AnswerUnclear as unclear:
            raise Unavailable(f"{operation.name} {object_id}: {unclear}") from unclear
        except StateConflict as conflict:
            raise NotExecuted(str(conflict), reason_code=conflict.reason_code) from conflict

    def _request(self, name: str, parameters: Mapping[str, str]) -> httpx.Request:
        settings = self._settings
        common = {
            "Action": name,
            "AWSAccessKeyId": settings.access_key.get_secret_value(),
            "SellerId": settings.seller_id,
            "SignatureMethod": "HmacSHA256",
            "SignatureVersion": "2",
            "Timestamp": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Version": API_VERSION,
        }
        if settings.mws_auth_token:
            common["MWSAuthToken"] = settings.mws_auth_token.get_secret_value()
        body = signed_form(settings.endpoint, {**parameters, **common}, settings.secret_key.get_secret_value())
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Accept": "text/xml"}
        return self._http().build_request("POST", settings.endpoint, content=body, headers=headers)

    def _read(self, operation: Operation[T], answer: Answer) -> T:
        try:
            root = parse_xml(answer.body)
            if root.tag == "ErrorResponse":
                raise self._error(operation.name, answer.status, root)
            if root.tag != f"{operation.name}Response" or answer.status != 200:
                raise Malformed(f"HTTP {answer.status} with <{root.tag[:100]}>")
            return operation.reader(_details(root, operation))
        except Malformed as error:
            raise AnswerUnclear(
                f"{operation.name}: HTTP {answer.status} and an answer that cannot be read: {error}"
            ) from error

    def _error(self, name: str, status: int, root: Element) -> Exception:
        code = text(root, "Error/Code")
        # NA spells it RequestId, EU and every throttle reply RequestID.
        request_id = text(root, "RequestId") or text(root, "RequestID") or "unknown"
        said = self._without_secrets(text(root, "Error/Message"))[:MESSAGE_LENGTH_MAX]
        message = f"{name}: Amazon Pay answered {code or 'no code'} (HTTP {status}, request {request_id}): {said}"
        match proof_of(code):
            case Proof.NOTHING_HAPPENED:
                return NotExecuted(message, reason_code=code)
            case Proof.LOOK_AGAIN:
                return StateConflict(message, reason_code=code)
            case Proof.THROTTLED:
                wait = self._throttle.refused(name)
                return Throttled(message, retry_after_seconds=wait, reason_code=code)
            case Proof.UNCLEAR:
                return AnswerUnclear(message)

    def _without_secrets(self, said: str) -> str:
        """Amazon may quote a refused request; our keys are not repeated."""
        settings = self._settings
        for secret in (settings.access_key, settings.secret_key, settings.mws_auth_token):
            if secret:
                said = said.replace(secret.get_secret_value(), "***")
        return said


def _details(root: Element, operation: Operation[T]) -> Element:
    if not operation.details:
        return root
    details = root.find(f"{operation.name}Result/{operation.details}")
    if details is None:
        raise Malformed(f"no {operation.name}Result/{operation.details}")
    return details
