"""What was measured, as people read it."""

from typing import Any

Result = dict[str, Any]

HEAD = (
    f"{'':22}{'at once':>8}{'calls/s':>9}{'p50 ms':>9}{'p95':>8}{'p99':>8}{'CPU us':>8}"
    f" |{'echo/s':>8}{'p50 ms':>8}{'CPU us':>8} |{'ratio':>6}{'CPU x':>6}{'client':>7}"
)
_printed: list[str] = []


def line(result: Result) -> None:
    """Print one result; the head first, once."""
    if not _printed:
        print(HEAD)
    service, echo = result["service"], result["echo"]
    text = (
        f"{result['database'] + ' ' + result['workload']:22}{result['concurrency']:>8}{service['rate']:>9.0f}"
        f"{service['p50_ms']:>9.2f}{service['p95_ms']:>8.2f}{service['p99_ms']:>8.2f}{service['server_cpu_us']:>8.0f}"
        f" |{echo['rate']:>8.0f}{echo['p50_ms']:>8.2f}{echo['server_cpu_us']:>8.0f}"
        f" |{result['ratio']:>6.2f}{result['cpu_ratio']:>6.2f}{service['client_cpu_share']:>7.0%}"
    )
    if "commits" in result:
        commits = result["commits"]
        text += f"  commit {commits['rate']:.0f}/s {commits['p50_ms']:.2f} ms; backlog {result['backlog']:.0f}, {result['drain_seconds']:.1f} s"
    _printed.append(text)
    print(text, flush=True)


def targets(results: list[Result]) -> list[tuple[str, float, float, bool]]:
    """Print what it must show, and whether it does."""
    found = []
    for result in results:
        name, at_once, database = result["workload"], result["concurrency"], result["database"]
        if database == "SQLite" and at_once == 64 and name == "reads":
            found.append(("reads at 64 >= 0.60 x echo", result["ratio"], 0.60, result["ratio"] >= 0.60))
        if database == "SQLite" and at_once == 64 and name == "captures":
            found.append(("captures at 64 >= 0.40 x echo", result["ratio"], 0.40, result["ratio"] >= 0.40))
        if database == "SQLite" and at_once == 1 and name == "captures":
            bound = result["echo"]["p50_ms"] + 2 * result["commits"]["p50_ms"] + 1
            p50 = result["service"]["p50_ms"]
            found.append(("a lone capture's p50 <= echo + 2 commits + 1 ms", p50, round(bound, 3), p50 <= bound))
    for says, value, bound, reached in found:
        print(f"{'reached    ' if reached else 'NOT reached'}  {says}: {value} (bound {bound})")
    return found
