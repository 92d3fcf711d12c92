"""Bulk runs in the console where two tabs, or a browser that keeps nothing, have a part in them."""

import json
import re

import pytest
from playwright.sync_api import expect
from support.chromium import ARGUMENTS, executable


@pytest.fixture
def chosen(shops, front, sign_in):
    """An order whose capture somebody has chosen as a run, and tried."""

    def chosen(total):
        order = front.order(total)
        front.client.get_payment(order.store, order.order_id)
        page = sign_in(viewport={"width": 1280, "height": 860}).new_page()
        page.goto(f"{shops.http_url}/payments?q={order.order_id}&store={order.store}")
        expect(page.get_by_role("grid").get_by_role("row").nth(1)).to_be_visible()
        page.get_by_role("grid").get_by_label("Select all that are loaded").check()
        page.get_by_role("button", name="Capture …").click()
        expect(page.get_by_text("1 order would go ahead")).to_be_visible()
        return order, page

    return chosen


def confirm(page):
    page.get_by_role("button", name="Capture 1 order …").click()
    page.get_by_role("dialog").get_by_role("button", name="Capture 1 order").click()


def effects(shops, order):
    listed = shops.amazon.get("effects", order_reference=order.order_reference)["effects"]
    return [effect["kind"] for effect in listed if effect["kind"] != "authorize"]


@pytest.mark.parametrize("attempt", ["try", "choose", "confirm"])
def test_a_run_that_another_tab_has_confirmed_stays_what_it_is(shops, chosen, attempt):
    order, page = chosen("31.00")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_text("1 order would go ahead")).to_be_visible()
    confirm(page)
    expect(page.get_by_text("1 of 1 have an answer")).to_be_visible()
    if attempt == "try":
        other.get_by_role("button", name="Try without doing").click()
    elif attempt == "choose":
        other.get_by_label("What to do").select_option("Refund")
    else:
        confirm(other)
    expect(other.get_by_text("1 of 1 have an answer")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Capture")
    expect(page.get_by_text("1 of 1 have an answer")).to_be_visible()
    assert effects(shops, order) == ["capture"]


def test_a_run_acts_in_the_name_that_was_given_last(front, chosen):
    order, page = chosen("32.00")
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("dialog").get_by_label("Your name").fill("berta")
    page.get_by_role("dialog").get_by_role("button", name="Done").click()
    confirm(page)
    expect(page.get_by_text("1 of 1 have an answer")).to_be_visible()
    started = [event for event in front.client.list_events(order.store, order.order_id) if event.operation_id]
    assert started[0].actor == "berta"


def test_a_run_that_was_left_in_the_middle_says_nothing_on_the_page_of_another(shops, chosen):
    _, page = chosen("34.00")
    plan = {"operation": "Capture", "state": "Declined", "reason_code": "AmazonRejected", "count": 1}
    shops.amazon.send("POST", "plans", **plan)
    confirm(page)
    expect(page.get_by_role("button", name="Declined 1")).to_be_visible()
    page.route("**/RunActions", lambda _: None)  # It has no answer.
    with page.expect_request("**/RunActions"):
        page.get_by_role("button", name=re.compile("anew")).click()
    expect(page.get_by_text("Asking what each would do")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Declined 1")).to_be_visible()
    page.wait_for_timeout(300)  # As long as what broke off may take to say so.
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_run_with_orders_that_have_no_answer_is_not_forgotten_by_a_slip(chosen):
    _, page = chosen("35.00")
    page.route("**/RunActions", lambda _: None)
    with page.expect_request("**/RunActions"):
        confirm(page)
    page.get_by_role("navigation").get_by_role("link", name="Bulk runs").click()
    forget = page.get_by_role("button", name="Forget run")
    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        forget.click()
    assert "1 has no answer" in asked.value.message
    expect(forget).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    forget.click()
    expect(page.get_by_text("There are no runs in this browser.")).to_be_visible()


def test_a_browser_that_may_keep_nothing_shows_the_console_and_acts(shops, front, chromium, tmp_path):
    order = front.order("33.00")
    (tmp_path / "Default").mkdir()
    forbidden = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(forbidden))
    with chromium.browser_type.launch_persistent_context(
        tmp_path, executable_path=executable(), args=ARGUMENTS, locale="en-US"
    ) as context:
        page = context.new_page()
        page.goto(f"{shops.http_url}/payments/{order.store}/{order.order_id}")
        page.locator("payment-actions").get_by_role("button", name="Capture").click()
        page.locator("payment-actions").get_by_role("dialog").get_by_role("button", name="Capture").click()
        expect(page.locator("payment-actions")).to_contain_text("Capture €33.00: done")
        with pytest.raises(Exception, match="denied"):
            page.evaluate("localStorage.length")
        page.goto(f"{shops.http_url}/bulk")
        expect(page.get_by_role("alert")).to_be_visible()
    assert effects(shops, order) == ["capture"]
