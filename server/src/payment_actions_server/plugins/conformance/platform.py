"""What the engine relies on in a store platform adapter, as tests to subclass."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import pytest

from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.plugins.conformance.answers import as_it_is
from payment_actions_server.plugins.conformance.harness import WHOLE_AMOUNTS, PlatformHarness
from payment_actions_server.plugins.errors import AdapterError, OrderMissing, Unavailable
from payment_actions_server.plugins.platform import (
    OrderPage,
    PlatformKind,
    PlatformOrder,
    StatusApplied,
    StatusUpdate,
    StorePlatform,
)
from payment_actions_server.plugins.shape import shape_problems

UNKNOWN_ORDER_IDS: Final = ("999999999", "no-such-order", "../../admin", "1 OR 1=1", "ä/?&#%00")
PAGES_MAX: Final = 1_000

_S = PaymentStatus
# What a payment goes through, and so what the platform is told, one after the other.
LIVES: Final = (
    (_S.AUTHORIZED, _S.CAPTURED, _S.REFUNDED),
    (_S.AUTHORIZED, _S.VOIDED),
    (_S.AUTHORIZED, _S.EXPIRED),
    (_S.AUTHORIZED, _S.PARTIALLY_CAPTURED, _S.CAPTURED, _S.PARTIALLY_REFUNDED, _S.REFUNDED),
    (_S.CAPTURED,),
    (_S.DECLINED,),
)
# A write that comes too late: where the order stands, and what must not become of it.
LATE: Final = (
    ((_S.AUTHORIZED, _S.CAPTURED), _S.AUTHORIZED),
    ((_S.AUTHORIZED, _S.CAPTURED, _S.REFUNDED), _S.CAPTURED),
    ((_S.AUTHORIZED, _S.CAPTURED, _S.REFUNDED), _S.AUTHORIZED),
    ((_S.AUTHORIZED, _S.VOIDED), _S.AUTHORIZED),
    ((_S.AUTHORIZED,), _S.PENDING),
)


@pytest.mark.asyncio
class PlatformConformance:
    """Subclass as ``TestMyPlatform`` and give it a ``harness`` fixture that returns a `PlatformHarness`."""

    @pytest.fixture
    def harness(self) -> PlatformHarness:
        """Be overridden."""
        raise NotImplementedError("give your test class a `harness` fixture; docs/plugins.md says how")

    async def test_kind_is_declared_and_never_changes(self, harness: PlatformHarness) -> None:
        """Whether the platform moves money itself decides which configurations are refused."""
        kind = harness.platform.kind
        assert isinstance(kind, PlatformKind)
        await harness.order(_S.AUTHORIZED, _usual_total(harness), harness.currency_codes[0])
        assert harness.platform.kind is kind

    async def test_every_method_can_be_called_and_awaited(self, harness: PlatformHarness) -> None:
        """A store whose adapter has another shape is out of service: it would show only when money moves."""
        assert shape_problems(harness.platform, StorePlatform) == []

    async def test_secrets_never_show(self, harness: PlatformHarness) -> None:
        """What is logged of an adapter tells nothing of its secrets."""
        _assert_no_secret(harness, repr(harness.platform), str(harness.platform))

    # -- Reading ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("currency_code", WHOLE_AMOUNTS)
    async def test_total_is_read_to_the_last_digit(self, harness: PlatformHarness, currency_code: str) -> None:
        """129.90 is 12990 minor units and nothing near it, in every currency."""
        if currency_code not in harness.currency_codes:
            return  # Orders cannot have it here.
        whole = WHOLE_AMOUNTS[currency_code]
        for total_minor in (whole, 1, 999_999, 10_000_000):
            order = await _read(harness, await harness.order(_S.AUTHORIZED, total_minor, currency_code))
            assert (order.total_minor, order.currency_code) == (total_minor, currency_code)

    @pytest.mark.parametrize("status", [_S.PENDING, _S.AUTHORIZED])
    async def test_order_is_read_as_the_platform_tells_it(
        self, harness: PlatformHarness, status: PaymentStatus
    ) -> None:
        """Id, number, method and both words of the status are there; reading writes nothing."""
        order_id = await harness.order(status, _usual_total(harness), harness.currency_codes[0])
        order = await _read(harness, order_id)
        assert (order.order_id, order.status) == (order_id, status)
        assert order.order_number
        assert order.method_code or order.method_name
        assert order.platform_status == await harness.platform_status(order_id)
        assert harness.writes(order_id) == 0

    @pytest.mark.parametrize("order_id", UNKNOWN_ORDER_IDS)
    async def test_unknown_order_is_missing(self, harness: PlatformHarness, order_id: str) -> None:
        """An id that the platform does not have, or could not have, is OrderMissing: read or written."""
        with pytest.raises(OrderMissing):
            await harness.platform.read_order(order_id)
        with pytest.raises(OrderMissing):
            await harness.platform.apply_status(_update(order_id, _S.CAPTURED, _usual_total(harness), "USD"))

    @pytest.mark.parametrize("spelling", ["0{}", " {}", "{} ", "+{}", "{}.0", "{}.json"])
    async def test_order_has_one_id_however_it_is_spelled(self, harness: PlatformHarness, spelling: str) -> None:
        """By another spelling an order is missing, or comes with its own id: never with the one asked for."""
        order_id = await harness.order(_S.AUTHORIZED, _usual_total(harness), harness.currency_codes[0])
        with suppress(OrderMissing):
            assert (await harness.platform.read_order(spelling.format(order_id))).order_id == order_id

    # -- Listing ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("page_size", [1, 3, 100])
    async def test_listing_is_complete_and_in_order(self, harness: PlatformHarness, page_size: int) -> None:
        """Every order once, the oldest change first, no page larger than asked for, and an end."""
        placed = await _place(harness, 7)
        listed = await _list(harness, None, page_size)
        ids = [order.order_id for order in listed]
        assert [order_id for order_id in ids if order_id in placed] == placed
        assert len(ids) == len(set(ids))
        times = [order.update_time for order in listed if order.update_time is not None]
        assert times == sorted(times)

    async def test_listing_after_a_time_leaves_out_only_what_is_older(self, harness: PlatformHarness) -> None:
        """A reader who comes back with the last time it saw misses no order, even one of that very time."""
        placed = await _place(harness, 5)
        times = {order.order_id: order.update_time for order in await _list(harness, None, 100)}
        after = times[placed[2]]
        if after is None:
            return  # The platform does not tell when an order changed; the reader always takes all.
        listed = [order.order_id for order in await _list(harness, after, 2)]
        expected = {order_id for order_id, time in times.items() if time is not None and time >= after}
        assert len(listed) == len(set(listed))
        assert expected <= set(listed)
        assert await _list(harness, datetime(2999, 1, 1, tzinfo=UTC), 2) == []

    # -- Writing ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("life", LIVES, ids=lambda life: "-".join(life).lower())
    async def test_status_is_held_after_one_write_and_not_written_again(
        self, harness: PlatformHarness, life: tuple[PaymentStatus, ...]
    ) -> None:
        """Each status of a life is applied; applied again it is held already, and nothing is written."""
        order_id = await _place_one(harness, PaymentStatus.PENDING)
        for status in life:
            await _apply(harness, order_id, status)
            held = await harness.platform_status(order_id)
            writes = harness.writes(order_id)
            again = await _apply(harness, order_id, status)
            assert (again.platform_status, again.written) == (held, False)
            assert harness.writes(order_id) == writes
            assert await harness.platform_status(order_id) == held
        assert harness.writes(order_id) > 0

    async def test_written_status_is_read_back(self, harness: PlatformHarness) -> None:
        """A captured order reads as captured, a refunded one as refunded, an amount is never touched."""
        order_id = await _place_one(harness, PaymentStatus.AUTHORIZED)
        before = await _read(harness, order_id)
        for status in (PaymentStatus.CAPTURED, PaymentStatus.REFUNDED):
            applied = await _apply(harness, order_id, status)
            order = await _read(harness, order_id)
            assert (order.status, order.platform_status) == (status, applied.platform_status)
            assert applied.written
            assert (order.total_minor, order.order_number) == (before.total_minor, before.order_number)

    @pytest.mark.parametrize(
        ("lived", "late"), LATE, ids=lambda value: value if isinstance(value, str) else "-".join(value)
    )
    async def test_late_write_never_pushes_an_order_back(
        self, harness: PlatformHarness, lived: tuple[PaymentStatus, ...], late: PaymentStatus
    ) -> None:
        """A write that was overtaken changes nothing and is no error."""
        order_id = await _place_one(harness, PaymentStatus.PENDING)
        for status in lived:
            await _apply(harness, order_id, status)
        await _assert_untouched_by(harness, order_id, late)

    async def test_order_that_staff_moved_on_stays_where_it_is(self, harness: PlatformHarness) -> None:
        """Completed stays Completed when the capture that led there is applied once more."""
        order_id = await _place_one(harness, PaymentStatus.AUTHORIZED)
        await _apply(harness, order_id, PaymentStatus.CAPTURED)
        await harness.move_on(order_id)
        await _assert_untouched_by(harness, order_id, PaymentStatus.CAPTURED)
        assert (await harness.platform.read_order(order_id)).status is PaymentStatus.CAPTURED

    # -- Trouble ---------------------------------------------------------------------------------------------

    async def test_platform_that_is_down_is_unavailable(self, harness: PlatformHarness) -> None:
        """Every call says so, tells no secret, and the same calls work when it is back."""
        order_id = await _place_one(harness, PaymentStatus.AUTHORIZED)
        await harness.go_down()
        with pytest.raises(Unavailable) as read:
            await harness.platform.read_order(order_id)
        with pytest.raises(Unavailable) as listed:
            await harness.platform.list_orders(changed_after=None, page_token="", page_size=10)
        with pytest.raises(Unavailable) as applied:
            await _apply(harness, order_id, PaymentStatus.CAPTURED)
        await harness.come_back()
        _assert_no_secret(harness, *(repr(caught.value) for caught in (read, listed, applied)))
        assert harness.writes(order_id) == 0
        assert (await _apply(harness, order_id, PaymentStatus.CAPTURED)).written

    async def test_write_whose_answer_was_lost_is_not_written_twice(self, harness: PlatformHarness) -> None:
        """The adapter says that it does not know; tried again, it finds the status held."""
        order_id = await _place_one(harness, PaymentStatus.AUTHORIZED)
        await harness.lose_next_answer()
        try:
            await _apply(harness, order_id, PaymentStatus.CAPTURED)
        except AdapterError as error:
            assert isinstance(error, Unavailable), repr(error)  # noqa: PT017 - riding it out is as good
        writes = harness.writes(order_id)
        assert writes > 0
        await _apply(harness, order_id, PaymentStatus.CAPTURED)
        assert harness.writes(order_id) == writes
        assert (await harness.platform.read_order(order_id)).status is PaymentStatus.CAPTURED


# -- Steps: what the engine would do -------------------------------------------------------------------------


def _usual_total(harness: PlatformHarness) -> int:
    return WHOLE_AMOUNTS[harness.currency_codes[0]]


async def _place_one(harness: PlatformHarness, status: PaymentStatus) -> str:
    return await harness.order(status, _usual_total(harness), harness.currency_codes[0])


async def _place(harness: PlatformHarness, count: int) -> list[str]:
    return [await _place_one(harness, PaymentStatus.AUTHORIZED) for _ in range(count)]


async def _list(harness: PlatformHarness, changed_after: datetime | None, page_size: int) -> list[PlatformOrder]:
    """Return all pages together; the other side may hold orders of other tests too."""
    listed: list[PlatformOrder] = []
    token = ""
    for _ in range(PAGES_MAX):
        page = await harness.platform.list_orders(changed_after=changed_after, page_token=token, page_size=page_size)
        page = as_it_is(OrderPage, page)
        assert len(page.orders) <= page_size
        listed += [as_it_is(PlatformOrder, order) for order in page.orders]
        token = page.next_page_token
        if not token:
            return listed
    pytest.fail(f"no last page among {PAGES_MAX}")


async def _read(harness: PlatformHarness, order_id: str) -> PlatformOrder:
    return as_it_is(PlatformOrder, await harness.platform.read_order(order_id))


async def _apply(harness: PlatformHarness, order_id: str, status: PaymentStatus) -> StatusApplied:
    update = _update(order_id, status, _usual_total(harness), harness.currency_codes[0])
    return as_it_is(StatusApplied, await harness.platform.apply_status(update))


async def _assert_untouched_by(harness: PlatformHarness, order_id: str, status: PaymentStatus) -> None:
    held, writes = await harness.platform_status(order_id), harness.writes(order_id)
    applied = await _apply(harness, order_id, status)
    assert (applied.platform_status, applied.written) == (held, False)
    assert harness.writes(order_id) == writes
    assert await harness.platform_status(order_id) == held


def _update(order_id: str, status: PaymentStatus, total_minor: int, currency_code: str) -> StatusUpdate:
    captured, refunded = {
        PaymentStatus.PARTIALLY_CAPTURED: (total_minor // 2, 0),
        PaymentStatus.CAPTURED: (total_minor, 0),
        PaymentStatus.PARTIALLY_REFUNDED: (total_minor, total_minor // 2),
        PaymentStatus.REFUNDED: (total_minor, total_minor),
    }.get(status, (0, 0))
    return StatusUpdate(
        order_id=order_id,
        status=status,
        currency_code=currency_code,
        authorized_minor=0 if status in {PaymentStatus.PENDING, PaymentStatus.DECLINED} else total_minor,
        captured_minor=captured,
        refunded_minor=refunded,
    )


def _assert_no_secret(harness: PlatformHarness, *texts: str) -> None:
    assert not [text for text in texts for secret in harness.secrets if secret in text]
