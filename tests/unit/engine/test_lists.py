"""Lists of payments and of events: filtered, complete, page by page."""

import asyncio
import base64
import functools
import json
import operator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from support.virtual_time import in_virtual_time
from support.world import METHOD, STORE, blind, world

from payment_actions_server.domain.errors import (
    InvalidRequest,
    OperationNotFound,
    OrderNotFound,
    PlatformUnavailable,
    StoreNotFound,
)
from payment_actions_server.engine import PaymentQuery
from payment_actions_server.plugins import PaymentStatus
from payment_actions_server.plugins.fakes import LOSE_REQUEST


async def listed(here, **query):
    """Return the ids of the orders on one page."""
    return [view.payment.order_id for view in (await here.engine.list_payments(PaymentQuery(**query))).items]


async def pages(here, between=None, **query):
    """Return the ids on each page, doing something in between."""
    found, token = [], ""
    while True:
        page = await here.engine.list_payments(PaymentQuery(page_token=token, **query))
        found.append([view.payment.order_id for view in page.items])
        token = page.next_page_token
        if not token:
            return found
        if between:
            await between()


async def many(here, count=7):
    for number in range(count):
        here.authorized(str(number))
        await here.view(str(number))


# -- Filters ---------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_the_last_changed_comes_first(tmp_path):
    async with world(tmp_path) as here:
        await many(here, 3)
        await asyncio.sleep(1)
        await here.capture("1")
        assert await listed(here) == ["1", "2", "0"]


@in_virtual_time
async def test_filters_that_are_set_must_all_hold(tmp_path):
    async with world(tmp_path) as here:
        await many(here, 2)
        here.platform.place("bank", method_name="Bank transfer")
        await here.view("bank")
        await here.capture("1")
        captured = frozenset({PaymentStatus.CAPTURED})
        assert set(await listed(here)) == {"0", "1", "bank"}
        assert await listed(here, statuses=captured) == ["1"]
        assert await listed(here, payment_method="Bank transfer") == ["bank"]
        assert await listed(here, payment_method="bank_transfer") == ["bank"]
        assert await listed(here, payment_method="Bank transfer", statuses=captured) == []
        assert set(await listed(here, statuses=captured | {PaymentStatus.AUTHORIZED}, payment_method=METHOD)) == {
            "0",
            "1",
        }


@in_virtual_time
async def test_authorizations_that_run_out_are_found_while_they_are_open(tmp_path):
    async with world(tmp_path) as here:
        for order_id, days in (("soon", 1), ("later", 9), ("captured", 1)):
            here.authorized(order_id, expire_time=here.clock.now() + timedelta(days=days))
            await here.view(order_id)
        here.authorized("for ever")
        await here.view("for ever")
        await here.capture("captured")
        before = here.clock.now() + timedelta(days=2)
        assert await listed(here, authorization_expire_before=before) == ["soon"]


@in_virtual_time
async def test_what_needs_attention_is_found(tmp_path):
    async with world(tmp_path, capabilities=blind()) as here:
        await many(here, 3)
        here.gateway.faults.inject("capture", LOSE_REQUEST)
        await here.capture("1")
        here.authorized("odd")
        here.platform.change("odd", currency_code="EUR")
        await here.view("odd")
        await asyncio.sleep(30)
        assert set(await listed(here, needing_attention=True)) == {"1", "odd"}


@in_virtual_time
async def test_stores_are_told_apart(tmp_path):
    async with world(tmp_path) as here:
        other = here.another_store("other")
        here.engine = here.replica()
        here.authorized("1")
        other.platform.place("2", 500, method_name=METHOD, references=(other.gateway.authorize("2", 500),))
        await here.view("1")
        await here.engine.get_payment("other", "2")
        assert await listed(here, store="other") == ["2"]
        assert set(await listed(here)) == {"1", "2"}
        with pytest.raises(StoreNotFound):
            await listed(here, store="nobody")


@in_virtual_time
async def test_payments_of_a_store_that_is_gone_do_not_break_the_list(tmp_path):
    async with two_stores(tmp_path) as here:
        here.engine = here.replica(stores={STORE: here.store})
        assert sorted(sum(await pages(here, page_size=2), [])) == ["0", "1", "2"]
        with pytest.raises(StoreNotFound):
            await listed(here, store="other")


