"""What is offered and what is refused, for every status, operation in flight, capture mode and capability."""

import itertools

import pytest

from payment_actions_server.domain.decision import Objection, Terms, decide
from payment_actions_server.domain.errors import ActionNotAvailable, NotOurPaymentMethod, OperationInFlight
from payment_actions_server.domain.status import IN_FLIGHT, Action, CaptureMode, OperationState, PaymentStatus

THEN, AT_ONCE = CaptureMode.AUTHORIZE_THEN_CAPTURE, CaptureMode.IMMEDIATE_CAPTURE
ALL = {"CAPTURE", "VOID", "REFUND", "REFRESH"}

# The design's table, by hand: (status, mode) -> what is offered, with its amount, when nothing is in flight.
OFFERED = {
    ("PENDING", THEN): {"REFRESH": 0},
    ("PENDING", AT_ONCE): {"REFRESH": 0},
    ("AUTHORIZED", THEN): {"CAPTURE": 12_990, "VOID": 12_990},
    ("AUTHORIZED", AT_ONCE): {"REFRESH": 0},
    ("PARTIALLY_CAPTURED", THEN): {"CAPTURE": 8_990, "VOID": 8_990, "REFUND": 4_000},
    ("PARTIALLY_CAPTURED", AT_ONCE): {"CAPTURE": 8_990, "VOID": 8_990, "REFUND": 4_000},
    ("CAPTURED", THEN): {"REFUND": 12_990},
    ("CAPTURED", AT_ONCE): {"REFUND": 12_990},
    ("PARTIALLY_REFUNDED", THEN): {"REFUND": 8_990},
    ("PARTIALLY_REFUNDED", AT_ONCE): {"REFUND": 8_990},
    ("REFUNDED", THEN): {},
    ("REFUNDED", AT_ONCE): {},
    ("VOIDED", THEN): {},
    ("VOIDED", AT_ONCE): {},
    ("DECLINED", THEN): {},
    ("DECLINED", AT_ONCE): {},
    ("EXPIRED", THEN): {},
    ("EXPIRED", AT_ONCE): {},
}
# (partial captures, partial refunds) -> of which actions a part may be asked for.
PARTS = {
    (False, False): set(),
    (True, False): {"CAPTURE"},
    (False, True): {"REFUND"},
    (True, True): {"CAPTURE", "REFUND"},
}
WHOLE_ONLY = Terms(THEN)


def offers(decision):
    return {str(offer.action): offer.amount_minor for offer in decision.offers}


def reasons(decision):
    return {str(refusal.action): str(refusal.reason) for refusal in decision.refusals}


def message(decision, action):
    return next(refusal.message for refusal in decision.refusals if refusal.action == action)


# -- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("partial_capture", "partial_refund"), PARTS)
@pytest.mark.parametrize(("status", "mode"), OFFERED)
def test_nothing_in_flight(payment_in, status, mode, partial_capture, partial_refund):
    decision = decide(payment_in(status), None, Terms(mode, partial_capture, partial_refund))
    expected = OFFERED[status, mode]
    assert offers(decision) == expected
    assert reasons(decision) == dict.fromkeys(ALL - expected.keys(), "ACTION_NOT_AVAILABLE")
    partly = {offer.action for offer in decision.offers if offer.partial}
    assert partly == PARTS[partial_capture, partial_refund] & expected.keys()


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("state", sorted(IN_FLIGHT))
@pytest.mark.parametrize(("status", "mode"), OFFERED)
def test_operation_in_flight_leaves_only_refresh(payment_in, operation_of, status, mode, state, partial):
    operation = operation_of(Action.CAPTURE, state)
    decision = decide(payment_in(status), operation, Terms(mode, partial, partial))
    assert offers(decision) == {"REFRESH": 0}
    assert reasons(decision) == dict.fromkeys({"CAPTURE", "VOID", "REFUND"}, "OPERATION_IN_FLIGHT")


