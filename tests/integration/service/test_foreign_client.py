"""A client that knows nothing of us but reflection: `buf curl` reads, captures, and is refused with reasons."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

BUF = str(Path(sys.executable).parent / "buf")


@pytest.fixture
def call(shopfront):
    """Call a method with a JSON request; return (succeeded, answer)."""

    def curl(method, **request):
        url = f"http://{shopfront.stage.target}/payment_actions.v1.PaymentActions/{method}"
        command = [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", json.dumps(request), url]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, cwd=shopfront.stage.folder
        )
        return done.returncode == 0, json.loads(done.stdout or done.stderr)

    return curl


def info(answer):
    """Return the ErrorInfo of an error."""
    values = [detail["value"] for detail in answer["details"] if detail["type"] == "google.rpc.ErrorInfo"]
    assert len(values) == 1
    read = ErrorInfo.FromString(base64.b64decode(values[0] + "=="))
    assert read.domain == "payment-actions"
    return read


def asked(order, **fields):
    return {"store": order.store, "orderId": order.order_id} | fields


def test_it_reads_a_payment_and_captures_it(shopfront, call):
    order = shopfront.order()
    read, answer = call("GetPayment", **asked(order))
    assert read
    assert answer["payment"]["status"] == "PAYMENT_STATUS_AUTHORIZED"
    captured, answer = call("CapturePayment", **asked(order, requestId="from-buf"))
    assert captured
    assert answer["operation"]["state"] == "OPERATION_STATE_SUCCEEDED"
    shopfront.at_rest(order, "CAPTURED")
    assert shopfront.effects(order) == ["capture"]


def refusal(call, method, **request):
    succeeded, answer = call(method, **request)
    assert not succeeded
    return answer


def test_a_partial_amount_is_refused_with_the_advice(shopfront, call):
    order = shopfront.order()
    amount = {"currencyCode": "EUR", "units": "10"}
    answer = refusal(call, "CapturePayment", **asked(order, requestId="r", amount=amount))
    assert info(answer).reason == "PARTIAL_AMOUNT_NOT_SUPPORTED"
    assert answer["code"] == "invalid_argument"
    assert "void this order and have the customer place it again" in answer["message"]


def test_an_action_that_is_not_offered_is_refused_and_says_what_is(shopfront, call):
    order = shopfront.order()
    answer = refusal(call, "RefundPayment", **asked(order, requestId="r"))
    assert info(answer).reason == "ACTION_NOT_AVAILABLE"
    assert info(answer).metadata["available_actions"] == "CAPTURE,VOID"
    assert answer["code"] == "failed_precondition"


def test_a_reused_request_id_is_refused(shopfront, call):
    first, second = shopfront.order(), shopfront.order()
    assert call("CapturePayment", **asked(first, requestId="twice"))[0]
    answer = refusal(call, "CapturePayment", **asked(second, requestId="twice"))
    assert info(answer).reason == "REQUEST_ID_REUSED"
    assert shopfront.effects(second) == []


def test_an_unknown_store_and_an_unknown_order_are_told_apart(shopfront, call):
    order = shopfront.order()
    answer = refusal(call, "GetPayment", store="nowhere", orderId=order.order_id)
    assert (info(answer).reason, answer["code"]) == ("STORE_NOT_FOUND", "not_found")
    answer = refusal(call, "GetPayment", store=order.store, orderId="999999")
    assert (info(answer).reason, answer["code"]) == ("ORDER_NOT_FOUND", "not_found")


def test_a_wrong_etag_is_refused(shopfront, call):
    order = shopfront.order()
    answer = refusal(call, "CapturePayment", **asked(order, requestId="e", etag='"99"'))
    assert (info(answer).reason, answer["code"]) == ("ETAG_MISMATCH", "aborted")


def test_another_currency_is_refused(shopfront, call):
    order = shopfront.order()
    amount = {"currencyCode": "USD", "units": "129", "nanos": 900000000}
    answer = refusal(call, "CapturePayment", **asked(order, requestId="c", amount=amount))
    assert (info(answer).reason, answer["code"]) == ("CURRENCY_MISMATCH", "invalid_argument")
    assert shopfront.effects(order) == []
