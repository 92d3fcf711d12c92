"""Faults on demand: what may go wrong with a call, and with a notification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final, NamedTuple


class Executes(StrEnum):
    """When a faulty call is executed, measured against its wait."""

    NEVER = auto()
    BEFORE = auto()
    AFTER = auto()


class Answer(StrEnum):
    """What the caller of a faulty call sees."""

    OWN = auto()
    ERROR_500 = auto()
    ERROR_503 = auto()
    DROPPED_CONNECTION = auto()


class Behaviour(NamedTuple):
    """What a kind of fault does; ``executes`` None leaves it to whoever arms it."""

    executes: Executes | None
    waits: bool
    answer: Answer


CALL_FAULTS: Final = {
    "lose_request": Behaviour(Executes.NEVER, waits=False, answer=Answer.DROPPED_CONNECTION),
    "lose_answer": Behaviour(Executes.BEFORE, waits=False, answer=Answer.DROPPED_CONNECTION),
    "error_500_before": Behaviour(Executes.NEVER, waits=False, answer=Answer.ERROR_500),
    "error_500_after": Behaviour(Executes.BEFORE, waits=False, answer=Answer.ERROR_500),
    "error_503_throttled": Behaviour(Executes.NEVER, waits=False, answer=Answer.ERROR_503),
    "slow": Behaviour(None, waits=True, answer=Answer.OWN),
    "hang": Behaviour(None, waits=True, answer=Answer.DROPPED_CONNECTION),
}
#: A hanging call is given up after this at the latest, whatever its caller does.
HANG_SECONDS_MAX: Final = 600.0


@dataclass
class CallFault:
    """A fault armed for the next ``count`` calls of one operation."""

    action: str
    kind: str
    count: int
    seconds: float
    executes: Executes

    @property
    def answer(self) -> Answer:
        """Return what the caller will see."""
        return CALL_FAULTS[self.kind].answer


class NotificationFaultKind(StrEnum):
    """What may go wrong with a notification."""

    LOSE = auto()
    DELAY = auto()
    DUPLICATE = auto()
    REORDER = auto()


@dataclass
class NotificationFault:
    """A fault armed for the next ``count`` notifications of one type.

    ``reorder`` holds all ``count`` of them and then sends them, the last one first.
    """

    notification_type: str
    kind: NotificationFaultKind
    count: int
    seconds: float
    copies: int


#: Stands for any operation, or any type of notification.
ANY: Final = "*"


class Faults:
    """The armed faults; the one armed first is used up first."""

    def __init__(self) -> None:
        self.calls: list[CallFault] = []
        self.notifications: list[NotificationFault] = []

    def take_for_call(self, action: str) -> CallFault | None:
        """Return the fault that a call of ``action`` meets, and count it down."""
        armed = next((each for each in self.calls if each.action in {action, ANY}), None)
        if armed is not None:
            armed.count -= 1
            self.calls = [each for each in self.calls if each.count > 0]
        return armed

    def take_for_notification(self, notification_type: str) -> NotificationFault | None:
        """Return the fault that a notification meets, and count it down."""
        suited = (each for each in self.notifications if each.notification_type in {notification_type, ANY})
        armed = next(suited, None)
        if armed is not None:
            armed.count -= 1
            self.notifications = [each for each in self.notifications if each.count > 0]
        return armed

    def __iter__(self) -> Iterator[CallFault | NotificationFault]:
        yield from self.calls
        yield from self.notifications
