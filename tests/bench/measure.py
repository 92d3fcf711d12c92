"""The measurements: echo and service by turns, round after round."""

from typing import Any

from bench.load import Series, ratio_of_rounds, run
from bench.stage import Stage
from bench.workloads import Unary

Result = dict[str, Any]


async def unary(stage: Stage, name: str, rpc: Unary, concurrency: int, rounds: int, seconds: float) -> Result:
    """Measure one RPC under one load."""
    at_service = rpc.at(stage.service_channels)
    at_echo = await rpc.at_echo(stage.echo_channels, stage.service_channels)
    echo, service, commits = Series(), Series(), Series()
    backlog = drain_seconds = 0.0
    for _ in range(rounds):
        echo.windows.append(await run(at_echo, concurrency, seconds, [stage.echo]))
        if rpc.acts:
            commits.windows.append(stage.commits(min(seconds, 0.5)))
        service.windows.append(await run(at_service, concurrency, seconds, stage.servers))
        if rpc.acts:
            pending, took = await stage.settled()
            backlog, drain_seconds = max(backlog, pending), max(drain_seconds, took)
    result = {
        "workload": name,
        "concurrency": concurrency,
        "service": service.summary(),
        "echo": echo.summary(),
        "ratio": ratio_of_rounds(service, echo),
        "cpu_ratio": round(service.summary()["server_cpu_us"] / max(0.1, echo.summary()["server_cpu_us"]), 2),
    }
    if rpc.acts:
        result |= {"commits": commits.summary(), "backlog": backlog, "drain_seconds": drain_seconds}
    return result
