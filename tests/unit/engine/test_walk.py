"""How far a list of orders was gone through."""

from datetime import UTC, datetime, timedelta

from payment_actions_server.engine.walk import GIVE_UP_AFTER, OVERLAP, Walk
from payment_actions_server.plugins import PaymentStatus, PlatformOrder

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def order(time, order_id="1"):
    return PlatformOrder(
        order_id=order_id,
        order_number=order_id,
        method_code="",
        method_name="",
        currency_code="USD",
        total_minor=1,
        status=PaymentStatus.PENDING,
        platform_status="",
        update_time=time,
    )


def test_walk_gets_as_far_as_the_last_order_that_is_not_from_the_future():
    walk = Walk(NOW - DAY)
    walk.go_on([order(None), order(NOW - 2 * MINUTE), order(NOW + MINUTE)], "", NOW)
    assert walk.until == NOW - 2 * MINUTE


def test_walk_begins_an_overlap_before_where_the_last_one_ended():
    walk = Walk(NOW - DAY)
    walk.go_on([order(NOW)], "", NOW)
    walk.begin(walk.until)
    assert walk.since == NOW - OVERLAP


def test_long_walk_vouches_only_for_what_the_overlap_makes_up_for():
    """What began before its first fresh page may have appeared behind it ever since."""
    walk = Walk(NOW - DAY)
    walk.go_on([order(NOW - 2 * OVERLAP)], "next", NOW - MINUTE)
    walk.go_on([order(NOW)], "next", NOW)
    walk.go_on([order(NOW + 10 * MINUTE)], "", NOW + 20 * MINUTE)
    assert walk.until == NOW


def test_token_is_given_up_after_the_second_failure_in_a_row():
    walk = Walk(NOW - DAY)
    walk.go_on([], "next", NOW)
    walk.stumble()
    assert walk.page_token == "next"
    walk.go_on([], "next", NOW)
    walk.stumble()
    walk.stumble()
    assert not walk.page_token


def test_what_was_missed_holds_the_place_that_outlives_the_process_but_not_for_ever():
    walk = Walk(NOW - DAY)
    missed = order(NOW - MINUTE)
    walk.go_on([missed, order(NOW, "2")], "", NOW)
    walk.miss(missed.order_id, missed.update_time, NOW)
    assert walk.until == NOW
    assert walk.safe_until(NOW) == NOW - MINUTE
    assert walk.safe_until(NOW + 2 * GIVE_UP_AFTER) == NOW


def test_order_that_is_missed_again_comes_after_the_others_until_it_is_given_up():
    walk = Walk(NOW - DAY)
    for each in ("1", "2"):
        walk.miss(each, NOW, NOW)
    assert not walk.miss_again("1", NOW + GIVE_UP_AFTER)
    assert list(walk.missed) == ["2", "1"]
    assert walk.miss_again("1", NOW + GIVE_UP_AFTER + MINUTE)
    assert list(walk.missed) == ["2"]
