"""What is counted."""

import pytest
from integration.transport.fake_engine import EVENT
from msgspec.structs import replace

from payment_actions_server.domain.event import EventType
from payment_actions_server.transport.metrics import Metrics


@pytest.fixture
def metrics():
    return Metrics(["shop"])


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(f"payment_actions_{name}", labels)


def test_calls_are_counted_and_timed_by_method_and_code(metrics):
    for seconds in (0.2, 0.3):
        metrics.rpc("GetPayment", "OK", seconds)
    assert sample(metrics, "rpc_seconds_count", method="GetPayment", code="OK") == 2
    assert sample(metrics, "rpc_seconds_sum", method="GetPayment", code="OK") == 0.5


def test_an_operation_is_counted_when_it_ends(metrics):
    details = {"action": "CAPTURE", "operation_state": "SUCCEEDED"}
    metrics.event(replace(EVENT, type=EventType.OPERATION_STARTED, details=details))
    metrics.event(replace(EVENT, type=EventType.OPERATION_ENDED, details=details))
    assert sample(metrics, "operations_total", store="shop", action="CAPTURE", state="SUCCEEDED") == 1
    assert sample(metrics, "events_total", store="shop", type="OPERATION_STARTED") == 1


def test_notifications_are_counted_by_outcome(metrics):
    metrics.notification("shop", "taken")
    metrics.notification("stranger", "store_not_found")
    assert sample(metrics, "notifications_total", store="shop", outcome="taken") == 1
    assert sample(metrics, "notifications_total", store="", outcome="store_not_found") == 1


def test_gauges_show_what_is_counted_when_somebody_looks(metrics):
    metrics.dropped_events(lambda: 4)
    text = metrics.render({"anomalies": 2, "something_new": 9}).decode()
    assert "payment_actions_anomalies 2.0" in text
    assert "payment_actions_plugin_events_dropped 4.0" in text
    assert "something_new" not in text


def test_two_services_in_one_process_do_not_share_counters(metrics):
    metrics.notification("shop", "taken")
    assert sample(Metrics(["shop"]), "notifications_total", store="shop", outcome="taken") is None
