"""The measurements: echo and service by turns, round after round."""

import asyncio
import time
from contextlib import suppress
from typing import Any, NamedTuple

import grpc
from bench.load import Series, percentile, ratio_of_rounds, run
from bench.loader import STORE
from bench.stage import Stage
from bench.workloads import METHOD, Call, Notifier, Unary, captures_of, teach, unaries

from payment_actions.v1 import payment_actions_pb2 as pb

WATCHERS = 100
REPLAYED = 1_000
LIVE_CAPTURES_A_SECOND = 5
RUN_ACTIONS_ORDERS = 10_000
LONE_PAUSE_SECONDS = 0.03  # Until what goes on after an answer is done.
_EVENTS_A_CAPTURE = 3  # Started, ended, and that the store was told.

Result = dict[str, Any]


class Effort(NamedTuple):
    """How long to measure: more is steadier."""

    rounds: int
    seconds: float


class Pace(NamedTuple):
    """How much was done a second, and what each cost the servers."""

    rate: float
    server_cpu_us: float


async def unary(stage: Stage, name: str, concurrency: int, effort: Effort) -> Result:
    """Measure one RPC under one load."""
    rpc: Unary = unaries(stage.orders)[name]
    at_echo = await rpc.at_echo(stage.echo_channels, stage.service_channels)
    result = await _by_turns(stage, rpc.at(stage.service_channels), at_echo, concurrency, effort, writes=rpc.acts)
    return {"workload": name, "concurrency": concurrency} | result


async def lone_captures(stage: Stage, effort: Effort) -> Result:
    """Measure one caller who pauses after each answer: nothing else is under way, not even his last capture's rest."""
    rpc = unaries(stage.orders)["captures"]
    at_echo = await rpc.at_echo(stage.echo_channels, stage.service_channels)
    at_service = rpc.at(stage.service_channels)
    result = await _by_turns(stage, at_service, at_echo, 1, effort, writes=True, pause=LONE_PAUSE_SECONDS)
    return {"workload": "lone captures", "concurrency": 1} | result


async def notifications(stage: Stage, concurrency: int, effort: Effort) -> Result:
    """Measure notifications over HTTP: taken and durable, and then looked into, which goes on after the answer."""
    sender = Notifier([server.http_port for server in stage.servers], stage.orders.kept)
    at_echo = Notifier([stage.echo.http_port], stage.orders.kept)
    try:
        result = await _by_turns(stage, sender.call, at_echo.call, concurrency, effort, writes=True)
    finally:
        sender.close()
        at_echo.close()
    return {"workload": "notifications", "concurrency": concurrency} | result


async def _by_turns(
    stage: Stage, at_service: Call, at_echo: Call, concurrency: int, effort: Effort, *, writes: bool, pause: float = 0.0
) -> Result:
    echo, service, commits = Series(), Series(), Series()
    backlog, drain_seconds = 0, 0.0
    for _ in range(effort.rounds):
        echo.windows.append(await run(at_echo, concurrency, effort.seconds, [stage.echo], pause=pause))
        if writes:
            commits.windows.append(await stage.commits(effort.seconds if pause else min(effort.seconds, 0.5), pause))
        service.windows.append(await run(at_service, concurrency, effort.seconds, stage.servers, pause=pause))
        if writes:
            waited, took = await stage.settled()
            backlog, drain_seconds = max(backlog, waited), max(drain_seconds, took)
    result = _compared(service, echo)
    if writes:
        result |= {"commits": commits.summary(), "backlog": backlog, "drain_seconds": drain_seconds}
    return result


def _compared(service: Series, echo: Series) -> Result:
    measured, yardstick = service.summary(), echo.summary()
    cpu_ratio = measured["server_cpu_us"] / yardstick["server_cpu_us"] if yardstick["server_cpu_us"] else 0.0
    return {
        "service": measured,
        "echo": yardstick,
        "ratio": ratio_of_rounds(service, echo),
        "cpu_ratio": round(cpu_ratio, 2),
    }


# -- Many at once ---------------------------------------------------------------------------------------------------


async def run_actions(stage: Stage) -> Result:
    """Measure RunActions over many orders; beside it the echo, asked for a capture as many at a time."""
    capture = unaries(stage.orders)["captures"]
    at_echo = await capture.at_echo(stage.echo_channels, stage.service_channels)
    echo = Series([await run(at_echo, 16, 2.0, [stage.echo])]).summary()
    ran = await ran_actions(stage, RUN_ACTIONS_ORDERS)
    backlog, drain_seconds = await stage.settled()
    return {
        "workload": "RunActions",
        "orders": RUN_ACTIONS_ORDERS,
        "seconds": round(RUN_ACTIONS_ORDERS / ran.rate, 2),
        **ran._asdict(),
        "echo": echo,
        "ratio": round(ran.rate / echo["rate"], 3),
        "backlog": backlog,
        "drain_seconds": drain_seconds,
    }


