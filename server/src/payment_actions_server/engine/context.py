"""What all use cases share; given to the engine from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from payment_actions_server.domain.decision import Decision, Objection, Offer, Refusal, Review, decide, decide_one
from payment_actions_server.domain.errors import PaymentActionsError, StoreNotFound
from payment_actions_server.domain.event import Event
from payment_actions_server.domain.operation import ActionRequest, Operation
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import Action, CaptureMode
from payment_actions_server.engine.chance import Random
from payment_actions_server.engine.clock import Clock
from payment_actions_server.engine.policy import EnginePolicy
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import ReviewRequest
from payment_actions_server.storage import Storage

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [one + other for one in _ALPHABET for other in _ALPHABET]


class Hooks(Protocol):
    """The plugins' say, and their ears."""

    @property
    def reviewing(self) -> bool:
        """Tell whether any plugin has a say."""
        ...

    def review(self, request: ReviewRequest) -> Objection | None:
        """Return a plugin's objection to moving the amount, if one has any."""
        ...

    def event(self, event: Event) -> None:
        """Pass a durable event on. Never raises, never waits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The engine's surroundings."""

    storage: Storage
    stores: Mapping[str, Store]
    unavailable_stores: Mapping[str, PaymentActionsError]
    clock: Clock
    random: Random
    policy: EnginePolicy
    hooks: Hooks
    wake_store_updates: Callable[[str], None]  #: Says that a store has a write waiting.

    def store(self, store_id: str) -> Store:
        """Return a store.

        :raises StoreNotFound: none of that id is configured.
        :raises PaymentActionsError: it is configured and its adapter could not be loaded.
        """
        if store_id in self.stores:
            return self.stores[store_id]
        if store_id in self.unavailable_stores:
            raise self.unavailable_stores[store_id]
        raise self._not_found(store_id)

    @property
    def configured(self) -> set[str]:
        """Return the ids of the configured stores, whether their adapters can be used or not."""
        return {*self.stores, *self.unavailable_stores}

    def expect_configured(self, store_id: str) -> None:
        """Make sure that a store is configured, whether its adapters can be used or not.

        :raises StoreNotFound: it is not.
        """
        if store_id not in self.stores and store_id not in self.unavailable_stores:
            raise self._not_found(store_id)

    def _not_found(self, store_id: str) -> StoreNotFound:
        known = ",".join(sorted(self.configured))
        return StoreNotFound(
            f"There is no store {store_id!r}. Configured are: {known or 'none'}.", store=store_id, known_stores=known
        )

    def decide(self, payment: Payment, operation: Operation | None, actor: str = "") -> Decision:
        """Return what may be done with a payment now, policies included."""
        out_of_service = self.unavailable_stores.get(payment.store)
        if out_of_service is not None:
            why = out_of_service.message
            return Decision((), tuple(Refusal(action, out_of_service.reason, why) for action in Action))

        return decide(payment, operation, self.store(payment.store).terms, self._review_of(payment, actor))

    def offer(self, payment: Payment, operation: Operation | None, request: ActionRequest) -> Offer:
        """Return what a request would do now, with the amount that it would move.

        :raises PaymentActionsError: it is refused; see `decide_one` and `Decision.error`.
        """
        action, actor = request.action, request.actor
        if payment.store in self.unavailable_stores:
            return self.decide(payment, operation, actor).offer(action)
        answer = decide_one(
            payment,
            operation,
            self.store(payment.store).terms,
            action,
            self._review_of(payment, actor),
            amount_minor=request.amount_minor,
            currency_code=request.currency_code,
        )
        if isinstance(answer, Refusal):
            raise self.decide(payment, operation, actor).error(answer)
        return answer

    def capture_mode(self, store_id: str) -> CaptureMode | None:
        """Return who captures in a store; None while it is out of service."""
        store = self.stores.get(store_id)
        return store.terms.capture_mode if store else None

    def _review_of(self, payment: Payment, actor: str) -> Review | None:
        """Return what asks the policies about an offer of ``payment``; None where there are none."""
        if not self.hooks.reviewing:
            return None
        return lambda offer: self.hooks.review(
            ReviewRequest(
                store=payment.store,
                order_id=payment.order_id,
                order_number=payment.order_number,
                status=payment.status,
                action=offer.action,
                amount_minor=offer.amount_minor,
                currency_code=offer.currency_code,
                actor=actor,
            )
        )

    def new_id(self) -> str:
        """Return a new id: 26 characters of Crockford's base 32, the first ten of them the time, so that they sort."""
        milliseconds = int(self.clock.now().timestamp() * 1000)
        number = (milliseconds << 80) | self.random.getrandbits(80)
        return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])
