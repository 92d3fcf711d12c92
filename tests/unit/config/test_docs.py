"""docs/configuration.md names every setting with its default."""

import re
from pathlib import Path

import pytest

from payment_actions_server.config import Address, settings

TABLES = (Path(__file__).parents[3] / "docs/configuration.md").read_text()


def written(default):
    """Return a default as TOML has it."""
    if default is ...:
        return "required"
    if default == ():
        return "`[]`"
    if isinstance(default, bool | float):
        return f"`{str(default).lower()}`"
    return f'`"{default}"`' if isinstance(default, str | Address) else f"`{default}`"


@pytest.mark.parametrize(("key", "default"), list(settings()))
def test_every_setting_is_documented_with_its_default(key, default):
    assert f"| `{key}` | {written(default)} |" in TABLES


def test_no_other_setting_is_documented():
    documented = re.findall(r"^\| `((?:server|stores)\.[\w.<>]+)` \|", TABLES, re.MULTILINE)
    assert sorted(documented) == sorted(key for key, _ in settings())
