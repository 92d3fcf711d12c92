"""docs/plugins.md says what is so: every hook with its exact arguments, every error, and examples that run."""

import inspect
import re
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from payment_actions_server import plugins
from payment_actions_server.plugins import errors, hookspecs
from payment_actions_server.plugins.errors import AdapterError
from payment_actions_server.plugins.loader import Plugins

PAGE = Path(__file__).parents[3] / "docs" / "plugins.md"
TEXT = PAGE.read_text()
HOOKS = {
    name: function for name, function in vars(hookspecs).items() if hasattr(function, f"{hookspecs.PROJECT_NAME}_spec")
}
ERRORS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, AdapterError)]
HEADINGS = re.findall(r"^### (payment_actions_.*)$", TEXT, re.MULTILINE)
EXAMPLES = [
    textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
]


def test_each_hook_is_a_heading_with_its_exact_arguments():
    signatures = [f"{name}({', '.join(inspect.signature(hook).parameters)})" for name, hook in HOOKS.items()]
    assert signatures == HEADINGS


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_has_an_example_that_is_a_sound_plugin(name):
    section = TEXT.partition(f"\n### {name}(")[2].partition("\n##")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    module = ModuleType("example")
    exec(compile(example, PAGE, "exec"), vars(module))
    (info,) = Plugins.of(module).found
    assert info.error == ""
    assert hasattr(module, name)


@pytest.mark.parametrize("name", [name for name, hook in HOOKS.items() if inspect.signature(hook).parameters])
def test_each_argument_of_a_hook_is_described_field_by_field(name):
    section = TEXT.partition(f"\n### {name}(")[2].partition("\n##")[0]
    for argument, parameter in inspect.signature(HOOKS[name]).parameters.items():
        assert f"\n`{argument}`\n: " in section
        hidden = {"previous_hash", "hash", "sequence"}  # The chain's business, not an observer's.
        fields = inspect.signature(parameter.annotation).parameters.keys() - hidden
        assert {field for field in fields if f"`{field}`" not in section} == set()


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_has_a_row(error):
    assert len(re.findall(rf"^\| `{error.__name__}` \|", TEXT, re.MULTILINE)) == 1


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_is_part_of_what_an_adapter_imports(error):
    assert getattr(plugins, error.__name__) is error
    assert error.__name__ in errors.__doc__


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(number) for number in range(1, len(EXAMPLES) + 1)])
def test_examples_run(example):
    exec(compile(example, PAGE, "exec"), {"__name__": "example"})


def test_all_that_is_exported_exists_and_is_sorted_for_readers():
    assert all(hasattr(plugins, name) for name in plugins.__all__)
    assert len(plugins.__all__) == len(set(plugins.__all__))
