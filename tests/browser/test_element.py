"""`<payment-actions>` in a real browser, over the stage: every state of a payment, without a server."""

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

FINDINGS = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]))"


def opened(page: Page, stage: str, query: str) -> Locator:
    page.goto(f"{stage}?{query}")
    element = page.locator("payment-actions").first
    expect(element.get_by_role("heading", level=2)).to_be_visible()
    expect(element.locator(".history li, .summary").first).to_be_visible()
    return element


def confirm(element: Locator, name: str | re.Pattern[str]) -> None:
    element.get_by_role("dialog").get_by_role("button", name=name).click()


def says(element: Locator) -> Locator:
    """What a screen reader is told."""
    return element.get_by_role("status")


@pytest.mark.parametrize("query", ["theme=light", "theme=dark", "locale=ar", "locale=ja", "width=260&locale=de"])
def test_axe_finds_nothing_in_any_state(page: Page, stage: str, query: str) -> None:
    opened(page, stage, query)
    page.locator("details").evaluate_all("(all) => all.forEach((details) => (details.open = true))")
    assert page.evaluate(FINDINGS) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_question_before_an_action(page: Page, stage: str, theme: str) -> None:
    element = opened(page, stage, f"scene=captured&theme={theme}")
    element.get_by_role("button", name="Refund").click()
    element.get_by_label("Amount in USD").fill("500")
    confirm(element, "Refund")
    expect(element.get_by_role("alert")).to_have_text("Enter an amount above zero and up to $129.90.")
    assert page.evaluate(FINDINGS) == []


@pytest.mark.parametrize("locale", ["en", "de", "es", "fr", "ja", "ar"])
def test_nothing_overflows_a_narrow_column(page: Page, stage: str, locale: str) -> None:
    opened(page, stage, f"width=260&locale={locale}")
    wide = """[...document.querySelectorAll('payment-actions')]
        .flatMap((element) => [...element.shadowRoot.querySelectorAll('*')])
        .filter((part) => part.clientWidth > 0 && part.scrollWidth > part.clientWidth + 1 && !part.matches('.hidden'))
        .map((part) => part.outerHTML)"""
    assert page.evaluate(wide) == []


