"""The gateway against a scripted Amazon: which requests it makes, and what it makes of odd answers."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay.exchange import AnswerUnclear
from payment_actions_amazon_pay.settings import settings_from
from payment_actions_amazon_pay.throttle import LIVE_QUOTAS, SANDBOX_QUOTAS, Throttle
from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import (
    Action,
    GatewayPayment,
    GatewayReference,
    GatewayRequest,
    NotExecuted,
    PaymentStatus,
    ResultState,
    StateConflict,
    Throttled,
    Unavailable,
)

ORDER = "P01-1234567-1234567"
AUTHORIZATION, CAPTURE, REFUND = f"{ORDER}-A000001", f"{ORDER}-C000001", f"{ORDER}-R000001"
SIMULATION = '{"SandboxSimulation":{"State":"Declined","ReasonCode":"AmazonRejected"}}'


def xml(fields):
    if isinstance(fields, dict):
        return "".join(f"<{name}>{xml(value)}</{name}>" for name, value in fields.items())
    if isinstance(fields, list):
        return "".join(f"<member>{value}</member>" for value in fields)
    return str(fields)


def money(amount, currency="USD"):
    return {"Amount": amount, "CurrencyCode": currency}


def authorization(state="Open", reason="", captures=(), number=1, amount="100.00", currency="USD"):
    return {
        "AmazonAuthorizationId": f"{ORDER}-A{number:06}",
        "AuthorizationAmount": money(amount, currency),
        "CapturedAmount": money("0", currency),
        "IdList": list(captures),
        "CreationTimestamp": f"2026-01-0{number}T00:00:00.000Z",
        "ExpirationTimestamp": "2026-02-01T00:00:00.000Z",
        "AuthorizationStatus": {"State": state, "ReasonCode": reason},
    }


def capture(state="Completed", reference="pa-1", refunds=(), amount="100.00", refunded="0", number=1):
    return {
        "AmazonCaptureId": f"{ORDER}-C{number:06}",
        "CaptureReferenceId": reference,
        "CaptureAmount": money(amount),
        "RefundedAmount": money(refunded),
        "IdList": list(refunds),
        "CaptureStatus": {"State": state},
    }


def refund(state="Pending", reference="pa-1", amount="100.00"):
    return {
        "AmazonRefundId": REFUND,
        "RefundReferenceId": reference,
        "RefundAmount": money(amount),
        "RefundStatus": {"State": state},
    }


def order(state="Open", authorizations=(), total="100.00"):
    return {
        "AmazonOrderReferenceId": ORDER,
        "OrderTotal": money(total),
        "IdList": list(authorizations),
        "OrderReferenceStatus": {"State": state},
    }


class Amazon:
    """Answers each object id with its details and each moving call with what is scripted for it."""

    def __init__(self, *objects, **moves):
        self.objects = {next(iter(fields.values())): fields for fields in objects}
        if "Capture" in moves:
            self.objects.setdefault(AUTHORIZATION, authorization())
        self.moves = moves
        self.calls = []

    def __call__(self, request):
        fields = dict(httpx.QueryParams(request.content.decode()))
        action = fields["Action"]
        object_id = next(value for name, value in fields.items() if name.startswith("Amazon"))
        self.calls.append((action, fields))
        found = self.objects.get(object_id) if action.startswith("Get") else self.moves.get(action, {})
        if isinstance(found, Exception):
            raise found
        if found is None:
            return httpx.Response(
                404, text="<ErrorResponse><Error><Code>InvalidTransactionId</Code></Error></ErrorResponse>"
            )
        if isinstance(found, str):
            return httpx.Response(400, text=f"<ErrorResponse><Error><Code>{found}</Code></Error></ErrorResponse>")
        details = action.removeprefix("Get")
        details = details if details.endswith("Details") else f"{details}Details"
        inner = f"<{details}>{xml(found)}</{details}>" if found else ""
        return httpx.Response(
            200, text=f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>"
        )

    @property
    def actions(self):
        return [action for action, _ in self.calls]

    def sent(self, action):
        return next(fields for called, fields in self.calls if called == action)


def gateway(amazon, throttle=None, **changes):
    table = {
        "region": "us",
        "sandbox": False,
        "seller_id": "A1SELLER",
        "access_key": SecretStr("access"),
        "secret_key": SecretStr("secret"),
        **changes,
    }
    generous = throttle or Throttle(LIVE_QUOTAS, sleep=no_time)
    return AmazonPayV1(settings_from(table), transport=httpx.MockTransport(amazon), throttle=generous)


async def no_time(_seconds):
    return None


def payment(currency="USD", total=10_000, **references):
    known = [
        GatewayReference(role, value)
        for role, values in references.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
    return GatewayPayment(
        store="shop",
        order_id="1",
        order_number="A-1",
        currency_code=currency,
        order_total_minor=total,
        references=tuple(known),
    )


def request(action, about, amount=10_000, **more):
    return GatewayRequest(
        action=action,
        payment=about,
        reference="pa-1",
        amount_minor=amount,
        currency_code=about.currency_code,
        **more,
    )


known = payment(order_reference=ORDER, authorization=AUTHORIZATION, capture=CAPTURE)


# -- What is sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "minor", "text"),
    [("USD", 12_990, "129.90"), ("USD", 5, "0.05"), ("JPY", 5_000, "5000"), ("EUR", 10_000_000, "100000.00")],
)
async def test_amount_is_sent_with_the_digits_of_its_currency(currency, minor, text):
    answer = capture() | {"CaptureAmount": money(text, currency), "RefundedAmount": money("0", currency)}
    amazon = Amazon(authorization(amount=text, currency=currency), Capture=answer)
    about = payment(currency, minor, authorization=AUTHORIZATION)
    await gateway(amazon).capture(request(Action.CAPTURE, about, minor))
    sent = amazon.sent("Capture")
    assert (sent["CaptureAmount.Amount"], sent["CaptureAmount.CurrencyCode"]) == (text, currency)


async def test_capture_names_the_operations_reference_and_needs_one_request():
    amazon = Amazon(Capture=capture())
    opened = gateway(amazon)
    await opened.snapshot(known_to_platform())
    amazon.calls.clear()
    result = await opened.capture(request(Action.CAPTURE, known))
    sent = amazon.sent("Capture")
    assert (sent["CaptureReferenceId"], sent["AmazonAuthorizationId"]) == ("pa-1", AUTHORIZATION)
    assert (result.state, result.gateway_id, amazon.actions) == (ResultState.SUCCEEDED, CAPTURE, ["Capture"])


async def test_capture_of_an_authorization_that_was_never_read_asks_for_its_currency_first():
    amazon = Amazon(Capture=capture())
    await gateway(amazon).capture(request(Action.CAPTURE, known))
    assert amazon.actions == ["GetAuthorizationDetails", "Capture"]


async def test_capture_is_not_sent_while_the_authorizations_currency_cannot_be_read():
    amazon = Amazon(Capture=capture())
    amazon.objects[AUTHORIZATION] = httpx.ReadTimeout("lost")
    with pytest.raises(Unavailable):
        await gateway(amazon).capture(request(Action.CAPTURE, known))
    assert "Capture" not in amazon.actions


async def test_note_is_cut_and_cleaned_and_left_out_when_empty():
    amazon = Amazon(Capture=capture())
    await gateway(amazon).capture(request(Action.CAPTURE, known, note="é" * 300))
    assert amazon.sent("Capture")["SellerCaptureNote"] == "é" * 255
    for note, sent in (("a\x00b\nc", "a b c"), (" ", None), (SIMULATION, None)):
        amazon = Amazon(Capture=capture())
        await gateway(amazon).capture(request(Action.CAPTURE, known, note=note))
        assert amazon.sent("Capture").get("SellerCaptureNote") == sent


async def test_simulation_string_passes_in_the_sandbox_only():
    amazon = Amazon(Capture=capture())
    await gateway(amazon, sandbox=True).capture(request(Action.CAPTURE, known, note=SIMULATION))
    assert amazon.sent("Capture")["SellerCaptureNote"] == SIMULATION


async def test_soft_descriptor_is_sent_when_configured():
    amazon = Amazon(Capture=capture())
    await gateway(amazon, soft_descriptor="MY SHOP").capture(request(Action.CAPTURE, known))
    assert amazon.sent("Capture")["SoftDescriptor"] == "MY SHOP"


async def test_every_attempt_sends_the_same():
    """Other parameters under one reference id are a DuplicateRequest."""
    amazon = Amazon(Capture=capture())
    opened = gateway(amazon)
    for _ in range(2):
        await opened.capture(request(Action.CAPTURE, known, note="by phone"))
    captures = [fields for action, fields in amazon.calls if action == "Capture"]
    first, second = ({**fields, "Timestamp": "", "Signature": ""} for fields in captures)
    assert first == second


# -- Which object --------------------------------------------------------------------------------------------


async def test_refund_acts_on_the_capture_and_never_on_the_authorization():
    """Magento issue 149: the capture's id was never stored, and the authorization was refunded."""
    only_authorization = payment(authorization=AUTHORIZATION)
    spent = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    amazon = Amazon(spent, capture(reference="by-checkout"), Refund=refund())
    result = await gateway(amazon).refund(request(Action.REFUND, only_authorization))
    assert amazon.sent("Refund")["AmazonCaptureId"] == CAPTURE
    assert result.state is ResultState.PENDING


