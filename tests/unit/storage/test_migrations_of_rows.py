"""Whatever an earlier release wrote is all there for this one: all tables and columns of every schema there was."""

import pytest
from msgspec.structs import replace
from support.postgres import migrate as migrate_now
from support.records import KEY, NOW, SECOND, all_events, counting, history, in_sync
from support.schemas import HEAD, REVISIONS, fill, tables

from payment_actions_server.domain.event import chain_break
from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.status import OrderState
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import DayRow
from payment_actions_server.storage.rows import OPERATION, PAYMENT, to_operation, to_payment

OTHER = PaymentKey("shop", "2")
TO_BE_TOLD = in_sync(
    state=StoreUpdateState.PENDING,
    generation=5,
    platform_status="Paid",
    last_error="HTTP 500",
    attempts=3,
    lease_expire_time=NOW + SECOND,
    next_attempt_time=NOW,
)
MOVED = {"store_updates": ("payments", "store_update_")}  #: Tables that became columns, and how these begin.
ADDED = {"gateway_references"}  #: Where migrations add rows that follow from others.


def renamed(table, row):
    """Return the table and the columns that keep a row of an earlier schema now."""
    now, prefix = MOVED.get(table, (table, ""))
    return now, {name if name in KEY._fields else prefix + name: value for name, value in row.items()}


@pytest.mark.parametrize("revision", [*REVISIONS, HEAD])
async def test_every_column_that_a_release_had_is_written(blank, revision):
    await fill(blank, revision)
    for name, rows in (await tables(blank)).items():
        assert rows, f"{name} is empty"
        columns = {column for row in rows for column, value in row.items() if value}
        assert columns == rows[0].keys(), name


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_row_of_every_table_is_there_after_the_upgrade(blank, revision):
    await fill(blank, revision)
    before = await tables(blank)
    await migrate_now(blank.url)
    after = await tables(blank)
    for table, rows in before.items():
        for row in rows:
            now, columns = renamed(table, row)
            assert [each for each in after[now] if columns.items() <= each.items()], (table, row)
        assert table in MOVED or table in ADDED or len(after[table]) == len(rows)


@pytest.mark.parametrize("revision", [*REVISIONS, HEAD])
async def test_all_that_an_earlier_release_wrote_can_be_read_and_gone_on_with(blank, opened, revision):
    await fill(blank, revision)
    written = await tables(blank)
    storage = await opened(blank)
    for key, payment, operation in zip((KEY, OTHER), written["payments"], written["operations"], strict=True):
        record = await storage.record(key, operation_id=operation["operation_id"])
        added = {"order_state": OrderState.PLACED, "order_detail": ""}  # By a migration, where the release had none.
        assert record.payment == to_payment([{**added, **payment}[name] for name in PAYMENT])
        assert record.asked == to_operation([operation[name] for name in OPERATION])
        assert record.operation == (record.asked if key == KEY else None)
    told = TO_BE_TOLD if revision < "0006" else replace(TO_BE_TOLD, notice="Do not press it", reverts=1)
    assert [(await storage.record(key)).store_update for key in (KEY, OTHER)] == [told, in_sync(OTHER)]
    events = await all_events(storage)
    assert [event.sequence for event in events] == [1, 2, 4]
    assert chain_break([event for event in events if event.order_id == "1"]) is None
    assert await storage.last_sequence() == 4
    await read_what_stands_beside(storage, revision)
    await storage.change(KEY, counting)
    assert await storage.last_sequence() == 5
    assert len(await history(storage)) == 3


async def read_what_stands_beside(storage, revision):
    """Look at what is kept of no payment, and at the ways to find one."""
    assert await storage.orders_of_references("shop", ["P01"]) == ["1", "2"]
    assert await storage.orders_of_references("shop", ["##2"]) == ["2"]
    assert await storage.knows_notification("shop", "m-1")
    assert await storage.knows_notification("shop", "m-2") is (revision < "0003")
    assert await storage.stray_identifiers("shop", NOW) == (set() if revision < "0003" else {"P02"})
    assert await storage.discovered_until("shop") == NOW
    days = [DayRow("", 4, []), DayRow("2026-01-05", 3, [("shop", "captured", "USD", 9000)])]
    assert sorted(await storage.daily_totals()) == ([] if revision < "0003" else days)
    assert await storage.due_payments("shop", NOW, 10) == [KEY]
    assert [each.operation_id[-1] for each in await storage.due_operations("shop", NOW + 9 * SECOND, 10)] == ["1"]
    assert await storage.due_store_updates("shop", NOW + 9 * SECOND, 10) == [KEY]
