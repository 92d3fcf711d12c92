"""The pictures of README and docs are there, small, shown somewhere, and made by `make screenshots`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "docs" / "images"
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
SHOWN = {
    (page.parent / target).resolve()
    for page in PAGES
    for target in re.findall(r"!\[[^\]]+\]\(([^)\s]+\.png)\)", page.read_text())
}
MADE = set(re.findall(r'^    "([a-z-]+\.png)": \(', (ROOT / "tests/browser/pictures.py").read_text(), re.MULTILINE))
BYTES_MAX = 120_000


@pytest.mark.parametrize("name", sorted(MADE))
def test_every_picture_that_is_made_is_kept_and_shown(name):
    assert (IMAGES / name).read_bytes().startswith(b"\x89PNG")
    assert (IMAGES / name).resolve() in SHOWN


def test_no_picture_is_made_by_hand():
    assert MADE
    assert {path.name for path in IMAGES.iterdir()} == MADE


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_a_picture_is_small(path):
    assert path.stat().st_size <= BYTES_MAX
