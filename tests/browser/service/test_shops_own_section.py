"""X-Cart's own Amazon section beside ours, in a real browser."""

import pytest
from playwright.sync_api import expect
from support.order_page import findings, shoot

from payment_actions_server.demo.checkout import Checkout
from payment_actions_server.demo.stage import OLDER_SHOP

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("width", [1100, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_sections_name_their_owner(front, visit, width, scheme):
    page = visit(front.order("129.90"), viewport={"width": width, "height": 900}, color_scheme=scheme).page
    own = page.get_by_role("region", name="X-Cart's own Amazon module")
    expect(own).to_contain_text("Authorized amount 129.90 EUR")
    expect(own.get_by_role("button")).to_have_text(["Capture", "Void"])
    expect(page.get_by_role("region", name="Another service's section")).to_contain_text("127.0.0.1")
    own.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert findings(page) == []
    shoot(page, f"own-section-{width}-{scheme}")


def test_a_capture_of_x_carts_own_is_seen_by_ours(front, visit):
    order = front.order("129.90")
    visited = visit(order)
    own = visited.page.get_by_role("region", name="X-Cart's own Amazon module")
    own.get_by_role("button", name="Capture").click()
    expect(own.get_by_role("status")).to_have_text("Payment was captured")
    expect(own).to_contain_text("Captured amount 129.90 EUR")
    expect(own.get_by_role("button")).to_have_text(["Refund"])
    expect(visited.chip).to_have_text("Captured")
    visited.offers("Refund")
    shoot(visited.page, "own-capture-then-ours")
    assert front.effects(order) == ["capture"]


def test_a_capture_of_ours_is_shown_in_x_carts_own_section(front, visit):
    order = Checkout(front.stage, OLDER_SHOP.store).order("129.90")
    visited = visit(order)
    own = visited.page.get_by_role("region", name="X-Cart's own Amazon module")
    expect(own.get_by_role("button")).to_have_text(["Capture", "Void"])
    visited.press("Capture")
    expect(visited.chip).to_have_text("Captured")
    expect(visited.shop_says).to_have_text("Paid")
    visited.page.reload()
    visited.offers("Refund")
    expect(own).to_contain_text("Captured amount 129.90 EUR")
    expect(own.get_by_role("button")).to_have_text(["Refund"])
    shoot(visited.page, "our-capture-then-own-section")
    assert front.effects(order) == ["capture"]
