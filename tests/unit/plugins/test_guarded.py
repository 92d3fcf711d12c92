"""Adapters behind the guard: their words quote no secret, what they prove stays the same, and the rest is untouched."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from payment_actions_server.domain.concealment import Concealer
from payment_actions_server.plugins import (
    AdapterError,
    GatewayReference,
    GatewayResult,
    NotExecuted,
    Notification,
    NotificationKind,
    NotificationRefused,
    OrderMissing,
    OrderPage,
    PaymentGateway,
    PaymentStatus,
    PlatformKind,
    PlatformOrder,
    ResultState,
    SettingsError,
    Snapshot,
    StateConflict,
    StatusApplied,
    StorePlatform,
    Throttled,
    Unavailable,
)
from payment_actions_server.plugins.answers import Unsound, reason_code_of
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform, full_capabilities
from payment_actions_server.plugins.guarded import AdapterFailed, GuardedGateway, GuardedPlatform, concealed
from payment_actions_server.plugins.shape import shape_problems

SECRET = "hunter2-hunter2"
QUOTED, TOLD = f"key {SECRET} is wrong", "key [secret] is wrong"
CONCEALER = Concealer([SECRET])
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = PlatformOrder(
    order_id=SECRET,
    order_number=SECRET,
    method_code=SECRET,
    method_name=SECRET,
    currency_code="USD",
    total_minor=100,
    status=PaymentStatus.AUTHORIZED,
    platform_status=QUOTED,
    references=(GatewayReference("order", SECRET),),
    total_text=QUOTED,
)
SNAPSHOT = Snapshot(
    status=PaymentStatus.DECLINED,
    currency_code="USD",
    authorized_minor=0,
    captured_minor=0,
    refunded_minor=0,
    references=(GatewayReference("charge", SECRET),),
    reason_code=QUOTED,
    message=QUOTED,
)


class Answering:
    """An adapter whose every method gives one answer."""

    capabilities = full_capabilities()
    kind = PlatformKind.RECORDING

    def __init__(self, answer):
        self.answer = answer

    def __getattr__(self, name):
        async def call(*arguments, **options):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return call


def gateway(answer):
    adapter = Answering(answer)
    return GuardedGateway(adapter, adapter.capabilities, CONCEALER)


def platform(answer):
    return GuardedPlatform(Answering(answer), PlatformKind.RECORDING, CONCEALER)


# -- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["capture", "void", "refund", "look_up"])
async def test_words_of_a_result_quote_no_secret_and_its_id_stays(method):
    result = GatewayResult(state=ResultState.DECLINED, gateway_id=SECRET, reason_code=QUOTED, message=QUOTED)
    told = await getattr(gateway(result), method)(None)
    assert told == replace(result, reason_code=TOLD, message=TOLD)


async def test_words_of_a_snapshot_quote_no_secret_and_its_references_stay():
    assert await gateway(SNAPSHOT).snapshot(None) == replace(SNAPSHOT, reason_code=TOLD, message=TOLD)


async def test_subject_of_a_notification_quotes_no_secret_and_its_ids_stay():
    notification = Notification(
        message_id=SECRET, kind=NotificationKind.CHANGE, subject=QUOTED, identifiers=(SECRET,), order_id=SECRET
    )
    assert await gateway(notification).verify_notification({}, b"") == replace(notification, subject=TOLD)


async def test_words_of_an_order_quote_no_secret_and_its_ids_and_names_stay():
    cleaned = replace(ORDER, platform_status=TOLD, total_text=TOLD)
    assert await platform(ORDER).read_order("1") == cleaned
    page = await platform(OrderPage([ORDER, ORDER], SECRET)).list_orders(changed_after=None, page_token="", page_size=2)
    assert page == OrderPage([cleaned, cleaned], SECRET)  # The token is for the adapter alone.


async def test_words_of_a_status_quote_no_secret():
    applied = StatusApplied(QUOTED, written=True, notice=QUOTED)
    assert await platform(applied).apply_status(None) == StatusApplied(TOLD, written=True, notice=TOLD)


@pytest.mark.parametrize("answer", [None, "nothing", GatewayResult(state=ResultState.SUCCEEDED, message="fine")])
async def test_answer_that_quotes_nothing_is_the_very_same(answer):
    assert await gateway(answer).look_up(None) is answer


class Shy:
    """Something that shows a secret only when it is made a text."""

    def __str__(self):
        return QUOTED


@pytest.mark.parametrize("word", [Shy(), QUOTED.encode(), ["key", SECRET]], ids=["object", "bytes", "list"])
async def test_word_that_is_no_text_quotes_no_secret_either(word):
    told = await gateway(GatewayResult(state=ResultState.PENDING, message=word)).capture(None)
    assert "[secret]" in told.message
    assert SECRET not in repr(told)


async def test_order_in_a_list_that_cannot_be_read_hides_no_other():
    unsound = replace(ORDER, total_minor=1.5)
    page = await platform(OrderPage([unsound, ORDER, None], "")).list_orders(
        changed_after=None, page_token="", page_size=3
    )
    assert page.orders[0] is unsound
    assert page.orders[1].platform_status == TOLD
    assert page.orders[2] is None


# -- Errors -----------------------------------------------------------------------------------------------------------


class OwnRefusal(NotExecuted):
    def __str__(self):
        return QUOTED


class OwnConflict(StateConflict):
    def __init__(self):
        self.reason_code = QUOTED  # And nothing else.


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotExecuted(QUOTED, reason_code=QUOTED), NotExecuted),
        (NotExecuted("no", reason_code=QUOTED), NotExecuted),
        (OwnRefusal("", reason_code=""), NotExecuted),
        (Unavailable(QUOTED), Unavailable),
        (Throttled(QUOTED, retry_after_seconds=7.0), Throttled),
        (StateConflict(QUOTED, reason_code=QUOTED), StateConflict),
        (OwnConflict(), StateConflict),
        (OrderMissing(QUOTED), OrderMissing),
        (NotificationRefused(QUOTED, kind=QUOTED), NotificationRefused),
        (NotificationRefused("no", kind=QUOTED), NotificationRefused),
        (AdapterError(QUOTED), AdapterFailed),
        (SettingsError("token", QUOTED), AdapterFailed),
        (RuntimeError(QUOTED), AdapterFailed),
        (KeyError(SECRET), AdapterFailed),
        (OSError(5, "I/O error", f"/run/{SECRET}"), AdapterFailed),
        (TimeoutError(QUOTED), AdapterFailed),
    ],
    ids=repr,
)
async def test_error_quotes_no_secret_and_proves_what_it_proved(error, told):
    with pytest.raises(told) as raised:
        await gateway(error).capture(None)
    assert type(raised.value) is told
    words = (str(raised.value), getattr(raised.value, "reason_code", ""), getattr(raised.value, "kind", ""))
    assert SECRET not in repr((raised.value, words))
    assert "[secret]" in repr(words)
    assert raised.value.__cause__ is error  # For the log, which strikes it out too.


def test_pause_of_a_throttled_call_is_kept():
    assert concealed(Throttled(QUOTED, retry_after_seconds=7.0), CONCEALER).retry_after_seconds == 7.0


@pytest.mark.parametrize("error", [NotExecuted("no", reason_code="E1"), RuntimeError("x"), TimeoutError()], ids=repr)
async def test_error_that_quotes_nothing_is_the_very_same(error):
    with pytest.raises(type(error)) as raised:
        await gateway(error).refund(None)
    assert raised.value is error


class Unreadable(NotExecuted):
    def __str__(self):
        raise RuntimeError(SECRET)


async def test_error_whose_text_cannot_be_read_still_proves_what_it_proves():
    with pytest.raises(NotExecuted, match="its text cannot be read") as raised:
        await gateway(Unreadable("")).capture(None)
    assert reason_code_of(raised.value) == ""


async def test_call_that_runs_out_of_time_is_cut_off_as_ever():
    class Hanging(InMemoryGateway):
        async def capture(self, request):
            await asyncio.sleep(60)

    hanging = Hanging(lambda: NOW)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await GuardedGateway(hanging, hanging.capabilities, CONCEALER).capture(None)


async def test_answer_that_cannot_be_awaited_proves_nothing():
    class Plain(InMemoryGateway):
        def capture(self, request):
            return GatewayResult(state=ResultState.SUCCEEDED)

    with pytest.raises(TypeError, match="await"):
        await GuardedGateway(Plain(lambda: NOW), full_capabilities(), CONCEALER).capture(None)


# -- The adapter itself -----------------------------------------------------------------------------------------------


def test_guards_are_adapters_themselves():
    assert shape_problems(gateway(None), PaymentGateway) == []
    assert shape_problems(platform(None), StorePlatform) == []


def test_what_an_adapter_declares_is_what_it_declared_at_the_start():
    class Fickle(InMemoryGateway):
        @property
        def capabilities(self):
            raise RuntimeError("no more")

    declared = replace(full_capabilities(), call_seconds_max=7.0)
    assert GuardedGateway(Fickle(lambda: NOW), declared, CONCEALER).capabilities is declared
    adapter = InMemoryPlatform(lambda: NOW, kind=PlatformKind.EXECUTING)
    assert GuardedPlatform(adapter, PlatformKind.EXECUTING, CONCEALER).kind is PlatformKind.EXECUTING


async def test_online_check_is_the_adapters_own():
    found = [SettingsError("token", QUOTED)]
    assert await gateway(found).check_online() is found


async def test_adapter_that_cannot_check_online_finds_nothing():
    adapter = InMemoryGateway(lambda: NOW)
    assert list(await GuardedGateway(adapter, adapter.capabilities, CONCEALER).check_online()) == []


async def test_adapter_is_closed_through_its_guard():
    adapter = InMemoryPlatform(lambda: NOW)
    await GuardedPlatform(adapter, PlatformKind.RECORDING, CONCEALER).aclose()
    assert adapter.closed


def test_guard_shows_nothing_of_its_adapter():
    assert repr(gateway(SECRET)) == "GuardedGateway(Answering)"


def test_unsound_answer_with_a_secret_in_it_tells_only_types():
    result = GatewayResult(state=SECRET, message=QUOTED)
    with pytest.raises(Unsound) as raised:
        asyncio.run(gateway(result).capture(None))
    assert SECRET not in str(raised.value)
