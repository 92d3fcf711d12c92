"""Which way SQLite goes to what it is asked: it is told, for it knows nothing of how many rows there are."""

import re
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex
from support.records import NOW

from payment_actions_server.domain.status import PaymentStatus
from payment_actions_server.storage import PaymentFilter, lists
from payment_actions_server.storage.rows import PAYMENT_CHANGES, STORE_UPDATE_COLUMNS
from payment_actions_server.storage.sqlite_sql import _INDEXED
from payment_actions_server.storage.tables import payments

EVERYTHING = PaymentFilter(None, frozenset(), "", False, None, None, 50, stores=("shop", "other"))


async def steps(storage, question):
    """Return the steps by which SQLite answers."""
    ask, plan = storage._rows, []

    async def explained(sql, *arguments):
        plan.extend(await ask("EXPLAIN QUERY PLAN " + sql, *arguments))
        return await ask(sql, *arguments)

    storage._rows = explained
    await question(storage)
    storage._rows = ask
    return [row[-1] for row in plan]


@pytest.fixture
async def storage(opened, sqlite):
    return await opened(sqlite)


async def test_a_search_begins_with_the_names_and_never_with_every_payment(storage):
    taken = await steps(storage, lambda here: here.list_records(EVERYTHING._replace(order_search="47")))
    by_beginning = "SEARCH gateway_references USING PRIMARY KEY (store=? AND value>?"
    assert sum(step.startswith(by_beginning) for step in taken) == 2
    assert any(step.startswith("SEARCH p USING INDEX") and "order_id=?" in step for step in taken)
    assert not [step for step in taken if step.startswith("SCAN") and "payments" in step]


async def test_what_waits_is_counted_in_small_indexes(storage):
    taken = await steps(storage, lambda here: here.waiting(("shop",), NOW))
    assert not [step for step in taken if step in ("SCAN payments", "SCAN operations")]
    for index in ("ix_payments_anomaly", "ix_operations_due", "ix_payments_store_update_due", "ix_payments_due"):
        assert any(index in step for step in taken), (index, taken)


async def test_what_runs_out_is_found_by_its_time(storage):
    taken = await steps(storage, lambda here: here.expiring(("shop",), NOW, NOW))
    wanted = "COVERING INDEX ix_payments_expiring (status=? AND authorization_expire_time>?"
    assert any(wanted in step for step in taken), taken


def test_what_the_payments_indexes_are_made_of_is_known_to_what_writes_them():
    made = " ".join(str(CreateIndex(index).compile(dialect=dialect())) for index in payments.indexes)
    changing = (*PAYMENT_CHANGES, *STORE_UPDATE_COLUMNS)
    assert set(_INDEXED) == set(changing) & set(re.findall(r"\w+", made))


# -- lists ------------------------------------------------------------------------------------------------------------

NARROWED = {
    "everything": {},
    "rare status": {"statuses": frozenset({PaymentStatus.PENDING})},
    "common status": {"statuses": frozenset({PaymentStatus.CAPTURED})},
    "statuses": {"statuses": frozenset({PaymentStatus.CAPTURED, PaymentStatus.PENDING, PaymentStatus.VOIDED})},
    "attention": {"needing_attention": True},
    "failing": {"store_update_failing": True},
    "expiring": {"authorization_expire_before": NOW},
    "due": {"refresh_due_before": NOW},
    "search": {"order_search": "4"},
    "all at once": {"needing_attention": True, "authorization_expire_before": NOW, "refresh_due_before": NOW},
    "common status, attention": {"statuses": frozenset({PaymentStatus.CAPTURED}), "needing_attention": True},
}
STORES = {"any store": {}, "a store": {"store": "shop"}}
MIDDLE = {"first page": {}, "next page": {"before": (NOW + timedelta(microseconds=100), "shop", "")}}
every_list = pytest.mark.parametrize("narrowed", NARROWED)
every_store = pytest.mark.parametrize("store", STORES)
every_page = pytest.mark.parametrize("page", MIDDLE)


def wanted_of(narrowed, store, page):
    return EVERYTHING._replace(**NARROWED[narrowed], **STORES[store], **MIDDLE[page])


@every_list
@every_store
@every_page
async def test_no_list_reads_the_payments_from_end_to_end(storage, narrowed, store, page):
    taken = await steps(storage, lambda here: here.list_records(wanted_of(narrowed, store, page)))
    read = {step for step in taken if step.startswith(("SCAN p ", "SCAN payments"))}
    few = ("ix_payments_anomaly", "ix_payments_store_update_due", "ix_payments_unusual_order")
    assert read <= {f"SCAN p USING INDEX {index}" for index in few}
    assert not [step for step in taken if step == "SEARCH p USING INDEX ix_payments_store_status_changed (store=?)"]


async def insert(database, first, last):
    """Add captured payments with nothing to do, each changed a microsecond after the one before."""
    payments = f"""WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
        INSERT INTO payments SELECT 'shop', 'order-' || i, '#' || i, 'amazon', 'Amazon Pay', 1, 'fake', 'CAPTURED',
        'USD', 1, 1, 1, 0, '[]', NULL, NULL, '', '', '', 1, 1, '', i, $1 + i, NULL, 0, 0,
        'IN_SYNC', 0, '', '', 0, NULL, NULL, 'PLACED', '', '', 0 FROM n"""
    await database.run(payments, int(NOW.timestamp()) * 1_000_000)


async def effort(storage, wanted):
    """Return how many instructions SQLite takes for a list, in tens."""
    counted = count()
    storage._reader.set_progress_handler(lambda: next(counted) < 0, 10)
    await storage.list_records(wanted)
    storage._reader.set_progress_handler(None, 10)
    return next(counted)


@every_store
async def test_a_page_takes_as_much_however_many_payments_there_are(storage, sqlite, store):
    all_lists = [(narrowed, page) for narrowed in NARROWED for page in MIDDLE]
    await insert(sqlite, 1, 200)
    before = {each: await effort(storage, wanted_of(each[0], store, each[1])) for each in all_lists}
    await insert(sqlite, 201, 4000)
    after = {each: await effort(storage, wanted_of(each[0], store, each[1])) for each in all_lists}
    assert not {each: (before[each], more) for each, more in after.items() if more > 1.2 * before[each] + 5}
    assert max(before.values()) > 100  # It is counted at all.


@every_store
@every_page
async def test_a_list_of_what_runs_out_takes_as_much_however_much_does(storage, sqlite, monkeypatch, store, page):
    monkeypatch.setattr(lists, "EXPIRING_MAX", 100)
    wanted = wanted_of("expiring", store, page)._replace(authorization_expire_before=NOW + timedelta(days=1))
    efforts = []
    for first, last in ((1, 1000), (1001, 4000)):
        await insert(sqlite, first, last)
        await sqlite.run("UPDATE payments SET status = 'AUTHORIZED', authorization_expire_time = update_time")
        efforts.append(await effort(storage, wanted))
    assert efforts[1] <= 1.2 * efforts[0] + 5
    assert efforts[0] > 100  # It is counted at all.