async def test_refund_that_exceeds_what_is_left_is_not_sent():
    """Amazon would return up to 15 % too much."""
    done = refund("Completed", "by-console", "95.00")
    amazon = Amazon(capture(refunds=[REFUND], refunded="95.00"), done, Refund=refund())
    with pytest.raises(StateConflict):
        await gateway(amazon).refund(request(Action.REFUND, known, 1_000))
    assert "Refund" not in amazon.actions


async def test_pending_refund_of_somebody_else_is_not_refunded_again():
    amazon = Amazon(capture(refunds=[REFUND]), refund("Pending", "by-console"), Refund=refund())
    with pytest.raises(StateConflict):
        await gateway(amazon).refund(request(Action.REFUND, known))
    assert "Refund" not in amazon.actions


async def test_refund_that_the_shop_names_and_amazon_does_not_list_yet_bars_ours():
    """X-Cart stores the refund's id at once; Amazon's list of the capture may lag behind."""
    about = payment(order_reference=ORDER, authorization=AUTHORIZATION, refund=REFUND)
    spent = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    objects = (spent, capture(), refund("Pending", "refund_000042-7QX1"))
    snapshot = await gateway(Amazon(*objects)).snapshot(about)
    assert (snapshot.status, snapshot.under_way) == (PaymentStatus.CAPTURED, Action.REFUND)
    amazon = Amazon(*objects, Refund=refund())
    with pytest.raises(StateConflict):
        await gateway(amazon).refund(request(Action.REFUND, about))
    assert "Refund" not in amazon.actions


