"""Which way SQLite goes to what it is asked: it is told, for it knows nothing of how many rows there are."""

import pytest
from support.records import NOW

from payment_actions_server.storage import PaymentFilter

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
    assert sum("gateway_references USING COVERING INDEX" in step and "SEARCH" in step for step in taken) == 2
    assert any(step.startswith("SEARCH p USING INDEX") and "order_id=?" in step for step in taken)
    assert not [step for step in taken if step.startswith("SCAN") and "payments" in step]


async def test_what_waits_is_counted_in_small_indexes(storage):
    taken = await steps(storage, lambda here: here.waiting(("shop",), NOW))
    assert not [step for step in taken if step in ("SCAN payments", "SCAN operations", "SCAN store_updates")]
    for index in ("ix_payments_anomaly", "ix_operations_due", "ix_store_updates_due", "ix_payments_due"):
        assert any(index in step for step in taken), (index, taken)


async def test_what_runs_out_is_found_by_its_time(storage):
    taken = await steps(storage, lambda here: here.expiring(("shop",), NOW, NOW))
    wanted = "COVERING INDEX ix_payments_expiring (status=? AND authorization_expire_time>?"
    assert any(wanted in step for step in taken), taken
