"""A bulk run: many actions in one stream, taken up again elsewhere whenever it breaks off."""

import asyncio
import time
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import AsyncClient, PaymentActionsError
from payment_actions_client.errors import error_of_status
from support.chaos.heard import Heard, heard_error, heard_of
from support.chaos.record import Key, Told

if TYPE_CHECKING:
    from support.chaos.load import Load

CONNECTIONS_MAX = 60
SILENCE_SECONDS_MAX = 6.0
_LOST = Heard(Told.UNANSWERED, False, {"reason": "LOST", "message": "the stream broke off"})


class Batch:
    """Items and what came of them so far. An item keeps its request id, however often it is sent."""

    def __init__(self, load: "Load", items: Sequence[pb.ActionItem], random: Random) -> None:
        self._load = load
        self._open = dict(enumerate(items))
        self._random = random
        self.operations: list[pb.Operation] = []

    async def run(self) -> list[pb.Operation]:
        """Run until every item has a clear answer; return the operations that were answered."""
        number = None
        for connection in range(CONNECTIONS_MAX):
            number = self._load.choose(self._random, number)
            self._load.batches += connection == 0
            self._load.batches_resumed += connection > 0
            await self._connect(number)
            if not self._open:
                break
            await asyncio.sleep(self._random.uniform(0.2, 1.2))
        return self.operations

    async def _connect(self, number: int) -> None:
        """Send what is open to one replica, and take note of each item's answer, or that there was none."""
        asked, begin = list(self._open.items()), time.time()
        waiting = dict(asked)
        try:
            async for place, heard in self._answers(self._load.client(number), [item for _, item in asked]):
                index, item = asked[place]
                del waiting[index]
                self._take(number, begin, index, item, heard)
        except (PaymentActionsError, TimeoutError):
            pass  # Killed, paused, or cut off: what was not answered is asked again.
        for item in waiting.values():
            self._note(number, begin, item, _LOST)

    async def _answers(self, client: AsyncClient, items: list[pb.ActionItem]):
        """Yield each answered item's place and what it heard; sometimes hang up in the middle."""
        patience = self._random.randint(1, len(items)) if self._random.random() < 0.2 else len(items)
        stream = client.run_actions(items)
        try:
            for _ in range(patience):
                line = await asyncio.wait_for(anext(stream), SILENCE_SECONDS_MAX)
                if line.HasField("error"):
                    yield line.index, heard_error(error_of_status(line.error), patient=True)
                else:
                    yield line.index, heard_of(line.operation)
        finally:
            await stream.aclose()

    def _take(self, number: int, begin: float, index: int, item: pb.ActionItem, heard: Heard) -> None:
        self._note(number, begin, item, heard)
        if heard.clear:
            del self._open[index]
        if heard.operation is not None:
            self.operations.append(heard.operation)

    def _note(self, number: int, begin: float, item: pb.ActionItem, heard: Heard) -> None:
        action = pb.Action.Name(item.action).removeprefix("ACTION_")
        self._load.note(Key(item.store, item.order_id), item.request_id, action, number, begin, heard)
