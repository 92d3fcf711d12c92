from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from .courier import Courier, Settings
from .due import DUE
from .faults import Faults
from .notifications import Signer, message_about, notify
from .objects import PaymentObject
from .signature import Account
from .throttling import Throttle
from .world import World

CALL_LOG_LENGTH_MAX: Final = 10_000
_TICK_SECONDS: Final = 0.05


class Clock:
    """Real UTC time, and how far the control interface has moved it ahead."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return the simulator's time."""
        return datetime.now(UTC) + self.offset

    def advance(self, step: timedelta) -> None:
        """Move ahead; time never runs back."""
        assert step >= timedelta(0)
        self.offset += step


@dataclass(frozen=True)
class CallRecord:
    """One API call in the log. Keys and signatures never get here."""

    time: datetime
    environment: str
    action: str
    seller_id: str
    object_id: str
    reference_id: str
    executed: bool
    #: What the caller saw; 0 if it got no answer.
    status: int
    error_code: str
    fault: str
    request_id: str


class Simulator:
    """Everything that lives in one simulator process, in memory only."""

    def __init__(
        self,
        accounts: Iterable[Account],
        client: httpx.AsyncClient,
        *,
        urls: Mapping[str, str],
        throttling: bool,
    ) -> None:
        self.accounts = {account.access_key: account for account in accounts}
        self.signer = Signer.generate()
        self._client = client
        self._urls = dict(urls)
        self._throttling = throttling
        self._start()

    @property
    def seller_ids(self) -> list[str]:
        """Return the sellers, the one that control calls mean by default first."""
        return [account.seller_id for account in self.accounts.values()]

    def reset(self) -> None:
        """Go back to how the process started; only the signing certificate stays."""
        self.courier.drop_all()
        self._start()

    def catch_up(self) -> World:
        """Let everything that is due happen and return the world as it is now."""
        self.world.turn_to(self.clock.now())
        return self.world

    async def keep_time(self) -> None:
        """Let things happen when they fall due, until cancelled."""
        while True:
            self.catch_up()
            await asyncio.sleep(_TICK_SECONDS)

    def _start(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock.now(), DUE, self._announce)
        self.throttle = Throttle(enabled=self._throttling)
        self.faults = Faults()
        self.settings = Settings(urls=dict(self._urls))
        self.courier = Courier(self._client, self.settings, self.faults)
        self.calls: deque[CallRecord] = deque(maxlen=CALL_LOG_LENGTH_MAX)

    def _announce(self, thing: PaymentObject) -> None:
        message = message_about(self.world, thing, self.world.now)
        version = self.settings.signature_version
        notification = notify(self.signer, message, time=self.world.now, version=version, about=thing)
        self.courier.send(notification, thing.seller_id)
