/** Where an operator says what became of an operation that asking could not settle. */

import { OperationState, type Payment } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import type { Texts } from "../i18n/texts.js";
import { actionWord, failureText } from "../words.js";

export interface Verdict {
  readonly store: string;
  readonly operationId: string;
  readonly state: OperationState.SUCCEEDED | OperationState.FAILED;
  readonly reason: string;
}

const REASON_MAX = 1000;

export function resolveDialog(
  texts: Texts,
  payment: Payment | null,
  record: (verdict: Verdict) => Promise<void>,
  close: () => void,
): TemplateResult | typeof nothing {
  const operation = payment?.operationInFlight;
  if (payment === null || operation === undefined) return nothing;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const state = fields.get("verdict") === "happened" ? OperationState.SUCCEEDED : OperationState.FAILED;
    const button = form.querySelector<HTMLButtonElement>("button.primary");
    const failure = form.querySelector<HTMLElement>("[role=alert]");
    if (button !== null) button.disabled = true;
    try {
      const reason = String(fields.get("reason") ?? "").trim();
      await record({ store: operation.store, operationId: operation.operationId, state, reason });
    } catch (error) {
      if (failure !== null) failure.textContent = texts.t("common.failed", { message: failureText(texts, error) });
      if (button !== null) button.disabled = false;
    }
  };
  return html`
    <dialog class="resolve" aria-labelledby="resolve-title" @close=${close}>
      <form @submit=${submit}>
        <h2 id="resolve-title">${texts.t("resolve.title")}</h2>
        <p>${texts.t("resolve.text", {
          action: actionWord(texts, operation.action),
          amount: texts.money(operation.amount),
          order: payment.orderNumber || payment.orderId,
          reference: operation.reference,
        })}</p>
        <label class="choice"><input type="radio" name="verdict" value="happened" required>
          <span><strong>${texts.t("resolve.happened")}</strong><br><span class="quiet">${texts.t("resolve.happenedText")}</span></span></label>
        <label class="choice"><input type="radio" name="verdict" value="never" required>
          <span><strong>${texts.t("resolve.never")}</strong><br><span class="quiet">${texts.t("resolve.neverText")}</span></span></label>
        <label class="field"><span>${texts.t("resolve.reason")}</span><textarea name="reason" required maxlength=${REASON_MAX}></textarea></label>
        <p class="chain-broken" role="alert"></p>
        <div class="row">
          <button class="primary">${texts.t("resolve.submit")}</button>
          <button type="button" @click=${(click: Event) => (click.target as Element).closest("dialog")?.close()}>${texts.t("common.cancel")}</button>
        </div>
      </form>
    </dialog>
  `;
}
