"""Lists hold what a plain filter and a plain sort say, whatever is combined, page by page."""

import asyncio
from datetime import timedelta
from random import Random

import pytest
from support.records import NOW, SECOND, in_sync, intent, payment

from payment_actions_server.domain.payment import PaymentKey
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import OperationState, PaymentStatus
from payment_actions_server.domain.store_update import StoreUpdateState
from payment_actions_server.storage import PaymentFilter, lists, names_of

PAYMENTS = 300
FILTERS = 250
STORES = ("a", "b", "c")
HOUR = timedelta(hours=1)
OPEN = (PaymentStatus.AUTHORIZED, PaymentStatus.PARTIALLY_CAPTURED)


def some_time(random):
    return random.choice((None, NOW + random.randrange(10) * HOUR))


def some_payment(random, number):
    """Return a payment, its operation in flight and its store update, which differ in all that lists look at."""
    key = PaymentKey(random.choice(STORES), f"{number:03}")
    method = random.choice((("amazon", "Amazon Pay"), ("Amazon Pay", "Another"), ("card", "Card")))
    one = payment(
        key.order_id,
        store=key.store,
        order_number=f"N{random.randrange(100):02}",
        method_code=method[0],
        method_name=method[1],
        status=random.choice((PaymentStatus.CAPTURED, *PaymentStatus)),
        anomaly=random.choice(("", "", "", "odd")),
        authorization_expire_time=some_time(random),
        next_refresh_time=some_time(random),
        update_time=NOW + random.randrange(40) * SECOND,  # Many share one.
        references=(GatewayReference("order", f"P{random.randrange(30):02}"),),
    )
    state = random.choice((None, None, OperationState.PENDING, OperationState.NEEDS_REVIEW))
    operation = state and intent(number, key.order_id, store=key.store, state=state)
    update = in_sync(key)
    if random.random() < 0.3:
        error, attempts = random.choice((("", 0), ("no answer", 1), ("no answer", 3)))
        pending = {"state": StoreUpdateState.PENDING, "next_attempt_time": NOW}
        update = in_sync(key, **pending, attempts=attempts, last_error=error)
    return one, operation, update


async def add(storage, first, operation, update):
    """Write a payment; return what is known of it."""
    one, event = first

    def body(work):
        work.add_payment(one, event, update)
        work.index_references(names_of(one.order_id, one.order_number))
        if operation:
            work.add_operation(operation)

    await storage.change(one.key, body)
    return (await storage.record(one.key))._replace(lock_version=0)


def some_filter(random):
    """Return a filter of none to many conditions."""

    def sometimes(value, otherwise):
        return value if random.random() < 0.25 else otherwise

    return PaymentFilter(
        store=random.choice((None, None, *STORES, "nowhere")),
        statuses=frozenset(random.sample(list(PaymentStatus), random.choice((0, 0, 1, 2, 5)))),
        payment_method=sometimes(random.choice(("Amazon Pay", "card", "nothing")), ""),
        needing_attention=sometimes(True, False),
        authorization_expire_before=sometimes(NOW + random.randrange(12) * HOUR, None),
        before=None,
        limit=random.choice((1, 7, 50)),
        stores=("a", "b"),
        order_search=sometimes(random.choice(("0", "01", "N1", "N11", "P0", "P1", "x")), ""),
        store_update_failing=sometimes(True, False),
        refresh_due_before=sometimes(NOW + random.randrange(12) * HOUR, None),
    )


def passes(record, wanted):
    """Tell whether a payment belongs to a list, in plain words."""
    one, update = record.payment, record.store_update
    waits = update.next_attempt_time is not None
    review = record.operation is not None and record.operation.state is OperationState.NEEDS_REVIEW
    names = (one.order_id, one.order_number, *(reference.value for reference in one.references))
    if record.operation:
        names += (record.operation.reference,)
    expires, due = one.authorization_expire_time, one.next_refresh_time
    looked_for = wanted.order_search or wanted.refresh_due_before
    return all(
        (
            one.store == wanted.store if wanted.store else not looked_for or one.store in wanted.stores,
            not wanted.statuses or one.status in wanted.statuses,
            wanted.payment_method in ("", one.method_code, one.method_name),
            not wanted.needing_attention or one.anomaly or review or (waits and update.attempts >= 3),
            not wanted.authorization_expire_before
            or (one.status in OPEN and expires and expires < wanted.authorization_expire_before),
            any(name.startswith(wanted.order_search) for name in names),
            not wanted.store_update_failing or (waits and update.last_error),
            not wanted.refresh_due_before or (due and due < wanted.refresh_due_before),
        )
    )


def position(record):
    return record.payment.update_time, record.payment.store, record.payment.order_id


async def pages(storage, wanted):
    """Return what all pages of a list hold."""
    found = []
    while page := await storage.list_records(wanted):
        assert len(page) <= wanted.limit
        found += [record._replace(lock_version=0) for record in page]
        wanted = wanted._replace(before=position(page[-1]))
    return found


@pytest.mark.parametrize(("seed", "expiring_max"), [(1, lists.EXPIRING_MAX), (2, 10)])
async def test_pages_of_any_combination_of_filters_hold_what_a_plain_filter_and_sort_say(
    storage, monkeypatch, seed, expiring_max
):
    monkeypatch.setattr(lists, "EXPIRING_MAX", expiring_max)
    random = Random(seed)
    made = [some_payment(random, number) for number in range(PAYMENTS)]
    population = await asyncio.gather(*(add(storage, *each) for each in made))
    population.sort(key=position, reverse=True)
    lengths = []
    for _ in range(FILTERS):
        wanted = some_filter(random)
        expected = [record for record in population if passes(record, wanted)]
        assert await pages(storage, wanted) == expected, wanted
        lengths.append(len(expected))
    assert sum(1 for length in lengths if length) > FILTERS / 4  # Or the filters would leave nothing to compare.
