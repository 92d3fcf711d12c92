import type { Money } from "./proto.js";

/** Nine digits: Money counts billionths. */
const NANOS_DIGITS = 9;
const NANOS = 10n ** 9n;

/** Return an amount as decimal text, exact: no number with a binary point ever holds money. */
export function toDecimal({ units, nanos }: Pick<Money, "units" | "nanos">): `${number}` {
  const total = units * NANOS + BigInt(nanos);
  const size = total < 0n ? -total : total;
  const fraction = (size % NANOS).toString().padStart(NANOS_DIGITS, "0").replace(/0+$/, "");
  return `${total < 0n ? "-" : ""}${size / NANOS}${fraction && `.${fraction}`}` as `${number}`;
}

/** Return decimal text ("129.90") as an amount, or undefined when it is none or finer than Money can hold. */
export function fromDecimal(text: string, currencyCode: string): Money | undefined {
  const parts = /^(\d{1,15})(?:\.(\d{0,9}))?$/.exec(text) ?? /^()\.(\d{1,9})$/.exec(text);
  if (parts === null) return undefined;
  return {
    $typeName: "google.type.Money",
    units: BigInt(parts[1] || "0"),
    nanos: Number((parts[2] ?? "").padEnd(NANOS_DIGITS, "0")),
    currencyCode,
  };
}

/** Compare two amounts of one currency. */
export function compare(one: Money, other: Money): number {
  const difference = (one.units - other.units) * NANOS + BigInt(one.nanos - other.nanos);
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}

export function isZero(amount: Money | undefined): boolean {
  return amount === undefined || (amount.units === 0n && amount.nanos === 0);
}
