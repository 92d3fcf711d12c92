"""docs/lessons.md names tests; all of them exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = sorted(set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "lessons.md").read_text())))
EXISTING = {
    name
    for folder in (ROOT / "tests", ROOT / "server/src/payment_actions_server/plugins/conformance")
    for path in folder.rglob("*.py")
    for name in re.findall(r"def (test_[a-z0-9_]+)\(", path.read_text())
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists(name):
    assert name in EXISTING


def test_the_page_names_tests():
    assert len(NAMED) > 30
