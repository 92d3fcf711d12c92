from __future__ import annotations

import pytest

from payment_actions_amazon_pay.simulator.objects import Environment
from payment_actions_amazon_pay.simulator.states import PERMITS, Kind, Reason, State


def _set_values(order, note="", amount="10.00"):
    return {
        "AmazonOrderReferenceId": order,
        "OrderReferenceAttributes__OrderTotal__Amount": amount,
        "OrderReferenceAttributes__OrderTotal__CurrencyCode": "USD",
        "OrderReferenceAttributes__SellerNote": note,
    }


def test_draft_without_a_total_cannot_be_confirmed(shop):
    order = shop.draft()
    assert shop.refused("ConfirmOrderReference", AmazonOrderReferenceId=order) == "ConstraintsExist"
    shop.call("SetOrderReferenceDetails", **_set_values(order))
    shop.call("ConfirmOrderReference", AmazonOrderReferenceId=order)
    assert shop.stands(order) == (State.OPEN, Reason.NONE)


def test_simulated_constraint_stands_until_the_note_is_overwritten(shop):
    order = shop.draft()
    note = '{"SandboxSimulation":{"Constraint":"PaymentMethodNotAllowed"}}'
    details = shop.call("SetOrderReferenceDetails", **_set_values(order, note))
    assert details["Constraints"]["Constraint"]["ConstraintID"] == "PaymentMethodNotAllowed"
    assert shop.refused("ConfirmOrderReference", AmazonOrderReferenceId=order) == "ConstraintsExist"
    assert "Constraints" not in shop.call("SetOrderReferenceDetails", **_set_values(order))
    shop.call("ConfirmOrderReference", AmazonOrderReferenceId=order)


def test_confirmed_order_reference_is_not_modifiable(shop):
    order = shop.order()
    for action, values in (
        ("SetOrderReferenceDetails", _set_values(order)),
        ("ConfirmOrderReference", {"AmazonOrderReferenceId": order}),
    ):
        assert shop.refused(action, **values) == "OrderReferenceNotModifiable"


def test_order_confirmed_for_immediate_authorization_closes_without_one(shop):
    used, unused = shop.draft("10.00"), shop.draft("10.00")
    for order in (used, unused):
        values = {"AmazonOrderReferenceId": order, "ExpectImmediateAuthorization": "true"}
        shop.call("ConfirmOrderReference", **values)
    shop.authorize(used, "10.00")
    shop.wait(minutes=60)
    assert (shop.stands(used)[0], shop.stands(unused)[0]) == (State.OPEN, State.CLOSED)


def test_cancel_closes_every_open_authorization(shop):
    order = shop.order()
    authorizations = [shop.authorize(order, "10.00"), shop.authorize(order, "5.00", TransactionTimeout="60")]
    shop.call("CancelOrderReference", AmazonOrderReferenceId=order)
    closed = (State.CLOSED, Reason.ORDER_REFERENCE_CANCELED)
    assert [shop.stands(each) for each in authorizations] == [closed, closed]


@pytest.mark.parametrize("outcome", [State.COMPLETED, State.PENDING])
def test_cancel_is_refused_once_there_is_a_capture(shop, outcome):
    order = shop.order()
    shop.plan("Capture", outcome)
    shop.capture(shop.authorize(order))
    assert shop.refused("CancelOrderReference", AmazonOrderReferenceId=order) == "InvalidCancelAttempt"


def test_cancel_is_allowed_after_a_declined_capture(shop):
    order = shop.order()
    shop.plan("Capture", State.DECLINED, Reason.AMAZON_REJECTED)
    shop.capture(shop.authorize(order))
    shop.call("CancelOrderReference", AmazonOrderReferenceId=order)
    assert shop.stands(order) == (State.CANCELED, Reason.SELLER_CANCELED)


def test_closed_order_still_captures_but_does_not_authorize(shop):
    order = shop.order()
    authorization = shop.authorize(order, "50.00")
    shop.call("CloseOrderReference", AmazonOrderReferenceId=order)
    values = shop.authorize_values(order, "1.00")
    assert shop.refused("Authorize", **values) == "InvalidOrderReferenceStatus"
    shop.refund(shop.capture(authorization, "50.00"), "50.00")


