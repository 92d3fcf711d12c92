// @vitest-environment happy-dom
import { OrderState, type Payment, PaymentStatus, StoreUpdateState } from "@payment-actions/web/proto";
import { render } from "lit";
import { expect, test } from "vitest";
import { english } from "../src/i18n/en.js";
import { Texts } from "../src/i18n/texts.js";
import { facts } from "../src/pages/order_parts.js";
import { flags, totalOf } from "../src/pages/payments_rows.js";
import { payment } from "./support/service.js";

const texts = new Texts(english, "en", "en");
const SAID = "The shop closed the order; its status there is Cancelled.";

function shown(drawn: unknown): string {
  const place = document.createElement("div");
  render(drawn, place);
  return (place.textContent ?? "").replaceAll(/\s+/g, " ").trim();
}

function update(state: StoreUpdateState, fields: object = {}): Payment {
  return payment("1", { storeUpdate: { state, platformStatus: "Authorized", ...fields } as never });
}

test.each([
  [OrderState.CANCELLED, PaymentStatus.AUTHORIZED, "Order closed"],
  [OrderState.DELETED, PaymentStatus.AUTHORIZED, "Order deleted"],
  [OrderState.TOTAL_INVALID, PaymentStatus.AUTHORIZED, "No valid total"],
  [OrderState.CANCELLED, PaymentStatus.VOIDED, ""],
  [OrderState.CANCELLED, PaymentStatus.REFUNDED, ""],
  [OrderState.PLACED, PaymentStatus.AUTHORIZED, ""],
  [OrderState.UNSPECIFIED, PaymentStatus.AUTHORIZED, ""],
  [99 as OrderState, PaymentStatus.AUTHORIZED, "Order changed"],
])("an order that is %s while its payment is %s is marked in the list as %j", (orderState, status, mark) => {
  expect(shown(flags(texts, payment("1", { orderState, status })))).toBe(mark);
});

test("an order's page says what became of it in the shop, in the shop's own words too", () => {
  const cancelled = payment("1", { orderState: OrderState.CANCELLED, orderStateMessage: SAID });
  expect(shown(facts(texts, cancelled))).toContain(`Order in the shopOrder closed${SAID}`);
});

test("a total that is no amount is not shown as nothing, and an amount without a currency is shown", () => {
  const orderTotal = { currencyCode: "XXX", units: 0n, nanos: 0 } as never;
  const authorizedAmount = { currencyCode: "XXX", units: 129n, nanos: 0 } as never;
  const odd = payment("1", { orderState: OrderState.TOTAL_INVALID, orderTotal, authorizedAmount });
  expect(totalOf(texts, odd)).toBe("–");
  expect(shown(facts(texts, odd))).toMatch(/Authorized(¤|XXX.)129/);
});

test.each([
  ["being written is told as that", StoreUpdateState.PENDING, { attempts: 1 }, "", "Authorized (being written)"],
  ["not to be written", StoreUpdateState.PENDING, { lastError: "503" }, "Store behind", "(could not be written yet)"],
  [
    "changed back",
    StoreUpdateState.DISPUTED,
    { lastError: "3 times" },
    "Status disputed",
    "(changed back by the shop)",
  ],
  ["held", StoreUpdateState.IN_SYNC, { notice: "Do not use its Refund button." }, "", "Do not use its Refund button."],
])("a status that is %s", (_, state, fields, mark, told) => {
  expect(shown(flags(texts, update(state, fields)))).toBe(mark);
  expect(shown(facts(texts, update(state, fields)))).toContain(told);
});
