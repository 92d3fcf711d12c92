import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { Format, type Key, LANGUAGES, type Text, Translator } from "../src/i18n/index.js";
import { fromDecimal, toDecimal } from "../src/money.js";
import { ORDER_REASONS } from "../src/parts/words.js";
import {
  Action,
  ErrorReason,
  EventType,
  MoneySchema,
  OperationState,
  OrderState,
  PaymentStatus,
} from "../src/proto.js";

const { en, ...TRANSLATIONS } = LANGUAGES;
const KEYS = Object.keys(en ?? {}) as Key[];

function forms(text: Text | undefined): string[] {
  return typeof text === "string" ? [text] : Object.values(text ?? {});
}

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "").sort();
}

test.each(Object.keys(TRANSLATIONS))("%s says everything that English says, with the same placeholders", (language) => {
  const messages = TRANSLATIONS[language];
  expect(Object.keys(messages ?? {})).toEqual(KEYS);
  for (const key of KEYS) {
    const wanted = placeholders(forms(en?.[key])[0] ?? "");
    for (const form of forms(messages?.[key])) expect([key, placeholders(form)]).toEqual([key, wanted]);
  }
});

test.each(Object.keys(LANGUAGES))("%s has every form of plural that its numbers take", (language) => {
  const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  for (const key of KEYS) {
    const text = LANGUAGES[language]?.[key];
    if (typeof text === "object")
      expect(Object.keys(text).sort()).toEqual(expect.arrayContaining([...categories].sort()));
  }
});

test("every value of the contract has its word", () => {
  const names = (values: object) => Object.keys(values).filter((name) => Number.isNaN(Number(name)));
  const missing = [
    ...names(PaymentStatus).map((name) => `status.${name}`),
    ...names(PaymentStatus).map((name) => `summary.${name}`),
    ...names(Action).map((name) => `action.${name}`),
    ...names(EventType).map((name) => `event.${name}`),
    ...names(OperationState).map((name) => `state.${name}`),
    ...names(OrderState).map((name) => `order.${name}`),
  ].filter((key) => !(KEYS as string[]).includes(key));
  expect(missing).toEqual(["action.UNSPECIFIED", "state.UNSPECIFIED", "order.UNSPECIFIED", "order.PLACED"]);
  const reasons = ["ACTION_NOT_AVAILABLE", "OPERATION_IN_FLIGHT", "NOT_OUR_PAYMENT_METHOD"];
  for (const reason of [...reasons, "GATEWAY_UNAVAILABLE", "PLATFORM_UNAVAILABLE"]) {
    expect(ErrorReason[reason as keyof typeof ErrorReason]).toBeGreaterThan(0);
    expect(KEYS).toContain(`why.${reason}`);
  }
  for (const reason of Object.keys(ErrorReason).filter(
    (name) => name.startsWith("ORDER_") && name !== "ORDER_NOT_FOUND",
  )) {
    expect(KEYS).toContain(ORDER_REASONS[reason]);
  }
});

test("a locale picks its language; another is answered in English, in its own direction", () => {
  expect(new Translator("de-AT").text("action.CAPTURE")).toBe("Einziehen");
  expect(new Translator("ar")).toMatchObject({ direction: "rtl", locale: "en" });
  expect(new Translator("fr_FR").text("action.CAPTURE")).toBe("Encaisser");
  expect(new Translator("!").text("action.VOID")).toBe("Void");
});

test("a count chooses the form of plural", () => {
  const t = new Translator("en");
  expect(t.text("history.older", { count: 1 })).toBe("Show 1 older entry");
  expect(t.text("history.older", { count: 5 })).toBe("Show 5 older entries");
});

const money = (units: bigint, nanos: number, currencyCode: string) =>
  create(MoneySchema, { units, nanos, currencyCode });

test.each([
  ["en", money(129n, 900_000_000, "USD"), "$129.90"],
  ["de", money(1234n, 500_000_000, "EUR"), "1.234,50 €"],
  ["ja", money(1200n, 0, "JPY"), "￥1,200"],
  ["en", money(1n, 234_000_000, "KWD"), "KWD 1.234"],
  ["en", money(0n, 1_000_000, "USD"), "$0.001"],
  ["en", money(9_007_199_254_740_993n, 10_000_000, "USD"), "$9,007,199,254,740,993.01"],
  ["en", money(-5n, -10_000_000, "USD"), "-$5.01"],
])("in %s an amount is written with all its digits: %o", (locale, amount, written) => {
  expect(new Format(locale).money(amount).replaceAll("\u00a0", " ")).toBe(written);
});

test.each(Object.keys(LANGUAGES))("in %s an amount without a currency is written with all its digits", (locale) => {
  const written = new Format(locale).money(money(129n, 905_000_000, "XXX"));
  expect(written).toMatch(/129[.,]905/);
  expect(written).toMatch(/¤|XXX/);
});

test.each([
  ["en", "10", "10"],
  ["en", "1,234.5", "1234.5"],
  ["de", "1.234,5", "1234.5"],
  ["de", "10,50", "10.5"],
  ["de", "1.5", "1.5"],
  ["fr", "1 234,5", "1234.5"],
  ["ja", "１２００", "1200"],
  ["en", "ten", undefined],
  ["en", "-5", undefined],
  ["en", "1,2,3", undefined],
  ["en", "1,234,5", undefined],
  ["de", "1.234.56", undefined],
  ["de", "1.500", "1500"],
  ["de", "1,5", "1.5"],
  ["ja", "1,5", undefined],
  ["en", "1,234.", "1234"],
  ["en", "10 50", undefined],
  ["fr", "1\u202f234,5", "1234.5"],
  ["en", "", undefined],
  ["en", ".5", "0.5"],
])("in %s a person who types %j means %s", (locale, typed, meant) => {
  const amount = new Format(locale).parseMoney(typed, "USD");
  expect(amount && toDecimal(amount)).toBe(meant);
});

test.each([
  ["de", money(129n, 900_000_000, "USD"), "129,90"],
  ["en", money(1234n, 0, "JPY"), "1234"],
])("in %s an amount to be edited is written without signs and groups", (locale, amount, written) => {
  expect(new Format(locale).editable(amount)).toBe(written);
});

test("decimal text and amounts are the same", () => {
  for (const text of ["0", "129.9", "0.000000001", "999999999999999.999999999"]) {
    expect(toDecimal(fromDecimal(text, "USD") ?? expect.unreachable())).toBe(text);
  }
});

test("how far away a time is", () => {
  const format = new Format("en");
  const now = Date.UTC(2026, 10, 25);
  const away = (seconds: number) => format.distance(now + seconds * 1000, now);
  expect([away(40), away(600), away(7200), away(86_400 * 12), away(-3)]).toEqual([
    "in 40 seconds",
    "in 10 minutes",
    "in 2 hours",
    "in 12 days",
    "3 seconds ago",
  ]);
  expect(format.day(timestampFromMs(Date.UTC(2025, 10, 3, 12)), now)).toBe("Nov 3, 2025");
  expect(format.day(timestampFromMs(Date.UTC(2026, 10, 3, 12)), now)).toBe("Nov 3");
});
