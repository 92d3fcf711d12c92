"""An operation: one requested run of an action, durable before the gateway hears of it."""

from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from payment_actions_server.domain.errors import RequestIdReused
from payment_actions_server.domain.status import Action, OperationState

REFERENCE_PREFIX: Final = "pa-"
REFERENCE_LENGTH_MAX: Final = 32
"""The narrowest gateway (Amazon Pay) takes 32 of ``[A-Za-z0-9_-]``."""


def reference_of(operation_id: str) -> str:
    """Return the id under which the gateway knows the operation: for ever the same, for no other operation."""
    reference = REFERENCE_PREFIX + operation_id
    assert len(reference) <= REFERENCE_LENGTH_MAX
    return reference


class ActionRequest(NamedTuple):
    """What a caller asks for.

    ``amount_minor`` counts ISO 4217 minor units of ``currency_code``; both None mean the whole amount.
    """

    store: str
    order_id: str
    action: Action
    request_id: str
    amount_minor: int | None = None
    currency_code: str | None = None
    etag: str | None = None
    note: str = ""
    actor: str = "anonymous"


class Outcome(NamedTuple):
    """What one attempt at an operation proved."""

    state: OperationState
    gateway_id: str = ""  #: The gateway's own id of the capture or refund, if it named one.
    reason_code: str = ""  #: The gateway's word for why.
    message: str = ""  #: For people.
    definite: bool = False
    """Whether the gateway said so of this very reference. What is concluded otherwise holds only while nobody else
    works on the operation: their attempt may be what we saw, or come after what we saw."""


class Operation(Struct, frozen=True, kw_only=True, gc=False):
    """One intent and what became of it. ``reference`` never changes."""

    operation_id: str
    store: str
    order_id: str
    action: Action
    amount_minor: int
    currency_code: str
    requested_amount_minor: int | None  #: As the caller said it; None: the whole.
    request_id: str
    reference: str
    state: OperationState
    actor: str
    note: str
    base_minor: int  #: Captured (or refunded) before this operation; makes its effect absolute, not an increment.
    create_time: datetime
    update_time: datetime
    gateway_id: str = ""
    reason_code: str = ""
    message: str = ""
    attempts: int = 0  #: Times that the gateway was asked to do it.
    checks: int = 0  #: Times that its result was looked for since.
    lease_id: str = ""  #: Who works on it; empty when nobody does.
    lease_expire_time: datetime | None = None
    next_check_time: datetime | None = None  #: None once it is settled.

    def held_at(self, now: datetime) -> bool:
        """Tell whether somebody works on it: nobody else may take it over before the lease has run out."""
        return self.lease_expire_time is not None and self.lease_expire_time > now

    def same_request(self, request: ActionRequest) -> bool:
        """Tell whether ``request`` asks for what this operation does."""
        same_target = (self.store, self.order_id, self.action) == (
            request.store,
            request.order_id,
            request.action,
        )
        same_amount = self.requested_amount_minor == request.amount_minor
        same_currency = request.currency_code in (None, self.currency_code)
        return same_target and same_amount and same_currency

    def answer_to(self, request: ActionRequest) -> "Operation":
        """Return this operation as the answer to its own request, made again.

        :raises RequestIdReused: ``request`` has the same id and other parameters.
        """
        if self.same_request(request):
            return self
        raise RequestIdReused(
            f"request_id {request.request_id} already names {self.action} of order {self.order_id}"
            " with other parameters. Nothing was done. Use a new request_id for a new request.",
            request_id=request.request_id,
            operation_id=self.operation_id,
            action=self.action,
            order_id=self.order_id,
        )

    def settled(
        self, outcome: Outcome, *, now: datetime, next_check_time: datetime | None, **counts: int
    ) -> "Operation":
        """Return this operation with what an attempt proved. A settled operation never changes again.

        :param counts: ``attempts`` and ``checks``, where they change too.
        """
        assert self.state.in_flight, f"{self.operation_id} is {self.state} and final"
        assert outcome.state.in_flight == (next_check_time is not None)
        return replace(
            self,
            state=outcome.state,
            gateway_id=outcome.gateway_id or self.gateway_id,
            reason_code=outcome.reason_code,
            message=outcome.message,
            update_time=now,
            lease_id="",
            lease_expire_time=None,
            next_check_time=next_check_time,
            **counts,
        )
