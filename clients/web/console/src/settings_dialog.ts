/** The dialog in which a user says who they are and how the console looks. */

import { html, type TemplateResult } from "lit";
import { LANGUAGES, type Texts } from "./i18n/texts.js";
import { isActor, type Settings, type Theme } from "./settings.js";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function settingsDialog(
  texts: Texts,
  settings: Settings,
  changed: (settings: Settings) => void,
): TemplateResult {
  const actor = (event: Event): void => {
    const field = event.target as HTMLInputElement;
    const wanted = field.value.trim();
    const fits = wanted === "" || isActor(wanted);
    field.setAttribute("aria-invalid", String(!fits));
    if (fits) changed({ ...settings, actor: wanted });
  };
  return html`
    <dialog class="settings" aria-labelledby="settings-title">
      <form method="dialog">
        <h2 id="settings-title">${texts.t("settings.title")}</h2>
        <div class="field">
          <label for="settings-actor">${texts.t("settings.actor")}</label>
          <input id="settings-actor" type="text" maxlength="128" autocomplete="off" aria-describedby="settings-actor-hint"
            .value=${settings.actor} @change=${actor}>
          <small id="settings-actor-hint" class="quiet">${texts.t("settings.actor.hint")}</small>
        </div>
        <label class="field"><span>${texts.t("settings.theme")}</span>
          <select @change=${(event: Event) => changed({ ...settings, theme: chosen(event) as Theme })}>
            ${THEMES.map((theme) => html`<option value=${theme} ?selected=${theme === settings.theme}>${texts.t(`settings.theme.${theme}`)}</option>`)}
          </select>
        </label>
        <label class="field"><span>${texts.t("settings.language")}</span>
          <select @change=${(event: Event) => changed({ ...settings, language: chosen(event) })}>
            <option value="" ?selected=${settings.language === ""}>${texts.t("settings.language.system")}</option>
            ${Object.entries(LANGUAGES).map(
              ([code, name]) =>
                html`<option value=${code} lang=${code} ?selected=${code === settings.language}>${name}</option>`,
            )}
          </select>
        </label>
        <div class="row"><button class="primary">${texts.t("settings.close")}</button></div>
      </form>
    </dialog>
  `;
}

function chosen(event: Event): string {
  return (event.target as HTMLSelectElement).value;
}
