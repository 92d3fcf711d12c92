"""Take a notification: prove its origin, remember it, and look. Its content moves nothing."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from payment_actions_server.domain.errors import OrderNotFound
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.refresh import Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.plugins import Notification, NotificationKind
from payment_actions_server.plugins.answers import sound
from payment_actions_server.storage import PaymentWork

FORGOTTEN_AT_ONCE: Final = 1000

log = structlog.get_logger(__name__)


class Notifications:
    """Turns verified notifications into looks."""

    def __init__(
        self, context: Context, ledger: Ledger, sight: Sight, refresh: Refresh, background: Background
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._sight = sight
        self._refresh = refresh
        self._background = background

    async def take(self, store_id: str, headers: Mapping[str, str], body: bytes) -> Notification:
        """Take a notification. When this returns, what it hints at is durable and will be looked at, come what may.

        :raises StoreNotFound: no such store.
        :raises NotificationRefused: its origin is not proved, or it is not for this store.
        :raises Exception: anything else means that it could not be taken now and should be sent again.
        """
        gateway = self._context.store(store_id).gateway
        async with asyncio.timeout(gateway.capabilities.call_seconds_max):
            notification = sound(Notification, await gateway.verify_notification(headers, body))
        if notification.kind is NotificationKind.OTHER:
            return notification
        await self._make_known(store_id, notification)
        keys = await self._remember(store_id, notification)
        cause = Cause(
            actor="notification",
            details={"message_id": notification.message_id},
            unless_new=f"Nothing new: {notification.subject}",
        )
        for key in keys:
            self._background.spawn(self._look(key, cause), f"notified of {key}")
        return notification

    async def _make_known(self, store_id: str, notification: Notification) -> None:
        """See the order first, if the notification names one that is new here."""
        if not notification.order_id:
            return
        try:
            await self._sight.see(PaymentKey(store_id, notification.order_id))
        except OrderNotFound:  # Not the platform's id of it (it may be the public number): nothing to look at.
            log.info("notification of an unknown order", store=store_id, message_id=notification.message_id)

    async def _remember(self, store_id: str, notification: Notification) -> list[PaymentKey]:
        """Make it durable that its payments are to be looked at, then remember the message; return the payments.

        In this order: should we die in between, the sender repeats the message, and it is not taken for known.

        One that finds no order may be about one whose first sight is under way, and come after its snapshot. So orders
        are looked for again once it is remembered, and a first sight looks at what was remembered once it is recorded:
        whichever comes last finds the other. Should we fail or die before that, a repeat does it: what found no order
        is not taken for known.

        :return: for a repeat: none.
        """
        storage, now, message_id = self._context.storage, self._context.clock.now(), notification.message_id
        if await storage.knows_notification(store_id, message_id):
            return []
        keys = await self._schedule_all(store_id, notification)
        strays = () if keys else notification.identifiers
        new = await storage.add_notification(store_id, message_id, now, notification.subject, strays)
        if keys:
            return keys if new else []
        return await self._schedule_all(store_id, notification)

    async def _schedule_all(self, store_id: str, notification: Notification) -> list[PaymentKey]:
        """Say of each payment that it is to be looked at soon; return those that there are."""
        storage = self._context.storage
        order_ids = set(await storage.orders_of_references(store_id, notification.identifiers))
        if notification.order_id:
            order_ids.add(notification.order_id)
        keys = [PaymentKey(store_id, order_id) for order_id in sorted(order_ids)]
        soon = self._context.clock.now() + timedelta(seconds=self._context.policy.poll_seconds)
        return [key for key in keys if await storage.change(key, lambda work: _schedule(work, soon))]

    async def _look(self, key: PaymentKey, cause: Cause) -> None:
        try:
            look = await self._refresh.refresh_anew(key, cause)
        except Exception as error:  # noqa: BLE001 - the hint is durable: the schedule looks again
            log.warning("look after a notification failed", store=key.store, order_id=key.order_id, error=str(error))
            return
        if not look.events and look.cause is not cause:  # With its own look it was noted.
            await self._context.storage.change(key, lambda work: self._ledger.note_nothing_new(work, cause))

    async def forget_old(self) -> bool:
        """Drop message ids that no sender repeats any more. Tell whether there may be more."""
        before = self._context.clock.now() - timedelta(days=self._context.policy.notification_memory_days)
        return await self._context.storage.forget_notifications(before, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE


def _schedule(work: PaymentWork, soon: datetime) -> bool:
    """Should we die before we look, the schedule looks in our stead. Tell whether there is anything to look at."""
    payment = work.payment
    if payment is None:
        return False  # One that is not ours may have become so.
    work.reschedule(soon, payment.refreshes)
    return True
