"""`run`, against a scripted service: what becomes of lines whose order the shop changed, or that a policy limits."""

import csv
import json

import pytest
from typer.testing import CliRunner

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Money
from payment_actions_server.cli import app

WHOLE = Money(currency_code="USD", units=129, nanos=900_000_000)
ADVICE = {
    "ORDER_CANCELLED": "Void them",
    "ORDER_CHANGED": "Read each again with show",
    "ORDER_TOTAL_INVALID": "or void these orders",
}


@pytest.fixture
def run(server, tmp_path):
    def run(rows, *arguments):
        source = tmp_path / "orders.csv"
        with source.open("w", newline="") as file:
            csv.writer(file).writerows([("order_id", "amount"), *rows])
        options = ["--store", "eu-shop", "--from", str(source), *arguments]
        return CliRunner().invoke(app, ["--server", server.target, "run", *options])

    return run


@pytest.fixture
def results(tmp_path):
    def results():
        with (tmp_path / "orders.results.csv").open(newline="") as file:
            return {row["order_id"]: row for row in csv.DictReader(file)}

    return results


def refused(make, reason, **metadata):
    return pb.RunActionsResponse(error=make.failure(reason, f"{reason} it is.", **metadata).status())


@pytest.mark.parametrize("reason", ADVICE)
def test_a_line_whose_order_the_shop_changed_is_refused_once_with_what_to_do(run, results, service, make, reason):
    service.items = {"1": refused(make, reason), "2": pb.RunActionsResponse(operation=make.operation())}
    for _ in range(2):
        ended = run([("1", ""), ("2", "")], "--action", "capture", "--yes")
        assert ended.exit_code == 9
        assert f"1 {reason}. " in ended.stderr
        assert ADVICE[reason] in ended.stderr
    assert [row["state"] for row in results().values()] == ["REFUSED", "SUCCEEDED"]
    assert len(service.requests("RunActions")) == 1


def test_a_line_whose_shop_could_not_be_asked_goes_on_under_the_same_request_id(run, results, service, make):
    service.items = {"1": refused(make, "PLATFORM_UNAVAILABLE", store="eu-shop")}
    assert run([("1", "")], "--action", "capture", "--yes").exit_code == 7
    assert results()["1"]["state"] == "UNAVAILABLE"
    service.items = {"1": pb.RunActionsResponse(operation=make.operation())}
    assert run([("1", "")], "--action", "capture", "--yes").exit_code == 0
    first, second = (request.items[0].request_id for request in service.requests("RunActions"))
    assert first == second


def test_a_dry_run_tells_lines_that_ask_for_more_than_a_policy_allows_as_refused(run, service):
    why = "Support refunds at most 20.00 USD."
    most = Money(currency_code="USD", units=20)
    offer = pb.AvailableAction(action=pb.ACTION_REFUND, amount=WHOLE, amount_max=most, amount_max_reason=why)
    service.items = dict.fromkeys("123", pb.RunActionsResponse(preview=offer))
    rows = [("1", ""), ("2", "20.00 USD"), ("3", "20.01 USD")]
    ended = run(rows, "--action", "refund", "--dry-run", "--json")
    *lines, summary = map(json.loads, ended.stdout.splitlines())
    assert (ended.exit_code, summary["summary"]["possible"]) == (9, 1)
    told = {line["orderId"]: line.get("message", "") for line in lines if line["state"] == "REFUSED"}
    assert told.keys() == {"1", "3"}
    assert all(f"At most 20.00 USD: {why}" in message for message in told.values())
