"""Take a notification: prove its origin, remember it, and look. Its content moves nothing."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from payment_actions_server.domain.errors import OrderNotFound
from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.engine.background import Background
from payment_actions_server.engine.context import Context
from payment_actions_server.engine.ledger import Cause, Ledger
from payment_actions_server.engine.refresh import Refresh
from payment_actions_server.engine.sight import Sight
from payment_actions_server.plugins import Notification, NotificationKind
from payment_actions_server.storage import UnitOfWork

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
            notification = await gateway.verify_notification(headers, body)
        if notification.kind is NotificationKind.OTHER:
            return notification
        await self._make_known(store_id, notification)
        keys = await self._context.storage.transact(lambda work: self._remember(work, store_id, notification))
        cause = Cause(actor="notification", details={"message_id": notification.message_id})
        for key in keys:
            self._background.spawn(self._look(key, cause, notification.subject), f"notified of {key}")
        return notification

    async def _make_known(self, store_id: str, notification: Notification) -> None:
        """See the order first, if the notification names one that is new here."""
        if not notification.order_id:
            return
        try:
            await self._sight.see(PaymentKey(store_id, notification.order_id))
        except OrderNotFound:  # Not the platform's id of it (it may be the public number): nothing to look at.
            log.info("notification of an unknown order", store=store_id, message_id=notification.message_id)

    async def _remember(self, work: UnitOfWork, store_id: str, notification: Notification) -> list[PaymentKey]:
        """Remember the message and, with it, that its payments are to be looked at; return these. A repeat: none."""
        now = self._context.clock.now()
        if not await work.add_notification(store_id, notification.message_id, now, notification.subject):
            return []
        order_ids = {notification.order_id} if notification.order_id else set()
        for identifier in notification.identifiers:
            order_ids.update(await work.orders_of_reference(store_id, identifier))
        keys = []
        for order_id in sorted(order_ids):
            payment = await work.lock_payment(PaymentKey(store_id, order_id))
            if payment is not None and payment.ours:
                # Should we die before we look, the schedule looks in our stead.
                soon = now + timedelta(seconds=self._context.policy.poll_seconds)
                await work.reschedule(payment, soon, payment.refreshes)
                keys.append(payment.key)
        return keys

    async def _look(self, key: PaymentKey, cause: Cause, subject: str) -> None:
        try:
            events = await self._refresh.refresh_anew(key, cause)
        except Exception as error:  # noqa: BLE001 - the hint is durable: the schedule looks again
            log.warning("look after a notification failed", store=key.store, order_id=key.order_id, error=str(error))
            return
        if not events:
            await self._context.storage.transact(lambda work: self._note_ignored(work, key, cause, subject))

    async def _note_ignored(self, work: UnitOfWork, key: PaymentKey, cause: Cause, subject: str) -> None:
        payment = await work.lock_payment(key)
        assert payment is not None
        await self._ledger.change(
            work,
            payment,
            EventType.NOTIFICATION_IGNORED,
            before=payment.status,
            cause=cause,
            message=f"Nothing new: {subject}",
        )

    async def forget_old(self) -> None:
        """Drop message ids that no sender repeats any more."""
        before = self._context.clock.now() - timedelta(days=self._context.policy.notification_memory_days)
        await self._context.storage.transact(lambda work: work.forget_notifications(before))
