"""The simulator's control interface, its faults and its process."""

import signal
import subprocess
import sys
import time

import httpx
import pytest


def test_an_order_shows_who_wrote_what_over_either_api(shop):
    shop.create(payment_status="Q")
    shop.update(1, payment_status="A", amazon={"authorization": "S02-1-A1"})
    shop.rest("PUT", "orders/1/payment_status", json={"code": "P"})
    shop.legacy(_path="order/1", _method="put", **{"model[paymentStatus][code]": "R"})
    order = shop.order(1)
    assert [(w["who"], w["before"], w["after"]) for w in order["writes"]] == [
        ("checkout module", "Q", "A"), ("write token", "A", "P"), ("write key", "P", "R"),
    ]  # fmt: skip
    assert order["amazon"] == {"authorization": "S02-1-A1"}


def test_a_write_that_changes_nothing_is_logged_as_such(shop):
    shop.create(payment_status="P")
    shop.rest("PUT", "orders/1/payment_status", json={"code": "P"})
    assert [write["changed"] for write in shop.writes()] == [False]
    assert shop.order(1)["history"] == []


@pytest.mark.parametrize(
    "order",
    [
        {"payment_status": "Z"}, {"total": "ten"}, {"total": "-1"}, {"storage": "drawer"},
        {"amazon": {"charge": "1"}}, {"colour": "red"}, {"currency": 5},
        {"backend_transactions": [{"type": "gift", "value": "1"}]},
        {"backend_transactions": "refund"}, {"payment_status": ["A"]}, {"create_date": "today"},
    ],
)  # fmt: skip
def test_an_order_that_makes_no_sense_is_refused(shop, order):
    assert shop.http.post("control/orders", json=order).status_code == 400
    assert shop.http.get("control/orders").json() == []


def test_an_update_that_makes_no_sense_changes_nothing(shop):
    shop.create()
    reply = shop.http.patch("control/orders/1", json={"amazon": {"refund": "R1"}, "payment_status": "Z"})
    assert reply.status_code == 400
    assert (shop.order(1)["amazon"], shop.writes()) == ({}, [])


def test_an_order_number_belongs_to_one_order(shop):
    shop.create(order_number="7")
    assert shop.http.post("control/orders", json={"order_number": "7"}).status_code == 400


def test_reset_forgets_orders_writes_and_faults(shop):
    shop.create()
    shop.update(1, payment_status="P")
    shop.fault("down", count=0)
    shop.reset()
    assert shop.writes() == []
    assert shop.create()["id"] == 1
    assert shop.rest("GET", "orders/1").status_code == 200


def test_a_shop_that_is_down_answers_nothing_and_does_nothing(shop):
    shop.create()
    shop.fault("down")
    with pytest.raises(httpx.TransportError):
        shop.rest("PUT", "orders/1/payment_status", json={"code": "P"})
    assert shop.writes() == []
    assert shop.rest("GET", "orders/1").status_code == 200


def test_a_lost_answer_belongs_to_a_write_that_happened(shop):
    shop.create()
    shop.fault("lose_answer")
    with pytest.raises(httpx.TransportError):
        shop.rest("PUT", "orders/1/payment_status", json={"code": "P"})
    assert [write["after"] for write in shop.writes()] == ["P"]


@pytest.mark.parametrize(("kind", "rest", "legacy"), [("500", 500, 500), ("401", 401, 403)])
def test_a_refusal_is_worded_as_each_api_does(shop, kind, rest, legacy):
    shop.create()
    shop.fault(kind, count=2)
    assert shop.rest("GET", "orders/1").status_code == rest
    assert shop.legacy(_path="order/1").status_code == legacy
    assert shop.rest("GET", "orders/1").status_code == 200


def test_a_slow_shop_takes_its_time(shop):
    shop.create()
    shop.fault("slow", delay_seconds=0.2)
    started = time.monotonic()
    assert shop.rest("GET", "orders/1").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_fault_waits_for_the_request_it_is_for(shop):
    shop.create()
    shop.fault("500", method="PUT", path="/api/orders/1/payment_status")
    assert shop.rest("GET", "orders/1/payment_status").status_code == 200
    assert shop.rest("PUT", "orders/1/payment_status", json={"code": "P"}).status_code == 500
    assert shop.rest("PUT", "orders/1/payment_status", json={"code": "P"}).status_code == 200


def test_a_fault_without_a_count_stays_until_it_is_removed(shop):
    shop.create()
    shop.fault("500", count=0)
    assert [shop.rest("GET", "orders/1").status_code for _ in range(3)] == [500, 500, 500]
    shop.http.delete("control/faults")
    assert shop.rest("GET", "orders/1").status_code == 200


@pytest.mark.parametrize("fault", [{}, {"kind": "fire"}, {"kind": "slow", "delay_seconds": 3600}])
def test_a_fault_that_makes_no_sense_is_refused(shop, fault):
    assert shop.http.post("control/faults", json=fault).status_code == 400


def test_requests_are_listed_as_an_access_log_has_them(shop):
    shop.create()
    shop.http.get("admin.php", params={"target": "RESTAPI", "_path": "order/1", "_key": shop.read_key})
    (line,) = shop.requests()
    assert (line["method"], line["path"], line["status"]) == ("GET", "/admin.php", 200)
    assert f"_key={shop.read_key}" in line["query"]


def test_the_process_ends_in_good_order():
    command = [sys.executable, "-m", "payment_actions_xcart.simulator.app"]
    numbers = (signal.SIGTERM, signal.SIGINT)
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in numbers]
    for process, number in zip(started, numbers, strict=True):
        with process:
            assert process.stdout.readline().startswith(b'{"url": "http://127.0.0.1:')
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, b"")
