/** The filters above the list: each is in the address. */

import type { PaymentStatus, StoreOverview } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { ALL_STATUSES, EVERY_PAYMENT, narrowedBy, type PaymentsFilter } from "../filters.js";
import type { Texts } from "../i18n/texts.js";
import { statusWord } from "../words.js";

const EXPIRING_DAYS = [1, 3, 7, 14] as const;
const TYPING_MILLISECONDS = 250;

type Change = (changed: Partial<PaymentsFilter>) => void;

let typing = 0;

export function filterBar(
  texts: Texts,
  stores: readonly StoreOverview[],
  filter: PaymentsFilter,
  change: Change,
): TemplateResult {
  const typed = (event: Event): void => {
    const search = (event.target as HTMLInputElement).value.trim();
    clearTimeout(typing);
    typing = window.setTimeout(() => change({ search }), TYPING_MILLISECONDS);
  };
  return html`
    <div class="filters" role="search">
      <div class="row">
        <input type="search" name="q" .value=${filter.search} maxlength="128" placeholder=${texts.t("payments.search")}
          aria-label=${texts.t("payments.search")} size="34" @input=${typed}>
        ${storeSelect(texts, stores, filter.store, (store) => change({ store }))}
        ${expirySelect(texts, filter.expiringDays, change)}
        <div class="chips">
          ${toggle(texts.t("payments.attention"), filter.attention, () => change({ attention: !filter.attention }))}
          ${toggle(texts.t("payments.updateFailing"), filter.updateFailing, () => change({ updateFailing: !filter.updateFailing }))}
          ${toggle(texts.t("payments.overdue"), filter.overdue, () => change({ overdue: !filter.overdue }))}
          ${filter.method === "" ? nothing : toggle(texts.t("payments.method", { method: filter.method }), true, () => change({ method: "" }))}
        </div>
        ${narrowedBy(filter) > 0 ? html`<button class="plain" @click=${() => change(EVERY_PAYMENT)}>${texts.t("payments.clear")}</button>` : nothing}
      </div>
      <div class="chips" role="group" aria-label=${texts.t("payments.statuses")}>
        ${ALL_STATUSES.map((status) =>
          toggle(statusWord(texts, status), filter.statuses.includes(status), () =>
            change({ statuses: toggled(filter.statuses, status) }),
          ),
        )}
      </div>
    </div>
  `;
}

export function storeSelect(
  texts: Texts,
  stores: readonly StoreOverview[],
  store: string,
  change: (store: string) => void,
): TemplateResult {
  const names = stores.map((one) => one.store);
  // A store in the address that is no longer configured is still what the page shows.
  const listed = store === "" || names.includes(store) ? names : [...names, store];
  return html`<select aria-label=${texts.t("common.store")} @change=${(event: Event) => change((event.target as HTMLSelectElement).value)}>
    <option value="" ?selected=${store === ""}>${texts.t("common.allStores")}</option>
    ${listed.map((name) => html`<option value=${name} ?selected=${name === store}>${name}</option>`)}
  </select>`;
}

function expirySelect(texts: Texts, days: number | null, change: Change): TemplateResult {
  const listed = [...new Set([...EXPIRING_DAYS, ...(days === null ? [] : [days])])].sort((one, other) => one - other);
  const chosen = (event: Event): void => {
    const { value } = event.target as HTMLSelectElement;
    change({ expiringDays: value === "" ? null : Number(value) });
  };
  return html`<select aria-label=${texts.t("payments.expiring")} @change=${chosen}>
    <option value="" ?selected=${days === null}>${texts.t("payments.expiring")}: ${texts.t("payments.expiringAny")}</option>
    ${listed.map((count) => html`<option value=${count} ?selected=${count === days}>${texts.t("payments.expiring")}: ${texts.t("payments.expiringIn", { count })}</option>`)}
  </select>`;
}

function toggle(text: string, pressed: boolean, click: () => void): TemplateResult {
  return html`<button type="button" aria-pressed=${pressed} @click=${click}>${text}</button>`;
}

function toggled(statuses: readonly PaymentStatus[], status: PaymentStatus): PaymentStatus[] {
  return statuses.includes(status) ? statuses.filter((one) => one !== status) : [...statuses, status];
}
