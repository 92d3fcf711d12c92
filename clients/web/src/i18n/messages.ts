import type { en } from "./en.js";

/** One text, or one for each form of plural that a language has. Placeholders stand in braces. */
export type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;

/** A language's texts by key, as data. */
export type Language = Readonly<Record<string, Text>>;

export type Key = keyof typeof en;

/** A complete language: a key that is missing, or one too many, does not compile. */
export type Messages = Readonly<Record<Key, Text>>;