async def test_refund_id_of_another_order_is_not_even_asked_for():
    about = payment(authorization=AUTHORIZATION, refund="P01-7654321-7654321-R000001")
    amazon = Amazon(authorization("Closed", "MaxCapturesProcessed", [CAPTURE]), capture())
    assert (await gateway(amazon).snapshot(about)).status is PaymentStatus.CAPTURED
    assert "GetRefundDetails" not in amazon.actions


async def test_our_own_earlier_refund_does_not_bar_its_repeat():
    amazon = Amazon(capture(refunds=[REFUND], refunded="100.00"), refund("Completed"), Refund=refund("Completed"))
    result = await gateway(amazon).refund(request(Action.REFUND, known))
    assert (result.state, amazon.actions[-1]) == (ResultState.SUCCEEDED, "Refund")


async def test_capture_goes_to_the_open_one_of_several_authorizations():
    several = payment(authorization=(f"{ORDER}-A000002", AUTHORIZATION))  # The dead one was learned last.
    dead, alive = authorization("Declined", "InvalidPaymentMethod"), authorization(number=2)
    amazon = Amazon(dead, alive, Capture=capture())
    await gateway(amazon).capture(request(Action.CAPTURE, several))
    assert amazon.sent("Capture")["AmazonAuthorizationId"] == f"{ORDER}-A000002"


