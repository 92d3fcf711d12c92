from __future__ import annotations

import json

import pytest

from payment_actions_amazon_pay.simulator.states import Reason, State


def test_declined_authorization_may_be_soft(shop, simulate):
    note = simulate(State.DECLINED, Reason.INVALID_PAYMENT_METHOD, SoftDecline="true")
    details = shop.call("Authorize", **shop.authorize_values(shop.order(), SellerAuthorizationNote=note))
    assert details["AuthorizationStatus"]["ReasonCode"] == "InvalidPaymentMethod"
    assert details["SoftDecline"] == "true"


@pytest.mark.parametrize("reason", [Reason.AMAZON_REJECTED, Reason.TRANSACTION_TIMED_OUT])
def test_authorization_declines_as_asked(shop, simulate, reason):
    note = simulate(State.DECLINED, reason)
    authorization = shop.authorize(shop.order(), SellerAuthorizationNote=note)
    assert shop.stands(authorization) == (State.DECLINED, reason)


def test_asynchronous_authorization_closes_as_asked_when_it_is_due(shop, simulate):
    note = simulate(State.CLOSED, Reason.AMAZON_CLOSED)
    authorization = shop.authorize(shop.order(), SellerAuthorizationNote=note, TransactionTimeout="60")
    assert shop.stands(authorization) == (State.PENDING, Reason.NONE)
    shop.wait(seconds=30)
    assert shop.stands(authorization) == (State.CLOSED, Reason.AMAZON_CLOSED)


def test_authorization_expires_early_as_asked(shop, simulate):
    note = simulate(State.CLOSED, Reason.EXPIRED_UNUSED, ExpirationTimeInMins=10)
    authorization = shop.authorize(shop.order(), SellerAuthorizationNote=note)
    assert shop.stands(authorization) == (State.OPEN, Reason.NONE)
    shop.wait(minutes=10)
    assert shop.stands(authorization) == (State.CLOSED, Reason.EXPIRED_UNUSED)


@pytest.mark.parametrize(
    ("asked", "at_once", "later"),
    [
        ((State.PENDING, Reason.NONE), State.PENDING, (State.COMPLETED, Reason.NONE)),
        ((State.DECLINED, Reason.AMAZON_REJECTED), State.DECLINED, (State.DECLINED, Reason.AMAZON_REJECTED)),
        ((State.CLOSED, Reason.AMAZON_CLOSED), State.CLOSED, (State.CLOSED, Reason.AMAZON_CLOSED)),
    ],
)
def test_capture_does_as_asked(shop, simulate, asked, at_once, later):
    capture = shop.capture(shop.authorize(shop.order()), SellerCaptureNote=simulate(*asked))
    assert shop.stands(capture)[0] is at_once
    shop.wait(seconds=30)
    assert shop.stands(capture) == later


def test_refund_declines_as_asked(shop, simulate):
    note = simulate(State.DECLINED, Reason.AMAZON_REJECTED)
    refund = shop.refund(shop.captured(), SellerRefundNote=note)
    assert shop.stands(refund) == (State.PENDING, Reason.NONE)
    shop.wait(seconds=30)
    assert shop.stands(refund) == (State.DECLINED, Reason.AMAZON_REJECTED)


@pytest.mark.parametrize(
    "wanted",
    [
        {"State": "Declined"},
        {"State": "Declined", "ReasonCode": "ProcessingFailure"},
        {"State": "Declined", "ReasonCode": "AmazonRejected", "SoftDecline": "true"},
        {"State": "Open"},
        {"State": "Nonsense", "ReasonCode": "AmazonRejected"},
        {"State": "Closed", "ReasonCode": "ExpiredUnused", "ExpirationTimeInMins": 0},
        {"Constraint": "PaymentMethodNotAllowed"},
        {},
        "Declined",
    ],
    ids=str,
)
def test_combination_amazon_does_not_list_is_refused(shop, wanted):
    note = json.dumps({"SandboxSimulation": wanted})
    values = shop.authorize_values(shop.order(), SellerAuthorizationNote=note)
    assert shop.refused("Authorize", **values) == "InvalidSandboxSimulationSpecified"


def test_capture_now_cannot_expire_unused(shop, simulate):
    note = simulate(State.CLOSED, Reason.EXPIRED_UNUSED, ExpirationTimeInMins=10)
    values = shop.authorize_values(shop.order(), SellerAuthorizationNote=note, CaptureNow="true")
    assert shop.refused("Authorize", **values) == "InvalidSandboxSimulationSpecified"


@pytest.mark.parametrize("note", ["thank you", '{"order": 7}', "[1]", "12"])
def test_ordinary_note_simulates_nothing(shop, note):
    authorization = shop.authorize(shop.order(), SellerAuthorizationNote=note)
    assert shop.stands(authorization) == (State.OPEN, Reason.NONE)


def test_live_environment_ignores_simulation_strings(live_shop, simulate):
    note = simulate(State.DECLINED, Reason.AMAZON_REJECTED)
    authorization = live_shop.authorize(live_shop.order(), SellerAuthorizationNote=note)
    assert live_shop.stands(authorization) == (State.OPEN, Reason.NONE)
