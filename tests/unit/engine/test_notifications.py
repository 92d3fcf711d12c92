"""A notification is a hint to look: durable once it is answered, and its content moves nothing."""

import asyncio
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, world

from payment_actions_server.domain.errors import PlatformUnavailable, StoreNotFound
from payment_actions_server.domain.event import EventType
from payment_actions_server.engine import EnginePolicy, StorageUnavailable
from payment_actions_server.plugins import Action, NotificationKind, NotificationRefused, OperationState, PaymentStatus
from payment_actions_server.plugins.fakes import HANG, UNAVAILABLE, slow, slow_answer


async def out_of_reach(*_asked):
    raise StorageUnavailable("the database is out of reach")


async def notified_in_between(here):
    """Notify of a capture while the order's first sight, which is returned, has its snapshot and no record yet."""
    here.authorized()
    here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(5)))
    first_sight = asyncio.create_task(here.view())
    await asyncio.sleep(1)
    here.gateway.console(Action.CAPTURE, "1")
    await here.notify(name_order=False)
    return first_sight


@in_virtual_time
async def test_notification_makes_us_look(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        await here.notify()
        await asyncio.sleep(0.1)
        assert await here.status() is PaymentStatus.AUTHORIZED
        followed = (await here.events())[1]
        assert (followed.type, followed.actor) == (EventType.SNAPSHOT_FOLLOWED, "notification")


@in_virtual_time
async def test_redelivery_does_nothing(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        await here.notify(message_id="m-1")
        await asyncio.sleep(5)
        told, asked = await here.told(), len(here.asked("snapshot"))
        for _ in range(3):
            await here.notify(message_id="m-1")
            await asyncio.sleep(5)
        assert (await here.told(), len(here.asked("snapshot"))) == (told, asked)


@in_virtual_time
async def test_message_id_is_remembered_by_the_next_engine(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.notify(message_id="m-1")
        await asyncio.sleep(5)
        told = await here.told()
        await here.restart()
        await here.notify(message_id="m-1")
        await asyncio.sleep(5)
        assert await here.told() == told


@pytest.mark.parametrize("wrong", ["signature", "account"])
@in_virtual_time
async def test_refused_notification_changes_nothing(tmp_path, wrong):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        headers, body = here.gateway.make_notification("1", account="somebody else" if wrong == "account" else None)
        if wrong == "signature":
            body = body.replace(b'"1"', b'"2"')
        with pytest.raises(NotificationRefused) as refused:
            await here.engine.take_notification(STORE, headers, body)
        assert refused.value.kind == wrong
        await asyncio.sleep(5)
        assert await here.told() == [EventType.PAYMENT_SEEN]
        assert here.asked("snapshot") == ["1"]


@in_virtual_time
async def test_refused_message_id_is_not_taken_for_known(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.authorize("1")
        headers, body = here.gateway.make_notification("1", message_id="m-1")
        with pytest.raises(NotificationRefused):
            await here.engine.take_notification(STORE, headers | {"x-signature": "0"}, body)
        await here.engine.take_notification(STORE, headers, body)
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_notification_for_an_unknown_store_is_refused(tmp_path):
    async with world(tmp_path) as here:
        with pytest.raises(StoreNotFound):
            await here.engine.take_notification("nobody", {}, b"")


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
@in_virtual_time
async def test_notification_and_the_calls_own_answer_lead_to_the_same_end(tmp_path, when):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(lambda: asyncio.sleep(5)))
        call = asyncio.create_task(here.capture())
        await asyncio.sleep(1)
        if when == "before the answer":
            await here.notify()
            await asyncio.sleep(1)
        result = await call
        if when == "after the answer":
            await here.notify()
        await asyncio.sleep(10)
        payment = (await here.view()).payment
        assert (payment.status, payment.captured_minor, payment.anomaly) == (PaymentStatus.CAPTURED, 12_990, "")
        assert result.operation.state is OperationState.SUCCEEDED
        assert [event.type for event in await here.events()].count(EventType.OPERATION_ENDED) == 1
        assert here.platform.order("1").status is PaymentStatus.CAPTURED


@in_virtual_time
async def test_notification_during_a_look_leads_to_another(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(5)))
        look = asyncio.create_task(here.refresh())
        await asyncio.sleep(1)
        here.gateway.authorize("1")
        await here.notify()
        assert await look == []
        await asyncio.sleep(0.1)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_notification_between_an_orders_first_snapshot_and_its_record_is_not_lost(tmp_path):
    async with world(tmp_path) as here:
        first_sight = await notified_in_between(here)
        assert (await first_sight).payment.status is PaymentStatus.AUTHORIZED
        await asyncio.sleep(3)
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_notification_that_is_remembered_while_its_order_is_being_recorded_finds_it(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        add, seen = here.storage.add_notification, []

        async def add_late(*message):
            new = await add(*message)
            seen.append(await here.view())  # The order's whole first sight, which finds no stray: it looked too early.
            return new

        strays = here.storage.stray_identifiers
        here.storage.add_notification = add_late
        here.storage.stray_identifiers = lambda *_: asyncio.sleep(0, set())
        await here.notify(name_order=False)
        here.storage.stray_identifiers = strays
        await asyncio.sleep(3)
        assert (await here.events())[-1].type is EventType.NOTIFICATION_IGNORED


@in_virtual_time
async def test_first_sight_that_cannot_ask_what_was_notified_meanwhile_leaves_a_look_to_the_schedule(tmp_path):
    async with world(tmp_path) as here:
        first_sight = await notified_in_between(here)
        here.storage.stray_identifiers = out_of_reach
        with pytest.raises(StorageUnavailable):
            await first_sight
        await asyncio.sleep(here.policy.lease_seconds + 5)
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_first_sight_that_nobody_was_notified_of_is_followed_by_no_look(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        await asyncio.sleep(here.policy.lease_seconds + 60)
        assert len(here.asked("snapshot")) == 1


@in_virtual_time
async def test_repeat_of_a_notification_that_could_not_look_for_its_order_again_does(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        orders, asked = here.storage.orders_of_references, []

        async def out_of_reach_at_first(*names):
            asked.append(names)
            if len(asked) == 2:
                raise StorageUnavailable("the database is out of reach")
            return await orders(*names)

        here.storage.orders_of_references = out_of_reach_at_first
        with pytest.raises(StorageUnavailable):
            await here.notify(message_id="m", name_order=False)
        here.storage.stray_identifiers = lambda *_: asyncio.sleep(0, set())
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        await here.notify(message_id="m", name_order=False)
        await asyncio.sleep(3)
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_notification_of_an_order_that_has_become_ours_is_looked_after(tmp_path):
    async with world(tmp_path) as here:
        here.platform.place("1", method_name="Bank transfer", status=PaymentStatus.PENDING)
        assert not (await here.view()).payment.ours
        authorization = here.gateway.authorize("1", 12_990, "USD")
        here.platform.change("1", method_name=METHOD, references=(authorization,))
        await here.notify()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_notification_of_an_order_that_was_ours_and_is_again_is_looked_after(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.platform.change("1", method_name="Bank transfer")
        await here.refresh()
        assert not (await here.view()).payment.ours
        here.platform.change("1", method_name=METHOD)
        here.gateway.authorize("1")
        await here.notify(name_order=False)
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.AUTHORIZED


@in_virtual_time
async def test_many_notifications_at_once_share_one_look(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("snapshot", slow(lambda: asyncio.sleep(0.5)))
        await asyncio.gather(*(here.notify() for _ in range(10)))
        await asyncio.sleep(5)
        assert len(here.asked("snapshot")) <= 3


@in_virtual_time
@pytest.mark.parametrize("by_ourselves", [False, True])
async def test_each_of_those_that_share_a_look_which_shows_nothing_new_is_noted_once(tmp_path, by_ourselves):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(5)))
        look = asyncio.create_task(here.refresh()) if by_ourselves else None
        await asyncio.sleep(1)
        for number in range(3):
            await here.notify(message_id=f"m{number}")
        await asyncio.sleep(20)
        if look is not None:
            assert await look == []
        ignored = [event for event in await here.events() if event.type is EventType.NOTIFICATION_IGNORED]
        assert sorted(event.details["message_id"] for event in ignored) == ["m0", "m1", "m2"]
        assert {event.actor for event in ignored} == {"notification"}


@in_virtual_time
async def test_nothing_new_is_noted_with_the_look_itself(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        change, changes = here.storage.change, []

        def counted(*arguments, **options):
            changes.append(arguments)
            return change(*arguments, **options)

        here.storage.change = counted
        await here.notify()
        await asyncio.sleep(3)
        assert (await here.events())[-1].type is EventType.NOTIFICATION_IGNORED
        assert len(changes) == 4  # To be looked at; the order; the snapshot; no news.


@in_virtual_time
async def test_one_notification_is_one_look(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        await here.notify()
        await asyncio.sleep(60)
        assert len(here.asked("snapshot")) == 2


@in_virtual_time
async def test_late_notification_is_recorded_as_ignored(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await here.refund()
        await asyncio.sleep(5)
        await here.notify(message_id="late")
        await asyncio.sleep(5)
        ignored = (await here.events())[-1]
        assert (ignored.type, ignored.details["message_id"]) == (EventType.NOTIFICATION_IGNORED, "late")
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_notification_that_fits_no_payment_is_acknowledged(tmp_path):
    async with world(tmp_path) as here:
        here.gateway.authorize("77", 500)
        await here.notify("77", name_order=False)
        await here.notify("77")  # Names an order that the platform does not have.
        assert here.asked("snapshot") == []


@in_virtual_time
async def test_notification_of_nothing_that_concerns_us_is_acknowledged(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        await here.notify(kind=NotificationKind.OTHER)
        await asyncio.sleep(5)
        assert here.asked("snapshot") == ["1"]


@in_virtual_time
async def test_notification_finds_the_payment_by_any_of_the_gateways_ids(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        result = await here.capture()
        here.gateway.console(Action.REFUND, "1")
        await here.notify(name_order=False, identifiers=(result.operation.gateway_id,))
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_notification_finds_the_payment_by_our_reference(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        result = await here.capture()
        here.gateway.console(Action.REFUND, "1")
        await here.notify(name_order=False, identifiers=(result.operation.reference,))
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_order_never_seen_is_seen_when_a_notification_names_it(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.notify()
        assert (await here.told())[0] is EventType.PAYMENT_SEEN


@in_virtual_time
async def test_notification_that_cannot_be_taken_now_is_an_error_so_that_it_comes_again(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.platform.faults.inject("read_order", UNAVAILABLE)
        with pytest.raises(PlatformUnavailable):
            await here.notify(message_id="m-1")
        await here.notify(message_id="m-1")
        assert (await here.told())[0] is EventType.PAYMENT_SEEN


# -- Durable ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_hint_outlives_a_crash_right_after_its_answer(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1")
        here.gateway.faults.inject("snapshot", HANG)
        await here.notify()
        await asyncio.sleep(0.1)
        await here.restart()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_hint_outlives_our_own_change_and_a_crash_after_it(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        here.gateway.faults.inject("capture", slow_answer(lambda: asyncio.sleep(0.5)))
        call = asyncio.create_task(here.capture())
        await asyncio.sleep(0.1)
        here.gateway.console(Action.REFUND, "1")
        here.gateway.faults.inject("snapshot", HANG)
        await here.notify()
        await call  # Plans the payment's next look anew ...
        await asyncio.sleep(0.1)
        await here.restart()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED  # ... and forgets not what the notification asked for.


@in_virtual_time
async def test_hint_outlives_a_look_that_had_begun_before_it(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        here.gateway.console(Action.CAPTURE, "1")
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(0.5)))
        here.gateway.faults.inject("snapshot", HANG)
        look = asyncio.create_task(here.refresh())
        await asyncio.sleep(0.1)
        here.gateway.console(Action.REFUND, "1")
        await here.notify()
        await look
        await asyncio.sleep(0.1)
        await here.restart()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_hint_outlives_a_gateway_that_is_down(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1")
        here.gateway.faults.choose = lambda call: UNAVAILABLE if call == "snapshot" else None
        await here.notify()
        await asyncio.sleep(60)
        here.gateway.faults.choose = None
        await asyncio.sleep(120)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_hint_outlives_our_own_change_while_the_gateway_is_down(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1", 5_000)
        here.gateway.faults.choose = lambda call: UNAVAILABLE if call == "snapshot" else None
        await here.notify()
        await asyncio.sleep(10)  # By now the look was put off.
        await here.refund(amount_minor=1_000)
        here.gateway.faults.choose = None
        await asyncio.sleep(120)
        assert (await here.view()).payment.refunded_minor == 6_000


@in_virtual_time
async def test_hint_outlives_our_own_change_long_after_the_authorizations_end(tmp_path):
    async with world(tmp_path, partial=True) as here:
        here.authorized(expire_time=here.clock.now() + timedelta(minutes=1))
        await here.capture()
        await asyncio.sleep(600)
        here.gateway.console(Action.REFUND, "1", 5_000)
        here.gateway.faults.choose = lambda call: UNAVAILABLE if call == "snapshot" else None
        await here.notify()
        await asyncio.sleep(10)  # By now the look was put off.
        await here.refund(amount_minor=1_000)
        here.gateway.faults.choose = None
        await asyncio.sleep(120)
        assert (await here.view()).payment.refunded_minor == 6_000


@in_virtual_time
async def test_hint_outlives_a_change_of_the_order_while_the_gateway_is_down(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1")
        here.platform.change("1", total_minor=9_000)
        here.gateway.faults.choose = lambda call: UNAVAILABLE if call == "snapshot" else None
        await here.notify()
        await asyncio.sleep(0.5)  # The look has read the order, and found the gateway down.
        here.gateway.faults.choose = None
        await asyncio.sleep(120)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_message_ids_are_forgotten_after_their_time(tmp_path):
    policy = EnginePolicy(discovery_seconds=0, poll_seconds=3600, notification_memory_days=1)
    async with world(tmp_path, policy=policy) as here:
        here.authorized()
        await here.notify(message_id="m-1")
        await asyncio.sleep(86_400 / 2)
        assert not await _is_new(here, "m-1")
        await asyncio.sleep(86_400)
        assert await _is_new(here, "m-1")


async def _is_new(here, message_id):
    return not await here.storage.knows_notification(STORE, message_id)


@in_virtual_time
async def test_hint_outlives_a_memory_of_it_that_was_kept_unheard_and_so_taken_for_a_repeat(tmp_path, monkeypatch):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        here.gateway.console(Action.REFUND, "1")
        remember = here.storage.add_notification

        async def unheard(*arguments):
            await remember(*arguments)
            return await remember(*arguments)

        monkeypatch.setattr(here.storage, "add_notification", unheard)
        await here.notify()
        await asyncio.sleep(5)
        assert await here.status() is PaymentStatus.REFUNDED


@in_virtual_time
async def test_hint_outlives_the_slow_first_sight_of_another_replica(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        other = here.replica()
        await other.start()
        # This replica's first sight takes its snapshot and is slow to hear of it.
        here.gateway.faults.inject("snapshot", slow_answer(lambda: asyncio.sleep(8)))
        first_sight = asyncio.create_task(here.view())
        await asyncio.sleep(0.5)
        # Another replica sees the order meanwhile, and is notified of a change whose look fails, then dies.
        await other.get_payment(STORE, "1")
        here.gateway.console(Action.CAPTURE, "1")
        here.gateway.faults.inject("snapshot", UNAVAILABLE, times=3)
        headers, body = here.gateway.make_notification("1")
        await other.take_notification(STORE, headers, body)
        await asyncio.sleep(2.5)  # Its look, and that of the schedule, fail: put off by about 30 s.
        assert (await other.get_payment(STORE, "1")).payment.next_refresh_time is not None
        await first_sight
        await asyncio.sleep(600)
        assert await here.status() is PaymentStatus.CAPTURED


@in_virtual_time
async def test_order_that_is_not_ours_and_that_the_store_deleted_is_looked_at_no_more(tmp_path):
    async with world(tmp_path) as here:
        here.pending()
        await here.view()
        here.platform.change("1", method_name="Bank transfer")
        await here.refresh()
        here.platform.remove("1")
        await here.notify()
        await asyncio.sleep(60)
        assert (await here.view()).payment.next_refresh_time is None