async def test_repeated_capture_goes_where_the_first_attempt_went():
    several = payment(authorization=(AUTHORIZATION, f"{ORDER}-A000002"))
    done = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    amazon = Amazon(done, capture(), authorization(number=2), Capture=capture())
    await gateway(amazon).capture(request(Action.CAPTURE, several))
    assert amazon.sent("Capture")["AmazonAuthorizationId"] == AUTHORIZATION


async def test_authorization_is_found_by_the_order_reference():
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), authorization(), Capture=capture())
    await gateway(amazon).capture(request(Action.CAPTURE, payment(order_reference=ORDER)))
    assert amazon.sent("Capture")["AmazonAuthorizationId"] == AUTHORIZATION


@pytest.mark.parametrize("known", [{}, {"authorization": AUTHORIZATION}], ids=["none known", "one known, and closed"])
async def test_authorization_is_found_also_where_the_shop_shows_no_total(known):
    """A total that is no amount, or is in another currency, counts as nothing."""
    both = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])
    amazon = Amazon(both, authorization("Closed", "AmazonClosed"), authorization(number=2))
    snapshot = await gateway(amazon).snapshot(payment(total=0, order_reference=ORDER, **known))
    assert snapshot.status is PaymentStatus.AUTHORIZED


async def test_nothing_is_sent_when_nothing_is_known():
    amazon = Amazon()
    for action in ("capture", "void", "refund"):
        with pytest.raises(NotExecuted, match="no id of Amazon Pay"):
            await getattr(gateway(amazon), action)(request(Action(action.upper()), payment()))
    with pytest.raises(NotExecuted, match="no id of Amazon Pay"):
        await gateway(amazon).snapshot(payment())
    assert amazon.calls == []


# -- Void ----------------------------------------------------------------------------------------------------


async def test_void_reads_what_became_of_it():
    amazon = Amazon(authorization("Closed", "SellerClosed"))
    result = await gateway(amazon).void(request(Action.VOID, known))
    assert (result.state, amazon.actions) == (
        ResultState.SUCCEEDED,
        ["CloseAuthorization", "GetAuthorizationDetails"],
    )


@pytest.mark.parametrize(
    "seen",
    [
        authorization("Open"),  # Not yet visible, or not done: the answer alone proves nothing.
        authorization("Closed", "NewReason"),
        "InternalServerError",
        "RequestThrottled",
        "InvalidTransactionId",
        httpx.ReadTimeout("lost"),
        httpx.ConnectError("gone"),
    ],
)
async def test_void_that_cannot_be_confirmed_is_unclear(seen):
    amazon = Amazon()
    amazon.objects[AUTHORIZATION] = seen
    with pytest.raises(AnswerUnclear):
        await gateway(amazon).void(request(Action.VOID, known))


async def test_void_of_a_captured_authorization_conflicts():
    amazon = Amazon(authorization("Closed", "MaxCapturesProcessed", [CAPTURE]), capture())
    with pytest.raises(StateConflict):
        await gateway(amazon).void(request(Action.VOID, known))


async def test_void_closes_every_open_authorization():
    several = payment(authorization=(AUTHORIZATION, f"{ORDER}-A000002", f"{ORDER}-A000003"))
    amazon = Amazon(
        authorization("Declined", "ProcessingFailure"),
        authorization(number=2),
        authorization("Pending", number=3),
    )
    with pytest.raises(AnswerUnclear):  # The script goes on showing them open.
        await gateway(amazon).void(request(Action.VOID, several))
    closed = [fields["AmazonAuthorizationId"] for action, fields in amazon.calls if action == "CloseAuthorization"]
    assert closed == [f"{ORDER}-A000002", f"{ORDER}-A000003"]


