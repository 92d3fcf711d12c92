"""Staff, services and watchers: they retry, race, give up, come back elsewhere, and hold answers against each other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from payment_actions_server.domain.errors import PaymentActionsError, RequestIdReused
from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.engine import ActionResult, PaymentQuery, PaymentView, StorageUnavailable
from simulation.order_audit import Call
from simulation.replica import Replica
from simulation.world import MOVING, World

LIKELY = {
    PaymentStatus.AUTHORIZED: (Action.CAPTURE, Action.CAPTURE, Action.VOID),
    PaymentStatus.PARTIALLY_CAPTURED: (Action.CAPTURE, Action.VOID, Action.REFUND),
    PaymentStatus.CAPTURED: (Action.REFUND,),
    PaymentStatus.PARTIALLY_REFUNDED: (Action.REFUND,),
}


class Clients:
    """All that is asked of the replicas."""

    def __init__(self, world: World, order_ids: list[str]) -> None:
        self._world = world
        self._order_ids = order_ids
        self._etags: dict[str, str] = {}
        self._count = 0
        self.asked: list[ActionRequest] = []
        self.certain: dict[str, bool] = {}  #: Request id: whether every call with it was refused for certain.
        self.open = 0  #: Conversations that go on.

    def _an_order(self) -> str:
        """Return an order, rather one of which something can still be asked."""
        random = self._world.random
        if random.random() < 0.2:
            return random.choice(self._order_ids)
        return random.choice([each for each in self._order_ids if self._likely(each)] or self._order_ids[-3:])

    def _likely(self, order_id: str) -> tuple[Action, ...]:
        payment = self._world.auditor.payments.get(order_id)
        if order_id in self._world.shop.shown_refunds:
            return ()  # Where the shop shows a refund, hardly anybody asks for another.
        if payment is None:
            return (Action.CAPTURE, Action.VOID)
        return LIKELY.get(payment.status, ()) if payment.ours else ()

    # -- What they want ---------------------------------------------------------------------------------------------

    def new_request(self, order_id: str) -> ActionRequest:
        """Make up a request: mostly something that should be possible, sometimes not."""
        world, random = self._world, self._world.random
        likely = self._likely(order_id)
        action = random.choice(likely if likely and random.random() < 0.9 else MOVING)
        amount = None
        if action is not Action.VOID and random.random() < (0.6 if world.setting.terms.partial_refund else 0.05):
            amount = random.choice((1, 3, 500, 6_000, 12_990))
        etag = self._etags.get(order_id) if random.random() < 0.3 else None
        self._count += 1
        request = ActionRequest(world.store_id, order_id, action, f"r-{self._count}", amount, etag=etag)
        world.auditor.requests[request.request_id] = request
        self.certain[request.request_id] = True
        self.asked.append(request)
        return request

    def act(self) -> None:
        """Ask for something."""
        self._begin(self._insist(self.new_request(self._an_order())))

    def double_click(self) -> None:
        """Ask for the same thing twice at once, each click with an id of its own."""
        order_id = self._an_order()
        for _ in range(self._world.random.choice((2, 2, 3))):
            self._begin(self._insist(self.new_request(order_id)))

    def ask_twice_at_once(self) -> None:
        """Make one request at two replicas at the same time."""
        request = self.new_request(self._an_order())
        self._begin(self._insist(request))
        self._begin(self._insist(request))

    def burst(self) -> None:
        """Ask for something of every order at once, as a bulk run does."""
        for order_id in self._order_ids[-6:]:
            self._begin(self._insist(self.new_request(order_id)))

    def repeat(self) -> None:
        """Come back with an old request, perhaps after a long time."""
        if self.asked:
            self._begin(self._insist(self._world.random.choice(self.asked)))

    def misuse(self) -> None:
        """Ask for something else under a request id that is known."""
        known = [request for request in self.asked if request.request_id in self._world.auditor.by_request]
        if known:
            request = self._world.random.choice(known)
            self._begin(self._reuse(request._replace(amount_minor=(request.amount_minor or 0) + 17)))

    def refresh(self) -> None:
        """Press Refresh."""
        order_id = self._an_order()
        self._begin(self.refresh_order(order_id))

    async def refresh_order(self, order_id: str) -> None:
        """Press Refresh on an order's page."""
        refreshing = self._world.auditor.orders.refreshing

        async def refresh(at: Replica) -> PaymentView:
            refreshing[order_id] += 1  # It goes on, perhaps, when its client has gone.
            try:
                view, _ = await at.engine.refresh(self._world.store_id, order_id)
            except PaymentActionsError:
                refreshing[order_id] -= 1
                raise
            refreshing[order_id] -= 1
            self._world.auditor.orders.check_view(view)
            return view

        await self._read(f"refresh {order_id}", refresh)

    async def list_attention(self) -> set[str]:
        """Return the orders that are listed as in need of attention."""
        replica = await self._world.any_replica()
        query = PaymentQuery(needing_attention=True, page_size=100)
        page = await replica.spawn(replica.engine.list_payments(query))
        return {view.payment.order_id for view in page.items}

    def look(self) -> None:
        """Open an order's page, and keep its etag."""
        order_id = self._an_order()

        async def look(at: Replica) -> PaymentView:
            view = await at.engine.get_payment(self._world.store_id, order_id)
            self._etags[order_id] = view.payment.etag
            self._world.auditor.orders.check_view(view)
            return view

        self._begin(self._read(f"look at {order_id}", look))

    # -- How they go about it ---------------------------------------------------------------------------------------

    def _begin(self, conversation: Awaitable[None]) -> None:
        async def talk() -> None:
            self.open += 1
            try:
                await conversation
            finally:
                self.open -= 1

        self._world.spawn(talk())

    async def _insist(self, request: ActionRequest) -> None:
        """Ask until there is an answer, or patience ends."""
        random = self._world.random
        for _ in range(random.choice((1, 2, 4))):
            replica = await self._world.any_replica()
            if await self._ask(replica, request):
                return
            await asyncio.sleep(random.choice((0.01, 1.0, 20.0)))

    async def _ask(self, replica: Replica, request: ActionRequest) -> bool:
        """Ask once; tell whether there was an answer."""
        world, story = self._world, self._world.story
        existed = request.request_id in world.auditor.by_request
        what = f"{request.action} {request.order_id} of {request.amount_minor or 'all'} ({request.request_id})"
        story.tell("client", f"asks {replica.name} for {what}{f' at {request.etag}' if request.etag else ''}")
        call = world.auditor.orders.begin(request)
        patience_seconds = world.random.choice((3.0, 15.0, 60.0))
        answer = await self._answer(replica, replica.engine.run_action(call.request), patience_seconds, call)
        if isinstance(answer, ActionResult):
            story.tell("client", f"hears of {request.request_id}: {answer.operation.state}")
            self.certain[request.request_id] = False
            world.auditor.answered(request, answer.operation)
        elif isinstance(answer, PaymentActionsError):
            story.tell("client", f"hears of {request.request_id}: {answer.reason}")
            story.count(f"refused {answer.reason}")
            world.auditor.told_nothing_happened(request, answer, existed=existed)
            world.auditor.orders.refused(call, answer)
            if answer.metadata.get("operation_id"):
                self.certain[request.request_id] = False
        else:
            story.tell("client", f"hears nothing of {request.request_id}")
            self.certain[request.request_id] = False
        return answer is not None

    async def _reuse(self, request: ActionRequest) -> None:
        replica = await self._world.any_replica()
        answer = await self._answer(replica, replica.engine.run_action(request), 15.0)
        self._world.story.check(
            answer is None or isinstance(answer, RequestIdReused),
            "a request id names one request",
            f"{request} was answered by {answer!r}",
        )

    async def _read(self, what: str, ask: Callable[[Replica], Awaitable[Any]]) -> None:
        replica = await self._world.any_replica()
        self._world.story.tell("client", f"asks {replica.name} to {what}")
        await self._answer(replica, ask(replica), self._world.random.choice((3.0, 60.0)))

    async def _answer(self, replica: Replica, work: Any, patience_seconds: float, call: Call | None = None) -> Any:
        """Return an answer, or the error that was promised for such a case; None when nothing was heard."""
        task = replica.spawn(work, call)
        await asyncio.wait([task], timeout=patience_seconds)
        if not task.done():
            self._world.random.choice((task.cancel, _let_go))()
            return None
        if task.cancelled():
            return None
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, PaymentActionsError):
            return error
        self._world.story.check(
            isinstance(error, StorageUnavailable), "callers meet only errors that are promised", repr(error)
        )
        return None


def _let_go() -> None:
    """Let what nobody waits for go on."""


class Watcher:
    """A reader who resumes, wherever he can, after the last that he was told of: an event, or a sign of life."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: list[Event] = []
        self._told = 0  #: The sequence up to which he missed nothing.

    async def watch(self) -> None:
        """Read for ever."""
        while True:
            replica = await self._world.any_replica()
            reading = replica.spawn(self._read(replica))
            await asyncio.wait([reading], timeout=self._world.random.expovariate(1 / 60))
            reading.cancel()
            await asyncio.wait([reading])
            error = None if reading.cancelled() else reading.exception()
            self._world.story.check(
                error is None or isinstance(error, StorageUnavailable), "a watcher is served", repr(error)
            )
            await asyncio.sleep(self._world.random.uniform(0, 3))

    async def _read(self, replica: Replica) -> None:
        async for news in replica.engine.watch(frozenset(), self._told):
            sequence = news.sequence if isinstance(news, Event) else news
            self._world.story.check(
                sequence > self._told or sequence == news == self._told,
                "a watcher sees each event once, in order",
                f"{news} came after {self._told}",
            )
            self._told = sequence
            if isinstance(news, Event):
                self.seen.append(news)
