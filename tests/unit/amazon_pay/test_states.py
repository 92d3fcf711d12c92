"""Every state and reason code Amazon documents, and what each says about a payment."""

import pytest

from payment_actions_amazon_pay.snapshots import snapshot_of
from payment_actions_amazon_pay.states import (
    AUTHORIZATIONS,
    CAPTURES,
    ORDERS_ALONE,
    REFUNDS,
    Undecidable,
    capture_result,
    refund_result,
    void_result,
)
from payment_actions_server.plugins import Action, PaymentStatus, ResultState, StateConflict

S = PaymentStatus
REPEATABLE = ("InvalidPaymentMethod", "TransactionTimedOut", "ProcessingFailure")


def amounts(snapshot):
    return snapshot.authorized_minor, snapshot.captured_minor, snapshot.refunded_minor


def looked(picture):
    snapshot = snapshot_of(picture, "USD")
    assert snapshot.problem() is None
    return snapshot


# -- Order references without an authorization ---------------------------------------------------------------

ORDERS = [
    ("Draft", "", S.PENDING),
    ("Open", "", S.PENDING),
    ("Suspended", "InvalidPaymentMethod", S.PENDING),
    ("Canceled", "Stale", S.EXPIRED),
    ("Canceled", "SellerCanceled", S.VOIDED),
    ("Canceled", "AmazonCanceled", S.VOIDED),
    ("Closed", "Expired", S.EXPIRED),
    ("Closed", "AmazonClosed", S.VOIDED),
    ("Closed", "SellerClosed", S.VOIDED),
    ("Closed", "", S.VOIDED),
]


@pytest.mark.parametrize(("state", "reason", "status"), ORDERS)
def test_order_reference_without_authorization(make, state, reason, status):
    snapshot = looked(make.picture(order=make.order(state, reason)))
    assert (snapshot.status, amounts(snapshot)) == (status, (0, 0, 0))
    assert snapshot.references == (("order_reference", "S01-1234567-1234567"),)


@pytest.mark.parametrize("reason", ["MaxAmountCharged", "MaxAuthorizationsCaptured", "MaxAuthorizationsProcessed"])
def test_charged_order_that_lists_no_authorization_is_not_guessed_at(make, reason):
    with pytest.raises(Undecidable, match=reason):
        snapshot_of(make.picture(order=make.order("Closed", reason)), "USD")


def test_draft_without_a_total_is_in_the_orders_currency(make):
    assert snapshot_of(make.picture(order=make.order("Draft", currency="")), "EUR").currency_code == "EUR"


def test_every_line_of_the_order_table_is_tested(make):
    tested = {state for state, _, _ in ORDERS}
    assert {state for state, _ in ORDERS_ALONE} == tested


# -- Authorizations alone ------------------------------------------------------------------------------------

ALONE = [
    ("Pending", "", S.PENDING, 0),
    ("Pending", "StopShipmentAtypicalAuth", S.PENDING, 0),
    ("Open", "", S.AUTHORIZED, 10_000),
    ("Open", "StopShipmentAtypicalAuth", S.AUTHORIZED, 10_000),
    ("Declined", "AmazonRejected", S.DECLINED, 0),
    ("Closed", "ExpiredUnused", S.EXPIRED, 10_000),
    ("Closed", "SellerClosed", S.VOIDED, 10_000),
    ("Closed", "OrderReferenceCanceled", S.VOIDED, 10_000),
    ("Closed", "AmazonClosed", S.VOIDED, 10_000),
]


@pytest.mark.parametrize(("state", "reason", "status", "authorized"), ALONE)
def test_authorization_without_captures(make, state, reason, status, authorized):
    snapshot = looked(make.picture(make.authorization(state, reason)))
    assert (snapshot.status, amounts(snapshot)) == (status, (authorized, 0, 0))
    assert snapshot.reason_code == reason
    assert snapshot.under_way is None