async def test_second_close_that_fails_does_not_deny_the_first():
    several = payment(authorization=(AUTHORIZATION, f"{ORDER}-A000002"))
    amazon = Amazon(authorization(), authorization(number=2))
    answers = iter([{}, "InvalidParameterValue"])
    amazon.moves = Scripted(lambda _: next(answers))
    with pytest.raises(AnswerUnclear):
        await gateway(amazon).void(request(Action.VOID, several))


class Scripted(dict):
    def __init__(self, choose):
        self.choose = choose

    def get(self, key, default=None):
        return self.choose(key)


# -- Whose answer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "foreign",
    [
        capture(reference="somebody-else"),
        capture(amount="99.99"),
        capture() | {"CaptureAmount": money("100.00", "EUR"), "RefundedAmount": money("0", "EUR")},
        capture("Reversed"),
    ],
)
async def test_answer_about_something_else_proves_nothing(foreign):
    with pytest.raises(AnswerUnclear):
        await gateway(Amazon(Capture=foreign)).capture(request(Action.CAPTURE, known))


async def test_gateway_id_of_something_else_is_not_believed():
    asked = replace(request(Action.CAPTURE, known), gateway_id=CAPTURE)
    with pytest.raises(NotExecuted, match="somebody-else"):
        await gateway(Amazon(capture(reference="somebody-else"))).look_up(asked)


# -- Order references ----------------------------------------------------------------------------------------


def timed_out():
    status = {"State": "Declined", "ReasonCode": "TransactionTimedOut"}
    return authorization() | {
        "AuthorizationStatus": status | {"LastUpdateTimestamp": "2026-01-02T00:00:00.000Z"},
    }


async def test_order_reference_of_a_time_out_is_cancelled():
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), timed_out())
    opened = gateway(amazon)
    await opened.snapshot(known_to_platform())
    await opened.aclose()
    assert amazon.sent("CancelOrderReference")["AmazonOrderReferenceId"] == ORDER


async def test_buyer_who_authorizes_again_after_the_snapshot_is_not_cancelled():
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), timed_out())
    opened = gateway(amazon)
    await opened.snapshot(known_to_platform())
    amazon.objects[f"{ORDER}-A000002"] = authorization(number=2)
    amazon.objects[ORDER] = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])
    await opened.aclose()
    assert amazon.actions.count("GetOrderReferenceDetails") > 1
    assert "CancelOrderReference" not in amazon.actions


class Busy:
    """A quota in use: time passes only while a request waits for it, and the buyer acts then."""

    def __init__(self, meanwhile):
        self.now = 1000.0
        self.meanwhile = meanwhile
        self.throttle = Throttle(LIVE_QUOTAS, clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.mark.parametrize(
    ("operation", "times"),
    [("Capture", 10), ("GetAuthorizationDetails", 9)],  # The wait falls before the call, or between its reads.
)
async def test_buyer_who_authorizes_again_while_the_quota_is_in_use_is_not_cancelled(operation, times):
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), timed_out())

    def authorize_again():
        amazon.objects[f"{ORDER}-A000002"] = authorization(number=2)
        amazon.objects[ORDER] = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])

    busy = Busy(authorize_again)
    opened = gateway(amazon, throttle=busy.throttle)
    await opened.snapshot(known_to_platform())
    for _ in range(times):
        await busy.throttle.admit(operation)
    assert len(amazon.objects) == 2
    await opened.aclose()
    assert len(amazon.objects) == 3
    assert "CancelOrderReference" not in amazon.actions


async def test_no_wait_lies_between_the_look_and_the_cancelling():
    """With two calls at once allowed, a second wait for the quota would take two seconds."""
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), timed_out())
    busy = Busy(lambda: pytest.fail("a request waited"))
    busy.throttle = Throttle(LIVE_QUOTAS._replace(move=SANDBOX_QUOTAS.move), clock=lambda: busy.now, sleep=busy.sleep)
    opened = gateway(amazon, throttle=busy.throttle)
    await opened.snapshot(known_to_platform())
    await opened.aclose()
    assert amazon.actions[-1] == "CancelOrderReference"


