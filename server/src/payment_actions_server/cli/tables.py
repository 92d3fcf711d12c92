"""Payments, operations and events, laid out for people."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import in_flight, succeeded
from payment_actions_server.cli import offers, words
from payment_actions_server.cli.words import plain
from payment_actions_server.plugins.loader import PluginInfo

_AUTHORIZED = frozenset({pb.PAYMENT_STATUS_AUTHORIZED, pb.PAYMENT_STATUS_PARTIALLY_CAPTURED})
"""Where something is left to capture, so that it matters when the authorization runs out."""


_STANDING = frozenset({pb.ORDER_STATE_UNSPECIFIED, pb.ORDER_STATE_PLACED})
_CLOSED = frozenset({pb.ORDER_STATE_CANCELLED, pb.ORDER_STATE_DELETED})
_NO_TOTAL = frozenset({pb.ORDER_STATE_OTHER_CURRENCY, pb.ORDER_STATE_TOTAL_INVALID})
_OVER = frozenset(
    {pb.PAYMENT_STATUS_REFUNDED, pb.PAYMENT_STATUS_VOIDED, pb.PAYMENT_STATUS_DECLINED, pb.PAYMENT_STATUS_EXPIRED}
)
"""Where a closed order is what one expects."""


def payment(shown: pb.Payment) -> RenderableType:
    """Return everything staff wants to know of one order's payment."""
    title = f"Order {shown.order_number or shown.order_id} ({shown.order_id}) of {shown.store}"
    parts: list[RenderableType] = [_facts(shown), Text(), _actions(shown)]
    return Panel(Group(*parts), title=Text(plain(title)), title_align="left", expand=False)


def _facts(shown: pb.Payment) -> Table:
    facts = _grid()
    method = shown.payment_method.display_name or shown.payment_method.code or "unknown method"
    how = f"{method} through {shown.gateway}" if shown.gateway else f"{method}, not through this store's gateway"
    _fact(facts, "Status", _with(words.status(shown.status), shown.reason_code), status_style(shown.status))
    _fact(facts, "Paid by", how)
    _fact(facts, "Order total", _total(shown))
    if shown.order_state not in _STANDING:
        _fact(facts, "Order", _order(shown), "" if shown.status in _OVER else "yellow")
    _fact(facts, "Authorized", _with(words.money(shown.authorized_amount), _expiry(shown)))
    _fact(facts, "Captured", words.money(shown.captured_amount))
    _fact(facts, "Refunded", words.money(shown.refunded_amount))
    if shown.HasField("operation_in_flight"):
        _fact(facts, "In flight", _operation_line(shown.operation_in_flight), "yellow")
    _fact(facts, "Store", _store_update(shown), "yellow" if shown.store_update.last_error else "")
    if shown.store_update.notice:
        _fact(facts, "In the shop", shown.store_update.notice, "yellow")
    if shown.HasField("next_refresh_time"):
        _fact(facts, "Next look", f"{words.time(shown.next_refresh_time)}, by itself")
    if shown.anomaly:
        _fact(facts, "ANOMALY", shown.anomaly, "bold red")
    for reference in shown.gateway_references:
        _fact(facts, reference.role.replace("_", " "), reference.value, "dim")
    return facts


def _actions(shown: pb.Payment) -> Table:
    actions = _grid()
    for offer in shown.available_actions:
        partial = " A smaller amount is possible." if offer.partial_amount_allowed else ""
        bound = f" {offers.limit(offer)}" if offer.HasField("amount_max") else partial
        _fact(actions, words.action(offer.action), f"can be done: {offer.effect}{bound}", "green")
    for refusal in shown.unavailable_actions:
        policy = f" (policy {refusal.policy})" if refusal.policy else ""
        _fact(actions, words.action(refusal.action), f"not now: {refusal.message}{policy}", "dim")
    return actions


def _expiry(shown: pb.Payment) -> str:
    if not shown.HasField("authorization_expire_time") or shown.status not in _AUTHORIZED:
        return ""
    return f"until {words.time(shown.authorization_expire_time)}"


def _total(shown: pb.Payment) -> str:
    """Return the order's total; the payment's currency cannot express every total that a shop may hold."""
    return "unknown" if shown.order_state in _NO_TOTAL else words.money(shown.order_total)


def _order(shown: pb.Payment) -> str:
    """Return what became of the order in the shop, and the action that is left to do."""
    told = f"{words.order_state(shown.order_state)}: {shown.order_state_message}"
    if not is_void_advised(shown):
        return told
    return f"{told} Void is what is left to do: payment-actions void {shown.store} {shown.order_id}"


def is_void_advised(shown: pb.Payment) -> bool:
    """Tell whether the order is closed in the shop, and its authorization still to be given up."""
    return shown.order_state in _CLOSED and any(offer.action == pb.ACTION_VOID for offer in shown.available_actions)


