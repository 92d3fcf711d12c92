"""The program: its global options, its commands, and how each of them ends."""

from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from payment_actions_client import PaymentActionsError
from payment_actions_client.connection import TARGET, TIMEOUT_SECONDS
from payment_actions_server.cli import payments, service
from payment_actions_server.cli.exit_codes import exit_code_of
from payment_actions_server.cli.running import run
from payment_actions_server.cli.session import session_of
from payment_actions_server.cli.watching import watch
from payment_actions_server.domain.text import is_keepable

SERVER_VARIABLE: Final = "PAYMENT_ACTIONS_SERVER"

app = typer.Typer(
    name="payment-actions",
    help="See what may be done with an order's payment, do it exactly once, and run the service that does.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # They would print variables, and some of those are secrets.
    rich_markup_mode=None,
)


def _remember(context: typer.Context, option: typer.CallbackParam, value: Any) -> None:
    """Keep a global option for the session; the one given last on the command line counts."""
    assert option.name is not None
    source = context.get_parameter_source(option.name)
    at_root = context.parent is None
    # After the command an option counts only when it was typed: its environment variable was read at the root.
    if source is not None and source.name in ({"COMMANDLINE", "ENVIRONMENT"} if at_root else {"COMMANDLINE"}):
        setattr(session_of(context), option.name, value)


def _global(*names: str, **options: Any) -> Any:
    return typer.Option(*names, callback=_remember, expose_value=False, **options)


@app.callback()
def _options(
    *,
    server: Annotated[str, _global("--server", envvar=SERVER_VARIABLE, help="The service's host:port.")] = TARGET,
    json: Annotated[bool, _global("--json", help="Answer in JSON, for scripts.")] = False,
    timeout: Annotated[
        float, _global("--timeout", min=0.001, help="Seconds for one call, all its attempts together.")
    ] = TIMEOUT_SECONDS,
    actor: Annotated[str, _global("--actor", help="In whose name to act.  [default: the OS user]")] = "",
) -> None:
    """Options of every command; they may also stand after its name."""


class Command(TyperCommand):
    """A command that also takes the global options, and whose errors become messages and exit codes."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its own parameters and the program's."""
        own = super().get_params(ctx)
        known = {parameter.name for parameter in own}
        return own + [parameter for parameter in ctx.find_root().command.params if parameter.name not in known]

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        for parameter in ctx.command.params:
            _require_text(ctx, parameter)
        try:
            return super().invoke(ctx)
        except PaymentActionsError as error:
            session_of(ctx).output.refuse(error)
            raise typer.Exit(exit_code_of(error)) from None


def _require_text(ctx: Any, parameter: Any) -> None:
    """Refuse what was typed in bytes that are no UTF-8, before anything is asked: it cannot be sent."""
    given = ctx.params.get(parameter.name)
    for text in given if isinstance(given, list) else [given]:
        if isinstance(text, str) and not is_keepable(text):
            raise typer.BadParameter("it is not UTF-8 text", ctx=ctx, param=parameter)


for _command in (
    payments.show,
    payments.list_,
    payments.capture,
    payments.void,
    payments.refund,
    payments.refresh,
    payments.resolve,
    run,
    payments.events,
    watch,
    service.serve,
    service.check,
    service.plugins,
    service.migrate,
    service.demo,
):
    app.command(_command.__name__.rstrip("_"), cls=Command)(_command)


def main() -> None:
    """Run the program; the console script `payment-actions`."""
    app()
