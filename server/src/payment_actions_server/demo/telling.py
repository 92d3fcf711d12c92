"""How the demo tells what happens, and keeps count of what should not have."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import to_decimal


class Teller:
    """Prints the story step by step; remembers each expectation that did not come true."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.failures: list[str] = []
        self.checks = 0
        self._scene = ""

    def scene(self, title: str) -> None:
        """Begin a scene."""
        self._scene = title
        self.console.print(f"\n[bold]{title}[/bold]")

    def line(self, label: str, text: str) -> None:
        """Print a step."""
        self.console.print(f"  [dim]{label:>9}[/dim]  {text}", highlight=False, soft_wrap=True)

    def before(self, payment: pb.Payment) -> None:
        """Print what staff sees."""
        self.line("before", f"{status(payment)}, offered: {offers(payment)}")

    def answer(self, operation: pb.Operation) -> None:
        """Print what became of an action."""
        reason = f" ({operation.reason_code})" if operation.reason_code else ""
        self.line("answer", f"operation {state(operation)}{reason}, reference {operation.reference}")

    def refused(self, error: Exception) -> None:
        """Print a refusal."""
        self.line("answer", f"{type(error).__name__}: {error}")

    def expect(self, what: str, actual: object, wanted: object) -> None:
        """Note whether ``what`` came out as it must."""
        self.checks += 1
        if actual != wanted:
            self.failures.append(f"{self._scene}: {what} is {actual}, not {wanted}")
            self.line("[red]wrong[/red]", f"{what} is {actual}, not {wanted}")

    def payments(self, payments: Iterable[pb.Payment], store_words: dict[tuple[str, str], str]) -> None:
        """Print all payments."""
        table = Table(
            "store", "order", "status", "captured", "refunded", "offered now", "X-Cart says", title="In the end"
        )
        for payment in payments:
            table.add_row(
                payment.store,
                payment.order_id,
                status(payment),
                f"{to_decimal(payment.captured_amount):.2f} {payment.captured_amount.currency_code}",
                f"{to_decimal(payment.refunded_amount):.2f} {payment.refunded_amount.currency_code}",
                offers(payment),
                store_words[payment.store, payment.order_id],
            )
        self.console.print()
        self.console.print(table)


def status(payment: pb.Payment) -> str:
    """Return the status without its prefix."""
    return pb.PaymentStatus.Name(payment.status).removeprefix("PAYMENT_STATUS_")


def state(operation: pb.Operation) -> str:
    """Return the state without its prefix."""
    return pb.OperationState.Name(operation.state).removeprefix("OPERATION_STATE_")


def offers(payment: pb.Payment) -> str:
    """Return the actions that are offered."""
    names = (pb.Action.Name(offer.action).removeprefix("ACTION_") for offer in payment.available_actions)
    return ", ".join(names) or "nothing"
