"""Makes the generated part of docs/performance.md, and its figure, from what was measured."""

import json
from pathlib import Path
from typing import Any

from bench.report import where

DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURE = DOCS / "performance.md", DOCS / "performance.svg"
BEGIN, END = "<!-- made by `make bench-docs` from here -->", "<!-- to here -->"

Json = dict[str, Any]

_COLORS = ("#4269d0", "#efb118", "#3ca951")
_SHOWN = ("reads", "captures", "refunds", "refreshes", "notifications", "RunActions", "WatchEvents")


def write(folder: Path) -> None:
    """Write the page and the figure anew, from whichever results there are."""
    found = {
        name: json.loads(path.read_text())
        for name in ("full", "growth", "memory")
        if (path := folder / f"{name}.json").exists()
    }
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{generated(found)}\n{END}{after}")
    if "full" in found:
        draw(found, FIGURE)


def generated(found: dict[str, Json]) -> str:
    """Return the generated part."""
    parts = [_machine(found), _targets(found)]
    if "full" in found:
        results = found["full"]["results"]
        parts += [
            "![Rates as shares of the echo's](performance.svg)",
            _rates(results),
            _whole(results),
            _commits(results),
        ]
    if "growth" in found:
        parts += [_growth(one) for one in found["growth"]["growth"]]
    if "memory" in found:
        parts.append(_memory(found["memory"]["memory"]))
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table; all columns but the first are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def _machine(found: dict[str, Json]) -> str:
    one = next(iter(found.values()))["machine"]
    loads = ", ".join(f"{name} {run['machine']['load_average']}" for name, run in found.items())
    machine = f"{one['processor']}, {one['cores']} cores, which database, service and load share"
    return f"On {machine}, with Python {one['python']}. Load average before each run, of others: {loads}."


def _targets(found: dict[str, Json]) -> str:
    rows = [
        [
            target["says"],
            f"{target['value']:g}",
            f"{target['bound']:g}",
            "reached" if target["reached"] else "**not reached**",
        ]
        for run in found.values()
        for target in run["targets"]
    ]
    return "### What it must show\n\n" + table(["", "measured", "bound", ""], rows)


def _rates(results: list[Json]) -> str:
    rows = []
    for one in (one for one in results if "service" in one):
        service, echo = one["service"], one["echo"]
        latency = " / ".join(f"{service[f'p{p}_ms']:.1f}" for p in (50, 95, 99))
        asked = [f"{where(one)}, {one['workload']}", str(one["concurrency"])]
        measured = [f"{service['rate']:.0f}", latency, f"{service['server_cpu_us']:.0f}"]
        yardstick = [f"{echo['rate']:.0f}", f"{echo['p50_ms']:.1f}", f"{echo['server_cpu_us']:.0f}"]
        client = f"{service['client_cpu_share']:.0%} / {echo['client_cpu_share']:.0%}"
        rows.append([*asked, *measured, *yardstick, f"**{one['ratio']:.2f}**", client])
    head = [
        "",
        "at once",
        "calls/s",
        "p50 / p95 / p99 ms",
        "CPU us",
        "echo/s",
        "echo p50 ms",
        "echo CPU us",
        "x echo",
        "client",
    ]
    return "### Rates\n\n" + table(head, rows)


def _whole(results: list[Json]) -> str:
    rows = []
    for one in results:
        if one["workload"] == "RunActions":
            says = f"{one['orders']} captures in one call, {one['seconds']:.1f} s"
        elif one["workload"] == "WatchEvents":
            delays = " / ".join(f"{one[f'delay_{p}_ms']:.0f}" for p in ("p50", "p95", "p99"))
            says = f"{one['watchers']} watchers catch up; live, an event is {delays} ms old (p50 / p95 / p99)"
        else:
            continue
        cells = [f"{where(one)}, {one['workload']}", says, f"{one['rate']:.0f}", f"{one['server_cpu_us']:.0f}"]
        rows.append([*cells, f"{one['echo']['rate']:.0f}", f"**{one['ratio']:.2f}**"])
    head = ["", "", "orders or events/s", "CPU us", "echo/s", "x echo"]
    return "### Many at once\n\n" + table(head, rows) if rows else ""


