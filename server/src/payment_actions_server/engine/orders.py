"""The order in the shop: read it, hold it against the record, and have the record follow it."""

import asyncio
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from payment_actions_server.domain.errors import OrderNotFound, PlatformUnavailable
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.money import EXPONENTS, NO_CURRENCY, format_amount
from payment_actions_server.domain.order import order_message
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import OrderState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdate, StoreUpdateState
from payment_actions_server.domain.text import in_words
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.store import Store
from payment_actions_server.plugins import OrderMissing, PlatformOrder
from payment_actions_server.plugins.answers import sound
from payment_actions_server.storage import PaymentWork, names_of

log = structlog.get_logger(__name__)


class OrderTerms(NamedTuple):
    """What a shop may change about an order so that money must not be collected as it was to be."""

    state: OrderState
    total_minor: int
    currency_code: str
    ours: bool


class Orders:
    """Reads orders, and lets payments follow them."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger

    async def read(self, store: Store, order_id: str) -> PlatformOrder:
        """Return the order as the platform tells it.

        :raises OrderNotFound, PlatformUnavailable: it has none of that id, or could not be asked.
        """
        try:
            async with asyncio.timeout(self._context.policy.platform_call_seconds_max):
                order = sound(PlatformOrder, await store.platform.read_order(order_id))
        except OrderMissing as missing:
            raise OrderNotFound(
                f"Store {store.store_id} has no order {order_id!r}: {_sentence(missing)} Check the id: it is the"
                " platform's own, not the order's public number.",
                store=store.store_id,
                order_id=order_id,
            ) from None
        except Exception as error:
            log.warning("platform could not be read", store=store.store_id, order_id=order_id, error=in_words(error))
            raise PlatformUnavailable(
                f"Store {store.store_id} could not be asked for order {order_id}. Nothing was done; try again later.",
                store=store.store_id,
                order_id=order_id,
            ) from error
        if order.order_id != order_id:  # A second record of it would let a second operation run beside the first.
            raise OrderNotFound(
                f"Store {store.store_id} knows order {order_id!r} as {order.order_id!r}. Ask for it by that id.",
                store=store.store_id,
                order_id=order_id,
                platform_order_id=order.order_id,
            )
        return order

    async def read_known(self, store: Store, payment: Payment) -> PlatformOrder | None:
        """Return the order of a payment that was seen before; None when the shop has it no more.

        :raises PlatformUnavailable: the shop could not be asked.
        """
        try:
            return await self.read(store, payment.order_id)
        except OrderNotFound as error:
            if "platform_order_id" in error.metadata:  # It is there. Its adapter spells its id in two ways.
                raise PlatformUnavailable(error.message, **error.metadata) from error
            log.info("order is gone", store=payment.store, order_id=payment.order_id, error=error.message)
            return None

    def follow(
        self,
        work: PaymentWork,
        store: Store,
        order: PlatformOrder | None,
        cause: Cause,
        looked: Payment | None = None,
    ) -> Payment:
        """Have the record say of the order what the shop says; return the payment then.

        :param order: None where the shop has it no more.
        :param looked: the payment before the look that ends with this; see `Ledger.next_look`.
        """
        payment = work.known()
        changed = as_ordered(store, payment, order)
        if work.operation is not None:
            # Each attempt at an operation is to name the same payment at the gateway, also once the shop adds another.
            changed = replace(changed, references=payment.references)
        if changed == payment:
            return payment
        work.index_references(names_of(changed.order_id, changed.order_number))
        payment = self._ledger.change(
            work,
            changed,
            EventType.ORDER_CHANGED,
            before=payment.status,
            cause=cause,
            message=_changed_message(payment, changed),
            looked=None if changed.ours else looked,  # With ours, the gateway is still to be looked at.
        )
        if order is not None and may_hold(store, payment, order):
            # It is shown beside the order's state. A status that ours may overrule waits for the gateway's word.
            known = work.known_store_update()
            if known.state is StoreUpdateState.IN_SYNC:
                work.put_store_update(replace(known, platform_status=_held_word(store, payment, order)))
        return payment

    def follow_status(
        self, work: PaymentWork, store: Store, order: PlatformOrder, before: StoreUpdate, cause: Cause
    ) -> None:
        """Take note of the status that the shop holds, and have ours written again if the shop changed it by itself.

        The caller has looked at the gateway since the order was read: the payment's status is the right one.

        :param before: the store update when the order was read. If the service wrote meanwhile, the reading is too old.
        :param cause: a look that staff asked for has our status written anew, disputed or not.
        """
        payment, known = work.known(), work.known_store_update()
        if _writes(known) != _writes(before):
            return
        if work.operation is not None or payment.under_way is not None:
            return  # The shop may show its result already. A later look compares again.
        agreed = may_hold(store, payment, order)
        word = _held_word(store, payment, order)
        changed = known.platform_status != word
        if changed:
            known = replace(known, platform_status=word)
            work.put_store_update(known)
        if known.state is StoreUpdateState.DISPUTED and agreed:
            work.put_store_update(replace(known, state=StoreUpdateState.IN_SYNC, last_error=""))
        elif known.state is StoreUpdateState.PENDING or agreed:
            return  # A write of ours that is outstanding may be the very change; and it is delivered anyhow.
        elif changed and known.state is StoreUpdateState.IN_SYNC:
            self._ledger.answer_store(work, payment, before.platform_status, cause)
        elif cause.asked:
            self._ledger.tell_store(work, payment)


def as_ordered(store: Store, payment: Payment, order: PlatformOrder | None) -> Payment:
    """Return the payment as the order now says it, as far as the shop is the authority over it."""
    if order is None:
        return replace(payment, order_state=OrderState.DELETED, order_detail="") if payment.collectable else payment
    moved = payment.ours and payment.status is not PaymentStatus.PENDING
    known_currency = order.currency_code in EXPONENTS
    other_currency = moved and known_currency and order.currency_code != payment.currency_code
    changed = replace(
        payment,
        order_number=order.order_number,
        order_total_minor=_total_minor(payment, order, other_currency=other_currency),
        references=tuple(dict.fromkeys(payment.references + order.references)),
    )
    if not moved:
        changed = _before_money(store, changed, order)
    state, detail = order_state(store, changed, order)
    return replace(changed, order_state=state, order_detail=detail)


def _before_money(store: Store, payment: Payment, order: PlatformOrder) -> Payment:
    """Return the payment with method and currency of its order: until money is reserved, the shop decides them."""
    ours = store.takes(order.method_code, order.method_name)
    changed = replace(
        payment,
        method_code=order.method_code,
        method_name=order.method_name,
        ours=ours,
        currency_code=order.currency_code if order.currency_code in EXPONENTS else payment.currency_code,
    )
    if not ours:
        return replace(changed, gateway="", status=order.status)
    if payment.ours:
        return changed
    return replace(changed, gateway=store.gateway_adapter, status=PaymentStatus.PENDING)


def order_state(store: Store, payment: Payment, order: PlatformOrder) -> tuple[OrderState, str]:
    """Return what became of the order, and what the shop says of it. Only what bears on collecting money counts."""
    if not payment.collectable:
        return OrderState.PLACED, ""
    if order.cancelled:
        return OrderState.CANCELLED, order.platform_status
    if not store.takes(order.method_code, order.method_name):
        return OrderState.OTHER_METHOD, order.method_name or order.method_code or "another method"
    if order.currency_code not in EXPONENTS or order.total_minor is None:
        return OrderState.TOTAL_INVALID, order.total_text or f"in {order.currency_code or 'no currency'}"
    if order.currency_code != payment.currency_code:
        return OrderState.OTHER_CURRENCY, order.currency_code
    return OrderState.PLACED, ""


_CLOSED: Final = frozenset(
    {PaymentStatus.VOIDED, PaymentStatus.DECLINED, PaymentStatus.EXPIRED, PaymentStatus.REFUNDED}
)


def may_hold(store: Store, payment: Payment, order: PlatformOrder) -> bool:
    """Tell whether the order's status in the shop is left as it is, whichever the payment's is.

    A payment's status that is written over a cancellation opens the order again: money could be collected for it then.
    Only money that was collected must show. The status of an order that is paid otherwise is another payment's.
    """
    if order.status is payment.status or payment.anomaly or not payment.ours:
        return True
    if payment.status is PaymentStatus.PENDING:
        return True  # Until the result is known the checkout is the order's master.
    if not store.takes(order.method_code, order.method_name):
        return not payment.holds_money
    if not order.cancelled or payment.holds_money:
        return False
    return payment.collectable or order.status in _CLOSED


def terms_of(payment: Payment) -> OrderTerms:
    """Return what must be the same in record and shop when money is collected."""
    return OrderTerms(payment.order_state, payment.order_total_minor, payment.currency_code, payment.ours)


def known_currency(order: PlatformOrder) -> str:
    """Return the order's currency, or the word for none where ISO 4217 lacks it."""
    return order.currency_code if order.currency_code in EXPONENTS else NO_CURRENCY