@pytest.mark.parametrize("reason", REPEATABLE)
@pytest.mark.parametrize(
    ("order", "status"),
    [
        ("Draft", S.PENDING),
        ("Open", S.PENDING),
        ("Suspended", S.PENDING),
        ("Canceled", S.DECLINED),
        ("Closed", S.DECLINED),
        (None, S.PENDING),
    ],
)
def test_decline_that_may_be_repeated_is_final_only_with_its_order(make, reason, order, status):
    about = None if order is None else make.order(order)
    snapshot = looked(make.picture(make.authorization("Declined", reason), order=about))
    assert (snapshot.status, snapshot.reason_code, amounts(snapshot)) == (status, reason, (0, 0, 0))


def test_every_line_of_the_authorization_table_is_tested():
    tested = {(state, reason) for state, reason, _, _ in ALONE} | {("Declined", reason) for reason in REPEATABLE}
    named = {key for key in AUTHORIZATIONS if key[1] != "*"} - {("Closed", "MaxCapturesProcessed")}
    assert named <= tested
    assert {state for state, _ in AUTHORIZATIONS} == {state for state, _ in tested}


def test_expiry_is_told_of_an_open_authorization_only(make):
    still_open = make.authorization("Open")
    assert looked(make.picture(still_open)).authorization_expire_time == still_open.authorization.expire_time
    assert looked(make.picture(make.authorization("Closed", "SellerClosed"))).authorization_expire_time is None


@pytest.mark.parametrize("closing", ["ExpiredUnused", "SellerClosed", "OrderReferenceCanceled", "AmazonClosed"])
def test_closed_is_not_taken_for_paid_unless_money_was_captured(make, closing):
    """Woo issue 5: AmazonClosed is no payment, and neither is any other way to close."""
    assert looked(make.picture(make.authorization("Closed", closing))).captured_minor == 0
    captured = looked(make.picture(make.authorization("Closed", closing, make.capture())))
    assert (captured.status, captured.captured_minor) == (S.CAPTURED, 10_000)


# -- Captures ------------------------------------------------------------------------------------------------

CAPTURED = [
    ("Completed", "", S.CAPTURED, 10_000, None),
    ("Completed", "StopShipmentAtypicalAuth", S.CAPTURED, 10_000, None),
    ("Pending", "", S.AUTHORIZED, 0, Action.CAPTURE),
    ("Pending", "StopShipmentAtypicalAuth", S.AUTHORIZED, 0, Action.CAPTURE),
    ("Declined", "AmazonRejected", S.DECLINED, 0, None),
    ("Declined", "ProcessingFailure", S.DECLINED, 0, None),
    ("Closed", "MaxAmountRefunded", S.CAPTURED, 10_000, None),
    ("Closed", "MaxRefundsProcessed", S.CAPTURED, 10_000, None),
    ("Closed", "AmazonClosed", S.CAPTURED, 10_000, None),
]


@pytest.mark.parametrize(("state", "reason", "status", "captured", "under_way"), CAPTURED)
def test_authorization_closed_by_its_capture(make, state, reason, status, captured, under_way):
    view = make.authorization("Closed", "MaxCapturesProcessed", make.capture(state, reason))
    snapshot = looked(make.picture(view))
    assert (snapshot.status, amounts(snapshot)) == (status, (10_000, captured, 0))
    assert (snapshot.under_way, snapshot.reason_code) == (under_way, reason)


def test_every_line_of_the_capture_table_is_tested():
    tested = {(state, reason) for state, reason, *_ in CAPTURED}
    assert {key for key in CAPTURES if key[1] != "*"} <= tested
    assert {state for state, _ in CAPTURES} == {state for state, _ in tested}


def test_declined_capture_leaves_an_open_authorization_authorized(make):
    view = make.authorization("Open", "", make.capture("Declined", "AmazonRejected"))
    snapshot = looked(make.picture(view))
    assert (snapshot.status, amounts(snapshot)) == (S.AUTHORIZED, (10_000, 0, 0))


