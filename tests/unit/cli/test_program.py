"""Commands that ask no service, and what all commands have in common."""

import json

import pytest
from typer.testing import CliRunner

from payment_actions_server.cli import app
from payment_actions_server.cli.session import Session, default_actor
from payment_actions_server.transport.authentication import RESERVED

CONFIG = """
[server]
database = "sqlite:///{database}"
[stores.eu-shop]
payment_methods = ["Amazon Pay"]
capture_mode = "{capture_mode}"
[stores.eu-shop.platform]
adapter = "xcart"
[stores.eu-shop.gateway]
adapter = "amazon_pay_v1"
"""


@pytest.fixture
def run():
    def run(*arguments, **options):
        return CliRunner().invoke(app, list(arguments), **options)

    return run


@pytest.fixture
def config(tmp_path):
    def config(capture_mode="authorize_then_capture"):
        path = tmp_path / "payment-actions.toml"
        path.write_text(CONFIG.format(database=tmp_path / "payments.db", capture_mode=capture_mode))
        return path

    return config


def test_help_names_every_command(run):
    result = run("--help")
    assert result.exit_code == 0
    names = {command.name for command in app.registered_commands}
    assert all(f"  {name} " in result.stdout for name in names)


def test_check_names_file_key_problem_and_remedy(run, config):
    path = config("sometimes")
    result = run("check", str(path))
    assert result.exit_code == 8
    assert result.stdout == ""
    for part in (str(path), "stores.eu-shop.capture_mode", "authorize_then_capture"):
        assert part in result.stderr


def test_check_answers_programs_in_json(run, config):
    result = run("check", str(config("sometimes")), "--json")
    assert result.exit_code == 8
    (problem, *_) = json.loads(result.stdout)["problems"]
    assert problem.keys() == {"file", "key", "problem", "remedy"}


def test_a_configuration_that_is_not_there_is_a_configuration_problem(run, tmp_path):
    for command in (("check",), ("serve", "--config"), ("migrate", "--config")):
        result = run(*command, str(tmp_path / "none.toml"))
        assert (result.exit_code, result.stdout) == (8, "")
        assert "none.toml" in result.stderr


def test_a_file_that_is_no_database_is_told_of_in_words(run, config, tmp_path):
    path = config()
    (tmp_path / "payments.db").write_text("This is a letter, and no database. " * 100)
    result = run("migrate", "--config", str(path))
    assert (result.exit_code, result.stdout) == (7, "")
    assert "payments.db: file is not a database" in result.stderr.replace("\n", "")


def test_migrate_makes_the_database_and_may_be_repeated(run, config, tmp_path):
    path = config()
    for _ in range(2):
        assert run("migrate", "--config", str(path)).exit_code == 0
    assert (tmp_path / "payments.db").exists()


def test_plugins_lists_what_was_found(run):
    result = run("plugins", "--json")
    found = {plugin["name"]: plugin for plugin in json.loads(result.stdout)["plugins"]}
    assert found["xcart"]["storePlatforms"] == ["xcart"]
    assert found["xcart"]["error"] == ""
    assert "xcart" in run("plugins").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "eu-shop"),
        ("show", "eu-shop", "4711", "--timeout", "0"),
        ("capture", "eu-shop", "4711", "--amount", "10", "--yes"),
        ("capture", "eu-shop", "4711", "--amount", "ten EUR", "--yes"),
        ("void", "eu-shop", "4711", "--amount", "10.00 EUR", "--yes"),
        ("resolve", "eu-shop", "01k0", "--happened", "--yes"),
        ("resolve", "eu-shop", "01k0", "--reason", "seen", "--yes"),
        ("list", "--status", "PAID"),
        ("show", "eu-shop", "4711", "--actor", "Jürgen"),
        ("show", "eu-shop", "\udcff"),  # What Python makes of a byte that is no UTF-8.
        ("capture", "eu-shop", "4711", "--note", "\udcff", "--yes"),
        ("watch", "--store", "\udcff"),
        ("pay", "eu-shop", "4711"),
    ],
)
def test_what_was_typed_wrongly_ends_with_2_before_anything_is_asked(run, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr


@pytest.mark.parametrize("command", ["capture", "void", "refund"])
def test_an_action_that_nobody_can_agree_to_is_not_sent(run, command):
    result = run(command, "eu-shop", "4711")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "server"),
    [
        (["plugins"], {}, "127.0.0.1:50051"),
        (["plugins"], {"PAYMENT_ACTIONS_SERVER": "a:1"}, "a:1"),
        (["--server", "b:2", "plugins"], {"PAYMENT_ACTIONS_SERVER": "a:1"}, "b:2"),
        (["plugins", "--server", "c:3"], {}, "c:3"),
        (["--server", "b:2", "plugins", "--server", "c:3"], {"PAYMENT_ACTIONS_SERVER": "a:1"}, "c:3"),
    ],
)
def test_a_global_option_may_stand_on_either_side_and_the_last_one_counts(run, arguments, environment, server):
    session = Session()
    run(*arguments, env=environment, obj=session)
    assert session.server == server


@pytest.mark.parametrize(
    ("user", "actor"),
    [("zoe", "zoe"), ("zoë", "zo\\xeb"), ("Zoe Doe", "Zoe_Doe"), ("service", "user-service"), ("z" * 300, "z" * 128)],
)
def test_the_operating_systems_name_becomes_one_that_the_service_accepts(monkeypatch, user, actor):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, user)
    assert default_actor() == actor
    assert default_actor() not in RESERVED
