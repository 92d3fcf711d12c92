"""Every RPC as a value: what is sent, what the caller gets of the answer, and whether it may be sent again.

Each function here is the one declaration of a method that `Client` and `AsyncClient` have; neither says it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client.money import as_money
from payment_actions_client.operations import new_request_id
from payment_actions_client.streams import Run, Stream, Watch

Result = TypeVar("Result")
Item = TypeVar("Item")


class Repeat(Enum):
    """What sending a call again can do."""

    HARMLESS = auto()  #: It moves nothing.
    SAME_ACTION = auto()  #: Its request id makes every repeat the same action.
    UNCLEAR = auto()  #: A repeat would be refused because the first worked: it is not sent again.


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Result]):
    """One unary call, sent with the very same request at every attempt."""

    rpc: str  #: The stub's name of it.
    request: Message
    result: Callable[[Any], Result]  #: From the response to what the caller gets.
    repeat: Repeat = Repeat.HARMLESS
    subject: str  #: What was asked, for messages.
    timeout: float | None = None  #: Seconds for all attempts together; None: the client's own.

    @property
    def request_id(self) -> str:
        """Return the action's request id; empty when the call has none."""
        return getattr(self.request, "request_id", "")


class Pages(Generic[Item]):
    """A list that comes page by page."""

    def __init__(self, first: Call[Any], items: Callable[[Any], Iterable[Item]]) -> None:
        self._items = items
        self.next: Call[Any] | None = first  #: Asks for the next page; None when there is none.

    def take(self, response: Any) -> Iterable[Item]:
        """Return the items of a page, and get ready for the one after it."""
        assert self.next is not None
        asked, token = self.next, response.next_page_token
        assert not token or token != asked.request.page_token, "the service gave the same page again"  # type: ignore[attr-defined] # both lists have it
        following = type(asked.request)()
        following.CopyFrom(asked.request)
        following.page_token = token  # type: ignore[attr-defined] # both lists have it
        self.next = (
            Call(rpc=asked.rpc, request=following, result=asked.result, subject=asked.subject, timeout=asked.timeout)
            if token
            else None
        )
        return self._items(response)


# -- Looking --------------------------------------------------------------------------------------------------------


def get_payment(store: str, order_id: str, *, timeout: float | None = None) -> Call[pb.Payment]:
    """Return the payment of an order, with what may be done with it now and why not the rest.

    :param timeout: seconds for all attempts together; the client's own unless given.
    """

    def payment(response: pb.GetPaymentResponse) -> pb.Payment:
        return response.payment

    request = pb.GetPaymentRequest(store=store, order_id=order_id)
    return Call(rpc="GetPayment", request=request, result=payment, subject=_of(store, order_id), timeout=timeout)


def list_payments(
    store: str = "",
    *,
    statuses: Iterable[pb.PaymentStatus.ValueType] = (),
    payment_method: str = "",
    needing_attention: bool = False,
    authorization_expire_before: datetime | None = None,
    order_search: str = "",
    store_update_failing: bool = False,
    refresh_due_before: datetime | None = None,
    page_size: int = 0,
    timeout: float | None = None,
) -> Pages[pb.Payment]:
    """Yield the payments that the service knows, the last changed first; pages are fetched as they are needed.

    Filters that are set must all hold.

    :param store: only of this store; empty: of all.
    :param statuses: only of these statuses; empty: of any.
    :param payment_method: only orders paid by it, by the platform's code or name of it.
    :param needing_attention: only those that need a human.
    :param authorization_expire_before: only those whose authorization runs out before this aware time.
    :param order_search: only orders whose id or number begins with it, or to which a gateway's id belongs that does.
    :param store_update_failing: only those whose status the store does not hold, after a try that failed.
    :param refresh_due_before: only those at which the service has been due to look since before this aware time.
    :param page_size: how many to fetch at once, up to 1000; 0: the service's default.
    :param timeout: seconds for each page.
    """
    request = pb.ListPaymentsRequest(
        store=store,
        statuses=statuses,
        payment_method=payment_method,
        needing_attention=needing_attention,
        authorization_expire_before=_timestamp(authorization_expire_before),
        order_search=order_search,
        store_update_failing=store_update_failing,
        refresh_due_before=_timestamp(refresh_due_before),
        page_size=page_size,
    )

    def payments(response: pb.ListPaymentsResponse) -> Iterable[pb.Payment]:
        return response.payments

    call = Call(rpc="ListPayments", request=request, result=_whole, subject="the list of payments", timeout=timeout)
    return Pages(call, payments)


