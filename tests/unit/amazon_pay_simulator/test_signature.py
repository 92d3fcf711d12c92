"""Signature Version 2, held against what Amazon's own SDK signs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from amazon_pay.payment_request import PaymentRequest

from payment_actions_amazon_pay.simulator.refusals import Refusal
from payment_actions_amazon_pay.simulator.signature import Account, authenticate, string_to_sign

ACCOUNT = Account("A1", "key", "secret")
PATH = "/OffAmazonPayments_Sandbox/2013-01-01"


def _sdk_parameters(**more):
    config = {
        "mws_access_key": ACCOUNT.access_key,
        "mws_secret_key": ACCOUNT.secret_key,
        "merchant_id": ACCOUNT.seller_id,
        "handle_throttle": False,
        "api_version": "2013-01-01",
        "mws_endpoint": f"http://localhost:8900{PATH}",
        "headers": {},
    }
    parameters = {"Action": "GetServiceStatus", "Note": "a b~c*d+e/é&=%", **more}
    body = PaymentRequest(parameters, config)._querystring(parameters)
    return dict(parse_qsl(body.decode()))


def _authenticate(parameters, *, host="localhost:8900", path=PATH, verb="POST", late=timedelta(0), account=ACCOUNT):
    accounts = {account.access_key: account}
    return authenticate(accounts, parameters, verb=verb, host=host, path=path, real_now=datetime.now(UTC) + late)


def test_what_the_sdk_signs_is_accepted_whatever_the_hosts_case():
    assert _authenticate(_sdk_parameters(), host="LOCALHOST:8900") == ACCOUNT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"host": "localhost:8901"}, "SignatureDoesNotMatch"),
        ({"host": "localhost"}, "SignatureDoesNotMatch"),
        ({"path": f"{PATH}/"}, "SignatureDoesNotMatch"),
        ({"verb": "GET"}, "SignatureDoesNotMatch"),
        ({"account": Account("A1", "key", "secreT")}, "SignatureDoesNotMatch"),
        ({"account": Account("A1", "other", "secret")}, "InvalidAccessKeyId"),
        ({"account": Account("A2", "key", "secret")}, "UnauthorizedAccess"),
        ({"late": timedelta(minutes=16)}, "RequestExpired"),
        ({"late": timedelta(minutes=-16)}, "RequestExpired"),
    ],
)
def test_one_difference_is_refused(change, code):
    with pytest.raises(Refusal) as refusal:
        _authenticate(_sdk_parameters(), **change)
    assert refusal.value.code == code


@pytest.mark.parametrize("name", ["AWSAccessKeyId", "SellerId", "Signature"])
def test_unsigned_call_is_refused(name):
    parameters = _sdk_parameters()
    del parameters[name]
    with pytest.raises(Refusal) as refusal:
        _authenticate(parameters)
    assert refusal.value.code == "MissingAuthenticationToken"


def test_every_single_parameter_is_signed():
    parameters = _sdk_parameters()
    for name in set(parameters) - {"AWSAccessKeyId", "SellerId", "SignatureMethod", "SignatureVersion"}:
        changed = parameters | {name: parameters[name] + "x"}
        with pytest.raises(Refusal) as refusal:
            _authenticate(changed)
        assert refusal.value.code == "SignatureDoesNotMatch", name


def test_canonical_text_is_sorted_by_byte_and_encoded_anew():
    text = string_to_sign("POST", "Host:1", "/p", {"b": "x y", "B": "*~", "a": "é", "Signature": "no"})
    assert text == "POST\nhost:1\n/p\nB=%2A~&a=%C3%A9&b=x%20y"
