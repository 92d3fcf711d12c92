"""Our requests are, byte for byte, what Amazon's own SDK sends."""

import hmac
from datetime import datetime
from types import SimpleNamespace

import pytest
from amazon_pay import payment_request
from hypothesis import given
from hypothesis import strategies as st

from payment_actions_amazon_pay.signature import canonical_query, sign, signed_form, string_to_sign

URL = "https://mws-eu.amazonservices.com/OffAmazonPayments_Sandbox/2013-01-01"
COMMON = {
    "AWSAccessKeyId": "AKIA1234",
    "SellerId": "A1SELLER",
    "SignatureMethod": "HmacSHA256",
    "SignatureVersion": "2",
    "Timestamp": "2026-01-02T03:04:05Z",
    "Version": "2013-01-01",
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


class FrozenClock:
    @staticmethod
    def utcnow():
        return datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the SDK does


def sdk_form(parameters, secret, url=URL):
    config = {
        "mws_access_key": COMMON["AWSAccessKeyId"],
        "mws_secret_key": secret,
        "merchant_id": COMMON["SellerId"],
        "handle_throttle": False,
        "api_version": COMMON["Version"],
        "mws_endpoint": url,
        "headers": {},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payment_request, "datetime", SimpleNamespace(datetime=FrozenClock))
        return payment_request.PaymentRequest(parameters, config)._querystring(parameters)


@given(st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9.]{0,20}", fullmatch=True), texts, max_size=6), texts)
def test_form_equals_the_official_sdk_for_any_text(parameters, secret):
    parameters = {name: value for name, value in parameters.items() if name not in COMMON}
    parameters.pop("Signature", None)
    assert signed_form(URL, {**parameters, **COMMON}, secret) == sdk_form(parameters, secret)


@pytest.mark.parametrize("note", ["a b", "~", "*", "+", "a=b&c", "Grüße, 東京 €", "%20", "line\nbreak", ""])
def test_form_equals_the_official_sdk_for_awkward_notes(note):
    parameters = {"Action": "Capture", "SellerCaptureNote": note, "CaptureAmount.Amount": "129.90"}
    assert signed_form(URL, {**parameters, **COMMON}, "secret key/+=") == sdk_form(parameters, "secret key/+=")


def test_form_equals_the_official_sdk_at_an_endpoint_with_a_port():
    url = "http://127.0.0.1:8900/OffAmazonPayments_Sandbox/2013-01-01"
    assert signed_form(url, COMMON, "secret") == sdk_form({}, "secret", url)


def test_only_unreserved_characters_are_signed_as_they_are():
    assert canonical_query({"N": "aZ09-_.~ +*/é"}) == "N=aZ09-_.~%20%2B%2A%2F%C3%A9"


def test_names_are_sorted_in_byte_order():
    assert canonical_query({"b": "1", "B": "2", "a": "3", "A.b": "4", "A": "5"}) == "A=5&A.b=4&B=2&a=3&b=1"


def test_host_is_signed_in_lower_case_with_its_port():
    assert string_to_sign("POST", "http://LOCALHOST:81/p", {"A": "1"}) == "POST\nlocalhost:81\n/p\nA=1"


def test_one_changed_byte_changes_the_signature():
    text = string_to_sign("POST", URL, COMMON)
    assert not hmac.compare_digest(sign(text, "secret"), sign(text, "secreT"))
    assert not hmac.compare_digest(sign(text, "secret"), sign(text + " ", "secret"))
