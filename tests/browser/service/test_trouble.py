"""What goes wrong between the staff and the money, in a real browser: it happens once, and is told honestly."""

import pytest
from playwright.sync_api import expect
from support.order_page import shoot
from support.settling import until

pytestmark = pytest.mark.timeout(600)  # All waits of a test together, on a busy machine.

# The service looks again after 2, 4, 8, 16 s; a page that is cut off asks again after up to half a minute.
LOOK_MILLISECONDS_MAX = 90_000


def leave_in_doubt(front, kind, **fault):
    """Let Amazon capture once without a word of it, neither an answer nor news, until its faults are taken back."""
    send = front.stage.amazon.send
    send("POST", "faults/notifications", kind="lose", count=50)
    send("POST", "faults/calls", operation="Capture", kind=kind, count=1, **fault)
    send("POST", "faults/calls", kind="error_500_before", count=1000)


def settle_doubt(front):
    front.stage.amazon.send("DELETE", "faults")


def test_a_reload_in_mid_action_finds_out_what_became_of_it(front, visit):
    order = front.order()
    page = visit(order)
    leave_in_doubt(front, "hang", executes="before")
    page.press("Capture")
    until(lambda: front.payment(order).HasField("operation_in_flight"), "the service to be asked")
    shoot(page.page, "reload-before")
    page.page.reload()
    expect(page.panel).to_contain_text("Capture €129.90")
    settle_doubt(front)
    expect(page.chip).to_have_text("Captured", timeout=LOOK_MILLISECONDS_MAX)
    # Whichever looks first, the schedule may have told of the status before the check tells of the operation.
    expect(page.panel.filter(has_text="Capture €129.90: done.")).to_be_visible(timeout=LOOK_MILLISECONDS_MAX)
    page.offers("Refund")
    expect(page.shop_says).to_have_text("Paid")
    shoot(page.page, "reload-after")
    assert front.effects(order) == ["capture"]


def test_a_service_that_is_killed_in_mid_action_and_comes_back_acts_once(front, visit):
    order = front.order()
    page = visit(order)
    leave_in_doubt(front, "hang", executes="before")
    page.press("Capture")
    until(lambda: front.effects(order), "Amazon to have captured")
    front.stage.service.kill()
    settle_doubt(front)
    expect(page.panel.first).to_contain_text("Connection lost.")
    shoot(page.page, "killed-while-away")
    front.stage.start_service()
    expect(page.chip).to_have_text("Captured", timeout=LOOK_MILLISECONDS_MAX)
    expect(page.shop_says).to_have_text("Paid", timeout=LOOK_MILLISECONDS_MAX)  # Who claimed the write may have died.
    expect(page.section).not_to_contain_text("Connection lost.", timeout=LOOK_MILLISECONDS_MAX)
    shoot(page.page, "killed-and-back")
    assert front.effects(order) == ["capture"]


def test_an_answer_that_amazon_lost_is_said_to_be_awaited_and_comes(front, visit):
    order = front.order("19.99")
    page = visit(order)
    leave_in_doubt(front, "lose_answer")
    page.press("Capture")
    expect(page.section).to_contain_text("Amazon Pay has not answered yet.")
    expect(page.section).to_contain_text("nothing will be sent twice")
    page.offers("Refresh status")
    shoot(page.page, "lost-at-amazon")
    settle_doubt(front)
    page.refresh()
    expect(page.chip).to_have_text("Captured")
    shoot(page.page, "lost-at-amazon-settled")
    assert front.effects(order) == ["capture"]


def test_an_answer_that_never_reached_the_browser_is_asked_for_again(front, visit, sign_in):
    order = front.order()
    context = sign_in()
    sent, lost = [], []

    def lose(route):
        # The service gets it and acts; the page hears of that neither by its answer nor by the news.
        sent.append(route.request.url)  # First: the capture may take its time, and the page looks meanwhile.
        lost.append(route.fetch())
        route.abort()

    context.route("**/CapturePayment", lose)
    context.route("**/WatchEvents", lambda route: route.abort())
    context.route("**/GetPayment", lambda route: route.abort() if sent else route.continue_())
    page = visit(order, context=context)
    page.press("Capture")
    expect(page.section).to_contain_text("Capture: no answer came through. It may have happened.", timeout=60_000)
    until(lambda: front.effects(order), "Amazon to have captured")
    page.page.wait_for_timeout(1_000)
    expect(page.section.locator(".history")).not_to_contain_text("Captured")  # Nor does the status say so.
    shoot(page.page, "lost-at-the-browser")
    context.unroute("**/CapturePayment")
    page.section.get_by_role("button", name="Ask again").click()
    expect(page.chip).to_have_text("Captured")
    expect(page.section).to_contain_text("Capture €129.90: done.")
    page.tells("Captured")
    shoot(page.page, "lost-at-the-browser-asked-again")
    assert len(lost) > 1
    assert front.effects(order) == ["capture"]


def test_offline_nothing_is_sent_and_back_online_it_is_true_again(front, visit, sign_in):
    order = front.order()
    context = sign_in()
    page = visit(order, context=context)
    context.set_offline(True)
    expect(page.panel.first).to_contain_text("You are offline.")
    page.press("Capture")
    expect(page.panel.last).to_contain_text("Capture: nothing was sent.")
    expect(page.section.get_by_text("offline")).to_have_count(1)
    shoot(page.page, "offline")
    front.client.void(order.store, order.order_id)
    context.set_offline(False)
    expect(page.chip).to_have_text("Voided")
    expect(page.section).not_to_contain_text("What you see may be out of date.")
    shoot(page.page, "offline-and-back")
    assert front.effects(order) == ["void"]


def test_a_shop_that_does_not_take_the_news_is_told_of(front, visit):
    order = front.order()
    page = visit(order)
    path = f"/api/orders/{order.order_id}/payment_status"
    shop = front.stage.shops[order.store]
    shop.send("POST", "faults", kind="500", count=0, method="PUT", path=path)
    page.press("Capture")
    expect(page.section).to_contain_text("The shop could not be told")
    expect(page.shop_says).to_have_text("Authorized")
    shoot(page.page, "shop-not-told")
    shop.send("DELETE", "faults")
    expect(page.shop_says).to_have_text("Paid", timeout=LOOK_MILLISECONDS_MAX)
