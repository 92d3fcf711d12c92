"""The benchmark itself: its arithmetic is right, and it measures a real service over rows that are true."""

import asyncio
from collections import Counter

import pytest
from bench import commits, document, grow, loader, measure, report
from bench.load import OutOfOrders, Series, Window, percentile, ratio_of_rounds, run
from bench.loader import Life, order_id
from bench.stage import stage

from payment_actions_server.domain.event import chain_break
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.storage import open_storage


def window(calls, seconds=2.0, cpu=1.0):
    return Window(seconds, [0.001] * calls, cpu, 0.5)


def result(workload, concurrency, ratio, **more):
    return {
        "database": "SQLite",
        "replicas": 1,
        "workload": workload,
        "concurrency": concurrency,
        "ratio": ratio,
    } | more


@pytest.mark.parametrize(("percent", "expected"), [(50, 5), (90, 9), (95, 10), (99, 10), (10, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent, expected):
    assert percentile([3, 1, 2, 10, 9, 8, 7, 6, 5, 4], percent) == expected


def test_rates_and_cpu_are_medians_of_the_rounds():
    summary = Series([window(100, cpu=0.1), window(1000, cpu=0.5), window(300, cpu=0.9)]).summary()
    assert summary["rate"] == 150
    assert summary["server_cpu_us"] == 1000
    assert summary["client_cpu_share"] == 0.25
    assert summary["calls"] == 1400


def test_a_ratio_is_the_median_of_what_ran_side_by_side():
    service, echo = Series([window(50), window(10), window(60)]), Series([window(100), window(10), window(100)])
    assert ratio_of_rounds(service, echo) == 0.6


def test_a_target_says_whether_it_is_reached():
    lone = {"service": {"p50_ms": 3.9}, "echo": {"p50_ms": 0.9}, "commits": {"p50_ms": 1.0}}
    found = report.targets(
        [result("reads", 64, 0.6), result("captures", 64, 0.39), result("lone captures", 1, 0.2, **lone)]
    )
    assert [(target.bound, target.reached) for target in found] == [(0.6, True), (0.4, False), (3.9, True)]


@pytest.mark.parametrize("pause", [0.0, 0.03])
async def test_bare_commits_are_timed_without_the_pauses_between_them(tmp_path, pause):
    found = commits.sqlite(tmp_path, 0.3, pause)
    assert 0.3 <= found.seconds < 5
    assert len(found.latencies) > 1
    busy = sum(found.latencies)
    assert busy < found.seconds - (len(found.latencies) - 1) * pause
    assert (busy > found.seconds / 2) == (not pause)


async def test_a_window_ends_when_the_orders_run_out():
    left = iter(range(100))

    async def call():
        await asyncio.sleep(0)
        if next(left, None) is None:
            raise OutOfOrders

    found = await run(call, 8, 60, [], settle=0)
    assert len(found.latencies) == 100
    assert found.seconds < 30
    with pytest.raises(OutOfOrders):
        await run(call, 8, 60, [])


def test_flat_memory_is_told_from_memory_that_grows():
    assert grow.flatness([50.0] * 10 + [100.0] * 40)["growth"] == 0
    assert grow.flatness([100.0 + number for number in range(50)])["growth"] > 0.05


def test_a_grown_database_has_five_events_a_payment():
    population = loader.grown(3_000)
    assert population.events == 5 * population.size
    assert Counter(map(population.life, range(30))) == {Life.AUTHORIZED: 2, Life.CAPTURED: 16, Life.REFUNDED: 12}


async def test_a_loaded_database_is_measured_and_its_history_is_whole(tmp_path):
    patterns = loader.patterns(tmp_path)
    population = loader.grown(12_000)  # Enough to capture, however quick the machine.
    url = f"sqlite:///{tmp_path}/service.db"
    await loader.fill(url, patterns, population)
    await loaded_histories_are_whole(url, population)
    results = []
    async with stage(tmp_path, url, population) as here:
        here.orders.to_capture = map(order_id, population.numbers(Life.AUTHORIZED))
        effort = measure.Effort(rounds=1, seconds=0.2)
        for name in ("reads", "captures", "refunds"):
            results.append({"database": "SQLite", "replicas": 1} | await measure.unary(here, name, 4, effort))
        results.append({"database": "SQLite", "replicas": 1} | await measure.notifications(here, 4, effort))
        assert here.servers[0].rss_bytes() > 10_000_000
        assert not await here.count("payment_actions_anomalies")
        assert "ANOMALY" not in here.servers[0].log.read_text()
        captured = await here.count("payment_actions_operations_total", 'action="CAPTURE"')
    by_name = {one["workload"]: one for one in results}
    assert captured >= by_name["captures"]["service"]["calls"] > 0
    for one in results:
        assert one["service"]["calls"] > 0 < one["echo"]["calls"]
        assert one["ratio"] > 0
        assert one["workload"] in report.line(one)
    machine = {"processor": "some", "cores": 2, "python": "3.11.2", "load_average": 0.0}
    run = {"machine": machine, "targets": [], "results": results}
    assert "| SQLite, captures | 4 |" in document.generated({"full": run})


async def loaded_histories_are_whole(url, population):
    storage = open_storage(url)
    await storage.start()
    try:
        for life in Life:
            number = population.numbers(life)[7]
            record = await storage.record(PaymentKey(loader.STORE, order_id(number)))
            events = await storage.list_events(record.payment.key, 0, 100)
            assert chain_break(events) is None
            assert record.payment.last_hash == events[-1].hash
            assert record.payment.version == len(events)
            assert record.payment.status.lower() == life
    finally:
        await storage.aclose()