@in_virtual_time
async def test_payments_of_a_store_out_of_service_are_listed_and_offer_nothing(tmp_path):
    async with two_stores(tmp_path) as here:
        broken = {"other": PlatformUnavailable("Its plugin is broken.")}
        here.engine = here.replica(stores={STORE: here.store}, unavailable_stores=broken)
        assert len(await listed(here)) == 6
        (view, *_) = (await here.engine.list_payments(PaymentQuery(store="other"))).items
        assert view.decision.offers == ()
        assert {refusal.message for refusal in view.decision.refusals} == {"Its plugin is broken."}


@asynccontextmanager
async def two_stores(tmp_path):
    """Open a world in which three payments of each of two stores are known."""
    async with world(tmp_path) as here:
        other = here.another_store("other")
        engine = here.replica()
        for order_id in ("0", "1", "2"):
            here.authorized(order_id)
            await engine.get_payment(STORE, order_id)
            other.platform.place(
                order_id, 500, method_name=METHOD, references=(other.gateway.authorize(order_id, 500),)
            )
            await engine.get_payment("other", order_id)
        yield here


# -- Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 8])
@in_virtual_time
async def test_pages_are_complete_and_without_repeats(tmp_path, page_size):
    async with world(tmp_path) as here:
        await many(here)  # All at one instant: the order's id decides.
        found = await pages(here, page_size=page_size)
        assert functools.reduce(operator.iadd, found, []) == ["6", "5", "4", "3", "2", "1", "0"]
        assert all(len(page) == page_size for page in found[:-1])


@in_virtual_time
async def test_payments_that_change_meanwhile_make_no_other_missing_or_doubled(tmp_path):
    async with world(tmp_path) as here:
        await many(here, 9)
        await asyncio.sleep(1)
        changing = iter(["8", "1", "7", "6"])  # Two of them listed before, two after.

        async def change():
            order_id = next(changing, None)
            if order_id:
                await here.capture(order_id)

        found = functools.reduce(operator.iadd, await pages(here, change, page_size=2), [])
        assert len(found) == len(set(found))
        assert set(found) | {"1", "6"} == {str(number) for number in range(9)}


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "%%%",
        "é",
        base64.urlsafe_b64encode(b"[").decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[1]").decode(),
        base64.urlsafe_b64encode(b'[-1, "a", "b"]').decode(),
        base64.urlsafe_b64encode(b'[1e99, "a", "b"]').decode(),
        base64.urlsafe_b64encode(json.dumps([10**30, "a", "b"]).encode()).decode(),
        base64.urlsafe_b64encode(rb'[1, "\ud800", "b"]').decode(),
        base64.urlsafe_b64encode(rb'[1, "\u0000", "b"]').decode(),
        base64.urlsafe_b64encode(b"[" * 200_000).decode(),
    ],
)
@in_virtual_time
async def test_token_that_is_none_of_ours_is_refused(tmp_path, token):
    async with world(tmp_path) as here:
        here.authorized()
        await here.view()
        with pytest.raises(InvalidRequest) as refused:
            await listed(here, page_token=token)
        assert refused.value.metadata["field"] == "page_token"


# -- Events ----------------------------------------------------------------------------------------------------------


@in_virtual_time
async def test_history_comes_in_pages(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        await here.capture()
        await here.refund()
        await asyncio.sleep(5)
        whole = await here.events()
        found, token = [], ""
        while not found or token:
            page = await here.engine.list_events(STORE, "1", 2, token)
            found, token = found + page.items, page.next_page_token
        assert found == whole
        assert len(whole) > 4


@in_virtual_time
async def test_history_of_what_was_never_seen_is_not_found(tmp_path):
    async with world(tmp_path) as here:
        here.authorized()
        with pytest.raises(OrderNotFound):
            await here.engine.list_events(STORE, "1", 10, "")
        await here.view()
        with pytest.raises(InvalidRequest):
            await here.engine.list_events(STORE, "1", 10, base64.urlsafe_b64encode(b'["a"]').decode())


@in_virtual_time
async def test_operation_of_another_store_is_not_found(tmp_path):
    async with world(tmp_path) as here:
        here.another_store("other")
        here.engine = here.replica()
        here.authorized()
        operation = (await here.capture()).operation
        with pytest.raises(OperationNotFound):
            await here.engine.get_operation("other", operation.operation_id)