def get_operation(store: str, operation_id: str, *, timeout: float | None = None) -> Call[pb.Operation]:
    """Return one operation as it is now.

    :param timeout: seconds for all attempts together; the client's own unless given.
    """

    def operation(response: pb.GetOperationResponse) -> pb.Operation:
        return response.operation

    request = pb.GetOperationRequest(store=store, operation_id=operation_id)
    subject = f"operation {operation_id} of store {store}"
    return Call(rpc="GetOperation", request=request, result=operation, subject=subject, timeout=timeout)


def list_events(store: str, order_id: str, *, page_size: int = 0, timeout: float | None = None) -> Pages[pb.Event]:
    """Yield a payment's history, oldest first; pages are fetched as they are needed.

    :param page_size: how many to fetch at once, up to 1000; 0: the service's default.
    :param timeout: seconds for each page.
    """

    def events(response: pb.ListEventsResponse) -> Iterable[pb.Event]:
        return response.events

    request = pb.ListEventsRequest(store=store, order_id=order_id, page_size=page_size)
    subject = f"the history of {_of(store, order_id)}"
    return Pages(Call(rpc="ListEvents", request=request, result=_whole, subject=subject, timeout=timeout), events)


def refresh(store: str, order_id: str, *, timeout: float | None = None) -> Call[pb.RefreshPaymentResponse]:
    """Ask the gateway what is true and follow it; moves no money.

    :param timeout: seconds for all attempts together; the client's own unless given.
    :return: the payment, and the events that this look appended.
    """
    request = pb.RefreshPaymentRequest(store=store, order_id=order_id)
    subject = f"REFRESH of {_of(store, order_id)}"
    return Call(rpc="RefreshPayment", request=request, result=_whole, subject=subject, timeout=timeout)


def get_overview(store: str = "", *, days: int = 0, timeout: float | None = None) -> Call[pb.GetOverviewResponse]:
    """Return what a first page shows: what moved by day, which authorizations run out soon, and what waits.

    :param store: only of this store; empty: of all together.
    :param days: how many days to tell of, up to 92; 0: the service's default.
    :param timeout: seconds for all attempts together; the client's own unless given.
    """
    request = pb.GetOverviewRequest(store=store, days=days)
    return Call(rpc="GetOverview", request=request, result=_whole, subject="the overview", timeout=timeout)


def watch_events(stores: Iterable[str] = (), *, after_sequence: int | None = None) -> Stream[pb.Event]:
    """Yield events as they become durable, without end, none skipped and none twice.

    A lost connection is taken up again from the last sequence seen; `ConnectionFailed` comes only when that has not
    worked for the retry policy's ``patience_seconds``.

    :param stores: only of these stores; empty: of all.
    :param after_sequence: only events after it; 0: all there are. None: only what happens from now on, and then a
        connection that is lost before the first message starts over from when it is back: give a sequence if none may
        be missed.
    """
    return Watch(stores, after_sequence)


# -- Acting ---------------------------------------------------------------------------------------------------------


