"""Clients who place orders and act on them, and repeat until they are answered; watchers who resume elsewhere."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import (
    AsyncClient,
    PaymentActionsError,
    RetryPolicy,
    action_item,
    in_flight,
)
from payment_actions_server.demo.checkout import Checkout, PlacedOrder
from support.chaos.batch import Batch
from support.chaos.heard import Heard, heard_error, heard_of
from support.chaos.plan import OrderPlan, orders
from support.chaos.record import Attempt, Key, Order, Record, Watched
from support.chaos.stage import ChaosStage

CALL_SECONDS_MAX = 4.0
ATTEMPTS_MAX = 40
ANSWER_SECONDS_MAX = 120.0
SETTLE_SECONDS_MAX = 20.0
ONCE = RetryPolicy(attempts_max=1, patience_seconds=0)
PART = Decimal("10.00")

Act = Callable[[AsyncClient], Awaitable[Any]]


class NoAnswer(Exception):
    """No replica answered for too long."""


class Load:
    """All clients, in the stage's loop. What they ask and hear goes to ``record``."""

    def __init__(self, stage: ChaosStage, record: Record, seed: int) -> None:
        self._stage = stage
        self._record = record
        self._orders = orders(seed)
        self._clients = [
            AsyncClient(each.target, actor="chaos", retry=ONCE, timeout=CALL_SECONDS_MAX) for each in stage.replicas
        ]
        self._stopping = asyncio.Event()
        self.authorizations: list[str] = []
        self.amounts: dict[str, Decimal] = {}  #: Of the requests for a part, by request id.
        self.given_up = 0  #: Orders whose client lost patience.
        self.retries = 0
        self.refreshes = 0
        self.switches = 0  #: Times that a watcher went on at another replica.
        self.batches = 0
        self.batches_resumed = 0  #: Connections that took up a batch again.
        self.told: Counter[str] = Counter()

    async def work(self, clients: int) -> None:
        """Place orders and act on them until told to stop; ends when the last order in hand is done."""
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client())

    def stop(self) -> None:
        """Place no more orders."""
        self._stopping.set()

    async def close(self) -> None:
        """Give up all connections."""
        for client in self._clients:
            await client.close()

    async def _client(self) -> None:
        checkouts = {store: Checkout(self._stage, store) for store in self._stage.shops}
        while not self._stopping.is_set():
            plan = next(self._orders)
            try:
                await _Life(self, checkouts[plan.store], plan).live()
            except NoAnswer:
                self.given_up += 1  # What became of the order is accounted for all the same.

    # -- Calls ------------------------------------------------------------------------------------------------------

    def choose(self, random: Random, but: int | None = None) -> int:
        """Return a replica's number, another than ``but`` if there is one."""
        numbers = [number for number in range(len(self._clients)) if number != but] or [0]
        return random.choice(numbers)

    def client(self, number: int) -> AsyncClient:
        """Return a replica's client."""
        return self._clients[number]

    async def ask(self, act: Act, random: Random) -> Any:
        """Ask something that moves nothing, of one replica after the other, until it is answered."""
        number = None
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while time.monotonic() < deadline:
            number = self.choose(random, number)
            try:
                return await act(self._clients[number])
            except PaymentActionsError:
                await asyncio.sleep(random.uniform(0.1, 0.6))
        raise NoAnswer(f"no replica answered in {ANSWER_SECONDS_MAX} s")

    async def refresh(self, key: Key, random: Random) -> None:
        """Press Refresh once, whatever comes of it."""
        self.refreshes += 1
        with contextlib.suppress(PaymentActionsError):
            await self._clients[self.choose(random)].refresh(*key)

    async def act(
        self,
        key: Key,
        action: str,
        request_id: str,
        random: Random,
        *,
        amount: Decimal | None = None,
        patient: bool = False,
    ) -> pb.Operation | None:
        """Act, and ask again under the same request id, of another replica, until the answer is clear.

        :param patient: ask again too while another operation is in flight.
        :return: the operation as it was answered; None if nothing was started, or no answer came.
        """
        options: dict[str, Any] = {"request_id": request_id}
        if amount is not None:
            options |= {"amount": amount, "currency_code": "EUR"}
            self.amounts[request_id] = amount
        number = None
        for attempt in range(ATTEMPTS_MAX):
            number = self.choose(random, number)
            self.retries += attempt > 0
            begin = time.time()
            try:
                answer = await getattr(self._clients[number], action.lower())(*key, **options)
            except PaymentActionsError as error:
                heard = heard_error(error, patient=patient)
            else:
                heard = heard_of(answer.operation)
            self.note(key, request_id, action, number, begin, heard)
            if heard.clear:
                return heard.operation
            await asyncio.sleep(random.uniform(0.2, 1.2))
        return None

    def note(self, key: Key, request_id: str, action: str, replica: int, begin: float, heard: Heard) -> None:
        """Take note of one attempt."""
        self.told[heard.told] += 1
        self._record.attempts.append(
            Attempt(
                key=key,
                request_id=request_id,
                action=action,
                replica=replica,
                begin=begin,
                end=time.time(),
                told=heard.told,
                **heard.facts,
            )
        )

    async def settled(
        self, key: Key, operation: pb.Operation | None, random: Random, *, refreshes: bool
    ) -> pb.Operation | None:
        """Look at an operation until it has its final state, but no longer than somebody at a screen would.

        :param refreshes: press Refresh now and then.
        """
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while operation is not None and in_flight(operation) and time.monotonic() < deadline:
            await asyncio.sleep(random.uniform(0.3, 1.0))
            if refreshes and random.random() < 0.3:
                await self.refresh(key, random)
            operation = await self.operation(key.store, operation.operation_id, random)
        return operation

    async def operation(self, store: str, operation_id: str, random: Random) -> pb.Operation:
        """Return an operation as it is now."""
        return await self.ask(lambda client: client.get_operation(store, operation_id), random)

    async def payment(self, key: Key, random: Random) -> pb.Payment:
        """Return a payment as it is now."""
        return await self.ask(lambda client: client.get_payment(*key), random)

    def placed(self, order: Order, authorization: str) -> None:
        """Take note of an order."""
        self._record.orders.append(order)
        self.authorizations.append(authorization)

    async def at_amazon(self, path: str, thing: str) -> Any:
        """Have something done at Amazon, not through the service."""
        return await asyncio.to_thread(self._stage.amazon.send, "POST", path, object=thing)

    # -- Watching ---------------------------------------------------------------------------------------------------

    async def watch(self, watched: Watched, random: Random) -> None:
        """Watch from the beginning, going on at another replica whenever the connection is lost, silent, or at whim."""
        number, last = None, 0
        while True:
            number = self.choose(random, number)
            stream = self._clients[number].watch_events(watched.stores, after_sequence=last)
            until = time.monotonic() + random.uniform(1.0, 10.0)
            try:
                while time.monotonic() < until:
                    event = await asyncio.wait_for(anext(stream), 2.0)
                    watched.events.append(event)
                    last = event.sequence
            except (PaymentActionsError, TimeoutError):
                await asyncio.sleep(random.uniform(0.1, 0.5))
            finally:
                await stream.aclose()
            self.switches += 1


