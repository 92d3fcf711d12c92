import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type DailyTotals, DailyTotalsSchema, EventType, PaymentStatus } from "@payment-actions/web/proto";
import { describe, expect, test } from "vitest";
import { courseOf } from "../src/charts/course.js";
import { byCurrency } from "../src/charts/daily.js";
import { bands, daysUpTo, labelEvery, scaleFor } from "../src/charts/scale.js";
import { decimal, fromDecimal, moneyOf, sums } from "../src/money.js";
import { event, NOW, payment } from "./support/service.js";

describe("a scale", () => {
  test.each([
    [[0], { max: 1, ticks: [0] }],
    [[7], { max: 8, ticks: [0, 2, 4, 6, 8] }],
    [[980, 12], { max: 1000, ticks: [0, 250, 500, 750, 1000] }],
    [[0.03], { max: 0.03, ticks: [0, 0.01, 0.02, 0.03] }],
  ])("for %j has round ticks and holds the largest", (values, expected) => {
    const scale = scaleFor(values);
    expect(scale.max).toBeCloseTo(expected.max, 9);
    expect(scale.ticks.map((tick) => Number(tick.toFixed(6)))).toEqual(expected.ticks);
  });

  test("gives each day its place, and a label only where there is room", () => {
    expect(bands(2, 100, 0.2)).toEqual([
      { start: 5, width: 40 },
      { start: 55, width: 40 },
    ]);
    expect(labelEvery(14, 700, 58)).toBe(2);
    expect(daysUpTo("2026-03-01", 3)).toEqual(["2026-02-27", "2026-02-28", "2026-03-01"]);
  });
});

describe("totals", () => {
  test("are exact, and never of two currencies", () => {
    const amounts = [fromDecimal("0.1", "EUR"), fromDecimal("0.2", "EUR"), fromDecimal("5", "JPY"), undefined];
    expect(sums(amounts).map((money) => `${money.currencyCode} ${decimal(money)}`)).toEqual(["EUR 0.3", "JPY 5"]);
  });

  test.each(["0", "129.9", "-1.05", "12345678901234567.000000001"])("keep %s as it is", (amount) => {
    const whole = amount.startsWith("-") ? moneyOf("EUR", -1_050_000_000n) : fromDecimal(amount, "EUR");
    expect(decimal(whole)).toBe(amount);
  });

  test("by day are one picture a currency, and a day on which nothing moved is a day", () => {
    const day = (date: string, currencyCode: string): DailyTotals =>
      create(DailyTotalsSchema, { date, capturedAmount: { currencyCode, units: 1n, nanos: 0 } });
    const found = byCurrency([day("2026-11-24", "USD"), day("2026-11-25", "EUR")], daysUpTo("2026-11-25", 2));
    expect([...found.keys()]).toEqual(["EUR", "USD"]);
    expect(found.get("EUR")?.map(({ totals }) => totals !== undefined)).toEqual([false, true]);
  });
});

describe("the course of a payment", () => {
  const events = [
    event(1, {
      type: EventType.PAYMENT_SEEN,
      statusBefore: PaymentStatus.UNSPECIFIED,
      statusAfter: PaymentStatus.AUTHORIZED,
    }),
    event(2, { type: EventType.OPERATION_STARTED }),
    event(3, { type: EventType.OPERATION_ENDED, statusAfter: PaymentStatus.CAPTURED }),
  ];

  test("has a station for each change of status, and what happened between", () => {
    const stations = courseOf(payment("1", { status: PaymentStatus.CAPTURED }), events, NOW);
    expect(stations.map(({ kind, status }) => [kind, status])).toEqual([
      ["past", PaymentStatus.AUTHORIZED],
      ["past", PaymentStatus.CAPTURED],
    ]);
    expect(stations[0]?.between.map(({ sequence }) => sequence)).toEqual([2n]);
    expect(stations.at(-1)?.way).toBe(0);
  });

  test("looks ahead to the expiry while something is reserved, and only then", () => {
    const expiry = { authorizationExpireTime: timestampFromMs(NOW + 86_400_000) };
    const kinds = (status: PaymentStatus) =>
      courseOf(payment("1", { status, ...expiry }), events, NOW).map(({ kind }) => kind);
    expect(kinds(PaymentStatus.AUTHORIZED)).toContain("expiry");
    expect(kinds(PaymentStatus.VOIDED)).not.toContain("expiry");
  });
});