def _store_update(shown: pb.Payment) -> str:
    update = shown.store_update
    says = f'says "{update.platform_status}"' if update.platform_status else "has not been read"
    if update.state == pb.STORE_UPDATE_STATE_DISPUTED:
        anew = f"payment-actions refresh {shown.store} {shown.order_id}"
        return f"{says}, not the payment's status: {_error(update)} Begin anew: {anew}"
    if update.state != pb.STORE_UPDATE_STATE_PENDING:
        return f"{says}, up to date" if update.platform_status else "nothing is to be written"
    if not update.last_error:  # Also while the first try is under way, right after an action.
        return f"{says}, the new status is being written"
    tries = "1 try" if update.attempts == 1 else f"{update.attempts} tries"
    again = f" Next try at {words.time(update.next_attempt_time)}." if update.HasField("next_attempt_time") else ""
    return f"{says}, the new status could not be written in {tries}: {_error(update)}{again}"


def _error(update: pb.StoreUpdate) -> str:
    return f"{update.last_error.rstrip('.')}."


def _operation_line(shown: pb.Operation) -> str:
    what = f"{words.action(shown.action)} of {words.money(shown.amount)}: {words.state(shown.state)}"
    check = f", looked at again at {words.time(shown.next_check_time)}" if shown.HasField("next_check_time") else ""
    return f"{what}{check} (operation {shown.operation_id}, by {shown.actor})"


def operation(shown: pb.Operation) -> RenderableType:
    """Return what became of an operation."""
    style = "green" if succeeded(shown) else "yellow" if in_flight(shown) else "red"
    facts = _grid()
    _fact(facts, words.action(shown.action), words.money(shown.amount))
    _fact(facts, "State", _with(words.state(shown.state), shown.reason_code), style)
    if shown.message:
        _fact(facts, "Message", shown.message)
    _fact(facts, "Operation", shown.operation_id)
    _fact(facts, "Request id", shown.request_id)
    _fact(facts, "Reference", _with(shown.reference, shown.gateway_id))
    return facts


def payments(shown: Iterable[pb.Payment]) -> Table:
    """Return a line for each payment."""
    table = _table("Store", "Order", "Number", "Status", "Total", "Captured", "Refunded", "In flight", "Attention")
    for one in shown:
        busy = words.action(one.operation_in_flight.action) if one.HasField("operation_in_flight") else ""
        cells = (
            one.store,
            one.order_id,
            one.order_number,
            words.status(one.status),
            _total(one),
            words.money(one.captured_amount),
            words.money(one.refunded_amount),
            busy,
            _attention(one),
        )
        table.add_row(*_cells(cells))
    return table


def _attention(shown: pb.Payment) -> str:
    update = shown.store_update
    if shown.anomaly:
        return shown.anomaly
    if shown.operation_in_flight.state == pb.OPERATION_STATE_NEEDS_REVIEW:
        return f"resolve {shown.operation_in_flight.operation_id}"
    if update.state == pb.STORE_UPDATE_STATE_DISPUTED:
        return f"store disputed: {update.last_error}"
    if shown.order_state not in _STANDING and shown.status not in _OVER:
        left = ": void" if is_void_advised(shown) else ""
        return f"order {words.order_state(shown.order_state)}{left}"
    return update.last_error


def events(shown: Iterable[pb.Event]) -> Table:
    """Return a payment's history, a line for each event."""
    table = _table("#", "Time", "Who", "What", "Status", "Message")
    for event in shown:
        what = words.event_type(event.type)
        cells = (str(event.number), words.time(event.time), event.actor, what, change(event), event.message)
        table.add_row(*_cells(cells))
    return table


def plugins(found: Iterable[PluginInfo]) -> Table:
    """Return a line for each plugin."""
    table = _table("Name", "Version", "Origin", "Store platforms", "Gateways", "Hooks", "Error")
    for plugin in found:
        platforms, gateways = ", ".join(plugin.store_platforms), ", ".join(plugin.gateways)
        hooks = ", ".join(role for role in plugin.roles if role in ("reviews", "observes"))
        cells = (plugin.name, plugin.version, plugin.origin, platforms, gateways, hooks, plugin.error)
        table.add_row(*_cells(cells))
    return table


def change(event: pb.Event) -> str:
    """Return the status that an event led to, and the one before if it was another."""
    before, after = words.status(event.status_before), words.status(event.status_after)
    if event.status_before == pb.PAYMENT_STATUS_UNSPECIFIED or before == after:
        return after
    return f"{before} → {after}"


def status_style(status: int) -> str:
    """Return how a status is set off."""
    if status in (pb.PAYMENT_STATUS_DECLINED, pb.PAYMENT_STATUS_EXPIRED):
        return "red"
    return "bold"


def _with(text: str, more: str) -> str:
    return f"{text} ({more})" if more else text


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _fact(grid: Table, name: str, value: str, style: str = "") -> None:
    grid.add_row(Text(plain(name)), Text(plain(value), style=style))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cells(texts: Iterable[str]) -> list[Text]:
    return [Text(plain(text)) for text in texts]
