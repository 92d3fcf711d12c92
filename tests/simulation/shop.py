"""The shop's own life: staff cancels, changes and deletes orders, and the shop's software changes statuses back."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins import PlatformOrder
from payment_actions_server.plugins.fakes import WORDS

if TYPE_CHECKING:
    from simulation.world import World

COLLECTABLE: Final = frozenset({PaymentStatus.PENDING, PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED})
ORDERS_LIVELY_MAX: Final = 3
"""How many orders, the latest ones, the shop is busy with."""

_ACTS: Final = MappingProxyType(
    {
        "cancel": 6,
        "delete": 2,
        "reprice": 6,
        "renumber": 1,
        "move to another method": 2,
        "move to another currency": 2,
        "spoil the total": 2,
        "set right": 10,
        "recompute": 3,
        "show a refund": 3,
    }
)


class Mood(NamedTuple):
    """How lively a shop is."""

    name: str
    seconds: float = 0.0  #: Between two acts, on average; 0: the shop does nothing by itself.
    acts: Mapping[str, int] = _ACTS  #: How often each act is drawn.
    stubborn: float = 0.0  #: The share of our status writes that the shop changes back at once.


QUIET: Final = Mood("quiet")
LIVELY: Final = Mood("lively", seconds=8.0, stubborn=0.1)
MOODS: Final = (QUIET, QUIET, QUIET, LIVELY)
"""Of worlds without a theme."""

TOTAL_ACTS: Final = MappingProxyType(dict.fromkeys(_ACTS, 0) | {"reprice": 20, "cancel": 1, "set right": 2})
STATUS_ACTS: Final = MappingProxyType(_ACTS | {"recompute": 40, "show a refund": 0, "delete": 1})
REFUND_ACTS: Final = MappingProxyType(dict.fromkeys(_ACTS, 0) | {"show a refund": 20, "recompute": 1, "cancel": 1})


class Shop:
    """Does to orders whatever a shop may do, at any moment, and remembers what it did."""

    def __init__(self, world: "World", mood: Mood, random: Random) -> None:
        self._world, self._mood, self._random = world, mood, random
        self._platform, self._gateway, self._story = world.platform, world.gateway, world.story
        self._held_before: dict[str, tuple[PaymentStatus, str]] = {}  #: Order: its status before staff cancelled it.
        self.quiet = not mood.seconds
        self.deleted: dict[str, PlatformOrder] = {}
        self.status_changes: Counter[str] = Counter()  #: Order: how often the shop changed its status by itself.
        self.moved_to_another_currency: set[str] = set()
        self.shown_refunds: dict[str, str] = {}  #: Order: whether the gateway "knows", "later" or "never" its refund.
        self._platform.on_write = self._answer_write

    async def live(self) -> None:
        """Act again and again, until the shop is quiet."""
        while not self.quiet:
            await asyncio.sleep(self._random.expovariate(1 / self._mood.seconds))
            if not self.quiet and (order_id := self._choose()):
                self._act(order_id)

    def _choose(self) -> str:
        """Return an order, rather one of which money can still be collected; empty: there is none."""
        known = {order_id: self._gateway.truth(order_id) for order_id in self._platform.history}
        orders = [order_id for order_id, truth in known.items() if truth is not None]
        if self._random.random() < 0.6:
            collectable = [order_id for order_id in orders if known[order_id].status in COLLECTABLE]
            orders = collectable or orders
        return self._random.choice(orders[-ORDERS_LIVELY_MAX:]) if orders else ""

    def become_quiet(self) -> None:
        """Do nothing by itself any more.

        An authorization in another currency than its order contradicts the order, until that is set right.
        """
        self.quiet = True
        for order_id in sorted(self.moved_to_another_currency):
            payment = self._world.auditor.payments.get(order_id)
            if payment is None or not payment.ours or payment.anomaly or payment.status is PaymentStatus.PENDING:
                if order_id in self.deleted:
                    self._put_back(order_id)
                self.set_right(order_id)

    def _act(self, order_id: str) -> None:
        names = list(self._mood.acts)
        (name,) = self._random.choices(names, [self._mood.acts[each] for each in names])
        self._story.count(f"shop: {name}")
        if name == "show a refund":
            self._show_refund()
        elif order_id in self.deleted:
            if name == "set right":
                self._put_back(order_id)
        else:
            self._act_on(order_id, name)

    def _act_on(self, order_id: str, name: str) -> None:
        do = {
            "cancel": self._cancel,
            "delete": self._delete,
            "set right": self.set_right,
            "recompute": self._recompute,
        }.get(name)
        if do is not None:
            do(order_id)
        else:
            self._change(order_id, self._platform.order(order_id), name)

    # -- Orders -----------------------------------------------------------------------------------------------------

    def _change(self, order_id: str, order: PlatformOrder, name: str) -> None:
        total = self._original(order_id).total_minor
        assert total is not None
        totals = (max(total // 2, 1), max(total // 2, 1), total, total + 500)
        changes: dict[str, Any] = {
            "reprice": {"total_minor": self._random.choice(totals), "total_text": ""},
            "renumber": {"order_number": f"{order.order_number}-2"},
            "move to another method": {"method_code": "phone", "method_name": "Phone Ordering"},
            "move to another currency": {"currency_code": "EUR"},
            "spoil the total": {"total_minor": None, "total_text": "129.905 USD"},
        }[name]
        if name == "move to another currency":
            self.moved_to_another_currency.add(order_id)
        self._platform.change(order_id, **changes)
        self._tell(f"{name}: order {order_id}, {', '.join(f'{key} {value!r}' for key, value in changes.items())}")

    def _cancel(self, order_id: str) -> None:
        order = self._platform.order(order_id)
        if not order.cancelled:
            self._held_before[order_id] = (order.status, order.platform_status)
            self._platform.cancel(order_id)
            self.status_changes[order_id] += 1
            self._tell(f"order {order_id} is cancelled")

    def _delete(self, order_id: str) -> None:
        self.deleted[order_id] = self._platform.order(order_id)
        self._platform.remove(order_id)
        self._tell(f"order {order_id} is deleted")

    def _put_back(self, order_id: str) -> None:
        self._platform.put_back(self.deleted.pop(order_id))
        self.status_changes[order_id] += 1  # A status that was written meanwhile is missing from it.
        self._tell(f"order {order_id} is put back")

    def set_right(self, order_id: str) -> None:
        """Have staff make an order what it was when it was placed, but for its payment status."""
        original, order = self._original(order_id), self._platform.order(order_id)
        changes: dict[str, Any] = {
            name: getattr(original, name)
            for name in ("total_minor", "total_text", "currency_code", "method_code", "method_name")
        }
        if order.cancelled and order_id in self._held_before:
            status, word = self._held_before.pop(order_id)
            changes |= {"status": status, "platform_status": word, "cancelled": False}
            self.status_changes[order_id] += 1
        if order.method_name != original.method_name:
            self.status_changes[order_id] += 1  # A status that was let be until now is wrong again.
        self._platform.change(order_id, **changes)
        self._tell(f"order {order_id} is set right")

    def _original(self, order_id: str) -> PlatformOrder:
        original = self._platform.history[order_id][0].order
        assert original is not None
        return original

    # -- Statuses ---------------------------------------------------------------------------------------------------

    def _answer_write(self, order_id: str) -> None:
        """Have the shop's own software compute the status anew, perhaps, because the service wrote one."""
        if not self.quiet and self._random.random() < self._mood.stubborn:
            self._world.later(self._random.uniform(0.1, 20.0), lambda: self._recompute(order_id))

    def _recompute(self, order_id: str) -> None:
        """Write over the status what the shop's own records say: they know of nothing that the service did."""
        truth = self._gateway.truth(order_id)
        if self.quiet or order_id in self.deleted or truth is None or truth.status is PaymentStatus.PENDING:
            return
        held = self._platform.order(order_id).status
        status = PaymentStatus.PENDING if held is PaymentStatus.AUTHORIZED else PaymentStatus.AUTHORIZED
        self._platform.change(order_id, status=status, platform_status=WORDS[status], cancelled=False)
        self.status_changes[order_id] += 1
        self._tell(f"order {order_id} is computed to be {status}; it was {held}")

    # -- Refunds ----------------------------------------------------------------------------------------------------

    def _show_refund(self) -> None:
        """Show a refund that was made past the service, or that the shop only believes in."""
        possible = [
            order_id
            for order_id in self._platform.history
            if order_id not in self.shown_refunds and order_id not in self.deleted and self._refundable_minor(order_id)
        ]
        if not possible or self._world.setting.lenient:
            return
        order_id = self._random.choice(possible)
        left = self._refundable_minor(order_id)
        truth = self._gateway.truth(order_id)
        assert truth is not None
        kind = self._random.choice(("knows", "knows", "later", "never"))
        self.shown_refunds[order_id] = kind
        self._tell(f"order {order_id} shows a refund of {left}; the gateway: {kind}")
        if kind == "knows":
            self._refund(order_id)
        elif kind == "later":
            self._world.later(self._random.uniform(2, 60), lambda: self._refund(order_id))
        changes: dict[str, Any] = {"refunded_minor": truth.refunded_minor + left}
        if self._random.random() < 0.3:
            changes |= {"status": PaymentStatus.REFUNDED, "platform_status": WORDS[PaymentStatus.REFUNDED]}
            self.status_changes[order_id] += 1
        self._platform.change(order_id, **changes)

    def _refund(self, order_id: str) -> None:
        """Return money at the gateway; its notification gets lost."""
        left = self._refundable_minor(order_id)
        if left:
            self._world.refund_untold(order_id, left)

    def _refundable_minor(self, order_id: str) -> int:
        if self._gateway.truth(order_id) is None or self._gateway.pending_references(order_id):
            return 0
        return self._gateway.left_minor(Action.REFUND, order_id)

    def _tell(self, what: str) -> None:
        self._story.tell("shop", what)