async def ran_actions(stage: Stage, orders: int) -> Pace:
    """Capture so many orders in one call."""
    request = captures_of(stage.orders.to_capture, orders)
    call = stage.service_channels[0].unary_stream(
        METHOD + "RunActions", pb.RunActionsRequest.SerializeToString, pb.RunActionsResponse.FromString
    )
    cpu, started, done = _cpu(stage), time.perf_counter(), 0
    async for response in call(request):
        assert response.operation.state == pb.OPERATION_STATE_SUCCEEDED, response
        done += 1
    assert done == orders
    return _pace(orders, time.perf_counter() - started, _cpu(stage) - cpu)


def _pace(number: int, seconds: float, cpu_seconds: float) -> Pace:
    return Pace(round(number / seconds, 1), round(cpu_seconds / number * 1e6, 1))


def _cpu(stage: Stage) -> float:
    return sum(server.cpu_seconds() for server in stage.servers)


# -- Watching -------------------------------------------------------------------------------------------------------


async def fan_out(stage: Stage, live_seconds: float) -> Result:
    """Measure 100 watchers: how fast they catch up, and how soon they hear of what happens now."""
    capture = unaries(stage.orders)["captures"].at(stage.service_channels)
    last, sample = await events_to_replay(stage, capture)
    await teach(stage.echo_channels[0], "WatchEvents", sample, REPLAYED)
    echo_rate = WATCHERS * REPLAYED / await _replayed(stage.echo_channels, 0)
    caught_up = await watchers_caught_up(stage, last)
    delays = await _live(stage, capture, live_seconds)
    return {
        "workload": "WatchEvents",
        "watchers": WATCHERS,
        **caught_up._asdict(),
        "echo": {"rate": round(echo_rate, 1)},
        "ratio": round(caught_up.rate / echo_rate, 3),
        "live_events_a_second": LIVE_CAPTURES_A_SECOND * _EVENTS_A_CAPTURE,
        "delay_p50_ms": round(percentile(delays, 50) * 1000, 1),
        "delay_p95_ms": round(percentile(delays, 95) * 1000, 1),
        "delay_p99_ms": round(percentile(delays, 99) * 1000, 1),
    }


async def watchers_caught_up(stage: Stage, last: int) -> Pace:
    """Let all watchers read the events up to ``last``."""
    cpu = _cpu(stage)
    seconds = await _replayed(stage.service_channels, last - REPLAYED)
    return _pace(WATCHERS * REPLAYED, seconds, _cpu(stage) - cpu)


async def events_to_replay(stage: Stage, capture: Call) -> tuple[int, bytes]:
    """Let enough happen to replay; return the last sequence, and the last event as it was streamed."""
    watching = _watch(stage.service_channels[0], None)
    await asyncio.sleep(1.0)  # A watch begins when the service has heard of it, and does not say so.
    captures = REPLAYED // _EVENTS_A_CAPTURE + 1
    for begun in range(0, captures, 8):
        await asyncio.gather(*(capture() for _ in range(min(8, captures - begun))))
    for _ in range(captures * _EVENTS_A_CAPTURE):
        response = await watching.read()
    watching.cancel()
    return response.event.sequence, response.SerializeToString()


async def _replayed(channels: Any, after: int) -> float:
    """Let all watchers read the same events; return how many seconds it took."""

    async def watcher(number: int) -> None:
        watching = _watch(channels[number % len(channels)], after)
        for _ in range(REPLAYED):
            await watching.read()
        watching.cancel()

    started = time.perf_counter()
    await asyncio.gather(*(watcher(number) for number in range(WATCHERS)))
    return time.perf_counter() - started


async def _live(stage: Stage, capture: Call, seconds: float) -> list[float]:
    """Return the times from an event's own to its arrival, commit included."""
    delays: list[float] = []
    heard = [0] * WATCHERS

    async def watcher(number: int) -> None:
        channels = stage.service_channels
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            async for response in _watch(channels[number % len(channels)], None):
                if response.HasField("event"):
                    heard[number] += 1
                    delays.append(time.time() - response.event.time.ToNanoseconds() / 1e9)

    watchers = [asyncio.create_task(watcher(number)) for number in range(WATCHERS)]
    await asyncio.sleep(1.0)  # A watch begins when the service has heard of it, and does not say so.
    captures = int(seconds * LIVE_CAPTURES_A_SECOND)
    for _ in range(captures):
        await asyncio.gather(capture(), asyncio.sleep(1 / LIVE_CAPTURES_A_SECOND))
    deadline = time.monotonic() + 30
    while min(heard) < captures * _EVENTS_A_CAPTURE and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    for task in watchers:
        task.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    assert set(heard) == {captures * _EVENTS_A_CAPTURE}, f"not every watcher heard all: {sorted(set(heard))}"
    return delays


def _watch(channel: grpc.aio.Channel, after: int | None) -> Any:
    request = pb.WatchEventsRequest(after_sequence=after, stores=[STORE])
    call = channel.unary_stream(
        METHOD + "WatchEvents", pb.WatchEventsRequest.SerializeToString, pb.WatchEventsResponse.FromString
    )
    return call(request)
