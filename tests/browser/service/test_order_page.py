"""A shop's order page in a real browser, over the real service: what the staff does all day."""

import pytest
from playwright.sync_api import expect
from support.order_page import Held, findings, shoot
from support.settling import until

pytestmark = pytest.mark.timeout(600)  # All waits of a test together, on a busy machine.

REASON = "Refunds of more than 500.00 need Carla in finance: extension 214."


def test_the_routine_click_by_click(front, visit):
    order = front.order("129.90")
    page = visit(order)
    expect(page.section.get_by_role("heading", level=2)).to_have_text("Amazon Pay available order actions")
    expect(page.summary).to_contain_text("€129.90 authorized")
    expect(page.shop_says).to_have_text("Authorized")
    page.offers("Capture", "Void")
    shoot(page.page, "routine-1-authorized")
    page.button("Capture").click()
    expect(page.dialog).to_contain_text("Collects 129.90 EUR from the buyer.")
    shoot(page.page, "routine-2-question", full=False)
    page.dialog.get_by_label("Note for the history").fill("shipped today")
    page.agree()
    expect(page.chip).to_have_text("Captured")
    expect(page.shop_says).to_have_text("Paid")
    page.offers("Refund")
    page.tells("Note: shipped today")
    page.tells("anna@shop.example")
    shoot(page.page, "routine-3-captured")
    page.press("Refund")
    until(lambda: "refund" in front.effects(order), "the refund to be made")
    front.settle(order, "refund")
    expect(page.chip).to_have_text("Refunded")
    expect(page.shop_says).to_have_text("Refunded")
    page.offers()
    shoot(page.page, "routine-4-refunded")
    assert front.effects(order) == ["capture", "refund"]


def test_pending_without_notification_is_refreshed_and_then_offers_capture_and_void(front, visit):
    front.stage.amazon.send("POST", "faults/notifications", kind="lose", count=50)
    order = front.order("210.00", status="Q", asynchronous=True)
    page = visit(order)
    expect(page.chip).to_have_text("Awaiting authorization")
    page.offers("Refresh status")
    shoot(page.page, "pending-before")
    front.settle(order, "authorization")
    page.refresh()
    # Sooner than the schedule, which looks from 24 s after the payment was first seen.
    expect(page.button("Capture")).to_be_visible(timeout=15_000)
    page.offers("Capture", "Void")
    expect(page.shop_says).to_have_text("Authorized")
    shoot(page.page, "pending-after-refresh")
    assert front.effects(order) == []


def test_a_double_click_captures_once(front, visit):
    order = front.order()
    page = visit(order)
    page.button("Capture").dblclick()
    page.dialog.locator("button[type=submit]").dblclick()
    expect(page.chip).to_have_text("Captured")
    shoot(page.page, "double-click")
    assert front.effects(order) == ["capture"]


def test_two_tabs_race_and_one_of_them_captures(front, visit, sign_in):
    order = front.order()
    context = sign_in()
    tabs = [visit(order, context=context) for _ in range(2)]
    for tab in tabs:
        tab.page.bring_to_front()
        tab.button("Capture").click()
    # Both ask before either can hear of the other's answer.
    for tab in tabs:
        tab.page.evaluate(
            "setTimeout(() => document.querySelector('payment-actions').shadowRoot"
            ".querySelector('dialog button[type=submit]')?.click(), 300)"
        )
    for tab in tabs:
        expect(tab.chip).to_have_text("Captured")
        tab.offers("Refund")
    shoot(tabs[0].page, "two-tabs-one")
    shoot(tabs[1].page, "two-tabs-other")
    assert front.effects(order) == ["capture"]


