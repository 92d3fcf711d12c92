"""The RPCs: each translates a valid request to the engine's words, and its answer to the contract's."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

import grpc
from google.protobuf.message_factory import GetMessageClass

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action
from payment_actions_server.engine import DAYS_DEFAULT, PAGE_SIZE_DEFAULT, ActionResult, Engine, PaymentQuery
from payment_actions_server.transport import mapping
from payment_actions_server.transport.boundary import Boundary
from payment_actions_server.transport.errors import VIOLATIONS_MAX, InvalidFields, Violation
from payment_actions_server.transport.validation import SERVICE, check_item

CONCURRENT_ITEMS_MAX: Final = 16
"""How many items of one RunActions are under way at once."""

# Between so many items the event loop serves others: ten thousand checks in a row would hold everybody up.
_ITEMS_A_TURN: Final = 200
_ENDLESS: Final = frozenset({"WatchEvents"})


class Servicer:
    """Answers every RPC of the contract. Its methods have the RPCs' names, in snake case."""

    def __init__(self, engine: Engine, boundary: Boundary) -> None:
        self._engine = engine
        self._boundary = boundary

    def handlers(self) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
        """Return grpc's handler of each RPC of the contract; one that is missing here is an error at start."""
        return {method.name: self._handler(method) for method in SERVICE.methods}

    def _handler(self, method: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        answer = getattr(self, _snake_case(method.name))
        messages: dict[str, Any] = {
            "request_deserializer": GetMessageClass(method.input_type).FromString,
            "response_serializer": GetMessageClass(method.output_type).SerializeToString,
        }
        if method.server_streaming:
            handler = self._boundary.stream(method.name, answer, endless=method.name in _ENDLESS)
            return grpc.unary_stream_rpc_method_handler(handler, **messages)
        return grpc.unary_unary_rpc_method_handler(self._boundary.unary(method.name, answer), **messages)

    # -- Looking --------------------------------------------------------------------------------------------------

    async def get_payment(self, request: pb.GetPaymentRequest, _actor: str) -> pb.GetPaymentResponse:
        """Answer GetPayment."""
        view = await self._engine.get_payment(request.store, request.order_id)
        return pb.GetPaymentResponse(payment=mapping.payment(view))

    async def list_payments(self, request: pb.ListPaymentsRequest, _actor: str) -> pb.ListPaymentsResponse:
        """Answer ListPayments."""
        expire_before = request.authorization_expire_before
        query = PaymentQuery(
            store=request.store or None,
            statuses=frozenset(mapping.STATUS_OF[status] for status in request.statuses),
            payment_method=request.payment_method,
            needing_attention=request.needing_attention,
            authorization_expire_before=(
                mapping.moment(expire_before) if request.HasField("authorization_expire_before") else None
            ),
            page_size=request.page_size or PAGE_SIZE_DEFAULT,
            page_token=request.page_token,
            order_search=request.order_search,
            store_update_failing=request.store_update_failing,
            refresh_due_before=(
                mapping.moment(request.refresh_due_before) if request.HasField("refresh_due_before") else None
            ),
        )
        page = await self._engine.list_payments(query)
        return pb.ListPaymentsResponse(payments=map(mapping.payment, page.items), next_page_token=page.next_page_token)

    async def refresh_payment(self, request: pb.RefreshPaymentRequest, actor: str) -> pb.RefreshPaymentResponse:
        """Answer RefreshPayment."""
        view, events = await self._engine.refresh(request.store, request.order_id, actor)
        return pb.RefreshPaymentResponse(payment=mapping.payment(view), events=map(mapping.event, events))

    async def get_operation(self, request: pb.GetOperationRequest, _actor: str) -> pb.GetOperationResponse:
        """Answer GetOperation."""
        operation = await self._engine.get_operation(request.store, request.operation_id)
        return pb.GetOperationResponse(operation=mapping.operation(operation))

    async def list_events(self, request: pb.ListEventsRequest, _actor: str) -> pb.ListEventsResponse:
        """Answer ListEvents."""
        page_size = request.page_size or PAGE_SIZE_DEFAULT
        page = await self._engine.list_events(request.store, request.order_id, page_size, request.page_token)
        return pb.ListEventsResponse(events=map(mapping.event, page.items), next_page_token=page.next_page_token)

    async def get_overview(self, request: pb.GetOverviewRequest, _actor: str) -> pb.GetOverviewResponse:
        """Answer GetOverview."""
        overview = await self._engine.overview(request.store or None, request.days or DAYS_DEFAULT)
        return mapping.overview(overview)

    async def watch_events(
        self, request: pb.WatchEventsRequest, _actor: str
    ) -> AsyncGenerator[pb.WatchEventsResponse, None]:
        """Answer WatchEvents."""
        after_sequence = request.after_sequence if request.HasField("after_sequence") else None
        async for news in self._engine.watch(frozenset(request.stores), after_sequence):
            if isinstance(news, int):
                yield pb.WatchEventsResponse(sequence=news)
            else:
                yield pb.WatchEventsResponse(event=mapping.event(news), sequence=news.sequence)

    # -- Acting ---------------------------------------------------------------------------------------------------

    async def capture_payment(self, request: pb.CapturePaymentRequest, actor: str) -> pb.CapturePaymentResponse:
        """Answer CapturePayment."""
        result = await self._engine.run_action(_action_request(request, Action.CAPTURE, actor))
        return pb.CapturePaymentResponse(**_answer(result))

    async def void_payment(self, request: pb.VoidPaymentRequest, actor: str) -> pb.VoidPaymentResponse:
        """Answer VoidPayment."""
        result = await self._engine.run_action(_action_request(request, Action.VOID, actor))
        return pb.VoidPaymentResponse(**_answer(result))

    async def refund_payment(self, request: pb.RefundPaymentRequest, actor: str) -> pb.RefundPaymentResponse:
        """Answer RefundPayment."""
        result = await self._engine.run_action(_action_request(request, Action.REFUND, actor))
        return pb.RefundPaymentResponse(**_answer(result))

    async def resolve_operation(self, request: pb.ResolveOperationRequest, actor: str) -> pb.ResolveOperationResponse:
        """Answer ResolveOperation."""
        state = mapping.OPERATION_STATE_OF[request.state]
        result = await self._engine.resolve_operation(request.store, request.operation_id, state, request.reason, actor)
        return pb.ResolveOperationResponse(**_answer(result))

    # -- Acting on many -------------------------------------------------------------------------------------------

    async def run_actions(
        self, request: pb.RunActionsRequest, actor: str
    ) -> AsyncGenerator[pb.RunActionsResponse, None]:
        """Answer RunActions: each item's outcome as it ends.

        When the caller goes away no further item starts; those under way belong to the engine, which finishes them.
        """
        await _check_items(request)
        # A caller who reads slowly fills it, and then the items wait: nothing piles up.
        outcomes: asyncio.Queue[pb.RunActionsResponse] = asyncio.Queue(CONCURRENT_ITEMS_MAX)
        items = iter(enumerate(request.items))
        workers = [
            asyncio.create_task(self._run_items(items, request.validate_only, actor, outcomes))
            for _ in range(min(CONCURRENT_ITEMS_MAX, len(request.items)))
        ]
        try:
            for completed in range(1, len(request.items) + 1):
                outcome = await outcomes.get()
                outcome.completed_count, outcome.total_count = completed, len(request.items)
                yield outcome
        finally:
            for worker in workers:
                worker.cancel()

    async def _run_items(
        self,
        items: Iterator[tuple[int, pb.ActionItem]],
        validate_only: bool,
        actor: str,
        outcomes: asyncio.Queue[pb.RunActionsResponse],
    ) -> None:
        for index, item in items:  # Shared by all workers: each takes the next one that nobody has taken.
            about: dict[str, Any] = {
                "index": index,
                "store": item.store,
                "order_id": item.order_id,
                "action": item.action,
            }
            try:
                outcome = pb.RunActionsResponse(**about, **await self._run_item(item, validate_only, actor))
            except (Exception, asyncio.CancelledError) as error:  # An item's boundary: one that fails stops no other.
                status = self._boundary.status_of(error, "RunActions")
                if status is None:
                    raise
                outcome = pb.RunActionsResponse(**about, error=status)
            await outcomes.put(outcome)

    async def _run_item(self, item: pb.ActionItem, validate_only: bool, actor: str) -> dict[str, mapping.Fields]:
        action = mapping.ACTION_OF[item.action]
        if validate_only:
            offer, view = await self._engine.preview(_action_request(item, action, actor))
            return {"preview": mapping.available(offer), "payment": mapping.payment(view)}
        if action is Action.REFRESH:
            view, _ = await self._engine.refresh(item.store, item.order_id, actor)
            return {"payment": mapping.payment(view)}
        return _answer(await self._engine.run_action(_action_request(item, action, actor)))


def _action_request(request: Any, action: Action, actor: str) -> ActionRequest:
    amount = request.amount if action is not Action.VOID and request.HasField("amount") else None
    return ActionRequest(
        store=request.store,
        order_id=request.order_id,
        action=action,
        request_id=request.request_id,
        amount_minor=mapping.minor_units(amount) if amount is not None else None,
        currency_code=amount.currency_code if amount is not None else None,
        etag=getattr(request, "etag", "") or None,
        note=request.note,
        actor=actor,
    )


def _answer(result: ActionResult) -> dict[str, mapping.Fields]:
    return {"operation": mapping.operation(result.operation), "payment": mapping.payment(result.view)}


async def _check_items(request: pb.RunActionsRequest) -> None:
    violations: list[Violation] = []
    for index, item in enumerate(request.items):
        violations += check_item(item, index, validate_only=request.validate_only)
        if len(violations) >= VIOLATIONS_MAX:
            break
        if index % _ITEMS_A_TURN == 0:
            await asyncio.sleep(0)
    if violations:
        raise InvalidFields(violations)


def _snake_case(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")