async def test_capture_of_the_only_authorization_takes_one_look_to_close():
    amazon = Amazon(order(authorizations=[AUTHORIZATION]), Capture=capture())
    opened = gateway(amazon)
    await opened.capture(request(Action.CAPTURE, known))
    await opened.aclose()
    assert amazon.actions[-3:] == ["Capture", "GetOrderReferenceDetails", "CloseOrderReference"]


async def test_closing_leaves_the_quota_to_captures_first():
    asked_to_wait = []

    async def wait(seconds):
        asked_to_wait.append(seconds)
        if len(asked_to_wait) > 20:
            await asyncio.sleep(3600)

    amazon = Amazon(order(authorizations=[AUTHORIZATION]), Capture=capture())
    opened = gateway(amazon, throttle=Throttle(LIVE_QUOTAS, clock=lambda: 1000.0, sleep=wait))
    for _ in range(6):  # More than half of the burst, and no time passes.
        await opened.capture(request(Action.CAPTURE, known))
    assert asked_to_wait == []
    await opened.aclose()
    assert len(asked_to_wait) > 20
    assert "CloseOrderReference" not in amazon.actions


# -- Look-up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "result"),
    [
        ("Completed", ResultState.SUCCEEDED),
        ("Pending", ResultState.PENDING),
        ("Declined", ResultState.DECLINED),
    ],
)
async def test_capture_is_found_by_its_reference(state, result):
    spent = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    found = await gateway(Amazon(spent, capture(state))).look_up(request(Action.CAPTURE, known))
    assert (found.state, found.gateway_id) == (result, CAPTURE)


async def test_capture_of_somebody_else_is_no_trace_of_ours():
    spent = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    amazon = Amazon(spent, capture(reference="by-console"))
    assert await gateway(amazon).look_up(request(Action.CAPTURE, known)) is None


async def test_refund_is_found_by_its_reference():
    amazon = Amazon(capture(refunds=[REFUND]), refund("Declined"))
    found = await gateway(amazon).look_up(request(Action.REFUND, known))
    assert (found.state, found.gateway_id) == (ResultState.DECLINED, REFUND)


@pytest.mark.parametrize("action", [Action.CAPTURE, Action.REFUND, Action.VOID])
async def test_look_up_that_gets_no_answer_moved_nothing(action):
    amazon = Amazon()
    amazon.objects = dict.fromkeys([AUTHORIZATION, CAPTURE, ORDER], httpx.ReadTimeout("lost"))
    with pytest.raises(Unavailable):
        await gateway(amazon).look_up(request(action, known))


async def test_void_is_judged_by_the_newest_authorization():
    """An older one that was closed long ago is no trace of this void."""
    several = payment(authorization=(AUTHORIZATION, f"{ORDER}-A000002"))
    old = authorization("Closed", "SellerClosed")
    asked = request(Action.VOID, several)
    assert await gateway(Amazon(old, authorization(number=2))).look_up(asked) is None
    captured = authorization("Closed", "MaxCapturesProcessed", [CAPTURE], number=2)
    with pytest.raises(StateConflict):
        await gateway(Amazon(old, captured, capture())).look_up(asked)


# -- Snapshots: which requests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "reads"),
    [
        ([authorization()], 1),
        ([authorization("Closed", "MaxCapturesProcessed", [CAPTURE]), capture()], 2),
        (
            [authorization("Closed", "MaxCapturesProcessed", [CAPTURE]), capture(refunds=[REFUND]), refund()],
            3,
        ),
        ([order(), authorization("Declined", "ProcessingFailure")], 2),
    ],
)
async def test_snapshot_reads_no_more_than_it_needs(objects, reads):
    amazon = Amazon(*objects)
    await gateway(amazon).snapshot(known_to_platform())
    assert len(amazon.calls) == reads


def known_to_platform():
    return payment(order_reference=ORDER, authorization=AUTHORIZATION)


async def test_newer_authorization_is_found_behind_a_declined_one():
    listed = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])
    amazon = Amazon(listed, authorization("Declined", "InvalidPaymentMethod"), authorization(number=2))
    snapshot = await gateway(amazon).snapshot(known_to_platform())
    assert snapshot.status is PaymentStatus.AUTHORIZED
    assert snapshot.references[-1].value == f"{ORDER}-A000002"


