"""One action from the command line: shown, confirmed, sent under a request id, waited for, and told honestly."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

import typer

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import (
    CapturePaymentResponse,
    Client,
    Money,
    OutcomeUnknown,
    PaymentActionsError,
    RefundPaymentResponse,
    VoidPaymentResponse,
    in_flight,
    new_request_id,
    to_money,
)
from payment_actions_client.errors import of_this_attempt
from payment_actions_server.cli import advice, offers, words
from payment_actions_server.cli.exit_codes import ExitCode
from payment_actions_server.cli.output import Output
from payment_actions_server.cli.session import Session

Response = CapturePaymentResponse | VoidPaymentResponse | RefundPaymentResponse

POLL_SECONDS_FIRST: Final = 0.5
POLL_SECONDS_MAX: Final = 5.0
SHOP_SECONDS_MAX: Final = 2.0
"""How long an answer waits for the shop to hold the status: only then is known what staff must know of its page."""


class Wish(NamedTuple):
    """What was typed. ``request_id`` None: a new request."""

    store: str
    order_id: str
    amount: Money | None
    request_id: str | None
    etag: str
    note: str


def money(amount: str | None) -> Money | None:
    """Return an amount as typed: "10.00 EUR"."""
    try:
        return None if amount is None else to_money(amount)
    except ValueError:
        raise typer.BadParameter(
            f'{amount!r} is not an amount; write it as "10.00 EUR"', param_hint="--amount"
        ) from None


def _asked_amount(suggested: Money) -> Money | None:
    """Ask for an amount; Enter takes the one that is suggested."""
    try:
        return money(typer.prompt("Amount", default=words.money(suggested), err=True))
    except typer.Abort:  # Ctrl-C or the end of input.
        typer.echo("\nNothing was sent.", err=True)
        raise typer.Exit(ExitCode.USAGE) from None


def require_consent_possible(session: Session, *, yes: bool) -> None:
    """Refuse to go on when nobody can be asked and nobody has agreed beforehand."""
    if not yes and not session.interactive:
        session.output.say("Nothing was sent: input is not a terminal, so nobody can be asked. Give --yes to agree.")
        raise typer.Exit(ExitCode.USAGE)


def confirm(*, yes: bool) -> None:
    """Ask whether to go on, unless that was answered beforehand."""
    try:
        if yes or typer.confirm("Go on?", err=True):
            return
    except typer.Abort:  # Ctrl-C or the end of input is a no.
        typer.echo("", err=True)
    typer.echo("Nothing was sent.", err=True)
    raise typer.Exit(ExitCode.USAGE)


class Acting:
    """One action on one payment."""

    def __init__(self, session: Session, client: Client, action: pb.Action.ValueType, wish: Wish) -> None:
        self._output = session.output
        self._session = session
        self._client = client
        self._action = action
        self._wish = wish
        self._name = words.action(action)

    def run(self, *, yes: bool, wait_seconds: float) -> Response:
        """Do it and return what became of it, so far."""
        require_consent_possible(self._session, yes=yes)
        payment = self._client.get_payment(self._wish.store, self._wish.order_id)
        etag = self._agreed_etag(payment, yes=yes)
        # Made, and shown, before anything is sent: whoever loses the answer can ask again with it.
        request_id = new_request_id() if self._wish.request_id is None else self._wish.request_id
        self._output.say(f"Request id: {request_id}")
        try:
            with self._output.waiting(f"{self._name} is under way ..."):
                return self._waited(self._send(request_id, etag), wait_seconds)
        except KeyboardInterrupt:
            self._interrupted(request_id)
        except PaymentActionsError as error:
            raise self._advised(error, request_id) from None

    def _agreed_etag(self, payment: pb.Payment, *, yes: bool) -> str:
        """Return the etag to act under, once somebody has agreed to what would happen."""
        offer = next((offer for offer in payment.available_actions if offer.action == self._action), None)
        if offer is None:
            if self._wish.request_id is None:
                raise self._advised(_refusal(payment, self._action), "")
            # Asking again for what was asked before: the service answers that also when the action is no longer
            # offered. Should it not know the request after all, the etag keeps it from acting on another payment.
            return self._wish.etag or payment.etag
        self._bound_amount(offer, yes=yes)
        self._output.say(self._effect(payment, offer))
        if yes:
            return self._wish.etag
        confirm(yes=yes)
        # What was agreed to is what was shown; if the payment changed since, the service refuses.
        return self._wish.etag or payment.etag

    def _bound_amount(self, offer: pb.AvailableAction, *, yes: bool) -> None:
        """Keep to the most that a policy allows: a call without an amount means the whole, and is refused."""
        if self._wish.request_id is not None:
            return  # Asking again for what was asked before: the service knows with which amount.
        if self._wish.amount is None and offer.HasField("amount_max") and not yes:
            self._output.say(offers.limit(offer))
            self._wish = self._wish._replace(amount=_asked_amount(offer.amount_max))
        if not offers.is_within_limit(offer, self._wish.amount):
            raise self._advised(offers.over_limit(offer, self._wish.amount), "")

    def _effect(self, payment: pb.Payment, offer: pb.AvailableAction) -> str:
        order = f"order {payment.order_number or payment.order_id} of {payment.store}"
        whole = words.money(offer.amount)
        if self._wish.amount is None or self._wish.amount == offer.amount:
            return f"{self._name} of {whole}, {order}. {offer.effect}"
        return f"{self._name} of {words.money(self._wish.amount)} out of {whole}, {order}."

    def _advised(self, error: PaymentActionsError, request_id: str) -> PaymentActionsError:
        """Return the error with the commands that help."""
        wish = self._wish
        if wish.request_id is not None and of_this_attempt(error):
            # An earlier command has sent this request id, and its answer may have been lost.
            before = f"That says nothing of what was asked before under {request_id}: it may have happened."
            unknown = OutcomeUnknown(f"{error.message} {before}", code=error.code, request_id=request_id)
            unknown.add_note(f"Look at it: payment-actions show {wish.store} {wish.order_id}")
            return unknown
        for line in advice.after_refusal(error, self._asked(request_id)):
            error.add_note(line)
        return error

    def _asked(self, request_id: str) -> advice.Asked:
        wish = self._wish
        amount = "" if wish.amount is None else words.money(wish.amount)
        return advice.Asked(self._name, wish.store, wish.order_id, request_id, amount, wish.etag, wish.note)

    def _send(self, request_id: str, etag: str) -> Response:
        store, order_id, amount, note = self._wish.store, self._wish.order_id, self._wish.amount, self._wish.note
        if self._action == pb.ACTION_VOID:
            return self._client.void(store, order_id, request_id=request_id, etag=etag, note=note)
        method: Callable[..., Response] = (
            self._client.capture if self._action == pb.ACTION_CAPTURE else self._client.refund
        )
        return method(store, order_id, amount, request_id=request_id, etag=etag, note=note)

    def _waited(self, response: Response, wait_seconds: float) -> Response:
        """Look at the operation until it is settled, only an operator can settle it, or the time is over."""
        pause, deadline = POLL_SECONDS_FIRST, time.monotonic() + wait_seconds
        operation = response.operation
        while _settles_itself(operation) and time.monotonic() + pause < deadline:
            time.sleep(pause)
            pause = min(pause * 2, POLL_SECONDS_MAX)
            try:
                response.operation.CopyFrom(self._client.get_operation(self._wish.store, operation.operation_id))
                if not in_flight(operation):
                    response.payment.CopyFrom(self._client.get_payment(self._wish.store, self._wish.order_id))
            except PaymentActionsError as error:  # The operation goes on without us; what was last known stands.
                self._output.say(str(error), style="yellow")
        self._wait_for_shop(response)
        return response

    def _wait_for_shop(self, response: Response) -> None:
        """Look at the payment until the shop holds its status, a try to write it has failed, or the time is over."""
        pause, deadline = POLL_SECONDS_FIRST / 2, time.monotonic() + SHOP_SECONDS_MAX
        while _is_being_written(response.payment) and time.monotonic() + pause < deadline:
            time.sleep(pause)
            try:
                response.payment.CopyFrom(self._client.get_payment(self._wish.store, self._wish.order_id))
            except PaymentActionsError:  # The action is done and told; the shop's side is shown by the next look.
                return

    def _interrupted(self, request_id: str) -> NoReturn:
        wish = self._wish
        self._output.say(
            f"Interrupted. If {self._name} had reached the service, it goes on there; nothing is sent twice.\n"
            f"Look at it: payment-actions show {wish.store} {wish.order_id}\n"
            f"Ask again for the same: {self._asked(request_id).command()}",
            style="yellow",
        )
        raise typer.Exit(ExitCode.IN_FLIGHT)


def tell_of(output: Output, operation: pb.Operation) -> None:
    """Say what an operation that is still in flight means, and what to do about it."""
    if operation.state == pb.OPERATION_STATE_NEEDS_REVIEW:
        output.say(
            "The gateway cannot tell what became of it. Look there, then settle it:\n"
            f"payment-actions resolve {operation.store} {operation.operation_id}"
            ' --happened|--never-happened --reason "..."',
            style="yellow",
        )
    elif in_flight(operation):
        output.say(
            f"Still in flight ({words.state(operation.state)}): the service finds out by itself, and nothing will be"
            f" sent twice.\nLook at it: payment-actions show {operation.store} {operation.order_id}",
            style="yellow",
        )


def _is_being_written(payment: pb.Payment) -> bool:
    update = payment.store_update
    return update.state == pb.STORE_UPDATE_STATE_PENDING and not update.last_error


def _settles_itself(operation: pb.Operation) -> bool:
    return in_flight(operation) and operation.state != pb.OPERATION_STATE_NEEDS_REVIEW


def _refusal(payment: pb.Payment, action: int) -> PaymentActionsError:
    """Return what the service has just said that calling the action would fail with."""
    for refusal in payment.unavailable_actions:
        if refusal.action == action:
            available = ",".join(words.action(offer.action) for offer in payment.available_actions)
            metadata = {"action": words.action(action), "available_actions": available}
            return PaymentActionsError(refusal.message, reason=words.reason(refusal.reason), metadata=metadata)
    return PaymentActionsError(f"{words.action(action)} is not offered now.", reason="ACTION_NOT_AVAILABLE")
