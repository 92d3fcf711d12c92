/** The console's words and figures in one language. */

import { Format } from "@payment-actions/web/format";
import type { Text } from "@payment-actions/web/i18n";
import type { Money } from "@payment-actions/web/proto";
import { milliseconds } from "../charts/course.js";
import { fromDecimal } from "../money.js";
import { english, type Key } from "./en.js";

export type Catalogue = Readonly<Record<Key, Text>>;
export type Values = Readonly<Record<string, string | number>>;
type Timestamp = { seconds: bigint; nanos: number };

export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語" } as const;
export type Language = keyof typeof LANGUAGES;

const LOADERS: Readonly<Record<Language, () => Promise<Catalogue>>> = {
  en: () => Promise.resolve(english),
  de: () => import("./de.js").then((module) => module.german),
  es: () => import("./es.js").then((module) => module.spanish),
  fr: () => import("./fr.js").then((module) => module.french),
  ja: () => import("./ja.js").then((module) => module.japanese),
};

function isLanguage(text: string): text is Language {
  return text in LANGUAGES;
}

/** The language to speak and the locale whose money and dates to write: "de-AT" speaks German, as Austria writes figures. */
export function chosenLanguage(wanted: string, preferred: readonly string[]): { language: Language; locale: string } {
  for (const locale of wanted === "" ? preferred : [wanted, ...preferred.filter((one) => one.startsWith(wanted))]) {
    const language = locale.split("-")[0] ?? "";
    if (!isLanguage(language)) continue;
    const regional = preferred.find((one) => one.split("-")[0] === language);
    return { language, locale: regional ?? locale };
  }
  return { language: "en", locale: preferred[0]?.startsWith("en") ? preferred[0] : "en" };
}

export async function loadTexts(language: Language, locale: string): Promise<Texts> {
  return new Texts(await LOADERS[language](), language, locale);
}

export class Texts {
  readonly language: Language;
  readonly locale: string;
  readonly #catalogue: Catalogue;
  readonly #plural: Intl.PluralRules;
  readonly #number: Intl.NumberFormat;
  readonly #format: Format;
  readonly #formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

  constructor(catalogue: Catalogue, language: Language, locale: string) {
    this.language = language;
    this.locale = locale;
    this.#catalogue = catalogue;
    this.#plural = new Intl.PluralRules(language);
    this.#number = new Intl.NumberFormat(locale);
    this.#format = new Format(locale);
  }

  /** The text of a key; where it has forms of plural, `count` chooses. */
  t(key: Key, values: Values = {}): string {
    const { count } = values as { count?: number };
    const text = this.#catalogue[key];
    const form = typeof text === "string" ? text : (text[this.#plural.select(Number(count))] ?? text.other ?? "");
    return form.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name] ?? "";
      return typeof value === "number" ? this.number(value) : value;
    });
  }

  number(value: number | bigint): string {
    return this.#number.format(value);
  }

  money(money: Money | undefined): string {
    return money === undefined || money.currencyCode === "" ? "" : this.#format.money(money);
  }

  /** An exact decimal amount. */
  amount(currencyCode: string, amount: string): string {
    return this.money(fromDecimal(amount, currencyCode));
  }

  /** Short, for an axis: "1.2K". */
  compact(value: number): string {
    const format = this.#kept("compact", () => new Intl.NumberFormat(this.locale, { notation: "compact" }));
    return (format as Intl.NumberFormat).format(value);
  }

  date(time: Timestamp | number | undefined): string {
    return this.#time(time, "date", { dateStyle: "medium" });
  }

  dateTime(time: Timestamp | number | undefined): string {
    return this.#time(time, "date time", { dateStyle: "medium", timeStyle: "short" });
  }

  /** To the second, for a log. */
  clock(time: Timestamp | number | undefined): string {
    return this.#time(time, "clock", {
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  }

  /** A day of the service's, which are days in UTC: "2026-11-25". */
  day(day: string): string {
    return this.#time(Date.parse(`${day}T00:00:00Z`), "day", { month: "short", day: "numeric", timeZone: "UTC" });
  }

  /** "in 3 days", "2 minutes ago". */
  relative(time: Timestamp | number | undefined, now: number = Date.now()): string {
    return time === undefined ? "" : this.#format.distance(at(time), now);
  }

  #time(time: Timestamp | number | undefined, name: string, options: Intl.DateTimeFormatOptions): string {
    if (time === undefined) return "";
    const format = this.#kept(name, () => new Intl.DateTimeFormat(this.locale, options));
    return (format as Intl.DateTimeFormat).format(at(time));
  }

  #kept(name: string, make: () => Intl.NumberFormat | Intl.DateTimeFormat): Intl.NumberFormat | Intl.DateTimeFormat {
    const kept = this.#formats.get(name) ?? make();
    this.#formats.set(name, kept);
    return kept;
  }
}

function at(time: Timestamp | number): number {
  return typeof time === "number" ? time : (milliseconds(time) ?? 0);
}
