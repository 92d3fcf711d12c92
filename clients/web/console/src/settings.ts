/** What this browser remembers of its user: nothing secret, and nothing that the service would believe from afar. */

export type Theme = "system" | "light" | "dark";

const KEY = "payment-actions-console";

export interface Settings {
  /** Whom the history shall name. */
  readonly actor: string;
  readonly theme: Theme;
  /** Empty: the browser's. */
  readonly language: string;
}

const DEFAULTS: Settings = { actor: "", theme: "system", language: "" };

/** As the contract has it: 1 to 128 printable ASCII characters. */
export function isActor(text: string): boolean {
  return /^[\x20-\x7e]{1,128}$/.test(text) && text.trim() !== "";
}

/** @param storage gives the storage: where a page may keep nothing, already to ask for it throws. */
export function readSettings(storage: () => Pick<Storage, "getItem">): Settings {
  try {
    const kept = JSON.parse(storage().getItem(KEY) ?? "{}") as Record<string, unknown>;
    const { actor, theme, language } = kept;
    return {
      actor: typeof actor === "string" && isActor(actor) ? actor : DEFAULTS.actor,
      theme: theme === "light" || theme === "dark" ? theme : DEFAULTS.theme,
      language: typeof language === "string" ? language : DEFAULTS.language,
    };
  } catch {
    return DEFAULTS; // Storage is forbidden here, or somebody else wrote into it.
  }
}

export function keepSettings(storage: () => Pick<Storage, "setItem">, settings: Settings): void {
  try {
    storage().setItem(KEY, JSON.stringify(settings));
  } catch {
    // It holds until the page is left.
  }
}

export function applyTheme(theme: Theme): void {
  const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-theme", dark ? "dark" : "light");
}