class _Life:
    """One order, from the checkout through its scenario."""

    def __init__(self, load: Load, checkout: Checkout, plan: OrderPlan) -> None:
        self._load = load
        self._checkout = checkout
        self._plan = plan
        self._random = Random(plan.seed)
        self._requests = 0
        self._order: Order
        self._placed: PlacedOrder

    async def live(self) -> None:
        """Place the order and do what its scenario says."""
        self._order, self._placed = await self._place()
        await getattr(self, "_" + self._plan.scenario.replace(", ", "_").replace(" ", "_"))()

    async def _place(self) -> tuple[Order, PlacedOrder]:
        at_once = self._plan.store == "outlet"
        late = self._plan.scenario == "late authorization"
        status = "P" if at_once else "Q" if late else "A"
        placed = await asyncio.to_thread(
            self._checkout.order, self._plan.amount, status=status, asynchronous=late, capture_now=at_once
        )
        order = Order(
            key=Key(placed.store, placed.order_id),
            order_reference=placed.order_reference,
            scenario=f"{self._plan.scenario} (order {self._plan.number} of the plan)",
            captured_at_checkout=at_once,
        )
        self._load.placed(order, placed.authorization)
        return order, placed

    # -- Scenarios --------------------------------------------------------------------------------------------------

    async def _capture(self) -> pb.Operation | None:
        return await self._done("CAPTURE")

    async def _double_click(self) -> None:
        request_id = self._new_request("capture")
        await asyncio.gather(self._act("CAPTURE", request_id), self._act("CAPTURE", request_id))

    async def _two_admins(self) -> None:
        await asyncio.gather(self._done("CAPTURE"), self._done("CAPTURE"))

    async def _capture_against_void(self) -> None:
        await asyncio.gather(self._done("CAPTURE"), self._done("VOID"))

    async def _void(self) -> None:
        await self._done("VOID")

    async def _double_void(self) -> None:
        request_id = self._new_request("void")
        await asyncio.gather(self._act("VOID", request_id), self._act("VOID", request_id))

    async def _capture_refund(self) -> None:
        await self._done("CAPTURE")
        await self._refund()

    async def _refund(self) -> None:
        request_id = self._new_request("refund")
        await asyncio.gather(*(self._act("REFUND", request_id) for _ in range(self._random.randint(1, 2))))

    async def _capture_partial_refunds(self) -> None:
        await self._done("CAPTURE")
        await self._partial_refunds()

    async def _partial_refunds(self) -> None:
        # Amazon itself would not mind if one of these were made twice.
        parts = self._random.randint(2, 3)
        await asyncio.gather(*(self._done("REFUND", amount=PART, patient=True) for _ in range(parts)))

    async def _batch(self) -> None:
        """Capture several orders in one run, void some, and return two parts of each: all in streams that break off."""
        more = [await self._place() for _ in range(self._random.randint(2, 4))]
        keys = [self._order.key, *(order.key for order, _ in more)]
        voided = keys.pop() if self._random.random() < 0.5 else None
        items = [self._item(key, "capture") for key in keys]
        if voided:
            items.append(self._item(voided, "void"))
        await self._run(items)
        await self._run([self._item(key, "refund", amount=PART, currency_code="EUR") for key in keys * 2])

    def _item(self, key: Key, word: str, **options: Any) -> pb.ActionItem:
        request_id = self._new_request(word)
        if "amount" in options:
            self._load.amounts[request_id] = options["amount"]
        return action_item(*key, pb.Action.Value(f"ACTION_{word.upper()}"), request_id=request_id, **options)

    async def _run(self, items: list[pb.ActionItem]) -> None:
        """Run a batch, perhaps twice at once: somebody else has the same list, with the same request ids."""
        self._random.shuffle(items)
        if self._random.random() < 0.3:
            items.append(items[0])
        times = 2 if self._random.random() < 0.3 else 1
        batches = [Batch(self._load, items, Random(self._random.getrandbits(32))) for _ in range(times)]
        await asyncio.gather(*(batch.run() for batch in batches))
        for operation in batches[0].operations:
            await self._settled(Key(operation.store, operation.order_id), operation, self._random)

    async def _late_authorization(self) -> None:
        key = self._order.key
        await self._load.payment(key, self._random)
        with contextlib.suppress(RuntimeError):  # Time has passed at Amazon: it is decided.
            await self._load.at_amazon("settle", self._placed.authorization)
        for _ in range(10):
            payment = await self._load.payment(key, self._random)
            if payment.status == pb.PAYMENT_STATUS_AUTHORIZED:
                break
            await asyncio.sleep(self._random.uniform(0.2, 0.8))
            await self._perhaps_refresh(self._random)
        await self._done("CAPTURE")

    async def _captured_elsewhere(self) -> None:
        if self._random.random() < 0.5:
            await asyncio.gather(self._done("CAPTURE"), self._seller_central())
        else:  # Known as AUTHORIZED, it is settled for the service: only Amazon's notification tells of the capture.
            await self._load.payment(self._order.key, self._random)
            await self._seller_central()
        await self._perhaps_refresh(self._random)

    async def _seller_central(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 0.2))
        try:
            made = await self._load.at_amazon("console/capture", self._placed.authorization)
        except RuntimeError:
            return  # The service was faster.
        self._order.elsewhere.append(made["id"])

    # -- Parts ------------------------------------------------------------------------------------------------------

    def _new_request(self, word: str) -> str:
        self._requests += 1
        return f"{self._plan.number}-{word}-{self._requests}"

    async def _act(self, action: str, request_id: str, **options: Any) -> pb.Operation | None:
        random = Random(self._random.getrandbits(32))
        if random.random() < 0.2:
            await self._perhaps_refresh(random)
        operation = await self._load.act(self._order.key, action, request_id, random, **options)
        return await self._settled(self._order.key, operation, random)

    async def _settled(self, key: Key, operation: pb.Operation | None, random: Random) -> pb.Operation | None:
        return await self._load.settled(key, operation, random, refreshes=self._plan.refreshes)

    async def _perhaps_refresh(self, random: Random) -> None:
        if self._plan.refreshes:
            await self._load.refresh(self._order.key, random)

    async def _done(self, action: str, **options: Any) -> pb.Operation | None:
        return await self._act(action, self._new_request(action.lower()), **options)
