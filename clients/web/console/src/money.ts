/** Exact sums of money, one for each currency: two currencies are never added. */

import { create } from "@bufbuild/protobuf";
import { type Money, MoneySchema } from "@payment-actions/web/proto";

const NANOS = 1_000_000_000n;

export function nanosOf(money: Money): bigint {
  return money.units * NANOS + BigInt(money.nanos);
}

export function moneyOf(currencyCode: string, nanos: bigint): Money {
  return create(MoneySchema, { currencyCode, units: nanos / NANOS, nanos: Number(nanos % NANOS) });
}

/** The amounts' sums, in the order of their currencies' codes. */
export function sums(amounts: Iterable<Money | undefined>): Money[] {
  const totals = new Map<string, bigint>();
  for (const money of amounts) {
    if (money === undefined) continue;
    totals.set(money.currencyCode, (totals.get(money.currencyCode) ?? 0n) + nanosOf(money));
  }
  return [...totals].sort(([one], [other]) => (one < other ? -1 : 1)).map(([code, nanos]) => moneyOf(code, nanos));
}

/** For drawing only: a picture may round, a figure may not. */
export function approximate(money: Money | undefined): number {
  return money === undefined ? 0 : Number(money.units) + money.nanos / 1e9;
}

/** As a decimal number without a currency, e.g. "129.9": exact. */
export function decimal(money: Money): string {
  const nanos = nanosOf(money);
  const positive = nanos < 0n ? -nanos : nanos;
  const fraction = String(positive % NANOS)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${positive / NANOS}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The amount that `decimal` wrote. */
export function fromDecimal(amount: string, currencyCode: string): Money {
  return moneyOf(currencyCode, nanosFrom(amount));
}

export function nanosFrom(amount: string): bigint {
  const [units = "0", fraction = ""] = amount.split(".");
  return BigInt(units) * NANOS + BigInt(fraction.padEnd(9, "0"));
}