def test_pending_capture_of_an_open_authorization_is_under_way(make):
    snapshot = looked(make.picture(make.authorization("Open", "", make.capture("Pending"))))
    assert (snapshot.status, snapshot.under_way) == (S.AUTHORIZED, Action.CAPTURE)


@pytest.mark.parametrize("ghost", ["Pending", "Declined", "Completed"])
@pytest.mark.parametrize(
    ("state", "reason", "status"), [("Pending", "", S.PENDING), ("Declined", "AmazonRejected", S.DECLINED)]
)
def test_ghost_capture_of_an_asynchronous_immediate_capture_never_counts(make, ghost, state, reason, status):
    snapshot = looked(make.picture(make.authorization(state, reason, make.capture(ghost))))
    assert (snapshot.status, snapshot.captured_minor, snapshot.under_way) == (status, 0, None)
    assert not [role for role, _ in snapshot.references if role == "capture"]


def test_captured_amount_that_still_says_zero_does_not_hide_the_capture(make):
    """Right after an immediate capture the authorization says CapturedAmount 0: the capture itself counts."""
    view = make.authorization("Closed", "MaxCapturesProcessed", make.capture())
    assert looked(make.picture(view)).captured_minor == 10_000


def test_spent_authorization_without_a_capture_is_not_guessed_at(make):
    with pytest.raises(Undecidable, match="no capture is shown"):
        snapshot_of(make.picture(make.authorization("Closed", "MaxCapturesProcessed")), "USD")


def test_partial_capture_made_elsewhere_leaves_nothing_to_capture(make):
    view = make.authorization("Closed", "MaxCapturesProcessed", make.capture(amount=4_000))
    snapshot = looked(make.picture(view))
    assert (snapshot.status, amounts(snapshot)) == (S.CAPTURED, (10_000, 4_000, 0))


def test_capture_without_its_authorization_counts(make):
    view = make.authorization()._replace(authorization=None, captures=(make.capture(),))
    snapshot = looked(make.picture(view))
    assert (snapshot.status, amounts(snapshot)) == (S.CAPTURED, (10_000, 10_000, 0))


def test_refused_capture_without_its_authorization_tells_nothing(make):
    view = make.authorization()._replace(authorization=None, captures=(make.capture("Declined", "AmazonRejected"),))
    with pytest.raises(Undecidable):
        snapshot_of(make.picture(view), "USD")


# -- Refunds -------------------------------------------------------------------------------------------------


def refunded(make, *refunds, told=None):
    capture = make.capture("Completed", "", *refunds, refunded=told)
    return make.picture(make.authorization("Closed", "MaxCapturesProcessed", capture))


@pytest.mark.parametrize(
    ("state", "reason", "status", "back", "under_way"),
    [
        ("Pending", "", S.CAPTURED, 0, Action.REFUND),
        ("Completed", "", S.REFUNDED, 10_000, None),
        ("Completed", "AmazonA-ZRefund", S.REFUNDED, 10_000, None),
        ("Completed", "BuyerCanceled", S.REFUNDED, 10_000, None),
        ("Declined", "AmazonRejected", S.CAPTURED, 0, None),
        ("Declined", "ProcessingFailure", S.CAPTURED, 0, None),
    ],
)
def test_refund_of_the_whole_capture(make, state, reason, status, back, under_way):
    snapshot = looked(refunded(make, make.refund(state, reason)))
    assert (snapshot.status, amounts(snapshot)) == (status, (10_000, 10_000, back))
    assert snapshot.under_way is under_way


def test_refund_table_knows_three_states():
    assert {state for state, _ in REFUNDS} == {"Pending", "Completed", "Declined"}


def test_partial_refunds_add_up(make):
    first, second = make.refund(amount=1_000), make.refund(number=2, amount=2_500)
    snapshot = looked(refunded(make, first, second))
    assert (snapshot.status, snapshot.refunded_minor) == (S.PARTIALLY_REFUNDED, 3_500)


