"""Commands about payments. Each asks the service; none decides anything that the service decides."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.cli import acting, history, tables, words
from payment_actions_server.cli.exit_codes import ExitCode, exit_code_of_state
from payment_actions_server.cli.output import as_dict
from payment_actions_server.cli.session import Session, session_of
from payment_actions_server.domain.status import PaymentStatus

_PAGE_SIZE_MAX = 1000

_Store = Annotated[str, typer.Argument(help="The store's id.", show_default=False)]
_Order = Annotated[str, typer.Argument(help="The store platform's id of the order.", show_default=False)]
_Amount = Annotated[
    str | None, typer.Option("--amount", help='Part of it, e.g. "10.00 EUR".  [default: the whole]', show_default=False)
]
_RequestId = Annotated[
    str | None,
    typer.Option(
        "--request-id", help="Ask again: the same id never acts twice.  [default: a new one]", show_default=False
    ),
]
_Etag = Annotated[str, typer.Option("--etag", help="Act only if the payment still has it.", show_default=False)]
_Note = Annotated[str, typer.Option("--note", help="Why, for the history.", show_default=False)]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether to go on.")]
_Wait = Annotated[bool, typer.Option("--wait", help="Wait until the operation is settled.")]
_WaitSeconds = Annotated[float, typer.Option("--wait-seconds", min=0, help="How long --wait waits at most.")]
_WAIT_SECONDS = 600.0


# -- Looking --------------------------------------------------------------------------------------------------------


def show(context: typer.Context, store: _Store, order_id: _Order) -> None:
    """Show an order's payment: amounts, what may be done, why not the rest, and what is under way."""
    session = session_of(context)
    with session.client() as client:
        payment = client.get_payment(store, order_id)
    if session.json:
        session.output.document(payment)
    else:
        session.output.show(tables.payment(payment))