def _commits(results: list[Json]) -> str:
    rows = [
        [f"{where(one)}, {one['workload']}", str(one["concurrency"]), f"{one['commits']['rate']:.0f}",
         f"{one['commits']['p50_ms']:.2f}", f"{one['service']['rate'] / one['commits']['rate']:.2f}",
         str(one["backlog"]), f"{one['drain_seconds']:.1f}"]
        for one in results if "commits" in one
    ]  # fmt: skip
    head = [
        "",
        "at once",
        "bare commits/s",
        "p50 ms",
        "calls for each bare commit",
        "store updates waiting at the end",
        "until done, s",
    ]
    return "### Beside the database's own commits\n\n" + table(head, rows)


def _growth(one: Json) -> str:
    rows = []
    for rates in one["rates"]:
        both = rates["empty"], rates["grown"]
        figures = [f"{each[key]:.0f}" for key in ("rate", "server_cpu_us") for each in both]
        rows.append([rates["workload"], str(rates["concurrency"]), *figures, f"**{rates['ratio']:.2f}**"])
    starts = [
        [name, f"{of['ready_seconds']:.2f}", f"{of['rss_mb']:.0f}", f"{of['rss_mb_after']:.0f}"]
        for name, of in one["start"].items()
    ]
    head = ["", "at once", "empty, per s", "grown, per s", "empty, CPU us", "grown, CPU us", "grown x empty"]
    title = f"### Growth: {one['database']} with {one['payments']:,} payments and {one['events']:,} events"
    start = table(["", "ready after s", "resident MB when ready", "after the load"], starts)
    return f"{title}\n\n{table(head, rows)}\n\n{start}"


def _memory(one: Json) -> str:
    load = f"{one['minutes']:g} minutes, {one['payments']:,} payments beside {one['payments_before']:,} older ones, "
    load += f"{one['calls']:,} calls"
    then = f"{one['early_mb']:.0f} MB in the second fifth, {one['late_mb']:.0f} MB in the last"
    most = f"{one['max_mb']:.0f} MB at most ({one['growth']:+.1%})"
    return f"### Memory\n\n{load}: resident {then}, {most}."


def draw(found: dict[str, Json], path: Path) -> None:
    """Draw the shares of the echo's rate, and the memory over time if it was measured."""
    # Only here: it takes a second to import.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "performance", "font.family": "sans-serif", "font.size": 9}
    memory = found.get("memory")
    figure, panes = plt.subplots(
        1, 1 + bool(memory), figsize=(11, 3.6), width_ratios=[2.4, 1] if memory else [1], squeeze=False
    )
    _draw_ratios(panes[0][0], found["full"]["results"])
    if memory:
        _draw_memory(panes[0][1], memory["memory"])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")
    plt.close(figure)


def _draw_ratios(pane: Any, results: list[Json]) -> None:
    shares: dict[str, dict[str, float]] = {}
    for one in results:
        if one.get("concurrency", 64) == 64:
            shares.setdefault(where(one), {})[one["workload"]] = one["ratio"]
    width = 0.8 / len(shares)
    for place, (setup, ratios) in enumerate(shares.items()):
        left = [number + (place - (len(shares) - 1) / 2) * width for number in range(len(_SHOWN))]
        pane.bar(left, [ratios.get(name, 0) for name in _SHOWN], width, label=setup, color=_COLORS[place])
    for number, bound in ((0, 0.60), (1, 0.40)):
        pane.plot([number - 0.45, number + 0.45], [bound, bound], color="black", linewidth=1, linestyle="--")
    pane.set_xticks(range(len(_SHOWN)), _SHOWN)
    pane.set_ylabel("share of the echo's rate")
    pane.set_title("64 at once; dashed: what SQLite must reach", loc="left")
    pane.legend(frameon=False)
    pane.spines[["top", "right"]].set_visible(False)


def _draw_memory(pane: Any, one: Json) -> None:
    pane.plot([seconds / 60 for seconds, _ in one["samples"]], [rss for _, rss in one["samples"]], color=_COLORS[0])
    pane.set_ylim(0, 210)
    pane.axhline(200, color="black", linewidth=1, linestyle="--")
    pane.set_xlabel("minutes of load")
    pane.set_ylabel("resident MB")
    pane.spines[["top", "right"]].set_visible(False)
