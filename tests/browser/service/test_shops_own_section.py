"""X-Cart's own Amazon section beside ours, in a real browser."""

import pytest
from playwright.sync_api import expect
from support.order_page import findings, shoot

from payment_actions_server.demo.stage import SECRET_KEY, shop_of

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def connected(front):
    """Tell the shop's own module of the same Amazon account that the service uses."""
    shop = shop_of("eu-shop")
    front.stage.shops["eu-shop"].send(
        "PUT", "settings", amazon_url=front.stage.amazon.url, amazon_seller_id=shop.seller_id,
        amazon_access_key=shop.access_key, amazon_secret_key=SECRET_KEY,
    )  # fmt: skip


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


def test_a_capture_of_x_carts_own_is_seen_by_ours(front, visit, connected):
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
