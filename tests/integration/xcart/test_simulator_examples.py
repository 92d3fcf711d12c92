"""The shell examples of docs/xcart.md work on the simulated shop as they stand there."""

import re
import subprocess
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs" / "xcart.md").read_text()
SECTION = PAGE[PAGE.index("## The simulated shop") :]
KEYS = {"xcart-read-token": "read_token", "xcart-write-token": "write_token", "xcart-read-key": "read_key",
        "xcart-write-key": "write_key"}  # fmt: skip


def commands():
    """Return each block of indented lines that calls curl."""
    blocks = re.findall(r"(?:^    .*\n)+", SECTION, re.MULTILINE)
    return "".join(block for block in blocks if block.lstrip().startswith("curl"))


def test_examples_run_from_top_to_bottom(shop):
    script = re.sub(r"\bcurl ", "curl -sS --fail-with-body ", commands())
    script = script.replace("http://127.0.0.1:8100/", shop.url)
    for written, name in KEYS.items():
        script = script.replace(written, getattr(shop, name))
    assert script.count("curl") > 20
    # Faults that are armed on the way are removed by the last of their examples.
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], check=False, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert [order["payment_status"] for order in shop.http.get("control/orders").json()] == ["R", None, "P"]
    assert shop.http.get("control/faults").json()["pending"] == []
