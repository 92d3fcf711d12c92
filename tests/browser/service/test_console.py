"""The console in a real browser, over the real service."""

import csv
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect
from support.order_page import Held, findings, shoot
from support.settling import until

from payment_actions_client import Client
from payment_actions_server.demo.checkout import Checkout

pytestmark = pytest.mark.timeout(900)  # All waits of a test together, and 500 buyers, on a busy machine.

ORDERS = 500

# Milliseconds from a click on an order to the moment its section has its actions and facts.
CLICK_UNTIL_USABLE = """async () => {
    const began = performance.now();
    document.querySelectorAll("[role=row] a")[2].click();
    while (!document.querySelector("payment-actions")?.shadowRoot?.querySelector(".summary")) {
        if (performance.now() - began > 60000) throw new Error("it did not come");
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - began;
}"""


# What a quick machine that has nothing else to do takes 20 ms for, a busy one many times as long.
YARDSTICK_MILLISECONDS = 20
YARDSTICK = """() => {
    const began = performance.now();
    let sum = 0;
    for (let round = 0; round < 3_000_000; round += 1) sum = (sum * 31 + round) % 1_000_003;
    return sum < 0 ? 0 : performance.now() - began;
}"""

# Keeps what the overview and the menu say needs attention, whenever something was drawn.
RECORD_COUNTS = """() => {
    window.counts = [];
    const number = (selector) => document.querySelector(selector)?.textContent.trim() ?? "0";
    const look = () => {
        counts.push({ tile: number(".tile strong"), menu: number("nav .count") });
        requestAnimationFrame(look);
    };
    look();
}"""


@pytest.fixture(scope="module")
def orders(shops):
    """Many authorized orders that the service knows, and of which no news is under way."""
    with Client(shops.target) as client, ThreadPoolExecutor(4) as buyers:

        def place(_number):
            order = Checkout(shops, "eu-shop").order("10.00")
            client.get_payment(order.store, order.order_id)
            return order

        placed = list(buyers.map(place, range(ORDERS)))
    quiet(shops)
    return placed


def quiet(shops):
    """Wait until Amazon has told all its news: a list read while payments change has them elsewhere."""
    until(
        lambda: shops.amazon.send("POST", "notifications/wait", seconds=5)["waiting"] == 0,
        "Amazon to have told all", 300,
    )  # fmt: skip


@pytest.fixture
def console(shops, sign_in):
    def console(path="/", **options):
        page = sign_in(viewport={"width": 1280, "height": 860}, **options).new_page()
        page.goto(f"{shops.http_url}{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        # From now on it hears of everything: what happened before, a list that was read before that may not have.
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return page

    return console


def pressed_if_there(button):
    """Press a button that goes when what it is for has come by itself."""
    button.evaluate_all("(buttons) => buttons.forEach((button) => button.click())")


def effects(shops, order):
    listed = shops.amazon.get("effects", order_reference=order.order_reference)["effects"]
    return [effect["kind"] for effect in listed if effect["kind"] != "authorize"]


def test_a_bulk_capture_of_five_hundred_with_failures_among_them(shops, front, orders, console):
    voided, declined = orders[::50], 5
    for order in voided:
        front.client.void(order.store, order.order_id)
    quiet(shops)
    plan = {"operation": "Capture", "state": "Declined", "reason_code": "AmazonRejected", "count": declined}
    shops.amazon.send("POST", "plans", **plan)
    page = console("/payments?store=eu-shop")
    expect(page.get_by_role("grid").get_by_role("row").nth(5)).to_be_visible()
    page.get_by_label("Select all that are loaded").check()
    selected = page.get_by_text(f"{ORDERS} selected")
    matching = page.get_by_role("button", name="Select all that match")
    expect(selected.or_(matching).first).to_be_visible()
    pressed_if_there(matching)
    expect(selected).to_be_visible(timeout=60_000)
    shoot(page, "console-selected", full=False)
    page.get_by_role("button", name="Capture …").click()
    page.get_by_role("button", name="Try without doing").click()
    going = ORDERS - len(voided)
    expect(page.get_by_text(f"{going} orders would go ahead")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(f"{len(voided)} would be refused and are left out")).to_be_visible()
    shoot(page, "console-bulk-tried", full=False)
    page.get_by_role("button", name=re.compile(f"Capture {going} orders")).click()
    page.get_by_role("dialog").get_by_role("button", name=f"Capture {going} orders").click()
    expect(page.get_by_text("have an answer")).to_be_visible()
    page.reload()  # In the middle: it is taken up again where it was.
    done = page.get_by_text(f"{going} of {going} have an answer")
    again = page.get_by_role("button", name=re.compile("Ask again for"))
    expect(done.or_(again).first).to_be_visible(timeout=60_000)
    pressed_if_there(again)
    expect(done).to_be_visible(timeout=300_000)
    shoot(page, "console-bulk-done", full=False)
    page.get_by_role("button", name=re.compile(r"^Declined")).click()
    shoot(page, "console-bulk-declined", full=False)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    with download.value.path().open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))
    assert len(rows) == ORDERS + 1
    money = [effects(shops, order) for order in orders]
    assert money.count(["void"]) == len(voided)
    assert money.count([]) == declined
    assert money.count(["capture"]) == ORDERS - len(voided) - declined


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/payments", "/bulk", "/attention", "/events", "/payments/eu-shop/1"])
def test_axe_finds_nothing_on_any_page(orders, console, path, theme):
    page = console(path, color_scheme=theme)
    page.wait_for_timeout(500)
    shoot(page, f"console-{path.strip('/').replace('/', '-') or 'overview'}-{theme}", full=False)
    assert findings(page) == []