async def test_authorization_for_the_rest_of_an_order_is_found():
    listed = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])
    part = authorization("Closed", "MaxCapturesProcessed", [CAPTURE])
    amazon = Amazon(listed, part, capture(amount="40.00"), authorization(number=2, amount="60.00"))
    snapshot = await gateway(amazon).snapshot(known_to_platform())
    assert (snapshot.status, snapshot.captured_minor) == (PaymentStatus.PARTIALLY_CAPTURED, 4_000)


async def test_amount_in_another_currency_does_not_account_for_the_order():
    """100.00 dollars are not 100.00 pounds: there may be a second authorization."""
    listed = order(authorizations=[AUTHORIZATION, f"{ORDER}-A000002"])
    amazon = Amazon(listed, authorization(), authorization(number=2, amount="10.00"))
    about = payment("GBP", order_reference=ORDER, authorization=AUTHORIZATION)
    snapshot = await gateway(amazon).snapshot(about)
    assert (snapshot.currency_code, snapshot.authorized_minor) == ("USD", 11_000)


@pytest.mark.parametrize(
    ("listed", "status"),
    [
        (order("Closed", [AUTHORIZATION]), PaymentStatus.DECLINED),
        (order("Open", [AUTHORIZATION]), PaymentStatus.PENDING),
        (order("Closed", []), PaymentStatus.PENDING),  # Not its order after all: the prefix was only a hint.
        (None, PaymentStatus.PENDING),
    ],
)
async def test_order_reference_guessed_from_an_id_is_verified(listed, status):
    declined = authorization("Declined", "ProcessingFailure")
    amazon = Amazon(declined, *([listed] if listed else []))
    snapshot = await gateway(amazon).snapshot(payment(authorization=AUTHORIZATION))
    assert snapshot.status is status


async def test_capture_is_enough_to_know_a_payment_by():
    snapshot = await gateway(Amazon(capture())).snapshot(payment(capture=CAPTURE))
    assert (snapshot.status, snapshot.captured_minor) == (PaymentStatus.CAPTURED, 10_000)


async def test_unknown_word_is_an_error_that_names_it():
    with pytest.raises(NotExecuted) as caught:
        await gateway(Amazon(authorization("Closed", "NewReason"))).snapshot(known_to_platform())
    assert caught.value.reason_code == "NewReason"


async def test_endless_list_is_not_followed():
    listed = order(authorizations=[f"{ORDER}-A{number:06}" for number in range(1_000)])
    amazon = Amazon(listed)
    with pytest.raises(NotExecuted, match="1000"):
        await gateway(amazon).snapshot(payment(order_reference=ORDER))
    assert len(amazon.calls) == 1


@pytest.mark.parametrize("trouble", [httpx.ConnectError("c"), httpx.ReadTimeout("t"), "InternalServerError"])
async def test_snapshot_that_gets_no_answer_moved_nothing(trouble):
    amazon = Amazon()
    amazon.objects[AUTHORIZATION] = trouble
    with pytest.raises(Unavailable):
        await gateway(amazon).snapshot(known_to_platform())


async def test_used_up_quota_is_told_before_anything_is_sent():
    amazon = Amazon(Capture=capture())
    opened = gateway(amazon, close_order_references=False)
    for _ in range(10 + 4):  # The burst, and those that wait up to five seconds.
        await opened.capture(request(Action.CAPTURE, known))
    with pytest.raises(Throttled):
        await opened.capture(request(Action.CAPTURE, known))
    assert amazon.actions.count("Capture") == 14


async def test_whole_call_is_bounded_however_many_requests_it_takes():
    async def slow(_seconds):
        raise TimeoutError  # What the bound of the whole call raises.

    throttle = Throttle(LIVE_QUOTAS, sleep=slow)
    for _ in range(20):
        await throttle.admit("GetAuthorizationDetails")
    with pytest.raises(Unavailable, match="not finished"):
        await gateway(Amazon(authorization()), throttle=throttle).snapshot(known_to_platform())
