import { de } from "./de.js";
import { en } from "./en.js";
import { es } from "./es.js";
import { Format } from "./format.js";
import { fr } from "./fr.js";
import { ja } from "./ja.js";
import type { Key, Messages } from "./messages.js";

export { Format, millis } from "./format.js";
export type { Key, Language, Messages, Text } from "./messages.js";

/** The complete translations. A further language is one more file and one more word here. */
export const LANGUAGES: Readonly<Record<string, Messages>> = { en, de, es, fr, ja };

export type Values = Readonly<Record<string, unknown>>;

const RIGHT_TO_LEFT = new Set(["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ku", "ps", "sd", "ug", "ur", "yi"]);

/** Speaks one locale. A language that is not here is answered in English, in its own direction of writing. */
export class Translator {
  /** The locale of the words, and of numbers and dates beside them. */
  readonly locale: string;
  /** How a page of the wanted locale runs, and how these words run: another where they are not that locale's. */
  readonly direction: "ltr" | "rtl";
  readonly wordDirection: "ltr" | "rtl";
  readonly format: Format;
  private readonly messages: Messages;
  private readonly plurals: Intl.PluralRules;

  constructor(wanted: string) {
    const locale = supported(wanted);
    const language = new Intl.Locale(locale).language;
    const messages = LANGUAGES[language];
    this.locale = messages ? locale : "en";
    this.direction = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
    this.wordDirection = messages ? this.direction : "ltr";
    this.messages = messages ?? en;
    this.format = new Format(this.locale);
    this.plurals = new Intl.PluralRules(this.locale);
  }

  /** Return a text with its placeholders filled. One that has forms of plural is chosen by `values.count`. */
  text(key: Key, values: Values = {}): string {
    return this.parts(key, values).join("");
  }

  /** Return a text as a list, so that a placeholder may be filled with more than text. */
  parts(key: Key, values: Values = {}): unknown[] {
    const text = this.messages[key];
    const form =
      typeof text === "string" ? text : (text[this.plurals.select(Number(values["count"]))] ?? text.other ?? "");
    return form.split(/\{(\w+)\}/).map((part, index) => (index % 2 === 0 ? part : values[part]));
  }

  /** Return `key` if there is such a text, or else `otherwise`: the service may know more words than this page. */
  known(key: string, otherwise: Key): Key {
    return key in this.messages ? (key as Key) : otherwise;
  }
}

function supported(wanted: string): string {
  try {
    // Shops write "de_DE" as well.
    return Intl.getCanonicalLocales(wanted.replaceAll("_", "-"))[0] ?? "en";
  } catch {
    return "en"; // No locale at all; the page's author sees English.
  }
}
