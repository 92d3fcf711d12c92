"""What each answer of MWS proves: certain, conflicting, throttled, or unclear."""

import asyncio
import logging
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay.exchange import AnswerUnclear
from payment_actions_amazon_pay.mws import ANSWER_BYTES_MAX, CAPTURE, CLOSE_AUTHORIZATION, GET_CAPTURE, Mws
from payment_actions_amazon_pay.refusals import CODES, Proof, proof_of
from payment_actions_amazon_pay.settings import settings_from
from payment_actions_amazon_pay.throttle import SANDBOX_QUOTAS, Throttle
from payment_actions_server.plugins import AdapterError, NotExecuted, StateConflict, Throttled, Unavailable

NAMESPACE = "http://mws.amazonservices.com/schema/OffAmazonPayments/2013-01-01"
CAPTURE_DETAILS = """<CaptureDetails>
  <CaptureStatus><LastUpdateTimestamp>2026-01-01T00:00:00.000Z</LastUpdateTimestamp><State>Completed</State></CaptureStatus>
  <IdList><member>S01-1234567-1234567-R000001</member></IdList>
  <CaptureReferenceId>pa-1</CaptureReferenceId><AmazonCaptureId>S01-1234567-1234567-C000001</AmazonCaptureId>
  <CaptureAmount><CurrencyCode>USD</CurrencyCode><Amount>5.0</Amount></CaptureAmount>
</CaptureDetails>"""
SECRETS = ("AKIA-secret", "hush-hush", "token-secret")

CERTAIN = [
    "AccessDenied",
    "InvalidAccessKeyId",
    "InvalidAccountStatus",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnauthorizedAccess",
    "ConstraintsExist",
    "CurrencyMismatch",
    "CurrencyUnsupported",
    "InvalidOrderReferenceId",
    "InvalidParameterValue",
    "InvalidSandboxSimulationSpecified",
    "InvalidTransactionId",
]
CONFLICTS = [
    "CaptureNotRefundable",
    "InvalidAuthorizationStatus",
    "InvalidCaptureStatus",
    "InvalidCloseAttempt",
    "InvalidCancelAttempt",
    "InvalidOrderReferenceStatus",
    "TransactionAmountExceeded",
    "TransactionCountExceeded",
    "PeriodicAmountExceeded",
    "DuplicateReferenceId",
    "DuplicateRequest",
]
UNCLEAR = ["InternalServerError", "InternalError", "ServiceUnavailable", "NeverHeardOf", ""]


def answer(operation="Capture", inner=CAPTURE_DETAILS, status=200):
    result = (
        f"<{operation}Result>{inner}</{operation}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
    )
    return httpx.Response(status, text=f'<{operation}Response xmlns="{NAMESPACE}">{result}</{operation}Response>')


def error(code, status=400, spelling="RequestId", message="said"):
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<ErrorResponse xmlns="{NAMESPACE}">{inner}<{spelling}>req-1</{spelling}></ErrorResponse>'
    return httpx.Response(status, text=body)


class Line:
    """What goes out, and what comes back: a response, or an exception, or a function of the request."""

    def __init__(self, *script):
        self.script = list(script)
        self.sent = []

    async def __call__(self, request):
        self.sent.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        step = await step(request) if callable(step) else step
        if isinstance(step, Exception):
            raise step
        return step

    def fields(self, index=-1):
        return {name: values[0] for name, values in parse_qs(self.sent[index].content.decode()).items()}


def client(line, **changes):
    table = {
        "region": "eu",
        "sandbox": True,
        "seller_id": "A1SELLER",
        "access_key": SecretStr(SECRETS[0]),
        "secret_key": SecretStr(SECRETS[1]),
        "mws_auth_token": SecretStr(SECRETS[2]),
        **changes,
    }
    http = httpx.AsyncClient(transport=httpx.MockTransport(line), trust_env=False)
    return Mws(settings_from(table), lambda: http, Throttle(SANDBOX_QUOTAS, sleep=no_time))


async def no_time(_seconds):
    return None


async def attempt(*script, **changes):
    return await client(Line(*script), **changes).move(CAPTURE, {"AmazonAuthorizationId": "A"})


