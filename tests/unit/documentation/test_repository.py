"""House rules that a reader could not check by hand."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
PACKAGE_HOSTS = re.compile(r"(files\.pythonhosted|pypi|registry\.npmjs|deb\.debian)\.(org|python)", re.IGNORECASE)


def readable(path):
    try:
        return path.read_text() if path.is_file() else ""
    except UnicodeDecodeError:
        return ""


def test_no_file_names_the_host_of_a_package_registry():
    here = Path(__file__)
    assert [str(path) for path in TRACKED if path != here and PACKAGE_HOSTS.search(readable(path))] == []


def test_every_requirement_is_pinned_with_hashes():
    text = (ROOT / "requirements.lock").read_text()
    requirements = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert requirements
    assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


def test_no_module_of_the_product_is_longer_than_five_hundred_lines():
    modules = [path for path in TRACKED if path.suffix == ".py" and "src" in path.parts]
    assert modules
    assert [str(path) for path in modules if len(readable(path).splitlines()) > 500] == []


def test_links_in_the_documentation_lead_somewhere():
    links = [
        (page, target)
        for page in TRACKED
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", readable(page))
    ]
    assert links
    assert [link for link in links if "://" not in link[1] and not (link[0].parent / link[1]).exists()] == []