def test_narrow_and_in_german_it_can_still_be_read(front, console):
    order = front.order("12.00")
    page = console(f"/payments/{order.store}/{order.order_id}", locale="de-DE")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("payment-actions .history")).to_contain_text("Erstmals gesehen")
    expect(page.locator(".course")).to_contain_text("Dienst")
    shoot(page, "console-order-narrow-german")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_note_that_was_begun_for_one_order_is_not_another_orders(front, console):
    one, other = front.order("13.00"), front.order("14.00")
    front.client.get_payment(other.store, other.order_id)
    page = console(f"/payments/{one.store}/{one.order_id}")
    section = page.locator("payment-actions")
    section.get_by_role("button", name="Capture").click()
    section.get_by_role("dialog").get_by_label("Note for the history").fill("for the first")
    section.get_by_role("button", name="Go back").click()
    section.get_by_role("button", name="Capture").click()
    expect(section.get_by_role("dialog").get_by_label("Note for the history")).to_have_value("for the first")
    section.get_by_role("button", name="Go back").click()
    section.evaluate("(element, order) => { element.order = order; }", other.order_id)
    expect(section.get_by_role("button", name="Capture €14.00")).to_be_visible()
    section.get_by_role("button", name="Capture").click()
    expect(section.get_by_role("dialog").get_by_label("Note for the history")).to_have_value("")


def test_the_overview_and_the_menu_count_alike_at_every_moment(shops, front, console):
    page = console("/")
    expect(page.locator(".tile").first).to_be_visible()
    page.evaluate(RECORD_COUNTS)
    order = front.order("78.00")
    shop = shops.shops[order.store]
    shop.send("POST", "faults", kind="500", count=0, method="PUT", path=f"/api/orders/{order.order_id}/payment_status")
    front.client.capture(order.store, order.order_id)
    # Failing for the third time is no event: the console asks every half minute.
    expect(page.get_by_role("link", name="Attention 1")).to_be_visible(timeout=120_000)
    expect(page.locator(".tile").first).to_contain_text("1 need attention")
    shoot(page, "console-overview-attention", full=False)
    shop.send("DELETE", "faults")
    # The shop is tried again after twice as long each time: the longer it took until here, the longer it takes.
    expect(page.get_by_role("link", name="Attention", exact=True)).to_be_visible(timeout=300_000)
    assert {one["tile"] == one["menu"] for one in page.evaluate("counts")} == {True}


def test_newer_changes_are_announced_beside_the_title_and_cover_nothing(shops, front, orders, console):
    quiet(shops)
    page = console("/payments?store=eu-shop")
    expect(page.get_by_role("row").nth(5)).to_be_visible()
    first = page.get_by_role("row").nth(1).bounding_box()
    order = front.order("79.00")
    front.client.get_payment(order.store, order.order_id)
    newer = page.get_by_role("button", name=re.compile("newer change"))
    expect(newer).to_be_visible()
    shoot(page, "console-payments-newer", full=False)
    assert page.get_by_role("row").nth(1).bounding_box() == first
    assert newer.bounding_box()["y"] + newer.bounding_box()["height"] <= page.get_by_role("grid").bounding_box()["y"]
    newer.click()
    expect(page.get_by_role("row").filter(has_text="79.00")).to_be_visible()


def test_a_changed_payment_changes_in_the_list_of_somebody_else(front, orders, console):
    order = front.order("77.00")
    front.client.get_payment(order.store, order.order_id)
    page = console("/payments?store=eu-shop")
    row = page.get_by_role("row").filter(has_text="77.00")
    expect(row).to_contain_text("Authorized")
    front.client.capture(order.store, order.order_id)
    expect(row).to_contain_text("Captured")


def test_a_change_while_the_console_begins_is_not_missed(shops, front, orders, sign_in):
    order = front.order("79.00")
    front.client.get_payment(order.store, order.order_id)
    context, lists = sign_in(), []
    overviews = Held(context, "**/GetOverview")
    context.on("requestfinished", lambda request: lists.append(request) if "ListPayments" in request.url else None)
    page = context.new_page()
    page.goto(f"{front.stage.http_url}/payments?store=eu-shop")
    for _ in range(10):  # Whoever has read the list by now has it as it was before.
        page.wait_for_timeout(200)
        if overviews.requests and lists:
            break
    front.client.capture(order.store, order.order_id)
    front.at_rest(order, "CAPTURED")
    quiet(shops)  # No later news of it makes the row be read again.
    overviews.release()
    expect(page.locator(f"[role=row][data-order='{order.order_id}']")).to_contain_text("Captured")


def test_the_first_page_is_painted_within_a_second_and_an_order_is_usable_soon_after_the_click(orders, console):
    painted, usable = [], []
    for _ in range(5):  # The best of five, by the machine's own speed: what else runs there is not the page's fault.
        page = console("/payments?store=eu-shop")
        slowness = max(1, page.evaluate(YARDSTICK) / YARDSTICK_MILLISECONDS)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        painted.append(paint / slowness)
        expect(page.get_by_role("row").nth(3)).to_be_visible()
        usable.append(page.evaluate(CLICK_UNTIL_USABLE) / slowness)
    assert min(painted) < 1000
    assert min(usable) < 300