def test_two_admins_see_each_others_action_at_once(front, visit):
    order = front.order()
    anna, boris = visit(order), visit(order, "boris@shop.example")
    boris.press("Void", "sold out")
    expect(anna.chip).to_have_text("Voided")
    told = anna.panel.filter(has_text="boris@shop.example changed this payment. The status is now Voided.")
    expect(told).to_be_visible()
    expect(anna.shop_says).to_have_text("Cancelled")
    anna.tells("Note: sold out")
    expect(anna.section.get_by_text("sold out")).to_have_count(
        1
    )  # Amazon tells it back; it is Boris's word all the same.
    shoot(anna.page, "two-admins")
    assert front.effects(order) == ["void"]


def test_a_store_whose_policy_refuses_a_refund_shows_exactly_its_reason(front, visit):
    order = front.order("900.00")
    page = visit(order)
    page.press("Capture")
    expect(page.chip).to_have_text("Captured")
    page.offers()
    refusal = page.section.locator(".why dd").filter(has_text="Refused by a rule of this store")
    expect(refusal.locator(":scope > bdi, :scope > q, :scope > span").first).to_be_visible()
    expect(refusal).to_contain_text(REASON)
    shoot(page.page, "policy")
    assert front.effects(order) == ["capture"]


def test_a_refusal_by_amazon_is_told_with_its_reason_and_may_be_tried_again(front, visit):
    order = front.order("640.00")
    page = visit(order)
    declined = {"operation": "Capture", "state": "Declined", "reason_code": "AmazonRejected", "count": 1}
    front.stage.amazon.send("POST", "plans", **declined)
    page.press("Capture")
    expect(page.panel).to_contain_text("Amazon Pay refused. Nothing moved.")
    expect(page.panel).to_contain_text("AmazonRejected")
    page.offers("Capture", "Void")
    shoot(page.page, "declined")
    page.press("Capture")
    expect(page.chip).to_have_text("Captured")


def test_a_page_that_did_not_hear_of_a_change_acts_on_nothing(front, visit, sign_in):
    order = front.order()
    context = sign_in()
    context.route("**/WatchEvents", lambda route: route.abort())
    page = visit(order, context=context)
    readings = Held(context, "**/GetPayment")  # A page that is cut off from the news reads the payment now and then.
    page.button("Capture").click()
    front.client.void(order.store, order.order_id)
    page.agree()
    readings.release()
    expect(page.section).to_contain_text("This payment changed in the meantime, so nothing was done.")
    expect(page.chip).to_have_text("Voided")
    page.tells("Void €129.90: done")
    shoot(page.page, "stale")
    assert front.effects(order) == ["void"]


def test_by_keyboard_alone(front, visit):
    order = front.order()
    page = visit(order)
    keyboard = page.page.keyboard
    for _ in range(12):
        keyboard.press("Tab")
        if page.button("Capture").evaluate("(button) => button.getRootNode().activeElement === button"):
            break
    expect(page.button("Capture")).to_be_focused()
    shoot(page.page, "keyboard")
    keyboard.press("Enter")
    expect(page.dialog).to_be_visible()
    page.dialog.get_by_label("Note for the history").focus()
    keyboard.type("by keyboard")
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.chip).to_have_text("Captured")
    assert front.effects(order) == ["capture"]


@pytest.mark.parametrize(
    ("name", "query", "options"),
    [
        ("light", "", {}),
        ("dark", "", {"color_scheme": "dark"}),
        ("narrow", "", {"viewport": {"width": 360, "height": 800}}),
        ("rtl", "&lang=ar&dir=rtl", {}),
        ("german", "&lang=de", {"color_scheme": "dark", "viewport": {"width": 360, "height": 800}}),
        ("japanese", "&lang=ja", {}),
    ],
)
def test_axe_finds_nothing_and_nothing_overflows(front, visit, name, query, options):
    order = front.order("1249.00")
    page = visit(order, query=query, **options)
    page.section.locator("details").evaluate_all("(all) => all.forEach((details) => (details.open = true))")
    shoot(page.page, f"looks-{name}")
    assert findings(page.page) == []
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.section.locator(".actions button").first.click()
    expect(page.dialog).to_be_visible()
    shoot(page.page, f"looks-{name}-question", full=False)
    assert findings(page.page) == []
