"""What goes wrong between the staff and the money, in a real browser: it happens once, and is told honestly."""

from playwright.sync_api import expect
from support.order_page import shoot
from support.settling import until


def slow_capture(front, seconds, executes="before"):
    front.stage.amazon.send(
        "POST", "faults/calls", operation="Capture", kind="slow", executes=executes, seconds=seconds, count=1
    )  # fmt: skip


def test_a_reload_in_mid_action_finds_out_what_became_of_it(front, visit):
    order = front.order()
    page = visit(order)
    slow_capture(front, 2, executes="after")
    page.press("Capture")
    expect(page.section).to_contain_text("Capture")
    page.page.wait_for_timeout(400)
    shoot(page.page, "reload-before")
    page.page.reload()
    expect(page.chip).to_have_text("Captured")
    expect(page.panel).to_contain_text("Capture €129.90: done.")
    page.offers("Refund")
    expect(page.shop_says).to_have_text("Paid")
    shoot(page.page, "reload-after")
    assert front.effects(order) == ["capture"]


def test_a_service_that_is_killed_in_mid_action_and_comes_back_acts_once(front, visit):
    order = front.order()
    page = visit(order)
    slow_capture(front, 20)
    page.press("Capture")
    until(lambda: front.effects(order), "Amazon to have captured")
    front.stage.service.kill()
    expect(page.panel.first).to_contain_text("Connection lost.")
    shoot(page.page, "killed-while-away")
    front.stage.start_service()
    expect(page.chip).to_have_text("Captured", timeout=45_000)
    expect(page.shop_says).to_have_text("Paid", timeout=30_000)  # Whoever claimed the write may have died over it.
    expect(page.section).not_to_contain_text("Connection lost.", timeout=20_000)
    shoot(page.page, "killed-and-back")
    assert front.effects(order) == ["capture"]


def test_an_answer_that_amazon_lost_is_said_to_be_awaited_and_comes(front, visit):
    order = front.order("19.99")
    page = visit(order)
    front.stage.amazon.send("POST", "faults/calls", operation="Capture", kind="lose_answer", count=1)
    front.stage.amazon.send("POST", "faults/notifications", kind="lose", count=2)
    page.press("Capture")
    expect(page.section).to_contain_text("Amazon Pay has not answered yet.")
    expect(page.section).to_contain_text("nothing will be sent twice")
    page.offers("Refresh status")
    shoot(page.page, "lost-at-amazon")
    # On a busy machine the service's own check, two seconds later, comes first and takes the button away.
    page.section.evaluate("(section) => section.shadowRoot.querySelector('[data-action=REFRESH]')?.click()")
    expect(page.chip).to_have_text("Captured", timeout=30_000)
    shoot(page.page, "lost-at-amazon-settled")
    assert front.effects(order) == ["capture"]


def test_an_answer_that_never_reached_the_browser_is_asked_for_again(front, visit, sign_in):
    order = front.order()
    context = sign_in()
    lost = []

    def lose(route):
        # The service gets it and acts; nobody hears of that, neither by its answer nor by the news.
        lost.append(route.fetch())
        route.abort()

    context.route("**/CapturePayment", lose)
    context.route("**/WatchEvents", lambda route: route.abort())
    context.route("**/GetPayment", lambda route: route.abort() if lost else route.continue_())
    page = visit(order, context=context)
    page.press("Capture")
    expect(page.section).to_contain_text("Capture: no answer came through. It may have happened.", timeout=40_000)
    until(lambda: front.effects(order), "Amazon to have captured")
    page.page.wait_for_timeout(1_000)
    expect(page.section.locator(".history")).not_to_contain_text("Captured")  # Nor does the status say so.
    shoot(page.page, "lost-at-the-browser")
    context.unroute("**/CapturePayment")
    page.section.get_by_role("button", name="Ask again").click()
    expect(page.chip).to_have_text("Captured")
    expect(page.section).to_contain_text("Capture €129.90: done.")
    expect(page.section.locator(".history")).to_contain_text("Captured")
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
    expect(page.shop_says).to_have_text("Paid", timeout=30_000)
