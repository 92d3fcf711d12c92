/** The orders of a run, each with what became of it. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ITEM_STATES, type Item, type ItemState, type Tally } from "../bulk/model.js";
import type { Texts } from "../i18n/texts.js";
import { hrefOf } from "../routing.js";
import { badge, itemTone } from "../words.js";

/** More lines than anybody reads; the file has them all. */
const SHOWN_MAX = 500;

export function resultChips(
  texts: Texts,
  counts: Tally,
  chosen: ItemState | "",
  choose: (state: ItemState | "") => void,
): TemplateResult {
  const states = ITEM_STATES.filter((state) => counts[state] > 0);
  return html`<div class="chips" role="group" aria-label=${texts.t("run.filter")}>
    <button aria-pressed=${chosen === ""} @click=${() => choose("")}>${texts.t("run.filterAll")}</button>
    ${states.map(
      (state) => html`<button aria-pressed=${chosen === state} @click=${() => choose(chosen === state ? "" : state)}
        >${texts.t(`item.${state}`)} ${texts.number(counts[state])}</button>`,
    )}
  </div>`;
}

export function itemTable(texts: Texts, items: readonly Item[]): TemplateResult {
  const shown = items.slice(0, SHOWN_MAX);
  return html`
    <div class="scroll"><table aria-label=${texts.t("run.itemsLabel")}>
      <thead><tr><th scope="col">${texts.t("common.order")}</th><th scope="col">${texts.t("common.store")}</th>
        <th scope="col" class="number">${texts.t("common.amount")}</th><th scope="col">${texts.t("common.status")}</th>
        <th scope="col">${texts.t("run.message")}</th></tr></thead>
      <tbody>${repeat(
        shown,
        (item) => item.index,
        (item) => line(texts, item),
      )}</tbody>
    </table></div>
    ${items.length > SHOWN_MAX ? html`<p class="grid-foot">${texts.t("run.cut", { count: SHOWN_MAX, total: items.length })}</p>` : nothing}
  `;
}

function line(texts: Texts, item: Item): TemplateResult {
  return html`<tr>
    <th scope="row"><a href=${hrefOf({ page: "order", store: item.store, orderId: item.orderId })}>${item.orderNumber || item.orderId}</a></th>
    <td class="quiet nowrap">${item.store}</td>
    <td class="number">${item.amount === null ? "–" : texts.amount(item.amount.currencyCode, item.amount.amount)}</td>
    <td>${badge(texts.t(`item.${item.state}`), itemTone(item.state))}</td>
    <td class="small break">${item.message}</td>
  </tr>`;
}
