import { LANGUAGES as SECTION } from "@payment-actions/web/i18n";
import { EventType, OperationState, OrderState, PaymentStatus } from "@payment-actions/web/proto";
import { describe, expect, test } from "vitest";
import { ITEM_STATES } from "../src/bulk/model.js";
import { german } from "../src/i18n/de.js";
import { english } from "../src/i18n/en.js";
import { spanish } from "../src/i18n/es.js";
import { french } from "../src/i18n/fr.js";
import { japanese } from "../src/i18n/ja.js";
import { chosenLanguage, type Language, loadTexts, Texts } from "../src/i18n/texts.js";
import { fromDecimal } from "../src/money.js";
import { actorWord } from "../src/words.js";

const LANGUAGES = { german, french, japanese, spanish };

function placeholders(text: unknown): string[] {
  const forms = typeof text === "string" ? [text] : Object.values(text as Record<string, string>);
  return [...new Set(forms.flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();
}

describe.each(Object.entries(LANGUAGES))("%s", (_, catalogue) => {
  test("says all that English says, with the same placeholders", () => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) {
      expect([key, placeholders(catalogue[key as keyof typeof english])]).toEqual([key, placeholders(text)]);
    }
  });
});

test.each(Object.keys(SECTION))("%s names who did something as the section that shops embed does", async (language) => {
  const section = Object.entries(SECTION[language] ?? {}).filter(([key]) => key.startsWith("actor."));
  const texts = await loadTexts(language as Language, language);
  expect(section.length).toBeGreaterThan(5);
  for (const [key, word] of section) expect(actorWord(texts, key.slice("actor.".length))).toBe(word);
  expect(actorWord(texts, "anna@shop.example")).toBe("anna@shop.example");
});

test("every value of the contract has its word", () => {
  const names = (values: object) => Object.keys(values).filter((name) => Number.isNaN(Number(name)));
  const words = [
    ...names(PaymentStatus).map((name) => `status.${name}`),
    ...names(OperationState).map((name) => `operation.${name}`),
    ...names(EventType).map((name) => `event.${name}`),
    ...names(OrderState).map((name) => `orderState.${name}`),
    ...ITEM_STATES.map((name) => `item.${name}`),
  ];
  const missing = words.filter((key) => !(key in english) && !key.endsWith(".UNSPECIFIED"));
  expect(missing).toEqual(["orderState.PLACED"]);
});

describe("texts", () => {
  const texts = new Texts(english, "en", "en-GB");

  test("follow the number", () => {
    expect(texts.t("payments.complete", { count: 1 })).toBe("1 payment, that is all");
    expect(texts.t("payments.complete", { count: 50_000 })).toBe("50,000 payments, that is all");
  });

  test("write money exactly, however large", () => {
    expect(texts.money(fromDecimal("12345678901234567.89", "EUR"))).toBe("€12,345,678,901,234,567.89");
    expect(texts.money(undefined)).toBe("");
  });

  test("say a day of the service's as that day, wherever the reader is", () => {
    expect(texts.day("2026-11-25")).toBe("25 Nov");
  });

  test.each([
    ["", ["de-AT", "en"], { language: "de", locale: "de-AT" }],
    ["", ["pt-BR"], { language: "en", locale: "en" }],
    ["fr", ["de-DE", "fr-CA"], { language: "fr", locale: "fr-CA" }],
    ["ja", ["de-DE"], { language: "ja", locale: "ja" }],
    ["xx", ["es-MX"], { language: "en", locale: "en" }],
  ])("%j of %j are spoken as %j", (wanted, preferred, expected) => {
    expect(chosenLanguage(wanted, preferred)).toEqual(expected);
  });

  test("are loaded by language", async () => {
    expect((await loadTexts("de", "de-DE")).t("status.CAPTURED")).toBe("Eingezogen");
  });
});
