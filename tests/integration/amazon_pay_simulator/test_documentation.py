"""The shell examples in the documentation work as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "amazon-pay-simulator.md").read_text()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl")
def test_examples_run_from_top_to_bottom(process, control):
    script = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
    script = script.replace("SIMULATOR=127.0.0.1:8900", f"SIMULATOR={process.url.removeprefix('http://')}")
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    errors = re.findall(r'<Code>(\w+)</Code>|"error":("[^"]*")', run.stdout)
    assert errors == [("InvalidAuthorizationStatus", ""), ("InvalidCancelAttempt", "")]
    assert run.stdout.endswith("-----END CERTIFICATE-----\n")
    kinds = [each["kind"] for each in control("GET", "effects")["effects"]]
    assert kinds == ["authorize", "capture", "refund", "refund"]