def capture(
    store: str,
    order_id: str,
    amount: Money | Decimal | str | None = None,
    currency_code: str = "",
    *,
    request_id: str | None = None,
    etag: str = "",
    note: str = "",
    timeout: float | None = None,
) -> Call[pb.CapturePaymentResponse]:
    """Collect the authorized amount.

    A refusal by the gateway is no error but a result: look at the operation's state.

    :param amount: major units as Decimal or string, with ``currency_code``; or ``"129.90 USD"``; or Money. None: the
        whole.
    :param request_id: names this request; made anew unless given. The same id never acts twice.
    :param etag: act only if the payment still has it.
    :param note: why, for the history.
    :param timeout: seconds for all attempts together; the client's own unless given.
    :return: the operation, which may still be in flight, and the payment.
    :raises OutcomeUnknown: no answer came; ask again with its ``request_id``.
    """
    request = pb.CapturePaymentRequest(
        store=store,
        order_id=order_id,
        amount=as_money(amount, currency_code),
        request_id=_named(request_id),
        etag=etag,
        note=note,
    )
    return _action("CapturePayment", request, f"CAPTURE of {_of(store, order_id)}", timeout)


def void(
    store: str,
    order_id: str,
    *,
    request_id: str | None = None,
    etag: str = "",
    note: str = "",
    timeout: float | None = None,
) -> Call[pb.VoidPaymentResponse]:
    """Give the authorization up, always the whole of it; otherwise as `capture`."""
    request = pb.VoidPaymentRequest(store=store, order_id=order_id, request_id=_named(request_id), etag=etag, note=note)
    return _action("VoidPayment", request, f"VOID of {_of(store, order_id)}", timeout)


def refund(
    store: str,
    order_id: str,
    amount: Money | Decimal | str | None = None,
    currency_code: str = "",
    *,
    request_id: str | None = None,
    etag: str = "",
    note: str = "",
    timeout: float | None = None,
) -> Call[pb.RefundPaymentResponse]:
    """Return captured money to the buyer; otherwise as `capture`."""
    request = pb.RefundPaymentRequest(
        store=store,
        order_id=order_id,
        amount=as_money(amount, currency_code),
        request_id=_named(request_id),
        etag=etag,
        note=note,
    )
    return _action("RefundPayment", request, f"REFUND of {_of(store, order_id)}", timeout)


def resolve_operation(
    store: str, operation_id: str, *, happened: bool, reason: str, timeout: float | None = None
) -> Call[pb.ResolveOperationResponse]:
    """End an operation that is NEEDS_REVIEW by an operator's word; moves no money.

    Sent once: a repeat would be refused because the first had worked.

    :param happened: what the operator found out at the gateway.
    :param reason: how the operator knows, for the history.
    :param timeout: seconds; the client's own unless given.
    :raises OutcomeUnknown: no answer came; look at the operation.
    """
    state = pb.OPERATION_STATE_SUCCEEDED if happened else pb.OPERATION_STATE_FAILED
    request = pb.ResolveOperationRequest(store=store, operation_id=operation_id, state=state, reason=reason)
    return Call(
        rpc="ResolveOperation",
        request=request,
        result=_whole,
        repeat=Repeat.UNCLEAR,
        subject=f"the word on operation {operation_id} of store {store}",
        timeout=timeout,
    )


def run_actions(items: Iterable[pb.ActionItem], *, validate_only: bool = False) -> Stream[pb.RunActionsResponse]:
    """Run many actions, each standing alone, and yield one message for each as it ends.

    A lost connection is taken up again with the items that have not ended. An item's error is in its message:
    `error_of_status` reads it. One without a reason says that the outcome is unknown, as when the item may have been
    begun before the connection was lost and the service that answers then cannot tell.

    :param items: up to 10,000; `action_item` makes them. Keep them: running them again repeats nothing.
    :param validate_only: only say what each would do.
    :raises OutcomeUnknown: the connection stayed lost; run the same items again.
    """
    return Run(items, validate_only=validate_only)


def _action(rpc: str, request: Message, subject: str, timeout: float | None) -> Call[Any]:
    return Call(rpc=rpc, request=request, result=_whole, repeat=Repeat.SAME_ACTION, subject=subject, timeout=timeout)


def _named(request_id: str | None) -> str:
    # An empty one is sent as it is and refused: a caller whose id got lost must hear of it.
    return new_request_id() if request_id is None else request_id


def _whole(response: Any) -> Any:
    return response


def _of(store: str, order_id: str) -> str:
    return f"order {order_id} of store {store}"


def _timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} has no time zone; use an aware datetime")
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp
