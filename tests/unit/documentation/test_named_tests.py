"""docs/lessons.md and docs/guarantees.md name tests; all of them exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = {page: (ROOT / "docs" / page).read_text() for page in ("guarantees.md", "lessons.md")}
NAMED = sorted({(page, name) for page, text in PAGES.items() for name in re.findall(r"`(test_[a-z0-9_]+)`", text)})
EXISTING = {
    name
    for folder in (ROOT / "tests", ROOT / "server/src/payment_actions_server/plugins/conformance")
    for path in folder.rglob("*.py")
    for name in re.findall(r"def (test_[a-z0-9_]+)\(", path.read_text())
}


@pytest.mark.parametrize(("page", "name"), NAMED)
def test_a_named_test_exists(page, name):
    assert name in EXISTING


@pytest.mark.parametrize(("page", "at_least"), [("guarantees.md", 20), ("lessons.md", 30)])
def test_the_page_names_tests(page, at_least):
    assert len([name for named_on, name in NAMED if named_on == page]) > at_least