async def test_answer_is_read_by_name_whatever_its_order():
    read = await attempt(answer())
    assert (read.id, read.reference, read.amount_minor) == ("S01-1234567-1234567-C000001", "pa-1", 500)
    assert (read.refund_ids, read.refunded_minor) == (("S01-1234567-1234567-R000001",), 0)


async def test_empty_result_is_an_answer():
    assert await client(Line(answer("CloseAuthorization", ""))).move(CLOSE_AUTHORIZATION, {}) is None


async def test_request_carries_what_every_call_needs():
    line = Line(answer())
    await client(line).move(CAPTURE, {"AmazonAuthorizationId": "A"})
    fields = line.fields()
    assert fields["Action"] == "Capture"
    assert (fields["SellerId"], fields["AWSAccessKeyId"], fields["MWSAuthToken"]) == (
        "A1SELLER",
        SECRETS[0],
        SECRETS[2],
    )
    assert (fields["SignatureMethod"], fields["SignatureVersion"]) == ("HmacSHA256", "2")
    assert (fields["Version"], len(fields["Timestamp"])) == ("2013-01-01", len("2026-01-02T03:04:05Z"))
    assert str(line.sent[0].url) == "https://mws-eu.amazonservices.com/OffAmazonPayments_Sandbox/2013-01-01"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 503, 200])
@pytest.mark.parametrize("code", CERTAIN)
async def test_refused_request_is_certain_whatever_its_http_number(code, status):
    with pytest.raises(NotExecuted) as caught:
        await attempt(error(code, status))
    assert (caught.value.reason_code, type(caught.value)) == (code, NotExecuted)


@pytest.mark.parametrize("status", [400, 404, 405, 500])
@pytest.mark.parametrize("code", CONFLICTS)
async def test_refusal_that_a_lost_attempt_explains_is_a_conflict(code, status):
    with pytest.raises(StateConflict) as caught:
        await attempt(error(code, status))
    assert caught.value.reason_code == code


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503, 504])
@pytest.mark.parametrize("code", UNCLEAR)
async def test_server_trouble_and_unknown_codes_prove_nothing(code, status):
    with pytest.raises(AnswerUnclear) as caught:
        await attempt(error(code, status))
    assert not isinstance(caught.value, AdapterError)


def test_every_code_of_the_table_is_tested():
    tested = {Proof.NOTHING_HAPPENED: set(CERTAIN), Proof.LOOK_AGAIN: set(CONFLICTS)}
    of_other_calls = {
        "BillingAgreementConstraintsExist",
        "BillingAgreementNotModifiable",
        "InvalidAddress",
        "InvalidAddressConsentToken",
        "OrderReferenceCountExceeded",
        "OrderReferenceNotModifiable",
        "PaymentMethodNotUpdated",
    }
    for proof, codes in tested.items():
        assert {code for code, proves in CODES.items() if proves is proof} - of_other_calls == codes
    assert proof_of("SomethingNew") is Proof.UNCLEAR


@pytest.mark.parametrize("spelling", ["RequestId", "RequestID"])
async def test_throttled_call_says_when_to_come_back(spelling):
    with pytest.raises(Throttled) as caught:
        await attempt(error("RequestThrottled", 503, spelling))
    assert 2.0 <= caught.value.retry_after_seconds < 3.0  # One every two seconds in the sandbox.
    assert "req-1" in str(caught.value)


@pytest.mark.parametrize(
    "lost",
    [
        httpx.ReadTimeout("t"),
        httpx.ReadError("r"),
        httpx.WriteError("w"),
        httpx.WriteTimeout("w"),
        httpx.RemoteProtocolError("server disconnected"),
    ],
)
async def test_lost_answer_proves_nothing(lost):
    with pytest.raises(AnswerUnclear):
        await attempt(lost)


@pytest.mark.parametrize("refused", [httpx.ConnectError("c"), httpx.ConnectTimeout("c"), httpx.PoolTimeout("p")])
async def test_connection_that_never_came_about_is_certain(refused):
    with pytest.raises(Unavailable):
        await attempt(refused)


async def test_answer_that_never_ends_proves_nothing_and_ends_in_time():
    async def silence(_request):
        await asyncio.sleep(60)

    with pytest.raises(AnswerUnclear, match=r"within 0\.05 s"):
        await attempt(silence, timeout_seconds=0.05)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><CaptureResponse>&b;</CaptureResponse>'


