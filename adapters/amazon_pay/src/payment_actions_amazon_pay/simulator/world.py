from __future__ import annotations

import heapq
import itertools
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum, auto
from typing import Final, NamedTuple, TypeVar

from .objects import (
    Authorization,
    Capture,
    Effect,
    EffectKind,
    Environment,
    OrderReference,
    Outcome,
    PaymentObject,
    Refund,
    Status,
)
from .states import Kind, Reason, State, legal

T = TypeVar("T", OrderReference, Authorization, Capture, Refund)


class Task(StrEnum):
    """What can fall due for an object."""

    RESULT = auto()  # Amazon has decided about something that is Pending.
    TIME_OUT = auto()
    EXPIRE = auto()
    GO_STALE = auto()
    CLOSE_UNUSED = auto()  # ExpectImmediateAuthorization, and no Authorize came.
    MEND_PAYMENT_METHOD = auto()


class Entry(NamedTuple):
    """One line of the agenda; ``number`` keeps entries of the same time in the order they were made."""

    time: datetime
    number: int
    task: Task
    object_id: str


class Use(NamedTuple):
    """What a reference id was first used for."""

    action: str
    target_id: str
    parameters: Mapping[str, str]
    object_id: str


#: Does what is due, if it still applies.
Handler = Callable[["World", str], None]

SUFFIX_LETTERS: Final = {Kind.AUTHORIZATION: "A", Kind.CAPTURE: "C", Kind.REFUND: "R"}


class IllegalMoveError(Exception):
    """A change that the table of moves does not know: the control interface asked for the impossible."""


class World:
    """Everything Amazon knows, and its time. It does no I/O; time passes only through ``turn_to``."""

    def __init__(self, now: datetime, due: Mapping[Task, Handler], notify: Callable[[PaymentObject], None]) -> None:
        self.now = now
        self.objects: dict[str, PaymentObject] = {}
        self.references: dict[tuple[str, Environment, str], Use] = {}
        self.effects: list[Effect] = []
        #: Kinds whose Pending objects wait for ``release`` instead of for the clock.
        self.held: set[Kind] = set()
        #: What the control interface plans for the next calls, by action; a simulation string wins over it.
        self.planned: defaultdict[str, deque[Outcome]] = defaultdict(deque)
        self._due = due
        self._notify = notify
        self._agenda: list[Entry] = []
        self._waiting: list[Entry] = []
        self._numbers = itertools.count()
        self._changed: dict[str, PaymentObject] = {}

    def turn_to(self, target: datetime) -> None:
        """Let time pass up to ``target``: what is due by then happens in due order, each at its own time."""
        while self._agenda and self._agenda[0].time <= target:
            entry = heapq.heappop(self._agenda)
            if entry.task is Task.RESULT and self.objects[entry.object_id].kind in self.held:
                self._waiting.append(entry)
                continue
            self.now = max(self.now, entry.time)
            self._due[entry.task](self, entry.object_id)
            self.flush()
        self.now = max(self.now, target)

    def release(self, kinds: set[Kind]) -> None:
        """Stop holding ``kinds``; results that fell due meanwhile come with the next ``turn_to``."""
        self.held -= kinds
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            heapq.heappush(self._agenda, entry)

    def schedule(self, task: Task, object_id: str, time: datetime) -> None:
        """Put something on the agenda; it is never taken off: its handler looks whether it still applies."""
        heapq.heappush(self._agenda, Entry(time, next(self._numbers), task, object_id))

    def take_planned(self, action: str) -> Outcome | None:
        """Return the outcome planned for the next call of ``action``, if there is one."""
        return self.planned[action].popleft() if self.planned[action] else None

    @property
    def next_due_time(self) -> datetime | None:
        """Return when the next thing happens by itself, if anything will."""
        return self._agenda[0].time if self._agenda else None

    def add(self, thing: PaymentObject, effect: EffectKind | None = None) -> None:
        """Take in a new object, in the state it was made with."""
        assert thing.id not in self.objects
        assert legal(thing.kind, None, thing.status.state, thing.status.reason)
        self.objects[thing.id] = thing
        if effect is not None:
            self.record(effect, thing)

    def record(self, effect: EffectKind, thing: PaymentObject) -> None:
        """Write down that money was acted on."""
        self.effects.append(Effect(effect, thing.id, self.now))

    def change(self, thing: PaymentObject, target: State, reason: Reason = Reason.NONE, description: str = "") -> None:
        """Move an object along the table of moves; the notification goes out with the next ``flush``.

        :raises IllegalMoveError: for a move that the table does not have. Nothing has changed then.
        """
        source = thing.status.state
        if not legal(thing.kind, source, target, reason):
            message = f"{thing.id} is {source}: it cannot become {target} ({reason or 'no reason'})."
            raise IllegalMoveError(message)
        thing.status = Status(target, reason, description, self.now)
        self._changed[thing.id] = thing

    def flush(self) -> None:
        """Announce what the operation that just ended has changed, each object once, as it is now.

        Amazon's samples show one notification for a CaptureNow authorization, already Closed. An object that
        is created and stays Pending is not announced: its state has not changed since it came to be.
        """
        changed, self._changed = self._changed, {}
        for thing in changed.values():
            self._notify(thing)

    def find(self, object_id: str, sort: type[T]) -> T | None:
        """Return the object of that id if it is of that sort."""
        thing = self.objects.get(object_id)
        return thing if isinstance(thing, sort) else None

    def get(self, object_id: str, sort: type[T]) -> T:
        """Return an object that is known to exist."""
        thing = self.find(object_id, sort)
        assert thing is not None, object_id
        return thing

    def new_order_reference_id(self, environment: Environment, region_number: str) -> str:
        """Return an unused id such as ``S01-1234567-1234567``."""
        while (new := f"{environment.id_letter}{region_number}-{_digits(7)}-{_digits(7)}") in self.objects:
            continue
        return new

    def new_transaction_id(self, order_reference_id: str, kind: Kind) -> str:
        """Return an unused id such as ``S01-1234567-1234567-A123456``.

        All of Amazon's samples give a CaptureNow authorization and its capture the same six digits, but
        nothing promises it: here no two transactions of an order share them, so nobody can derive one id.
        """
        taken = {thing_id[-6:] for thing_id in self.objects if thing_id.startswith(f"{order_reference_id}-")}
        while (digits := _digits(6)) in taken:
            continue
        return f"{order_reference_id}-{SUFFIX_LETTERS[kind]}{digits}"


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