def list_(
    context: typer.Context,
    store: Annotated[str, typer.Option("--store", help="Only of this store.", show_default=False)] = "",
    status: Annotated[
        list[PaymentStatus] | None,
        typer.Option("--status", case_sensitive=False, help="Only of this status; repeatable.", show_default=False),
    ] = None,
    method: Annotated[str, typer.Option("--method", help="Only paid by this method.", show_default=False)] = "",
    needing_attention: Annotated[
        bool, typer.Option("--needing-attention", help="Only those that need a human.")
    ] = False,
    expiring_before: Annotated[
        datetime | None,
        typer.Option(
            "--expiring-before",
            help="Only authorized ones that run out before this time (UTC).",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 50,
) -> None:
    """List the payments that the service knows, the last changed first."""
    session = session_of(context)
    with session.client() as client:
        matching = client.list_payments(
            store,
            statuses=[pb.PaymentStatus.Value(f"PAYMENT_STATUS_{one.value}") for one in status or ()],
            payment_method=method,
            needing_attention=needing_attention,
            authorization_expire_before=expiring_before.replace(tzinfo=UTC) if expiring_before else None,
            page_size=min(limit + 1, _PAGE_SIZE_MAX),
        )
        payments = list(islice(matching, limit))
        more = next(matching, None) is not None
    if session.json:
        session.output.document({"payments": _documents(payments)})
    else:
        session.output.show(tables.payments(payments))
    if more:
        session.output.say(f"There are more than {limit}; --limit shows more.")


def events(context: typer.Context, store: _Store, order_id: _Order) -> None:
    """Show a payment's history, and check that no line of it is missing or changed."""
    session = session_of(context)
    with session.client() as client:
        found = list(client.list_events(store, order_id, page_size=_PAGE_SIZE_MAX))
    if session.json:
        session.output.document({"events": _documents(found)})
    else:
        session.output.show(tables.events(found))
    try:
        broken = history.broken_at(found)
    except ValueError as error:
        session.output.say(f"This version cannot check the history: {error}.", style="yellow")
        return
    if broken is not None:
        session.output.say(f"The history does not hold: event {broken} is missing or was changed.", style="bold red")
        raise typer.Exit(ExitCode.UNEXPECTED)
    session.output.say(f"{len(found)} events; none is missing or changed.", style="green")


# -- Acting ---------------------------------------------------------------------------------------------------------


def capture(
    context: typer.Context,
    store: _Store,
    order_id: _Order,
    *,
    amount: _Amount = None,
    request_id: _RequestId = None,
    etag: _Etag = "",
    note: _Note = "",
    yes: _Yes = False,
    wait: _Wait = False,
    wait_seconds: _WaitSeconds = _WAIT_SECONDS,
) -> None:
    """Collect the authorized amount."""
    wish = acting.Wish(store, order_id, acting.money(amount), request_id, etag, note)
    _act(session_of(context), pb.ACTION_CAPTURE, wish, yes=yes, wait_seconds=wait_seconds if wait else 0)


def void(
    context: typer.Context,
    store: _Store,
    order_id: _Order,
    *,
    request_id: _RequestId = None,
    etag: _Etag = "",
    note: _Note = "",
    yes: _Yes = False,
    wait: _Wait = False,
    wait_seconds: _WaitSeconds = _WAIT_SECONDS,
) -> None:
    """Give the authorization up; nothing is collected."""
    wish = acting.Wish(store, order_id, None, request_id, etag, note)
    _act(session_of(context), pb.ACTION_VOID, wish, yes=yes, wait_seconds=wait_seconds if wait else 0)


def refund(
    context: typer.Context,
    store: _Store,
    order_id: _Order,
    *,
    amount: _Amount = None,
    request_id: _RequestId = None,
    etag: _Etag = "",
    note: _Note = "",
    yes: _Yes = False,
    wait: _Wait = False,
    wait_seconds: _WaitSeconds = _WAIT_SECONDS,
) -> None:
    """Return captured money to the buyer."""
    wish = acting.Wish(store, order_id, acting.money(amount), request_id, etag, note)
    _act(session_of(context), pb.ACTION_REFUND, wish, yes=yes, wait_seconds=wait_seconds if wait else 0)


def _act(session: Session, action: pb.Action.ValueType, wish: acting.Wish, *, yes: bool, wait_seconds: float) -> None:
    with session.client() as client:
        response = acting.Acting(session, client, action, wish).run(yes=yes, wait_seconds=wait_seconds)
    if session.json:
        session.output.document(response)
    else:
        session.output.show(tables.operation(response.operation))
        session.output.show(tables.payment(response.payment))
    acting.tell_of(session.output, response.operation)
    raise typer.Exit(exit_code_of_state(response.operation.state))


def refresh(context: typer.Context, store: _Store, order_id: _Order) -> None:
    """Ask the gateway what is true and follow it; moves no money."""
    session = session_of(context)
    with session.client() as client, session.output.waiting("Asking the gateway ..."):
        response = client.refresh(store, order_id)
    if session.json:
        session.output.document(response)
        return
    session.output.show(tables.payment(response.payment))
    if response.events:
        session.output.show(tables.events(response.events))
    else:
        session.output.say("Nothing changed.")


def resolve(
    context: typer.Context,
    store: _Store,
    operation_id: Annotated[str, typer.Argument(help="The operation; it is NEEDS_REVIEW.", show_default=False)],
    happened: Annotated[
        bool, typer.Option("--happened/--never-happened", help="What you found out at the gateway.", show_default=False)
    ],
    reason: Annotated[str, typer.Option("--reason", help="How you know, for the history.", show_default=False)],
    yes: _Yes = False,
) -> None:
    """Settle an operation that the service could not find out about. Moves no money: it records what you found."""
    session = session_of(context)
    acting.require_consent_possible(session, yes=yes)
    with session.client() as client:
        operation = client.get_operation(store, operation_id)
        what = f"{words.action(operation.action)} of {words.money(operation.amount)} for order {operation.order_id}"
        session.output.say(f"{what} will be recorded for ever as {'done' if happened else 'never done'}: {reason}")
        acting.confirm(yes=yes)
        response = client.resolve_operation(store, operation_id, happened=happened, reason=reason)
    if session.json:
        session.output.document(response)
    else:
        session.output.show(tables.operation(response.operation))
        session.output.show(tables.payment(response.payment))


def _documents(messages: Iterable[pb.Payment | pb.Event]) -> list[dict[str, Any]]:
    return [as_dict(message) for message in messages]
