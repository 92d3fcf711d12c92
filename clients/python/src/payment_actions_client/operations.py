"""Before and after an action: its request id, its line in a run of many, what its operation's state means."""

import uuid
from decimal import Decimal
from typing import Final

from google.type.money_pb2 import Money

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client.money import as_money

_IN_FLIGHT: Final = frozenset({pb.OPERATION_STATE_UNKNOWN, pb.OPERATION_STATE_PENDING, pb.OPERATION_STATE_NEEDS_REVIEW})
_SUCCEEDED: Final = frozenset({pb.OPERATION_STATE_SUCCEEDED, pb.OPERATION_STATE_ALREADY_DONE})


def new_request_id() -> str:
    """Return a name for one request, to be made before it is first sent and kept for every repeat of it."""
    return str(uuid.uuid4())


def in_flight(operation: pb.Operation) -> bool:
    """Tell whether the operation has no final result yet: look again later, with `get_operation`."""
    return operation.state in _IN_FLIGHT


def succeeded(operation: pb.Operation) -> bool:
    """Tell whether what was asked for is so: it SUCCEEDED, or somebody had done it before (ALREADY_DONE)."""
    return operation.state in _SUCCEEDED


def action_item(
    store: str,
    order_id: str,
    action: pb.Action.ValueType,
    *,
    amount: Money | Decimal | str | None = None,
    currency_code: str = "",
    request_id: str | None = None,
    etag: str = "",
    note: str = "",
) -> pb.ActionItem:
    """Return one line for `run_actions`, named from the start: keep the items, and an interrupted run can go on.

    :param etag: act only if the payment still has it, such as the one that a run with ``validate_only`` has shown.
    """
    return pb.ActionItem(
        store=store,
        order_id=order_id,
        action=action,
        amount=as_money(amount, currency_code),
        request_id=new_request_id() if request_id is None else request_id,
        etag=etag,
        note=note,
    )
