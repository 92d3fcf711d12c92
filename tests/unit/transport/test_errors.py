"""The table of errors, held against the contract and the design."""

import re
from pathlib import Path

import grpc
import pytest

from payment_actions.v1 import error_reason_pb2
from payment_actions_server.domain import errors as domain
from payment_actions_server.domain.errors import ErrorReason, PaymentActionsError
from payment_actions_server.transport import errors

CONTRACT = Path(__file__).parents[3] / "proto/payment_actions/v1/error_reason.proto"


def promised():
    """Yield each reason of the contract with the code that its comment names."""
    for comment, name in re.findall(r"((?: *//.*\n)+) *ERROR_REASON_(\w+) = [1-9]", CONTRACT.read_text()):
        yield name, re.search(r"Code\s+(?://\s+)?([A-Z_]+)\.", comment).group(1)


def test_contract_domain_and_table_name_the_same_reasons():
    contract = {name.removeprefix("ERROR_REASON_") for name, number in error_reason_pb2.ErrorReason.items() if number}
    assert contract == {reason.value for reason in ErrorReason} == {reason.value for reason in errors.CODES}


@pytest.mark.parametrize(("reason", "code"), list(promised()))
def test_each_reason_has_the_code_that_the_contract_promises(reason, code):
    assert errors.CODES[ErrorReason(reason)].name == code


def test_the_contract_promises_a_code_for_every_reason():
    assert {name for name, _ in promised()} == {reason.value for reason in ErrorReason}


def error_classes():
    return [kind for kind in vars(domain).values() if isinstance(kind, type) and hasattr(kind, "reason")]


def test_every_reason_has_an_error():
    assert {kind.reason for kind in error_classes()} == set(ErrorReason)


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_becomes_a_status_with_its_reason(kind):
    more = {"retry_after_seconds": 1.0} if kind is domain.GatewayThrottled else {}
    status = errors.to_status(kind("Asked, so, do.", action="CAPTURE", **more))
    info = errors.error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain, info.metadata["action"]) == (kind.reason, "payment-actions", "CAPTURE")
    assert errors.GRPC_CODES[status.code] is errors.CODES[kind.reason]
    assert status.message == "Asked, so, do."


def test_all_broken_rules_are_named_up_to_a_bound():
    error = errors.InvalidFields([errors.Violation(f"f{n}", "right") for n in range(20)])
    bad = errors.error_details_pb2.BadRequest()
    assert errors.to_status(error).details[1].Unpack(bad)
    assert [one.field for one in bad.field_violations] == [f"f{n}" for n in range(errors.VIOLATIONS_MAX)]
    assert error.metadata == {"field": "f0", "rule": "right"}


def test_the_longest_error_fits_into_what_any_client_accepts():
    metadata = {f"k{n}": "ü" * 10_000 for n in range(4)}
    status = errors.to_status(domain.OrderNotFound("ü" * 10_000, **metadata))
    # On the wire: base64 in one header, percent-encoding in the other.
    assert len(status.SerializeToString()) * 4 // 3 + len(status.message.encode()) * 3 < 8 * 1024


def test_our_own_mistake_has_no_reason_of_the_contract():
    status = errors.internal("abc")
    assert errors.GRPC_CODES[status.code] is grpc.StatusCode.INTERNAL
    assert [detail.TypeName() for detail in status.details] == ["google.rpc.RequestInfo"]


def test_an_error_of_the_engine_names_the_field_it_names():
    error = domain.InvalidRequest("No.", field="page_token", rule="ours")
    bad = errors.error_details_pb2.BadRequest()
    assert errors.to_status(error).details[1].Unpack(bad)
    assert bad.field_violations[0].field == "page_token"
    assert isinstance(error, PaymentActionsError)
