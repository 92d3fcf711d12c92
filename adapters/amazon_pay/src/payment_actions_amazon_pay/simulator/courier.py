"""Delivery of notifications, as Amazon SNS does it: at least once, perhaps never, in no certain order."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum, auto
from typing import Any, Final

import httpx

from .details import timestamp
from .faults import Faults, NotificationFaultKind
from .notifications import Notification

ANSWER_SECONDS_MAX: Final = 15.0
RETRY_SECONDS_MAX: Final = 3600.0
LOG_LENGTH_MAX: Final = 10_000


class DeliveryState(StrEnum):
    """What became of one delivery."""

    WAITING = auto()
    DELIVERED = auto()
    REFUSED = auto()  # 4xx: never sent again.
    UNREACHABLE = auto()  # Never sent again either, says Amazon Pay's page; its SDKs' comments differ.
    GIVEN_UP = auto()
    LOST = auto()  # By a fault on demand.
    NO_URL = auto()


@dataclass
class Delivery:
    """One notification on its way to one endpoint, as the delivery log shows it."""

    notification: Notification
    url: str
    state: DeliveryState = DeliveryState.WAITING
    #: When each attempt was made, in real time, and what the endpoint answered: 0 if nothing.
    attempts: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Settings:
    """How notifications are sent; the control interface may change all of it."""

    urls: dict[str, str]
    signature_version: str = "1"
    #: Until the first redelivery; each further one waits twice as long.
    retry_seconds: float = 1.0
    attempts_max: int = 5


class Courier:
    """Posts notifications in the background and keeps the delivery log."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings, faults: Faults) -> None:
        self.log: deque[Delivery] = deque(maxlen=LOG_LENGTH_MAX)
        self._client = client
        self._settings = settings
        self._faults = faults
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Delivery] = []

    def send(self, notification: Notification, seller_id: str) -> Delivery:
        """Send a notification to a seller's endpoint, unless a fault is armed for it. Returns at once."""
        delivery = Delivery(notification, self._settings.urls.get(seller_id, ""))
        self.log.append(delivery)
        if not delivery.url:
            delivery.state = DeliveryState.NO_URL
            return delivery
        self._send(delivery)
        return delivery

    async def idle(self) -> None:
        """Wait until nothing is under way; what waits for its redelivery is. Whoever gives up waiting stops nothing."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def drop_all(self) -> None:
        """Give up everything that is under way and forget the log."""
        for task in self._tasks:
            task.cancel()
        self._held.clear()
        self.log.clear()

    def _send(self, delivery: Delivery) -> None:
        fault = self._faults.take_for_notification(delivery.notification.notification_type)
        if fault is None:
            self._start(self._deliver(delivery))
        elif fault.kind is NotificationFaultKind.LOSE:
            delivery.state = DeliveryState.LOST
        elif fault.kind is NotificationFaultKind.DELAY:
            self._start(self._deliver(delivery, delay_seconds=fault.seconds))
        elif fault.kind is NotificationFaultKind.DUPLICATE:
            self._start(self._deliver(delivery, copies=fault.copies))
        else:
            self._held.append(delivery)
            if fault.count == 0:
                held, self._held = self._held, []
                for each in reversed(held):
                    self._start(self._deliver(each))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, *, delay_seconds: float = 0, copies: int = 1) -> None:
        await asyncio.sleep(delay_seconds)
        # First attempts wait for one another: only a fault or a redelivery lets one overtake another.
        async with self._turns[delivery.url]:
            for _ in range(copies):
                await self._attempt(delivery)
        wait = self._settings.retry_seconds
        while delivery.state is DeliveryState.WAITING:
            if len(delivery.attempts) >= self._settings.attempts_max:
                delivery.state = DeliveryState.GIVEN_UP
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, RETRY_SECONDS_MAX)
            await self._attempt(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        notification = delivery.notification
        status = 0
        try:
            answer = await self._client.post(
                delivery.url,
                content=notification.body,
                headers=dict(notification.headers),
                timeout=ANSWER_SECONDS_MAX,
            )
            status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            pass  # Nobody there, or no answer in time: status 0 stands for it.
        delivery.attempts.append((timestamp(datetime.now(UTC)), status))
        delivery.state = _state_after(status)


def _state_after(status: int) -> DeliveryState:
    if status == 0:
        return DeliveryState.UNREACHABLE
    if 200 <= status < 300:
        return DeliveryState.DELIVERED
    return DeliveryState.REFUSED if 400 <= status < 500 else DeliveryState.WAITING
