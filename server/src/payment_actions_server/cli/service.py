"""Commands for those who run the service. They work on this machine, and ask no service for anything."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from payment_actions_server.cli import tables
from payment_actions_server.cli.exit_codes import ExitCode
from payment_actions_server.cli.output import Output
from payment_actions_server.cli.session import session_of

if TYPE_CHECKING:
    from payment_actions_server.config import Problem
    from payment_actions_server.storage import Storage

# What these commands need (adapters, a database) is imported when they run: the others start faster without.
# ruff: noqa: PLC0415

_ConfigOption = Annotated[Path, typer.Option("--config", help="The configuration file.")]
_CONFIG = Path("payment-actions.toml")


def serve(context: typer.Context, config: _ConfigOption = _CONFIG) -> None:
    """Serve until Ctrl-C or SIGTERM; calls under way are finished first. Logs on stderr."""
    from payment_actions_server import app
    from payment_actions_server.config import load_config

    with _problems_told(session_of(context).output):
        app.serve(load_config(config))


def check(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="The configuration file.")] = _CONFIG,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the shops and gateways as well; --timeout bounds each.")
    ] = False,
) -> None:
    """Say what is wrong with a configuration and with the installed plugins, without serving."""
    from payment_actions_server import app
    from payment_actions_server.config import read_config

    session = session_of(context)
    output = session.output
    found, problems = read_config(config)
    _log_to_stderr(found.secrets)
    problems += app.check_config(found)
    if online:
        with output.waiting("Asking the shops and gateways ..."):
            problems += app.check_online(config, session.timeout)
    if output.as_json:
        output.document({"problems": [problem._asdict() for problem in problems]})
    elif problems:
        for problem in problems:
            output.say(str(problem), style="red")
    else:
        output.say(f"{config} is in order.", style="green")
    if problems:
        raise typer.Exit(ExitCode.CONFIGURATION)


def plugins(context: typer.Context) -> None:
    """List the plugins that were found, what each brings, which review or observe, and what is wrong with it."""
    from payment_actions_server.plugins.loader import load_plugins

    output = session_of(context).output
    _log_to_stderr()
    loaded = load_plugins()
    found = loaded.found
    loaded.close()
    if output.as_json:
        output.document({"plugins": [_plugin(info) for info in found]})
    elif found:
        output.show(tables.plugins(found))
    else:
        output.say("No plugin is installed: no store can be served. Install an adapter's package.")
    if any(info.error for info in found):
        raise typer.Exit(ExitCode.CONFIGURATION)


def migrate(context: typer.Context, config: _ConfigOption = _CONFIG) -> None:
    """Bring the database's schema up to date. `serve` does so too; this is for doing it beforehand."""
    from payment_actions_server import app
    from payment_actions_server.config import load_config

    output = session_of(context).output
    _log_to_stderr()

    with _problems_told(output):
        found = load_config(config)
        _log_to_stderr(found.secrets)
        asyncio.run(_start_and_close(app.storage_of(found)))
    if output.as_json:
        output.document({"migrated": True})
    else:
        output.say("The database's schema is up to date.", style="green")


def demo(once: Annotated[bool, typer.Option("--once", help="End after the story.")] = False) -> None:
    """Run the whole story on loopback, with simulated shops and gateway, then keep serving."""
    from payment_actions_server.demo import main

    raise typer.Exit(main(once=once))


@contextmanager
def _problems_told(output: Output) -> Iterator[None]:
    """Tell of what an operator can mend, rather than with a traceback."""
    from payment_actions_server.config import ConfigError
    from payment_actions_server.storage import StorageUnavailable

    try:
        yield
    except ConfigError as error:
        _tell(output, error.problems)
        raise typer.Exit(ExitCode.CONFIGURATION) from None
    except (OSError, StorageUnavailable) as error:
        output.say(str(error), style="red")
        raise typer.Exit(ExitCode.UNAVAILABLE) from None


async def _start_and_close(storage: "Storage") -> None:
    try:
        await storage.start()
    finally:
        await storage.aclose()


def _tell(output: Output, problems: Iterable["Problem"]) -> None:
    for problem in problems:
        output.say(str(problem), style="red")


def _plugin(info: Any) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "origin": info.origin,
        "storePlatforms": list(info.store_platforms),
        "gateways": list(info.gateways),
        "reviews": info.reviews,
        "observes": info.observes,
        "error": info.error,
    }


def _log_to_stderr(secrets: Iterable[str] = ()) -> None:
    from payment_actions_server import log

    log.configure("error", secrets=secrets)  # stdout is for the answer.
