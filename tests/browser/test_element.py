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