def _held_word(store: Store, payment: Payment, order: PlatformOrder) -> str:
    """Return the shop's own word for the order's status, as it is to be remembered.

    That of an order whose payment is over, and that is paid otherwise now, is not: once the order is set right, nothing
    else in the record would tell that the word was let be.
    """
    over = not payment.collectable and order.status is not payment.status
    otherwise = not store.takes(order.method_code, order.method_name)
    return "" if over and otherwise and may_hold(store, payment, order) else order.platform_status


def _total_minor(payment: Payment, order: PlatformOrder, *, other_currency: bool) -> int:
    """Return the order's total; the last one that was known where it is no amount now."""
    if other_currency:
        # In the payment's currency the order costs nothing: it cannot be captured. After that only words would change.
        return 0 if payment.collectable else payment.order_total_minor
    if order.total_minor is None or order.currency_code not in EXPONENTS:
        return payment.order_total_minor
    return order.total_minor


_WORDS: Final = {"order_number": "number", "method_name": "payment method", "currency_code": "currency"}


def _changed_message(before: Payment, after: Payment) -> str:
    """Return what the shop changed, for the history."""
    parts = []
    if after.order_state is not before.order_state:
        parts.append(order_message(after) or "The order stands again.")
    if after.order_total_minor != before.order_total_minor and after.order_state is not OrderState.OTHER_CURRENCY:
        was = format_amount(before.order_total_minor, before.currency_code)
        parts.append(f"Its total was {was} and is {format_amount(after.order_total_minor, after.currency_code)}.")
    for name, word in _WORDS.items():
        if getattr(after, name) != getattr(before, name):
            parts.append(f"Its {word} was {getattr(before, name)!r} and is {getattr(after, name)!r}.")
    if after.references != before.references:
        parts.append("It names further ids of the gateway.")
    return " ".join(["The store changed the order.", *parts])


def _writes(update: StoreUpdate) -> tuple[object, ...]:
    """Return what changes with every write to the store."""
    return update.generation, update.platform_status, update.lease_expire_time, update.state


def _sentence(error: Exception) -> str:
    text = str(error).strip() or "the platform does not say why"
    return text if text.endswith(".") else f"{text}."