def test_suspended_order_captures_what_it_has_and_opens_again(shop, simulate):
    order = shop.order()
    authorization = shop.authorize(order, "50.00")
    note = simulate(State.DECLINED, Reason.INVALID_PAYMENT_METHOD, PaymentMethodUpdateTimeInMins=5)
    shop.authorize(order, "10.00", SellerAuthorizationNote=note)
    assert shop.refused("Authorize", **shop.authorize_values(order, "1.00")) == "InvalidOrderReferenceStatus"
    shop.capture(authorization, "50.00")
    shop.wait(minutes=5)
    assert shop.stands(order) == (State.OPEN, Reason.NONE)


# Where each call may not go, with the code that says so: the table, walked by hand once.
NOT_IN = {
    "SetOrderReferenceDetails": {State.OPEN, State.SUSPENDED, State.CANCELED, State.CLOSED},
    "ConfirmOrderReference": {State.OPEN, State.SUSPENDED, State.CANCELED, State.CLOSED},
    "Authorize": {State.DRAFT, State.SUSPENDED, State.CANCELED, State.CLOSED},
    "CancelOrderReference": {State.DRAFT, State.CANCELED, State.CLOSED},
    "CloseOrderReference": {State.DRAFT, State.CANCELED, State.CLOSED},
    "Capture": {State.PENDING, State.DECLINED, State.CLOSED},
    "CloseAuthorization": {State.DECLINED, State.CLOSED},
    "Refund": {State.PENDING, State.DECLINED, State.CLOSED},
}
STATES = {
    Kind.ORDER_REFERENCE: {State.DRAFT, State.OPEN, State.SUSPENDED, State.CANCELED, State.CLOSED},
    Kind.AUTHORIZATION: {State.PENDING, State.OPEN, State.DECLINED, State.CLOSED},
    Kind.CAPTURE: {State.PENDING, State.COMPLETED, State.DECLINED, State.CLOSED},
}


def test_permits_are_what_the_reference_says():
    refused = {action: STATES[permit.kind] - permit.states for action, permit in PERMITS.items()}
    assert refused == NOT_IN


def test_unknown_and_foreign_ids_are_invalid(shop):
    unknown = "S01-0000000-0000000"
    refusal = shop.refused("GetOrderReferenceDetails", AmazonOrderReferenceId=unknown)
    assert refusal == "InvalidOrderReferenceId"
    refusal = shop.refused("GetCaptureDetails", AmazonCaptureId=f"{unknown}-C000000")
    assert refusal == "InvalidTransactionId"
    order = shop.order()
    shop.thing(order).seller_id = "A2OTHER"
    refusal = shop.refused("CloseOrderReference", AmazonOrderReferenceId=order)
    assert refusal == "InvalidOrderReferenceId"


def test_id_of_the_other_environment_is_an_internal_error(open_shop):
    live, sandbox = open_shop(Environment.LIVE), open_shop(Environment.SANDBOX)
    order = live.order()
    assert (order[0], sandbox.order()[0]) == ("P", "S")
    refusal = sandbox.refused("GetOrderReferenceDetails", AmazonOrderReferenceId=order)
    assert refusal == "InternalServerError"


def test_buyer_shows_only_with_the_token_until_confirmed(shop):
    order = shop.draft("10.00")
    token = shop.thing(order).address_consent_token

    def shown(**tokens):
        return "Buyer" in shop.call("GetOrderReferenceDetails", AmazonOrderReferenceId=order, **tokens)

    assert [shown(), shown(AddressConsentToken=token), shown(AccessToken=token)] == [False, True, True]
    shop.call("ConfirmOrderReference", AmazonOrderReferenceId=order)
    assert shown()


def test_wrong_or_double_token_is_refused(shop):
    values = {"AmazonOrderReferenceId": shop.draft(), "AddressConsentToken": "wrong"}
    assert shop.refused("GetOrderReferenceDetails", **values) == "InvalidAddressConsentToken"
    values["AccessToken"] = "wrong"
    assert shop.refused("GetOrderReferenceDetails", **values) == "InvalidParameterValue"
