"""What a user reads names everything there is."""

import re
from pathlib import Path

import pytest
import typer.main

import payment_actions_client
from payment_actions_client import Client, PaymentActionsError
from payment_actions_server.cli import app
from payment_actions_server.cli.exit_codes import ExitCode

ROOT = Path(__file__).parents[3]
CLI = (ROOT / "docs/cli.md").read_text()
CLIENT = (ROOT / "docs/python-client.md").read_text()
PROGRAM = typer.main.get_command(app)
COMMANDS = PROGRAM.commands


def section(command):
    """Return what docs/cli.md says under the heading of a command."""
    found = re.search(rf"^### `{command}\b.*?(?=^##)", CLI + "\n## ", re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no heading for {command}"
    return found[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_its_options_and_arguments(command):
    text = section(command)
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "argument":
            assert parameter.name.split("_")[0].upper() in text
        else:
            assert all(f"`{name}" in text for name in [*parameter.opts, *parameter.secondary_opts] if len(name) > 2)


def test_every_documented_command_exists():
    assert set(re.findall(r"^### `([a-z]+)", CLI, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("parameter", PROGRAM.params, ids=lambda parameter: parameter.name)
def test_every_global_option_is_documented(parameter):
    assert all(f"`{name}" in CLI for name in parameter.opts)
    assert not parameter.envvar or f"`{parameter.envvar}`" in CLI


def test_every_exit_code_is_documented_and_no_other():
    documented = dict(re.findall(r"^\| (\d+) \| `([A-Z_]+)`", CLI, re.MULTILINE))
    assert documented == {str(code.value): code.name for code in ExitCode}


@pytest.mark.parametrize("name", [name for name in vars(Client) if not name.startswith("_")])
def test_every_method_of_the_client_is_documented(name):
    assert f"`{name}" in CLIENT


@pytest.mark.parametrize("error", PaymentActionsError.__subclasses__(), ids=lambda error: error.__name__)
def test_every_error_of_the_client_is_documented(error):
    assert f"`{error.__name__}`" in CLIENT


def test_every_function_that_the_client_exports_is_documented():
    names = [name for name in payment_actions_client.__all__ if name[0].islower()]
    assert all(f"`{name}" in CLIENT for name in names)


def test_the_examples_for_python_compile():
    blocks = re.findall(r"```python\n(.*?)```", CLIENT, re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "docs/python-client.md", "exec")
