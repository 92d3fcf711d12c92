from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

GOOD = """
    [stores.eu-shop]
    payment_methods = ["Amazon Pay"]
    capture_mode = "authorize_then_capture"
    [stores.eu-shop.platform]
    adapter = "xcart"
    url = "https://shop.example/"
    api_key = { env = "XCART_API_KEY" }
    [stores.eu-shop.gateway]
    adapter = "amazon_pay_v1"
    secret_key = { file = "secret" }
"""


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Write a configuration, beside a file with a secret."""

    def write(text: str = GOOD) -> Path:
        (tmp_path / "secret").write_text("from-a-file\n")
        path = tmp_path / "payment-actions.toml"
        path.write_text(dedent(text))
        return path

    return write