@pytest.mark.parametrize(("status", "mode"), OFFERED)
def test_what_the_gateway_works_on_unasked_leaves_only_refresh(payment_in, status, mode):
    decision = decide(payment_in(status, under_way=Action.REFUND), None, Terms(mode))
    assert offers(decision) == {"REFRESH": 0}
    assert reasons(decision) == dict.fromkeys({"CAPTURE", "VOID", "REFUND"}, "OPERATION_IN_FLIGHT")


@pytest.mark.parametrize("in_flight", [False, True])
@pytest.mark.parametrize(("status", "mode"), OFFERED)
def test_payment_of_another_method_offers_nothing(payment_in, operation_of, status, mode, in_flight):
    operation = operation_of(Action.CAPTURE, OperationState.UNKNOWN) if in_flight else None
    decision = decide(payment_in(status, ours=False), operation, Terms(mode))
    assert offers(decision) == {}
    assert reasons(decision) == dict.fromkeys(ALL, "NOT_OUR_PAYMENT_METHOD")


def test_the_tables_leave_no_status_and_no_mode_out():
    assert set(OFFERED) == {(str(status), mode) for status, mode in itertools.product(PaymentStatus, CaptureMode)}
    assert {str(state) for state in IN_FLIGHT} == {"UNKNOWN", "PENDING", "NEEDS_REVIEW"}


# -- An order that changed after it was authorized -------------------------------------------------------------------


@pytest.mark.parametrize("total", [9_990, 20_000])
def test_order_with_another_total_cannot_be_captured_whole(payment_in, total):
    decision = decide(payment_in("AUTHORIZED", order_total_minor=total), None, WHOLE_ONLY)
    assert offers(decision) == {"VOID": 12_990}
    assert "Void this order and have the customer place it again." in message(decision, "CAPTURE")


def test_cheaper_order_is_captured_at_its_new_total_where_parts_are_allowed(payment_in):
    decision = decide(payment_in("AUTHORIZED", order_total_minor=9_990), None, Terms(THEN, partial_capture=True))
    assert offers(decision) == {"CAPTURE": 9_990, "VOID": 12_990}


def test_dearer_order_is_captured_up_to_what_is_authorized(payment_in):
    decision = decide(payment_in("AUTHORIZED", order_total_minor=20_000), None, Terms(THEN, partial_capture=True))
    assert offers(decision)["CAPTURE"] == 12_990


@pytest.mark.parametrize("total", [0, 3_000, 4_000])
def test_buyer_never_pays_more_than_the_order_says(payment_in, total):
    payment = payment_in("PARTIALLY_CAPTURED", order_total_minor=total)
    decision = decide(payment, None, Terms(THEN, partial_capture=True))
    assert offers(decision) == {"VOID": 8_990, "REFUND": 4_000}
    assert "40.00 USD is captured already" in message(decision, "CAPTURE")


def test_where_all_that_is_known_is_returned_only_a_look_is_offered(payment_in):
    payment = payment_in("PARTIALLY_REFUNDED", captured_minor=4_000, refunded_minor=4_000)
    decision = decide(payment, None, Terms(THEN, partial_capture=True, partial_refund=True))
    assert offers(decision) == {"REFRESH": 0}
    assert reasons(decision) == dict.fromkeys({"CAPTURE", "VOID", "REFUND"}, "ACTION_NOT_AVAILABLE")
    assert "40.00 USD, is returned. Refresh to see whether that was all." in message(decision, "REFUND")


# -- What it says to people ------------------------------------------------------------------------------------------


def test_offer_says_what_it_will_do_with_how_much(payment_in):
    decision = decide(payment_in("PARTIALLY_CAPTURED"), None, WHOLE_ONLY)
    assert [offer.effect for offer in decision.offers] == [
        "Collects 89.90 USD from the buyer.",
        "Gives up the authorization of 89.90 USD; nothing is collected.",
        "Returns 40.00 USD to the buyer.",
    ]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("UNKNOWN", "the gateway has not answered yet"),
        ("PENDING", "was accepted by the gateway and its result is awaited"),
        ("NEEDS_REVIEW", "waits for an operator's word"),
    ],
)
def test_refusal_says_what_is_in_flight(payment_in, operation_of, state, words):
    operation = operation_of(Action.CAPTURE, OperationState(state))
    told = message(decide(payment_in("AUTHORIZED"), operation, WHOLE_ONLY), "VOID")
    assert "CAPTURE of 129.90 USD" in told
    assert words in told
    assert operation.operation_id in told


