"""Streams that outlive their connection: where each stands, and what to ask for next."""

from collections.abc import Iterable
from typing import Any, ClassVar, Generic, TypeVar

from google.rpc import code_pb2, status_pb2

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client.errors import error_of_status, of_this_attempt

Item = TypeVar("Item")


class Stream(Generic[Item]):
    """A stream that can be taken up again. Every connection asks for what has not come yet."""

    rpc: ClassVar[str]  #: The stub's name of it.

    @property
    def request(self) -> Any:
        """Return what to send on the next connection."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Tell whether everything has come."""
        raise NotImplementedError

    @property
    def acts(self) -> bool:
        """Tell whether something may have happened that the caller has not heard of."""
        raise NotImplementedError

    @property
    def stands(self) -> str:
        """Say where the stream broke off and how to go on."""
        raise NotImplementedError

    def take(self, response: Any) -> Iterable[Item]:
        """Return what the caller gets of a response: at most one item."""
        raise NotImplementedError


class Watch(Stream[pb.Event]):
    """WatchEvents, from the last sequence seen."""

    rpc = "WatchEvents"
    done = False
    acts = False

    def __init__(self, stores: Iterable[str], after_sequence: int | None) -> None:
        self._stores = tuple(stores)
        self._after = after_sequence

    @property
    def request(self) -> pb.WatchEventsRequest:
        """Return a request that goes on where the last connection ended."""
        return pb.WatchEventsRequest(stores=self._stores, after_sequence=self._after)

    @property
    def stands(self) -> str:
        """Say after which sequence to go on."""
        return "No event was seen." if self._after is None else f"Go on with after_sequence={self._after}."

    def take(self, response: pb.WatchEventsResponse) -> Iterable[pb.Event]:
        """Return the event, unless this is a sign of life or an event that was seen before."""
        seen = self._after or 0
        if response.sequence:  # A sign of life says how far this connection has come, too.
            self._after = max(seen, response.sequence)
        if not response.HasField("event") or response.event.sequence <= seen:
            return ()
        self._after = response.event.sequence
        return (response.event,)


class Run(Stream[pb.RunActionsResponse]):
    """RunActions, with the items that have not ended."""

    rpc = "RunActions"

    def __init__(self, items: Iterable[pb.ActionItem], *, validate_only: bool) -> None:
        self._items = list(items)
        self._validate_only = validate_only
        self._open = dict.fromkeys(range(len(self._items)))  # Places of those not ended; a dict keeps their order.
        self._asked: list[int] = []  # What the present connection's indexes mean.
        self._begun = False
        self._again = False  # What is open may have reached the service by a connection before.

    @property
    def request(self) -> pb.RunActionsRequest:
        """Return a request for what is open; an empty run is sent too, for the service to refuse."""
        self._asked, self._again, self._begun = list(self._open), self._begun, True
        items = [self._items[index] for index in self._asked]
        return pb.RunActionsRequest(items=items, validate_only=self._validate_only)

    @property
    def done(self) -> bool:
        """Tell whether every item has ended."""
        return self._begun and not self._open

    @property
    def acts(self) -> bool:
        """Tell whether an open item may have happened."""
        return not self._validate_only

    @property
    def stands(self) -> str:
        """Say how many are open."""
        ended, total = len(self._items) - len(self._open), len(self._items)
        how = "Run the same items again, with the same request ids: none acts twice."
        return f"{ended} of {total} items have ended. {how}"

    def take(self, response: pb.RunActionsResponse) -> Iterable[pb.RunActionsResponse]:
        """Return the message, counted over all connections."""
        index = self._asked[response.index]
        if index not in self._open:
            return ()
        del self._open[index]
        if self._again and self.acts and _of_this_attempt(response):
            response.error.CopyFrom(_unknown(response.error.message))
        response.index = index
        response.completed_count = len(self._items) - len(self._open)
        response.total_count = len(self._items)
        return (response,)


def _of_this_attempt(response: pb.RunActionsResponse) -> bool:
    error = error_of_status(response.error)
    return bool(error.reason) and of_this_attempt(error)


def _unknown(refusal: str) -> status_pb2.Status:
    """Return what became of an item whose only answer is of an attempt that was not the first: nobody knows."""
    message = (
        f"{refusal} It was asked for before, without an answer: it may have happened."
        " Run it again with the same request_id: it acts once, however often it is run."
    )
    return status_pb2.Status(code=code_pb2.UNKNOWN, message=message)