def test_a_capture_by_keyboard_alone(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    expect(element.locator(".summary")).to_have_text(
        re.compile(r"\$129\.90 authorized on \w+ \d+, expires in 12 days; not collected yet")
    )
    page.keyboard.press("Tab")
    expect(element.get_by_role("button", name="Capture $129.90")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = element.get_by_role("dialog", name="Capture this payment?")
    expect(dialog).to_contain_text("Collects 129.90 USD from the buyer.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(element.get_by_role("button", name="Capture $129.90")).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_label("Note for the history").focus()
    page.keyboard.type("shipped")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(element.locator("header .chip")).to_have_text("Captured")
    expect(says(element)).to_have_text("Capture $129.90: done.")
    assert page.evaluate("document.activeElement?.localName") == "payment-actions", "the focus stays in the section"
    assert page.evaluate("stage.effects") == 1


def test_a_question_that_is_asked_again_at_once_stays(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    element.get_by_role("button", name="Capture $129.90").click()
    expect(element.get_by_role("dialog", name="Capture this payment?")).to_be_visible()
    # Before the browser has told of the closing.
    element.evaluate("""async element => {
        const button = [...element.shadowRoot.querySelectorAll("button")].find(
            button => !button.closest("dialog") && button.textContent.includes("Capture"));
        element.shadowRoot.querySelector("dialog").close();
        button.click();
        await new Promise(resolve => setTimeout(resolve, 100));
    }""")
    expect(element.get_by_role("dialog", name="Capture this payment?")).to_be_visible()
    confirm(element, "Capture $129.90")
    expect(element.locator("header .chip")).to_have_text("Captured")


def test_two_people_see_each_others_action_at_once(page: Page, stage: str) -> None:
    mine = opened(page, stage, "scene=authorized,authorized")
    theirs = page.locator("payment-actions").nth(1)
    mine.get_by_role("button", name="Void").click()
    confirm(mine, "Void $129.90")
    expect(theirs.locator("header .chip")).to_have_text("Voided")
    expect(says(theirs)).to_have_text("anna@shop.example changed this payment. The status is now Voided.")
    expect(theirs.locator(".history li").first).to_contain_text("Void $129.90: done")
    expect(says(mine)).to_have_text("Void $129.90: done.")


def test_a_payment_that_changes_under_the_question_takes_the_question_away(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    element.get_by_role("button", name="Capture $129.90").click()
    page.evaluate("stage.voidBySomebodyElse('authorized')")
    expect(element.get_by_role("dialog")).to_be_hidden()
    expect(element.locator(".panel")).to_contain_text("This payment changed in the meantime, so nothing was done.")
    expect(element.locator("header .chip")).to_have_text("Voided")
    assert page.evaluate("stage.effects") == 0


def test_a_double_click_acts_once(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    element.get_by_role("button", name="Capture $129.90").click()
    element.get_by_role("dialog").get_by_role("button", name="Capture $129.90").dblclick()
    expect(element.locator("header .chip")).to_have_text("Captured")
    assert page.evaluate("stage.effects") == 1


def test_lost_answers_are_asked_for_again_and_nothing_happens_twice(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    page.evaluate("stage.answersToLose = 3")
    element.get_by_role("button", name="Capture $129.90").click()
    confirm(element, "Capture $129.90")
    expect(element.locator(".panel")).to_contain_text("Capture: no answer came through. It may have happened.")
    element.get_by_role("button", name="Ask again").click()
    expect(element.locator(".panel")).to_contain_text("Capture $129.90: done.")
    assert page.evaluate("stage.effects") == 1


def test_a_part_is_typed_as_the_locale_writes_it(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=captured&locale=de")
    element.get_by_role("button", name=re.compile("erstatten")).click()
    amount = element.get_by_label("Betrag in USD")
    expect(amount).to_have_value("129,90")
    amount.fill("10,50")
    expect(element.get_by_role("dialog").locator(".amount")).to_have_text("10,50\N{NO-BREAK SPACE}$")
    expect(element.get_by_role("dialog")).to_contain_text("Erstattet dem Käufer 10,50\N{NO-BREAK SPACE}$.")
    confirm(element, re.compile("erstatten"))
    expect(element.locator("header .chip")).to_have_text("Erstattet")
    assert page.evaluate("stage.amounts") == ["10.5"]


def test_a_refusal_by_a_rule_of_the_store_shows_exactly_its_reason(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=policy&locale=ja")
    expect(element.get_by_text("Refunds above 100 USD need a second pair of eyes: ask finance.")).to_be_visible()
    expect(element.get_by_role("button")).to_have_count(0)


def test_offline_is_said_and_nothing_is_sent(page: Page, stage: str, context: BrowserContext) -> None:
    element = opened(page, stage, "scene=authorized")
    context.set_offline(True)
    expect(element.locator(".panel")).to_have_text("You are offline. What you see may be out of date.")
    element.get_by_role("button", name="Capture $129.90").click()
    confirm(element, "Capture $129.90")
    expect(element.locator(".panel").last).to_contain_text("Capture: nothing was sent.")
    expect(element.get_by_text("offline")).to_have_count(1)
    context.set_offline(False)
    expect(element.get_by_text("What you see may be out of date.")).to_be_hidden()
    assert page.evaluate("stage.effects") == 0


# -- What the shop did ----------------------------------------------------------------------------------------------


def test_an_order_that_the_shop_closed_is_told_and_void_is_the_advice(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=cancelled")
    panel = element.locator(".panel").first
    expect(panel).to_contain_text("The shop closed the order; its status there is Cancelled.")
    expect(panel).to_contain_text("Void is what is left to do.")
    expect(element.get_by_role("button", name="Capture")).to_have_count(0)
    element.get_by_role("button", name="Void $129.90").click()
    confirm(element, "Void $129.90")
    expect(element.locator("header .chip")).to_have_text("Voided")
    expect(element.get_by_text("is what is left to do")).to_have_count(0)


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("de", "Der Shop hat diese Bestellung geschlossen."),
        ("es", "La tienda ha cerrado este pedido."),
        ("fr", "La boutique a clôturé cette commande."),
        ("ja", "この注文はショップで終了しています。"),
    ],
)
def test_what_became_of_an_order_is_translated_beside_the_shops_own_words(
    page: Page, stage: str, locale: str, told: str
) -> None:
    panel = opened(page, stage, f"scene=cancelled&locale={locale}").locator(".panel").first
    expect(panel).to_contain_text(told)
    expect(panel.locator(".said")).to_have_text("The shop closed the order; its status there is Cancelled.")


def test_an_order_that_was_closed_a_moment_ago_is_refused_in_words(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=authorized")
    page.evaluate("stage.cancelInShop('authorized')")
    element.get_by_role("button", name="Capture $129.90").click()
    confirm(element, "Capture $129.90")
    refused = element.locator('.panel[data-tone="bad"]')
    expect(refused).to_contain_text("Capture: nothing was done.")
    expect(refused).to_contain_text("The shop has closed this order.")
    expect(element.get_by_text("Void is what is left to do.")).to_be_visible()
    expect(element.get_by_role("button", name="Void $129.90")).to_be_visible()
    expect(element.get_by_role("button", name="Capture")).to_have_count(0)
    assert page.evaluate("stage.effects") == 0


def test_a_shop_that_keeps_changing_the_status_back_is_told_and_a_look_begins_anew(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=disputed")
    store = element.locator(".store").first
    expect(store).to_contain_text("The shop keeps changing the status back; nothing more is written.")
    expect(store).to_contain_text("X-Cart changed the status back 3 times: a click in its own section recomputes it.")
    expect(element.locator(".store").nth(1)).to_contain_text("X-Cart's own Refund button still returns the full amount")
    expect(element.locator(".history li").first).to_contain_text("The shop changed the status")
    element.get_by_role("button", name="Begin anew").click()
    expect(says(element)).to_have_text("Asked Amazon Pay: nothing new.")
    assert page.evaluate("stage.looks") == 1


def test_no_more_can_be_asked_for_than_a_policy_allows(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=limited")
    element.get_by_role("button", name="Refund $20.00").click()
    dialog = element.get_by_role("dialog")
    amount = dialog.get_by_label("Amount in USD")
    expect(amount).to_have_value("20.00")
    expect(dialog).to_contain_text("Up to $20.00")
    expect(dialog).to_contain_text("Support refunds at most 20.00 USD; ask finance for more.")
    expect(dialog).to_contain_text("Returns $20.00 to the buyer.")
    amount.fill("20.01")
    confirm(element, "Refund")
    expect(dialog.get_by_role("alert")).to_have_text("Enter an amount above zero and up to $20.00.")
    assert page.evaluate("stage.amounts") == []
    amount.fill("20")
    confirm(element, "Refund $20.00")
    expect(element.locator("header .chip")).to_have_text("Refunded")
    assert page.evaluate("stage.amounts") == ["20"]


def test_the_most_that_a_policy_allows_is_asked_for_by_name_even_when_nothing_was_typed(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=limited")
    element.get_by_role("button", name="Refund $20.00").click()
    confirm(element, "Refund $20.00")
    expect(element.locator("header .chip")).to_have_text("Refunded")
    assert page.evaluate("stage.amounts") == ["20"]


def test_an_order_without_a_currency_is_shown(page: Page, stage: str) -> None:
    element = opened(page, stage, "scene=nototal")
    expect(element.locator(".panel").first).to_contain_text("129.905, is no amount that its currency can express.")
    expect(element.get_by_role("button", name=re.compile(r"Void (¤|XXX\W)129\.00"))).to_be_visible()
