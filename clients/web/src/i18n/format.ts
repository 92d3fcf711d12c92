import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { fromDecimal, toDecimal } from "../money.js";
import type { Money } from "../proto.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export function millis(time: Timestamp): number {
  return Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);
}

/** Amounts, dates and distances in time as a locale writes them. */
export class Format {
  private readonly relative: Intl.RelativeTimeFormat;
  private readonly days: Intl.DateTimeFormat;
  private readonly daysOfYears: Intl.DateTimeFormat;
  private readonly moments: Intl.DateTimeFormat;
  /** What stands before the fraction of a number. */
  private readonly point: string;
  private readonly group: string;

  constructor(readonly locale: string) {
    this.relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    this.days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
    this.daysOfYears = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
    this.moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    const parts = new Intl.NumberFormat(locale).formatToParts(1_234_567.8);
    this.point = parts.find(({ type }) => type === "decimal")?.value ?? ".";
    this.group = parts.find(({ type }) => type === "group")?.value ?? "";
  }

  /** An amount with all the digits of its currency, and more where it has more: nothing is rounded away. */
  money(amount: Money): string {
    const decimal = toDecimal(amount);
    return this.currency(amount.currencyCode, fraction(decimal)).format(decimal);
  }

  /** A day; with its year unless that is the present one. */
  day(time: Timestamp, now: number): string {
    const moment = millis(time);
    const same = new Date(moment).getFullYear() === new Date(now).getFullYear();
    return (same ? this.days : this.daysOfYears).format(moment);
  }

  moment(time: Timestamp): string {
    return this.moments.format(millis(time));
  }

  /** How far away a time is: "in 12 days", "40 seconds ago", "tomorrow". */
  distance(moment: number, now: number): string {
    const away = moment - now;
    const size = Math.abs(away);
    if (size < 90 * SECOND) return this.relative.format(Math.round(away / SECOND), "second");
    if (size < 90 * MINUTE) return this.relative.format(Math.round(away / MINUTE), "minute");
    if (size < 36 * HOUR) return this.relative.format(Math.round(away / HOUR), "hour");
    return this.relative.format(Math.round(away / DAY), "day");
  }

  /** Read an amount as people of this locale type it. Undefined when it is none. */
  parseMoney(text: string, currencyCode: string): Money | undefined {
    const { group, point } = this;
    let plain = text.normalize("NFKC").trim();
    // Groups only where they stand in a whole: "1.5" typed by a German who is used to points is not 15.
    const gap = group.trim() ? `[\\s\\${group}]` : "\\s";
    if (new RegExp(`^\\d{1,3}(${gap}\\d{3})+(\\${point}\\d*)?$`).test(plain))
      plain = plain.replaceAll(new RegExp(gap, "g"), "");
    return fromDecimal(plain.replace(point, "."), currencyCode);
  }

  /** An amount as it stands in a field: no sign of the currency, no groups. */
  editable(amount: Money): string {
    const decimal = toDecimal(amount);
    const { minimumFractionDigits = 0 } = this.currency(amount.currencyCode, fraction(decimal)).resolvedOptions();
    return new Intl.NumberFormat(this.locale, { useGrouping: false, minimumFractionDigits }).format(decimal);
  }

  private currency(code: string, digits: number): Intl.NumberFormat {
    const plain = { style: "currency", currency: code } as const;
    const usual = new Intl.NumberFormat(this.locale, plain);
    const standard = usual.resolvedOptions().maximumFractionDigits ?? 2;
    return digits <= standard ? usual : new Intl.NumberFormat(this.locale, { ...plain, minimumFractionDigits: digits });
  }
}

/** How many digits stand behind the point. */
function fraction(decimal: string): number {
  return decimal.split(".")[1]?.length ?? 0;
}