@pytest.mark.parametrize(
    "unreadable",
    [
        httpx.Response(200, text=""),
        httpx.Response(200, text="<html><body>Sign in to the hotel Wi-Fi</body></html>"),
        httpx.Response(200, text="{}"),
        httpx.Response(200, content=b"\xff\xfe\x00"),
        httpx.Response(200, text='<?xml version="1.0" encoding="nonsense"?><CaptureResponse/>'),
        httpx.Response(200, text=BOMB),
        httpx.Response(200, content=b" " * (ANSWER_BYTES_MAX + 1)),
        httpx.Response(302, headers={"location": "https://evil.example/"}),
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.Response(503, text=""),
        answer(status=500),
        answer("Refund"),
        answer(inner=""),
        answer(inner=CAPTURE_DETAILS.replace("<Amount>5.0</Amount>", "")),
        answer(inner=CAPTURE_DETAILS.replace("5.0", "NaN")),
        answer(inner=CAPTURE_DETAILS.replace("5.0", "-5.0")),
        answer(inner=CAPTURE_DETAILS.replace("5.0", "5.001")),
        answer(inner=CAPTURE_DETAILS.replace("USD", "XXX")),
        answer(inner=CAPTURE_DETAILS.replace("<State>Completed</State>", "")),
    ],
)
async def test_answer_that_cannot_be_read_proves_nothing(unreadable):
    line = Line(unreadable)
    with pytest.raises(AnswerUnclear):
        await client(line).move(CAPTURE, {})
    assert len(line.sent) == 1  # Neither repeated nor redirected.


async def test_moving_call_is_never_repeated_here():
    line = Line(error("RequestThrottled", 503), answer())
    with pytest.raises(Throttled):
        await client(line).move(CAPTURE, {})
    assert len(line.sent) == 1


async def test_read_is_repeated_once_after_throttling():
    line = Line(error("RequestThrottled", 503), answer("GetCaptureDetails"))
    read = await client(line).read(GET_CAPTURE, "S01-1234567-1234567-C000001")
    assert read.reference == "pa-1"
    assert line.fields()["AmazonCaptureId"] == "S01-1234567-1234567-C000001"


async def test_read_is_repeated_only_once():
    line = Line(error("RequestThrottled", 503))
    with pytest.raises(Throttled):
        await client(line).read(GET_CAPTURE, "C")
    assert len(line.sent) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.ReadTimeout("t"),
        httpx.ConnectError("c"),
        error("InternalServerError", 500),
        httpx.Response(200, text="?"),
    ],
)
async def test_read_that_got_no_answer_moved_nothing(trouble):
    """A sandbox id on the live path meets a lasting 500: said once, not retried for ever."""
    line = Line(trouble)
    with pytest.raises(Unavailable):
        await client(line).read(GET_CAPTURE, "C")
    assert len(line.sent) == 1


@pytest.mark.parametrize("code", ["InvalidTransactionId", "InvalidAuthorizationStatus"])
async def test_refused_read_moved_nothing(code):
    with pytest.raises(NotExecuted) as caught:
        await client(Line(error(code, 404))).read(GET_CAPTURE, "C")
    assert caught.value.reason_code == code


@pytest.mark.parametrize(
    "trouble",
    [
        error("InvalidAccessKeyId", 403, message=f"{SECRETS[0]} and {SECRETS[1]} and {SECRETS[2]} are wrong"),
        error("InternalServerError", 500, message=f"{SECRETS[0]} {SECRETS[1]} {SECRETS[2]}"),
        httpx.ReadTimeout("t"),
        httpx.ConnectError("c"),
        httpx.Response(200, text="?"),
    ],
)
async def test_no_secret_shows_in_errors_or_logs(trouble, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must be silent
        await attempt(trouble)
    shown = repr(caught.value) + str(caught.value) + caplog.text
    assert not [secret for secret in SECRETS if secret in shown]


async def test_long_message_of_amazons_is_cut():
    with pytest.raises(NotExecuted) as caught:
        await attempt(error("InvalidParameterValue", message="x" * 100_000))
    assert len(str(caught.value)) < 1_000
