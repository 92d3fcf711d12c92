/** Puts the console together and starts it. */

import { createClient } from "@payment-actions/web/client";
import { RunStore } from "./bulk/store.js";
import { chosenLanguage, loadTexts } from "./i18n/texts.js";
import { Live } from "./live.js";
import { loadElement } from "./pages/order.js";
import { applyTheme, readSettings, type Settings } from "./settings.js";
import { type ConsoleShell, defineShell } from "./shell.js";

const AFTER_PAINT_MILLISECONDS = 400;

async function start(): Promise<void> {
  const settings = readSettings(() => localStorage);
  applyTheme(settings.theme);
  const { language, locale } = chosenLanguage(settings.language, navigator.languages);
  document.documentElement.lang = language;
  const texts = await loadTexts(language, locale);
  defineShell();
  const shell = document.querySelector<ConsoleShell>("payment-console");
  shell?.begin({ settings, texts, live: new Live(), runs: new RunStore(), connect });
  setTimeout(() => void loadElement(), AFTER_PAINT_MILLISECONDS);
}

function connect(settings: Settings): ReturnType<typeof createClient> {
  return createClient({ baseUrl: location.origin, actor: settings.actor === "" ? undefined : settings.actor });
}

void start();
