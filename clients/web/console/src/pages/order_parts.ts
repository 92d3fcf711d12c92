/** The parts of an order's page that only show. */

import {
  CaptureMode,
  type Event,
  type Operation,
  OrderState,
  type Payment,
  type StoreUpdate,
  StoreUpdateState,
} from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import type { ChainState } from "../chain.js";
import type { Texts } from "../i18n/texts.js";
import {
  actionWord,
  actorWord,
  badge,
  eventTone,
  eventWord,
  operationTone,
  operationWord,
  orderWord,
  statusBadge,
} from "../words.js";
import { totalOf } from "./payments_rows.js";

const COPIED_MILLISECONDS = 1_500;
const HASH_SHOWN = 10;

export function facts(texts: Texts, payment: Payment): TemplateResult {
  const mode =
    payment.captureMode === CaptureMode.AUTHORIZE_THEN_CAPTURE
      ? texts.t("order.captureStaff")
      : payment.captureMode === CaptureMode.IMMEDIATE_CAPTURE
        ? texts.t("order.captureStore")
        : "";
  const update = payment.storeUpdate;
  const lines: [string, unknown][] = [
    [texts.t("order.total"), totalOf(texts, payment)],
    [texts.t("order.inShop"), payment.orderState > OrderState.PLACED ? orderOf(texts, payment) : ""],
    [texts.t("order.authorized"), texts.money(payment.authorizedAmount)],
    [texts.t("order.captured"), texts.money(payment.capturedAmount)],
    [texts.t("order.refunded"), texts.money(payment.refundedAmount)],
    [texts.t("order.method"), payment.paymentMethod?.displayName || payment.paymentMethod?.code],
    [texts.t("order.gateway"), payment.gateway],
    [texts.t("order.captureMode"), mode],
    [
      texts.t("order.storeStatus"),
      update?.platformStatus ? `${update.platformStatus}${storeState(texts, update)}` : "",
    ],
    [texts.t("attention.error"), update?.lastError],
    [texts.t("order.notice"), update?.notice],
    [texts.t("order.reason"), payment.reasonCode],
    [texts.t("order.created"), texts.dateTime(payment.createTime)],
    [texts.t("order.updated"), texts.dateTime(payment.updateTime)],
    [texts.t("order.nextLook"), texts.dateTime(payment.nextRefreshTime)],
  ];
  return html`<dl class="facts">${lines.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/** In the reader's words, and in the shop's own. */
function orderOf(texts: Texts, payment: Payment): TemplateResult {
  return html`${orderWord(texts, payment.orderState)}<div class="quiet small break">${payment.orderStateMessage}</div>`;
}

/** What is known of a status that the shop does not hold. That it is being written is no failure. */
function storeState(texts: Texts, update: StoreUpdate): string {
  if (update.state === StoreUpdateState.DISPUTED) return ` (${texts.t("order.storeDisputed")})`;
  if (update.state !== StoreUpdateState.PENDING) return "";
  return ` (${texts.t(update.lastError === "" ? "order.storePending" : "order.storeFailing")})`;
}

export function operationList(texts: Texts, operations: readonly Operation[]): TemplateResult {
  if (operations.length === 0) return html`<p class="quiet">${texts.t("order.operationsNone")}</p>`;
  return html`<ul class="bare">${operations.map(
    (operation) => html`<li class="reference">
      <div><strong>${actionWord(texts, operation.action)}</strong> ${texts.money(operation.amount)}
        <div class="quiet small">${actorWord(texts, operation.actor)}, ${texts.dateTime(operation.createTime)}, ${texts.t("order.attempts", { count: operation.attempts })}</div>
        ${operation.reasonCode || operation.message ? html`<div class="small break">${[operation.reasonCode, operation.message].filter(Boolean).join(": ")}</div>` : nothing}
        ${operation.note === "" ? nothing : html`<div class="small break">“${operation.note}”</div>`}
      </div>
      ${badge(operationWord(texts, operation.state), operationTone(operation.state))}
    </li>`,
  )}</ul>`;
}

export function referenceList(texts: Texts, payment: Payment, operations: readonly Operation[]): TemplateResult {
  const ours = operations.map((operation) => ({
    role: texts.t("order.ourReference", { action: actionWord(texts, operation.action) }),
    value: operation.reference,
  }));
  const all = [...payment.gatewayReferences.map(({ role, value }) => ({ role, value })), ...ours];
  if (all.length === 0) return html`<p class="quiet">${texts.t("order.referencesNone")}</p>`;
  return html`<ul class="bare">${all.map(
    ({ role, value }) => html`<li class="reference">
      <div><div class="quiet small">${role.replaceAll("_", " ")}</div><code class="break">${value}</code></div>
      <button class="small-button" aria-label=${texts.t("order.copyReference", { role: role.replaceAll("_", " ") })}
        @click=${(click: globalThis.Event) => void copy(texts, click.currentTarget as HTMLElement, value)} .textContent=${texts.t("common.copy")}></button>
    </li>`,
  )}</ul>`;
}

async function copy(texts: Texts, button: HTMLElement, value: string): Promise<void> {
  // Over plain HTTP from another machine there is no clipboard to write to: the text is selected instead.
  if (navigator.clipboard === undefined) {
    const code = button.parentElement?.querySelector("code");
    if (code) getSelection()?.selectAllChildren(code);
    return;
  }
  await navigator.clipboard.writeText(value);
  button.textContent = texts.t("common.copied");
  setTimeout(() => {
    button.textContent = texts.t("common.copy");
  }, COPIED_MILLISECONDS);
}

/** Every line as it is kept, with the seal that ties it to the one before. */
export function recordTable(texts: Texts, events: readonly Event[]): TemplateResult {
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label=${texts.t("order.record")}><table>
      <thead><tr><th scope="col">${texts.t("common.when")}</th><th scope="col">${texts.t("common.who")}</th>
        <th scope="col">${texts.t("common.what")}</th><th scope="col">${texts.t("common.status")}</th>
        <th scope="col">${texts.t("order.hash")}</th></tr></thead>
      <tbody>${events.toReversed().map(
        (event) => html`<tr>
          <td class="nowrap quiet">${texts.clock(event.time)}</td>
          <td class="break">${actorWord(texts, event.actor)}</td>
          <td>${badge(eventWord(texts, event.type), eventTone(event.type))}
            <div class="small break">${event.message}</div>
            ${noteOf(event) !== "" ? html`<div class="small break">“${noteOf(event)}”</div>` : nothing}</td>
          <td class="nowrap">${event.statusBefore === event.statusAfter ? nothing : statusBadge(texts, event.statusAfter)}</td>
          <td><span class="hash" title=${event.hash}>${event.hash.slice(0, HASH_SHOWN)}</span></td>
        </tr>`,
      )}</tbody>
    </table></div>
  `;
}

export function chainText(texts: Texts, chain: ChainState | null): unknown {
  if (chain?.kind === "holds")
    return html`<span class="chain-ok">✓</span> ${texts.t("order.chainHolds", { count: chain.lines })}`;
  if (chain?.kind === "broken")
    return html`<strong class="chain-broken">${texts.t("order.chainBroken", { number: String(chain.number) })}</strong>`;
  return nothing;
}

function noteOf({ details }: Event): string {
  const { note } = details as { note?: string };
  return note ?? "";
}