@pytest.mark.parametrize("told", [0, 6_000])
def test_pending_refund_never_counts_whichever_way_amazon_adds_it_up(make, told):
    snapshot = looked(refunded(make, make.refund("Pending", amount=6_000), told=told))
    assert (snapshot.refunded_minor, snapshot.under_way) == (0, Action.REFUND)


def test_refund_that_amazon_made_without_a_refund_of_ours_counts(make):
    """Disputes and A-to-z claims show in the capture's RefundedAmount only."""
    snapshot = looked(refunded(make, make.refund(amount=1_000), told=4_000))
    assert (snapshot.status, snapshot.refunded_minor) == (S.PARTIALLY_REFUNDED, 4_000)


def test_completed_refunds_count_though_the_captures_sum_lags(make):
    assert looked(refunded(make, make.refund(amount=3_000), told=0)).refunded_minor == 3_000


def test_dispute_beside_a_pending_refund_is_kept(make):
    snapshot = looked(refunded(make, make.refund("Pending", amount=5_000), told=2_000))
    assert snapshot.refunded_minor == 2_000


def test_more_refunded_than_captured_is_reported_as_it_is(make):
    """Amazon allows 15 % more; the engine shows it as an anomaly."""
    snapshot = snapshot_of(refunded(make, make.refund(amount=11_500)), "USD")
    assert (snapshot.status, snapshot.refunded_minor) == (S.REFUNDED, 11_500)
    assert snapshot.problem()


# -- Several authorizations ----------------------------------------------------------------------------------


def test_new_authorization_supersedes_a_declined_one(make):
    """Suspended, mended and authorized again: the decline is history."""
    views = (
        make.authorization("Open", number=2),
        make.authorization("Declined", "InvalidPaymentMethod", number=1),
    )
    snapshot = looked(make.picture(*views, order=make.order("Open")))
    assert (snapshot.status, snapshot.authorized_minor, snapshot.reason_code) == (S.AUTHORIZED, 10_000, "")
    assert snapshot.references[-1].value.endswith("A000002")


def test_captured_money_outweighs_a_newer_decline(make):
    paid = make.authorization("Closed", "MaxCapturesProcessed", make.capture(), number=1)
    snapshot = looked(make.picture(paid, make.authorization("Declined", "AmazonRejected", number=2)))
    assert (snapshot.status, amounts(snapshot)) == (S.CAPTURED, (10_000, 10_000, 0))
    named = [value for role, value in snapshot.references if role == "authorization"]
    assert named[-1].endswith("A000001")  # The one that counts is the one that is found last.


def test_of_dead_authorizations_the_newest_decides(make):
    older = make.authorization("Closed", "ExpiredUnused", number=1)
    newer = make.authorization("Closed", "SellerClosed", number=2)
    for views in ((older, newer), (newer, older)):
        assert looked(make.picture(*views)).status is S.VOIDED


def test_captured_part_and_a_new_authorization_for_the_rest(make):
    part = make.authorization("Closed", "MaxCapturesProcessed", make.capture(amount=4_000), number=1)
    rest = make.authorization("Open", number=2, amount=6_000)
    snapshot = looked(make.picture(part, rest))
    assert (snapshot.status, amounts(snapshot)) == (S.PARTIALLY_CAPTURED, (10_000, 4_000, 0))


def test_two_currencies_in_one_payment_are_not_added(make):
    capture = make.capture(currency="EUR")
    with pytest.raises(Undecidable, match="EUR, USD"):
        snapshot_of(make.picture(make.authorization("Closed", "MaxCapturesProcessed", capture)), "USD")


# -- Unknown words -------------------------------------------------------------------------------------------

