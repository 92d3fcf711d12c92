from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest

SECRET = b"demo-secret-key-for-development-only"


def _signed(process, verb, path, digest="sha256", **more):
    """Sign as a client of any language would, without the SDK."""
    parameters = {
        "AWSAccessKeyId": "demo-access-key",
        "Action": "GetServiceStatus",
        "SellerId": "A1DEMOSELLER",
        "SignatureMethod": {"sha256": "HmacSHA256", "sha1": "HmacSHA1"}[digest],
        "SignatureVersion": "2",
        "Timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "Version": "2013-01-01",
        **more,
    }
    host = process.url.removeprefix("http://")
    joined = urlencode(sorted(parameters.items()), quote_via=quote, safe="~")
    text = f"{verb}\n{host}\n{path}\n{joined}"
    signature = hmac.digest(SECRET, text.encode(), getattr(hashlib, digest))
    return {**parameters, "Signature": base64.b64encode(signature).decode()}


@pytest.mark.parametrize("ending", ["", "/"])
@pytest.mark.parametrize("digest", ["sha256", "sha1"])
def test_get_with_a_query_is_served_with_and_without_a_trailing_slash(process, http, control, ending, digest):
    path = process.ready["sandbox_path"] + ending
    query = _signed(process, "GET", path, digest)
    assert http.get(process.url + path, params=query).status_code == 200


def test_one_flipped_byte_in_the_body_is_refused(process, http, control):
    path = process.ready["live_path"]
    form = _signed(process, "POST", path, MWSAuthToken="abc")
    answers = [http.post(process.url + path, data=form | change) for change in ({}, {"MWSAuthToken": "abd"})]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert "<Code>SignatureDoesNotMatch</Code>" in answers[1].text


def test_one_flipped_byte_in_the_secret_is_refused(shop, error_code):
    shop.sdk.mws_secret_key = "demo-secret-key-for-development-onlz"
    assert error_code(shop.sdk.get_service_status()) == "SignatureDoesNotMatch"


def test_other_host_than_the_signed_one_is_refused(process, http, control):
    path = process.ready["sandbox_path"]
    form = _signed(process, "POST", path)
    port = process.url.rpartition(":")[2]
    answer = http.post(f"http://localhost:{port}{path}", data=form)
    assert answer.status_code == 403


def test_repeated_parameter_is_refused(process, http, control):
    path = process.ready["sandbox_path"]
    form = _signed(process, "POST", path)
    answer = http.post(f"{process.url}{path}?Action=Refund", data=form)
    assert (answer.status_code, "InvalidParameterValue" in answer.text) == (400, True)


def test_unknown_key_and_other_sellers_key_are_refused(shop, error_code):
    shop.sdk.mws_access_key = "nobody"
    assert error_code(shop.sdk.get_service_status()) == "InvalidAccessKeyId"
    shop.sdk.mws_access_key, shop.sdk.mws_secret_key = "other-access-key", "other-secret-key"
    assert error_code(shop.sdk.get_service_status()) == "UnauthorizedAccess"


def test_signatures_are_held_against_real_time_not_the_virtual_clock(shop, control):
    control("POST", "clock/advance", days=30)
    assert shop.sdk.get_service_status().success


def test_unknown_action_is_refused(process, http, control):
    path = process.ready["sandbox_path"]
    form = _signed(process, "POST", path, Action="PrintMoney")
    answer = http.post(process.url + path, data=form)
    assert (answer.status_code, "InvalidParameterValue" in answer.text) == (400, True)


def test_call_log_never_shows_keys_or_signatures(shop, control):
    shop.sdk.mws_secret_key = "wrong-secret"
    shop.sdk.get_service_status()
    log = control.ask("GET", "calls").text
    assert "SignatureDoesNotMatch" in log
    assert all(secret not in log for secret in ("access-key", "secret", '"Signature"'))
