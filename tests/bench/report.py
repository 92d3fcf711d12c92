"""What was measured, as people read it on a terminal; and what it must show."""

from typing import Any, NamedTuple

Result = dict[str, Any]

HEAD = (
    f"{'':34}{'at once':>7}{'calls/s':>9}{'p50 ms':>9}{'p95':>8}{'p99':>8}{'CPU us':>8}"
    f" |{'echo/s':>8}{'p50 ms':>8}{'CPU us':>8} |{'ratio':>6}{'CPU x':>6}{'client':>10}"
)


class Target(NamedTuple):
    """Something that the service must show."""

    says: str
    value: float
    bound: float
    reached: bool

    def __str__(self) -> str:
        return f"{'reached    ' if self.reached else 'NOT reached'}  {self.says}: {self.value:g} (bound {self.bound:g})"


def where(result: Result) -> str:
    """Return which database, and how many processes."""
    return result["database"] + (f" x{result['replicas']}" if result["replicas"] > 1 else "")


def line(result: Result) -> str:
    """Return one result in a line under `HEAD`."""
    name = f"{where(result)} {result['workload']}"
    echo = result["echo"]
    if "service" not in result:
        return _whole(name, result)
    service = result["service"]
    text = (
        f"{name:34}{result['concurrency']:>7}{service['rate']:>9.0f}"
        f"{service['p50_ms']:>9.2f}{service['p95_ms']:>8.2f}{service['p99_ms']:>8.2f}{service['server_cpu_us']:>8.0f}"
        f" |{echo['rate']:>8.0f}{echo['p50_ms']:>8.2f}{echo['server_cpu_us']:>8.0f}"
        f" |{result['ratio']:>6.2f}{result['cpu_ratio']:>6.2f}{_client(result):>10}"
    )
    if "commits" in result:
        commits = result["commits"]
        text += f"  commit {commits['rate']:.0f}/s {commits['p50_ms']:.2f} ms"
        text += f"; backlog {result['backlog']}, {result['drain_seconds']:.1f} s"
    return text


def _client(result: Result) -> str:
    """Return the share of a core that the client took, at the service and at the echo."""
    return f"{result['service']['client_cpu_share']:.0%}/{result['echo']['client_cpu_share']:.0%}"


def _whole(name: str, result: Result) -> str:
    if result["workload"] == "RunActions":
        load = f"{result['orders']} orders in {result['seconds']:.1f} s"
    else:
        delays = "/".join(f"{result[f'delay_{p}_ms']:.0f}" for p in ("p50", "p95", "p99"))
        load = f"{result['watchers']} watchers; live, delay p50/95/99 {delays} ms"
    return (
        f"{name:34}{'':7}{result['rate']:>9.0f}  {load}, CPU {result['server_cpu_us']:.0f} us"
        f" | echo {result['echo']['rate']:.0f}/s | {result['ratio']:.2f}"
    )


def targets(results: list[Result]) -> list[Target]:
    """Return what these results must show, and whether they do."""
    found = []
    for result in results:
        key = (where(result), result["workload"], result.get("concurrency"))
        if key in _RATIOS:
            found.append(_at_least(_RATIOS[key][0], result["ratio"], _RATIOS[key][1]))
        if key in _LONE:
            bound = round(result["echo"]["p50_ms"] + 2 * result["commits"]["p50_ms"] + 1, 3)
            p50 = result["service"]["p50_ms"]
            found.append(Target(_LONE[key], p50, bound, p50 <= bound))
    return found + _replicas(results)


_RATIOS = {
    ("SQLite", "reads", 64): ("reads, 64 at once, SQLite, x echo", 0.60),
    ("SQLite", "captures", 64): ("captures, 64 at once, SQLite, x echo", 0.40),
    ("PostgreSQL", "captures", 64): ("captures, 64 at once, PostgreSQL, x echo", 0.25),
}


_LONE = {
    ("SQLite", "captures", 1): "a lone capture's p50 in ms, call after call, <= echo's + 2 commits + 1",
    (
        "SQLite",
        "lone captures",
        1,
    ): "a lone capture's p50 in ms, all of it after pauses, <= echo's + 2 commits + 1",
}


def _at_least(says: str, value: float, bound: float) -> Target:
    return Target(says, value, bound, value >= bound)


def _replicas(results: list[Result]) -> list[Target]:
    ratios = {
        (where(result), result["concurrency"]): result["ratio"]
        for result in results
        if result["workload"] == "captures"
    }
    pairs = [(n, ratios.get(("PostgreSQL", n)), ratios.get(("PostgreSQL x2", n))) for n in (64, 256)]
    return [
        Target(f"captures, {n} at once, 2 replicas, x echo: more than one serves", two, one, two > one)
        for n, one, two in pairs
        if one is not None and two is not None
    ]


def growth_targets(result: Result) -> list[Target]:
    """Return what growth must not do."""
    database, start = result["database"], result["start"]["grown"]
    found = [
        _at_least(f"{one['workload']}, {one['concurrency']} at once, {database}, grown x empty", one["ratio"], 0.9)
        for one in result["rates"]
    ]
    ready, rss = start["ready_seconds"], start["rss_mb_after"]
    found.append(Target(f"ready after s, {database}, grown", ready, 3.0, ready <= 3.0))
    found.append(Target(f"resident MB, {database}, grown, after the load", rss, 200, rss < 200))
    return found


def memory_targets(result: Result) -> list[Target]:
    """Return what time must not do."""
    flat, top = result["growth"], result["max_mb"]
    return [
        Target(f"resident MB at most, {result['minutes']:g} minutes of load", top, 200, top < 200),
        Target("its growth from the second fifth to the last", flat, 0.05, flat <= 0.05),
    ]