UNKNOWN = [
    ("authorization", ("Frozen", ""), "Frozen"),
    ("authorization", ("Closed", "NewReason"), "NewReason"),
    ("authorization", ("Closed", ""), "no reason code"),
    ("authorization", ("Declined", "NewReason"), "NewReason"),
    ("capture", ("Reversed", ""), "Reversed"),
    ("capture", ("Closed", "NewReason"), "NewReason"),
    ("refund", ("Reversed", "X"), "Reversed"),
    ("order", ("Paused", ""), "Paused"),
]


@pytest.mark.parametrize(("kind", "words", "named"), UNKNOWN)
def test_unknown_word_is_named_and_never_guessed_at(make, kind, words, named):
    spent = ("Closed", "MaxCapturesProcessed")
    picture = {
        "authorization": lambda: make.picture(make.authorization(*words)),
        "capture": lambda: make.picture(make.authorization(*spent, make.capture(*words))),
        "refund": lambda: refunded(make, make.refund(*words)),
        "order": lambda: make.picture(order=make.order(*words)),
    }[kind]()
    with pytest.raises(Undecidable, match=named) as error:
        snapshot_of(picture, "USD")
    assert error.value.word == named


def test_unknown_state_of_the_order_behind_a_decline_is_named(make):
    picture = make.picture(make.authorization("Declined", "ProcessingFailure"), order=make.order("Paused"))
    with pytest.raises(Undecidable, match="Paused"):
        snapshot_of(picture, "USD")


# -- Results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "result"),
    [
        ("Completed", "", ResultState.SUCCEEDED),
        ("Closed", "MaxAmountRefunded", ResultState.SUCCEEDED),
        ("Closed", "AmazonClosed", ResultState.SUCCEEDED),
        ("Pending", "", ResultState.PENDING),
        ("Declined", "AmazonRejected", ResultState.DECLINED),
    ],
)
def test_result_of_a_capture(make, state, reason, result):
    found = capture_result(make.capture(state, reason).capture)
    assert (found.state, found.gateway_id, found.reason_code) == (
        result,
        "S01-1234567-1234567-C000001",
        reason,
    )


@pytest.mark.parametrize(
    ("state", "result"),
    [
        ("Pending", ResultState.PENDING),
        ("Completed", ResultState.SUCCEEDED),
        ("Declined", ResultState.DECLINED),
    ],
)
def test_result_of_a_refund(make, state, result):
    assert refund_result(make.refund(state)).state is result


@pytest.mark.parametrize("reason", ["SellerClosed", "OrderReferenceCanceled"])
def test_void_is_done_when_the_seller_closed_it(make, reason):
    found = void_result(make.authorization("Closed", reason))
    assert (found.state, found.reason_code) == (ResultState.SUCCEEDED, reason)


def test_void_does_not_pass_our_own_words_for_amazons(make):
    voided = make.authorization("Closed", "SellerClosed")
    ours = voided.authorization.status.description
    assert void_result(voided, ours).message == ""
    assert void_result(voided, "sold out").message == ours


@pytest.mark.parametrize("state", ["Open", "Pending"])
def test_void_left_no_trace_while_the_authorization_lives(make, state):
    assert void_result(make.authorization(state)) is None


def test_void_after_a_refused_capture_is_done(make):
    refused = make.capture("Declined", "AmazonRejected")
    assert void_result(make.authorization("Closed", "SellerClosed", refused)).state is ResultState.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "reason", "capture"),
    [
        ("Closed", "MaxCapturesProcessed", "Completed"),
        ("Closed", "MaxCapturesProcessed", "Pending"),
        ("Closed", "SellerClosed", "Completed"),
        ("Closed", "ExpiredUnused", None),
        ("Closed", "AmazonClosed", None),
        ("Declined", "AmazonRejected", None),
        ("Declined", "InvalidPaymentMethod", None),
    ],
)
def test_void_conflicts_with_any_other_end(make, state, reason, capture):
    captures = (make.capture(capture),) if capture else ()
    with pytest.raises(StateConflict):
        void_result(make.authorization(state, reason, *captures))