def test_refusal_tells_the_gateways_reason(payment_in):
    decision = decide(payment_in("DECLINED", reason_code="AmazonRejected"), None, WHOLE_ONLY)
    assert message(decision, "CAPTURE") == "CAPTURE is not possible while the payment is DECLINED (AmazonRejected)."


@pytest.mark.parametrize(
    ("method", "named"),
    [
        ({"method_name": "PayPal"}, "paid by PayPal,"),
        ({"method_name": "", "method_code": "pp"}, "paid by pp,"),
        ({"method_name": "", "method_code": ""}, "paid by another method,"),
    ],
)
def test_refusal_names_the_method_that_it_was_paid_by(payment_in, method, named):
    told = message(decide(payment_in("CAPTURED", ours=False, **method), None, WHOLE_ONLY), "REFUND")
    assert named in told
    assert "not through the gateway of this store" in told


# -- Policies ---------------------------------------------------------------------------------------------------------


def test_policy_turns_an_offer_into_a_refusal_that_names_it(payment_in):
    decision = decide(
        payment_in("AUTHORIZED"),
        None,
        WHOLE_ONLY,
        lambda offer: Objection("curfew", "Not at night.") if offer.action is Action.CAPTURE else None,
    )
    assert offers(decision) == {"VOID": 12_990}
    refusal = next(refusal for refusal in decision.refusals if refusal.action is Action.CAPTURE)
    assert (refusal.policy, refusal.message, refusal.reason) == ("curfew", "Not at night.", "ACTION_NOT_AVAILABLE")


@pytest.mark.parametrize("status", PaymentStatus)
def test_policy_is_asked_only_about_money_that_would_move(payment_in, status):
    asked = []
    decision = decide(payment_in(status), None, WHOLE_ONLY, lambda offer: asked.append(offer.action))
    assert asked == [offer.action for offer in decision.offers if offer.action is not Action.REFRESH]


# -- The same decision, enforced -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize(("status", "mode"), OFFERED)
def test_what_is_offered_may_be_called_and_nothing_else(payment_in, status, mode, action):
    decision = decide(payment_in(status), None, Terms(mode))
    if action in OFFERED[status, mode]:
        assert decision.offer(action).action is action
    else:
        with pytest.raises(ActionNotAvailable) as refused:
            decision.offer(action)
        assert refused.value.metadata == {
            "action": action,
            "available_actions": ",".join(OFFERED[status, mode]),
        }


def test_call_during_another_operation_is_refused_as_such(payment_in, operation_of):
    operation = operation_of(Action.CAPTURE, OperationState.UNKNOWN)
    with pytest.raises(OperationInFlight) as refused:
        decide(payment_in("AUTHORIZED"), operation, WHOLE_ONLY).offer(Action.VOID)
    assert refused.value.metadata == {"action": "VOID", "available_actions": "REFRESH"}


def test_call_on_another_methods_payment_is_refused_as_such(payment_in):
    with pytest.raises(NotOurPaymentMethod):
        decide(payment_in("CAPTURED", ours=False), None, WHOLE_ONLY).offer(Action.REFUND)


def test_call_that_a_policy_refuses_names_the_policy(payment_in):
    decision = decide(payment_in("AUTHORIZED"), None, WHOLE_ONLY, lambda offer: Objection("curfew", "Not at night."))
    with pytest.raises(ActionNotAvailable, match=r"Not at night\.") as refused:
        decision.offer(Action.VOID)
    assert refused.value.metadata["policy"] == "curfew"
